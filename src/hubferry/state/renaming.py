"""What is known under a sync's name, put under another: which record each row is, which links are ours, what is skipped or on hold."""

from __future__ import annotations

from dataclasses import dataclass

from hubferry.state.push_tables import ENCODED_ROWS, HOLDS, LEDGER, LINKS, REJECTED, ROW_STATES
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.interface import Transaction, Warehouse

_ENDS = ("from_object", "from_id", "to_object", "to_id", "category", "type_id")


@dataclass(frozen=True)
class Renamed:
    """What was moved."""

    rows: int
    links: int


def query_names(warehouse: Warehouse, portal_id: int) -> dict[str, Renamed]:
    """Give the syncs that the ledger knows, with the rows and links of each."""
    counts: dict[str, list[int]] = {}
    for position, table in enumerate((LEDGER, LINKS)):
        sql = f"SELECT sync, count(*) AS n FROM {warehouse.name(SCHEMA, table.name)} WHERE portal_id = ? GROUP BY sync"
        for row in warehouse.query(sql, [portal_id]).to_pylist():
            counts.setdefault(row["sync"], [0, 0])[position] = int(row["n"])
    return {name: Renamed(*found) for name, found in counts.items()}


def rename_sync(tx: Transaction, warehouse: Warehouse, portal_id: int, old: str, new: str) -> None:
    """Put everything of `old` under `new`.

    Where `new` wrote a row already, its word stands, but for who made the record; of a link the older word stands, which says
    what was there before our first write.
    """
    ledger, links = warehouse.name(SCHEMA, LEDGER.name), warehouse.name(SCHEMA, LINKS.name)
    ours = "o.portal_id = l.portal_id AND o.sync = ? AND o.row_key = l.row_key AND o.object = l.object"
    tx.execute(
        f"UPDATE {ledger} AS l SET created = TRUE WHERE l.portal_id = ? AND l.sync = ?"
        f" AND EXISTS (SELECT 1 FROM {ledger} o WHERE {ours} AND o.record_id = l.record_id AND o.created)",
        [portal_id, new, old],
    )
    same = " AND ".join(f"o.{name} = l.{name}" for name in ("portal_id", *_ENDS))
    tx.execute(
        f"DELETE FROM {links} AS l WHERE l.portal_id = ? AND l.sync = ?"
        f" AND EXISTS (SELECT 1 FROM {links} o WHERE o.sync = ? AND {same})",
        [portal_id, new, old],
    )
    for table in (LEDGER, ROW_STATES, REJECTED, HOLDS):
        _move(
            tx, warehouse.name(SCHEMA, table.name), portal_id, old, new, [each for each in table.key if each != "sync"]
        )
    tx.execute(f"UPDATE {links} SET sync = ? WHERE portal_id = ? AND sync = ?", [new, portal_id, old])
    encoded = warehouse.name(SCHEMA, ENCODED_ROWS.name)
    tx.execute(f"DELETE FROM {encoded} WHERE portal_id = ? AND sync = ?", [portal_id, old])


def _move(tx: Transaction, name: str, portal_id: int, old: str, new: str, key: list[str]) -> None:
    """Move the rows that `new` does not have; forget the others."""
    same = " AND ".join(f"n.{each} = t.{each}" for each in key)
    tx.execute(
        f"DELETE FROM {name} AS t WHERE t.portal_id = ? AND t.sync = ?"
        f" AND EXISTS (SELECT 1 FROM {name} n WHERE n.sync = ? AND {same})",
        [portal_id, old, new],
    )
    tx.execute(f"UPDATE {name} SET sync = ? WHERE portal_id = ? AND sync = ?", [new, portal_id, old])
