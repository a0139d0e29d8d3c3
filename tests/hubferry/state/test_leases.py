"""One run a portal: who holds it, who takes it over, and whose commits are refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from hubferry.errors import FencedError, PortalBusyError
from hubferry.state.leases import LEASE_SECONDS
from hubferry.state.process import Process
from hubferry.state.store import StateStore
from hubferry.state.tables import VERSION
from hubferry.types import Column, Table
from hubferry.warehouse.duckdb import DuckDBWarehouse

PORTAL = 42
THINGS = Table("shop", "things", (Column("id", "integer"),), ("id",))
HOLD = """
import sys
from hubferry.clock import SystemClock
from hubferry.state.store import StateStore
from hubferry.state.tables import VERSION
from hubferry.warehouse.duckdb import DuckDBWarehouse
state = StateStore(DuckDBWarehouse(sys.argv[1]), SystemClock())
run_id = state.start_run("pull", 42, {})
lease = state.acquire(42, run_id=run_id)
print(run_id, flush=True)
input()
lease.check() if sys.argv[2] == "check" else lease.renew()
"""


class FakeClock:
    """Time that moves only by waiting."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def state(tmp_path: Path, clock: FakeClock) -> StateStore:
    store = StateStore(DuckDBWarehouse(tmp_path / "w.duckdb"), clock)
    store.migrate()
    store.warehouse.ensure_table(THINGS)
    return store


def path_of(state: StateStore) -> Path:
    assert isinstance(state.warehouse, DuckDBWarehouse)
    return state.warehouse.path


