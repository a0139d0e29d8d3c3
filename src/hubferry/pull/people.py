"""Pulls one stream that HubSpot tells of one e-mail address after the other: what mails each person wants.

There is no list of people. Asked about are the addresses that contacts have and those that a feed of changes names; after
the first time only those that are new, or that the feed named since. Other streams of the run come before this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from hubferry.errors import ConfigError, GuardError, RefusedError, ScopeError
from hubferry.pull import snapshots
from hubferry.pull.comparison import Rows
from hubferry.pull.listing import Listing
from hubferry.pull.pages import fetch_request, parsing
from hubferry.pull.pulling import LATE, WHOLE, Pulling, Tally
from hubferry.state.cursors import Cursor
from hubferry.streams.definition import Raw, Stream, build_table
from hubferry.warehouse.interface import Transaction

BATCH = 100
"""Addresses of a call."""
GROUP = 1_000
"""Addresses whose rows are written with the place behind them."""


@dataclass(frozen=True)
class _Reading:
    """Everybody being read, kept over pauses."""

    started: datetime
    after: str = ""
    """The last address whose rows are written; they are read in order."""

    def render(self) -> Any:
        """Give it as JSON values."""
        return {"started": self.started.isoformat(), "after": self.after}


class PeoplePull:
    """One stream of people in one run."""

    def __init__(self, pulling: Pulling, stream: Stream, tally: Tally) -> None:
        assert stream.people is not None
        self._pulling, self._stream, self._tally = pulling, stream, tally
        self._people = stream.people
        self._storage = pulling.storage(build_table(pulling.schema, stream))
        self._table = self._storage.current
        self._batches, self._refused = True, 0
        self._tally.reader = "people"

    def run(self) -> None:
        """Read about everybody, or about those of whom something may have changed."""
        pulling, stream = self._pulling, self._stream
        calls, started = pulling.calls(), pulling.client.now()
        self._storage.ensure()
        cursor = pulling.cursor(stream.name)
        found = [raw for raws in fetch_request(pulling, self._people.kinds) for raw in raws]
        with parsing(self._people.kinds.path):
            kinds = [str(raw["id"]) for raw in found]
        everybody = self._query_people()
        reading = _parse(cursor.scan)
        if reading is None and (pulling.wants_everything(stream, cursor) or self._lacks(kinds)):
            reading = _Reading(started)
        if reading is not None:
            self._read_everybody(everybody, cursor, reading)
        else:
            for group in _groups(self._query_moved(everybody, cursor)):
                self._write(group, cursor)
        if self._refused:
            self._tally.notes.append(f"HubSpot says nothing of {self._refused:,} addresses that it does not accept")
        self._tally.floor_calls = pulling.calls() - calls
        began = started if reading is None else reading.started
        swept = {WHOLE: began, **(cursor.swept if reading is None else {})}
        self._finish(everybody, kinds, Cursor(began, swept=swept))

    def fetch_all(self) -> Iterator[Rows]:
        """Give what HubSpot says of everybody, and write nothing."""
        for group in _groups(self._query_people()):
            yield from (({}, rows) for rows in self._fetch(group))

    def _read_everybody(self, everybody: Sequence[str], cursor: Cursor, reading: _Reading) -> None:
        """Read on behind the last address; then about those before it of whom something changed since they were read."""
        for group in _groups(each for each in everybody if each > reading.after):
            self._write(group, replace(cursor, scan=replace(reading, after=group[-1]).render()))
        if reading.after:
            moved = self._query_moved(everybody, Cursor(reading.started))
            for group in _groups(each for each in moved if each <= reading.after):
                self._write(group, replace(cursor, scan=replace(reading, after=everybody[-1]).render()))

    def _write(self, group: Sequence[str], cursor: Cursor) -> None:
        """Write the rows of these people, and that they are written."""
        pulling = self._pulling
        listing = Listing(pulling, self._storage, self._tally, guarded=False)
        for rows in self._fetch(group):
            pulling.stop.check()
            listing.add(rows)
            self._tally.read += len(rows)
            pulling.tell(self._stream.name, done=self._tally.read)
        listing.finish(lambda tx: self._save(tx, cursor), sweep=False)

    # What HubSpot says

    def _fetch(self, group: Sequence[str]) -> Iterator[list[Raw]]:
        """Give the rows of these people, as they come."""
        alone = group
        if self._batches:
            left: list[str] = []
            parts = [group[start : start + BATCH] for start in range(0, len(group), BATCH)]
            for part, rows in self._pulling.client.map(self._fetch_batch, parts):
                if rows is None:
                    left += part
                else:
                    yield rows
            alone = left
        yield from self._pulling.client.map(self._fetch_one, alone)

    def _fetch_batch(self, part: Sequence[str]) -> tuple[Sequence[str], list[Raw] | None]:
        """Give the rows of so many people in one call; None where it has to be asked one by one."""
        request, key = replace(self._people.batch, body={"inputs": part}), self._people.batch_results
        try:
            found = [each for raws in fetch_request(self._pulling, request) for each in raws]
        except ScopeError:
            self._batches = False
            return part, None
        except RefusedError:
            return part, None  # one address that HubSpot does not accept is enough
        name = _camel(self._people.column)
        with parsing(request.path):
            return part, [{**raw, name: str(each[name]).lower()} for each in found for raw in each[key]]

    def _fetch_one(self, address: str) -> list[Raw]:
        path = self._stream.path.replace("{person}", quote(address, safe="@"))
        try:
            pages = list(fetch_request(self._pulling, replace(self._stream.request, path=path)))
        except RefusedError:
            self._refused += 1
            return []
        return [{**raw, _camel(self._people.column): address} for raws in pages for raw in raws]

    # Who is asked about

    def _query_people(self) -> list[str]:
        """Give every address that is known, in order."""
        warehouse, contacts = self._pulling.warehouse, self._pulling.table_of("contacts")
        live = f" AND {warehouse.quote('_hubferry_deleted_at')} IS NULL"
        sources = [("contacts", contacts, "email", live), (self._people.feed, self._feed, self._people.feed_column, "")]
        known: set[str] = set()
        found = False
        for _, table, column, where in sources:
            if table is not None and self._has_column(table, column):
                name, found = warehouse.name(self._pulling.schema, table), True
                rows = warehouse.query(f"SELECT DISTINCT lower({column}) AS a FROM {name} WHERE {column} <> ''{where}")
                known.update(rows["a"].to_pylist())
        if not found:
            raise ConfigError(
                f"stream {self._stream.name!r} is read for each e-mail address that other streams bring, and none does. Add"
                f" contacts (with the property email), {self._people.feed}, or both to pull.streams."
            )
        return sorted(known)

    def _query_moved(self, everybody: Sequence[str], cursor: Cursor) -> list[str]:
        """Give those who have no row yet, and those whom the feed named since; without the feed all."""
        warehouse, feed, column = self._pulling.warehouse, self._feed, self._people.feed_column
        if feed is None or not self._has_column(feed, column):
            self._tally.notes.append(
                f"everybody was asked about: without the stream {self._people.feed} it is not known who changed"
            )
            return list(everybody)
        name = warehouse.name(self._pulling.schema, self._table.name)
        live = (
            f" WHERE {warehouse.quote('_hubferry_deleted_at')} IS NULL"  # a restored contact's rows are marked as gone
        )
        rows = warehouse.query(f"SELECT DISTINCT {self._people.column} AS a FROM {name}{live}")
        known = set(rows["a"].to_pylist())
        rows = warehouse.query(
            f"SELECT DISTINCT lower({column}) AS a FROM {warehouse.name(self._pulling.schema, feed)}"
            f" WHERE {warehouse.quote('_hubferry_synced_at')} >= ?",
            (cursor.value - LATE if cursor.value else None,),
        )
        moved = set(rows["a"].to_pylist())
        return [each for each in everybody if each in moved or each not in known]

    def _lacks(self, kinds: Sequence[str]) -> bool:
        """Say whether there is a kind of which nobody has a row, though there are rows."""
        warehouse = self._pulling.warehouse
        name = warehouse.name(self._pulling.schema, self._table.name)
        rows = warehouse.query(f"SELECT DISTINCT {self._people.kind_column} AS k FROM {name}")
        return not set(kinds) <= set(rows["k"].to_pylist()) and len(rows) > 0

    @property
    def _feed(self) -> str | None:
        return self._people.feed if self._people.feed in self._pulling.block.streams else None

    def _has_column(self, table: str, column: str) -> bool:
        return any(each.name == column for each in self._pulling.warehouse.query_columns(self._pulling.schema, table))

    # The end

    def _finish(self, everybody: Sequence[str], kinds: Sequence[str], cursor: Cursor) -> None:
        """Mark the rows of people and of kinds that are no more, then move the cursor."""
        pulling, doubt = self._pulling, None
        people = pa.table({self._people.column: pa.array(everybody, pa.string())})
        of_kinds = pa.table({self._people.kind_column: pa.array(kinds, pa.string())})
        with self._storage.transaction(pulling.stamp()) as tx:
            live = snapshots.count_live(tx, pulling.warehouse, self._table, {})
            for keys in (people, of_kinds):
                gone = snapshots.count_gone(tx, pulling.warehouse, self._table, keys, {})
                try:
                    snapshots.check_vanished(self._stream.name, gone, live, allowed=pulling.allow_deletes)
                except GuardError as error:
                    doubt = error
                    continue
                stamp = pulling.stamp()
                self._tally.deleted += snapshots.mark_gone(tx, pulling.warehouse, self._table, keys, {}, stamp)
            self._save(tx, cursor)
        if doubt is not None:
            raise doubt

    def _save(self, tx: Transaction, cursor: Cursor) -> None:
        self._pulling.save_cursor(tx, self._stream.name, cursor)


def _parse(scan: Any) -> _Reading | None:
    return None if scan is None else _Reading(datetime.fromisoformat(scan["started"]), scan["after"])


def _groups(people: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    for each in people:
        group.append(each)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
