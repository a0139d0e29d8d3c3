"""The tables that explain other tables: an object's properties, with the column of each, and their options."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hubferry.hubspot.properties import Property
from hubferry.pull.chunks import Stamp
from hubferry.pull.schema import RecordTable
from hubferry.pull.snapshots import count_live, merge_snapshot
from hubferry.state.rows import merge_row
from hubferry.state.tables import DEFINITIONS, SCHEMA
from hubferry.streams.definition import RUN_COLUMNS, TOMBSTONE_COLUMNS
from hubferry.types import Column, ColumnType, Table
from hubferry.warehouse.interface import Transaction, Warehouse

_PROPERTIES: Mapping[str, ColumnType] = {
    "object": "string",
    "name": "string",
    "column_name": "string",
    "label": "string",
    "type": "string",
    "field_type": "string",
    "has_unique_value": "boolean",
    "calculated": "boolean",
    "read_only": "boolean",
    "hidden": "boolean",
    "hubspot_defined": "boolean",
    "external_options": "boolean",
    "referenced_object_type": "string",
    "description": "string",
    "group_name": "string",
    "show_currency_symbol": "boolean",
    "created_at": "timestamp",
    "updated_at": "timestamp",
}
_OPTIONS: Mapping[str, ColumnType] = {
    "object": "string",
    "property": "string",
    "value": "string",
    "label": "string",
    "position": "integer",
    "hidden": "boolean",
}


def properties_table(schema: str) -> Table:
    """Give the table of all objects' properties."""
    return _table(schema, "properties", _PROPERTIES, ("object", "name"))


def options_table(schema: str) -> Table:
    """Give the table of all enumerations' options."""
    return _table(schema, "property_options", _OPTIONS, ("object", "property", "value"))


def are_stored(
    warehouse: Warehouse,
    schema: str,
    object_name: str,
    known: Mapping[str, str | None],
    found: Sequence[Property],
    table: RecordTable,
) -> bool:
    """Say whether an object's definitions are those that were written last, and still there.

    `known` is what `query_known_columns` gives. An object has thousands of options, and rarely does one change.
    """
    columns = table.column_names()
    if any(each.name not in known or known[each.name] != columns.get(each.name) for each in found):
        return False
    name, quote = warehouse.name(SCHEMA, DEFINITIONS.name), warehouse.quote
    noted = warehouse.query(
        f"SELECT digest, options FROM {name} WHERE {quote('schema')} = ? AND {quote('object')} = ?",
        (schema, object_name),
    ).to_pylist()
    if not noted or noted[0]["digest"] != _digest(found, columns):
        return False
    return count_live(warehouse, warehouse, options_table(schema), {"object": object_name}) == int(noted[0]["options"])


def merge_definitions(
    tx: Transaction,
    warehouse: Warehouse,
    schema: str,
    object_name: str,
    found: Sequence[Property],
    table: RecordTable,
    stamp: Stamp,
) -> None:
    """Write an object's definitions as they are now, and note which they are."""
    scope, options, columns = {"object": object_name}, options_table(schema), table.column_names()
    merge_snapshot(tx, warehouse, properties_table(schema), _build_properties(found, columns), scope, stamp)
    merge_snapshot(tx, warehouse, options, _build_options(found), scope, stamp)
    noted = {
        "schema": schema,
        "object": object_name,
        "digest": _digest(found, columns),
        "options": count_live(tx, warehouse, options, scope),
        "run_id": stamp.run_id,
    }
    merge_row(tx, warehouse, DEFINITIONS, noted)


def query_known_columns(warehouse: Warehouse, schema: str, object_name: str) -> dict[str, str | None]:
    """Give the properties that earlier runs knew, each with its column; None: it was not chosen, or not there."""
    quote, name = warehouse.quote, warehouse.name(schema, "properties")
    column = f"CASE WHEN {quote('_hubferry_deleted_at')} IS NULL THEN {quote('column_name')} END"
    rows = warehouse.query(
        f"SELECT {quote('name')}, {column} AS known FROM {name} WHERE {quote('object')} = ?", (object_name,)
    )
    return {row["name"]: row["known"] for row in rows.to_pylist()}


def needs_scan(known: Mapping[str, str | None], properties: Iterable[Property], table: RecordTable) -> bool:
    """Say whether a column is new that records may fill without having been modified since.

    A property that was there before and is chosen now, that was deleted and came back, or that changed its type, and one
    that HubSpot calculates. To set any other new property modifies the record.
    """
    columns = table.column_names()
    return bool(known) and any(
        each.name in columns and known.get(each.name) != columns[each.name] and (each.name in known or each.calculated)
        for each in properties
    )


def _table(schema: str, name: str, columns: Mapping[str, ColumnType], key: tuple[str, ...]) -> Table:
    complete = {**columns, **TOMBSTONE_COLUMNS, **RUN_COLUMNS}
    return Table(schema, name, tuple(Column(*each) for each in complete.items()), key)


def _build_properties(properties: Iterable[Property], columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for each in properties:
        plain = {name: getattr(each, name) for name in _PROPERTIES if name not in {"object", "column_name"}}
        yield {**plain, "column_name": columns.get(each.name)}


def _build_options(properties: Iterable[Property]) -> Iterator[dict[str, Any]]:
    for each in properties:
        for position, option in enumerate(each.options):
            row = {"value": option.value, "label": option.label, "hidden": option.hidden, "position": position}
            yield {"property": each.name, **row}


def _digest(found: Sequence[Property], columns: Mapping[str, str]) -> str:
    """Hash definitions, and which columns of the two tables they fill."""
    content = msgspec.json.encode([list(_PROPERTIES), list(_OPTIONS), found, columns], order="deterministic")
    return hashlib.sha256(content).hexdigest()
