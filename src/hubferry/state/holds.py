"""Which syncs are on hold, and why."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from hubferry.state.push_tables import HOLDS
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse


def query_holds(warehouse: Warehouse, portal_id: int) -> dict[str, str]:
    """Give the reason of each sync that is on hold."""
    sql = f"SELECT sync, reason FROM {warehouse.name(SCHEMA, HOLDS.name)} WHERE portal_id = ?"
    return {row["sync"]: row["reason"] for row in warehouse.query(sql, [portal_id]).to_pylist()}


def merge_holds(tx: Transaction, portal_id: int, syncs: Collection[str], reason: str, at: datetime) -> None:
    """Put syncs on hold."""
    rows = [{"portal_id": portal_id, "sync": sync, "reason": reason, "held_at": at} for sync in sorted(syncs)]
    if rows:
        tx.merge(HOLDS.table, table_from_rows(HOLDS.table, rows))


def delete_holds(tx: Transaction, portal_id: int, syncs: Collection[str]) -> None:
    """Let syncs go on."""
    rows = [{"portal_id": portal_id, "sync": sync} for sync in sorted(syncs)]
    if rows:
        tx.delete(HOLDS.table, table_from_rows(HOLDS.table, rows).select(["portal_id", "sync"]))
