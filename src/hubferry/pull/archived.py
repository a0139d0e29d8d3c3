"""Pulls the records of an object that are in HubSpot's archive, which forgets them after 90 days; the table does not.

A row stays when its record leaves the archive for its age. Where it left for another reason the row says so: restored,
merged, or erased, which takes its values away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from hubferry.hubspot.properties import fetch_properties
from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import Record, RecordShape
from hubferry.pull import chunks, schema, tombstones
from hubferry.pull.pulling import RESTORABLE, SURELY_KEPT, Pulling, Tally
from hubferry.pull.snapshots import check_vanished, set_columns
from hubferry.pull.values import build_column
from hubferry.state.crash import crashpoint
from hubferry.state.cursors import Cursor
from hubferry.streams.definition import TOMBSTONE_COLUMNS, VOLATILE, Stream
from hubferry.types import Table

RESTORED = "restored"


@dataclass(frozen=True)
class _Left:
    """Records that are not in the archive any more."""

    restored: list[str]
    merged: dict[str, str]
    erased: list[str]


class ArchivedPull:
    """One object's archive in one run."""

    def __init__(self, pulling: Pulling, stream: Stream, tally: Tally) -> None:
        assert stream.object is not None
        self._pulling, self._stream, self._tally = pulling, stream, tally
        self._client, self._warehouse = pulling.client, pulling.warehouse
        self._object = stream.object
        self._tally.reader = "archived"

    def run(self) -> None:
        """Read the archive, write what is new or changed, then deal with what left it."""
        pulling, calls = self._pulling, self._pulling.calls()
        self.prepare()
        started, listed = self._client.now(), set[str]()
        for rows in self.fetch_all(listed):
            self._merge(rows)
        self._settle(listed)
        with pulling.lease.transaction() as tx:
            pulling.save_cursor(tx, self._stream.name, Cursor(started))
        self._tally.floor_calls = pulling.calls() - calls

    def prepare(self) -> Table:
        """Make the table as the properties now need it, and give it."""
        pulling = self._pulling
        properties = fetch_properties(self._client, self._object.path_name)
        existing = self._warehouse.query_columns(pulling.schema, self._stream.name)
        block = pulling.block_of(self._stream)
        self._made = schema.build_record_table(
            pulling.schema, self._stream, block, properties, existing, most=self._warehouse.most_columns
        )
        self._warehouse.ensure_table(self._made.table)
        self._shape = RecordShape(self._made.requested)
        return self._made.table

    def fetch_all(self, listed: set[str]) -> Iterator[pa.Table]:
        """Give the rows of every archived record, some at a time, and put the ids into `listed`; write nothing."""
        linked = tuple(self._stream.link_columns.values())
        scan = Scan(self._client, self._object.path_name, self._shape, archived=True, associations=linked)
        batch: list[Record] = []
        with closing(scan.pages()) as pages:  # type: ignore[type-var]
            for page in pages:
                crashpoint("pull.page_fetched")
                self._pulling.stop.check()
                batch += page.records
                listed |= {each.id for each in page.records}
                self._tally.read = len(listed)
                self._pulling.tell(self._stream.name, done=self._tally.read)
                if len(batch) >= chunks.chunk_size(self._made):
                    yield self._build(batch)
                    batch = []
        if batch:
            yield self._build(batch)

    def _build(self, records: Sequence[Record]) -> pa.Table:
        kept = chunks.keep_newest(records)
        built = chunks.build_chunk(self._made, self._shape, kept, self._pulling.stamp())
        columns = {name: built.rows.column(name) for name in built.rows.column_names}
        columns |= chunks.constants(TOMBSTONE_COLUMNS, {}, len(kept))  # the record is archived; the row is not
        columns["archived_at"] = build_column([each.archivedAt for each in kept], "timestamp")[0]
        for column, target in self._stream.link_columns.items():
            columns[column] = self._build_links(column, target, kept)
        self._tally.unparsed += built.unparsed
        return self._without_erased(pa.table(columns))

    def _without_erased(self, rows: pa.Table) -> pa.Table:
        """Leave out what was erased here since it was archived: HubSpot keeps it for 90 days, and it is not to come back."""
        known, archived_at = rows.select(["id", "archived_at"]), rows["archived_at"].to_pylist()
        erased: dict[str, datetime] = {}
        for table in filter(None, (self._pulling.table_of(self._object.name), self._stream.name)):
            if self._warehouse.query_columns(self._pulling.schema, table):
                name, quote = self._warehouse.name(self._pulling.schema, table), self._warehouse.quote
                with self._pulling.lease.transaction() as tx, tx.register("known", known) as read:
                    found = tx.query(
                        f"SELECT t.id, t.{quote('_hubferry_deleted_at')} AS at FROM {name} AS t JOIN {read} AS r ON r.id = t.id"
                        f" WHERE t.{quote('_hubferry_deleted_reason')} = 'erased'"
                    )
                erased |= {row["id"]: row["at"] for row in found.to_pylist()}
        kept = [
            each not in erased or at is None or at > erased[each]
            for each, at in zip(rows["id"].to_pylist(), archived_at, strict=True)
        ]
        return rows if all(kept) else rows.filter(kept)

    def _merge(self, rows: pa.Table) -> None:
        with self._pulling.lease.transaction() as tx:
            counts = tx.merge(self._made.table, rows, newest="archived_at", volatile=VOLATILE)
            crashpoint("pull.chunk_merged")
        self._tally.merged += counts

    def _build_links(self, column: str, target: str, records: Sequence[Record]) -> pa.Array:
        """Give the ids linked while the record was alive, as last known, with those that HubSpot still shows."""
        known = self._query_links(column, [each.id for each in records])
        rows = []
        for each in records:
            shown = _inline_ids(each, target)
            before = known.get(each.id)
            ids = None if before is None and shown is None else {*(before or ()), *(shown or ())}
            rows.append(None if ids is None else sorted(ids, key=lambda found: (len(found), found)))
        return pa.array(rows, pa.list_(pa.string()))

    def _query_links(self, column: str, ids: Sequence[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        wanted = pa.table({"id": pa.array(ids, pa.string())})
        for table in filter(None, (self._pulling.table_of(self._object.name), self._stream.name)):
            columns = {each.name for each in self._warehouse.query_columns(self._pulling.schema, table)}
            if column not in columns:
                continue
            name = self._warehouse.name(self._pulling.schema, table)
            with self._pulling.lease.transaction() as tx, tx.register("wanted", wanted) as rows:
                stored = tx.query(
                    f"SELECT t.id, t.{self._warehouse.quote(column)} AS linked FROM {name} AS t"
                    f" WHERE t.{self._warehouse.quote(column)} IS NOT NULL AND t.id IN (SELECT w.id FROM {rows} AS w)"
                ).to_pylist()
            for row in stored:
                found.setdefault(row["id"], set()).update(row["linked"])
        return found

    # What left the archive

    def find_left(self, listed: set[str]) -> list[str]:
        """Give the rows whose records left the archive otherwise than by their age; `listed` are in it."""
        left = self._look_for(self._query_rows(), listed)
        return [] if left is None else sorted([*left.restored, *left.merged, *left.erased])

    def _look_for(self, rows: Mapping[str, datetime], listed: set[str]) -> _Left | None:
        now = self._client.now()
        missing = [each for each, at in rows.items() if each not in listed and now - at < RESTORABLE]
        return self._find(missing, rows, now) if missing else None

    def _settle(self, listed: set[str]) -> None:
        rows = self._query_rows()
        left = self._look_for(rows, listed)
        if left is None:
            return
        check_vanished(self._stream.name, len(left.erased), len(rows), allowed=self._pulling.allow_deletes)
        stamp = self._pulling.stamp()
        with self._pulling.lease.transaction() as tx:
            tombstones.merge_merged(tx, self._warehouse, self._made.table, left.merged, stamp)
            tombstones.erase(tx, self._warehouse, self._made.table, left.erased, stamp)
            if left.restored:
                name = self._warehouse.name(self._made.table.schema, self._made.table.name)
                marks = ("_hubferry_deleted_at", "_hubferry_deleted_reason", *VOLATILE)
                gone = pa.table({"id": pa.array(left.restored, pa.string())})
                with tx.register("restored", gone) as ids:
                    tx.execute(
                        f"UPDATE {name} AS t SET {set_columns(self._warehouse, marks)}"
                        f" WHERE t.id IN (SELECT r.id FROM {ids} AS r)",
                        (stamp.now, RESTORED, stamp.now, stamp.run_id),
                    )
        self._tally.deleted += len(left.restored) + len(left.merged) + len(left.erased)

    def _query_rows(self) -> Mapping[str, datetime]:
        """Give the rows that are live in this table, with when their records were archived."""
        name = self._warehouse.name(self._made.table.schema, self._made.table.name)
        rows = self._warehouse.query(
            f"SELECT id, archived_at FROM {name} WHERE {self._warehouse.quote('_hubferry_deleted_at')} IS NULL"
            " AND archived_at IS NOT NULL"
        )
        return dict(zip(rows["id"].to_pylist(), rows["archived_at"].to_pylist(), strict=True))

    def _find(self, ids: Iterable[str], rows: Mapping[str, datetime], now: datetime) -> _Left:
        """Ask by id where records are."""
        live = fetch_by_ids(self._client, self._object.path_name, ids, ("hs_object_id",))
        restored = [asked for asked, record in live.found.items() if record.id == asked]
        merged = {asked: record.id for asked, record in live.found.items() if record.id != asked}
        archived = fetch_by_ids(self._client, self._object.path_name, live.missing, ("hs_object_id",), archived=True)
        return _Left(restored, merged, [each for each in archived.missing if now - rows[each] < SURELY_KEPT])


def _inline_ids(record: Record, target: str) -> set[str] | None:
    """Give the ids that HubSpot shows beside a record; None where it shows none of that object."""
    shown = (record.associations or {}).get(target)
    return None if shown is None else {str(each["id"]) for each in shown.get("results", ())}
