"""Which scopes a call of the object, search and properties families needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubspot_emulator.http import ApiRequest
from hubspot_emulator.object_types import ObjectType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_SCHEMA_NAMES = {"goal_targets": "goals", "commerce_payments": "commercepayments"}
# The OpenAPI file lists the scopes of all objects together; which belongs to which is plain but for activities, whose
# definitions are assumed to go with the contacts', as their records do.
_SCHEMA_NAMES |= dict.fromkeys(
    ("calls", "communications", "emails", "meetings", "notes", "postal_mail", "tasks"), "contacts"
)
_ALSO_DEFINES = {"tickets": "tickets", "users": "crm.objects.users.write"} | dict.fromkeys(
    ("discounts", "fees", "line_items", "products", "taxes"), "e-commerce"
)


def read_object(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Give what reading records of the path's type needs."""
    return portal.types.resolve(request.params["objectType"]).read_scopes


def write_object(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Give what writing records of the path's type needs."""
    return portal.types.resolve(request.params["objectType"]).write_scopes


def read_schema(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Give what reading definitions of the path's type needs: its schema scope or its object scope."""
    kind = portal.types.resolve(request.params["objectType"])
    return (*_schema(kind, "read"), *kind.read_scopes)


def write_schema(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Give what changing definitions of the path's type needs."""
    kind = portal.types.resolve(request.params["objectType"])
    more = _ALSO_DEFINES.get(kind.name)
    return (*_schema(kind, "write"), *((frozenset({more}),) if more else ()))


def _schema(kind: ObjectType, verb: str) -> tuple[frozenset[str], ...]:
    name = "custom" if kind.is_custom else kind.name
    return (frozenset({f"crm.schemas.{_SCHEMA_NAMES.get(name, name)}.{verb}"}),)
