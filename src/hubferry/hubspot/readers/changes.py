"""Reads the records modified in a window of time, by search, paged by record id.

Never by the search offset, which shifts when a record leaves the window: only where a page came back empty, or where
HubSpot did not keep its order, is an offset followed, inside one query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from hubferry.errors import UnexpectedAnswerError
from hubferry.hubspot.client import Client
from hubferry.hubspot.records import Page, Record, RecordShape

PAGE = 200
LARGEST_QUERY = 10_000
"""HubSpot serves no offset beyond this."""
MOST_PAGES = 200
"""More pages of one query are taken for a loop: 50 full ones reach its largest offset."""
EARLIEST_MS = 1_000
"""HubSpot fails (500) when asked for modifications since 0."""
_SMALL = 2 * PAGE
"""So few are read from one end; more are read from both ends at once."""


@dataclass(frozen=True)
class _Window:
    """Times in milliseconds, both included; ids, both excluded."""

    since: int
    until: int
    above: int | None = None
    below: int | None = None
    descending: bool = False


class Changes:
    """One read of the records modified from `since` to `until`, as the search index knows them; both ends included.

    A record modified again meanwhile leaves the window, and is found by the read that begins at `until`; one that comes
    back newer than `until` is kept. Records may come twice. Archived records never come.
    """

    def __init__(
        self,
        client: Client,
        object_name: str,
        shape: RecordShape,
        *,
        cursor_property: str,
        since: datetime,
        until: datetime,
    ) -> None:
        self._client, self._shape, self._cursor = client, shape, cursor_property
        self._path = f"/crm/objects/{{version}}/{object_name}/search"
        self._window = _Window(max(EARLIEST_MS, _milliseconds(since)), _milliseconds(until))
        self._first: Page[Record] | None = None
        self.disordered = 0
        """How many times HubSpot broke the order by id, so that a range was read again, split by time."""

    @property
    def total(self) -> int:
        """How many records match, by the index. One call, whose page `pages` uses."""
        return self._first_page().total

    def pages(self) -> Iterator[list[Record]]:
        """Read; call once."""
        page, window = self._first_page(), self._window
        if page.total <= _SMALL:
            yield from self._follow(window, page)
            return
        yield from self._follow_both_ends(window, page)

    def _first_page(self) -> Page[Record]:
        if self._first is None:
            self._first = self._fetch(self._window)
        return self._first

    def _follow(self, window: _Window, page: Page[Record]) -> Iterator[list[Record]]:
        """Read upwards from a first page to the end of the window."""
        while True:
            records, rest = self._take(window, page)
            yield records
            if rest is None:
                return
            window, page = rest, self._fetch(rest)

    def _follow_both_ends(self, window: _Window, page: Page[Record]) -> Iterator[list[Record]]:
        """Read upwards and downwards at once until the two meet."""
        records, rest = self._take(window, page)
        yield records
        if rest is None:
            return
        bottom, top = rest.above, rest.below
        while True:
            ends = [replace(window, above=bottom, below=top), replace(window, above=bottom, below=top, descending=True)]
            ended = False
            for end, (records, rest) in self._client.map(
                lambda each: (each, self._take(each, self._fetch(each))), ends
            ):
                yield records
                if rest is None:
                    ended = True
                elif end.descending:
                    top = rest.below
                else:
                    bottom = rest.above
            if ended or (bottom is not None and top is not None and bottom >= top - 1):
                return

    def _take(self, window: _Window, page: Page[Record]) -> tuple[list[Record], _Window | None]:
        """Give a page's records and the window that is left, None at its end.

        A page is the last only when HubSpot names no next one: a short or empty page proves nothing.
        """
        pages = 0
        while not page.results and page.after is not None:
            pages += 1
            if int(page.after) + PAGE > LARGEST_QUERY or pages > MOST_PAGES:
                return self._read_by_time(window), None
            page = self._fetch(window, after=page.after)
        ids = [int(record.id) for record in page.results if record.id.isdigit()]
        if len(ids) < len(page.results) or not _in_order(ids, window):
            return self._read_by_time(window), None
        if page.after is None:
            return page.results, None
        return page.results, replace(window, below=ids[-1]) if window.descending else replace(window, above=ids[-1])

    def _read_by_time(self, window: _Window) -> list[Record]:
        """Read a window again whose order was broken: in slices of time small enough to be read by offset."""
        self.disordered += 1
        found: list[Record] = []
        slices = [window]
        while slices:
            each = slices.pop()
            page = self._fetch(each)
            if page.total > LARGEST_QUERY - PAGE and each.until > each.since:
                middle = (each.since + each.until) // 2
                slices += [replace(each, since=middle + 1), replace(each, until=middle)]
                continue
            found += page.results
            pages = 0
            while page.after is not None:
                pages += 1
                if pages > MOST_PAGES:
                    raise UnexpectedAnswerError(
                        f"POST {self._path}: HubSpot's search names one next page after another and never ends."
                        " Running again asks again."
                    )
                if int(page.after) + PAGE > LARGEST_QUERY:
                    raise UnexpectedAnswerError(
                        f"POST {self._path}: HubSpot's search did not keep its order by record id among more than"
                        f" {LARGEST_QUERY} records modified in one millisecond. Read the stream with --full-refresh."
                    )
                page = self._fetch(each, after=page.after)
                found += page.results
        return found

    def _fetch(self, window: _Window, *, after: str | None = None) -> Page[Record]:
        body: dict[str, object] = {
            "filterGroups": [{"filters": self._filters(window)}],
            "sorts": [
                {"propertyName": "hs_object_id", "direction": "DESCENDING" if window.descending else "ASCENDING"}
            ],
            "properties": self._shape.properties,
            "limit": PAGE,
        }
        if after is not None:
            body["after"] = after
        return self._client.fetch(self._path, type=self._shape.pages, body=body, search=True).value

    def _filters(self, window: _Window) -> list[dict[str, str]]:
        filters = [
            {"propertyName": self._cursor, "operator": "GTE", "value": str(window.since)},
            {"propertyName": self._cursor, "operator": "LTE", "value": str(window.until)},
        ]
        if window.above is not None:
            filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": str(window.above)})
        if window.below is not None:
            filters.append({"propertyName": "hs_object_id", "operator": "LT", "value": str(window.below)})
        return filters


def _in_order(ids: Sequence[int], window: _Window) -> bool:
    """Tell whether a page's ids run one way and lie inside the window."""
    steps = pairwise(reversed(ids) if window.descending else ids)
    inside = all(
        (window.above is None or each > window.above) and (window.below is None or each < window.below) for each in ids
    )
    return inside and all(left < right for left, right in steps)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
