"""Plans the records of one sync: rows are read, encoded, identified and compared batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from hubferry.hubspot.client import Client
from hubferry.push import identity, source
from hubferry.push.counts import SyncCounts
from hubferry.push.diff import RowDiff, diff_row
from hubferry.push.draft import Draft
from hubferry.push.encode import canonical
from hubferry.push.identity import Found, Held, Identity, NotFound
from hubferry.push.mapping import SyncMapping
from hubferry.push.rows import DesiredRow, InvalidRow, Problem, build_row
from hubferry.push.steps import ArchiveRecord, CreateRecord, End, HoldRow, InvalidEntry, RecordStep, UpdateRecord
from hubferry.state.ledger import LedgerReader, LedgerRow
from hubferry.types import Progress
from hubferry.warehouse.interface import Row, Warehouse


@dataclass
class Placement:
    """Where a row went, so that it can be taken back when another row turns out to be the same record."""

    row_key: str
    bucket: str
    """unchanged, creates, updates or held."""
    number: int | None = None
    clears: int = 0
    matched: bool = False


@dataclass(frozen=True)
class LinkedRow:
    """A row whose record is known or being made: its links can be planned. `settled`: nothing but links is left to do."""

    row: DesiredRow
    end: End
    settled: LedgerRow | None


@dataclass
class RecordPlanner:
    """One sync of one plan."""

    client: Client
    warehouse: Warehouse
    ledger: LedgerReader
    draft: Draft
    mapping: SyncMapping
    full: bool
    progress: Progress
    keyed: frozenset[str] = frozenset()
    """Unique properties of the object whose values are keys of links in this run."""
    new_ends: dict[object, End] = field(default_factory=dict)
    """Records to be made by this run, shared by its syncs: two syncs may make the same one."""
    counts: SyncCounts = field(default_factory=SyncCounts)
    linked: list[LinkedRow] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Keys of the source."""
    _owners: dict[object, Placement] = field(default_factory=dict)
    _spoiled: set[str] = field(default_factory=set)
    _ordinal: int = 0

    def plan(self) -> None:
        """Plan every row, then what left the source."""
        for batch in source.query_rows(self.mapping, self.warehouse):
            self._plan_batch(batch)
            self.draft.lease.renew()
            self.progress.advance(f"plan {self.mapping.name}", done=self.counts.rows, share=self.client.usage.share())
        if self.mapping.sync.block.mode == "mirror":
            self._plan_left()
        self.linked = [each for each in self.linked if each.row.key not in self._spoiled]

    def _plan_batch(self, batch: Sequence[Row]) -> None:
        rows: list[DesiredRow] = []
        for values in batch:
            self._ordinal += 1
            row = build_row(self.mapping, values, self._ordinal)
            self.counts.rows += 1
            self.seen.add(row.key)
            if isinstance(row, InvalidRow):
                self._set_aside(row.key, row.problems)
            else:
                rows.append(row)
        known = self.ledger.query_rows(self.mapping.name, [row.key for row in rows])
        due = [row for row in rows if self.full or row.key not in known or known[row.key].row_hash != row.hash]
        self._skip({row.key for row in rows} - {row.key for row in due}, known)
        adopted: list[LedgerRow] = []
        for each in identity.fetch_identities(self.client, self.mapping, due, known):
            self._place(each, adopted)
        self.draft.adopt([row for row in adopted if row.row_key not in self._spoiled])

    def _skip(self, keys: Iterable[str], known: Mapping[str, LedgerRow]) -> None:
        """Rows that are as the ledger has them; not looked at, but they own their records."""
        for key in keys:
            if self._claim(known[key].record_id, Placement(key, "unchanged")):
                self.counts.unchanged += 1

    def _place(self, each: Identity, adopted: list[LedgerRow]) -> None:
        row, diff = each.row, diff_row(each, self.mapping)
        placement = _placement(each, diff)
        owner = _owner(each, self.mapping)
        if owner is not None and not self._claim(owner, placement):
            return
        self._count(placement, 1)
        self.counts.settled += len(diff.settled)
        settled = None
        if diff.step is not None:
            placement.number = self.draft.add(self.mapping.name, self._due_for_links(diff.step))
        elif isinstance(each, Found):
            settled = _settled(each, self.mapping)
            if settled != each.ledger and not self.mapping.links:
                adopted.append(settled)
            settled = settled if self.mapping.links else None
        if (self.mapping.links or self.keyed) and not isinstance(diff.step, HoldRow):
            self.linked.append(LinkedRow(row, self._end(each), settled))

    def _end(self, each: Identity) -> End:
        name, key = self.mapping.name, each.row.key
        if isinstance(each, Found):
            return End(self.mapping.object, each.record.record_id, name, key)
        new = End(self.mapping.object, None, name, key)
        return self.new_ends.setdefault((self.mapping.object, _owner(each, self.mapping)), new)

    def _due_for_links(self, step: RecordStep) -> RecordStep:
        """A row with links is not done with its record: without a hash the next push looks at it again."""
        if self.mapping.links and isinstance(step, CreateRecord | UpdateRecord):
            return msgspec.structs.replace(step, row_hash="")
        return step

    def _claim(self, owner: object, placement: Placement) -> bool:
        """Give the record to the row, unless another row has it: then both are invalid, and neither is sent."""
        other = self._owners.setdefault(owner, placement)
        if other is placement:
            return True
        if other.row_key not in self._spoiled:
            self._count(other, -1)
            if other.number is not None:
                self.draft.drop([other.number])
            self._set_aside(other.row_key, [_same_record(placement.row_key)])
        self._set_aside(placement.row_key, [_same_record(other.row_key)])
        self._spoiled |= {other.row_key, placement.row_key}
        return False

    def _count(self, placement: Placement, by: int) -> None:
        counts = self.counts
        setattr(counts, placement.bucket, getattr(counts, placement.bucket) + by)
        counts.planned += by * (placement.bucket != "unchanged")
        counts.clears += by * placement.clears
        counts.matched += by * placement.matched

    def _set_aside(self, key: str, problems: Iterable[Problem]) -> None:
        self.counts.invalid += 1
        for each in problems:
            entry = InvalidEntry(row_key=key, detail=each.detail, reason=each.message, advice=each.advice)
            self.draft.add(self.mapping.name, entry)

    def _plan_left(self) -> None:
        """Archive records that this sync made and whose rows left the source."""
        for row in self.ledger.query_all(self.mapping.name):
            if row.row_key not in self.seen and row.created:
                step = ArchiveRecord(row_key=row.row_key, object=row.object, record_id=row.record_id)
                self.draft.add(self.mapping.name, step)
                self.counts.archives += 1


