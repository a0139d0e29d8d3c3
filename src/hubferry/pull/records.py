"""Pulls one stream of records: definitions, table, reader, chunks with their cursor, then what is no longer live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from hubferry.errors import GuardError
from hubferry.hubspot.properties import Property, fetch_properties
from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.hubspot.readers.changes import Changes
from hubferry.hubspot.readers.scan import LONGEST_NAMES, Scan
from hubferry.hubspot.records import Record, RecordShape
from hubferry.pull import chunks, definitions, planner, refresh, schema, snapshots, tombstones
from hubferry.pull.cadence import is_due
from hubferry.pull.chunks import Stamp
from hubferry.pull.pulling import DATE_PRECISION, RESTORABLE, SURELY_KEPT, Pulling, Tally
from hubferry.pull.refresh import Refresh
from hubferry.pull.schema import RecordTable
from hubferry.pull.tombstones import Tombstone
from hubferry.state.crash import crashpoint
from hubferry.state.cursors import Cursor, save_cursor
from hubferry.state.ledger import follow_merges
from hubferry.streams.definition import VOLATILE, Stream
from hubferry.warehouse.interface import Transaction

CALLS_PER_SECOND = 19.0
ARCHIVED = "archived"


@dataclass(frozen=True)
class Whereabouts:
    """What HubSpot says of records that a list did not show."""

    live: list[Record]
    archived: list[Record]
    merged: dict[str, str]
    gone: list[str]


class RecordPull:
    """One stream of records in one run. `tally` is up to date at every moment."""

    def __init__(self, pulling: Pulling, stream: Stream, tally: Tally) -> None:
        assert stream.object is not None
        self._pulling, self._stream, self._tally = pulling, stream, tally
        self._client, self._warehouse = pulling.client, pulling.warehouse
        self._object, self._path = stream.object.name, stream.object.path_name
        self._block = pulling.block_of(stream)
        self._cursor = Cursor()
        self._tombstones: dict[str, Tombstone] = {}

    def run(self) -> None:
        """Read what changed and write it; each transaction leaves rows and cursor in agreement."""
        properties = fetch_properties(self._client, self._path)
        with self._warehouse.session():
            self._cursor = self._pulling.state.cursor(self._pulling.portal_id, self._stream.name) or Cursor()
            self._prepare(properties)
            self._tombstones = tombstones.query_tombstones(self._warehouse, self._table)
        under_way = refresh.parse_refresh(self._cursor.scan)
        if under_way is None:
            self._read_least()
        else:
            self._read_all(under_way)
            if under_way.remaining is not None:  # what changed since in the ranges that an earlier run read
                self._read_changes(self._open_changes())
        self._sweep_archived()

    # Before the first record

    def _prepare(self, properties: Sequence[Property]) -> None:
        """Make the tables; note in one transaction what they hold and, where everything must be read, that it begins."""
        pulling, warehouse = self._pulling, self._warehouse
        existing = warehouse.query_columns(pulling.schema, self._stream.name)
        made = schema.build_record_table(pulling.schema, self._stream, self._block, properties, existing)
        for table in (definitions.properties_table(pulling.schema), definitions.options_table(pulling.schema)):
            warehouse.ensure_table(table)
        known = definitions.query_known_columns(warehouse, pulling.schema, self._object)
        warehouse.ensure_table(made.table)
        self._made: RecordTable = made
        self._table, self._shape = made.table, RecordShape(made.requested)
        self._live_rows = self._query_live_rows()
        anew = definitions.needs_scan(known, properties, made)
        with pulling.lease.transaction() as tx:
            definitions.merge_definitions(
                tx, warehouse, pulling.schema, self._object, properties, made, pulling.stamp()
            )
            if anew or (self._cursor.scan is None and self._wants_everything()):
                self._begin_refresh(tx)

    def _wants_everything(self) -> bool:
        return self._pulling.wants_everything(self._stream, self._cursor)

    def _begin_refresh(self, tx: Transaction) -> None:
        begun = Refresh(uuid4().hex, self._client.now(), sweeps=self._live_rows > 0)
        refresh.delete_seen(tx, self._warehouse, self._pulling.portal_id, self._stream.name)
        self._save(tx, replace(self._cursor, scan=begun.render()))

    def _query_live_rows(self) -> int:
        name, deleted = (
            self._warehouse.name(self._table.schema, self._table.name),
            self._warehouse.quote("_hubferry_deleted_at"),
        )
        return int(self._warehouse.query(f"SELECT count(*) AS n FROM {name} WHERE {deleted} IS NULL")["n"][0].as_py())

    # Reading

    def _open_changes(self) -> Changes:
        assert self._cursor.value is not None
        assert self._stream.cursor is not None
        lookback = timedelta(minutes=self._pulling.block.lookback_minutes)
        self._until = self._client.now()
        return Changes(
            self._client,
            self._path,
            self._shape,
            cursor_property=self._stream.cursor,
            since=self._cursor.value - lookback,
            until=self._until + DATE_PRECISION,
        )

    def _read_least(self) -> None:
        """Read what changed by whichever reader takes least; the planner needs one call for that, whose page is used."""
        changes = self._open_changes()
        wide = sum(len(name) + 1 for name in self._shape.properties) > LONGEST_NAMES
        choice = planner.choose_reader(
            records=self._live_rows,
            changed=changes.total,
            calls_per_second=CALLS_PER_SECOND,
            calls_per_page=2 if wide else 1,
            calls_left=self._client.calls_left,
        )
        self._tally.choice = choice.render()
        if choice.chosen.reader == "changes":
            self._read_changes(changes)
            return
        with self._pulling.lease.transaction() as tx:
            self._begin_refresh(tx)
        begun = refresh.parse_refresh(self._cursor.scan)
        assert begun is not None
        self._read_all(begun)

    def _read_changes(self, changes: Changes) -> None:
        """Write what changed; the cursor moves with the last chunk, because the pages come by id and not by time."""
        self._tally.reader, read_before, total = self._tally.reader or "changes", self._tally.read, changes.total
        until = self._until
        with closing(changes.pages()) as pages:  # type: ignore[type-var]
            for records in _group(self._checked(pages, total), chunks.chunk_size(self._made)):
                self._write(records, self._cursor)
        self._tally.floor_calls += planner.floor_calls("changes", self._tally.read - read_before)
        with self._pulling.lease.transaction() as tx:
            self._save(tx, replace(self._cursor, value=until))

    def _read_all(self, begun: Refresh) -> None:
        """Scan the ranges that are left, each chunk with the ranges that are left after it; then deal with what vanished."""
        self._tally.reader, read_before = "scan", self._tally.read
        scan = Scan(self._client, self._path, self._shape, remaining=begun.remaining)
        batch: list[Record] = []
        current = begun
        with closing(scan.pages()) as pages:  # type: ignore[type-var]
            for page in pages:
                self._check_page(len(page.records), scan.total)
                batch += page.records
                current = replace(begun, remaining=page.remaining)
                if len(batch) >= chunks.chunk_size(self._made) or not page.remaining:
                    self._write(batch, replace(self._cursor, scan=current.render()), current)
                    batch = []
        if batch:
            self._write(batch, replace(self._cursor, scan=current.render()), current)
        self._tally.floor_calls += planner.floor_calls("scan", self._tally.read - read_before)
        self._finish_refresh(current)

    def _checked(self, pages: Iterable[list[Record]], total: int | None) -> Iterator[list[Record]]:
        for records in pages:
            self._check_page(len(records), total)
            yield records

    def _check_page(self, count: int, total: int | None) -> None:
        """Count a page, and stop here if asked to: nothing of it is written yet."""
        crashpoint("pull.page_fetched")
        self._tally.read += count
        self._pulling.stop.check()
        self._pulling.tell(self._stream.name, done=self._tally.read, total=total)

    # Writing

    def _write(self, records: Sequence[Record], cursor: Cursor, seen_by: Refresh | None = None) -> None:
        """Merge live records and move the cursor, in one transaction."""
        kept = self._drop_ghosts(chunks.keep_newest(records))
        stamp = self._pulling.stamp()
        chunk = chunks.build_chunk(self._made, self._shape, kept, stamp)
        merged = self._new_merges(dict(chunk.merged))
        with self._pulling.lease.transaction() as tx:
            counts = tx.merge(self._table, chunk.rows, newest="updated_at", volatile=VOLATILE)
            self._merge_merged(tx, merged, stamp)
            if seen_by is not None and seen_by.sweeps:
                refresh.append_seen(
                    tx, self._pulling.portal_id, self._stream.name, seen_by, [each.id for each in records]
                )
            crashpoint("pull.chunk_merged")
            self._save(tx, cursor)
        self._tally.merged += counts
        self._tally.unparsed += chunk.unparsed
        for each in kept:
            self._tombstones.pop(each.id, None)
        self._note(merged, "merged", stamp.now)

    def _drop_ghosts(self, records: list[Record]) -> list[Record]:
        """Ask again for records whose rows are tombstones: a list or index may be behind, a read by id is not."""
        doubtful = [each.id for each in records if each.id in self._tombstones]
        if not doubtful:
            return records
        found = fetch_by_ids(self._client, self._path, doubtful, self._shape).found
        confirmed = [record for asked, record in found.items() if record.id == asked and not record.archived]
        return [each for each in records if each.id not in self._tombstones] + confirmed

    def _merge_merged(self, tx: Transaction, merged: dict[str, str], stamp: Stamp) -> None:
        """Mark rows as merged, and tell push's ledger in the same transaction, so that it writes to the survivor."""
        tombstones.merge_merged(tx, self._warehouse, self._table, merged, stamp)
        follow_merges(tx, self._warehouse, self._pulling.portal_id, self._path, merged)

    def _new_merges(self, pairs: dict[str, str]) -> dict[str, str]:
        known = self._tombstones
        return {loser: into for loser, into in pairs.items() if loser not in known or known[loser].reason != "merged"}

    def _write_archived(self, records: Sequence[Record]) -> None:
        """Merge archived records as tombstones that keep their values; what was merged or erased stays so."""
        final = {"merged", "erased"}
        kept = [
            each
            for each in chunks.keep_newest(records)
            if each.id not in self._tombstones or self._tombstones[each.id].reason not in final
        ]
        stamp = self._pulling.stamp()
        chunk = chunks.build_chunk(self._made, self._shape, kept, stamp)
        merged = self._new_merges(dict(chunk.merged))
        with self._pulling.lease.transaction() as tx:
            tx.merge(self._table, chunk.rows, volatile=VOLATILE)
            self._merge_merged(tx, merged, stamp)
            crashpoint("pull.chunk_merged")
        self._tally.unparsed += chunk.unparsed
        self._note([each.id for each in kept], ARCHIVED, stamp.now)
        moments = chunk.rows["_hubferry_deleted_at"].to_pylist()
        self._tombstones |= {each.id: Tombstone(ARCHIVED, at) for each, at in zip(kept, moments, strict=True)}
        self._note(merged, "merged", stamp.now)

    def _note(self, ids: Iterable[str], reason: str, at: datetime) -> None:
        """Count rows that were live, and remember why they are not."""
        for each in ids:
            self._tally.deleted += each not in self._tombstones
            self._tombstones[each] = Tombstone(reason, at)

    def _save(self, tx: Transaction, cursor: Cursor) -> None:
        self._cursor = replace(cursor, run_id=self._pulling.run_id, updated_at=self._client.now())
        save_cursor(tx, self._pulling.portal_id, self._stream.name, self._cursor)

    # What is no longer live

    def _finish_refresh(self, done: Refresh) -> None:
        """Deal with rows that the refresh did not see, then end it."""
        crashpoint("pull.before_sweep")
        pulling, name = self._pulling, self._stream.name
        unseen = (
            refresh.query_unseen(self._warehouse, self._table, pulling.portal_id, name, done) if done.sweeps else []
        )
        found = self._find(unseen)
        try:
            snapshots.check_vanished(name, len(found.gone), self._live_rows, allowed=pulling.allow_deletes)
        except GuardError:
            self._end_refresh(done)  # what was read is written; only the sweep is left out
            raise
        self._settle(found)
        self._end_refresh(done)

    def _end_refresh(self, done: Refresh) -> None:
        with self._pulling.lease.transaction() as tx:
            refresh.delete_seen(tx, self._warehouse, self._pulling.portal_id, self._stream.name)
            self._save(tx, replace(self._cursor, value=done.started, scan=None))

    def _find(self, ids: Sequence[str]) -> Whereabouts:
        """Ask by id where records are: live, archived, merged into another, or nowhere."""
        if not ids:
            return Whereabouts([], [], {}, [])
        live = fetch_by_ids(self._client, self._path, ids, self._shape)
        merged = {asked: record.id for asked, record in live.found.items() if record.id != asked}
        records = [record for asked, record in live.found.items() if record.id == asked]
        if not live.missing:
            return Whereabouts(records, [], merged, [])
        archived = fetch_by_ids(self._client, self._path, live.missing, self._shape, archived=True)
        merged |= {asked: record.id for asked, record in archived.found.items() if record.id != asked}
        return Whereabouts(records, list(archived.found.values()), merged, list(archived.missing))

    def _settle(self, found: Whereabouts) -> None:
        """Write what was found."""
        stamp = self._pulling.stamp()
        merged = self._new_merges(found.merged)
        if merged or found.gone:
            with self._pulling.lease.transaction() as tx:
                self._merge_merged(tx, merged, stamp)
                tombstones.erase(tx, self._warehouse, self._table, found.gone, stamp)
            self._note(merged, "merged", stamp.now)
            self._note(found.gone, "erased", stamp.now)
        if found.archived:
            self._write_archived(found.archived)
        if found.live:
            for each in found.live:
                self._tombstones.pop(each.id, None)  # just confirmed by id
            self._write(found.live, self._cursor)

    def _sweep_archived(self) -> None:
        """Read the list of archived records; then ask for those that left it: restored, merged, or erased."""
        stamp = self._pulling.stamp()
        recent = {
            key
            for key, each in self._tombstones.items()
            if each.reason == ARCHIVED and stamp.now - each.at < RESTORABLE
        }
        if not is_due(self._block.sweep, self._cursor.swept.get(ARCHIVED), stamp.now, calls=1 + len(recent) // 100):
            return
        listed: set[str] = set()
        scan = Scan(self._client, self._path, self._shape, archived=True)
        with closing(scan.pages()) as pages:  # type: ignore[type-var]
            for records in _group((page.records for page in pages), chunks.chunk_size(self._made)):
                self._pulling.stop.check()
                listed |= {each.id for each in records}
                self._write_archived(records)
        found = self._find(sorted(recent - listed))
        young = [each for each in found.gone if stamp.now - self._tombstones[each].at < SURELY_KEPT]
        snapshots.check_vanished(
            f"archived {self._stream.name}", len(young), len(recent), allowed=self._pulling.allow_deletes
        )
        self._settle(replace(found, gone=young))
        with self._pulling.lease.transaction() as tx:
            self._save(tx, replace(self._cursor, swept={**self._cursor.swept, ARCHIVED: stamp.now}))


def _group(pages: Iterable[list[Record]], size: int) -> Iterator[list[Record]]:
    """Join pages until they are a chunk."""
    batch: list[Record] = []
    for records in pages:
        batch += records
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
