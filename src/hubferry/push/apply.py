"""The only code that writes to HubSpot: sends a stored plan, intents first, and accounts for every step.

Order: head marked as applying; per chunk: intents committed, batches sent, results committed; records of all syncs before
links. A run that dies in between leaves intents, which the next one looks up before anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

import msgspec

from hubferry.config.model import Sync
from hubferry.errors import GuardError, HeldError, PlanError, StalePlanError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.push import reconcile
from hubferry.push.accounting import Outcome, build_outcomes
from hubferry.push.cadence import choose_compared
from hubferry.push.caution import check_guards, check_reviewed
from hubferry.push.draft import GUARDED_KINDS, LABEL_KINDS, LINK_KINDS, SETUP_KINDS, UNGUARDED_KINDS, load_step
from hubferry.push.links_ahead import StepsAhead
from hubferry.push.plan import Plan, build_fingerprint, build_mappings, build_plan, end_state, query_plan
from hubferry.push.portal import Portal
from hubferry.push.rejected import start_rejected
from hubferry.push.results import Result, SentStep, record_results
from hubferry.push.send_labels import LabelSender
from hubferry.push.send_links import LinkSender
from hubferry.push.send_records import RecordSender
from hubferry.push.setup import send_setup
from hubferry.push.steps import CreateLabel
from hubferry.state import plans
from hubferry.state.crash import crashpoint
from hubferry.state.holds import merge_holds, query_holds
from hubferry.state.leases import Lease
from hubferry.state.ledger import Stamp
from hubferry.state.plans import INTENDED, PAGE, JournalRow, PlanReader, PlanSteps, StoredPlan, StoredStep
from hubferry.state.store import StateStore
from hubferry.types import Progress, Quiet
from hubferry.warehouse.interface import Warehouse

CANARY_KINDS = ("create", "update", *UNGUARDED_KINDS)
_BAD = frozenset({"rejected", "unknown"})


@dataclass(frozen=True)
class PushReport:
    """What a push did. `rows` and `links` by sync; `exit_code` as the command ends."""

    run_id: str
    plan: Plan
    rows: Mapping[str, Outcome]
    links: Mapping[str, Outcome]
    calls: int
    seconds: float

    @property
    def open_by_sync(self) -> dict[str, int]:
        """How many rows and links are invalid, rejected or unknown, by sync; those of which everything was done are left out."""
        found = {name: counts.invalid + counts.links_invalid for name, counts in self.plan.counts.items()}
        for outcomes in (self.rows, self.links):
            for name, each in outcomes.items():
                found[name] += each.rejected + each.unknown
        return {name: number for name, number in found.items() if number}

    @property
    def rows_open(self) -> int:
        """How many rows and links are invalid, rejected or unknown."""
        return sum(self.open_by_sync.values())

    @property
    def exit_code(self) -> int:
        """0, or 1 when a row or link is invalid, rejected or unknown."""
        return int(self.rows_open > 0)


def apply_plan(
    plan_id: str,
    *,
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    syncs: Sequence[Sync],
    wait_seconds: float = 0,
    progress: Progress | None = None,
) -> PushReport:
    """Write exactly what the stored plan says and account for every step; a plan cut short before is continued.

    Raises StalePlanError when a sync or a property moved since (nothing is written), GuardError when a guard does not hold.
    """
    state.migrate()
    plan = query_plan(state, plan_id)
    portal_id = _check_portal(plan, client)
    with _run("apply", state, portal_id, {"plan": plan_id}, wait_seconds) as (lease, counts):
        if plan.undoes is None:
            check_not_held(warehouse, portal_id, plan.syncs)
            _check_fresh(plan, [sync for sync in syncs if sync.name in plan.syncs], client, warehouse)
        report = _Applier(client, warehouse, state, lease, plan, progress or Quiet()).apply()
        counts.update(_render_counts(report))
    return report


def run_push(
    *,
    syncs: Sequence[Sync],
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    full: bool = False,
    canary: int | None = None,
    retry: bool = False,
    wait_seconds: float = 0,
    progress: Progress | None = None,
) -> PushReport:
    """Plan and apply several syncs as one run, under their guards; over a guard the plan stays stored and GuardError names it.

    `retry`: only the rows that could not be done before, those too whose next try is not due yet.

    `canary`: so many records are written first, and the rest only where HubSpot took all of them.
    """
    state.migrate()
    told = progress or Quiet()
    portal_id = fetch_account(client).portal_id
    names = [sync.name for sync in syncs]
    compared = names if full else () if retry else choose_compared(syncs, state, portal_id)
    detail = {"syncs": names, "full": full, "compared": compared}
    check_not_held(warehouse, portal_id, names)
    with _run("retry" if retry else "push", state, portal_id, detail, wait_seconds) as (lease, counts):
        plan = build_plan(
            syncs=syncs,
            client=client,
            warehouse=warehouse,
            state=state,
            full=full,
            compared=compared,
            retry=retry,
            lease=lease,
            progress=told,
        )
        check_guards(plan)
        check_reviewed(plan, syncs)
        report = _Applier(client, warehouse, state, lease, plan, told, canary).apply()
        counts.update(_render_counts(report))
    return report


@contextmanager
def _run(
    kind: str, state: StateStore, portal_id: int, detail: Mapping[str, object], wait_seconds: float
) -> Iterator[tuple[Lease, dict[str, int]]]:
    """Hold the portal for one run, and record how it ended."""
    run_id, counts = state.start_run(kind, portal_id, detail), dict[str, int]()
    try:
        with state.acquire(portal_id, run_id=run_id, wait_seconds=wait_seconds) as lease:
            yield lease, counts
    except BaseException as error:
        state.finish_run(run_id, end_state(error), counts, str(error) or type(error).__name__)
        raise
    state.finish_run(run_id, "done", counts)


def check_not_held(warehouse: Warehouse, portal_id: int, syncs: Iterable[str]) -> None:
    """Raise HeldError where one of these syncs is on hold."""
    holds = query_holds(warehouse, portal_id)
    for name in syncs:
        if name in holds:
            raise HeldError(
                f"sync {name!r} is on hold: {holds[name]}. Nothing was written. To let it go on: hubferry resume {name}"
            )


def _check_portal(plan: Plan, client: Client) -> int:
    portal_id = fetch_account(client).portal_id
    if portal_id != plan.portal_id:
        raise StalePlanError(
            f"plan {plan.id} was made for portal {plan.portal_id}, and this token belongs to portal {portal_id};"
            " nothing was written. Use that portal's token, or plan anew."
        )
    return portal_id


def _check_fresh(plan: Plan, syncs: Sequence[Sync], client: Client, warehouse: Warehouse) -> None:
    by_name = {sync.name: sync for sync in syncs}
    missing = [name for name in plan.syncs if name not in by_name]
    if not missing:
        ordered = [by_name[name] for name in plan.syncs]
        portal = Portal(client, made_labels=_query_made_labels(plan, warehouse))
        if build_fingerprint(build_mappings(ordered, portal, warehouse)) == plan.fingerprint:
            return
    what = f"the sync {missing[0]!r} is gone" if missing else "a sync, or a property or label it uses, was changed"
    raise StalePlanError(
        f"plan {plan.id}: {what} since the plan was made; nothing was written. Plan anew: hubferry plan {' '.join(plan.syncs)}"
    )


def _query_made_labels(plan: Plan, warehouse: Warehouse) -> list[tuple[str, str, str]]:
    """Give the labels that a plan makes itself: where it was cut short, some are there."""
    steps = (load_step(each) for each in PlanReader(warehouse).query_steps(plan.id, kinds=LABEL_KINDS))
    return [(each.from_object, each.to_object, each.label) for each in steps if isinstance(each, CreateLabel)]


@dataclass
class _Applier:
    client: Client
    warehouse: Warehouse
    state: StateStore
    lease: Lease
    plan: Plan
    progress: Progress
    canary: int | None = None

    @cached_property
    def steps(self) -> PlanSteps:
        """The plan's steps."""
        return PlanSteps(self.warehouse, self.plan.id)

    def apply(self) -> PushReport:
        """Send records, then links, then account for all of them."""
        check_guards(self.plan)
        reader = PlanReader(self.warehouse)
        stored = self._require_startable(reader)
        started, calls = self.state.clock.monotonic(), self.client.usage.counted
        stamp = self.stamp()
        if self.plan.epoch != self.lease.epoch:  # else the plan did so, and nobody could send anything since
            reconcile.settle_open_intents(self.client, self.warehouse, self.lease, stamp)
        self._begin(reader, stored, stamp)
        with self._writing():
            self._send_plan(reader)
        rows, linked = build_outcomes(self.plan, reader.query_outcomes(self.plan.id))
        with self.lease.transaction() as tx:
            plans.set_plan_state(tx, self.warehouse, self.plan.id, "applied")
        seconds = self.state.clock.monotonic() - started
        return PushReport(self.lease.run_id, self.plan, rows, linked, self.client.usage.counted - calls, seconds)

    def _begin(self, reader: PlanReader, stored: StoredPlan, stamp: Stamp) -> None:
        """Mark the plan as applying. One that is gone on with keeps what it listed as rejected before it was cut short."""
        invalid = list(self.steps.query(("invalid", "conflict")))
        older = [each for each in reader.query_startable(self.plan.portal_id) if each.plan_id != self.plan.id]
        with self.lease.transaction() as tx:
            if self.plan.undoes is not None:
                reason = f"run {self.plan.undoes} was undone by {self.lease.run_id}"
                merge_holds(tx, self.plan.portal_id, self.plan.syncs, reason, stamp.at)
            elif stored.state != "applying":
                start_rejected(tx, stamp, self.plan.syncs, invalid, only=self.plan.only)
            for each in older:
                if set(self.plan.syncs) & set(msgspec.json.decode(each.header, type=Plan).syncs):
                    plans.set_plan_state(tx, self.warehouse, each.plan_id, "superseded")
            plans.set_plan_state(tx, self.warehouse, self.plan.id, "applying")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Have the client ask the lease before every attempt of a write, also after it waited."""
        self.client.before_write = self.lease.require
        try:
            yield
        finally:
            self.client.before_write = None

    def _send_plan(self, reader: PlanReader) -> None:
        """What the portal must define first, then the records of all syncs, then their links."""
        observed_at = self.plan.observed_at if self._saw_the_latest() else 0.0
        for sync in self.plan.syncs:
            self._define(sync)
        if self.canary is not None:
            self._send_canary(self.canary, reader, observed_at)
        for sync in self.plan.syncs:
            self._send_records(sync, reader, observed_at)
        labels = LabelSender(self.client, self.warehouse, self.lease)
        links = LinkSender(self.client, self.warehouse, self.lease, observed_at)
        for sync in self.plan.syncs:
            for stored in self._pages(LABEL_KINDS, "labels", sync):
                self._send_links(labels, stored)
        for sync in self.plan.syncs:
            steps = StepsAhead(self.steps.query(LINK_KINDS, sync=sync, pending=True))
            for stored in self._pages(LINK_KINDS, "links", sync, steps):
                links.look_ahead(stored, steps)
                self._send_links(links, stored)

    def _define(self, sync: str) -> None:
        """Make properties and options; the plan's fingerprint is of what the portal then defines, see `mapping`."""
        for stored in list(self.steps.query(SETUP_KINDS, sync=sync, pending=True)):
            journal = _Journal(self)
            (each,) = journal.intend([stored])
            send_setup(self.client, each.step)
            journal.record([Result(number=each.number, sync=sync, step=each.step, state="applied")])

    def _send_canary(self, number: int, reader: PlanReader, observed_at: float) -> None:
        """Write some records and stop where HubSpot did not take all of them; the plan can be gone on with by its id."""
        first = list(islice(self.steps.query(CANARY_KINDS, pending=True), number))
        guarded = [each for each in first if each.kind not in UNGUARDED_KINDS]
        searched = [each for each in first if each.kind in UNGUARDED_KINDS]
        journal = _Journal(self)
        sender = RecordSender(self.client, self.warehouse, self.lease, observed_at, journal)
        sender.send(guarded[start : start + PAGE] for start in range(0, len(guarded), PAGE))
        sender.send_searched([searched] if searched else [], reader, self.plan.id)
        journal.check()
        counted = reader.query_outcomes(self.plan.id)
        refused = {key: n for key, n in counted.items() if key[1] in CANARY_KINDS and key[2] in _BAD}
        if bad := sum(refused.values()):
            why = ", ".join(f"hubferry rejected {sync}" for sync in sorted({sync for sync, _, _ in refused}))
            raise GuardError(
                f"{bad} of the first {len(first)} records were not taken by HubSpot, so the rest of plan {self.plan.id} was not"
                f" sent. See why: {why}. To go on all the same: hubferry apply {self.plan.id}",
                plan_id=self.plan.id,
            )

    def _send_records(self, sync: str, reader: PlanReader, observed_at: float) -> None:
        journal = _Journal(self)
        sender = RecordSender(self.client, self.warehouse, self.lease, observed_at, journal)
        sender.send(self._pages(GUARDED_KINDS, "records", sync))
        sender.send_searched(self._pages(UNGUARDED_KINDS, "new records", sync), reader, self.plan.id)
        journal.check()

    def _saw_the_latest(self) -> bool:
        """Tell whether no other run held the portal since the plan looked at it: else all is read again, however young."""
        return self.lease.epoch <= self.plan.epoch + 1

    def stamp(self) -> Stamp:
        """Give who writes, and when."""
        return Stamp(self.plan.portal_id, self.lease.run_id, self.client.now())

    def _require_startable(self, reader: PlanReader) -> StoredPlan:
        stored = reader.query_plan(self.plan.id)
        if stored is not None and stored.state in {"ready", "applying"}:
            return stored
        anew = f"plan anew: hubferry plan {' '.join(self.plan.syncs)}"
        if stored is not None and stored.state == "superseded":
            raise StalePlanError(
                f"plan {self.plan.id}: another plan of its syncs was applied since it was made; nothing was written, {anew}"
            )
        raise PlanError(f"plan {self.plan.id} is {stored.state if stored else 'gone'} already; {anew}")

    def _pages(
        self, kinds: Sequence[str], what: str, sync: str, steps: StepsAhead | None = None
    ) -> Iterator[list[StoredStep]]:
        """Give the steps that are not begun, some at a time, and tell how far they are."""
        done, total = 0, self.steps.count(kinds, sync)
        task = f"{what} of {sync}"
        pending = steps or StepsAhead(self.steps.query(kinds, sync=sync, pending=True))
        for stored in pending:
            yield stored
            done += len(stored)
            self.progress.advance(task, done=done, total=total, share=self.client.usage.share())
        if total:
            self.progress.finish(task)

    def _send_links(self, sender: LabelSender | LinkSender, stored: Sequence[StoredStep]) -> None:
        """Write intents, send, write results. What an error leaves without result stays intended, for the next run."""
        journal = _Journal(self)
        answered, failure = sender.send(journal.intend(stored))
        crashpoint("push.links_answered" if isinstance(sender, LinkSender) else "push.labels_answered")
        journal.record(answered)
        if failure is not None:
            raise failure
        journal.check()


