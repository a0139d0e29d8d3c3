"""Which record each row of a plan is, while the plan is made: kept in the warehouse, so that memory does not grow with rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from hubferry.state.ledger import split_keys
from hubferry.state.push_tables import LEDGER, PLAN_ROWS
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Row, Transaction, Warehouse


@dataclass(eq=True, unsafe_hash=True)
class PlacedRow:
    """Where a row went, so that it can be taken back when another row turns out to be the same record."""

    row_key: str
    bucket: str
    """unchanged, creates, updates or held; empty: invalid."""
    record_id: str | None = None
    match_value: str | None = None
    number: int | None = None
    clears: int = 0
    matched: bool = False
    noted: bool = False
    known: bool = False
    wanted: str | None = None
    """JSON: property -> hash of what it asks for, of properties that another sync of the plan writes, too."""


@dataclass(frozen=True)
class Meeting:
    """Two rows of different syncs that are one record: what each asks for, or, not looked at, what was sent of it last."""

    row_key: str
    other_key: str
    wanted: str | None
    other_wanted: str | None
    sent: str | None
    other_sent: str | None


class PlanRows:
    """The rows of one sync of a plan."""

    def __init__(self, warehouse: Warehouse, plan_id: str, sync: str) -> None:
        self.warehouse, self.plan_id, self.sync = warehouse, plan_id, sync
        self._name = warehouse.name(SCHEMA, PLAN_ROWS.name)
        self._ledger = warehouse.name(SCHEMA, LEDGER.name)

    def append(self, tx: Transaction, rows: Sequence[PlacedRow]) -> None:
        """Add rows."""
        if rows:
            built = [{"plan_id": self.plan_id, "sync": self.sync, **vars(row)} for row in rows]
            tx.append(PLAN_ROWS.table, table_from_rows(PLAN_ROWS.table, built))

    def query_rivals(self) -> Iterator[list[PlacedRow]]:
        """Give each group of rows that are one record, have one match value, or one key."""
        for column in ("record_id", "match_value", "row_key"):
            valid = f"plan_id = ? AND sync = ? AND bucket <> '' AND {column} IS NOT NULL"
            shared = f"SELECT {column} AS shared FROM {self._name} WHERE {valid} GROUP BY {column} HAVING count(*) > 1"
            if not self.warehouse.query(f"{shared} LIMIT 1", [self.plan_id, self.sync]).num_rows:
                continue
            sql = (
                f"SELECT r.* FROM {self._name} r JOIN ({shared}) d ON r.{column} = d.shared"
                f" WHERE r.plan_id = ? AND r.sync = ? AND r.bucket <> '' ORDER BY r.{column}, r.row_key"
            )
            groups: dict[object, list[PlacedRow]] = {}
            for row in self.warehouse.query(sql, [self.plan_id, self.sync] * 2).to_pylist():
                groups.setdefault(row[column], []).append(_placed(row))
            yield from groups.values()

    def query_meetings(self, other: str, portal_id: int, *, by_match: bool) -> Iterator[Meeting]:
        """Give the rows that are one record with a row of another sync, by its id or, of new ones, by their match value.

        Pairs of which neither row was looked at are left out: they were judged when one of them last was.
        """
        new = "a.match_value = b.match_value AND (a.record_id IS NULL OR b.record_id IS NULL)"
        for same in ("a.record_id = b.record_id", *([new] if by_match else [])):
            sql = (
                "SELECT a.row_key AS row_key, b.row_key AS other_key, a.wanted AS wanted, b.wanted AS other_wanted,"
                f" k.sent AS sent, l.sent AS other_sent FROM {self._name} a JOIN {self._name} b ON {same}"
                f" LEFT JOIN {self._ledger} k ON k.portal_id = ? AND k.sync = a.sync AND k.row_key = a.row_key"
                f" LEFT JOIN {self._ledger} l ON l.portal_id = ? AND l.sync = b.sync AND l.row_key = b.row_key"
                " WHERE a.plan_id = ? AND a.sync = ? AND b.plan_id = ? AND b.sync = ?"
                " AND a.bucket IN ('unchanged', 'creates', 'updates') AND b.bucket IN ('unchanged', 'creates', 'updates')"
                " AND (a.wanted IS NOT NULL OR b.wanted IS NOT NULL)"
            )
            params = [portal_id, portal_id, self.plan_id, self.sync, self.plan_id, other]
            for batch in self.warehouse.query_batches(sql, params, rows=1_000):
                yield from (Meeting(**row) for row in batch.to_pylist())

    def query_placed(self, row_keys: Collection[str]) -> Iterator[PlacedRow]:
        """Give the valid rows of these keys."""
        for keys in split_keys(row_keys):
            marks = ", ".join("?" * len(keys))
            sql = f"SELECT * FROM {self._name} WHERE plan_id = ? AND sync = ? AND bucket <> '' AND row_key IN ({marks})"
            yield from map(_placed, self.warehouse.query(sql, [self.plan_id, self.sync, *keys]).to_pylist())

    def query_record_ids(self, record_ids: Collection[str]) -> set[str]:
        """Give those of these records that rows of the source are."""
        return self._query_among("record_id", record_ids)

    def query_present(self, row_keys: Collection[str]) -> set[str]:
        """Give those of these keys that the source has."""
        return self._query_among("row_key", row_keys)

    def _query_among(self, column: str, values: Collection[str]) -> set[str]:
        if not values:
            return set()
        marks = ", ".join("?" * len(values))
        sql = f"SELECT DISTINCT {column} FROM {self._name} WHERE plan_id = ? AND sync = ? AND {column} IN ({marks})"
        return set(self.warehouse.query(sql, [self.plan_id, self.sync, *values])[column].to_pylist())

    def query_left(self, portal_id: int) -> Iterator[list[str]]:
        """Give, some at a time, the keys of the ledger that the source has no more."""
        sql = (
            f"SELECT l.row_key FROM {self._ledger} l WHERE l.portal_id = ? AND l.sync = ? AND NOT EXISTS"
            f" (SELECT 1 FROM {self._name} r WHERE r.plan_id = ? AND r.sync = l.sync AND r.row_key = l.row_key)"
            " ORDER BY l.row_key"
        )
        for batch in self.warehouse.query_batches(sql, [portal_id, self.sync, self.plan_id], rows=1_000):
            yield batch["row_key"].to_pylist()


def delete_plan_rows(tx: Transaction, plan_id: str) -> None:
    """Forget the rows of a plan that is made."""
    tx.delete(PLAN_ROWS.table, pa.table({"plan_id": pa.array([plan_id])}))


def _placed(row: Row) -> PlacedRow:
    return PlacedRow(**{name: row[name] for name in PlacedRow.__dataclass_fields__})
