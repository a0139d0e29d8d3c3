"""Which columns a stream's table has: from the portal's property definitions, never from the rows that were read. Pure."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hubferry.config.model import StreamBlock
from hubferry.errors import ConfigError, UnknownNameError
from hubferry.hubspot.properties import Property
from hubferry.streams.definition import OWN_COLUMNS, Stream
from hubferry.types import Column, ColumnType, Table

MERGED_IDS = "hs_merged_object_ids"
"""Requested for every record, whether it is a column or not: it tells which records were merged into this one."""
MORE = "_hubferry_more"
"""The JSON column of properties that have no column of their own."""
_TYPES: Mapping[str, ColumnType] = {
    "bool": "boolean",
    "date": "date",
    "datetime": "timestamp",
    "number": "double",
}
"""Property types that are not text. Enumerations are their options' internal names, several ones joined by `;`."""


@dataclass(frozen=True)
class PropertyColumn:
    """The column of one property."""

    property: str
    column: str
    type: ColumnType


@dataclass(frozen=True)
class RecordTable:
    """The table of a stream of records."""

    table: Table
    properties: tuple[PropertyColumn, ...]
    rest: tuple[str, ...] = ()
    """Properties that share the column MORE, because there are more than the table is to have columns."""
    lost: tuple[str, ...] = ()
    """Properties that the project names and HubSpot has no more; their columns keep what they hold."""

    @property
    def requested(self) -> tuple[str, ...]:
        """The properties to ask HubSpot for."""
        return tuple(dict.fromkeys((*(each.property for each in self.properties), *self.rest, MERGED_IDS)))

    def column_names(self) -> Mapping[str, str]:
        """Give each property's column."""
        return {**{each.property: each.column for each in self.properties}, **dict.fromkeys(self.rest, MORE)}


def build_record_table(
    schema: str,
    stream: Stream,
    block: StreamBlock,
    properties: Sequence[Property],
    existing: Iterable[Column],
    *,
    filled: Container[str] = (),
    most: int = sys.maxsize,
) -> RecordTable:
    """Build the table: own columns, one a property, and hubferry's last.

    `existing` are the columns that the warehouse has: a property whose type changed in HubSpot gets another column, and
    the old one keeps its values. `filled` are the properties that some record has a value of, where these alone are
    wanted; `most` is how many columns the warehouse can hold, where it matters.
    """
    fixed = [Column(*each) for each in stream.columns.items()]
    own = [Column(*each) for each in OWN_COLUMNS.items()]
    existing = list(existing)
    stored = {column.name.casefold(): column.type for column in existing}
    taken = {column.name.casefold() for column in (*fixed, *own)}
    lost = _find_lost(stream, block, properties, stored)
    chosen = list(_choose(block, properties, filled))
    room = (
        most
        - len(fixed)
        - len(own)
        - 1
        - _count_strangers(existing, {*taken, *(each.name.casefold() for each in chosen)})
    )
    there = sum(each.name.casefold() in stored for each in chosen)  # not filled any more they would show old values
    chosen, rest = _cut(chosen, stored, room if block.max_columns is None else min(room, max(block.max_columns, there)))
    own += [Column(MORE, "json")] if rest else []
    taken.add(MORE)
    columns = list(_build_columns(chosen, block, taken, stored))
    complete = [*fixed, *(Column(each.column, each.type) for each in columns), *own]
    used = {column.name.casefold() for column in complete}
    kept = [column for column in existing if column.name.casefold() not in used]  # rows keep what they hold there
    return RecordTable(Table(schema, stream.name, (*complete, *kept), stream.key), tuple(columns), rest, lost)


def _count_strangers(existing: Iterable[Column], known: Container[str]) -> int:
    """Count stored columns that are no chosen property's: they take room, too."""
    return sum(column.name.casefold() not in known for column in existing)


def _cut(
    chosen: Sequence[Property], stored: Mapping[str, ColumnType], most: int
) -> tuple[list[Property], tuple[str, ...]]:
    """Give the properties that have columns of their own: those that have one already first, then by name."""
    ordered = sorted(chosen, key=lambda each: (each.name.casefold() not in stored, each.name))
    return ordered[: max(0, most)], tuple(sorted(each.name for each in ordered[max(0, most) :]))


def _find_lost(
    stream: Stream, block: StreamBlock, properties: Sequence[Property], stored: Container[str]
) -> tuple[str, ...]:
    """Give the named properties that HubSpot does not have and had; UnknownNameError for one that has no column either."""
    known = {each.name: each for each in properties}
    named = () if isinstance(block.properties, str) else block.properties
    missing = [name for name in dict.fromkeys((*named, *block.types)) if name not in known]
    for name in missing:
        if name.casefold() not in stored:
            raise UnknownNameError(f"property of {stream.name}", name, known=tuple(known))
    return tuple(missing)


def _choose(block: StreamBlock, properties: Sequence[Property], filled: Container[str]) -> Iterator[Property]:
    named = () if isinstance(block.properties, str) else block.properties
    for each in properties:
        if (
            block.properties == "all"
            or each.name in named
            or (block.properties == "custom" and not each.hubspot_defined)
            or (block.properties == "not_empty" and each.name in filled)
        ):
            yield each


def _build_columns(
    properties: Sequence[Property], block: StreamBlock, taken: set[str], stored: Mapping[str, ColumnType]
) -> Iterator[PropertyColumn]:
    """Name the columns in the order of the property names, so that a clash always ends the same way."""
    for each in sorted(properties, key=lambda found: found.name):
        try:
            column = Column(each.name, block.types.get(each.name) or _default_type(each, block))
        except ValueError as error:
            raise ConfigError(f"types of property {each.name!r}: {error}") from error
        name = _free_name(each.name, column.type, taken, stored)
        taken.add(name.casefold())
        yield PropertyColumn(each.name, name, column.type)


def _default_type(found: Property, block: StreamBlock) -> ColumnType:
    if found.type == "enumeration" and found.field_type == "checkbox" and block.multi_select == "list":
        return "strings"
    return _TYPES.get(found.type, "string")


def _free_name(name: str, column_type: ColumnType, taken: set[str], stored: Mapping[str, ColumnType]) -> str:
    while name.casefold() in taken:
        name += "__p"
    if stored.get(name.casefold(), column_type) != column_type:
        suffix = "".join(letter if letter.isalnum() else "_" for letter in column_type).strip("_")
        return _free_name(f"{name}__{suffix}", column_type, taken, stored)
    return name
