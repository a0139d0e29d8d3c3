"""Where a table's columns are on the server: each in a column, but those beyond PostgreSQL's limit together in one of JSON.

PostgreSQL holds 1,600 columns a table. What does not fit is in the jsonb column `_hubferry_more`, property -> value, without
NULLs. `hubferry.postgres_names` says where each such column, and each name too long for the server, went.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from hubferry.types import Column, Table
from hubferry.warehouse import names, sql

MORE = "_hubferry_more"
LIMIT_BYTES = 63
COLUMN_LIMIT = 1_580
"""A few less than the server's 1,600, which count dropped columns too."""
NAMES_TABLE = Table(
    "hubferry",
    "postgres_names",
    (
        Column("table_schema", "string"),
        Column("table_name", "string"),
        Column("column_name", "string"),
        Column("stored_as", "string"),
        Column("type", "string"),
    ),
    ("table_schema", "table_name", "column_name"),
)
"""The full names; `stored_as` is the name on the server, `_hubferry_more` for a key of that column."""


def shorten(name: str) -> str:
    """Give a name as the server keeps it."""
    return names.shorten(name, LIMIT_BYTES)


@dataclass(frozen=True)
class Layout:
    """One table as it is on the server."""

    schema: str
    table: str
    stored: tuple[Column, ...] = ()
    """Columns of their own, under their full names, in order."""
    more: tuple[Column, ...] = ()
    """Columns inside MORE."""
    has_more: bool = False
    has_key: bool = False
    """Whether the table has a primary key; one that was moved from another engine gets it with its next pull."""
    foreign: frozenset[str] = frozenset()
    """Columns whose types on the server are not the ones that we make, but read as them: somebody altered them."""

    @property
    def name(self) -> str:
        """The quoted name of the table."""
        return f"{self.quote(self.schema)}.{self.quote(self.table)}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column, wherever it is."""
        return (*self.stored, *self.more)

    @staticmethod
    def quote(name: str) -> str:
        """Quote a name as the server keeps it."""
        return sql.quote(shorten(name))

    def place(self, wanted: Table) -> tuple[list[Column], list[Column]]:
        """Say which missing columns get one of their own and which go into MORE: those of properties, the last first."""
        missing = sql.missing_exactly(wanted, self.columns)
        room = COLUMN_LIMIT - len(self.stored) - (not self.has_more)
        own = [each for each in missing if each.name in wanted.key or each.name.startswith("_hubferry_")]
        others = [each for each in missing if each not in own]
        fitting = max(0, room - len(own))
        chosen = {each.name for each in (*own, *others[:fitting])}
        return [each for each in missing if each.name in chosen], others[fitting:]

    def split(self, chunk: pa.Table) -> pa.Table:
        """Give the chunk as the server keeps it: columns inside MORE become one."""
        inside = [column.name for column in self.more if column.name in chunk.column_names]
        if not inside:
            return chunk
        kept = chunk.select([name for name in chunk.column_names if name not in inside])
        return kept.append_column(MORE, _pack(chunk.select(inside)))


def _pack(chunk: pa.Table) -> pa.Array:
    """Give one JSON object a row; NULLs are in it, so that they empty what is stored."""
    rows = chunk.to_pylist()
    return pa.array([json.dumps({name: _plain(value) for name, value in row.items()}) for row in rows], pa.string())


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str | list) else str(value)


def twins(columns: Iterable[str]) -> list[str]:
    """Give names that the server could not tell apart, which no names but made-up ones are."""
    seen: dict[str, str] = {}
    return [name for name in columns if seen.setdefault(shorten(name), name) != name]


def noteworthy(schema: str, table: str, columns: Sequence[Column], more: Sequence[Column]) -> list[dict[str, str]]:
    """Give rows for the table of names: what is not on the server under its own name."""
    place = {"table_schema": schema, "table_name": table}
    long = [each for each in columns if shorten(each.name) != each.name]
    rows = [{**place, "column_name": each.name, "stored_as": shorten(each.name), "type": each.type} for each in long]
    rows += [{**place, "column_name": each.name, "stored_as": MORE, "type": each.type} for each in more]
    if shorten(schema) != schema or shorten(table) != table:
        rows.append({**place, "column_name": "", "stored_as": f"{shorten(schema)}.{shorten(table)}", "type": ""})
    return rows
