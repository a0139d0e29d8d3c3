"""Pulls one feed of events by slices of time, oldest slice first; inside a slice HubSpot gives the newest first.

A slice counts as read only when all of it is: the cursor moves to its end with its last rows. HubSpot's own places in a
feed do not live long, so a long slice is asked for anew from its oldest event that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hubferry.errors import UnexpectedAnswerError
from hubferry.pull.comparison import Rows
from hubferry.pull.listing import Listing
from hubferry.pull.pages import fetch_request, unfold
from hubferry.pull.pulling import WHOLE, Pulling, Tally
from hubferry.pull.results import read_moment
from hubferry.pull.snapshots import is_empty
from hubferry.state.cursors import Cursor
from hubferry.streams.definition import Raw, Request, Stream, build_table
from hubferry.warehouse.interface import Transaction

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""No feed has older events."""
FIRST_SLICE, LONGEST_SLICE = timedelta(days=30), timedelta(days=366)
SHORTEST_SLICE = timedelta(minutes=10)
GOOD_PAGES = (2, 10)
"""A slice of fewer pages is followed by a longer one, of more by a shorter one."""
START, FILLED = "start", "filled"
"""What a cursor notes besides: from when on events were read, and that there were some."""
PAGES_A_PLACE = 20
"""So many pages are followed by HubSpot's own places, which it forgets after a while."""


class WindowPull:
    """One feed of events in one run."""

    def __init__(self, pulling: Pulling, stream: Stream, tally: Tally) -> None:
        assert stream.window is not None
        self._pulling, self._stream, self._tally = pulling, stream, tally
        self._window = stream.window
        self._table = build_table(pulling.schema, stream)
        self._tally.reader, self._whole = "windows", False

    def run(self) -> None:
        """Read slice after slice up to now."""
        pulling, calls = self._pulling, self._pulling.calls()
        pulling.warehouse.ensure_table(self._table)
        cursor = pulling.cursor(self._stream.name)
        now = pulling.client.now()
        since, until = self._begin(cursor), now + timedelta(seconds=1)  # HubSpot's `Date` is cut to seconds
        length = FIRST_SLICE
        while since < until:
            end = min(since + length, until)
            pages = self._read_slice(since, end, last=end == until, now=now)
            length = _next_length(length, pages)
            since = end
        self._tally.floor_calls = pulling.calls() - calls

    def fetch_all(self, since: datetime | None) -> Iterator[Rows]:
        """Give every event since a time, or all, slice by slice, and write nothing."""
        begin, until = self._earliest(), self._pulling.client.now() + timedelta(seconds=1)
        begin = begin if since is None else max(begin, since)
        length = FIRST_SLICE
        while begin < until:
            end, pages, events = min(begin + length, until), 0, list[Raw]()
            rest: datetime | None = end
            while rest is not None:
                part, rest = self._read_part(events.extend, begin, rest)
                pages += part
            yield {}, events
            begin, length = end, _next_length(length, pages)

    def _earliest(self) -> datetime:
        start = self._pulling.block_of(self._stream).start
        return EARLIEST if start is None else datetime.combine(start, datetime.min.time(), UTC)

    def _begin(self, cursor: Cursor) -> datetime:
        """Give where to begin; a reading of everything that was interrupted goes on where it was."""
        earliest, swept = self._earliest(), cursor.swept
        moved = earliest < swept.get(START, earliest) or (
            FILLED in swept and is_empty(self._pulling.warehouse, self._table, {})
        )
        wants_everything = moved or self._pulling.wants_everything(self._stream, cursor)
        resumes = not moved and cursor.scan is not None and cursor.scan["whole"]
        self._whole = wants_everything or resumes
        self._swept = {START: earliest, WHOLE: self._pulling.client.now(), **({} if wants_everything else swept)}
        if cursor.value is None or (wants_everything and not resumes):
            return earliest
        return max(earliest, cursor.value - timedelta(hours=self._window.overlap_hours))

    def _read_slice(self, since: datetime, end: datetime, *, last: bool, now: datetime) -> int:
        """Read all of one slice; give how many pages it took."""
        erasable = self._stream.person is not None
        listing = Listing(
            self._pulling, self._pulling.storage(self._table), self._tally, guarded=False, erasable=erasable
        )
        pages = 0
        rest: datetime | None = end
        while rest is not None:
            part, rest = self._read_part(listing.add, since, rest)
            pages += part
        listing.finish(lambda tx: self._save(tx, now if last else end, under_way=not last), sweep=False)
        return pages

    def _read_part(
        self, take: Callable[[list[Raw]], None], since: datetime, until: datetime
    ) -> tuple[int, datetime | None]:
        """Follow pages from `until` backwards; give how many, and where to ask anew, None at the end of the slice."""
        oldest: datetime | None = None
        number = 0
        for number, raws in enumerate(fetch_request(self._pulling, self._request(since, until)), start=1):
            take(unfold(self._stream, raws))
            self._tally.read += len(raws)
            self._pulling.tell(self._stream.name, done=self._tally.read)
            oldest = self._oldest(raws, oldest)
            # Asked anew from the oldest moment, which comes again: events of one moment may be on both sides of a page.
            if number >= PAGES_A_PLACE and oldest is not None and oldest < until:
                return number, oldest
        return number, None

    def _request(self, since: datetime, until: datetime) -> Request:
        window = self._window
        slice_ = ((window.start, str(_milliseconds(since))), (window.end, str(_milliseconds(until))))
        return replace(self._stream.request, params=(*self._stream.params, *slice_))

    def _oldest(self, raws: Sequence[Raw], known: datetime | None) -> datetime | None:
        moments = [read_moment(raw, self._window.moment) for raw in raws]
        if None in moments:
            raise UnexpectedAnswerError(f"{self._stream.path}: HubSpot sent an event without {self._window.moment!r}.")
        return min((each for each in (*moments, known) if each is not None), default=None)

    def _save(self, tx: Transaction, value: datetime, *, under_way: bool) -> None:
        """Move the cursor: to the end of a slice, of which later ones follow, or to now."""
        if self._tally.read:
            self._swept[FILLED] = value
        cursor = Cursor(value, {"whole": self._whole} if under_way else None, self._swept)
        self._pulling.save_cursor(tx, self._stream.name, cursor)


def _next_length(length: timedelta, pages: int) -> timedelta:
    few, many = GOOD_PAGES
    if pages < few:
        return min(LONGEST_SLICE, length * 2)
    return max(SHORTEST_SLICE, length / 2) if pages > many else length


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
