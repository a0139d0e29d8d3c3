"""What properties an object has, as the portal defines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from hubferry.hubspot.client import Client


@dataclass(frozen=True)
class Option:
    """One value that an enumeration allows."""

    value: str
    label: str
    hidden: bool = False


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property. `has_unique_value` is HubSpot's word, which is false for contacts' `email` although it is unique."""

    name: str
    label: str
    type: str
    field_type: str
    options: tuple[Option, ...] = ()
    has_unique_value: bool = False
    calculated: bool = False
    read_only: bool = False
    hidden: bool = False
    archived: bool = False
    hubspot_defined: bool = False
    referenced_object_type: str | None = None
    external_options: bool = False
    description: str | None = None
    group_name: str | None = None
    show_currency_symbol: bool | None = None
    created_at: datetime | None = None
    """HubSpot says 1970 of some of its own."""
    updated_at: datetime | None = None


class _Option(msgspec.Struct):
    value: str
    label: str = ""
    hidden: bool = False


class _Modification(msgspec.Struct):
    readOnlyValue: bool = False  # noqa: N815


class _Property(msgspec.Struct):
    name: str
    type: str
    label: str = ""
    fieldType: str = ""  # noqa: N815
    options: list[_Option] = []
    hasUniqueValue: bool = False  # noqa: N815
    calculated: bool = False
    hidden: bool = False
    archived: bool = False
    hubspotDefined: bool = False  # noqa: N815
    referencedObjectType: str | None = None  # noqa: N815
    externalOptions: bool = False  # noqa: N815
    description: str | None = None
    groupName: str | None = None  # noqa: N815
    showCurrencySymbol: bool | None = None  # noqa: N815
    createdAt: datetime | None = None  # noqa: N815
    updatedAt: datetime | None = None  # noqa: N815
    modificationMetadata: _Modification = msgspec.field(default_factory=_Modification)  # noqa: N815


class _Properties(msgspec.Struct):
    results: list[_Property]


def fetch_properties(client: Client, object_name: str) -> tuple[Property, ...]:
    """Read all definitions that are not archived, in HubSpot's order; they are not paged."""
    path = f"/crm/properties/{{version}}/{object_name}"
    return tuple(_parse(each) for each in client.fetch(path, type=_Properties).value.results)


class _Group(msgspec.Struct):
    name: str
    archived: bool = False


class _Groups(msgspec.Struct):
    results: list[_Group] = []


FIELD_TYPES = {"date": "date", "datetime": "date", "number": "number", "string": "text"}
"""How people see a property that we make, by its type."""
_KEPT_BY_US = "The key of the row that this record was made from; kept by hubferry."


def send_property(
    client: Client, object_name: str, name: str, label: str, *, kind: str = "string", is_key: bool = True
) -> None:
    """Make a property in the object's first group; a key has unique values, which is decided here and for good."""
    groups = client.fetch(f"/crm/properties/{{version}}/{object_name}/groups", type=_Groups).value.results
    group = next((each.name for each in groups if not each.archived), f"{object_name}information")
    body = {
        "name": name,
        "label": label,
        "description": _KEPT_BY_US if is_key else "Written by hubferry.",
        "groupName": group,
        "type": kind,
        "fieldType": FIELD_TYPES[kind],
        "hasUniqueValue": is_key,
    }
    path = f"/crm/properties/{{version}}/{object_name}"
    client.send("POST", path, body=body, type=dict, replayable=False)


class _Options(msgspec.Struct):
    options: list[dict[str, Any]] = []


def send_options(client: Client, object_name: str, name: str, texts: Sequence[str]) -> None:
    """Add options to a property; HubSpot replaces the whole list, so it is read right before."""
    path = f"/crm/properties/{{version}}/{object_name}/{name}"
    present = client.fetch(path, type=_Options).value.options
    known = {each.get("value") for each in present}
    missing = [text for text in dict.fromkeys(texts) if text not in known]
    if missing:
        last = max((int(each.get("displayOrder") or 0) for each in present), default=-1)
        added = [
            {"label": text, "value": text, "displayOrder": last + place, "hidden": False}
            for place, text in enumerate(missing, 1)
        ]
        client.send("PATCH", path, body={"options": [*present, *added]}, type=dict, replayable=True)


def _parse(found: _Property) -> Property:
    return Property(
        name=found.name,
        label=found.label,
        type=found.type,
        field_type=found.fieldType,
        options=tuple(Option(each.value, each.label, each.hidden) for each in found.options),
        has_unique_value=found.hasUniqueValue,
        # HS-13: rollups are sometimes sent with calculated false; their field type tells.
        calculated=found.calculated or found.fieldType.startswith("calculation_"),
        read_only=found.modificationMetadata.readOnlyValue,
        hidden=found.hidden,
        archived=found.archived,
        hubspot_defined=found.hubspotDefined,
        referenced_object_type=found.referencedObjectType,
        external_options=found.externalOptions,
        description=found.description,
        group_name=found.groupName,
        show_currency_symbol=found.showCurrencySymbol,
        created_at=found.createdAt,
        updated_at=found.updatedAt,
    )


_TOGETHER = 5
"""Filter groups of one search: so many properties are looked at in one call."""
_MOST_RESULTS = 200


class _Found(msgspec.Struct):
    properties: dict[str, str | None] = {}


class _Hits(msgspec.Struct):
    total: int = 0
    results: list[_Found] = []


def fetch_filled(client: Client, path_name: str, names: Sequence[str]) -> set[str]:
    """Say which of these properties some record has a value of, as the search index knows; five a call where none has."""
    parts = [tuple(names[start : start + _TOGETHER]) for start in range(0, len(names), _TOGETHER)]
    found: set[str] = set()
    for part in client.map(lambda part: _fetch_filled(client, path_name, part), parts):
        found |= part
    return found


def _fetch_filled(client: Client, path_name: str, names: Sequence[str]) -> set[str]:
    body = {
        "filterGroups": [{"filters": [{"propertyName": name, "operator": "HAS_PROPERTY"}]} for name in names],
        "properties": list(names),
        "limit": _MOST_RESULTS,
    }
    path = f"/crm/objects/{{version}}/{path_name}/search"
    hits = client.fetch(path, type=_Hits, body=body, search=True).value
    filled = {name for hit in hits.results for name in names if hit.properties.get(name)}
    left = [name for name in names if name not in filled]
    if not left or hits.total <= len(hits.results):
        return filled
    if len(names) == 1:
        return set(names)
    return filled.union(*(_fetch_filled(client, path_name, [name]) for name in left))
