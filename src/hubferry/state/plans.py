"""Plans, their steps, and the journal of what became of each step, as rows. Steps are JSON here; `push` knows what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pyarrow as pa

from hubferry.state.ledger import Stamp, split_keys
from hubferry.state.push_tables import JOURNAL, PLAN_STEPS, PLANS, REJECTED
from hubferry.state.rows import merge_row
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.aside import put_aside
from hubferry.warehouse.interface import Row, Transaction, Warehouse

INTENDED = "intended"
PAGE = 2_000
"""Steps read at a time; as many as are sent between two commits."""
SPAN = 10 * PAGE
"""Numbers among which a page of steps is looked for at a time."""
OUTCOMES = ("applied", "rejected", "skipped", "unknown")


@dataclass(frozen=True)
class StoredStep:
    """One row of plan_steps."""

    number: int
    sync: str
    kind: str
    row_key: str
    record_id: str | None
    step: str


@dataclass(frozen=True)
class JournalRow:
    """What became of a step."""

    plan_id: str
    number: int
    sync: str
    row_key: str
    state: str
    record_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class StoredPlan:
    """One row of plans."""

    plan_id: str
    portal_id: int
    state: str
    header: str
    created_at: datetime


class PlanReader:
    """Stored plans, for reading."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._plans = warehouse.name(SCHEMA, PLANS.name)
        self._steps = warehouse.name(SCHEMA, PLAN_STEPS.name)
        self._journal = warehouse.name(SCHEMA, JOURNAL.name)

    def query_plan(self, plan_id: str) -> StoredPlan | None:
        """Give one plan."""
        rows = self.warehouse.query(f"SELECT * FROM {self._plans} WHERE plan_id = ?", [plan_id]).to_pylist()
        return _stored_plan(rows[0]) if rows else None

    def query_startable(self, portal_id: int) -> list[StoredPlan]:
        """Give the plans of a portal that could still be applied, or gone on with."""
        sql = f"SELECT * FROM {self._plans} WHERE portal_id = ? AND state IN ('ready', 'applying')"
        return [_stored_plan(row) for row in self.warehouse.query(sql, [portal_id]).to_pylist()]

    def query_ids(self, portal_id: int | None = None, *, limit: int = 20) -> list[str]:
        """Give the ids of the latest plans, newest first."""
        where, params = ("WHERE portal_id = ?", [portal_id]) if portal_id is not None else ("", [])
        sql = f"SELECT plan_id FROM {self._plans} {where} ORDER BY plan_id DESC LIMIT {int(limit)}"
        return [str(row) for row in self.warehouse.query(sql, params)["plan_id"].to_pylist()]

    def query_latest(self, limit: int) -> list[StoredPlan]:
        """Give the latest plans that were finished, newest first."""
        sql = f"SELECT * FROM {self._plans} WHERE state <> 'drafting' ORDER BY plan_id DESC LIMIT {int(limit)}"
        return [_stored_plan(row) for row in self.warehouse.query(sql).to_pylist()]

    def query_steps(self, plan_id: str, *, kinds: Sequence[str] = ()) -> Iterator[StoredStep]:
        """Give the steps of a plan in order, a page at a time."""
        return PlanSteps(self.warehouse, plan_id).query(kinds)

    def query_steps_after(
        self,
        plan_id: str,
        *,
        kinds: Sequence[str] = (),
        sync: str | None = None,
        search: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> list[StoredStep]:
        """Give the steps that follow a number, of these kinds, whose row key or record id begins with a text."""
        where, params = ["plan_id = ?", "number > ?"], list[object]([plan_id, after])
        if kinds:
            where.append(f"kind IN ({', '.join('?' * len(kinds))})")
            params += kinds
        if sync:
            where.append("sync = ?")
            params.append(sync)
        if search:
            where.append("(left(row_key, ?) = ? OR record_id = ?)")
            params += [len(search), search, search]
        sql = f"SELECT * FROM {self._steps} WHERE {' AND '.join(where)} ORDER BY number LIMIT {int(limit)}"
        return [_stored_step(row) for row in self.warehouse.query(sql, params).to_pylist()]

    def count_kinds(self, plan_id: str) -> dict[tuple[str, str], int]:
        """Count the steps of a plan by sync and kind."""
        return {place: span.count for place, span in PlanSteps(self.warehouse, plan_id).spans.items()}

    def count_reasons(self, plan_id: str) -> list[tuple[str, str | None, int]]:
        """Count what became of the steps of a plan, by state and reason, the most frequent first."""
        sql = (
            f"SELECT state, CASE WHEN state = 'applied' THEN NULL ELSE reason END AS why, count(*) AS n"
            f" FROM {self._journal} WHERE plan_id = ? GROUP BY 1, 2 ORDER BY n DESC, 2"
        )
        return [(row["state"], row["why"], row["n"]) for row in self.warehouse.query(sql, [plan_id]).to_pylist()]

    def query_results(
        self, plan_id: str, state: str, *, after: int = 0, limit: int = 100
    ) -> list[tuple[StoredStep, JournalRow]]:
        """Give the steps of a plan that came to a state, after a number, each with its row of the journal."""
        sql = (
            f"SELECT number, sync, row_key, state, record_id AS written_id, reason FROM {self._journal}"
            f" WHERE plan_id = ? AND state = ? AND number > ? ORDER BY number LIMIT {int(limit)}"
        )
        found = self.warehouse.query(sql, [plan_id, state, after]).to_pylist()
        if not found:
            return []
        numbers = [row["number"] for row in found]  # steps by number: a join would read all steps of the plan
        where = f"plan_id = ? AND number BETWEEN ? AND ? AND number IN ({', '.join('?' * len(numbers))})"
        params = [plan_id, numbers[0], numbers[-1], *numbers]
        steps = self.warehouse.query(f"SELECT * FROM {self._steps} WHERE {where}", params).to_pylist()
        by_number = {row["number"]: _stored_step(row) for row in steps}
        return [(by_number[row["number"]], _journal_row(plan_id, row)) for row in found if row["number"] in by_number]

    def query_of_record(
        self, record_id: str, *, limit: int = 100
    ) -> list[tuple[str, StoredStep, JournalRow, datetime]]:
        """Give what was done, or tried, to records of this id, newest first, with plan and time; of whatever object."""
        joined = (
            "SELECT s.*, j.state, j.record_id AS written_id, j.reason, j.written_at"
            f" FROM {self._journal} j JOIN {self._steps} s ON s.plan_id = j.plan_id AND s.number = j.number"
        )
        sql = (
            f"SELECT * FROM ({joined} WHERE j.record_id = ?"
            f" UNION ALL {joined} WHERE s.record_id = ? AND (j.record_id IS NULL OR j.record_id <> ?)) AS found"
            f" ORDER BY written_at DESC, number DESC LIMIT {int(limit)}"
        )
        rows = self.warehouse.query(sql, [record_id] * 3).to_pylist()
        return [
            (row["plan_id"], _stored_step(row), _journal_row(row["plan_id"], row), row["written_at"]) for row in rows
        ]

    def query_open(
        self, portal_id: int, state: str = INTENDED, *, kinds: Sequence[str] = ()
    ) -> list[tuple[str, StoredStep, datetime]]:
        """Give the steps that were intended and have no result, with plan and time: what a run that died was doing.

        Or those whose outcome stayed `unknown`.
        """
        sql = (
            f"SELECT s.*, j.written_at FROM {self._journal} j JOIN {self._steps} s ON s.plan_id = j.plan_id AND s.number = j.number"
            " WHERE j.portal_id = ? AND j.state = ?"
            + (f" AND s.kind IN ({', '.join('?' * len(kinds))})" if kinds else "")
            + " ORDER BY s.plan_id, s.number"
        )
        return [
            (row["plan_id"], _stored_step(row), row["written_at"])
            for row in self.warehouse.query(sql, [portal_id, state, *kinds]).to_pylist()
        ]

    def query_run(self, run_id: str, *, kinds: Sequence[str]) -> Iterator[tuple[StoredStep, str | None]]:
        """Give the steps of these kinds that a run applied, in order, each with the record that was written."""
        sql = (
            f"SELECT s.*, j.record_id AS written_id FROM {self._journal} j"
            f" JOIN {self._steps} s ON s.plan_id = j.plan_id AND s.number = j.number"
            " WHERE j.run_id = ? AND j.state = 'applied'"
            f" AND s.kind IN ({', '.join('?' * len(kinds))}) ORDER BY s.plan_id, s.number"
        )
        for batch in put_aside(self.warehouse.query_batches(sql, [run_id, *kinds])):
            for row in batch.to_pylist():
                yield _stored_step(row), row["written_id"]

    def query_later(self, run_id: str, portal_id: int) -> dict[tuple[str, str], str]:
        """Give the rows (sync and key) that a later run wrote again, each with that run. Run ids ascend with time."""
        sql = (
            f"SELECT later.sync, later.row_key, max(later.run_id) AS run_id FROM {self._journal} later"
            f" JOIN {self._journal} mine ON mine.sync = later.sync AND mine.row_key = later.row_key AND mine.run_id = ?"
            " WHERE later.portal_id = ? AND later.state = 'applied' AND later.run_id > ? AND mine.state = 'applied'"
            " GROUP BY later.sync, later.row_key"
        )
        found = self.warehouse.query(sql, [run_id, portal_id, run_id]).to_pylist()
        return {(row["sync"], row["row_key"]): row["run_id"] for row in found}

    def query_applied(self, portal_id: int, sync: str, row_keys: Collection[str]) -> Iterator[StoredStep]:
        """Give the steps that were applied for these rows of a sync, older ones first."""
        for chunk in split_keys(row_keys):
            sql = (
                f"SELECT s.* FROM {self._journal} j JOIN {self._steps} s ON s.plan_id = j.plan_id AND s.number = j.number"
                " WHERE j.portal_id = ? AND j.sync = ? AND j.state = 'applied'"
                f" AND j.row_key IN ({', '.join('?' * len(chunk))}) ORDER BY j.written_at, j.plan_id, j.number"
            )
            yield from map(_stored_step, self.warehouse.query(sql, [portal_id, sync, *chunk]).to_pylist())

    def query_links_of(self, plan_id: str, sync: str, row_keys: Collection[str]) -> Iterator[StoredStep]:
        """Give the links that a plan makes for these rows of a sync."""
        for chunk in split_keys(row_keys):
            sql = (
                f"SELECT * FROM {self._steps} WHERE plan_id = ? AND sync = ? AND kind = 'set_links'"
                f" AND row_key IN ({', '.join('?' * len(chunk))}) ORDER BY number"
            )
            yield from map(_stored_step, self.warehouse.query(sql, [plan_id, sync, *chunk]).to_pylist())

    def query_outcomes(self, plan_id: str) -> Counter[tuple[str, str, str]]:
        """Count the steps of a plan by sync, kind and state (`pending` where the journal has none)."""
        sql = (
            "SELECT s.sync, s.kind, coalesce(j.state, 'pending') AS state, count(*) AS n"
            f" FROM {self._steps} s LEFT JOIN {self._journal} j ON j.plan_id = s.plan_id AND j.number = s.number"
            " WHERE s.plan_id = ? GROUP BY s.sync, s.kind, coalesce(j.state, 'pending')"
        )
        found = self.warehouse.query(sql, [plan_id]).to_pylist()
        return Counter({(row["sync"], row["kind"], row["state"]): row["n"] for row in found})


@dataclass(frozen=True)
class Span:
    """How many steps of one kind there are, and the numbers of the first and the last."""

    count: int
    first: int
    last: int


@dataclass(frozen=True)
class PlanSteps:
    """The steps of one plan that is made: they do not change any more, so where they are is asked once."""

    warehouse: Warehouse
    plan_id: str

    @cached_property
    def spans(self) -> Mapping[tuple[str, str], Span]:
        """Say by sync and kind how many steps there are, and where."""
        sql = (
            f"SELECT sync, kind, count(*) AS n, min(number) AS first, max(number) AS last FROM {self._steps}"
            " WHERE plan_id = ? GROUP BY sync, kind"
        )
        rows = self.warehouse.query(sql, [self.plan_id]).to_pylist()
        return {(row["sync"], row["kind"]): Span(int(row["n"]), int(row["first"]), int(row["last"])) for row in rows}

    def count(self, kinds: Sequence[str], sync: str) -> int:
        """Count the steps of these kinds of one sync."""
        return sum(span.count for span in self._among(kinds, sync))

    def query(
        self, kinds: Sequence[str] = (), *, sync: str | None = None, pending: bool = False
    ) -> Iterator[StoredStep]:
        """Give steps in order, a page at a time; `pending`: only those without a row in the journal."""
        spans = self._among(kinds, sync)
        last, end = min((each.first - 1 for each in spans), default=0), max((each.last for each in spans), default=0)
        while last < end:
            upto = min(end, last + SPAN)  # so that a page reads its part of the table, not all that follows
            page = self._query_page(kinds, sync, pending=pending, after=last, upto=upto)
            yield from page
            last = page[-1].number if len(page) == PAGE else upto

    def _among(self, kinds: Sequence[str], sync: str | None) -> list[Span]:
        return [
            span for (name, kind), span in self.spans.items() if sync in {None, name} and (not kinds or kind in kinds)
        ]

    def _query_page(
        self, kinds: Sequence[str], sync: str | None, *, pending: bool, after: int, upto: int
    ) -> list[StoredStep]:
        where, params = "s.plan_id = ? AND s.number > ? AND s.number <= ?", list[object]([self.plan_id, after, upto])
        if kinds:
            where += f" AND s.kind IN ({', '.join('?' * len(kinds))})"
            params += kinds
        if sync is not None:
            where += " AND s.sync = ?"
            params.append(sync)
        if pending:
            journal = self.warehouse.name(SCHEMA, JOURNAL.name)
            where += (
                f" AND NOT EXISTS (SELECT 1 FROM {journal} j WHERE j.plan_id = ? AND j.number > ? AND j.number <= ?"
                " AND j.plan_id = s.plan_id AND j.number = s.number)"
            )
            params += [self.plan_id, after, upto]
        sql = f"SELECT s.* FROM {self._steps} s WHERE {where} ORDER BY s.number LIMIT {PAGE}"
        return [_stored_step(row) for row in self.warehouse.query(sql, params).to_pylist()]

    @property
    def _steps(self) -> str:
        return self.warehouse.name(SCHEMA, PLAN_STEPS.name)


def _stored_plan(row: Row) -> StoredPlan:
    return StoredPlan(row["plan_id"], row["portal_id"], row["state"], row["header"], row["created_at"])


def _stored_step(row: Row) -> StoredStep:
    return StoredStep(row["number"], row["sync"], row["kind"], row["row_key"], row["record_id"], row["step"])


def _journal_row(plan_id: str, row: Row) -> JournalRow:
    named = row["number"], row["sync"], row["row_key"], row["state"], row["written_id"], row["reason"]
    return JournalRow(plan_id, *named)


def merge_plan(
    tx: Transaction, warehouse: Warehouse, stamp: Stamp, plan_id: str, state: str, header: str = "{}"
) -> None:
    """Write the head of a plan."""
    row = {
        "plan_id": plan_id,
        "portal_id": stamp.portal_id,
        "state": state,
        "header": header,
        "run_id": stamp.run_id,
        "created_at": stamp.at,
    }
    merge_row(tx, warehouse, PLANS, row)


def set_plan_state(tx: Transaction, warehouse: Warehouse, plan_id: str, state: str) -> None:
    """Say how far a plan is."""
    merge_row(tx, warehouse, PLANS, {"plan_id": plan_id, "state": state})


def append_steps(tx: Transaction, plan_id: str, steps: Iterable[StoredStep]) -> None:
    """Add steps to a plan."""
    rows = [{"plan_id": plan_id, **vars(step)} for step in steps]
    if rows:
        tx.append(PLAN_STEPS.table, table_from_rows(PLAN_STEPS.table, rows))


def delete_steps(tx: Transaction, plan_id: str, numbers: Collection[int]) -> None:
    """Take steps out of a plan that is being drafted."""
    if numbers:
        rows = [{"plan_id": plan_id, "number": number} for number in numbers]
        tx.delete(PLAN_STEPS.table, table_from_rows(PLAN_STEPS.table, rows).select(["plan_id", "number"]))


def delete_plan_steps(tx: Transaction, plan_id: str) -> None:
    """Take all steps out of a plan that was not finished."""
    tx.delete(PLAN_STEPS.table, pa.table({"plan_id": pa.array([plan_id])}))


def merge_journal(tx: Transaction, stamp: Stamp, rows: Iterable[JournalRow]) -> None:
    """Write intents, or results in their place."""
    chunk = [{**vars(row), **stamp.columns()} for row in rows]
    if chunk:
        tx.merge(JOURNAL.table, table_from_rows(JOURNAL.table, chunk))


def delete_journal(tx: Transaction, steps: Iterable[tuple[str, int]]) -> None:
    """Forget intents that turned out not to have been carried out, so that they may be tried again."""
    rows = [{"plan_id": plan_id, "number": number} for plan_id, number in steps]
    if rows:
        tx.delete(JOURNAL.table, table_from_rows(JOURNAL.table, rows).select(["plan_id", "number"]))


def merge_rejected(tx: Transaction, rows: Sequence[Row]) -> None:
    """Write what could not be done, one row a detail."""
    unique = {(row["portal_id"], row["sync"], row["row_key"], row["detail"]): row for row in rows}
    if unique:
        tx.merge(REJECTED.table, table_from_rows(REJECTED.table, unique.values()))


def delete_rejected(tx: Transaction, portal_id: int, sync: str, row_keys: Collection[str] | None = None) -> None:
    """Forget what could not be done before: of these rows, or of the whole sync."""
    keys: dict[str, pa.Array] = {"portal_id": pa.array([portal_id], pa.int64()), "sync": pa.array([sync])}
    if row_keys is None:
        tx.delete(REJECTED.table, pa.table(keys))
    elif row_keys:
        rows = [{"portal_id": portal_id, "sync": sync, "row_key": key} for key in row_keys]
        tx.delete(REJECTED.table, table_from_rows(REJECTED.table, rows).select(list(rows[0])))
