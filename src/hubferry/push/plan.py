"""A plan as a value: what a push will do, in numbers; its steps are rows of the warehouse, streamed by whoever needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from hubferry.config.model import Sync
from hubferry.hubspot.client import Client
from hubferry.push.steps import Step
from hubferry.state.store import Lease, StateStore
from hubferry.types import Progress, Quiet
from hubferry.warehouse.interface import Warehouse


class SyncCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One sync of a plan, in rows and in links. `rows = unchanged + planned + invalid`, for links too."""

    rows: int = 0
    unchanged: int = 0
    planned: int = 0
    invalid: int = 0
    creates: int = 0
    updates: int = 0
    clears: int = 0
    """Filled properties that become empty."""
    archives: int = 0
    held: int = 0
    """Planned rows that cannot be done (conflict, archived, not found): shown, and counted as rejected or skipped by apply."""
    matched: int = 0
    """Rows whose record exists."""
    settled: int = 0
    """Values that HubSpot stored otherwise than sent; not planned again until source or record changes."""
    links: int = 0
    links_unchanged: int = 0
    links_planned: int = 0
    links_invalid: int = 0
    links_added: int = 0
    links_removed: int = 0
    links_held: int = 0
    links_owned: int = 0
    """Links in our ledger before this plan."""


class Cost(msgspec.Struct, frozen=True):
    """What a plan costs: HubSpot calls made to plan it, calls to apply it, and the least seconds that takes at the limit."""

    plan_calls: int
    apply_calls: int
    seconds: float


class GuardVerdict(msgspec.Struct, frozen=True):
    """One guard of one sync: what it allows, what the plan has, and whether it holds."""

    sync: str
    guard: str
    allowed: float
    found: float
    passed: bool


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
    """HubSpot's time of the oldest value a step was compared with, seconds since the epoch."""
    version: str
    state: str = "ready"

    @property
    def steps(self) -> int:
        """Number of steps that write."""
        raise NotImplementedError

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
    lease: Lease | None = None,
    wait_seconds: float = 0,
    progress: Progress | None = None,
) -> Plan:
    """Compare the syncs' rows with HubSpot and store what differs as one plan; nothing is written to HubSpot.

    Takes the portal's lease unless one is given. Raises ConfigError for a sync that names what the portal does not have.
    """
    raise NotImplementedError(progress or Quiet())


def query_plan(state: StateStore, plan_id: str) -> Plan:
    """Give a stored plan; raise PlanError when there is none of that id."""
    raise NotImplementedError


def query_steps(state: StateStore, plan_id: str, *, limit: int | None = None) -> Iterator[PlannedStep]:
    """Stream the steps of a stored plan in order."""
    raise NotImplementedError
