"""Which scopes a call of the object, search and properties families needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubspot_emulator.http import ApiRequest
from hubspot_emulator.object_types import ObjectType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_SCHEMA_NAMES = {"goal_targets": "goals", "commerce_payments": "commercepayments"}


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
    more = (frozenset({"e-commerce"}),) if kind.name in {"products", "line_items"} else ()
    if kind.name == "tickets":
        more = (frozenset({"tickets"}),)
    return (*_schema(kind, "write"), *more)


def _schema(kind: ObjectType, verb: str) -> tuple[frozenset[str], ...]:
    name = "custom" if kind.is_custom else kind.name
    return (frozenset({f"crm.schemas.{_SCHEMA_NAMES.get(name, name)}.{verb}"}),)
