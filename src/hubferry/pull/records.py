"""Pulls one stream of records: definitions, table, reader, chunks with their cursor, then what is no longer live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from hubferry.config.periods import has_come_round
from hubferry.errors import GuardError, RefusedError
from hubferry.hubspot.properties import Property, fetch_filled, fetch_properties
from hubferry.hubspot.readers.changes import Changes
from hubferry.hubspot.readers.scan import LONGEST_NAMES, Scan
from hubferry.hubspot.records import Record
from hubferry.pull import definitions, exported, planner, refresh, schema, snapshots
from hubferry.pull.cadence import is_due
from hubferry.pull.pulling import DATE_PRECISION, RESTORABLE, SURELY_KEPT, WHOLE, Pulling, Tally
from hubferry.pull.record_writer import RecordWriter
from hubferry.pull.refresh import Refresh
from hubferry.pull.schema import PropertyColumn
from hubferry.pull.sweep import Sweep
from hubferry.pull.tombstones import ARCHIVED
from hubferry.state.crash import crashpoint
from hubferry.state.cursors import Cursor
from hubferry.streams.definition import OWN_COLUMNS, VOLATILE, Stream
from hubferry.types import Column
from hubferry.warehouse.interface import MergeCounts, Transaction

CALLS_PER_SECOND = 19.0
RECONCILED, CALCULATED, FILLED = "reconciled", "calculated", "filled"
"""What is looked at on a cadence of its own, as the cursor names it; besides archived records."""


class RecordPull:
    """One stream of records in one run. `tally` is up to date at every moment."""

    def __init__(self, pulling: Pulling, stream: Stream, tally: Tally) -> None:
        assert stream.object is not None
        self._pulling, self._stream, self._tally = pulling, stream, tally
        self._client, self._warehouse = pulling.client, pulling.warehouse
        self._object, self.path_name = stream.object.name, stream.object.path_name
        self._block = pulling.block_of(stream)
        self.cursor = Cursor()
        """How far the stream has been read."""

    def run(self) -> None:
        """Read what changed and write it; each transaction leaves rows and cursor in agreement."""
        self.prepare()
        under_way = refresh.parse_refresh(self.cursor.scan)
        if under_way is None:
            self._read_least()
        else:
            self._read_all(under_way)
            if under_way.remaining is not None:  # what changed since in the ranges that an earlier run read
                self._read_changes(self._open_changes())
        self._sweep_archived()
        self._reconcile()

    # Before the first record

    @property
    def _kept_as(self) -> str:
        return self._pulling.kept_as(self._stream.name)

    def prepare(self) -> None:
        """Make the tables; note in one transaction what they hold, where that changed, and that everything is to be read."""
        properties = fetch_properties(self._client, self.path_name)
        with self._warehouse.session():
            self.cursor = self._pulling.cursor(self._stream.name)
            self._make_tables(properties)

    def _make_tables(self, properties: Sequence[Property]) -> None:
        pulling, warehouse = self._pulling, self._warehouse
        warehouse.ensure_tables(
            (definitions.properties_table(pulling.schema), definitions.options_table(pulling.schema))
        )
        known = definitions.query_known_columns(warehouse, pulling.schema, self._object)
        stored = pulling.storage_of(self._stream).current.columns
        filled = self._find_filled(properties, {name for name, column in known.items() if column is not None})
        made = schema.build_record_table(
            pulling.schema,
            self._stream,
            self._block,
            properties,
            stored or warehouse.query_columns(pulling.schema, self._stream.name),
            filled=filled,
            most=warehouse.most_columns,
        )
        if stored:
            known = self._without_lost(known, stored)
        if made.rest:
            self._tally.notes.append(
                f"{len(made.rest):,} properties of {self._stream.name} have no column of their own; they are in the JSON"
                f" column {schema.MORE}, because a table takes {len(made.properties):,} of them."
            )
        for name in made.lost:
            self._tally.notes.append(
                f"HubSpot has no property {name!r} of {self._stream.name} any more; its column keeps what it holds. Take it"
                " out of hubferry.yml."
            )
        self.made, self.writer = made, RecordWriter(pulling, self._stream, made, self._tally)
        self.writer.prepare()
        self._live_rows = snapshots.count_live(warehouse, warehouse, self.writer.table, {})
        self._calculated = [each.name for each in properties if each.calculated]
        anew = definitions.needs_scan(known, properties, made) or self._lacks_own(stored)
        if anew or not self._live_rows:  # archived records may lack the same, whenever their list is due
            swept = {name: at for name, at in self.cursor.swept.items() if name != ARCHIVED}
            self.cursor = replace(self.cursor, swept=swept)
        self._merge_definitions(properties, known, anew=anew)

    def _merge_definitions(
        self, properties: Sequence[Property], known: Mapping[str, str | None], *, anew: bool
    ) -> None:
        """Write the definitions where they changed, and that everything is to be read."""
        pulling, made, place = self._pulling, self.made, (self._warehouse, self._pulling.schema, self._object)
        begins = anew or (self.cursor.scan is None and self._wants_everything())
        is_stored = not pulling.full_refresh and definitions.are_stored(*place, known, properties, made)
        if is_stored and not begins:
            return
        with pulling.lease.transaction() as tx:
            if not is_stored:
                definitions.merge_definitions(tx, *place, properties, made, pulling.stamp())
            if begins:
                self._begin_refresh(tx, by_export=self._may_export(anew=anew))

    def _may_export(self, *, anew: bool) -> bool:
        """Say whether everything can be looked at by an export; note why not where the project wishes for one."""
        if self._block.reader != "exports":
            return False
        first = anew or self.cursor.value is None or not self._live_rows
        obstacle = exported.FIRST if first else exported.find_obstacle(self.made)
        if obstacle is not None:
            exported.note_list(self._stream, self._tally, obstacle)
        return obstacle is None

    def _find_filled(self, properties: Sequence[Property], known: set[str]) -> set[str]:
        """Give the properties that some record has a value of: those found before, and now and then those found anew."""
        if self._block.properties != "not_empty":
            return set()
        now, empty = self._client.now(), [each.name for each in properties if each.name not in known]
        if not is_due(self._block.sweep, self.cursor.swept.get(FILLED), now, calls=len(empty)):
            return known
        self.cursor = replace(self.cursor, swept={**self.cursor.swept, FILLED: now})
        try:
            return known | fetch_filled(self._client, self.path_name, empty)
        except RefusedError:  # an object that cannot be searched
            return {each.name for each in properties}

    def _without_lost(self, known: Mapping[str, str | None], stored: Sequence[Column]) -> dict[str, str | None]:
        """Give the properties with the columns that are still there: one that somebody dropped is to be filled again."""
        quote = self._warehouse.quote  # the same for both spellings of a name that the engine folds or shortens
        there = {quote(column.name).casefold() for column in stored}
        return {
            name: column if column is None or quote(column).casefold() in there else None
            for name, column in known.items()
        }

    def _lacks_own(self, stored: Sequence[Column]) -> bool:
        """Say whether a table that was there lacks a column that every table of records has."""
        own = {*self._stream.columns, *OWN_COLUMNS} - set(VOLATILE)
        return bool(stored) and not own <= {column.name for column in stored}

    def _wants_everything(self) -> bool:
        """Say so of a table without live rows, too: where somebody emptied it, no change would bring them back."""
        return not self._live_rows or self._pulling.wants_everything(self._stream, self.cursor)

    def _begin_refresh(self, tx: Transaction, *, by_export: bool = False) -> None:
        begun = Refresh(uuid4().hex, self._client.now(), sweeps=self._live_rows > 0, by_export=by_export)
        refresh.delete_seen(tx, self._warehouse, self._pulling.portal_id, self._kept_as)
        self._save(tx, replace(self.cursor, scan=begun.render()))

    # Reading

    def _open_changes(self) -> Changes:
        assert self.cursor.value is not None
        assert self._stream.cursor is not None
        lookback = timedelta(minutes=self._pulling.block.lookback_minutes)
        self._until = self._client.now()
        return Changes(
            self._client,
            self.path_name,
            self.writer.shape,
            cursor_property=self._stream.cursor,
            since=self.cursor.value - lookback,
            until=self._until + DATE_PRECISION,
        )

    def _read_least(self) -> None:
        """Read what changed by whichever reader takes least; the planner needs one call for that, whose page is used."""
        changes = self._open_changes()
        wide = sum(len(name) + 1 for name in self.writer.shape.properties) > LONGEST_NAMES
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
        begun = refresh.parse_refresh(self.cursor.scan)
        assert begun is not None
        self._read_all(begun)

    def _read_changes(self, changes: Changes) -> None:
        """Write what changed; the cursor moves with the last chunk, because the pages come by id and not by time."""
        self._tally.reader, read_before, total = self._tally.reader or "changes", self._tally.read, changes.total
        until = self._until
        with closing(changes.pages()) as pages:  # type: ignore[type-var]
            for records in _group(self._checked(pages, total), self.writer.chunk_size):
                self.writer.write(records)
        if changes.disordered:
            self._tally.notes.append(
                f"HubSpot's search of {self._stream.name} broke its order by id. Pages whose range was read again, split by"
                f" time: {changes.disordered:,}."
            )
        self._tally.floor_calls += planner.floor_calls("changes", self._tally.read - read_before)
        with self._pulling.lease.transaction() as tx:
            self._save(tx, replace(self.cursor, value=until))

    def _read_all(self, begun: Refresh) -> None:
        """Scan the ranges that are left, each chunk with the ranges that are left after it; then deal with what vanished.

        An export is tried first where the refresh says so; what its file shows otherwise than the table is read by id.
        """
        if begun.by_export and begun.remaining is None and self._read_exported(begun):
            return
        self._tally.reader, read_before = "scan", self._tally.read
        scan = Scan(self._client, self.path_name, self.writer.shape, remaining=begun.remaining)
        batch: list[Record] = []
        current = begun
        with closing(scan.pages()) as pages:  # type: ignore[type-var]
            for page in pages:
                self._check_page(len(page.records), scan.total)
                batch += page.records
                current = replace(begun, remaining=page.remaining)
                if len(batch) >= self.writer.chunk_size or not page.remaining:
                    self._write_scanned(batch, current)
                    batch = []
        if batch:
            self._write_scanned(batch, current)
        self._tally.floor_calls += planner.floor_calls("scan", self._tally.read - read_before)
        self._finish_refresh(current)

    def _read_exported(self, begun: Refresh) -> bool:
        """Look at everything by an export; False: nothing was written, and the list is to be read."""
        columns, tally = self.made.properties, self._tally
        sweep = Sweep(self._pulling, self._stream, self.writer, tally, columns)
        if not exported.run_by_export(self._pulling, self._stream, tally, sweep, columns):
            return False
        tally.reader, tally.read = "exports", tally.read + sweep.read
        otherwise = len(sweep.missing) + len(sweep.differing)
        tally.floor_calls += planner.floor_calls("exports", otherwise)
        tally.merged += MergeCounts(unchanged=sweep.read - otherwise)
        crashpoint("pull.before_sweep")
        try:
            sweep.repair(None, self._live_rows)
        except GuardError:
            self._end_refresh(begun)  # what differed is written; only what vanished is left out
            raise
        self._end_refresh(begun)
        return True

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

    def _write_scanned(self, records: Sequence[Record], current: Refresh) -> None:
        moved = replace(self.cursor, scan=current.render())
        self.writer.write(records, lambda tx: self._save(tx, moved), current)

    def _save(self, tx: Transaction, cursor: Cursor) -> None:
        self.cursor = self._pulling.save_cursor(tx, self._stream.name, cursor)

    # What is no longer live, and what moved no cursor

    def _finish_refresh(self, done: Refresh) -> None:
        """Deal with rows that the refresh did not see, then end it."""
        crashpoint("pull.before_sweep")
        pulling, name = self._pulling, self._stream.name
        unseen = (
            refresh.query_unseen(self._warehouse, self.writer.table, pulling.portal_id, self._kept_as, done)
            if done.sweeps
            else []
        )
        found = self.writer.find(unseen)
        try:
            snapshots.check_vanished(name, len(found.gone), self._live_rows, allowed=pulling.allow_deletes)
        except GuardError:
            self._end_refresh(done)  # what was read is written; only the sweep is left out
            raise
        self.writer.settle(found)
        self._end_refresh(done)

    def _end_refresh(self, done: Refresh) -> None:
        looked_at = dict.fromkeys((RECONCILED, CALCULATED, WHOLE), done.started)
        with self._pulling.lease.transaction() as tx:
            refresh.delete_seen(tx, self._warehouse, self._pulling.portal_id, self._kept_as)
            swept = {**self.cursor.swept, **looked_at}
            self._save(tx, replace(self.cursor, value=done.started, scan=None, swept=swept))

    def _sweep_archived(self) -> None:
        """Read the list of archived records; then ask for those that left it: restored, merged, or erased."""
        now, known = self._client.now(), self.writer.tombstones
        recent = {key for key, each in known.items() if each.reason == ARCHIVED and now - each.at < RESTORABLE}
        if not is_due(self._block.sweep, self.cursor.swept.get(ARCHIVED), now, calls=1 + len(recent) // 100):
            return
        listed: set[str] = set()
        scan = Scan(self._client, self.path_name, self.writer.shape, archived=True)
        with closing(scan.pages()) as pages:  # type: ignore[type-var]
            for records in _group((page.records for page in pages), self.writer.chunk_size):
                self._pulling.stop.check()
                listed |= {each.id for each in records}
                self.writer.write_archived(records)
        # What was just read may say by now that some of them were merged.
        unmerged = {each for each in recent if known[each].reason == ARCHIVED}
        found = self.writer.find(sorted(unmerged - listed), archive_read=True)
        young = [each for each in found.gone if now - known[each].at < SURELY_KEPT]
        snapshots.check_vanished(
            f"archived {self._stream.name}", len(young), len(recent), allowed=self._pulling.allow_deletes
        )
        self.writer.settle(replace(found, gone=young))
        with self._pulling.lease.transaction() as tx:
            self._save(tx, replace(self.cursor, swept={**self.cursor.swept, ARCHIVED: now}))

    def _reconcile(self) -> None:
        """Compare ids and dates of all records with the table, and calculated values, where it is time for that."""
        now, swept = self._client.now(), dict(self.cursor.swept)
        calculates = bool(self._calculated) and has_come_round(self._block.calculated, swept.get(CALCULATED), now)
        if calculates or has_come_round(self._block.reconcile, swept.get(RECONCILED), now):
            found = self._sweep_exported(calculated=calculates) or self.sweep(calculated=calculates)
            found.repair(self.cursor.value, self._live_rows)
            swept[RECONCILED] = now
            if calculates:
                swept[CALCULATED] = now
        swept = {RECONCILED: now, CALCULATED: now, WHOLE: now, **swept}  # what was never looked at begins to count now
        if swept != self.cursor.swept:
            with self._pulling.lease.transaction() as tx:
                self._save(tx, replace(self.cursor, swept=swept))

    def sweep(self, *, calculated: bool = False) -> Sweep:
        """Compare ids and dates of all records with the table, and with `calculated` such values; nothing is written."""
        found = Sweep(self._pulling, self._stream, self.writer, self._tally, self._swept_columns(calculated=calculated))
        found.run()
        return found

    def _sweep_exported(self, *, calculated: bool) -> Sweep | None:
        """Do the same by an export, where the project wishes for one and there is one."""
        if self._block.reader != "exports":
            return None
        columns = self._swept_columns(calculated=calculated)
        found = Sweep(self._pulling, self._stream, self.writer, self._tally, columns)
        return found if exported.run_by_export(self._pulling, self._stream, self._tally, found, columns) else None

    def _swept_columns(self, *, calculated: bool) -> list[PropertyColumn]:
        names = set(self._calculated) if calculated else set()
        return [each for each in self.made.properties if each.property in names]


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
