"""Moves everything from one warehouse to another: tables, cursors, ledger; verified by counts and hashes.

A table of the target that this did not make is never touched. An interrupted move is begun again from its first table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
import pyarrow as pa

from hubferry.errors import DifferenceError, WarehouseError
from hubferry.state.leases import acquire_lease
from hubferry.state.store import ALL_TABLES, StateReader, StateStore
from hubferry.state.tables import LEASES, META, MOVED, SCHEMA
from hubferry.types import Clock, Column, Table
from hubferry.warehouse import arrow
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Warehouse

_CELLS = 1_000_000
_MODULUS = 1 << 128
_KEYS = {table.name: table.key for table in ALL_TABLES}
_STAYS = frozenset({LEASES.name, META.name, MOVED.name})
Tell = Callable[[str, int], None]


@dataclass(frozen=True)
class MovedTable:
    """One table that is equal in both warehouses."""

    schema: str
    table: str
    rows: int
    content_hash: str


@dataclass
class _Content:
    """Counts and hashes rows, in whatever order they come."""

    rows: int = 0
    total: int = 0

    def add(self, columns: Sequence[Column], chunk: pa.Table | pa.RecordBatch) -> None:
        """Add rows."""
        kinds = [column.type for column in columns]
        for row in chunk.to_pylist():
            plain = [_plain(value, kind) for value, kind in zip(row.values(), kinds, strict=True)]
            digest = blake2b(msgspec.json.encode(plain, order="deterministic"), digest_size=16).digest()
            self.total = (self.total + int.from_bytes(digest)) % _MODULUS
            self.rows += 1

    @property
    def hash(self) -> str:
        """Give the hash of all rows."""
        return f"{self.total:032x}"


def move_all(source: Warehouse, target: Warehouse, *, schema: str, clock: Clock, tell: Tell) -> list[MovedTable]:
    """Copy every table of `schema` and of hubferry's own, and verify each; no run may hold a portal of the source meanwhile."""
    if StateReader(target).version() is not None:
        raise WarehouseError(
            "hubferry has run in the target already: a move needs one where it never did. Take another database or file."
        )
    StateStore(source, clock).migrate()
    run_id = f"move-{datetime.fromtimestamp(clock.time(), UTC):%Y%m%dT%H%M%S}"
    with source.busy("move"), target.busy("move"), ExitStack() as held:
        leases = [
            held.enter_context(acquire_lease(source, clock, portal_id, run_id=run_id, wait_seconds=0))
            for portal_id in _query_portals(source)
        ]
        target.ensure_table(MOVED)
        names = [(each, table) for each in (schema, SCHEMA) for table in source.query_tables(each)]
        moved = [_move(source, target, *each, tell) for each in names if not (each[0] == SCHEMA and each[1] in _STAYS)]
        for (
            lease
        ) in leases:  # a run that took a portal meanwhile may have moved a cursor past rows that were copied before
            lease.renew()
        StateStore(target, clock).migrate(after_move=True)  # last: from here on hubferry runs there
    return moved


def _query_portals(source: Warehouse) -> list[int]:
    found = source.query(f"SELECT DISTINCT portal_id FROM {source.name(SCHEMA, LEASES.name)} ORDER BY portal_id")
    return [int(each) for each in found["portal_id"].to_pylist()]


def _move(source: Warehouse, target: Warehouse, schema: str, name: str, tell: Tell) -> MovedTable:
    key = _KEYS.get(name, ()) if schema == SCHEMA else ()  # tables of streams get theirs by the next pull
    table = Table(schema, name, source.query_columns(schema, name), key)
    _make_empty(target, table)
    wanted = _Content()
    for chunk in _query_chunks(source, table):
        wanted.add(table.columns, chunk)
        with target.transaction() as tx:
            tx.append(table, chunk)
        tell(f"{schema}.{name}", wanted.rows)
    found = _Content()
    for chunk in _query_chunks(target, table):
        found.add(table.columns, chunk)
    if (found.rows, found.hash) != (wanted.rows, wanted.hash):
        raise DifferenceError(
            f"table {schema}.{name} differs after the move: {wanted.rows:,} rows of hash {wanted.hash} in the source,"
            f" {found.rows:,} of {found.hash} in the target. Nothing runs on the target yet; move again, and report it"
            " where it happens twice."
        )
    _note(target, table, found)
    return MovedTable(schema, name, found.rows, found.hash)


def _make_empty(target: Warehouse, table: Table) -> None:
    """Make the table, or empty what an interrupted move left; refuse one that others made."""
    where, params = "WHERE table_schema = ? AND table_name = ?", (table.schema, table.name)
    ours = target.query(f"SELECT 1 AS n FROM {target.name(MOVED.schema, MOVED.name)} {where}", params).num_rows
    if not ours and target.query_columns(table.schema, table.name):
        raise WarehouseError(
            f"the target has a table {table.schema}.{table.name} that no move made. Move it out of the way, or give"
            " pull.schema another name before the move."
        )
    _note(target, table, _Content())
    target.ensure_table(table)
    with target.transaction() as tx:
        tx.execute(f"DELETE FROM {target.name(table.schema, table.name)}")


def _note(target: Warehouse, table: Table, content: _Content) -> None:
    row: dict[str, Any] = {"table_schema": table.schema, "table_name": table.name}
    row |= {"rows_moved": content.rows, "content_hash": content.hash} if content.rows else {}
    with target.transaction() as tx:
        tx.merge(MOVED, table_from_rows(MOVED, [row]))


def _query_chunks(warehouse: Warehouse, table: Table) -> Iterator[pa.Table]:
    """Read a table in chunks of a bounded number of values, with JSON that every engine can hold."""
    columns = ", ".join(warehouse.quote(column.name) for column in table.columns)
    rows = max(1, _CELLS // max(1, len(table.columns)))
    sql = f"SELECT {columns} FROM {warehouse.name(table.schema, table.name)}"
    for batch in warehouse.query_batches(sql, rows=rows):
        yield arrow.clean_json(table, pa.Table.from_batches([batch]))


def _plain(value: Any, kind: str) -> Any:
    """Give a value so that it is the same whichever engine kept it."""
    if value is None:
        return None
    if kind in ("json", "strings"):
        return _numbers_alike(msgspec.json.decode(value) if isinstance(value, str) else value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _numbers_alike(value: Any) -> Any:
    """Give JSON in which 1.0 and 1 are the same, as engines that keep numbers have it."""
    if isinstance(value, dict):
        return {name: _numbers_alike(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers_alike(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
