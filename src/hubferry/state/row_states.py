"""What stands against writing a row: how often HubSpot refused it and when it is tried again, or that a person wants it skipped."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hubferry.state.ledger import split_keys
from hubferry.state.push_tables import ROW_STATES
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse

DELAYS = (timedelta(0), timedelta(hours=1), timedelta(hours=4), timedelta(hours=16))
"""How long a row waits after its first refusal, its second .. ; after one more it waits until it changes or is retried."""

LINK_KEY = "link: "
"""Beginning of the key of a link's state."""


@dataclass(frozen=True, kw_only=True)
class RowState:
    """One row. `content` is the hash of the row that this is about; empty: of the row as the next plan finds it."""

    sync: str
    row_key: str
    content: str = ""
    attempts: int = 0
    next_at: datetime | None = None
    """When it may be tried again; None after too many attempts."""
    skip: str = ""
    """once (until the row changes), always, or empty."""
    reason: str = ""

    def refused(self, content: str, reason: str, at: datetime) -> RowState:
        """Give the state after another refusal; of a row that changed in between it is the first."""
        attempts = self.attempts + 1 if self.content == content else 1
        waits = DELAYS[attempts - 1] if attempts <= len(DELAYS) else None
        next_at = at + waits if waits is not None else None
        return RowState(
            sync=self.sync, row_key=self.row_key, content=content, attempts=attempts, next_at=next_at, reason=reason
        )


def query_row_states(warehouse: Warehouse, portal_id: int, sync: str, row_keys: Collection[str]) -> dict[str, RowState]:
    """Give the states of those of these rows that have one."""
    columns = "sync, row_key, content, attempts, next_at, skip, reason"
    where = "portal_id = ? AND sync = ? AND row_key IN ({})"
    sql = f"SELECT {columns} FROM {warehouse.name(SCHEMA, ROW_STATES.name)} WHERE {where}"
    found: dict[str, RowState] = {}
    for chunk in split_keys(row_keys):
        rows = warehouse.query(sql.format(", ".join("?" * len(chunk))), [portal_id, sync, *chunk]).to_pylist()
        found |= {row["row_key"]: RowState(**row) for row in rows}
    return found


def link_state_key(one: tuple[str, str], other: tuple[str, str]) -> str:
    """Give the key under which the state of a link stands beside those of rows, the same from either end."""
    return LINK_KEY + " - ".join(f"{name} {record_id}" for name, record_id in sorted((one, other)))


def query_link_states(warehouse: Warehouse, portal_id: int, sync: str) -> dict[str, RowState]:
    """Give the states of a sync's links that HubSpot refused, by their keys."""
    columns = "sync, row_key, content, attempts, next_at, skip, reason"
    sql = (
        f"SELECT {columns} FROM {warehouse.name(SCHEMA, ROW_STATES.name)}"
        f" WHERE portal_id = ? AND sync = ? AND left(row_key, {len(LINK_KEY)}) = ?"
    )
    rows = warehouse.query(sql, [portal_id, sync, LINK_KEY]).to_pylist()
    return {row["row_key"]: RowState(**row) for row in rows}


def delete_link_states(tx: Transaction, warehouse: Warehouse, portal_id: int, sync: str) -> None:
    """Forget the states of all links of a sync."""
    name = warehouse.name(SCHEMA, ROW_STATES.name)
    where = f"portal_id = ? AND sync = ? AND left(row_key, {len(LINK_KEY)}) = ?"
    tx.execute(f"DELETE FROM {name} WHERE {where}", [portal_id, sync, LINK_KEY])


def merge_row_states(tx: Transaction, portal_id: int, states: Iterable[RowState], at: datetime) -> None:
    """Write states, replacing those of the same rows."""
    rows = [{"portal_id": portal_id, "written_at": at, **vars(state)} for state in states]
    if rows:
        tx.merge(ROW_STATES.table, table_from_rows(ROW_STATES.table, rows))


def delete_row_states(tx: Transaction, portal_id: int, rows: Iterable[tuple[str, str]]) -> None:
    """Forget the states of these rows (sync and key): they were written, or are to be tried anew."""
    keys = [{"portal_id": portal_id, "sync": sync, "row_key": key} for sync, key in rows]
    if keys:
        tx.delete(ROW_STATES.table, table_from_rows(ROW_STATES.table, keys).select(list(keys[0])))


def delete_sync_states(tx: Transaction, warehouse: Warehouse, portal_id: int, sync: str) -> None:
    """Forget the states of all rows of a sync."""
    tx.execute(
        f"DELETE FROM {warehouse.name(SCHEMA, ROW_STATES.name)} WHERE portal_id = ? AND sync = ?", [portal_id, sync]
    )
