"""Runs beside each other: who may stand beside whom, and that together they never use more than a portal's limits."""

from __future__ import annotations

import os
import random
import secrets
from dataclasses import dataclass, field

import pytest

from hubferry.errors import FencedError, PortalBusyError
from hubferry.state.leases import LEASE_SECONDS, Lease
from hubferry.state.shares import WINDOW_SECONDS, Share
from hubferry.state.store import StateStore
from hubferry.warehouse.duckdb import DuckDBWarehouse

PORTAL = 42
SEED = int(os.environ.get("HUBFERRY_TEST_SEED", "0")) or secrets.randbelow(10**6)


@dataclass
class StepClock:
    """Time that moves by waiting, the warehouse's too; `beside` beat meanwhile, as their threads would."""

    now: float = 1_800_000_000.0
    beside: list[Lease] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for lease in self.beside:
            lease.renew()


class OnClock(DuckDBWarehouse):
    """A warehouse in memory whose time is the test's."""

    clock: StepClock

    def now(self) -> str:
        return f"make_timestamptz({int(self.clock.time() * 1_000_000)})"


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def state(clock: StepClock) -> StateStore:
    warehouse = OnClock(":memory:")
    warehouse.clock = clock
    store = StateStore(warehouse, clock)
    store.migrate()
    return store


def take(state: StateStore, name: str, *parts: str) -> Lease:
    return state.acquire(PORTAL, run_id=name, parts=parts or None)


def test_runs_of_other_streams_stand_beside_each_other_and_share_the_limits(
    state: StateStore, clock: StepClock
) -> None:
    told: dict[str, list[float]] = {"one": [], "other": []}
    with take(state, "one", "contacts", "deals") as one:
        one.divide_limits(told["one"].append)
        clock.beside.append(one)
        began = clock.now

        with take(state, "other", "owners") as other:
            other.divide_limits(told["other"].append)

            assert clock.now - began >= WINDOW_SECONDS
            assert (told["one"], told["other"]) == ([1.0, 0.5], [0.5])
        one.renew()

    assert told["one"] == [1.0, 0.5, 1.0]


@pytest.mark.parametrize("parts", [("deals", "owners"), ()])
def test_a_run_that_wants_what_another_holds_is_told_which(state: StateStore, parts: tuple[str, ...]) -> None:
    what = "deals of portal 42" if parts else "portal 42"
    with (
        take(state, "one", "contacts", "deals"),
        pytest.raises(PortalBusyError, match=f"^{what} is held by run one "),
    ):
        take(state, "other", *parts)


def test_a_run_of_the_whole_portal_has_nobody_beside_it(state: StateStore) -> None:
    with take(state, "push"), pytest.raises(PortalBusyError, match="portal 42 is held by run push"):
        take(state, "pull", "owners")


def test_a_worker_that_slept_past_its_lease_uses_no_share_until_there_is_room(
    state: StateStore, clock: StepClock
) -> None:
    asleep = take(state, "asleep", "contacts")
    clock.now += LEASE_SECONDS + 1
    awake = take(state, "awake", "owners")  # of other parts, but the row of the dead is gone

    with pytest.raises(FencedError):
        asleep.keep_share()
    with pytest.raises(FencedError), asleep.transaction():
        pass
    awake.release()
    asleep.release()


def test_a_share_that_was_not_renewed_is_renewed_before_the_next_call(state: StateStore, clock: StepClock) -> None:
    with take(state, "one", "contacts") as one:
        clock.now += 45  # stopped, for less than a lease

        one.keep_share()

        holder = state.holder(PORTAL)
        assert holder is not None
        assert holder.silent_seconds == 0


@dataclass
class Worker:
    """One run of the simulation: the row it wrote, and what it used when."""

    share: Share
    written: float = 0.0
    uses: list[tuple[float, float]] = field(default_factory=list)

    def used_lately(self, now: float) -> float:
        """Give the most that it used in the window that ends now."""
        before = [used for at, used in self.uses if at <= now - WINDOW_SECONDS]
        return max([used for at, used in self.uses if at > now - WINDOW_SECONDS] + before[-1:], default=0.0)


@pytest.mark.parametrize("number", range(20))
def test_over_any_history_the_runs_together_stay_in_the_limits(number: int) -> None:
    """A run that has left is not counted: HubSpot's own headers tell the next call what it used."""
    seed = SEED + number
    print(f"HUBFERRY_TEST_SEED={seed}")
    chance, clock, workers = random.Random(seed), StepClock(), list[Worker]()
    for _ in range(400):
        clock.now += chance.choice((0.5, 1, 5, 12))
        event = chance.random()
        if event < 0.06 and len(workers) < 5:
            made = Worker(Share(clock))
            made.share.listen(lambda used, uses=made.uses: uses.append((clock.now, used)))
            if not workers:
                made.written = 1.0
                made.share.tell(1.0)
            workers.append(made)
        elif event < 0.1 and workers:
            workers.remove(chance.choice(workers))
        elif workers:
            one = chance.choice(workers)
            settled = one.share.settle(one.written, [each.written for each in workers if each is not one])
            one.written = settled.written
            one.share.tell(settled.used)

        assert sum(each.written for each in workers) <= 1 + 1e-6
        assert sum(each.used_lately(clock.now) for each in workers) <= 1 + 1e-6
