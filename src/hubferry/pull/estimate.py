"""What a pull would cost, before it is run: reader, calls and time of each stream at HubSpot's limits. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from hubferry.config.model import PullBlock, StreamBlock
from hubferry.config.periods import has_come_round
from hubferry.errors import HubferryError, RefusedError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.associations import READ_INPUTS
from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import fetch_properties
from hubferry.hubspot.readers import exported
from hubferry.hubspot.readers.changes import Changes
from hubferry.hubspot.readers.scan import LONGEST_NAMES, fetch_total
from hubferry.hubspot.records import RecordShape
from hubferry.pull import definitions, planner, schema
from hubferry.pull.cadence import is_due
from hubferry.pull.catalog import Catalog, fetch_catalog
from hubferry.pull.pairs import choose_pairs
from hubferry.pull.pulling import DATE_PRECISION, WHOLE
from hubferry.pull.records import CALCULATED, CALLS_PER_SECOND, RECONCILED
from hubferry.pull.run import choose_streams
from hubferry.pull.storage import current_name
from hubferry.state.cursors import Cursor
from hubferry.state.store import StateReader
from hubferry.streams.definition import Stream
from hubferry.types import Column

_FEW = 1
"""Calls of a list about which nothing is known yet."""
_IDS_ALONE = RecordShape(("hs_object_id",))


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one stream, or the links of one pair, would take."""

    name: str
    reader: str
    calls: int
    """HubSpot calls, searches among them."""
    seconds: float
    """The least time that the limits allow for them."""
    share_of_day: float | None = None
    """Part of the account's daily calls, 0 to 1; None where HubSpot does not say how many there are."""
    basis: str = ""
    """What it was reckoned from."""
    error: HubferryError | None = None


def estimate_pull(
    *,
    client: Client,
    state: StateReader,
    pull: PullBlock,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
) -> tuple[Estimate, ...]:
    """Reckon what a pull would take; asking for that takes a few calls itself."""
    portal_id = fetch_account(client).portal_id
    catalog = fetch_catalog(client, pull)
    streams = choose_streams(pull, select, exclude, catalog)
    return tuple(_Estimating(client, state, catalog, catalog.expand(pull), portal_id, full_refresh).run(streams))


