"""One run a portal: the lease, its takeover, and the fence that rolls back whoever lost it.

An owner is replaced at once when its process is known dead, else after `LEASE_SECONDS` without a sign of life.
Every owner has a larger epoch than the one before; a commit whose epoch is no longer the stored one is rolled back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from hubferry.errors import FencedError, PortalBusyError, WarehouseError
from hubferry.state.crash import crashpoint
from hubferry.state.process import Process
from hubferry.state.tables import LEASES, META, RUNS, SCHEMA
from hubferry.types import Clock
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse

LEASE_SECONDS = 60.0
"""An owner without a sign of life for this long has lost the portal."""
_BEAT_SECONDS = LEASE_SECONDS / 3
_WAIT_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Holder:
    """Who holds a portal."""

    portal_id: int
    epoch: int
    run_id: str | None
    process: Process
    since: datetime | None
    silent_seconds: float

    def is_gone(self) -> bool:
        """Say that nobody holds the portal, or that its holder has lost it."""
        return self.run_id is None or self.silent_seconds >= LEASE_SECONDS or self.process.is_known_dead()


class Lease:
    """The right to write to one portal and its tables; a context manager that releases it.

    A thread beats every 20 s, so that a run that waits for HubSpot does not lose the portal.
    """

    def __init__(self, warehouse: Warehouse, clock: Clock, *, portal_id: int, run_id: str, epoch: int) -> None:
        self.portal_id, self.run_id, self.epoch = portal_id, run_id, epoch
        self.warehouse, self._clock = warehouse, clock
        self._beat = clock.monotonic()
        self._lost = False
        self._busy = ExitStack()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name=f"lease of portal {portal_id}", daemon=True)
        self._thread.start()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction that commits only while this run still holds the portal; raise FencedError and roll back otherwise."""
        self._refuse_if_lost()
        with self.warehouse.transaction() as tx:
            crashpoint("transaction.begun")
            yield tx
            crashpoint("transaction.before_fence")
            began = self._clock.monotonic()
            self._fence(tx)
            crashpoint("transaction.before_commit")
        self._beat = began
        crashpoint("transaction.after_commit")

    def may_send(self) -> bool:
        """Say whether a write to HubSpot may be sent now: only in the first half of the lease. Ask right before sending."""
        return not self._lost and self._clock.monotonic() - self._beat < LEASE_SECONDS / 2

    def require(self) -> None:
        """Return only when a write to HubSpot may be sent now, renewing where that helps; raise FencedError otherwise."""
        self.check()
        if not self.may_send():
            self.renew()

    def check(self) -> None:
        """Renew the lease when it is older than a third; raise FencedError when another run took the portal."""
        self._refuse_if_lost()
        if self._clock.monotonic() - self._beat >= _BEAT_SECONDS:
            self.renew()

    def renew(self) -> None:
        """Give a sign of life now; raise FencedError when another run took the portal."""
        began = self._clock.monotonic()
        with self.warehouse.transaction() as tx:
            self._fence(tx)
        self._beat = began

    def release(self) -> None:
        """Let the portal go; harmless when it is no longer ours."""
        if self._released.is_set():
            return
        self._released.set()
        self._thread.join()
        with self.warehouse.transaction() as tx:
            tx.execute(f"UPDATE {_name(self.warehouse)} SET run_id = NULL {_OURS}", self._identity())

    def __enter__(self) -> Self:
        self._busy.enter_context(self.warehouse.busy(f"run {self.run_id}"))  # a run is many calls in a row
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.release()
        finally:
            self._busy.close()

    def _identity(self) -> tuple[int, int, str]:
        return self.portal_id, self.epoch, self.run_id

    def _fence(self, tx: Transaction) -> None:
        """Touch our row; under any isolation level this fails or waits when another run writes it, as a SELECT would not."""
        touched = tx.execute(
            f"UPDATE {_name(self.warehouse)} SET beat = {self.warehouse.now()} {_OURS}", self._identity()
        )
        if touched != 1:
            self._lost = True
            self._refuse_if_lost()

    def _refuse_if_lost(self) -> None:
        if self._lost:
            raise FencedError(
                f"run {self.run_id} lost portal {self.portal_id} to another run (it gave no sign of life for"
                f" {LEASE_SECONDS:.0f} s); what it had not committed was rolled back. Run again once the other run is done."
            )

    def _keep_beating(self) -> None:
        while not self._released.wait(_BEAT_SECONDS):
            try:
                self.renew()
            except FencedError:
                return  # `check` and `transaction` raise it in the thread that works
            except WarehouseError:
                continue  # somebody looks at the file, or a passing fault; the next beat is still in time


_OURS = "WHERE portal_id = ? AND epoch = ? AND run_id = ?"


