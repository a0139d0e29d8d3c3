"""Ids and modified dates of all records, compared with the table: cheap, because little else is asked for.

The list may be HubSpot's, or the file of an export: then it may be all values that are compared. In either case what is written
is read by id.

It finds what no search for changes shows: rows that were indexed later than the lookback, records that are gone, and, where
calculated values are asked for, those that changed without a modified date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.hubspot.readers.exported import Export, Listed
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import Record, RecordShape
from hubferry.pull import values
from hubferry.pull.chunks import UNPARSED
from hubferry.pull.pulling import Pulling, Tally
from hubferry.pull.record_writer import RecordWriter
from hubferry.pull.schema import PropertyColumn
from hubferry.pull.snapshots import check_vanished
from hubferry.state.crash import crashpoint
from hubferry.streams.definition import Stream

GROUP = 20_000
"""Records that are compared at once."""
_DOUBTFUL = "_hubferry_doubtful"
DOUBTFUL_SHARE = 0.5
"""Where an export shows more of the records otherwise than the table has them, reading those by id saves little over a list."""


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

    def run(self, export: Export | None = None) -> None:
        """Read by list, or by an export, and compare. UnusableExportError: nothing found here is to be used."""
        seen: list[pa.Array] = []
        source = Scan(self._client, self._path, self._shape) if export is None else export
        pages = self._list(source) if isinstance(source, Scan) else source.pages()
        with closing(pages):  # type: ignore[type-var]
            for listed in pages:
                crashpoint("pull.page_fetched")
                self._pulling.stop.check()
                seen.append(self._compare(listed, exported=export is not None))
                self.read += len(listed.ids)
                self._pulling.tell(self._stream.name, done=self.read, total=source.total)
        self.unlisted = self._query_unlisted(pa.concat_arrays(seen) if seen else pa.array([], pa.string()))

    @property
    def is_doubtful(self) -> bool:
        """Whether so much differs that the list is the better reader."""
        return len(self.missing) + len(self.differing) > DOUBTFUL_SHARE * self.read

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
            self._writer.write([record for asked, record in read.items() if record.id == asked], confirmed=True)
        whereabouts = self._writer.find(self.unlisted)
        vanished = len(whereabouts.gone)
        check_vanished(self._stream.name, vanished, live_rows, allowed=self._pulling.allow_deletes)
        self._writer.settle(whereabouts)

    def _list(self, scan: Scan) -> Iterator[Listed]:
        with closing(scan.pages()) as pages:  # type: ignore[type-var]
            for records in _group(page.records for page in pages):
                modified = [each.updatedAt for each in records]
                yield Listed([each.id for each in records], modified, self._shape.columns(records))

    def _compare(self, listed: Listed, *, exported: bool) -> pa.Array:
        """Note which of these the table lacks or has otherwise; give their ids.

        An export shows cleared and unset texts alike, and they are compared alike; what does not fit its column differs.
        """
        ids = pa.array(listed.ids, pa.string())
        moved, _ = values.build_column(listed.modified, "timestamp")
        columns, doubtful = {}, pa.repeat(pa.scalar(False), len(ids))
        for each in self._columns:
            columns[each.column], misfits = values.build_column(listed.texts[each.property], each.type)
            if exported and misfits is not None:
                doubtful = pc.or_(doubtful, pc.fill_null(misfits, False))
        quote, table = self._warehouse.quote, self._writer.table
        blank = {each.column for each in self._columns if exported and each.type == "string"}
        differs = " OR ".join(_differ(quote(name), blank=name in blank) for name in ("updated_at", *columns))
        if exported and self._columns:  # what did not fit has no value in its column to be compared
            differs += f" OR t.{quote(UNPARSED)} IS NOT NULL"
        absent = f"t.id IS NULL OR t.{quote('_hubferry_deleted_at')} IS NOT NULL"
        chunk = pa.table({"id": ids, "updated_at": moved, **columns, _DOUBTFUL: doubtful})
        with self._warehouse.transaction() as tx, tx.register("listed", chunk) as found:
            rows = tx.query(
                f"SELECT l.id AS id, l.updated_at AS moved, CASE WHEN {absent} THEN 1 ELSE 0 END AS absent"
                f" FROM {found} AS l LEFT JOIN {self._warehouse.name(table.schema, table.name)} AS t ON t.id = l.id"
                f" WHERE {absent} OR l.{quote(_DOUBTFUL)} OR {differs}"
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


def _differ(name: str, *, blank: bool) -> str:
    if blank:
        return f"COALESCE(t.{name}, '') <> COALESCE(l.{name}, '')"
    return f"t.{name} IS DISTINCT FROM l.{name}"


def _group(pages: Iterable[list[Record]]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for records in pages:
        batch += records
        if len(batch) >= GROUP:
            yield batch
            batch = []
    if batch:
        yield batch