class _Estimating:
    """One reckoning."""

    def __init__(
        self, client: Client, state: StateReader, catalog: Catalog, block: PullBlock, portal_id: int, full: bool
    ) -> None:
        self._client, self._state, self._catalog, self._block = client, state, catalog, block
        self._full = full
        self._cursors = state.cursors(portal_id, block.schema_)
        self._last = state.last_calls(portal_id)
        self._records: dict[str, int] = {}
        self._changed: dict[str, int] = {}

    def run(self, streams: Sequence[Stream]) -> Iterator[Estimate]:
        """Reckon each stream, then the links between them."""
        for stream in streams:
            try:
                yield self._records_of(stream) if stream.reader == "records" else self._list_of(stream)
            except RefusedError as error:
                yield Estimate(name=stream.name, reader=stream.reader, calls=0, seconds=0.0, error=error)
        for pair in choose_pairs(self._block, streams, self._catalog):
            known = [each for each in (pair.one, pair.other) if each in self._records]
            if known:
                name = f"associations {pair.name}"
                cursor = self._cursors.get(name, Cursor())
                most = ceil(min(self._records[each] for each in known) / READ_INPUTS)
                whole = self._full or is_due(pair.sweep, cursor.swept.get("links"), self._client.now(), calls=most)
                changed = sum(ceil(self._changed[each] / READ_INPUTS) for each in known)
                calls = 1 + (most if whole else changed)
                basis = "links of all records" if whole else "links of changed records"
                yield self._estimate(name, "batch", calls, 0, basis)

    def _records_of(self, stream: Stream) -> Estimate:
        assert stream.object is not None
        path, block = stream.object.path_name, self._block.streams.get(stream.name) or StreamBlock()
        cursor, now = self._cursors.get(stream.name, Cursor()), self._client.now()
        total, changed, differing = fetch_total(self._client, path), None, 0
        pages, anew = self._look_at_columns(stream, block, cursor)
        if cursor.value is not None and cursor.scan is None and not anew and not self._wants_everything(stream, cursor):
            changed = self._count_changed(stream, path, cursor)
        self._records[stream.object.name] = total
        self._changed[stream.object.name] = total if changed is None else changed
        by_export = block.reader == "exports" and cursor.value is not None and cursor.scan is None and not anew
        if changed is None and by_export:
            differing = self._count_changed(stream, path, cursor)
            calls, searches, reader = exported.CALLS - 1 + ceil(differing / planner.LIST_PAGE), 1, "exports"
        elif changed is None:
            calls, searches, reader = ceil(max(1, total) / planner.LIST_PAGE) * pages, 2, "scan"
        else:
            choice = planner.choose_reader(
                records=total, changed=changed, calls_per_second=CALLS_PER_SECOND, calls_per_page=pages
            )
            reader = choice.chosen.reader
            calls, searches = (choice.chosen.calls, 1) if reader == "scan" else (0, choice.chosen.calls)
        if changed is not None and any(
            has_come_round(period, cursor.swept.get(kind), now)
            for kind, period in ((RECONCILED, block.reconcile), (CALCULATED, block.calculated))
        ):
            calls += exported.CALLS if by_export else ceil(total / planner.LIST_PAGE)
        basis = f"{total:,} records" if changed is None else f"{changed:,} changed of {total:,}"
        if reader == "exports":
            basis = (
                f"at least: {total:,} records in one export, {differing:,} changed; HubSpot's time for the file besides"
            )
        return self._estimate(stream.name, reader, calls + 2, searches, basis)  # definitions, archived records

    def _list_of(self, stream: Stream) -> Estimate:
        calls = self._last.get(stream.name)
        basis = "not read yet: at least" if calls is None else "as in its last run"
        return self._estimate(stream.name, stream.reader, _FEW if calls is None else calls, 0, basis)

    def _estimate(self, name: str, reader: str, calls: int, searches: int, basis: str) -> Estimate:
        daily = self._client.usage.daily
        share = calls / daily.limit if daily is not None and daily.limit else None
        seconds = max(calls / CALLS_PER_SECOND, searches / planner.SEARCHES_PER_SECOND)
        return Estimate(
            name=name,
            reader=reader,
            calls=calls + searches,
            seconds=round(seconds, 1),
            share_of_day=share,
            basis=basis,
        )

    def _wants_everything(self, stream: Stream, cursor: Cursor) -> bool:
        block = self._block.streams.get(stream.name) or StreamBlock()
        due = has_come_round(block.full_refresh, cursor.swept.get(WHOLE), self._client.now())
        return self._full or due or (block.strategy or stream.strategy) == "full_refresh"

    def _count_changed(self, stream: Stream, path: str, cursor: Cursor) -> int:
        assert cursor.value is not None
        assert stream.cursor is not None
        changes = Changes(
            self._client,
            path,
            _IDS_ALONE,
            cursor_property=stream.cursor,
            since=cursor.value - timedelta(minutes=self._block.lookback_minutes),
            until=self._client.now() + DATE_PRECISION,
        )
        return changes.total

    def _look_at_columns(self, stream: Stream, block: StreamBlock, cursor: Cursor) -> tuple[int, bool]:
        """Give how many calls a page takes, and whether a column is new that only reading everything fills.

        Two calls where the names of the properties are too long for a URL.
        """
        assert stream.object is not None
        found, schema_ = fetch_properties(self._client, stream.object.path_name), self._block.schema_
        filled, known, stored = {each.name for each in found}, dict[str, str | None](), tuple[Column, ...]()
        warehouse = self._state.warehouse
        if cursor.value is not None and warehouse.query_columns(schema_, "properties"):
            known = definitions.query_known_columns(warehouse, schema_, stream.object.name)
            stored = warehouse.query_columns(schema_, current_name(stream.name, append=block.storage == "append"))
            filled = {name for name, column in known.items() if column is not None}
        made = schema.build_record_table(
            schema_, stream, block, found, stored, filled=filled, most=warehouse.most_columns
        )
        wide = sum(len(name) + 1 for name in made.requested) > LONGEST_NAMES
        return 2 if wide else 1, definitions.needs_scan(known, found, made)
