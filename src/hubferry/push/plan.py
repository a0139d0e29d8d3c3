"""A plan as a value: what a push will do, in numbers; its steps are rows of the warehouse, streamed by whoever needs them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import msgspec

import hubferry
from hubferry.config.model import Sync
from hubferry.errors import HubferryError, InterruptedRunError, PlanError, UnknownNameError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.push import reconcile, rival_syncs
from hubferry.push.counts import (
    RECORDS_PER_CALL,
    WINDOW_SECONDS,
    Cost,
    GuardVerdict,
    SyncCounts,
    build_guards,
    count_calls,
)
from hubferry.push.draft import Draft, load_step
from hubferry.push.link_planner import plan_links
from hubferry.push.link_store import LinkStore
from hubferry.push.mapping import SyncMapping, build_mapping
from hubferry.push.portal import Portal
from hubferry.push.record_planner import RecordPlanner
from hubferry.push.rejected import query_rejected_keys
from hubferry.push.source import query_source_columns
from hubferry.push.steps import End, Step
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerReader, Stamp
from hubferry.state.plans import PlanReader
from hubferry.state.store import StateReader, StateStore
from hubferry.types import Progress, Quiet
from hubferry.warehouse.interface import Warehouse


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a push will do. `syncs` in the order in which records are written; links come after all records."""

    id: str
    portal_id: int
    syncs: tuple[str, ...]
    full: bool
    """True: every row was compared with HubSpot; False: only rows that differ from the ledger or are due."""
    counts: dict[str, SyncCounts]
    cost: Cost
    guards: tuple[GuardVerdict, ...]
    fingerprint: str
    """Of the syncs' definitions and of the objects' properties and labels they use."""
    observed_at: float
    """HubSpot's time before the first value a step was compared with was read, seconds since the epoch."""
    version: str
    new_contacts: int = 0
    """Contacts that are created: each may count as a marketing contact."""
    epoch: int = 0
    """Of the lease it was made under: another run in between may have written what this plan looked at."""
    state: str = "ready"
    only: dict[str, tuple[str, ...]] | None = None
    """Keys of the rows it was asked for, by sync; None: all rows that were due."""
    compared: tuple[str, ...] = ()
    """Syncs of which every row was compared although the plan is of changed rows: their `reconcile` had come round."""
    undoes: str | None = None
    """The run whose writes this plan takes back; None: it makes HubSpot equal to the sources."""

    @property
    def changes(self) -> int:
        """Number of things that apply would write; 0: HubSpot holds what the sources ask for."""
        return sum(counts.changes for counts in self.counts.values())

    @property
    def passed(self) -> bool:
        """Whether every guard holds."""
        return all(verdict.passed for verdict in self.guards)


@dataclass(frozen=True)
class PlannedStep:
    """One step of a stored plan."""

    number: int
    sync: str
    step: Step


def build_plan(
    *,
    syncs: Sequence[Sync],
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    full: bool = True,
    compared: Collection[str] = (),
    only: Mapping[str, Collection[str]] | None = None,
    retry: bool = False,
    lease: Lease | None = None,
    wait_seconds: float = 0,
    progress: Progress | None = None,
) -> Plan:
    """Compare the syncs' rows with HubSpot and store what differs as one plan; nothing is written to HubSpot.

    `compared`: syncs of which every row is compared all the same where the plan is not `full`.

    `only`: the rows of these keys, by sync; `retry`: the rows that could not be done. Rows of neither kind are not looked at.

    Takes the portal's lease unless one is given. Raises ConfigError for a sync that names what the portal does not have.
    """
    if lease is None:  # whoever holds a lease has brought the state to this version
        state.migrate()
    portal = Portal(client)
    mappings = build_mappings(syncs, portal, warehouse)
    portal_id = lease.portal_id if lease else fetch_account(client).portal_id
    run_id = lease.run_id if lease else state.start_run("plan", portal_id, {"syncs": [sync.name for sync in syncs]})
    held = nullcontext(lease) if lease else state.acquire(portal_id, run_id=run_id, wait_seconds=wait_seconds)
    try:
        with held as owned:
            assert owned is not None
            refused = {sync.name: query_rejected_keys(state, sync.name, portal_id) for sync in syncs} if retry else None
            planner = _Planner(
                client,
                warehouse,
                owned,
                mappings,
                portal,
                full or {each.name for each in syncs} <= set(compared),
                progress or Quiet(),
                lease is None,
                only,
                refused,
                frozenset(compared),
            )
            plan = planner.plan()
    except BaseException as error:
        if lease is None:
            state.finish_run(run_id, end_state(error), {}, str(error) or type(error).__name__)
        raise
    if lease is None:
        state.finish_run(run_id, "done", {"changes": plan.changes})
    return plan


