"""Sends the record steps of a plan: 100 a call, each with a trace id, and finds out what became of every one."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from hubferry.errors import HubferryError
from hubferry.hubspot.associations import LinkType
from hubferry.hubspot.client import Client
from hubferry.hubspot.rejections import Rejection
from hubferry.hubspot.writers import Applied, BatchKind, BatchOutcome, RecordInput, send_batch
from hubferry.push import keyless, parents, reconcile
from hubferry.push.observed import Observed, fetch_observed_by_name, parse_moment
from hubferry.push.results import Parent, Result, SentStep, rejected, skipped, unknown
from hubferry.push.steps import ArchiveRecord, CreateRecord, HoldRow, Step, UpdateRecord
from hubferry.state.crash import crashpoint
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerReader
from hubferry.state.plans import PAGE, PlanReader, StoredStep
from hubferry.warehouse.interface import Warehouse

BATCH = 100
FRESH_SECONDS = 60.0
"""A value observed longer ago is read again just before it is written over."""
MOVED_ADVICE = "Plan again: the step is compared with the record as it is now."
ATTEMPTS = 2
"""Times a write of unknown outcome is looked up and, where it was not carried out, sent again."""

Group = tuple[str, BatchKind, str]
"""Object, kind of batch, unique property (upserts only)."""


class Journal(Protocol):
    """Where intents and results are made durable."""

    def intend(self, chunk: Sequence[StoredStep]) -> list[SentStep]:
        """Commit that these steps are about to be sent, and give them."""

    def record(self, results: Sequence[Result]) -> None:
        """Commit what became of steps."""


@dataclass
class RecordSender:
    """Writes records; one per apply.

    While one chunk is on its way the intents of the next are committed, so that the calls never wait for the warehouse.
    """

    client: Client
    warehouse: Warehouse
    lease: Lease
    observed_at: float
    journal: Journal
    _stopped: threading.Event = field(default_factory=threading.Event)
    _answered: list[Result] = field(default_factory=list)
    _lost: list[SentStep] = field(default_factory=list)
    _parents: Mapping[int, Parent] = field(default_factory=dict)

    def send(self, chunks: Iterable[Sequence[StoredStep]]) -> None:
        """Send chunk after chunk; raises the error that stopped the rest, when all that was answered is recorded."""
        self._stopped.clear()
        failure: HubferryError | None = None
        try:
            for answered, open_, error in self.client.map(self._send_batch, self._feed(chunks)):
                self._answered += answered
                self._lost += open_
                failure = failure or error
                if len(self._answered) >= PAGE:
                    self._flush()
        finally:
            self._flush()
        if failure is None:
            failure = self._settle_lost()
        if failure is not None:
            raise failure

    def send_searched(self, chunks: Iterable[Sequence[StoredStep]], reader: PlanReader, plan_id: str) -> None:
        """Send creates that nothing guards: one batch at a time, and what is lost is found before the next goes."""
        for stored in chunks:
            places = ((each.number, each.sync, each.row_key) for each in stored)
            self._parents = parents.query_parents(reader, plan_id, places)
            for start in range(0, len(stored), BATCH):
                self.send([stored[start : start + BATCH]])

    def _feed(self, chunks: Iterable[Sequence[StoredStep]]) -> Iterator[tuple[Group, Sequence[SentStep]]]:
        """Give batches; drawing the first of a chunk commits its intents."""
        for stored in chunks:
            if self._stopped.is_set():
                return
            chunk = self.journal.intend(stored)
            self._answered += [
                skipped(each, each.step.reason, each.step.advice, state=each.step.outcome)
                for each in chunk
                if isinstance(each.step, HoldRow)
            ]
            old = {each.number for each in chunk if self._is_old(each.step)}
            moved = self._fetch_moved([each for each in chunk if each.number in old])
            self._answered += moved
            settled = {each.number for each in moved}
            yield from _batches(
                [
                    self._with_parent(_guarded(each) if each.number in old else each)
                    for each in chunk
                    if each.number not in settled and not isinstance(each.step, HoldRow)
                ]
            )

    def _with_parent(self, each: SentStep) -> SentStep:
        parent = self._parents.get(each.number)
        return each if parent is None else replace(each, parent=parent)

    def _flush(self) -> None:
        results, self._answered = self._answered, []
        crashpoint("push.batch_answered")
        self.journal.record(_with_origin(results, LedgerReader(self.warehouse, self.lease.portal_id)))

    def _settle_lost(self) -> HubferryError | None:
        lost, self._lost = self._lost, []
        if not lost:
            return None
        ledger = LedgerReader(self.warehouse, self.lease.portal_id)
        searched = [each for each in lost if reconcile.is_searched(each.step)]
        failure: HubferryError | None = None
        if searched:
            found = keyless.await_created(self.client, ledger, self.lease, searched)
            self._answered += [found.get(each.number) or unknown(each) for each in searched]
        if guarded := [each for each in lost if not reconcile.is_searched(each.step)]:
            looked_up, failure = self._look_up(guarded, ledger)
            self._answered += looked_up
        self._flush()
        return failure

    def _send_batch(
        self, batch: tuple[Group, Sequence[SentStep]]
    ) -> tuple[list[Result], list[SentStep], HubferryError | None]:
        """Send one batch; an error comes back as a value, so that what others answered is not lost with it.

        A create that is refused together with its link is sent once more alone: the link's own step says what is wrong with it.
        """
        (object_name, kind, _), steps = batch
        if self._stopped.is_set():  # what ended one batch (quota, token, lease) would end this one: its intents stay
            return [], [], None
        try:
            self.lease.require()
            outcome = send_batch(self.client, object_name, kind, [build_input(each) for each in steps])
        except HubferryError as error:
            self._stopped.set()
            return [], [], error
        results, lost = _read_outcome(outcome, steps)
        if outcome.error is not None:
            self._stopped.set()
            return results, lost, outcome.error
        refused = {each.number for each in results if each.state == "rejected"}
        if alone := [replace(each, parent=None) for each in steps if each.parent and each.number in refused]:
            answered, open_, ending = self._send_batch((batch[0], alone))
            settled = {one.number for one in answered} | {one.number for one in open_}
            results = [each for each in results if each.number not in settled]
            return [*results, *answered], [*lost, *open_], ending
        return results, lost, None

    def _look_up(self, lost: Sequence[SentStep], ledger: LedgerReader) -> tuple[list[Result], HubferryError | None]:
        """Read back what has no known outcome; send again only what HubSpot shows as not carried out."""
        results: list[Result] = []
        try:
            for _ in range(ATTEMPTS):
                done = reconcile.fetch_outcomes(self.client, ledger, lost)
                results += done.values()
                pending, lost = [each for each in lost if each.number not in done], []
                for batch in _batches([replace(each, again=True) for each in pending]):
                    answered, open_, error = self._send_batch(batch)
                    results += answered
                    if error is not None:
                        return results, error
                    lost += open_
                results = self._find_late(pending, results, ledger)
            done = reconcile.fetch_outcomes(self.client, ledger, lost)
        except HubferryError as error:
            return results, error
        return [*results, *done.values(), *(unknown(each) for each in lost if each.number not in done)], None

    def _find_late(self, again: Sequence[SentStep], results: Sequence[Result], ledger: LedgerReader) -> list[Result]:
        """A plain create that was refused when it was sent again may have been carried out the first time, late."""
        refused = {each.number for each in results if each.state in {"skipped", "rejected"}}
        creates = [each for each in again if isinstance(each.step, CreateRecord) and not each.step.upsert]
        found = reconcile.fetch_outcomes(self.client, ledger, [each for each in creates if each.number in refused])
        return [found.get(each.number, each) for each in results]

    def _is_old(self, step: Step) -> bool:
        """Tell whether what a step was compared with was read a while ago, or before another run (`observed_at` is 0)."""
        read_at = getattr(step, "read_at", 0.0) if self.observed_at else 0.0
        return self.client.present().timestamp() - max(read_at, self.observed_at) > FRESH_SECONDS

    def _fetch_moved(self, chunk: Sequence[SentStep]) -> list[Result]:
        """Look again at records that were read a while ago; give a result for each step whose record moved since."""
        groups: dict[str, list[SentStep]] = defaultdict(list)
        for each in chunk:
            if isinstance(each.step, UpdateRecord | ArchiveRecord):
                groups[each.step.object].append(each)
        results: list[Result] = []
        for object_name, steps in groups.items():
            asked = {reconcile.asked_key(each.step) for each in steps}
            names = {name for each in steps for name in reconcile.written_names(each.step)}
            found = fetch_observed_by_name(self.client, object_name, asked, names)
            for each in steps:
                reason = _moved(each.step, found.get(reconcile.asked_key(each.step)))
                if reason:
                    results.append(skipped(each, reason, MOVED_ADVICE))
        return results


def _guarded(each: SentStep) -> SentStep:
    """Have HubSpot itself refuse a create whose record appeared since the plan looked.

    An upsert would write over it; a plain create of a unique value that is taken is refused. So creates are not read again.
    """
    if isinstance(each.step, CreateRecord) and each.step.upsert:
        return replace(each, step=msgspec.structs.replace(each.step, upsert=False), as_create=True)
    return each


def _appeared(each: SentStep, rejection: Rejection) -> bool:
    """Tell whether HubSpot refused a create since a record has its match value by now."""
    step = each.step
    if not each.as_create or not isinstance(step, CreateRecord):
        return False
    if step.match == "email":
        return rejection.category in {"CONFLICT", "OBJECT_ALREADY_EXISTS"} or "already exists" in rejection.message
    return f"propertyName={step.match}," in rejection.message and "already has that value" in rejection.message


def _moved(step: object, record: Observed | None) -> str | None:
    if not isinstance(step, UpdateRecord | ArchiveRecord):
        return None
    if record is None:
        return "the record was archived or deleted after the plan"
    if record.record_id != step.record_id:
        return f"the record was merged into {record.record_id} after the plan"
    changes = step.changes if isinstance(step, UpdateRecord) else ()
    moved = [each.property for each in changes if (record.values.get(each.property) or "") != (each.old or "")]
    return f"changed in HubSpot after the plan: {', '.join(moved)}" if moved else None


def build_group(step: Step) -> Group:
    """Name the batch that a step goes into."""
    match step:
        case CreateRecord():
            return (step.object, "upsert", step.match) if step.upsert else (step.object, "create", "")
        case UpdateRecord():
            return step.object, "update", ""
        case ArchiveRecord():
            return step.object, "archive", ""
        case _:
            raise TypeError(f"a {type(step).__name__} is not sent as a record")


def build_input(each: SentStep) -> RecordInput:
    """Give one step as the row of a batch."""
    step, trace_id = each.step, str(each.number)
    match step:
        case CreateRecord() if step.upsert:
            properties = {name: text for name, text in step.properties.items() if name != step.match}
            return RecordInput(trace_id=trace_id, id=step.value, id_property=step.match, properties=properties)
        case CreateRecord():
            return RecordInput(
                trace_id=trace_id, id=None, id_property=None, properties=step.properties, linked=_linked(each)
            )
        case UpdateRecord():
            properties = {change.property: change.new for change in step.changes}
            return RecordInput(trace_id=trace_id, id=step.record_id, id_property=None, properties=properties)
        case ArchiveRecord():
            return RecordInput(trace_id=trace_id, id=step.record_id, id_property=None, properties={})
        case _:
            raise TypeError(f"a {type(step).__name__} is not sent as a record")


def _linked(each: SentStep) -> tuple[str, LinkType] | None:
    if each.parent is None or each.parent.end.record_id is None:
        return None
    return each.parent.end.record_id, LinkType(each.parent.type.category, each.parent.type.type_id)


def _read_outcome(outcome: BatchOutcome, steps: Sequence[SentStep]) -> tuple[list[Result], list[SentStep]]:
    """Match the answer to its inputs by trace id; what it does not cover is unknown."""
    results: list[Result] = []
    lost: list[SentStep] = []
    for each in steps:
        trace_id = str(each.number)
        if trace_id in outcome.applied:
            results.append(_applied(each, outcome.applied[trace_id]))
        elif trace_id in outcome.rejected:
            results.append(_refused(each, outcome.rejected[trace_id]))
        else:
            lost.append(each)
    return results, lost


def _refused(each: SentStep, rejection: Rejection) -> Result:
    if not _appeared(each, rejection):
        return rejected(each, rejection)
    match = each.step.match if isinstance(each.step, CreateRecord) else ""
    record = f"record {rejection.existing_id}" if rejection.existing_id else "a record"
    return skipped(each, f"{record} with this {match} appeared after the plan", MOVED_ADVICE)


def _applied(each: SentStep, applied: Applied) -> Result:
    record = applied.record
    create = each.step if isinstance(each.step, CreateRecord) else None
    new = create is not None and (applied.new or not create.upsert)
    since = parse_moment(record.createdAt) if record else None
    late = create is not None and (each.again or applied.repeated) and reconcile.is_younger(since, each.intended_at)
    return Result(
        number=each.number,
        sync=each.sync,
        step=each.step,
        state="applied",
        record_id=record.id if record else getattr(each.step, "record_id", None),
        stored=record.properties if record else None,
        created=new or late,  # one that is not new to a first try is somebody else's, however young
        due=create is not None and not new,  # it was there after all: what it held was not compared
        claims=parents.build_claims(each, create.object, record.id) if create and record else (),
    )


def _with_origin(results: list[Result], ledger: LedgerReader) -> list[Result]:
    """An update does not change who made the record."""
    updated: dict[str, list[str]] = defaultdict(list)
    for each in results:
        if isinstance(each.step, UpdateRecord) and each.state == "applied":
            updated[each.sync].append(each.step.row_key)
    known = {(sync, key): row for sync, keys in updated.items() for key, row in ledger.query_rows(sync, keys).items()}
    return [
        replace(each, created=True)
        if (row := known.get((each.sync, each.step.row_key))) and row.created and row.record_id == each.record_id
        else each
        for each in results
    ]


def _batches(steps: Sequence[SentStep]) -> list[tuple[Group, Sequence[SentStep]]]:
    groups: dict[Group, list[SentStep]] = defaultdict(list)
    for each in steps:
        groups[build_group(each.step)].append(each)
    return [
        (group, found[start : start + BATCH])
        for group, found in groups.items()
        for start in range(0, len(found), BATCH)
    ]
