"""Who holds a portal or parts of it: the lease, its takeover, and the fence that rolls back whoever lost it.

A run holds the whole portal, or, with other runs beside it, the streams and links that it reads; runs that stand beside each
other divide the portal's limits among them (`shares`).
An owner is replaced at once when its process is known dead, else after `LEASE_SECONDS` without a sign of life.
Every owner has a larger epoch than the one before; a commit whose epoch is no longer the stored one is rolled back.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from hubferry.errors import FencedError, PortalBusyError, WarehouseError
from hubferry.state.crash import crashpoint
from hubferry.state.process import Process
from hubferry.state.shares import TERM_SECONDS, Share
from hubferry.state.tables import LEASES, META, RUNS, SCHEMA
from hubferry.types import Clock
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse

LEASE_SECONDS = 60.0
"""An owner without a sign of life for this long has lost the portal."""
_BEAT_SECONDS = LEASE_SECONDS / 3
_SHARED_BEAT_SECONDS = 10.0
"""Of a run that others may stand beside: they wait for it to take less of the limits."""
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
    parts: frozenset[str] | None = None
    """What it holds; None: the whole portal."""
    share: float = 1.0
    """Of the portal's limits."""

    def holds_any(self, parts: Collection[str] | None) -> bool:
        """Say whether it holds something of these parts; None: of the whole portal."""
        return self.parts is None or parts is None or not self.parts.isdisjoint(parts)

    def is_gone(self) -> bool:
        """Say that nobody holds the portal, or that its holder has lost it."""
        return self.run_id is None or self.silent_seconds >= LEASE_SECONDS or self.process.is_known_dead()


class Lease:
    """The right to write to one portal and its tables; a context manager that releases it.

    A thread beats every 20 s, so that a run that waits for HubSpot does not lose the portal.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        clock: Clock,
        *,
        portal_id: int,
        run_id: str,
        epoch: int,
        parts: Collection[str] | None = None,
    ) -> None:
        self.portal_id, self.run_id, self.epoch = portal_id, run_id, epoch
        self.warehouse, self._clock = warehouse, clock
        self._share = None if parts is None else Share(clock)
        self._beat = clock.monotonic()
        self._lost = False
        self._busy = ExitStack()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name=f"lease of portal {portal_id}", daemon=True)

    def start(self, *, share: float) -> None:
        """Begin to beat; `share` is what of the limits is ours from the start."""
        if self._share is not None:
            self._share.tell(share)
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
            used = self._settle(tx)
            self._fence(tx)
        self._beat = began
        if self._share is not None and used is not None:
            self._share.tell(used)

    def divide_limits(self, tell: Callable[[float], None]) -> None:
        """Have the share of the portal's limits that this run may use, 0 to 1, told now and whenever it changes."""
        if self._share is not None:
            self._share.listen(tell)

    def keep_share(self) -> None:
        """Return only while our share of the limits stands: after half a minute without a beat it may be others'."""
        if self._share is None:
            return
        if self._clock.monotonic() - self._beat >= TERM_SECONDS:
            self.renew()
        self.wait_for_share()

    def wait_for_share(self) -> None:
        """Wait until the others have taken less of the limits, so that there is a share for us."""
        while self._share is not None and not self._share.used:
            self._clock.sleep(_WAIT_POLL_SECONDS)
            self.renew()

    def _settle(self, tx: Transaction) -> float | None:
        """Write our share of the limits as it is to be now, and give what we may use once that is committed."""
        if self._share is None:
            return None
        holders = query_holders(tx, self.warehouse, self.portal_id)
        own = next((each for each in holders if each.epoch == self.epoch), None)
        if own is None:
            return None  # the fence says so
        others = [each.share for each in holders if each is not own and not each.is_gone()]
        written = 0.0 if own.silent_seconds >= LEASE_SECONDS else own.share  # else others may have taken it
        share = self._share.settle(written, others)
        if share.written != own.share:
            tx.execute(
                f"UPDATE {_name(self.warehouse)} SET {self.warehouse.quote('share')} = ? {_OURS}",
                (share.written, *self._identity()),
            )
        return share.used

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
        while not self._released.wait(_SHARED_BEAT_SECONDS if self._share is not None else _BEAT_SECONDS):
            try:
                self.renew()
            except FencedError:
                return  # `check` and `transaction` raise it in the thread that works
            except WarehouseError:
                continue  # somebody looks at the file, or a passing fault; the next beat is still in time


