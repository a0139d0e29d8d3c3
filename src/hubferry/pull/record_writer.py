"""Writes the records of one stream: live ones, archived ones, merged and erased ones, each chunk in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import Record, RecordShape
from hubferry.pull import chunks, erasure, refresh, tombstones
from hubferry.pull.chunks import Stamp
from hubferry.pull.pulling import Pulling, Tally
from hubferry.pull.refresh import Refresh
from hubferry.pull.schema import MERGED_IDS, RecordTable
from hubferry.pull.tombstones import ARCHIVED, Tombstone
from hubferry.state.crash import crashpoint
from hubferry.state.ledger import follow_merges
from hubferry.streams.definition import VOLATILE, Stream
from hubferry.warehouse.interface import Transaction

Settle = Callable[[Transaction], None]
"""What belongs to a transaction besides the rows."""


@dataclass(frozen=True)
class Whereabouts:
    """What HubSpot says of records that a list did not show."""

    live: list[Record]
    archived: list[Record]
    merged: dict[str, str]
    gone: list[str]


class RecordWriter:
    """The rows of one stream in one run. `tally` and `tombstones` are up to date at every moment."""

    def __init__(self, pulling: Pulling, stream: Stream, made: RecordTable, tally: Tally) -> None:
        assert stream.object is not None
        self._pulling, self._stream, self._made, self._tally = pulling, stream, made, tally
        self._client, self._warehouse = pulling.client, pulling.warehouse
        self._path = stream.object.path_name
        self.storage = pulling.storage(made.table)
        self.table = self.storage.current
        self.shape = RecordShape(made.requested)
        self.chunk_size = chunks.chunk_size(made)
        self.tombstones: dict[str, Tombstone] = {}

    def prepare(self) -> None:
        """Make the tables, and learn which rows are not live."""
        self.storage.ensure()
        self.tombstones = tombstones.query_tombstones(self._warehouse, self.table)

    def write(
        self,
        records: Sequence[Record],
        settle: Settle | None = None,
        seen_by: Refresh | None = None,
        *,
        confirmed: bool = False,
    ) -> None:
        """Merge live records, in one transaction with what `settle` does.

        `confirmed`: they were read by id just now, so that a row with a later date is wrong, and not newer.
        """
        kept = self._drop_ghosts(chunks.keep_newest(records))
        stamp = self._pulling.stamp()
        chunk = chunks.build_chunk(self._made, self.shape, kept, stamp)
        merged = self._new_merges(dict(chunk.merged))
        with self.storage.transaction(stamp) as tx:
            newest = None if confirmed else "updated_at"
            counts = tx.merge(self.table, chunk.rows, newest=newest, volatile=VOLATILE)
            self._merge_merged(tx, merged, stamp)
            if seen_by is not None and seen_by.sweeps:
                ids = [each.id for each in records]
                kept_as = self._pulling.kept_as(self._stream.name)
                refresh.append_seen(tx, self._pulling.portal_id, kept_as, seen_by, ids)
            crashpoint("pull.chunk_merged")
            if settle is not None:
                settle(tx)
        self._tally.merged += counts
        self._tally.unparsed += chunk.unparsed
        for each in kept if self.tombstones else ():
            self.tombstones.pop(each.id, None)
        self._note(merged, "merged", stamp.now)

    def write_archived(self, records: Sequence[Record]) -> None:
        """Merge archived records as tombstones that keep their values; what was merged or erased stays so."""
        final = {"merged", "erased"}
        kept = [
            each
            for each in chunks.keep_newest(records)
            if each.id not in self.tombstones or self.tombstones[each.id].reason not in final
        ]
        stamp = self._pulling.stamp()
        chunk = chunks.build_chunk(self._made, self.shape, kept, stamp)
        merged = self._new_merges(dict(chunk.merged))
        with self.storage.transaction(stamp) as tx:
            tx.merge(self.table, chunk.rows, volatile=VOLATILE)
            self._merge_merged(tx, merged, stamp)
            crashpoint("pull.chunk_merged")
        self._tally.unparsed += chunk.unparsed
        self._note([each.id for each in kept], ARCHIVED, stamp.now)
        moments = chunk.rows["_hubferry_deleted_at"].to_pylist()
        self.tombstones |= {each.id: Tombstone(ARCHIVED, at) for each, at in zip(kept, moments, strict=True)}
        self._note(merged, "merged", stamp.now)

    def find(self, ids: Sequence[str], *, archive_read: bool = False) -> Whereabouts:
        """Ask by id where records are: live, archived, merged into another, or nowhere.

        `archive_read`: the archive was read just now, and what was merged into its records is not among `ids`.
        """
        if not ids:
            return Whereabouts([], [], {}, [])
        live = fetch_by_ids(self._client, self._path, ids, self.shape)
        merged = {asked: record.id for asked, record in live.found.items() if record.id != asked}
        records = [record for asked, record in live.found.items() if record.id == asked]
        if not live.missing:
            return Whereabouts(records, [], merged, [])
        archived = fetch_by_ids(self._client, self._path, live.missing, self.shape, archived=True)
        merged |= {asked: record.id for asked, record in archived.found.items() if record.id != asked}
        found = Whereabouts(records, list(archived.found.values()), merged, list(archived.missing))
        return self._find_in_archive(found) if found.gone and not archive_read else found

    def _find_in_archive(self, found: Whereabouts) -> Whereabouts:
        """Look for what is nowhere among what archived records say was merged into them.

        An id leads to the record that it was merged into while that lives, and nowhere once it is archived: such a record
        must not pass for erased, and be emptied.
        """
        gone = frozenset(found.gone)
        shape, merged = RecordShape((MERGED_IDS,)), dict[str, str]()
        with closing(Scan(self._client, self._path, shape, archived=True).pages()) as pages:  # type: ignore[type-var]
            for page in pages:
                texts = shape.columns(page.records)[MERGED_IDS]
                merged |= {loser: into for loser, into in chunks.merged_pairs(page.records, texts) if loser in gone}
        left = [each for each in found.gone if each not in merged]
        again = fetch_by_ids(self._client, self._path, left, self.shape)  # it may have been restored while we looked
        merged |= {asked: record.id for asked, record in again.found.items() if record.id != asked}
        live = [record for asked, record in again.found.items() if record.id == asked]
        return Whereabouts([*found.live, *live], found.archived, found.merged | merged, list(again.missing))

    def settle(self, found: Whereabouts) -> None:
        """Write what was found; what is nowhere was erased."""
        stamp = self._pulling.stamp()
        merged = self._new_merges(found.merged)
        if merged or found.gone:
            with self.storage.transaction(stamp) as tx:
                self._merge_merged(tx, merged, stamp)
                erasure.erase(tx, self._pulling, self._stream, self.storage, found.gone, stamp)
            self._note(merged, "merged", stamp.now)
            self._note(found.gone, "erased", stamp.now)
        if found.archived:
            self.write_archived(found.archived)
        if found.live:
            for each in found.live:
                self.tombstones.pop(each.id, None)  # just confirmed by id
            self.write(found.live)

    def _drop_ghosts(self, records: list[Record]) -> list[Record]:
        """Ask again for records whose rows are tombstones: a list or index may be behind, a read by id is not."""
        doubtful = [each.id for each in records if each.id in self.tombstones]
        if not doubtful:
            return records
        found = fetch_by_ids(self._client, self._path, doubtful, self.shape).found
        confirmed = [record for asked, record in found.items() if record.id == asked and not record.archived]
        return [each for each in records if each.id not in self.tombstones] + confirmed

    def _merge_merged(self, tx: Transaction, merged: dict[str, str], stamp: Stamp) -> None:
        """Mark rows as merged, and tell push's ledger in the same transaction, so that it writes to the survivor."""
        tombstones.merge_merged(tx, self._warehouse, self.table, merged, stamp)
        follow_merges(tx, self._warehouse, self._pulling.portal_id, self._path, merged)

    def _new_merges(self, pairs: dict[str, str]) -> dict[str, str]:
        known = self.tombstones
        return {loser: into for loser, into in pairs.items() if loser not in known or known[loser].reason != "merged"}

    def _note(self, ids: Iterable[str], reason: str, at: datetime) -> None:
        """Count rows that were live, and remember why they are not."""
        for each in ids:
            self._tally.deleted += each not in self.tombstones
            self.tombstones[each] = Tombstone(reason, at)
