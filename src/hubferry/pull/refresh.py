"""A full refresh as it is kept over pauses: which ranges are left, and which keys were seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from hubferry.hubspot.readers.scan import IdRange
from hubferry.state.tables import REFRESH_KEYS
from hubferry.types import Table
from hubferry.warehouse.interface import Transaction, Warehouse

SEEN = REFRESH_KEYS.table
"""Keys that an unfinished refresh has read."""


@dataclass(frozen=True)
class Refresh:
    """One full refresh, from its first call until the rows that it did not see are dealt with."""

    refresh_id: str
    started: datetime
    """HubSpot's time before the first call: what changed later is read by `changes`."""
    sweeps: bool
    """Rows stood in the table when it began, so that those not seen have vanished."""
    remaining: tuple[IdRange, ...] | None = None
    """Ranges still to read; None: it has not begun."""
    by_export: bool = False
    """An export is tried before the list."""

    def render(self) -> Any:
        """Give it as JSON values."""
        return msgspec.to_builtins(self)


def parse_refresh(scan: Any) -> Refresh | None:
    """Read what `render` gave."""
    return None if scan is None else msgspec.convert(scan, Refresh)


def append_seen(tx: Transaction, portal_id: int, stream: str, refresh: Refresh, ids: Sequence[str]) -> None:
    """Remember keys as seen."""
    same = {"portal_id": pa.scalar(portal_id, pa.int64()), "stream": stream, "refresh_id": refresh.refresh_id}
    columns = {name: pa.repeat(value, len(ids)) for name, value in same.items()}
    tx.append(SEEN, pa.table({**columns, "id": pa.array(ids, pa.string())}))


def query_unseen(warehouse: Warehouse, table: Table, portal_id: int, stream: str, refresh: Refresh) -> list[str]:
    """Give the live rows that the refresh did not see."""
    quote = warehouse.quote
    rows = warehouse.query(
        f"SELECT t.id FROM {warehouse.name(table.schema, table.name)} AS t WHERE t.{quote('_hubferry_deleted_at')} IS NULL"
        f" AND NOT EXISTS (SELECT 1 FROM {warehouse.name(SEEN.schema, SEEN.name)} AS s WHERE s.portal_id = ?"
        " AND s.stream = ? AND s.refresh_id = ? AND s.id = t.id) ORDER BY t.id",
        (portal_id, stream, refresh.refresh_id),
    )
    ids: list[str] = rows["id"].to_pylist()
    return ids


def delete_seen(tx: Transaction, warehouse: Warehouse, portal_id: int, stream: str) -> None:
    """Forget the keys of every refresh of a stream."""
    tx.execute(
        f"DELETE FROM {warehouse.name(SEEN.schema, SEEN.name)} WHERE portal_id = ? AND stream = ?", (portal_id, stream)
    )