_OURS = "WHERE portal_id = ? AND epoch = ? AND run_id = ?"


def acquire_lease(
    warehouse: Warehouse,
    clock: Clock,
    portal_id: int,
    *,
    run_id: str,
    wait_seconds: float,
    parts: Collection[str] | None = None,
) -> Lease:
    """Take the portal, or parts of it, for a run, waiting at most `wait_seconds` for who holds any of it; raise PortalBusyError.

    A run of parts that others stand beside starts once they have taken less of the limits, which takes some seconds.
    """
    deadline = clock.monotonic() + wait_seconds
    while True:
        lease, holder = _try_acquire(warehouse, clock, portal_id, run_id, parts)
        if lease:
            crashpoint("lease.acquired")
            try:
                lease.wait_for_share()
            except BaseException:
                lease.release()
                raise
            return lease
        if clock.monotonic() >= deadline:
            raise PortalBusyError(_busy(holder, parts))
        clock.sleep(_WAIT_POLL_SECONDS)


def query_holder(source: Warehouse | Transaction, warehouse: Warehouse, portal_id: int) -> Holder | None:
    """Give who took a portal, or a part of it, last; None when nobody ever did."""
    return next(iter(query_holders(source, warehouse, portal_id)), None)


def query_holders(source: Warehouse | Transaction, warehouse: Warehouse, portal_id: int) -> list[Holder]:
    """Give who holds a portal or parts of it, and who did until the next one came, the latest first."""
    rows = source.query(
        f"SELECT *, {warehouse.now()} AS now FROM {_name(warehouse)} WHERE portal_id = ? ORDER BY epoch DESC",
        (portal_id,),
    ).to_pylist()
    return [_parse_holder(row) for row in rows]


def _parse_holder(row: dict[str, Any]) -> Holder:
    process = Process(row["host"], row["machine"], row["pid"], row["process_started"])
    silent = (row["now"] - row["beat"]).total_seconds()
    parts = None if row.get("parts") is None else frozenset(json.loads(row["parts"]))  # version 1 had no parts
    share = row.get("share", 1.0)
    return Holder(row["portal_id"], row["epoch"], row["run_id"], process, row["since"], silent, parts, share)


def drop_first_leases(warehouse: Warehouse, version: int) -> None:
    """Drop the table of leases of version 1, which has another key, and say that the state has this version.

    Raises PortalBusyError while a run of the older hubferry holds a portal: it would go on sending beside a new one.
    """
    meta = warehouse.name(SCHEMA, META.name)
    with warehouse.transaction() as tx:
        _queue(tx, warehouse)
        stored = tx.query(f"SELECT version FROM {meta} WHERE name = 'state'")["version"].to_pylist()
        if stored != [1]:
            return  # another process was first, and may hold a lease already
        rows = tx.query(f"SELECT *, {warehouse.now()} AS now FROM {_name(warehouse)}").to_pylist()
        for holder in (each for each in map(_parse_holder, rows) if not each.is_gone()):
            raise PortalBusyError(
                f"portal {holder.portal_id} is held by run {holder.run_id} (process {holder.process.pid} on"
                f" {holder.process.host}) of an older hubferry. Run again when it has ended."
            )
        tx.execute(f"UPDATE {meta} SET version = {int(version)}, shape = '' WHERE name = 'state'")
        tx.execute(f"DROP TABLE {_name(warehouse)}")


