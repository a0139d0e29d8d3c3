"""Reads every record of an object by the list endpoint, several id ranges at a time so that latency does not cap the rate."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from itertools import pairwise

from hubferry.errors import RefusedError, UnexpectedAnswerError
from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.hubspot.readers.ranges import IdRange, Part, Partition
from hubferry.hubspot.records import Record, RecordShape

__all__ = ["IdRange", "Scan", "ScanPage", "fetch_total"]
PAGE = 100
LONGEST_NAMES = 12_000
"""Characters of property names that a URL carries; wider lists are read as ids, then by batch."""
LEAST_CUT = 8 * PAGE
"""A range with fewer records left is read sooner than cut."""
_SEARCHES_PER_CUT = 5
_CUTTERS = 4
_FAIR = (0.3, 0.7)
_POLL_SECONDS = 0.05
_WAITING_PAGES = 48
_NO_PROPERTIES = RecordShape(("hs_object_id",))


@dataclass(frozen=True)
class ScanPage:
    """Some records, and the ranges still to read once they are committed: give them to a Scan to resume it."""

    records: list[Record]
    remaining: tuple[IdRange, ...]


@dataclass(frozen=True)
class _Read:
    """What a thread hands to the generator: a page, or the error that ended it."""

    part: Part | None = None
    records: Sequence[Record] = ()
    next_start: int | None = None
    error: BaseException | None = None


class _NotByIdError(Exception):
    """The list is not ordered by id, or does not begin where `after` says."""


def fetch_total(client: Client, object_name: str) -> int:
    """Ask how many live records there are, by the search index; one call."""
    body = {"filterGroups": [], "properties": _NO_PROPERTIES.properties, "limit": 1}
    path = f"/crm/objects/{{version}}/{object_name}/search"
    return client.fetch(path, type=_NO_PROPERTIES.pages, body=body, search=True).value.total


class Scan:
    """One pass over an object's records, live or archived. Records may come twice, never not at all."""

    def __init__(
        self,
        client: Client,
        object_name: str,
        shape: RecordShape,
        *,
        archived: bool = False,
        remaining: Sequence[IdRange] | None = None,
        associations: Sequence[str] = (),
    ) -> None:
        self._client, self._object, self._shape = client, object_name, shape
        self._archived, self._associations = archived, associations
        self._ranges = tuple(remaining) if remaining is not None else (IdRange(),)
        self._wide = sum(len(name) + 1 for name in shape.properties) > LONGEST_NAMES
        self._stopped = threading.Event()
        self._pages: queue.Queue[_Read] = queue.Queue(maxsize=_WAITING_PAGES)
        self.total: int | None = None
        """How many live records there are, by the search index; None for archived ones, which it lacks."""
        self._lowest = self._highest = 0
        self.in_one_range = False
        """Whether HubSpot's list turned out not to be ordered by id, and was read in one go."""

    def pages(self) -> Iterator[ScanPage]:
        """Read; call once. Closing the generator ends the threads, after the calls that are under way."""
        if not self._ranges:
            return
        self._learn_size()
        try:
            yield from self._read_parallel(Partition(self._ranges, self.total))
        except _NotByIdError:
            self.in_one_range = True
            yield from self._read_in_one_range()

    def _read_parallel(self, partition: Partition) -> Iterator[ScanPage]:
        threads: list[threading.Thread] = []
        try:
            while partition.is_open:
                self._start_threads(partition, threads)
                try:
                    read = self._pages.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if read.error is not None:
                    raise read.error
                assert read.part is not None
                remaining = partition.hand_out(read.part, read.next_start)
                if read.records or not remaining:
                    yield ScanPage(list(read.records), remaining)
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    @staticmethod
    def _thread(name: str, work: Callable[..., None], *given: object) -> threading.Thread:
        """Make a thread that knows what its maker knows: whom its waits are to ask."""
        return threading.Thread(target=copy_context().run, args=(work, *given), name=name)

    def _start_threads(self, partition: Partition, threads: list[threading.Thread]) -> None:
        """Have as many threads as keep the limit full: readers for the ranges that wait, else one that cuts."""
        threads[:] = [thread for thread in threads if thread.is_alive()]
        while len(threads) < self._client.concurrency and (part := partition.next_part()) is not None:
            threads.append(self._thread("hubspot-scan", self._read_parts, partition, part))
            threads[-1].start()
        cutters = sum(thread.name == "hubspot-cut" for thread in threads)
        idle = self._client.concurrency - len(threads) if self.total is not None else 0
        for _ in range(min(idle, _CUTTERS - cutters)):
            part = partition.next_to_cut(LEAST_CUT)
            if part is None:
                break
            threads.append(self._thread("hubspot-cut", self._cut, partition, part))
            threads[-1].start()

    def _read_parts(self, partition: Partition, first: Part) -> None:
        try:
            part: Part | None = first
            while part is not None and not self._stopped.is_set():
                self._read_part(partition, part)
                part = partition.next_part()
        except BaseException as error:  # noqa: BLE001  the thread's edge: the generator raises it
            self._put(_Read(error=error))

    def _read_part(self, partition: Partition, part: Part) -> None:
        # One before the first id: right whether HubSpot takes `after` as included or not.
        asked = part.start - 1
        start: int | None = part.start
        while start is not None and not self._stopped.is_set():
            records, after = self._fetch_page(str(asked) if asked > 0 else None)
            if not all(record.id.isdigit() for record in records):
                raise _NotByIdError
            ids = [int(record.id) for record in records]
            asked = _check_order(ids, asked, after)
            mine, start = partition.keep(part, ids, None if after is None else asked)
            self._put(_Read(part, self._fill(records[mine]), start))

    def _put(self, read: _Read) -> None:
        while not self._stopped.is_set():
            try:
                self._pages.put(read, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return

    def _fetch_page(self, after: str | None) -> tuple[list[Record], str | None]:
        shape = _NO_PROPERTIES if self._wide else self._shape
        params = [("limit", str(PAGE)), ("archived", str(self._archived).lower())]
        if after is not None:
            params.append(("after", after))
        if shape.properties:
            params.append(("properties", ",".join(shape.properties)))
        if self._associations:
            params.append(("associations", ",".join(self._associations)))
        page = self._client.fetch(f"/crm/objects/{{version}}/{self._object}", type=shape.pages, params=params).value
        return page.results, page.after

    def _fill(self, records: Sequence[Record]) -> Sequence[Record]:
        """Read the properties of ids, where there are too many for a URL: all of a record from one answer."""
        if not self._wide or not records:
            return records
        ids = [record.id for record in records]
        found = fetch_by_ids(self._client, self._object, ids, self._shape, archived=self._archived).found
        for record in records:
            if record.id in found:
                found[record.id].associations = record.associations
        return list(found.values())

    def _cut(self, partition: Partition, part: Part) -> None:
        """Cut a range where about half of its records lie."""
        try:
            if part.size is None:
                partition.resize(part, self._count(part.start, part.stop))
                return
            at, above = self._find_middle(part, part.size)
            if at is None or not partition.cut(part, at, above):
                partition.resize(part, part.size // 2)
        except RefusedError:  # an object that cannot be searched is read as it is
            self.total = None
        except BaseException as error:  # noqa: BLE001  the thread's edge: the generator raises it
            self._put(_Read(error=error))
        finally:
            partition.release(part)

    def _find_middle(self, part: Part, size: int) -> tuple[int | None, int]:
        """Search for an id with about half of the range's records above it, and give their number."""
        low, high = max(part.start, self._lowest), part.stop if part.stop is not None else self._highest + 1
        found: tuple[int | None, int] = (None, 0)
        for _ in range(_SEARCHES_PER_CUT):
            at = (low + high) // 2
            if self._stopped.is_set() or at <= low:
                break
            above = self._count(at, part.stop)
            if 0 < above < size:
                found = (at, above)
            if _FAIR[0] * size <= above <= _FAIR[1] * size:
                break
            low, high = (at, high) if above > size / 2 else (low, at)
        return found

    def _count(self, start: int, stop: int | None) -> int:
        """Ask the search index how many records have these ids."""
        filters = [{"propertyName": "hs_object_id", "operator": "GTE", "value": str(start)}]
        if stop is not None:
            filters.append({"propertyName": "hs_object_id", "operator": "LT", "value": str(stop)})
        return self._search(filters, "ASCENDING")[0]

    def _search(self, filters: list[dict[str, str]], direction: str) -> tuple[int, list[Record]]:
        body = {
            "filterGroups": [{"filters": filters}] if filters else [],
            "sorts": [{"propertyName": "hs_object_id", "direction": direction}],
            "properties": _NO_PROPERTIES.properties,
            "limit": 1,
        }
        path = f"/crm/objects/{{version}}/{self._object}/search"
        page = self._client.fetch(path, type=_NO_PROPERTIES.pages, body=body, search=True).value
        return page.total, page.results

    def _learn_size(self) -> None:
        """Learn how many records there are and between which ids; without it one thread reads all."""
        if self._archived:
            return
        try:
            self.total, newest = self._search([], "DESCENDING")
            oldest = self._search([], "ASCENDING")[1] if self.total > LEAST_CUT else []
        except RefusedError:
            return
        self._highest = max((int(record.id) for record in newest), default=0)
        self._lowest = min((int(record.id) for record in oldest), default=0)

    def _read_in_one_range(self) -> Iterator[ScanPage]:
        """Follow `after` as it comes; nothing of it can be resumed."""
        after: str | None = None
        seen: set[str | None] = set()
        while True:
            seen.add(after)
            records, after = self._fetch_page(after)
            if after is not None and after in seen:
                raise UnexpectedAnswerError(
                    f"GET /crm/objects/{{version}}/{self._object}: HubSpot names the same next page twice, so its list"
                    " never ends. Running again begins anew."
                )
            yield ScanPage(list(self._fill(records)), (IdRange(),) if after is not None else ())
            if after is None:
                return


def _check_order(ids: Sequence[int], asked: int, after: str | None) -> int:
    """Give `after` as an id; _NotByIdError where the page shows that the list is not keyed by id."""
    if after is not None and not after.isdigit():
        raise _NotByIdError
    following = int(after) if after is not None else asked
    ascending = all(left < right for left, right in pairwise(ids))
    stuck = after is not None and following <= asked
    if stuck or not ascending or (ids and ids[0] < asked) or (ids and after is not None and following < ids[-1]):
        raise _NotByIdError
    return following
