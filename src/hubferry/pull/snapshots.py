"""Tables that are made equal to a list: new and changed rows are written, rows no longer listed become tombstones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from hubferry.errors import GuardError
from hubferry.pull.chunks import Stamp
from hubferry.streams.definition import TOMBSTONE_COLUMNS, VOLATILE
from hubferry.types import Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import MergeCounts, Transaction, Warehouse

GUARD_ROWS, GUARD_SHARE = 100, 0.1
"""More rows gone than both of these at once are taken for HubSpot's mistake until a person says otherwise."""

IF_GONE = "If they are really gone, run `hubferry pull --full-refresh --allow-deletes`."


def merge_snapshot(
    tx: Transaction,
    warehouse: Warehouse,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    scope: Mapping[str, str],
    stamp: Stamp,
) -> tuple[MergeCounts, int]:
    """Make the rows of `scope` be these, one a key; give what was merged and how many rows went."""
    marks = {
        **dict.fromkeys(TOMBSTONE_COLUMNS),
        **scope,
        "_hubferry_synced_at": stamp.now,
        "_hubferry_run_id": stamp.run_id,
    }
    by_key = {tuple(row.get(name, scope.get(name)) for name in table.key): {**row, **marks} for row in rows}
    chunk = table_from_rows(table, by_key.values())
    counts = tx.merge(table, chunk, volatile=VOLATILE)
    return counts, mark_gone(tx, warehouse, table, chunk.select(list(table.key)), scope, stamp)


def check_vanished(what: str, vanished: int, rows: int, *, allowed: bool) -> None:
    """Raise GuardError where suspiciously much is gone."""
    if vanished > GUARD_ROWS and vanished > GUARD_SHARE * rows and not allowed:
        raise GuardError(
            f"{what}: {vanished:,} of {rows:,} rows are gone from HubSpot, which is more than a tenth; none was marked as"
            f" deleted or emptied. {IF_GONE}"
        )


def count_live(source: Transaction | Warehouse, warehouse: Warehouse, table: Table, scope: Mapping[str, str]) -> int:
    """Count the rows of `scope` that are live."""
    where = _live(warehouse, scope)
    name = warehouse.name(table.schema, table.name)
    found = source.query(f"SELECT count(*) AS n FROM {name} AS t WHERE {where}", _given(scope))
    return int(found["n"][0].as_py())


def count_gone(tx: Transaction, warehouse: Warehouse, table: Table, keys: pa.Table, scope: Mapping[str, str]) -> int:
    """Count the live rows of `scope` that are not among these keys."""
    with tx.register("listed", keys) as listed:
        found = tx.query(
            f"SELECT count(*) AS n FROM {warehouse.name(table.schema, table.name)} AS t"
            f" WHERE {_live(warehouse, scope)} AND {_unlisted(warehouse, keys, listed)}",
            _given(scope),
        )
    return int(found["n"][0].as_py())


def mark_gone(
    tx: Transaction, warehouse: Warehouse, table: Table, keys: pa.Table, scope: Mapping[str, str], stamp: Stamp
) -> int:
    """Mark the live rows of `scope` that are not among these keys; give how many."""
    columns = set_columns(warehouse, ("_hubferry_deleted_at", "_hubferry_deleted_reason", *VOLATILE))
    with tx.register("listed", keys) as listed:
        return tx.execute(
            f"UPDATE {warehouse.name(table.schema, table.name)} AS t SET {columns}"
            f" WHERE {_live(warehouse, scope)} AND {_unlisted(warehouse, keys, listed)}",
            (stamp.now, "gone", stamp.now, stamp.run_id, *_given(scope)),
        )


def is_empty(warehouse: Warehouse, table: Table, scope: Mapping[str, str]) -> bool:
    """Say whether there is no row of `scope`, live or not: where there were some, somebody emptied the table."""
    name = warehouse.name(table.schema, table.name)
    where = " AND ".join(f"{warehouse.quote(column)} = ?" for column in scope) or "1 = 1"
    return not warehouse.query(f"SELECT 1 AS one FROM {name} WHERE {where} LIMIT 1", _given(scope)).num_rows


def _live(warehouse: Warehouse, scope: Mapping[str, str]) -> str:
    within = "".join(f" AND t.{warehouse.quote(column)} = ?" for column in scope)
    return f"t.{warehouse.quote('_hubferry_deleted_at')} IS NULL{within}"


def _given(scope: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(scope.values())


def _unlisted(warehouse: Warehouse, keys: pa.Table, listed: str) -> str:
    same = " AND ".join(f"k.{warehouse.quote(name)} = t.{warehouse.quote(name)}" for name in keys.column_names)
    return f"NOT EXISTS (SELECT 1 FROM {listed} AS k WHERE {same})"


def set_columns(warehouse: Warehouse, columns: Sequence[str]) -> str:
    """Render assignments of parameters."""
    return ", ".join(f"{warehouse.quote(column)} = ?" for column in columns)
