"""One run a portal: the lease, its takeover, and the fence that rolls back whoever lost it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType

from hubferry.warehouse.interface import Transaction

LEASE_SECONDS = 60.0
"""An owner without a sign of life for this long has lost the portal."""


class Lease:
    """The right to write to one portal and its tables; a context manager that releases it.

    A thread beats every 20 s, so that a run that waits for HubSpot does not lose the portal.
    """

    run_id: str
    portal_id: int

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that commits only while this run still holds the portal; raise FencedError and roll back otherwise."""
        raise NotImplementedError

    def may_send(self) -> bool:
        """Say whether a write to HubSpot may be sent now: only in the first half of the lease. Ask right before sending."""
        raise NotImplementedError

    def check(self) -> None:
        """Renew the lease when it is older than a third; raise FencedError when another run took the portal."""
        raise NotImplementedError

    def renew(self) -> None:
        """Give a sign of life now; raise FencedError when another run took the portal."""
        raise NotImplementedError

    def release(self) -> None:
        """Let the portal go; harmless when it is no longer ours."""
        raise NotImplementedError

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