@dataclass
class _Journal:
    """Intents before anything is sent, results afterwards, and whether every intent got one."""

    applier: _Applier
    _open: set[int] = field(default_factory=set)

    def intend(self, chunk: Sequence[StoredStep]) -> list[SentStep]:
        """Commit that these steps are about to be sent, and give them."""
        if not chunk:
            return []
        plan_id, stamp = self.applier.plan.id, self.applier.stamp()
        with self.applier.lease.transaction() as tx:
            intents = [JournalRow(plan_id, each.number, each.sync, each.row_key, INTENDED) for each in chunk]
            plans.merge_journal(tx, stamp, intents)
        crashpoint("push.intents_committed")
        self._open |= {each.number for each in chunk}
        return [SentStep(each.number, each.sync, load_step(each), stamp.at) for each in chunk]

    def record(self, results: Sequence[Result]) -> None:
        """Commit what became of steps."""
        record_results(self.applier.warehouse, self.applier.lease, self.applier.stamp(), self.applier.plan.id, results)
        self._open -= {each.number for each in results}
        crashpoint("push.results_committed")

    def check(self) -> None:
        """Raise AssertionError where a step was sent and has no result."""
        if self._open:
            raise AssertionError(
                f"plan {self.applier.plan.id}: {len(self._open)} steps have no result; please report this"
            )


def _render_counts(report: PushReport) -> dict[str, int]:
    """Add up rows and links over the syncs, for the runs table."""
    counts: dict[str, int] = {}
    for prefix, outcomes in (("rows", report.rows), ("links", report.links)):
        for outcome in outcomes.values():
            for name, number in vars(outcome).items():
                counts[f"{prefix}_{name}"] = counts.get(f"{prefix}_{name}", 0) + number
    return counts | {"calls": report.calls}
