"""Pulls the versions of properties: of records that changed, found by search, or of all.

Versions are kept for good, also those that HubSpot drops when there are many; only what was erased goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from uuid import uuid4

from hubferry.errors import UnknownNameError
from hubferry.hubspot.properties import fetch_properties
from hubferry.hubspot.readers.changes import Changes
from hubferry.hubspot.readers.history import fetch_history
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import Record, RecordShape
from hubferry.objects import CrmObject
from hubferry.pull import refresh
from hubferry.pull.erasure import HISTORY_PAYLOAD
from hubferry.pull.listing import Listing
from hubferry.pull.pages import unfold
from hubferry.pull.pulling import DATE_PRECISION, WHOLE, Pulling, Tally
from hubferry.pull.refresh import Refresh
from hubferry.pull.snapshots import is_empty, set_columns
from hubferry.state.crash import crashpoint
from hubferry.state.cursors import Cursor
from hubferry.streams.definition import VOLATILE, Raw, Stream, build_table
from hubferry.streams.history import HISTORY_OBJECTS
from hubferry.warehouse.interface import Transaction

GROUP = 1_000
"""Records whose versions are read, then written with the cursor behind them."""
LOOKED = "looked"
"""When rows of records were looked at last, as a cursor names it: those written later are looked at next."""
_IDS_ALONE = RecordShape(("hs_object_id",))


class HistoryPull:
    """The versions of every chosen object's properties in one run."""

    def __init__(self, pulling: Pulling, stream: Stream, tally: Tally) -> None:
        self._pulling, self._stream, self._tally = pulling, stream, tally
        self._table = build_table(pulling.schema, stream)
        self._tally.reader = "history"

    def run(self) -> None:
        """Read one object after the other, each with a cursor of its own."""
        self._pulling.warehouse.ensure_table(self._table)
        calls = self._pulling.calls()
        for found in self.find_objects():
            self._read(found)
            self._erase(found)
        self._tally.floor_calls = self._pulling.calls() - calls

    def find_objects(self) -> list[CrmObject]:
        """Give the objects whose versions are read; raise UnknownNameError for one that is not there."""
        catalog, chosen = self._pulling.catalog, self._pulling.block_of(self._stream).objects
        objects = []
        for name in HISTORY_OBJECTS if chosen is None else chosen:
            found = catalog.find_object(name)
            if found is None:
                raise UnknownNameError(f"object of {self._stream.name}", name, known=tuple(catalog.by_object))
            objects.append(found)
        return objects

    def cursor(self, found: CrmObject) -> Cursor:
        """Give how far an object was read."""
        return self._pulling.cursor(self._cursor_name(found))

    def fetch_ids(self, found: CrmObject) -> list[str]:
        """Give the ids of all records of an object."""
        with closing(Scan(self._pulling.client, found.path_name, _IDS_ALONE).pages()) as pages:  # type: ignore[type-var]
            return [each for page in pages for each in self._ids(page.records)]

    def fetch_versions(self, found: CrmObject, ids: Sequence[str]) -> Iterator[list[Raw]]:
        """Give the versions of the properties of these records, some records at a time; write nothing."""
        yield from self._fetch(found, self._fetch_names(found), ids)

    def write_again(self, found: CrmObject, ids: Sequence[str]) -> None:
        """Read the versions of these records once more, and write what is missing or otherwise."""
        names = self._fetch_names(found)
        for start in range(0, len(ids), GROUP):
            self._write(found, names, ids[start : start + GROUP])

    def _fetch_names(self, found: CrmObject) -> list[str]:
        # The dates of the last change are versions of nothing: HubSpot writes one each time that another is written.
        skipped = {found.cursor, "hs_lastmodifieddate"}
        properties = fetch_properties(self._pulling.client, found.path_name)
        return [each.name for each in properties if each.name not in skipped]

    def _read(self, found: CrmObject) -> None:
        pulling, cursor, names = self._pulling, self.cursor(found), self._fetch_names(found)
        begun = refresh.parse_refresh(cursor.scan)
        emptied = is_empty(pulling.warehouse, self._table, {"object": found.name})  # every record has some version
        if begun is None and (emptied or pulling.wants_everything(self._stream, cursor)):
            begun = Refresh(uuid4().hex, pulling.client.now(), sweeps=False)
        if begun is not None:
            cursor = self._read_all(found, names, cursor, begun)
        if begun is None or begun.remaining is not None:  # what changed since in the ranges that an earlier run read
            self._read_changes(found, names, cursor)

    def _read_all(self, found: CrmObject, names: Sequence[str], cursor: Cursor, begun: Refresh) -> Cursor:
        """Read every record's versions, each group with the ranges of ids that are left after it; give the cursor then."""
        scan = Scan(self._pulling.client, found.path_name, _IDS_ALONE, remaining=begun.remaining)
        began = self._pulling.stamp().now
        ids: list[str] = []
        with closing(scan.pages()) as pages:  # type: ignore[type-var]
            for page in pages:
                ids += self._ids(page.records)
                if len(ids) >= GROUP or not page.remaining:
                    left = replace(begun, remaining=page.remaining)
                    self._write(found, names, ids, replace(cursor, scan=left.render()))
                    ids = []
        # What was written before a reading that is one with its run was written before its first record was asked for.
        looked = began if begun.remaining is None else begun.started
        swept = {**cursor.swept, WHOLE: begun.started, LOOKED: looked}
        ended = replace(cursor, value=begun.started, scan=None, swept=swept, run_id=None)
        # One that is resumed ends with the changes that are read next.
        self._write(found, names, ids, ended if begun.remaining is None else None)
        return ended

    def _read_changes(self, found: CrmObject, names: Sequence[str], cursor: Cursor) -> None:
        """Read the versions of records that changed; the cursor moves with the last of them, because they come by id."""
        pulling, until = self._pulling, self._pulling.client.now()
        assert cursor.value is not None
        since = cursor.value - timedelta(minutes=pulling.block.lookback_minutes)
        changes = Changes(
            pulling.client,
            found.path_name,
            _IDS_ALONE,
            cursor_property=found.cursor,
            since=since,
            until=until + DATE_PRECISION,
        )
        looked = pulling.stamp().now
        unshown = self._query_unshown(found, cursor, since)
        with closing(changes.pages()) as pages:  # type: ignore[type-var]
            for ids in _group(chain((self._ids(records) for records in pages), [unshown])):
                self._write(found, names, ids)
        swept = {WHOLE: until, **cursor.swept, LOOKED: looked}  # a whole reading that never was begins to count now
        moved = replace(cursor, value=until, swept=swept)
        self._write(found, names, (), moved)

    def _query_unshown(self, found: CrmObject, cursor: Cursor, since: datetime) -> list[str]:
        """Give records whose rows were written since the last look, and whose date is too old for a search to show them.

        They were restored, or indexed late, or HubSpot calculated their values anew. Only of objects that are pulled.
        What the run of the last look wrote after it are lists of links. `cursor` has no run where its run looked at nothing.
        """
        pulling, warehouse = self._pulling, self._pulling.warehouse
        table, quote = pulling.table_of(found.name), self._pulling.warehouse.quote
        if table is None or not warehouse.query_columns(pulling.schema, table):
            return []
        rows = warehouse.query(
            f"SELECT id FROM {warehouse.name(pulling.schema, table)} WHERE {quote('_hubferry_deleted_at')} IS NULL"
            f" AND {quote('_hubferry_synced_at')} >= ? AND {quote('_hubferry_run_id')} <> ? AND updated_at < ? ORDER BY id",
            (cursor.swept.get(LOOKED, cursor.value), cursor.run_id or "", since),
        )
        ids: list[str] = rows["id"].to_pylist()
        return ids

    def _ids(self, records: Iterable[Record]) -> list[str]:
        crashpoint("pull.page_fetched")
        self._pulling.stop.check()
        return [each.id for each in records]

    def _write(self, found: CrmObject, names: Sequence[str], ids: Sequence[str], cursor: Cursor | None = None) -> None:
        pulling = self._pulling
        listing = Listing(pulling, pulling.storage(self._table), self._tally, guarded=False)
        for versions in self._fetch(found, names, list(dict.fromkeys(ids))):
            listing.add(versions)

        def settle(tx: Transaction) -> None:
            if cursor is not None:
                pulling.save_cursor(tx, self._cursor_name(found), cursor)

        listing.finish(settle, sweep=False)

    def _fetch(self, found: CrmObject, names: Sequence[str], ids: Sequence[str]) -> Iterator[list[Raw]]:
        for records in fetch_history(self._pulling.client, found.path_name, ids, names):
            self._tally.read += len(records)
            self._pulling.tell(self._stream.name, done=self._tally.read)
            yield [{**row, "object": found.name} for row in unfold(self._stream, records)]

    def _cursor_name(self, found: CrmObject) -> str:
        return f"{self._stream.name} {found.name}"

    def _erase(self, found: CrmObject) -> None:
        """Take the values out of the versions of records that were erased."""
        pulling, warehouse = self._pulling, self._pulling.warehouse
        records = pulling.table_of(found.name)
        if records is None or not warehouse.query_columns(pulling.schema, records):
            return
        quoted, stamp = warehouse.quote, pulling.stamp()
        marks = ("_hubferry_deleted_at", "_hubferry_deleted_reason", *VOLATILE)
        emptied = "".join(f", {quoted(name)} = NULL" for name in HISTORY_PAYLOAD)
        with pulling.lease.transaction() as tx:
            self._tally.deleted += tx.execute(
                f"UPDATE {warehouse.name(self._table.schema, self._table.name)} AS v"
                f" SET {set_columns(warehouse, marks)}{emptied}"
                f" WHERE v.{quoted('object')} = ? AND v.{quoted('_hubferry_deleted_at')} IS NULL AND v.record_id IN"
                f" (SELECT r.id FROM {warehouse.name(pulling.schema, records)} AS r"
                f" WHERE r.{quoted('_hubferry_deleted_reason')} = 'erased')",
                (stamp.now, "erased", stamp.now, stamp.run_id, found.name),
            )


def _group(pages: Iterable[list[str]]) -> Iterator[list[str]]:
    """Join pages until they are a group."""
    batch: list[str] = []
    for ids in pages:
        batch += ids
        if len(batch) >= GROUP:
            yield batch
            batch = []
    if batch:
        yield batch
