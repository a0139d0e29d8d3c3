"""Lists that are read whole each time: new and changed rows are written, rows no longer listed become tombstones."""

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
    return counts, _mark_gone(tx, warehouse, table, chunk.select(list(table.key)), scope, stamp)


def check_vanished(what: str, vanished: int, rows: int, *, allowed: bool) -> None:
    """Raise GuardError where suspiciously much is gone."""
    if vanished > GUARD_ROWS and vanished > GUARD_SHARE * rows and not allowed:
        raise GuardError(
            f"{what}: {vanished:,} of {rows:,} rows are gone from HubSpot, which is more than a tenth; none was marked as"
            " deleted or emptied. If they are really gone, run `hubferry pull --full-refresh --allow-deletes`."
        )


def _mark_gone(
    tx: Transaction, warehouse: Warehouse, table: Table, keys: pa.Table, scope: Mapping[str, str], stamp: Stamp
) -> int:
    quote, name = warehouse.quote, warehouse.name(table.schema, table.name)
    within = "".join(f" AND t.{quote(column)} = ?" for column in scope)
    with tx.register("listed", keys) as listed:
        same = " AND ".join(f"k.{quote(column)} = t.{quote(column)}" for column in table.key)
        return tx.execute(
            f"UPDATE {name} AS t SET {set_columns(warehouse, ('_hubferry_deleted_at', '_hubferry_deleted_reason', *VOLATILE))}"
            f" WHERE t.{quote('_hubferry_deleted_at')} IS NULL{within} AND NOT EXISTS (SELECT 1 FROM {listed} AS k WHERE {same})",
            (stamp.now, "gone", stamp.now, stamp.run_id, *scope.values()),
        )


def set_columns(warehouse: Warehouse, columns: Sequence[str]) -> str:
    """Render assignments of parameters."""
    return ", ".join(f"{warehouse.quote(column)} = ?" for column in columns)
