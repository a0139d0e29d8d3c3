"""The inverse of a run, as a plan from the values that its steps found: only what still holds our value is taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

import hubferry
from hubferry.errors import PlanError, RunError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.push import reconcile
from hubferry.push.counts import WINDOW_SECONDS, Cost, SyncCounts
from hubferry.push.draft import LABEL_KINDS, LINK_KINDS, RECORD_KINDS, Draft, load_step
from hubferry.push.link_reading import fetch_current_of, resolve_ends, resolve_types
from hubferry.push.links import PairKey, pair_key
from hubferry.push.mapping import Portal
from hubferry.push.observed import fetch_observed
from hubferry.push.plan import Plan, count_apply_calls, end_state
from hubferry.push.results import SentStep, render_detail
from hubferry.push.steps import (
    ArchiveRecord,
    Change,
    CreateLabel,
    CreateRecord,
    End,
    HoldLinks,
    InvalidEntry,
    Step,
    UpdateRecord,
)
from hubferry.push.undo_links import UNLINK_ADVICE, UndonePair, build_pairs, diff_back
from hubferry.push.untouched import fetch_touched
from hubferry.push.verify import means_same
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerReader, LedgerRow, LinkRow, Stamp
from hubferry.state.plans import PlanReader
from hubferry.state.store import StateStore
from hubferry.warehouse.interface import Warehouse

UNDOABLE = frozenset({"push", "apply", "retry"})
PAGE = 1_000


def build_undo(
    run_id: str, *, client: Client, warehouse: Warehouse, state: StateStore, wait_seconds: float = 0
) -> Plan:
    """Plan the inverse of what a run applied, compared with HubSpot as it is now; nothing is written to HubSpot.

    Raises RunError for a run that cannot be undone. Applying the plan puts its syncs on hold.
    """
    state.migrate()
    portal_id = _check_run(run_id, client, state)
    own = state.start_run("undo", portal_id, {"run": run_id})
    try:
        with state.acquire(portal_id, run_id=own, wait_seconds=wait_seconds) as lease:
            plan = _Undo(run_id, client, warehouse, lease).plan()
    except BaseException as error:
        state.finish_run(own, end_state(error), {}, str(error) or type(error).__name__)
        raise
    state.finish_run(own, "done", {"changes": plan.changes})
    return plan


def _check_run(run_id: str, client: Client, state: StateStore) -> int:
    run, portal_id = state.run(run_id), fetch_account(client).portal_id
    if run is None:
        raise RunError(f"there is no run {run_id!r}. `hubferry runs` lists them.")
    if run.kind not in UNDOABLE:
        raise RunError(f"run {run_id} is a {run.kind}, which wrote nothing to HubSpot; only pushes can be undone.")
    if run.portal_id != portal_id:
        raise PlanError(f"run {run_id} wrote to portal {run.portal_id}, and this token belongs to portal {portal_id}.")
    return portal_id


@dataclass(frozen=True)
class Written:
    """A step that the run applied, and the record it wrote."""

    sync: str
    step: Step
    record_id: str | None


@dataclass
class _Undo:
    run_id: str
    client: Client
    warehouse: Warehouse
    lease: Lease
    counts: dict[str, SyncCounts] = field(default_factory=lambda: defaultdict(SyncCounts))
    archived: set[tuple[str, str]] = field(default_factory=set)
    """Records that the undo archives, by object and id: their links go with them."""

    def plan(self) -> Plan:
        calls, observed = self.client.usage.counted, self.client.now()
        stamp = Stamp(self.lease.portal_id, self.lease.run_id, observed)
        reconcile.settle_open_intents(self.client, self.warehouse, self.lease, stamp)
        self.draft = Draft(self.lease, stamp, f"plan-{self.lease.run_id}")
        self.portal, self.reader = Portal(self.client), PlanReader(self.warehouse)
        self.ledger = LedgerReader(self.warehouse, self.lease.portal_id)
        self.later = self.reader.query_later(self.run_id, self.lease.portal_id)
        for page in _pages(self._written(*RECORD_KINDS)):
            self._plan_records([each for each in page if not self._is_later(each)])
        for each in self._written(*LABEL_KINDS):
            assert isinstance(each.step, CreateLabel)
            self._leave(each.sync, each.step, f"label {each.step.label!r}", "a label stays, others may use it")
        self._plan_links([each for each in self._written(*LINK_KINDS) if not self._is_later(each)])
        plan = self._seal(observed.timestamp(), calls)
        self.draft.finish(msgspec.json.encode(plan).decode())
        return plan

    def _written(self, *kinds: str) -> Iterator[Written]:
        for stored, record_id in self.reader.query_run(self.run_id, kinds=kinds):
            yield Written(stored.sync, load_step(stored), record_id)

    def _is_later(self, each: Written) -> bool:
        run = self.later.get((each.sync, each.step.row_key))
        if run is not None:
            self.leave(each.sync, each.step.row_key, "row", f"a later run wrote it again: undo {run} first")
        return run is not None

    def _plan_records(self, page: Sequence[Written]) -> None:
        updates: dict[str, list[tuple[Written, UpdateRecord]]] = defaultdict(list)
        creates: dict[str, list[tuple[Written, CreateRecord]]] = defaultdict(list)
        for each in page:
            match each.step:
                case UpdateRecord() as step:
                    updates[step.object].append((each, step))
                case CreateRecord() as step:
                    creates[step.object].append((each, step))
                case ArchiveRecord() as step:
                    reason = "HubSpot's API cannot bring an archived record back"
                    self._leave(each.sync, step, f"record {step.record_id}", reason, _RESTORE)
        for object_name, found in updates.items():
            self._plan_updates(object_name, found)
        for object_name, made in creates.items():
            self._plan_creates(object_name, made)

    def _plan_updates(self, object_name: str, found: Sequence[tuple[Written, UpdateRecord]]) -> None:
        properties = self.portal.fetch_properties(object_name)
        names = {change.property for _, step in found for change in step.changes}
        live = fetch_observed(self.client, object_name, {step.record_id for _, step in found}, names)
        known = self._query_ledger(each for each, _ in found)
        for each, step in found:
            record = live.get(step.record_id)
            if record is None or record.record_id != step.record_id:
                reason = (
                    "it was archived or deleted since" if record is None else f"it was merged into {record.record_id}"
                )
                self._leave(each.sync, step, f"record {step.record_id}", reason)
                continue
            row = known.get((each.sync, step.row_key))
            stored = row.stored if row and row.record_id == step.record_id else {}
            changes = []
            for change in step.changes:
                now, prop = record.values.get(change.property), properties.get(change.property)
                if prop is None or (now or "") == (change.old or ""):
                    continue  # it holds what it held before
                if means_same(change.new, now, prop) or (now or "") == (stored.get(change.property) or ""):
                    changes.append(Change(change.property, now, change.old or ""))
                else:
                    self._leave(each.sync, step, change.property, "somebody changed it since; their value stays")
            if changes:
                back = UpdateRecord(
                    row_key=step.row_key,
                    object=object_name,
                    record_id=step.record_id,
                    changes=tuple(changes),
                    stored=dict(stored),  # the base of what the undo does not touch, by which policies decide
                )
                self.add(each.sync, back)
                counts = self.counts[each.sync]
                counts.updates += 1
                counts.clears += sum(not change.new for change in changes)

    def _plan_creates(self, object_name: str, made: Sequence[tuple[Written, CreateRecord]]) -> None:
        known = self._query_ledger(each for each, _ in made)
        ours: dict[str, tuple[Written, CreateRecord]] = {}
        for each, step in made:
            row = known.get((each.sync, step.row_key))
            if row is None or not row.created or row.record_id != each.record_id:
                reason = "the record was there before, and what it held was not looked at"
                self._leave(each.sync, step, f"record {each.record_id}", reason)
            else:
                ours[row.record_id] = (each, step)
        live = fetch_observed(self.client, object_name, ours, ())
        touched = fetch_touched(self.client, self.portal, self.ledger, object_name, list(live))
        for record_id, (each, step) in ours.items():
            if record_id not in live:
                continue  # gone already
            if record_id in touched:
                self._leave(each.sync, step, f"record {record_id}", touched[record_id], _ARCHIVE)
            else:
                self.add(each.sync, ArchiveRecord(row_key=step.row_key, object=object_name, record_id=record_id))
                self.counts[each.sync].archives += 1
                self.archived.add((object_name, record_id))

    def _plan_links(self, written: Sequence[Written]) -> None:
        sent = [SentStep(number, each.sync, each.step) for number, each in enumerate(written)]
        links, lost = resolve_ends(self.ledger, [each for each in sent if not isinstance(each.step, HoldLinks)])
        links, unlabelled = resolve_types(self.client, links)
        for each in (*lost, *unlabelled):
            self.leave(each.sync, each.step.row_key, render_detail(each.step), "its record or its label is gone")
        current = fetch_current_of(self.client, links)
        pairs = build_pairs(links, self.archived)
        claims = self._query_claims(pairs)
        for key, pair in pairs.items():
            back = diff_back(pair, current[pair.number], claims[key])
            counts = self.counts[pair.sync]
            counts.links_added += back.added
            counts.links_removed += back.removed
            if back.step is not None:
                self.draft.add(pair.sync, back.step)
            if back.stays is not None:
                detail = f"link {pair.from_.object} {pair.from_.record_id} - {pair.to.object} {pair.to.record_id}"
                self.leave(pair.sync, pair.row_key, detail, back.stays, UNLINK_ADVICE)

    def _query_claims(self, pairs: Mapping[PairKey, UndonePair]) -> Mapping[PairKey, list[LinkRow]]:
        """Give what the ledger has of each pair, of every row and sync."""
        ends: dict[str, set[str]] = defaultdict(set)
        for pair in pairs.values():
            ends[pair.from_.object].add(pair.from_.record_id or "")
        found: dict[PairKey, dict[LinkRow, None]] = defaultdict(dict)
        for object_name, ids in ends.items():
            for row in self.ledger.query_links_at(object_name, ids):
                found[pair_key(End(row.from_object, row.from_id), End(row.to_object, row.to_id))][row] = None
        return defaultdict(list, {key: list(rows) for key, rows in found.items()})

    def _query_ledger(self, written: Iterable[Written]) -> Mapping[tuple[str, str], LedgerRow]:
        keys: dict[str, set[str]] = defaultdict(set)
        for each in written:
            keys[each.sync].add(each.step.row_key)
        return {
            (sync, key): row for sync, some in keys.items() for key, row in self.ledger.query_rows(sync, some).items()
        }

    def add(self, sync: str, step: Step) -> None:
        """Add a step of the inverse."""
        self.draft.add(sync, step)
        if isinstance(step, UpdateRecord):
            self.counts[sync].rows += 1
            self.counts[sync].planned += 1

    def _leave(self, sync: str, step: Step, what: str, reason: str, advice: str = "") -> None:
        self.leave(sync, step.row_key, what, reason, advice)

    def leave(self, sync: str, row_key: str, what: str, reason: str, advice: str = "") -> None:
        """List something that is not taken back."""
        entry = InvalidEntry(row_key=row_key, detail=what, reason=f"not undone: {reason}", advice=advice or _LOOK)
        self.draft.add(sync, entry)
        self.counts[sync].rows += 1
        self.counts[sync].invalid += 1

    def _seal(self, observed_at: float, calls: int) -> Plan:
        for name, counts in self.counts.items():
            counts.link_steps = self.draft.link_steps[name]
            counts.link_calls = self.draft.count_link_calls(name)
            counts.check(name)
        applying = sum(count_apply_calls(each) for each in self.counts.values())
        return Plan(
            id=self.draft.plan_id,
            portal_id=self.lease.portal_id,
            syncs=tuple(self.counts),
            full=True,
            counts=dict(self.counts),
            cost=Cost(self.client.usage.counted - calls, applying, applying * WINDOW_SECONDS / self.client.burst_limit),
            guards=(),
            fingerprint="",
            observed_at=observed_at,
            version=hubferry.__version__,
            epoch=self.lease.epoch,
            undoes=self.run_id,
        )


_LOOK = "Look at the record in HubSpot, and change it there if that is wanted."
_ARCHIVE = "Archive it in HubSpot yourself if it is not wanted."
_RESTORE = "Restore it in HubSpot's recycling bin, within 90 days."


def _pages(written: Iterator[Written]) -> Iterator[list[Written]]:
    page: list[Written] = []
    for each in written:
        page.append(each)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