def end_state(error: BaseException) -> str:
    """Name how a run ends that an error ends: paused and interrupted ones resume when run again."""
    if isinstance(error, KeyboardInterrupt | InterruptedRunError):
        return "interrupted"
    return "paused" if isinstance(error, HubferryError) and error.exit_code == 4 else "failed"


def build_mappings(syncs: Sequence[Sync], portal: Portal, warehouse: Warehouse) -> list[SyncMapping]:
    """Check the syncs against the portal and their sources."""
    return [build_mapping(sync, portal, query_source_columns(sync, warehouse)) for sync in syncs]


def build_fingerprint(mappings: Sequence[SyncMapping]) -> str:
    """Give a hash of everything that decides what the rows of these syncs mean."""
    parts = [f"{mapping.name} {mapping.fingerprint}" for mapping in mappings]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass
class _Planner:
    client: Client
    warehouse: Warehouse
    lease: Lease
    mappings: Sequence[SyncMapping]
    portal: Portal
    full: bool
    progress: Progress
    explain: bool
    named: Mapping[str, Collection[str]] | None = None
    """Keys of the rows that were asked for, by sync; None: all that are due."""
    refused: Mapping[str, Collection[str]] | None = None
    """Keys of the rows that could not be done, where it is of those alone."""
    compared: frozenset[str] = frozenset()
    """Syncs of which every row is looked at all the same."""
    new_ends: dict[object, End] = field(default_factory=dict)

    @property
    def only(self) -> Mapping[str, Collection[str]] | None:
        """Give the keys of the rows to look at, by sync; None: all that are due."""
        return self.named if self.refused is None else self.refused

    def plan(self) -> Plan:
        """What an earlier run left open is looked up first: it decides which rows have a record."""
        calls = self.client.usage.counted
        observed_at = self.client.now()
        stamp = Stamp(self.lease.portal_id, self.lease.run_id, observed_at)
        reconcile.settle_open_intents(self.client, self.warehouse, self.lease, stamp)
        ledger = LedgerReader(self.warehouse, self.lease.portal_id)
        draft = Draft(self.lease, stamp, f"plan-{self.lease.run_id}")
        unresolved = reconcile.settle_unknown_creates(self.client, self.warehouse, self.lease, stamp)
        with closing(LinkStore()) as store:
            planners = [self._plan_records(mapping, ledger, draft, store, unresolved) for mapping in self.mappings]
            self._require_named(planners)
            rival_syncs.set_rivals_aside(planners)
            for planner in planners if self.only is None else ():
                others = [each for each in planners if each is not planner]
                planner.plan_left([each for each in others if each.mapping.object == planner.mapping.object])
            plan_links(self.portal, ledger, draft, planners, store)
        plan = self._seal(draft, planners, ledger, observed_at, calls)
        draft.finish(msgspec.json.encode(plan).decode())
        return plan

    def _plan_records(
        self,
        mapping: SyncMapping,
        ledger: LedgerReader,
        draft: Draft,
        store: LinkStore,
        unresolved: Mapping[str, Collection[str]],
    ) -> RecordPlanner:
        objects = Counter(each.object for each in self.mappings)
        planner = RecordPlanner(
            self.portal,
            self.warehouse,
            ledger,
            draft,
            store,
            mapping,
            full=self.full or mapping.name in self.compared,
            progress=self.progress,
            keyed=self._keyed(mapping.object),
            explain=self.explain,
            new_ends=self.new_ends if objects[mapping.object] > 1 else None,
            unresolved=unresolved.get(mapping.name, ()),
            only=None if self.only is None else self.only.get(mapping.name, ()),
            shared=rival_syncs.shared_by(mapping, self.mappings),
        )
        planner.plan()
        return planner

    def _require_named(self, planners: Sequence[RecordPlanner]) -> None:
        """Refuse a key that the source does not have: a plan of nothing would look like a row that is as it should be."""
        for planner in planners if self.named is not None else ():
            for key in planner.only or ():
                if key not in planner.found:
                    raise UnknownNameError("row of the source", key)

    def _keyed(self, object_name: str) -> frozenset[str]:
        links = [link for mapping in self.mappings for link in mapping.links if link.to == object_name]
        named = {link.by.name for link in links if link.by is not None}
        mine = {
            field.property.name
            for mapping in self.mappings
            if mapping.object == object_name
            for field in mapping.fields
        }
        return frozenset(named & mine)

    def _seal(
        self, draft: Draft, planners: Sequence[RecordPlanner], ledger: LedgerReader, observed_at: datetime, calls: int
    ) -> Plan:
        counts = {planner.mapping.name: planner.counts for planner in planners}
        for planner in planners:
            planner.counts.remembered, planner.counts.links_owned = ledger.count_owned(planner.mapping.name)
            planner.counts.link_steps = draft.link_steps[planner.mapping.name]
            planner.counts.link_calls = draft.count_link_calls(planner.mapping.name)
            planner.counts.check(planner.mapping.name)
        return Plan(
            id=draft.plan_id,
            portal_id=self.lease.portal_id,
            syncs=tuple(counts),
            full=self.full,
            compared=() if self.full else tuple(name for name in counts if name in self.compared),
            counts=counts,
            cost=self._cost(calls, sum(count_apply_calls(each) for each in counts.values())),
            new_contacts=sum(counts[each.name].creates for each in self.mappings if each.object == "contacts"),
            guards=tuple(
                verdict
                for mapping in self.mappings
                for verdict in build_guards(mapping.name, mapping.sync.block, counts[mapping.name])
            ),
            fingerprint=build_fingerprint(self.mappings),
            observed_at=observed_at.timestamp(),
            version=hubferry.__version__,
            epoch=self.lease.epoch,
            only=None if self.named is None else {name: tuple(self.named.get(name, ())) for name in counts},
        )

    def _cost(self, before: int, applying: int) -> Cost:
        daily = self.client.usage.daily
        return Cost(
            plan_calls=self.client.usage.counted - before,
            apply_calls=applying,
            seconds=applying * WINDOW_SECONDS / self.client.burst_limit,
            daily_share=applying / daily.limit if daily and daily.limit else None,
        )


