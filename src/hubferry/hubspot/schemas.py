"""The objects that a portal itself defined."""

from __future__ import annotations

import msgspec

from hubferry import objects
from hubferry.hubspot.client import Client
from hubferry.objects import CrmObject


class _Schema(msgspec.Struct):
    objectTypeId: str  # noqa: N815
    name: str
    fullyQualifiedName: str  # noqa: N815
    archived: bool = False


class _Answer(msgspec.Struct):
    results: list[_Schema] = []


def fetch_custom_objects(client: Client) -> dict[str, CrmObject]:
    """Give the portal's own objects by every name that means one: full name, short name, our name and type id, never a label."""
    found: dict[str, CrmObject] = {}
    for each in client.fetch("/crm-object-schemas/{version}/schemas", type=_Answer).value.results:
        if each.archived:
            continue
        facts = objects.build_custom(each.name, each.objectTypeId)
        found |= dict.fromkeys((each.fullyQualifiedName, each.name, facts.name, each.objectTypeId), facts)
    return found
