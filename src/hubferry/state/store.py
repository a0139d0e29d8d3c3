"""Runs, cursors and leases in the warehouse. `StateReader` cannot write; `StateStore` can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hubferry.state.cursors import Cursor
from hubferry.state.leases import Lease
from hubferry.state.tables import SCHEMA
from hubferry.types import Clock
from hubferry.warehouse.interface import Transaction, Warehouse


@dataclass(frozen=True)
class Run:
    """One execution, as its row says."""

    run_id: str
    kind: str
    portal_id: int
    state: str
    started_at: datetime
    finished_at: datetime | None
    host: str
    pid: int
    detail: Mapping[str, Any]
    counts: Mapping[str, int]
    error: str | None


@dataclass(frozen=True)
class StreamRun:
    """What a run did to one stream."""

    run_id: str
    stream: str
    portal_id: int
    state: str
    reader: str | None = None
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    unparsed: int = 0
    calls: int = 0
    floor_calls: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None


class StateReader:
    """What hubferry knows; has no method that writes. Before the first run everything is empty."""

    schema = SCHEMA

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def version(self) -> int | None:
        """Give the version of the stored state, None before the first run."""
        raise NotImplementedError

    def runs(self, limit: int = 20) -> list[Run]:
        """Give the latest runs, newest first."""
        raise NotImplementedError

    def run(self, run_id: str) -> Run | None:
        """Give one run."""
        raise NotImplementedError

    def stream_runs(self, run_id: str) -> list[StreamRun]:
        """Give what a run did to each stream."""
        raise NotImplementedError

    def cursor(self, portal_id: int, stream: str) -> Cursor | None:
        """Give how far a stream has been read, None where it never was."""
        raise NotImplementedError

    def cursors(self, portal_id: int) -> dict[str, Cursor]:
        """Give every cursor of a portal, by stream."""
        raise NotImplementedError


class StateStore(StateReader):
    """What hubferry knows, for the process that runs."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        super().__init__(warehouse)
        self.clock = clock

    def migrate(self) -> None:
        """Bring the state to this version; refuse one that a newer hubferry wrote."""
        raise NotImplementedError

    def start_run(self, kind: str, portal_id: int, detail: Mapping[str, Any]) -> str:
        """Record that a run started and give its id, e.g. 20261123T101112-ab12cd34."""
        raise NotImplementedError

    def finish_run(self, run_id: str, state: str, counts: Mapping[str, int], error: str | None = None) -> None:
        """Record how a run ended; one that was found dead meanwhile stays `died`."""
        raise NotImplementedError

    def acquire(self, portal_id: int, *, run_id: str, wait_seconds: float = 0) -> Lease:
        """Take the portal for a run, waiting for its owner at most `wait_seconds`; raise PortalBusyError."""
        raise NotImplementedError

    def record_stream_run(self, tx: Transaction, stream_run: StreamRun) -> None:
        """Record what a run did to a stream so far; called again, it replaces the row."""
        raise NotImplementedError


__all__ = ["Cursor", "Lease", "Run", "StateReader", "StateStore", "StreamRun", "field"]
