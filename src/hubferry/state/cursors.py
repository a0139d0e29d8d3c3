"""How far each stream has been read, saved in the transaction that wrote the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from hubferry.state.rows import merge_row
from hubferry.state.tables import CURSORS, PARENTS
from hubferry.warehouse.interface import Transaction, Warehouse


@dataclass(frozen=True)
class Cursor:
    """How far one stream of one portal has been read."""

    value: datetime | None = None
    """Everything changed in HubSpot up to this time is in the table; HubSpot's own clock."""
    scan: Any = None
    """As JSON values. Of records an unfinished scan: ranges still to read, refresh id, start; None: none is open.
    Of links, which are never scanned by ranges: the inverses of their types, as far as they are known. Of a feed of events:
    that slices are left to read, and whether of everything. Of lists, each for something: when the reading of all began."""
    swept: Mapping[str, datetime] = field(default_factory=dict)
    """When archived records, merges, links and the whole were last looked at, by kind; of events also from when on they were read."""
    run_id: str | None = None
    updated_at: datetime | None = None


def save_cursor(tx: Transaction, warehouse: Warehouse, portal_id: int, stream: str, cursor: Cursor) -> None:
    """Save the cursor inside the transaction that wrote the rows it covers."""
    row = {
        "portal_id": portal_id,
        "stream": stream,
        "value": cursor.value,
        "scan": _render_json(cursor.scan),
        "swept": _render_json(dict(cursor.swept)),
        "run_id": cursor.run_id,
        "updated_at": cursor.updated_at,
    }
    merge_row(tx, warehouse, CURSORS, row)


@dataclass(frozen=True)
class ParentCursor:
    """How far a stream has been read for one parent."""

    mark: str | None
    """What HubSpot said of the parent then."""
    value: datetime
    """Everything of it up to this time is in the table; HubSpot's own clock."""


def save_parent(
    tx: Transaction, warehouse: Warehouse, portal_id: int, stream: str, parent: str, cursor: ParentCursor, run_id: str
) -> None:
    """Save how far one parent has been read, inside the transaction that wrote its rows."""
    row = {"portal_id": portal_id, "stream": stream, "parent": parent, "mark": cursor.mark, "value": cursor.value}
    merge_row(tx, warehouse, PARENTS, {**row, "run_id": run_id})


def delete_parents(tx: Transaction, name: str, portal_id: int, stream: str, parents: Iterable[str]) -> None:
    """Forget parents that are gone; `name` is the quoted name of their table."""
    for parent in parents:
        tx.execute(f"DELETE FROM {name} WHERE portal_id = ? AND stream = ? AND parent = ?", (portal_id, stream, parent))


def parse_cursor(row: Mapping[str, Any]) -> Cursor:
    """Read a cursor from its row."""
    return Cursor(
        value=row["value"],
        scan=msgspec.json.decode(row["scan"]) if row["scan"] else None,
        swept=msgspec.json.decode(row["swept"], type=dict[str, datetime]) if row["swept"] else {},
        run_id=row["run_id"],
        updated_at=row["updated_at"],
    )


def parse_cursors(rows: Iterable[Mapping[str, Any]]) -> dict[str, Cursor]:
    """Read cursors from their rows, by stream."""
    return {row["stream"]: parse_cursor(row) for row in rows}


def _render_json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
