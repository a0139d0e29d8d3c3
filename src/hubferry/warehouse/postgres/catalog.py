"""What is on the server: tables, their columns, and the full names of what was shortened or went into the JSON column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hubferry.errors import WarehouseError
from hubferry.types import Column, Table
from hubferry.warehouse import sql
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction
from hubferry.warehouse.postgres import types
from hubferry.warehouse.postgres.layout import MORE, NAMES_TABLE, Layout, noteworthy, shorten, twins
from hubferry.warehouse.postgres.types import Described

if TYPE_CHECKING:
    from hubferry.warehouse.postgres.warehouse import PostgresWarehouse

_COLUMNS = (
    "SELECT a.attname AS name, a.atttypid::bigint AS oid, a.atttypmod AS modifier, t.typcategory::text AS category,"
    " EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_type t ON t.oid = a.atttypid"
    " WHERE n.nspname = ? AND c.relname = ? AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND a.attnum > 0"
    " AND NOT a.attisdropped ORDER BY a.attnum"
)
_NAMES = Layout(NAMES_TABLE.schema, NAMES_TABLE.name)


class Catalog:
    """What one process knows of the server."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, str], Layout] = {}
        self._full: dict[str, str] = {}
        """Name on the server -> full name, of those that were shortened."""

    def shorten(self, name: str) -> str:
        """Give the name as the server keeps it, and remember the full one for results."""
        short = shorten(name)
        if short != name:
            self._full[short] = name
        return short

    def lengthen(self, name: str) -> str:
        """Give the full name of a column of a result."""
        return self._full.get(name, name)

    def layout(self, warehouse: PostgresWarehouse, schema: str, table: str, *, fresh: bool) -> Layout:
        """Give how a table is on the server."""
        if fresh or (schema, table) not in self._layouts:
            self._layouts[schema, table] = self._query_layout(warehouse, schema, table)
        return self._layouts[schema, table]

    def forget(self, schema: str, table: str) -> None:
        """Look at a table anew next time."""
        self._layouts.pop((schema, table), None)

    def ensure(self, tx: Transaction, table: Table) -> None:
        """Create what is missing of a table, inside a transaction that holds the lock for it."""
        layout = self._query_layout(tx, table.schema, table.name)
        if clash := twins(column.name for column in (*table.columns, *layout.columns) if column not in layout.columns):
            raise WarehouseError(
                f"table {table.name!r}: PostgreSQL cannot tell the column {clash[0]!r} from another; rename it"
            )
        added, more = layout.place(table)
        _ensure_schema(tx, layout.quote(table.schema))
        new = [f"{layout.quote(each.name)} {types.render(each.type)}" for each in added]
        if more and not layout.has_more:
            new.append(f"{layout.quote(MORE)} jsonb")
        if layout.stored:
            for column in new:
                tx.execute(f"ALTER TABLE {layout.name} ADD COLUMN IF NOT EXISTS {column}")
            if table.key and not layout.has_key:
                tx.execute(f"ALTER TABLE {layout.name} ADD PRIMARY KEY ({', '.join(map(layout.quote, table.key))})")
        else:
            key = [f"PRIMARY KEY ({', '.join(map(layout.quote, table.key))})"] if table.key else []
            tx.execute(f"CREATE TABLE IF NOT EXISTS {layout.name} ({', '.join((*new, *key))})")
        self._note(tx, noteworthy(table.schema, table.name, added, more))

    def _note(self, tx: Transaction, rows: Sequence[dict[str, str]]) -> None:
        if not rows:
            return
        columns = ", ".join(f"{_NAMES.quote(each.name)} {types.render(each.type)}" for each in NAMES_TABLE.columns)
        key = ", ".join(map(_NAMES.quote, NAMES_TABLE.key))
        _ensure_schema(tx, _NAMES.quote(NAMES_TABLE.schema))
        tx.execute(f"CREATE TABLE IF NOT EXISTS {_NAMES.name} ({columns}, PRIMARY KEY ({key}))")
        self._layouts[NAMES_TABLE.schema, NAMES_TABLE.name] = Layout(
            NAMES_TABLE.schema, NAMES_TABLE.name, NAMES_TABLE.columns
        )
        tx.merge(NAMES_TABLE, table_from_rows(NAMES_TABLE, rows))

    def _query_layout(self, source: Any, schema: str, table: str) -> Layout:
        found = source.query(_COLUMNS, (shorten(schema), shorten(table))).to_pylist()
        noted = self._query_notes(source, schema, table) if found else []
        full = {row["stored_as"]: row["column_name"] for row in noted if row["stored_as"] != MORE}
        self._full |= {short: name for short, name in full.items() if name}
        described = [
            Described(full.get(row["name"], row["name"]), row["oid"], row["modifier"], row["category"])
            for row in found
            if row["name"] != MORE
        ]
        stored = tuple(Column(each.name, each.type) for each in described)
        more = tuple(Column(row["column_name"], row["type"]) for row in noted if row["stored_as"] == MORE)
        has_more, has_key = any(row["name"] == MORE for row in found), any(row["has_key"] for row in found)
        foreign = frozenset(each.name for each in described if not each.is_ours)
        return Layout(schema, table, stored, more, has_more=has_more, has_key=has_key, foreign=foreign)

    def _query_notes(self, source: Any, schema: str, table: str) -> list[dict[str, Any]]:
        exists: pa.Table = source.query("SELECT to_regclass(?) IS NOT NULL AS there", (_NAMES.name,))
        if not exists["there"][0].as_py():
            return []
        names = sql.column_list(column.name for column in NAMES_TABLE.columns)
        rows: list[dict[str, Any]] = source.query(
            f"SELECT {names} FROM {_NAMES.name} WHERE table_schema = ? AND table_name = ? ORDER BY column_name",
            (schema, table),
        ).to_pylist()
        return rows


def _ensure_schema(tx: Transaction, quoted: str) -> None:
    """Make a schema; one that is there is left alone, for IF NOT EXISTS asks for the right to make it all the same."""
    if tx.query("SELECT to_regnamespace(?) IS NULL AS lacks", (quoted,))["lacks"][0].as_py():
        tx.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