def acquire_lease(warehouse: Warehouse, clock: Clock, portal_id: int, *, run_id: str, wait_seconds: float) -> Lease:
    """Take the portal for a run, waiting at most `wait_seconds` for its holder; raise PortalBusyError."""
    deadline = clock.monotonic() + wait_seconds
    while True:
        lease, holder = _try_acquire(warehouse, clock, portal_id, run_id)
        if lease:
            crashpoint("lease.acquired")
            return lease
        if clock.monotonic() >= deadline:
            raise PortalBusyError(_busy(holder))
        clock.sleep(_WAIT_POLL_SECONDS)


def query_holder(source: Warehouse | Transaction, warehouse: Warehouse, portal_id: int) -> Holder | None:
    """Give who holds, or held last, a portal; None when nobody ever did."""
    rows = source.query(
        f"SELECT *, {warehouse.now()} AS now FROM {_name(warehouse)} WHERE portal_id = ?", (portal_id,)
    ).to_pylist()
    return _parse_holder(rows[0]) if rows else None


def _parse_holder(row: dict[str, Any]) -> Holder:
    process = Process(row["host"], row["machine"], row["pid"], row["process_started"])
    silent = (row["now"] - row["beat"]).total_seconds()
    return Holder(row["portal_id"], row["epoch"], row["run_id"], process, row["since"], silent)


def _try_acquire(warehouse: Warehouse, clock: Clock, portal_id: int, run_id: str) -> tuple[Lease | None, Holder | None]:
    with warehouse.transaction() as tx:
        _queue(tx, warehouse)
        holder = query_holder(tx, warehouse, portal_id)
        if holder and not holder.is_gone():
            return None, holder
        epoch = holder.epoch + 1 if holder else 1
        if not _take(tx, warehouse, holder, portal_id=portal_id, run_id=run_id, epoch=epoch):
            return None, holder
        _mark_died(tx, warehouse, portal_id, holder)
    return Lease(warehouse, clock, portal_id=portal_id, run_id=run_id, epoch=epoch), None


def _queue(tx: Transaction, warehouse: Warehouse) -> None:
    """Have all who want a portal wait for each other: Snowflake would let two of them add a row of the same portal."""
    name = warehouse.name(SCHEMA, META.name)
    tx.execute(f"UPDATE {name} SET updated_at = updated_at WHERE name = 'state'")


def _take(
    tx: Transaction, warehouse: Warehouse, holder: Holder | None, *, portal_id: int, run_id: str, epoch: int
) -> bool:
    """Write our name into the portal's row, unless another process did so since we looked."""
    owner = Process.current()
    values = (epoch, run_id, owner.host, owner.machine, owner.pid, owner.started)
    names = ("epoch", "run_id", "host", "machine", "pid", "process_started")
    if holder is None:
        tx.append(
            LEASES.table,
            table_from_rows(LEASES.table, [{"portal_id": portal_id, **dict(zip(names, values, strict=True))}]),
        )
    assignments = ", ".join(f"{name} = ?" for name in names)
    touched = tx.execute(
        f"UPDATE {_name(warehouse)} SET {assignments}, since = {warehouse.now()}, beat = {warehouse.now()}"
        " WHERE portal_id = ? AND epoch = ?",
        (*values, portal_id, holder.epoch if holder else epoch),
    )
    return touched == 1


def _mark_died(tx: Transaction, warehouse: Warehouse, portal_id: int, holder: Holder | None) -> None:
    """Mark the run that lost the portal, and every run of a dead process that never came to hold it."""
    name = warehouse.name(SCHEMA, RUNS.name)
    running = tx.query(
        f"SELECT run_id, host, machine, pid, process_started FROM {name} WHERE portal_id = ? AND state = 'running'",
        (portal_id,),
    ).to_pylist()
    for row in running:
        process = Process(row["host"], row["machine"], row["pid"], row["process_started"])
        if (holder and row["run_id"] == holder.run_id) or process.is_known_dead():
            tx.execute(
                f"UPDATE {name} SET state = 'died', finished_at = {warehouse.now()},"
                " error = 'its process ended without a word' WHERE run_id = ?",
                (row["run_id"],),
            )


def _busy(holder: Holder | None) -> str:
    if holder is None:
        return "the portal was taken by another run this very moment. Run again, or pass --wait."
    process = holder.process
    since = f"{holder.since:%Y-%m-%d %H:%M:%S} UTC" if holder.since else "an unknown time"
    return (
        f"portal {holder.portal_id} is held by run {holder.run_id} (process {process.pid} on {process.host}, since {since})."
        " Wait for it with --wait, or end that process and run again."
    )


def _name(warehouse: Warehouse) -> str:
    return warehouse.name(SCHEMA, LEASES.name)
