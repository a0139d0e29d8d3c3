"""The definitions of a portal's properties: HubSpot's own of each type, and those that the portal added or changed."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from hubspot_emulator import custom_objects, definitions
from hubspot_emulator.object_types import ObjectTypes
from hubspot_emulator.property_definition import Definition, build_raw, parse_definition


class DefinitionStore:
    """Reads a type's definitions once and keeps them until a transaction that changed some is undone."""

    def __init__(self, db: sqlite3.Connection, types: ObjectTypes) -> None:
        self._db, self._types = db, types
        self._known: dict[str, dict[str, Definition]] = {}
        self._moved = False

    def of(self, type_id: str) -> Mapping[str, Definition]:
        """Give a type's definitions by name, archived ones among them."""
        return self._of(type_id)

    def add(self, type_id: str, definition: Mapping[str, Any]) -> None:
        """Add a definition (HubSpot's JSON) or replace the one of that name."""
        parsed = parse_definition(definition)
        self._db.execute(
            "INSERT INTO properties (type_id, name, definition) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET definition = excluded.definition",
            (type_id, parsed.name, msgspec.json.encode(dict(definition))),
        )
        self._of(type_id)[parsed.name] = parsed
        self._moved = True

    def committed(self) -> None:
        """Note that what was added stays."""
        self._moved = False

    def rolled_back(self) -> bool:
        """Forget what was read where some of it was added and is undone; tell whether it was."""
        moved, self._moved = self._moved, False
        if moved:
            self._known.clear()
        return moved

    def _of(self, type_id: str) -> dict[str, Definition]:
        known = self._known.get(type_id)
        if known is None:
            known = self._known[type_id] = self._read(type_id)
        return known

    def _read(self, type_id: str) -> dict[str, Definition]:
        kind = self._types.resolve(type_id)
        found = {name: parse_definition(_core_definition(name)) for name in kind.core_properties}
        if kind.is_custom:
            found |= {raw["name"]: parse_definition(raw) for raw in custom_objects.built_in(kind.name)}
        else:
            found |= _built_in(type_id)
        stored = self._db.execute("SELECT definition FROM properties WHERE type_id = ? ORDER BY seq", (type_id,))
        found |= {raw["name"]: parse_definition(raw) for raw in (msgspec.json.decode(blob) for (blob,) in stored)}
        return found


@functools.cache
def _built_in(type_id: str) -> Mapping[str, Definition]:
    """Give HubSpot's definitions of a type; a thousand portals share them, so nobody may change one in place."""
    return {raw["name"]: parse_definition(raw) for raw in definitions.built_in(type_id)}


def _core_definition(name: str) -> dict[str, object]:
    value_type = "number" if name == "hs_object_id" else "datetime"
    metadata = {"archivable": True, "readOnlyDefinition": True, "readOnlyValue": True}
    field_type = "number" if value_type == "number" else "date"
    return build_raw(name, name, value_type, field_type, hubspotDefined=True, modificationMetadata=metadata)
