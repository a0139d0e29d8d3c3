"""Pulls one stream that is a list: everything, or only what changed where that takes fewer calls.

Reading everything writes new and changed rows and marks those that HubSpot no longer lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import quote

from hubferry.errors import RefusedError, UnexpectedAnswerError
from hubferry.hubspot.readers.pages import fetch_pages
from hubferry.pull.cadence import AUTO_CALLS, is_due
from hubferry.pull.comparison import Rows
from hubferry.pull.listing import Listing
from hubferry.pull.pulling import WHOLE, Pulling, Tally
from hubferry.pull.results import build_rows, read_moment
from hubferry.pull.snapshots import count_live
from hubferry.state.crash import crashpoint
from hubferry.state.cursors import Cursor
from hubferry.streams.definition import Raw, Request, SideTable, Stream, build_side_table, build_table
from hubferry.warehouse.interface import Transaction

FEW_PAGES = 5
"""A list of so few pages is read whole in every run."""


class PagePull:
    """One list in one run. `tally` is up to date at every moment."""

    def __init__(self, pulling: Pulling, stream: Stream, tally: Tally) -> None:
        self._pulling, self._stream, self._tally = pulling, stream, tally
        self._client, self._warehouse = pulling.client, pulling.warehouse
        self._storage = pulling.storage(build_table(pulling.schema, stream))
        self._table = self._storage.current
        self._sides = [(side, pulling.storage(build_side_table(pulling.schema, side))) for side in stream.side_tables]
        self._tally.reader = "pages"

    def run(self) -> None:
        """Read what is to be read and write it."""
        for storage in (self._storage, *(storage for _, storage in self._sides)):
            storage.ensure()
        self._cursor = self._pulling.cursor(self._stream.name)
        started, calls = self._client.now(), self._pulling.calls()
        if self._is_whole(started):
            self._read_all(started)
        else:
            self._read_recent(started)
        self._tally.floor_calls = self._pulling.calls() - calls

    def fetch_all(self) -> Iterator[Rows]:
        """Give everything that HubSpot lists, with details, and write nothing."""
        for params in self._stream.passes:
            for raws in self._fetch(replace(self._stream.request, params=(*self._stream.params, *params))):
                rows = self._unfold(raws)
                if self._stream.detail is not None:
                    rows = [row for row in self._client.map(self._fetch_detail, rows) if row is not None]
                yield {}, rows

    def _is_whole(self, now: datetime) -> bool:
        recent = self._stream.recent
        if recent is None or self._pulling.wants_everything(self._stream, self._cursor):
            return True
        rows = count_live(self._warehouse, self._warehouse, self._table, {})
        few = ceil(rows / recent.page) <= FEW_PAGES
        sweep = self._pulling.block_of(self._stream).sweep
        return is_due(sweep, self._cursor.swept.get(WHOLE), now, calls=0 if few else AUTO_CALLS + 1)

    def _read_all(self, started: datetime) -> None:
        """Read every pass of the list; what is not in it is gone."""
        listing = Listing(self._pulling, self._storage, self._tally)
        sides = [
            Listing(self._pulling, storage, Tally(), scope=side.scope, guarded=False) for side, storage in self._sides
        ]
        known = self._query_known()
        for params in self._stream.passes:
            for raws in self._fetch(replace(self._stream.request, params=(*self._stream.params, *params))):
                self._take(listing, known, raws)
                for side, into in zip(self._stream.side_tables, sides, strict=True):
                    into.add(unfold_side(self._stream.path, side, raws))
        listing.finish(nothing, sweep=self._stream.deletes)
        for into in sides:
            into.finish(nothing, sweep=self._stream.deletes)
        with self._pulling.lease.transaction() as tx:
            # A list with details is read whole in every run, and its details when everything is.
            anew = self._stream.detail is None or self._pulling.wants_everything(self._stream, self._cursor)
            whole = started if anew else self._cursor.swept.get(WHOLE, started)
            self._save(tx, Cursor(started, swept={WHOLE: whole}))

    def _read_recent(self, started: datetime) -> None:
        """Read what changed since the last look, and a little before it."""
        recent, since = self._stream.recent, self._cursor.value
        assert recent is not None
        assert since is not None
        since -= timedelta(minutes=self._pulling.block.lookback_minutes)
        listing = Listing(self._pulling, self._storage, self._tally)
        params = ((recent.since, str(int(since.timestamp() * 1000))),) if recent.since else ()
        for raws in self._fetch(replace(recent.request, params=(*recent.request.params, *params))):
            rows = self._unfold(raws)
            listing.add(rows)
            if recent.since is None and is_known(rows, recent.column, since):
                break
        if recent.silent and not self._tally.read:
            next(self._fetch(self._stream.request), None)  # a missing scope shows here
            self._tally.read = 0
        listing.finish(lambda tx: self._save(tx, replace(self._cursor, value=started)), sweep=False)

    def _fetch(self, request: Request) -> Iterator[Sequence[Raw]]:
        for raws in fetch_request(self._pulling, request):
            self._tally.read += len(raws)
            self._pulling.tell(self._stream.name, done=self._tally.read)
            yield raws

    def _unfold(self, raws: Iterable[Raw]) -> list[Raw]:
        return unfold(self._stream, raws)

    def _save(self, tx: Transaction, cursor: Cursor) -> None:
        self._pulling.save_cursor(tx, self._stream.name, cursor)

    # Details

    def _query_known(self) -> dict[str, Any]:
        """Give what the rows that need not be read again say of their last change."""
        detail = self._stream.detail
        if detail is None or self._pulling.wants_everything(self._stream, self._cursor):
            return {}
        name, quoted = self._warehouse.name(self._table.schema, self._table.name), self._warehouse.quote
        rows = self._warehouse.query(
            f"SELECT {quoted(self._table.key[0])} AS id, {quoted(detail.moved)} AS moved FROM {name}"
            f" WHERE {quoted('_hubferry_deleted_at')} IS NULL"
        )
        return dict(zip(rows["id"].to_pylist(), rows["moved"].to_pylist(), strict=True))

    def _take(self, listing: Listing, known: dict[str, Any], raws: Sequence[Raw]) -> None:
        detail, rows = self._stream.detail, self._unfold(raws)
        if detail is None:
            listing.add(rows)
            return
        listed = build_rows(self._table, rows, {}, self._pulling.stamp()).rows
        ids, moved = listed[self._table.key[0]].to_pylist(), listed[detail.moved].to_pylist()
        same = {each for each, at in zip(ids, moved, strict=True) if at is not None and known.get(each) == at}
        with parsing(self._stream.path):
            wanted = [raw for raw in rows if str(raw[_key_of(self._stream)]) not in same]
        listing.add(row for row in self._client.map(self._fetch_detail, wanted) if row is not None)
        places = [place for place, each in enumerate(ids) if each in same]
        if places:
            listing.keep(listed.select(list(self._table.key)).take(places))

    def _fetch_detail(self, raw: Raw) -> Raw | None:
        """Join a result with its details; None where it is gone meanwhile."""
        detail = self._stream.detail
        assert detail is not None
        params = [(name, _fill(value, raw)) for name, value in detail.params]
        try:
            found = self._client.fetch(_fill(detail.path, raw, escape=True), type=dict[str, Any], params=params).value
        except RefusedError as error:
            if error.status != 404:
                raise
            return None
        return {**raw, **found}


def fetch_request(pulling: Pulling, request: Request) -> Iterator[Sequence[Raw]]:
    """Give the results of each page of a request."""
    for raws in fetch_pages(
        pulling.client,
        request.path,
        params=request.params,
        body=request.body,
        results=request.results,
        paging=request.paging,
    ):
        crashpoint("pull.page_fetched")
        pulling.stop.check()
        yield raws


@contextmanager
def parsing(path: str) -> Iterator[None]:
    """Raise UnexpectedAnswerError where a result lacks what is looked for: it fails one stream, and not the run."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswerError(
            f"{path}: HubSpot sent a result of another shape than documented ({type(error).__name__}). Please report it."
        ) from error


def unfold_side(path: str, side: SideTable, raws: Iterable[Raw]) -> list[Raw]:
    """Give the rows that results hold for a table that comes with a stream's."""
    with parsing(path):
        return [row for raw in raws for row in side.unfold(raw)]


def unfold(stream: Stream, raws: Iterable[Raw]) -> list[Raw]:
    """Give the rows that results hold."""
    with parsing(stream.path):
        return list(raws) if stream.unfold is None else [row for raw in raws for row in stream.unfold(raw)]


def is_known(rows: Sequence[Raw], column: str, since: datetime) -> bool:
    """Say whether rows that come newest first reach back to where everything is known."""
    moments = [moment for row in rows if (moment := read_moment(row, column)) is not None]
    return bool(moments) and min(moments) < since


def nothing(tx: Transaction) -> None:
    """Add nothing to a transaction."""


def _key_of(stream: Stream) -> str:
    """Give the key of a result; streams with details have one of one word."""
    return stream.key[0]


def _fill(text: str, raw: Raw, *, escape: bool = False) -> str:
    """Put a result's own values in the place of their names."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in raw:
            return match[0]
        return quote(str(raw[name]), safe="") if escape else str(raw[name])

    return re.sub(r"\{(\w+)\}", value, text)