def _try_acquire(
    warehouse: Warehouse, clock: Clock, portal_id: int, run_id: str, parts: Collection[str] | None
) -> tuple[Lease | None, Holder | None]:
    with warehouse.transaction() as tx:
        _queue(tx, warehouse)
        holders = query_holders(tx, warehouse, portal_id)
        living = [each for each in holders if not each.is_gone()]
        if held := next((each for each in living if each.holds_any(parts)), None):
            return None, held
        epoch = 1 + max((each.epoch for each in holders), default=0)
        gone = [each for each in holders if each not in living]
        for each in gone:  # whoever wakes up later finds its row gone, and commits nothing
            tx.execute(f"DELETE FROM {_name(warehouse)} WHERE portal_id = ? AND epoch = ?", (portal_id, each.epoch))
        _take(tx, warehouse, portal_id=portal_id, run_id=run_id, epoch=epoch, parts=parts, share=float(not living))
        _mark_died(tx, warehouse, portal_id, {each.run_id for each in gone})
    lease = Lease(warehouse, clock, portal_id=portal_id, run_id=run_id, epoch=epoch, parts=parts)
    lease.start(share=float(not living))
    return lease, None


def _queue(tx: Transaction, warehouse: Warehouse) -> None:
    """Have all who want a portal wait for each other: Snowflake would let two of them add a row of the same portal."""
    name = warehouse.name(SCHEMA, META.name)
    tx.execute(f"UPDATE {name} SET updated_at = updated_at WHERE name = 'state'")


def _take(
    tx: Transaction,
    warehouse: Warehouse,
    *,
    portal_id: int,
    run_id: str,
    epoch: int,
    parts: Collection[str] | None,
    share: float,
) -> None:
    """Write down who holds it."""
    owner = Process.current()
    row = {
        "portal_id": portal_id,
        "epoch": epoch,
        "run_id": run_id,
        "parts": None if parts is None else json.dumps(sorted(parts)),
        "share": share,
        "host": owner.host,
        "machine": owner.machine,
        "pid": owner.pid,
        "process_started": owner.started,
    }
    tx.append(LEASES.table, table_from_rows(LEASES.table, [row]))
    tx.execute(
        f"UPDATE {_name(warehouse)} SET since = {warehouse.now()}, beat = {warehouse.now()} {_OURS}",
        (portal_id, epoch, run_id),
    )


def _mark_died(tx: Transaction, warehouse: Warehouse, portal_id: int, lost: Collection[str | None]) -> None:
    """Mark the runs that lost the portal, and every run of a dead process that never came to hold it."""
    name = warehouse.name(SCHEMA, RUNS.name)
    running = tx.query(
        f"SELECT run_id, host, machine, pid, process_started FROM {name} WHERE portal_id = ? AND state = 'running'",
        (portal_id,),
    ).to_pylist()
    for row in running:
        process = Process(row["host"], row["machine"], row["pid"], row["process_started"])
        if row["run_id"] in lost or process.is_known_dead():
            tx.execute(
                f"UPDATE {name} SET state = 'died', finished_at = {warehouse.now()},"
                " error = 'its process ended without a word' WHERE run_id = ?",
                (row["run_id"],),
            )


def _busy(holder: Holder | None, parts: Collection[str] | None) -> str:
    if holder is None:
        return "the portal was taken by another run this very moment. Run again, or pass --wait."
    process = holder.process
    since = f"{holder.since:%Y-%m-%d %H:%M:%S} UTC" if holder.since else "an unknown time"
    shared = sorted((holder.parts or frozenset()).intersection(parts or ()))
    what = f"{shared[0]} of portal {holder.portal_id}" if shared else f"portal {holder.portal_id}"
    return (
        f"{what} is held by run {holder.run_id} (process {process.pid} on {process.host}, since {since})."
        " Wait for it with --wait, or end that process and run again."
    )


def _name(warehouse: Warehouse) -> str:
    return warehouse.name(SCHEMA, LEASES.name)
