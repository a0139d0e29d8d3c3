"""What all parts of one pull share, and how it is asked to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import FrameType

from hubferry.config.model import PullBlock, StreamBlock
from hubferry.config.periods import has_come_round
from hubferry.errors import InterruptedRunError
from hubferry.hubspot.client import Client
from hubferry.pull.catalog import Catalog
from hubferry.pull.chunks import Stamp
from hubferry.pull.storage import Storage, current_name
from hubferry.state.cursors import Cursor, save_cursor
from hubferry.state.leases import Lease
from hubferry.state.store import StateStore
from hubferry.streams.definition import Stream
from hubferry.types import Progress, Table
from hubferry.warehouse.interface import MergeCounts, Transaction, Warehouse

RESTORABLE = timedelta(days=91)
"""HubSpot restores for 90 days."""
SURELY_KEPT = timedelta(days=89)
"""A record archived so recently and found nowhere was erased, not dropped for its age."""
DATE_PRECISION = timedelta(milliseconds=999)
"""HubSpot's `Date` is cut to seconds: it is up to this much later there. The cursor stays at the date itself."""

LATE = timedelta(minutes=10)
"""Another run may commit rows so long after the time that they bear."""
WHOLE = "whole"
"""When everything was read last, as a cursor names it."""
_TICK = timedelta(microseconds=1)
"""Stamps are apart by at least this much, so that what one transaction wrote can be told from the next one's."""


class Stop:
    """A person's or the system's wish that the run ends at the next point where nothing is half done."""

    def __init__(self) -> None:
        self._wanted = threading.Event()

    def check(self) -> None:
        """Raise InterruptedRunError when the run is to end."""
        if self._wanted.is_set():
            raise InterruptedRunError(
                "the pull was interrupted; what it committed is kept, and running it again resumes"
            )

    @contextmanager
    def on_signals(self, client: Client) -> Iterator[None]:
        """Note SIGINT and SIGTERM instead of dying of them, also while the client waits; a second SIGINT ends the run at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        client.while_waiting = self.check
        try:
            yield
        finally:
            client.while_waiting = None
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._wanted.is_set() and number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        self._wanted.set()


@dataclass
class Tally:
    """What was done to a stream so far."""

    reader: str | None = None
    choice: str | None = None
    read: int = 0
    merged: MergeCounts = field(default_factory=MergeCounts)
    deleted: int = 0
    unparsed: int = 0
    late: int = 0
    floor_calls: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pulling:
    """One pull under way."""

    client: Client
    warehouse: Warehouse
    state: StateStore
    lease: Lease
    block: PullBlock
    run_id: str
    portal_id: int
    progress: Progress
    catalog: Catalog
    full_refresh: bool = False
    allow_deletes: bool = False
    prefix: str = ""
    """What stands before the names of this schema's cursors."""
    stop: Stop = field(default_factory=Stop)
    dropped: set[str] = field(default_factory=set)
    """Streams whose tables were gone when the run began."""
    views: set[str] = field(default_factory=set)
    """Views that stood in the place of tables then."""
    _stamps: list[datetime] = field(default_factory=list)
    """The last stamp given."""
    _begun: dict[str, int] = field(default_factory=dict)
    """How many calls the client had made when a task began."""

    @property
    def schema(self) -> str:
        """The warehouse schema of the tables."""
        return self.block.schema_

    def stamp(self) -> Stamp:
        """Give what rows written now are marked with: HubSpot's time, not this machine's; a little later each time."""
        self._stamps[:] = [max([self.client.now(), *(each + _TICK for each in self._stamps)])]
        return Stamp(self.run_id, self._stamps[0])

    def storage(self, table: Table) -> Storage:
        """Give where the rows of a stream are, by the table that bears its name."""
        append = self._appends(table.name)
        return Storage(self.warehouse, self.lease, table, append=append)

    def storage_of(self, stream: Stream) -> Storage:
        """Give where the rows of a stream are whose tables are there."""
        current = current_name(stream.name, append=self._appends(stream.name))
        columns = self.warehouse.query_columns(self.schema, current)
        return self.storage(Table(self.schema, stream.name, columns, stream.key if columns else ()))

    def _appends(self, name: str) -> bool:
        stream, block = self.catalog.by_name.get(name), self.block.streams.get(name)
        return stream is not None and block is not None and block.storage == "append" and stream.has_versions

    def kept_as(self, name: str) -> str:
        """Give the name under which the state keeps how far a stream has been read into this schema."""
        return self.prefix + name

    def cursor(self, name: str) -> Cursor:
        """Give how far a stream has been read into this schema; an empty one where it never was."""
        return self.state.cursor(self.portal_id, self.kept_as(name)) or Cursor()

    def save_cursor(self, tx: Transaction, name: str, cursor: Cursor) -> Cursor:
        """Save how far a stream has been read, in the transaction that wrote its rows; give it with its run and time."""
        moved = replace(cursor, run_id=self.run_id, updated_at=self.client.now())
        save_cursor(tx, self.warehouse, self.portal_id, self.kept_as(name), moved)
        return moved

    def calls(self) -> int:
        """Count the calls of the client so far, searches among them."""
        return self.client.usage.counted + self.client.usage.searches

    def begin(self, task: str) -> int:
        """Note that a task begins; give the calls made so far."""
        return self._begun.setdefault(task, self.calls())

    def tell(self, task: str, *, done: int, total: int | None = None) -> None:
        """Tell how far a task is, with the calls it made and the share of the limit in use."""
        calls = self.calls() - self.begin(task)
        self.progress.advance(task, done=done, total=total, calls=calls, share=self.client.usage.share())

    def block_of(self, stream: Stream) -> StreamBlock:
        """Give the project's settings of a stream."""
        return self.block.streams.get(stream.name) or StreamBlock()

    def wants_everything(self, stream: Stream, cursor: Cursor) -> bool:
        """Say whether the whole of a stream is to be read, whatever is known of it."""
        block = self.block_of(stream)
        return (
            cursor.value is None
            or self.full_refresh
            or (block.strategy or stream.strategy) == "full_refresh"
            or has_come_round(block.full_refresh, cursor.swept.get(WHOLE), self.client.now())
        )

    def stream_of(self, object_name: str) -> str | None:
        """Give the stream of an object's live records; None where the project does not pull them."""
        stream = self.catalog.by_object.get(object_name)
        return stream.name if stream is not None and stream.name in self.block.streams else None

    def table_of(self, object_name: str) -> str | None:
        """Give the table of an object's records as they are now; None where the project does not pull them."""
        name = self.stream_of(object_name)
        return None if name is None else current_name(name, append=self._appends(name))
