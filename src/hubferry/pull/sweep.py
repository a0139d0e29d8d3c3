"""Ids and modified dates of all records, compared with the table: cheap, because little else is asked for.

It finds what no search for changes shows: rows that were indexed later than the lookback, records that are gone, and, where
calculated values are asked for, those that changed without a modified date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta

import pyarrow as pa

from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import Record, RecordShape
from hubferry.pull import values
from hubferry.pull.pulling import Pulling, Tally
from hubferry.pull.record_writer import RecordWriter
from hubferry.pull.schema import PropertyColumn
from hubferry.pull.snapshots import check_vanished
from hubferry.state.crash import crashpoint
from hubferry.streams.definition import Stream

GROUP = 20_000
"""Records that are compared at once."""


class Sweep:
    """One look at all records of a stream."""

    def __init__(
        self,
        pulling: Pulling,
        stream: Stream,
        writer: RecordWriter,
        tally: Tally,
        calculated: Sequence[PropertyColumn] = (),
    ) -> None:
        assert stream.object is not None
        self._pulling, self._stream, self._writer, self._tally = pulling, stream, writer, tally
        self._client, self._warehouse, self._path = pulling.client, pulling.warehouse, stream.object.path_name
        self._columns = tuple(calculated)
        self._shape = RecordShape(tuple(each.property for each in calculated) or ("hs_object_id",))
        self.read = 0
        """Live records that HubSpot lists."""
        self.missing: dict[str, datetime | None] = {}
        """Records that the table lacks or shows as deleted, with when they were modified."""
        self.differing: dict[str, datetime | None] = {}
        """Records of which the table has another date, or another calculated value."""
        self.unlisted: list[str] = []
        """Rows that are live in the table and not in HubSpot's list."""

    def run(self) -> None:
        """Read and compare."""
        seen: list[pa.Array] = []
        scan = Scan(self._client, self._path, self._shape)
        with closing(scan.pages()) as pages:  # type: ignore[type-var]
            for records in _group(page.records for page in pages):
                crashpoint("pull.page_fetched")
                self._pulling.stop.check()
                seen.append(self._compare(records))
                self.read += len(records)
                self._pulling.tell(self._stream.name, done=self.read, total=scan.total)
        self.unlisted = self._query_unlisted(pa.concat_arrays(seen) if seen else pa.array([], pa.string()))

    def repair(self, cursor: datetime | None, live_rows: int) -> None:
        """Read again what is missing or differs and write it; deal with what is gone. Counts what should have been found before."""
        lookback = timedelta(minutes=self._pulling.block.lookback_minutes)
        found = {**self.missing, **self.differing}
        if cursor is not None:
            self._tally.late += sum(at is not None and at <= cursor - lookback for at in found.values())
        ids = list(found)
        for start in range(0, len(ids), self._writer.chunk_size):
            part = ids[start : start + self._writer.chunk_size]
            read = fetch_by_ids(self._client, self._path, part, self._writer.shape).found
            self._pulling.stop.check()
            self._writer.write([record for asked, record in read.items() if record.id == asked])
        whereabouts = self._writer.find(self.unlisted)
        vanished = len(whereabouts.gone)
        check_vanished(self._stream.name, vanished, live_rows, allowed=self._pulling.allow_deletes)
        self._writer.settle(whereabouts)

    def _compare(self, records: Sequence[Record]) -> pa.Array:
        """Note which of these the table lacks or has otherwise; give their ids."""
        ids = pa.array([each.id for each in records], pa.string())
        moved, _ = values.build_column([each.updatedAt for each in records], "timestamp")
        texts = self._shape.columns(records)
        columns = {each.column: values.build_column(texts[each.property], each.type)[0] for each in self._columns}
        quote, table = self._warehouse.quote, self._writer.table
        differs = " OR ".join(f"t.{quote(name)} IS DISTINCT FROM l.{quote(name)}" for name in ("updated_at", *columns))
        absent = f"t.id IS NULL OR t.{quote('_hubferry_deleted_at')} IS NOT NULL"
        chunk = pa.table({"id": ids, "updated_at": moved, **columns})
        with self._warehouse.transaction() as tx, tx.register("listed", chunk) as listed:
            rows = tx.query(
                f"SELECT l.id AS id, l.updated_at AS moved, CASE WHEN {absent} THEN 1 ELSE 0 END AS absent"
                f" FROM {listed} AS l LEFT JOIN {self._warehouse.name(table.schema, table.name)} AS t ON t.id = l.id"
                f" WHERE {absent} OR {differs}"
            ).to_pylist()
        for row in rows:
            (self.missing if row["absent"] else self.differing)[row["id"]] = row["moved"]
        return ids

    def _query_unlisted(self, seen: pa.Array) -> list[str]:
        quote, table = self._warehouse.quote, self._writer.table
        with self._warehouse.transaction() as tx, tx.register("listed", pa.table({"id": seen})) as listed:
            rows = tx.query(
                f"SELECT t.id AS id FROM {self._warehouse.name(table.schema, table.name)} AS t"
                f" WHERE t.{quote('_hubferry_deleted_at')} IS NULL"
                f" AND NOT EXISTS (SELECT 1 FROM {listed} AS l WHERE l.id = t.id) ORDER BY t.id"
            )
        found: list[str] = rows["id"].to_pylist()
        return found


def _group(pages: Iterable[list[Record]]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for records in pages:
        batch += records
        if len(batch) >= GROUP:
            yield batch
            batch = []
    if batch:
        yield batch