def count_apply_calls(counts: SyncCounts) -> int:
    """Give the calls that applying a plan takes, for one sync."""
    records = (counts.creates, counts.updates, counts.archives)
    writing = sum(count_calls(each, RECORDS_PER_CALL) for each in records)
    defining = 2 * counts.properties_added + 2 * bool(counts.options_added)
    return writing + counts.labels_created + counts.link_calls + defining


def query_plan(state: StateReader, plan_id: str) -> Plan:
    """Give a stored plan; raise PlanError when there is none of that id."""
    reader = PlanReader(state.warehouse)
    stored = reader.query_plan(plan_id) if state.version() else None
    if stored is None:
        known = ", ".join(reader.query_ids(limit=5)) if state.version() else ""
        raise PlanError(
            f"there is no plan {plan_id!r} in this warehouse. Latest: {known or 'none'}. Make one: hubferry plan SYNC"
        )
    if stored.state == "drafting":
        raise PlanError(f"plan {plan_id!r} was not finished: its run was stopped. Make a new one: hubferry plan SYNC")
    plan = msgspec.json.decode(stored.header, type=Plan)
    return msgspec.structs.replace(plan, state=stored.state)


def query_steps(
    state: StateReader, plan_id: str, *, kinds: Sequence[str] = (), limit: int | None = None
) -> Iterator[PlannedStep]:
    """Stream the steps of a stored plan in order, of all kinds or these, invalid rows and links among them."""
    for stored in islice(PlanReader(state.warehouse).query_steps(plan_id, kinds=kinds), limit):
        yield PlannedStep(stored.number, stored.sync, load_step(stored))
