"""Object types that a portal defines: how they are stored, named, and associated with others.

A schema is kept as HubSpot shows it, less what other tables hold (its properties, its association types).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import associations, definitions
from hubspot_emulator.association_types import USER_DEFINED, LinkType
from hubspot_emulator.object_types import ObjectType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Schema = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS object_schemas (number INTEGER PRIMARY KEY, definition BLOB);
"""

_FIRST_NUMBER = 3_453_932
_STEP = 1_291
ACTIVITIES = ("0-27", "0-48", "0-46", "0-49", "0-47")
"""What every custom object is associated with unasked, in the recorded order: tasks, calls, notes, emails, meetings."""
_BUILT_IN = (
    "hs_created_by_user_id",
    "hs_createdate",
    "hs_lastmodifieddate",
    "hs_merged_object_ids",
    "hs_object_id",
    "hs_object_source",
    "hs_object_source_id",
    "hs_object_source_label",
    "hs_unique_creation_key",
    "hs_updated_by_user_id",
    "hs_was_imported",
    "hubspot_owner_id",
)


def stored_schemas(db: sqlite3.Connection) -> Iterator[Schema]:
    """Give every schema, archived ones among them, in the order of creation."""
    for (blob,) in db.execute(
        "SELECT definition FROM object_schemas WHERE definition IS NOT NULL ORDER BY number"
    ).fetchall():
        yield msgspec.json.decode(blob)


def stored_types(db: sqlite3.Connection) -> Iterator[ObjectType]:
    """Give the object types whose schemas are not archived."""
    return (_object_type(schema) for schema in stored_schemas(db) if not schema["archived"])


def next_number(db: sqlite3.Connection) -> int:
    """Give the number of the next schema; those of deleted ones are not used again."""
    (last,) = db.execute("SELECT max(number) FROM object_schemas").fetchone()
    return _FIRST_NUMBER if last is None else int(last) + _STEP


def store(portal: Portal, schema: Mapping[str, Any]) -> None:
    """Add a schema or replace it, and let the portal know its type."""
    blob = msgspec.json.encode(schema)
    portal.db.execute("INSERT OR REPLACE INTO object_schemas VALUES (?, ?)", (int(schema["id"]), blob))
    portal.read_types()


def purge(portal: Portal, schema: Mapping[str, Any]) -> None:
    """Forget an archived schema with its definitions, so that its name is free."""
    type_id = schema["objectTypeId"]
    portal.db.execute("UPDATE object_schemas SET definition = NULL WHERE number = ?", (int(schema["id"]),))
    portal.db.execute("DELETE FROM association_types WHERE from_type = ? OR to_type = ?", (type_id, type_id))
    for table in ("properties", "property_groups"):
        portal.db.execute(f"DELETE FROM {table} WHERE type_id = ?", (type_id,))
    portal.read_types()


def built_in(name: str) -> list[dict[str, Any]]:
    """Give the properties that every custom object has, in the group of its own."""
    group = f"{name}_information"
    found = {raw["name"]: raw for raw in definitions.built_in("")}
    return [found[each] | {"groupName": group} for each in _BUILT_IN if each in found]


def associate(portal: Portal, from_type: str, to_type: str, name: str) -> LinkType:
    """Define the unlabelled association of two types in both directions, which share a name (recorded)."""
    last_kind, last_id = associations.last_numbers(portal.db, USER_DEFINED)
    kind, type_id = last_kind + 1, last_id + 1
    there = LinkType(kind, from_type, to_type, USER_DEFINED, type_id, kind + 1, "default", name, None)
    if from_type == to_type:
        there = there._replace(inverse=kind)
        associations.insert_type(portal, there)
        return there
    associations.insert_type(portal, there)
    back = LinkType(kind + 1, to_type, from_type, USER_DEFINED, type_id + 1, kind, "default", name, None)
    associations.insert_type(portal, back)
    return there


def associate_all(portal: Portal, kind: ObjectType, to_types: Iterable[str]) -> None:
    """Define the associations of a new type: those asked for, then the activities."""
    for to_type in dict.fromkeys([*to_types, *ACTIVITIES]):
        other = portal.types.resolve(to_type)
        associate(portal, kind.type_id, other.type_id, f"{kind.name}_to_{other.singular}")


def _object_type(schema: Mapping[str, Any]) -> ObjectType:
    return ObjectType(
        type_id=schema["objectTypeId"],
        name=schema["name"],
        singular=schema["name"],
        read_scopes=(frozenset({"crm.objects.custom.read"}),),
        write_scopes=(frozenset({"crm.objects.custom.write"}),),
        created_property="hs_createdate",
        required=tuple(schema["requiredProperties"]),
        searched=tuple(schema["searchableProperties"]),
        fully_qualified_name=schema["fullyQualifiedName"],
        aliases=(f"p_{schema['name']}",),
        mergeable=True,
    )