@contextmanager
def other_process_holding_portal(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", HOLD, str(path), "renew"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def silence_the_holder(state: StateStore, seconds: float) -> None:
    with state.warehouse.transaction() as tx:
        tx.execute(
            f"UPDATE {state.warehouse.name('hubferry', 'leases')} SET beat = CURRENT_TIMESTAMP - INTERVAL ({seconds}) SECOND"
        )


def things(state: StateStore) -> list[int]:
    return state.warehouse.query(f"SELECT id FROM {state.warehouse.name('shop', 'things')} ORDER BY id")[
        "id"
    ].to_pylist()


def append(lease_or_warehouse: object, number: int) -> None:
    with lease_or_warehouse.transaction() as tx:  # type: ignore[attr-defined]
        tx.append(THINGS, pa.table({"id": [number]}))


def test_a_second_run_is_told_who_holds_the_portal_and_since_when(state: StateStore) -> None:
    with state.acquire(PORTAL, run_id="first"), pytest.raises(PortalBusyError) as caught:
        state.acquire(PORTAL, run_id="second")

    for fact in ("run first", f"process {os.getpid()}", Process.current().host, "since 20", "--wait"):
        assert fact in str(caught.value)


def test_another_process_is_refused_while_the_holder_lives(state: StateStore) -> None:
    with (
        other_process_holding_portal(path_of(state)) as (process, run_id),
        pytest.raises(PortalBusyError, match=f"run {run_id} .process {process.pid} "),
    ):
        state.acquire(PORTAL, run_id="second")


def test_a_killed_holder_is_replaced_at_once_and_its_run_marked_died(state: StateStore) -> None:
    with other_process_holding_portal(path_of(state)) as (process, run_id):
        process.send_signal(signal.SIGKILL)
        process.wait()

        with state.acquire(PORTAL, run_id="second") as lease:
            append(lease, 1)

    assert things(state) == [1]
    dead = state.run(run_id)
    assert dead is not None
    assert dead.state == "died"
    assert dead.finished_at is not None


def test_a_run_that_died_before_it_held_the_portal_is_marked_too(state: StateStore) -> None:
    code = HOLD.replace("lease = state.acquire(42, run_id=run_id)\n", "").replace("input()", "sys.exit()")
    started = subprocess.run(
        [sys.executable, "-c", code, str(path_of(state)), ""], capture_output=True, text=True, check=True
    )

    state.acquire(PORTAL, run_id="second").release()

    dead = state.run(started.stdout.strip())
    assert dead is not None
    assert dead.state == "died"


def test_a_stopped_process_is_replaced_after_a_minute_and_cannot_commit_when_it_wakes(state: StateStore) -> None:
    with other_process_holding_portal(path_of(state)) as (process, _):
        process.send_signal(signal.SIGSTOP)
        silence_the_holder(state, LEASE_SECONDS - 5)
        with pytest.raises(PortalBusyError):
            state.acquire(PORTAL, run_id="second")
        silence_the_holder(state, LEASE_SECONDS + 1)
        lease = state.acquire(PORTAL, run_id="second")
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate("go\n", timeout=60)
        lease.release()

    assert process.returncode != 0
    assert "FencedError" in errors


def test_a_fenced_transaction_is_rolled_back(state: StateStore) -> None:
    zombie = state.acquire(PORTAL, run_id="first")
    silence_the_holder(state, LEASE_SECONDS + 1)
    with state.acquire(PORTAL, run_id="second") as owner:
        with pytest.raises(FencedError, match="run first lost portal 42"):
            append(zombie, 1)
        append(owner, 2)

        assert things(state) == [2]
        assert not zombie.may_send()
        with pytest.raises(FencedError):
            zombie.check()
        zombie.release()

        append(owner, 3)

    assert things(state) == [2, 3]


def test_a_takeover_between_the_statements_and_the_commit_is_noticed(state: StateStore) -> None:
    zombie = state.acquire(PORTAL, run_id="first")

    def append_while_losing_the_portal() -> None:
        with zombie.transaction() as tx:
            tx.append(THINGS, pa.table({"id": [1]}))
            tx.execute(f"UPDATE {state.warehouse.name('hubferry', 'leases')} SET epoch = epoch + 1, run_id = 'second'")

    with pytest.raises(FencedError):
        append_while_losing_the_portal()
    zombie.release()

    assert things(state) == []


def test_the_epoch_grows_with_every_owner(state: StateStore) -> None:
    epochs = []
    for number in range(3):
        with state.acquire(PORTAL, run_id=str(number)) as lease:
            epochs.append(lease.epoch)

    assert epochs == [1, 2, 3]


def test_a_recycled_pid_is_not_taken_for_the_holder(state: StateStore) -> None:
    state.acquire(PORTAL, run_id="first")  # never released, as if its process had died
    with state.warehouse.transaction() as tx:
        tx.execute(f"UPDATE {state.warehouse.name('hubferry', 'leases')} SET process_started = '1'")

    with state.acquire(PORTAL, run_id="second") as lease:
        assert lease.epoch == 2


def test_a_pid_of_another_machine_says_nothing(state: StateStore) -> None:
    state.acquire(PORTAL, run_id="first")
    with state.warehouse.transaction() as tx:
        tx.execute(f"UPDATE {state.warehouse.name('hubferry', 'leases')} SET machine = 'another', pid = 999999999")

    with pytest.raises(PortalBusyError):
        state.acquire(PORTAL, run_id="second")


def test_waiting_ends_when_the_holder_lets_go(state: StateStore, clock: FakeClock) -> None:
    first = state.acquire(PORTAL, run_id="first")

    class Releasing(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            first.release()

    waiting = StateStore(state.warehouse, Releasing())

    with waiting.acquire(PORTAL, run_id="second", wait_seconds=10) as lease:
        assert lease.run_id == "second"


def test_waiting_ends_after_the_time_that_was_given(state: StateStore, clock: FakeClock) -> None:
    began = clock.now
    with state.acquire(PORTAL, run_id="first"), pytest.raises(PortalBusyError):
        state.acquire(PORTAL, run_id="second", wait_seconds=10)

    assert 10 <= clock.now - began <= 11


def test_two_portals_are_held_side_by_side(state: StateStore) -> None:
    with state.acquire(1, run_id="one") as one, state.acquire(2, run_id="two") as two:
        append(one, 1)
        append(two, 2)

    assert things(state) == [1, 2]


def test_writes_are_sent_only_in_the_first_half_of_a_lease_and_a_check_renews_it(
    state: StateStore, clock: FakeClock
) -> None:
    with state.acquire(PORTAL, run_id="first") as lease:
        assert lease.may_send()
        clock.sleep(LEASE_SECONDS / 2)
        assert not lease.may_send()
        lease.check()
        assert lease.may_send()


def test_a_transaction_renews_the_lease(state: StateStore, clock: FakeClock) -> None:
    with state.acquire(PORTAL, run_id="first") as lease:
        clock.sleep(LEASE_SECONDS / 2)
        append(lease, 1)

        assert lease.may_send()


def test_transactions_of_several_threads_follow_one_another(state: StateStore) -> None:
    with state.acquire(PORTAL, run_id="first") as lease:
        threads = [threading.Thread(target=append, args=(lease, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert things(state) == list(range(8))


def test_a_released_portal_is_free_at_once(state: StateStore) -> None:
    state.acquire(PORTAL, run_id="first").release()

    holder = state.holder(PORTAL)

    assert holder is not None
    assert holder.run_id is None


def test_leases_of_the_first_version_are_waited_for_before_their_table_is_replaced(state: StateStore) -> None:
    with other_process_holding_portal(path_of(state)) as (process, run_id):
        turn_back_to_first_version(state)
        holder = state.holder(PORTAL)
        assert holder is not None
        assert (holder.run_id, holder.parts) == (run_id, None)  # a reader needs no migration

        with pytest.raises(PortalBusyError, match=f"run {run_id} .process {process.pid} "):
            state.migrate()

        assert state.version() == 1
        process.kill()
        process.wait()

    state.migrate()

    assert state.version() == VERSION
    with state.acquire(PORTAL, run_id="second") as lease:
        append(lease, 1)


def turn_back_to_first_version(state: StateStore) -> None:
    """Give the state as the first version had it: one row a portal, without parts and shares."""
    with state.warehouse.transaction() as tx:
        tx.execute(f"ALTER TABLE {state.warehouse.name('hubferry', 'leases')} DROP COLUMN parts")
        tx.execute(f"ALTER TABLE {state.warehouse.name('hubferry', 'leases')} DROP COLUMN share")
        tx.execute(f"UPDATE {state.warehouse.name('hubferry', 'meta')} SET version = 1")