def _placement(each: Identity, diff: RowDiff) -> Placement:
    matched = isinstance(each, Found)
    match diff.step:
        case CreateRecord():
            return Placement(each.row.key, "creates")
        case UpdateRecord():
            clears = sum(change.new == "" for change in diff.step.changes)
            return Placement(each.row.key, "updates", clears=clears, matched=matched)
        case None:
            return Placement(each.row.key, "unchanged", matched=matched)
        case _:
            return Placement(each.row.key, "held", matched=matched)


def _owner(each: Identity, mapping: SyncMapping) -> object:
    match each:
        case Found():
            return each.record.record_id
        case NotFound() if mapping.match is not None:
            return mapping.match.name, canonical(each.row.match_value, mapping.match)
        case NotFound() | Held():
            return None


def _settled(found: Found, mapping: SyncMapping) -> LedgerRow:
    """Give the ledger's row of a record that holds everything its row asks for."""
    return LedgerRow(
        sync=mapping.name,
        row_key=found.row.key,
        object=mapping.object,
        record_id=found.record.record_id,
        row_hash=found.row.hash,
        sent=dict(found.row.values),
        stored={name: found.record.values.get(name) for name in found.row.values},
        created=bool(found.ledger and found.ledger.created),
    )


def _same_record(other: str) -> Problem:
    advice = "Keep one row per record in the source; none of these rows was sent."
    return Problem("row", f"this row and the row {other!r} are the same HubSpot record", advice)
