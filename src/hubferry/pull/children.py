"""Pulls one stream that is a list for each of something: the members of each list, the submissions of each form.

A parent's rows are written with its own cursor in one transaction. A parent of which HubSpot says the same as at the last
look is left alone; where children come newest first, reading stops at those that are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import quote

import pyarrow as pa

from hubferry.config.periods import has_come_round
from hubferry.errors import GuardError, RefusedError
from hubferry.pull import snapshots
from hubferry.pull.comparison import Rows
from hubferry.pull.listing import Listing
from hubferry.pull.pages import fetch_request, is_known, nothing, parsing, unfold, unfold_side
from hubferry.pull.pairs import choose_pairs, pulled_streams
from hubferry.pull.pulling import WHOLE, Pulling, Tally
from hubferry.pull.results import render_json
from hubferry.state.cursors import Cursor, ParentCursor, delete_parents, save_parent
from hubferry.state.tables import PARENTS
from hubferry.streams.definition import Raw, Stream, build_side_table, build_table
from hubferry.warehouse.interface import Transaction

_GONE = 404


@dataclass(frozen=True)
class _Parent:
    """One parent as HubSpot lists it."""

    id: str
    """One text, or those of a pair joined by `/`."""
    path: str
    """What takes its place in the path of its children."""
    mark: str | None = None
    size: int | None = None
    """How many children HubSpot counts, where it does."""


@dataclass
class _Opened:
    """A parent with the first page of its children; `rest` is read by whoever writes them."""

    parent: _Parent
    first: Sequence[Raw] = ()
    rest: Iterable[Sequence[Raw]] = ()
    gone: bool = False
    refused: bool = False


class ChildrenPull:
    """One stream of children in one run."""

    def __init__(self, pulling: Pulling, stream: Stream, tally: Tally) -> None:
        assert stream.parents is not None
        self._pulling, self._stream, self._tally = pulling, stream, tally
        self._parents = stream.parents
        self._storage = pulling.storage(build_table(pulling.schema, stream))
        self._table = self._storage.current
        self._sides = [(side, pulling.storage(build_side_table(pulling.schema, side))) for side in stream.side_tables]
        self._tally.reader = "children"
        self._doubts: list[GuardError] = []

    def run(self) -> None:
        """Read the parents, then the children of those where something may have changed.

        Raises GuardError, after all of them, where suspiciously many of one parent's children are gone.
        """
        pulling, stream = self._pulling, self._stream
        for storage in (self._storage, *(storage for _, storage in self._sides)):
            storage.ensure()
        self._cursor = pulling.cursor(stream.name)
        started, calls = pulling.client.now(), pulling.calls()
        known, begun = self._query_stored(), self._begin(started)
        if begun is not None:  # those that an interrupted reading of all read already are not read once more
            resumes = self._cursor.scan is not None
            known = {name: each for name, each in known.items() if resumes and each.value >= begun}
        listed = self._fetch_parents()
        wanted = [each for each in listed.values() if not _is_same(each, known.get(each.id))]
        for opened in pulling.client.map(self._open, wanted):
            pulling.stop.check()
            if opened.gone:
                del listed[opened.parent.id]
            elif not opened.refused:
                self._write(opened, known.get(opened.parent.id), started)
        self._tally.floor_calls = pulling.calls() - calls
        whole = started if begun is None else begun
        self._finish(listed, Cursor(started, swept={WHOLE: whole, **({} if begun else self._cursor.swept)}))
        if self._doubts:
            raise self._doubts[0]

    def _begin(self, started: datetime) -> datetime | None:
        """Give when the reading of every parent began that is under way or begins now; None: what changed is enough."""
        pulling, cursor = self._pulling, self._cursor
        if cursor.scan is not None:
            return datetime.fromisoformat(cursor.scan["started"])
        reconcile = pulling.block_of(self._stream).reconcile if self._parents.mark else "never"
        due = has_come_round(reconcile, cursor.swept.get(WHOLE), started)
        emptied = snapshots.is_empty(pulling.warehouse, self._table, {})
        if not (due or emptied or pulling.wants_everything(self._stream, cursor)):
            return None
        with pulling.lease.transaction() as tx:
            self._save(tx, replace(cursor, scan={"started": started.isoformat()}))
        return started

    def _save(self, tx: Transaction, cursor: Cursor) -> None:
        self._pulling.save_cursor(tx, self._stream.name, cursor)

    def fetch_all(self) -> Iterator[Rows]:
        """Give everything that HubSpot lists of every parent, and write nothing."""
        for opened in self._pulling.client.map(self._open, self._fetch_parents().values()):
            for raws in () if opened.gone or opened.refused else _chain(opened):
                yield self._scope(opened.parent), unfold(self._stream, raws)

    def _fetch_parents(self) -> dict[str, _Parent]:
        if self._parents.source == "lists":
            return {each.id: each for each in self._fetch_listed()}
        catalog = self._pulling.catalog
        if self._parents.source == "objects":
            names = (*self._parents.objects, *(each.object.name for each in catalog.custom if each.object))
            return {name: _Parent(name, catalog.path_name(name)) for name in names}
        found: dict[str, _Parent] = {}
        for pair in choose_pairs(self._pulling.block, pulled_streams(self._pulling), catalog):
            for ends in ((pair.one, pair.other), (pair.other, pair.one)):
                key = "/".join(ends)
                found[key] = _Parent(key, "/".join(catalog.path_name(each) for each in ends))
        return found

    def _fetch_listed(self) -> Iterator[_Parent]:
        for request in self._parents.requests:
            for raws in fetch_request(self._pulling, request):
                with parsing(request.path):
                    parents = [self._parse_parent(raw) for raw in raws]
                yield from parents

    def _parse_parent(self, raw: Raw) -> _Parent:
        key = str(raw[self._parents.key])
        size = _dig(raw, self._parents.size) if self._parents.size else None
        mark = _mark(raw, self._parents.mark)
        return _Parent(key, quote(key, safe=""), mark, int(str(size)) if size is not None else None)

    @property
    def _kept_as(self) -> str:
        return self._pulling.kept_as(self._stream.name)

    def _query_stored(self) -> dict[str, ParentCursor]:
        return self._pulling.state.parents(self._pulling.portal_id, self._kept_as)

    def _scope(self, parent: _Parent) -> dict[str, str]:
        """Give the columns that name a parent."""
        columns = self._parents.columns
        return dict(zip(columns, [parent.id] if len(columns) == 1 else parent.id.split("/"), strict=True))

    def _open(self, parent: _Parent) -> _Opened:
        """Read the first page of a parent's children: most have no other, so that many are read at once."""
        path = self._stream.path.replace("{parent}", parent.path)
        pages = fetch_request(self._pulling, replace(self._stream.request, path=path))
        try:
            return _Opened(parent, next(pages, ()), pages)
        except RefusedError as error:
            if error.status == _GONE:
                return _Opened(parent, gone=True)
            if any(word in str(error) for word in self._parents.refused):
                return _Opened(parent, refused=True)
            raise

    def _write(self, opened: _Opened, known: ParentCursor | None, started: datetime) -> None:
        """Write the children of one parent, and how far it has been read."""
        pulling, parent = self._pulling, opened.parent
        scope = self._scope(parent)
        erasable = self._stream.person is not None
        listing = Listing(pulling, self._storage, self._tally, scope=scope, size=parent.size, erasable=erasable)
        sides = [
            Listing(pulling, storage, Tally(), scope=dict.fromkeys(side.scope, parent.id), guarded=False)
            for side, storage in self._sides
        ]
        stops = self._parents.newest_first is not None and known is not None
        complete = self._read(listing, sides, opened, known if stops else None)
        moved = ParentCursor(parent.mark, started)

        def settle(tx: Transaction) -> None:
            save_parent(tx, pulling.warehouse, pulling.portal_id, self._kept_as, parent.id, moved, pulling.run_id)

        for side in sides:
            side.finish(nothing, sweep=complete and self._stream.deletes)
        try:
            listing.finish(settle, sweep=complete and self._stream.deletes)
        except GuardError as error:
            self._doubts.append(error)
            moved = ParentCursor(None, started)  # without a mark it is read again in the next run
            with pulling.lease.transaction() as tx:
                settle(tx)

    def _read(self, listing: Listing, sides: Sequence[Listing], opened: _Opened, known: ParentCursor | None) -> bool:
        """Take pages in until they are known; say whether all of them were read."""
        for raws in _chain(opened):
            rows = unfold(self._stream, raws)
            self._tally.read += len(rows)
            self._pulling.tell(self._stream.name, done=self._tally.read)
            listing.add(rows)
            for side, into in zip(self._stream.side_tables, sides, strict=True):
                into.add(unfold_side(self._stream.path, side, raws))
            if known is not None and self._parents.newest_first is not None:
                since = known.value - timedelta(minutes=max(60, self._pulling.block.lookback_minutes))
                if is_known(rows, self._parents.newest_first, since):
                    return False
        return True

    def _finish(self, listed: Mapping[str, _Parent], cursor: Cursor) -> None:
        """Deal with parents that are gone, then move the stream's cursor."""
        pulling, stream = self._pulling, self._stream
        stored = self._query_stored()
        gone = sorted(stored.keys() - listed.keys())
        name = pulling.warehouse.name(PARENTS.table.schema, PARENTS.name)
        scopes = [self._scope(each) for each in listed.values()]
        parents = pa.table(
            {name: pa.array([each[name] for each in scopes], pa.string()) for name in self._parents.columns}
        )
        with self._storage.transaction(pulling.stamp()) as tx:
            if gone and stream.deletes:
                vanished = snapshots.count_gone(tx, pulling.warehouse, self._table, parents, {})
                live = snapshots.count_live(tx, pulling.warehouse, self._table, {})
                snapshots.check_vanished(stream.name, vanished, live, allowed=pulling.allow_deletes)
                marked = snapshots.mark_gone(tx, pulling.warehouse, self._table, parents, {}, pulling.stamp())
                self._tally.deleted += marked
            delete_parents(tx, name, pulling.portal_id, self._kept_as, gone)
            self._save(tx, cursor)


def _chain(opened: _Opened) -> Iterator[Sequence[Raw]]:
    yield opened.first
    yield from opened.rest


def _is_same(parent: _Parent, known: ParentCursor | None) -> bool:
    return known is not None and parent.mark is not None and parent.mark == known.mark


def _mark(raw: Raw, names: Sequence[str]) -> str | None:
    """Give what tells that a parent's children changed; None: nothing tells."""
    return render_json([_dig(raw, name) for name in names]) if names else None


def _dig(raw: Raw, name: str) -> object:
    value: object = raw
    for each in name.split("."):
        value = value.get(each) if isinstance(value, Mapping) else None
    return value
