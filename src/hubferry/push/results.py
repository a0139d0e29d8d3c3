"""What became of a step, and what the ledger keeps of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hubferry.hubspot.rejections import Rejection
from hubferry.push.advice import render_advice
from hubferry.push.draft import kind_of, unique_links
from hubferry.push.standing import record_attempts, record_link_attempts
from hubferry.push.steps import (
    AddOptions,
    ArchiveRecord,
    Claim,
    ConflictEntry,
    CreateLabel,
    CreateProperty,
    CreateRecord,
    End,
    HoldRow,
    InvalidEntry,
    LinkStep,
    Step,
    TypeRef,
    UpdateRecord,
)
from hubferry.state import ledger, plans
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerReader, LedgerRow, LinkRow, Stamp
from hubferry.state.plans import JournalRow
from hubferry.warehouse.interface import Warehouse


@dataclass(frozen=True)
class Parent:
    """A record that a create links its own one to, unlabelled, in the same write."""

    end: End
    type: TypeRef
    """In the direction from the new record."""
    claims: tuple[Claim, ...] = ()
    """What the ledger keeps of the link."""

    @property
    def place(self) -> tuple[str, int]:
        """Say which of several comes first."""
        return self.end.object, int(self.end.record_id or 0)


@dataclass(frozen=True)
class SentStep:
    """A step on its way: its place in the plan, its sync, and what it says."""

    number: int
    sync: str
    step: Step
    intended_at: datetime | None = None
    """HubSpot's time when its intent was committed: a record older than that was not made by it."""
    as_create: bool = False
    """An upsert that is sent as a plain create, so that HubSpot refuses it where its record appeared after the plan."""
    again: bool = False
    """It was sent before and its answer got lost: a record that is there by now may be of that."""
    parent: Parent | None = None
    """Of a create that no unique value guards: what its record is linked to by the same write."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One step's outcome: applied, rejected, skipped or unknown."""

    number: int
    sync: str
    step: Step
    state: str
    record_id: str | None = None
    stored: Mapping[str, str | None] | None = None
    """What HubSpot's answer, or a read, said the record holds."""
    created: bool = False
    message: str | None = None
    category: str | None = None
    correlation_id: str | None = None
    advice: str | None = None
    due: bool = False
    """Applied, but not surely as asked: the next push looks at the row again."""
    intended_at: datetime | None = None
    """Of an unknown one: when it was sent."""
    claims: tuple[LinkRow, ...] = ()
    released: tuple[LinkRow, ...] = ()
    link: LinkStep | None = None
    """Of a link: the step with both record ids."""


def record_results(warehouse: Warehouse, lease: Lease, stamp: Stamp, plan_id: str, results: Sequence[Result]) -> None:
    """Make results durable in one transaction: journal, ledger, links, and the list of what could not be done."""
    if not results:
        return
    rows = [row for each in results if (row := _ledger_row(each)) is not None]
    gone = [each for each in results if isinstance(each.step, ArchiveRecord) and each.state == "applied"]
    unlinked = _query_linked(LedgerReader(warehouse, stamp.portal_id), gone)
    with lease.transaction() as tx:
        lost = [each for each in results if each.state == "unknown" and each.intended_at is not None]
        plans.merge_journal(tx, stamp, (_journal_row(plan_id, each) for each in results if each not in lost))
        for each in lost:  # when it was sent decides which records may be it
            at = replace(stamp, at=each.intended_at or stamp.at)
            plans.merge_journal(tx, at, [_journal_row(plan_id, each)])
        ledger.merge_ledger(tx, stamp, rows)
        undone = [each for each in results if each.state != "applied"]
        due = {*unlinked, *((each.sync, each.step.row_key) for each in undone)}
        ledger.clear_hashes(tx, warehouse, stamp.portal_id, due)
        for each in gone:
            ledger.delete_ledger(tx, stamp.portal_id, each.sync, [each.step.row_key])
            if isinstance(each.step, ArchiveRecord):
                ledger.delete_links_at(tx, stamp.portal_id, each.step.object, [each.step.record_id])
        ledger.delete_links(tx, stamp.portal_id, (row for each in results for row in each.released))
        ledger.merge_links(tx, stamp, unique_links(row for each in results for row in each.claims))
        plans.merge_rejected(tx, [rejected_row(stamp, each) for each in undone])
        written = [
            (each.sync, each.step, each.state, each.message or "")
            for each in results
            if isinstance(each.step, CreateRecord | UpdateRecord)
        ]
        record_attempts(tx, warehouse, stamp, written)
        record_link_attempts(
            tx,
            warehouse,
            stamp,
            [(each.sync, each.link, each.state, each.message or "") for each in results if each.link],
        )


