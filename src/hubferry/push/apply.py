"""The only code that writes to HubSpot: sends a stored plan, intents first, and accounts for every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubferry.config.model import Sync
from hubferry.hubspot.client import Client
from hubferry.push.plan import Plan
from hubferry.state.store import StateStore
from hubferry.types import Progress
from hubferry.warehouse.interface import Warehouse


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the planned rows (or links) of one sync: `planned = applied + rejected + skipped + unknown`."""

    planned: int = 0
    applied: int = 0
    rejected: int = 0
    skipped: int = 0
    unknown: int = 0


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
    def exit_code(self) -> int:
        """0, or 1 when a row or link is invalid, rejected or unknown."""
        raise NotImplementedError


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
    raise NotImplementedError


def run_push(
    *,
    syncs: Sequence[Sync],
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    full: bool = False,
    wait_seconds: float = 0,
    progress: Progress | None = None,
) -> PushReport:
    """Plan and apply several syncs as one run, under their guards; over a guard the plan stays stored and GuardError names it."""
    raise NotImplementedError
