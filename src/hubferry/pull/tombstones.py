"""Rows of records that are no longer live: archived, merged into another, or erased. Written inside a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from hubferry.pull.chunks import UNPARSED, Stamp
from hubferry.pull.snapshots import set_columns
from hubferry.streams.definition import VOLATILE
from hubferry.types import Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse

ARCHIVED = "archived"
KEPT = frozenset({"id", "created_at", "updated_at"})
"""What an erased record's row still says: that it was there, and when."""
_LONGEST_CHAIN = 250
"""HubSpot allows no more merged records in one."""


@dataclass(frozen=True)
class Tombstone:
    """Why a row is not live, and since when."""

    reason: str
    at: datetime


def query_tombstones(warehouse: Warehouse, table: Table) -> dict[str, Tombstone]:
    """Give the rows that are not live."""
    quote = warehouse.quote
    rows = warehouse.query(
        f"SELECT id, {quote('_hubferry_deleted_reason')} AS reason, {quote('_hubferry_deleted_at')} AS at"
        f" FROM {warehouse.name(table.schema, table.name)} WHERE {quote('_hubferry_deleted_at')} IS NOT NULL"
    )
    return {row["id"]: Tombstone(row["reason"], row["at"]) for row in rows.to_pylist()}


def merge_merged(tx: Transaction, warehouse: Warehouse, table: Table, pairs: Mapping[str, str], stamp: Stamp) -> None:
    """Mark these rows as merged, each into a record; what has no row yet gets one, so that old ids still lead somewhere."""
    if not pairs:
        return
    same = {"archived": True, "_hubferry_deleted_at": stamp.now, "_hubferry_deleted_reason": "merged"}
    written = {"_hubferry_synced_at": stamp.now, "_hubferry_run_id": stamp.run_id}
    rows = [{"id": loser, "_hubferry_merged_into": into, **same, **written} for loser, into in pairs.items()]
    tx.merge(table, _narrow(table, rows), volatile=VOLATILE)
    _follow_chains(tx, warehouse, table, stamp)


def _follow_chains(tx: Transaction, warehouse: Warehouse, table: Table, stamp: Stamp) -> None:
    """Where the record that a row was merged into was merged itself, point to the end of the chain."""
    quote, name = warehouse.quote, warehouse.name(table.schema, table.name)
    into, reason = quote("_hubferry_merged_into"), quote("_hubferry_deleted_reason")
    step = (
        f"UPDATE {name} AS t SET {into} = next.{into}, {set_columns(warehouse, VOLATILE)} FROM {name} AS next"
        f" WHERE t.{reason} = 'merged' AND next.{reason} = 'merged' AND next.id = t.{into} AND next.{into} <> t.id"
    )
    for _ in range(_LONGEST_CHAIN):
        if not tx.execute(step, (stamp.now, stamp.run_id)):
            return


def erase(tx: Transaction, warehouse: Warehouse, table: Table, ids: Sequence[str], stamp: Stamp) -> None:
    """Mark these rows as erased and take everything out of them that the record said."""
    if not ids:
        return
    name = warehouse.name(table.schema, table.name)
    marks: dict[str, Any] = {"archived": True, "_hubferry_deleted_at": stamp.now, "_hubferry_deleted_reason": "erased"}
    marks |= {"_hubferry_synced_at": stamp.now, "_hubferry_run_id": stamp.run_id}
    payload = [each.name for each in table.columns if each.name not in KEPT and each.name not in marks]
    assert UNPARSED in payload
    emptied = warehouse.empty(table, payload)
    with tx.register("erased", pa.table({"id": pa.array(ids, pa.string())})) as rows:
        tx.execute(
            f"UPDATE {name} SET {set_columns(warehouse, tuple(marks))}, {emptied} WHERE id IN (SELECT id FROM {rows})",
            tuple(marks.values()),
        )


def _narrow(table: Table, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Build a chunk of the columns that the rows have."""
    given = list(rows)
    return table_from_rows(table, given).select(list(given[0]))