def _query_linked(reader: LedgerReader, gone: Sequence[Result]) -> set[tuple[str, str]]:
    """Give the rows, by sync and key, whose links go with these archived records: the next push says what became of each."""
    ids: dict[str, set[str]] = defaultdict(set)
    for each in gone:
        if isinstance(each.step, ArchiveRecord):
            ids[each.step.object].add(each.step.record_id)
    return {(row.sync, row.row_key) for name, some in ids.items() for row in reader.query_links_at(name, some)}


def _journal_row(plan_id: str, each: Result) -> JournalRow:
    record_id = each.record_id or getattr(each.step, "record_id", None)
    return JournalRow(plan_id, each.number, each.sync, each.step.row_key, each.state, record_id, each.message)


def _ledger_row(each: Result) -> LedgerRow | None:
    step = each.step
    if each.state != "applied" or not isinstance(step, CreateRecord | UpdateRecord) or each.record_id is None:
        return None
    return LedgerRow(
        sync=each.sync,
        row_key=step.row_key,
        object=step.object,
        record_id=each.record_id,
        row_hash="" if each.due else step.row_hash,
        sent=step.sent,
        stored=build_stored(step, each.stored or {}),
        created=each.created,
    )


def build_stored(step: CreateRecord | UpdateRecord, answer: Mapping[str, str | None]) -> dict[str, str | None]:
    """Give what HubSpot holds of a row after a step: as its answer says, else as it was before.

    A property that a policy left alone, or that the row has no value of this time, keeps its older base. A changed one that
    the answer leaves out keeps the old value: where HubSpot ignored the new one, the next plan finds exactly that and does not
    send it again.
    """
    if isinstance(step, CreateRecord):
        return {name: answer.get(name) for name in step.sent}
    written = {change.property for change in step.changes}
    return {**step.stored, **{name: answer[name] for name in written & answer.keys()}}


def rejected_row(stamp: Stamp, each: Result) -> dict[str, object]:
    """Give the row of the rejected table."""
    detail = render_detail(each.step)
    return {
        "portal_id": stamp.portal_id,
        "sync": each.sync,
        "row_key": each.step.row_key,
        "detail": detail,
        "state": each.state,
        "step": kind_of(each.step),
        "message": each.message or "",
        "category": each.category,
        "correlation_id": each.correlation_id,
        "advice": each.advice or "",
        "run_id": stamp.run_id,
        "recorded_at": stamp.at,
    }


def render_detail(step: Step) -> str:
    """Name what of a row a step is about."""
    if isinstance(step, CreateRecord | UpdateRecord | ArchiveRecord | HoldRow):
        return "row"
    if isinstance(step, InvalidEntry):
        return step.detail
    if isinstance(step, CreateLabel):
        return f"label {step.label!r} of {step.from_object} - {step.to_object}"
    if isinstance(step, ConflictEntry):
        return step.conflict.property
    if isinstance(step, CreateProperty | AddOptions):
        return f"property {step.property}"
    ends = [f"{end.object} {end.record_id or f'of row {end.row_key}'}" for end in (step.from_, step.to)]
    return f"link {ends[0]} - {ends[1]}"


def skipped(each: SentStep, reason: str, advice: str, *, state: str = "skipped") -> Result:
    """Give the result of a step that was not sent."""
    return Result(number=each.number, sync=each.sync, step=each.step, state=state, message=reason, advice=advice)


def unknown(each: SentStep) -> Result:
    """Give the result of a step that was sent and cannot be seen."""
    reason = "sent, but HubSpot's answers were lost; it could not be seen whether it was carried out"
    advice = "Push again: it is looked up before anything is sent."
    if isinstance(each.step, CreateRecord) and each.step.searched:
        advice = (
            f"Look in HubSpot, then: hubferry resolve {each.sync} {each.step.row_key} --record ID, or, if it is not there:"
            " --resend"
        )
    return replace(skipped(each, reason, advice, state="unknown"), intended_at=each.intended_at)


def rejected(each: SentStep, rejection: Rejection) -> Result:
    """Give the result of a step that HubSpot refused."""
    return Result(
        number=each.number,
        sync=each.sync,
        step=each.step,
        state="rejected",
        message=rejection.message,
        category=rejection.category,
        correlation_id=rejection.correlation_id,
        advice=render_advice(rejection.message, rejection.category),
    )
