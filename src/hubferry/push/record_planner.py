"""Plans the records of one sync: rows are read, encoded, identified and compared batch by batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from hubferry.hubspot.client import Client
from hubferry.push import identity, source
from hubferry.push.counts import SyncCounts
from hubferry.push.diff import RowDiff, diff_row
from hubferry.push.draft import Draft
from hubferry.push.encode import canonical
from hubferry.push.identity import Found, Identity
from hubferry.push.mapping import LinkField, SyncMapping
from hubferry.push.observed import fetch_observed
from hubferry.push.rows import KEY, DesiredRow, InvalidRow, Problem, build_row, link_detail, row_key
from hubferry.push.steps import ArchiveRecord, CreateRecord, End, HoldRow, InvalidEntry, RecordStep, UpdateRecord
from hubferry.state.ledger import LedgerReader, LedgerRow
from hubferry.types import Progress
from hubferry.warehouse.interface import Row, Warehouse

LEFT_ROWS = 1_000
"""Rows that left the source, looked at in one go."""


@dataclass
class Placement:
    """Where a row went, so that it can be taken back when another row turns out to be the same record."""

    row_key: str
    bucket: str
    """unchanged, creates, updates or held."""
    number: int | None = None
    clears: int = 0
    matched: bool = False
    spoiled: bool = False


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
    keyless: int = 0
    """Rows of the source without a key: while there are any, nobody can tell which rows left."""
    _owners: dict[object, Placement] = field(default_factory=dict)
    _spoiled: set[str] = field(default_factory=set)
    _ordinal: int = 0

    def plan(self) -> None:
        """Plan every row."""
        tables = source.query_link_tables(self.mapping, self.warehouse)
        for batch in source.query_rows(self.mapping, self.warehouse, tables):
            self._plan_batch(batch)
            self.draft.lease.renew()
            self.progress.advance(f"plan {self.mapping.name}", done=self.counts.rows, share=self.client.usage.share())
        self.linked = [each for each in self.linked if each.row.key not in self._spoiled]
        for index, table in tables.items():
            for key, other in table.left():
                self._set_link_aside(self.mapping.links[index], key, other)

    def _set_link_aside(self, link: LinkField, key: str, other: object) -> None:
        """List a link of a source of its own whose row is not among the sync's; rows that `where` leaves out are meant to be."""
        if self.mapping.sync.block.where is not None:
            return
        reason = f"{link.origin} has a link of a row that the sync's source does not have"
        advice = "Add the row to the sync's source, or take the link out of its own."
        entry = InvalidEntry(row_key=key, detail=link_detail(link.to, str(other)), reason=reason, advice=advice)
        self.draft.add(self.mapping.name, entry)
        self.counts.links += 1
        self.counts.links_invalid += 1

    def _plan_batch(self, batch: Sequence[Row]) -> None:
        rows: list[DesiredRow] = []
        for values in batch:
            self._ordinal += 1
            row = build_row(self.mapping, values, self._ordinal)
            self.counts.rows += 1
            self.keyless += row_key(values[KEY]) is None
            self.seen.add(row.key)
            if isinstance(row, InvalidRow):
                self._set_aside(row.key, row.problems)
            else:
                rows.append(row)
        known = {
            key: row
            for key, row in self.ledger.query_rows(self.mapping.name, [row.key for row in rows]).items()
            if row.object == self.mapping.object  # a sync that was turned to another object starts anew
        }
        due = [row for row in rows if self.full or row.key not in known or known[row.key].row_hash != row.hash]
        looked_at = {row.key for row in due}
        self._skip([row for row in rows if row.key not in looked_at], known)
        adopted: list[LedgerRow] = []
        identities = identity.fetch_identities(self.client, self.mapping, due, known)
        self.draft.follow_merges(self.mapping.object, _merges(identities))
        for each in identities:
            self._place(each, adopted)
        self.draft.adopt([row for row in adopted if row.row_key not in self._spoiled])

    def _skip(self, rows: Iterable[DesiredRow], known: Mapping[str, LedgerRow]) -> None:
        """Rows that are as the ledger has them; not looked at, but they own their records."""
        for row in rows:
            placement = Placement(row.key, "unchanged", matched=True)
            if self._claim(_owners(row, known[row.key].record_id, self.mapping), placement):
                self._count(placement, 1)

    def _place(self, each: Identity, adopted: list[LedgerRow]) -> None:
        row, diff = each.row, diff_row(each, self.mapping)
        placement = _placement(each, diff)
        record_id = each.record.record_id if isinstance(each, Found) else None
        if not self._claim(_owners(row, record_id, self.mapping), placement):
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
        return self.new_ends.setdefault((self.mapping.object, _match_owner(each.row, self.mapping)), new)

    def _due_for_links(self, step: RecordStep) -> RecordStep:
        """A row with links is not done with its record: without a hash the next push looks at it again."""
        if self.mapping.links and isinstance(step, CreateRecord | UpdateRecord):
            return msgspec.structs.replace(step, row_hash="")
        return step

    def _claim(self, owners: Sequence[object], placement: Placement) -> bool:
        """Give record and match value to the row, unless another row has one of them: then all are invalid, none is sent."""
        others = [self._owners.setdefault(owner, placement) for owner in owners]
        rivals = list({id(each): each for each in others if each is not placement}.values())
        if not rivals:
            return True
        for other in rivals:
            if not other.spoiled:
                self._count(other, -1)
                if other.number is not None:
                    self.draft.drop([other.number])
                self._set_aside(other.row_key, [_same_record(placement.row_key)])
                other.spoiled = True
        self._set_aside(placement.row_key, [_same_record(rivals[0].row_key)])
        placement.spoiled = True
        self._spoiled |= {placement.row_key, *(other.row_key for other in rivals)}
        return False

    @property
    def owned(self) -> set[str]:
        """Records that rows of this sync are."""
        return {owner for owner in self._owners if isinstance(owner, str)}

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

    def plan_left(self, owned: Collection[str]) -> None:
        """In `mirror`: archive records that this sync made and whose rows left the source. `owned`: what other syncs' rows are."""
        if self.mapping.sync.block.mode != "mirror":
            return
        left = [row for row in self.ledger.query_all(self.mapping.name) if row.row_key not in self.seen and row.created]
        left = [row for row in left if row.object == self.mapping.object and row.record_id not in self.owned]
        for start in range(0, len(left), LEFT_ROWS):
            self._plan_left_rows({row.record_id: row for row in left[start : start + LEFT_ROWS]}, set(owned))

    def _plan_left_rows(self, left: Mapping[str, LedgerRow], owned: set[str]) -> None:
        claims = self.ledger.query_rows_at(self.mapping.object, left)
        owned |= {row.record_id for row in claims if row.sync != self.mapping.name or row.row_key in self.seen}
        live = fetch_observed(self.client, self.mapping.object, left, ())
        self.draft.forget([row for record_id, row in left.items() if record_id not in live])
        for record_id, row in left.items():
            if record_id not in live:
                continue
            reason = self._why_kept(row, live[record_id].record_id, owned)
            step: RecordStep = ArchiveRecord(row_key=row.row_key, object=row.object, record_id=record_id)
            if reason:
                advice = "Archive the record in HubSpot yourself if it is not wanted any more."
                step = HoldRow(
                    row_key=row.row_key,
                    object=row.object,
                    outcome="skipped",
                    reason=reason,
                    advice=advice,
                    record_id=record_id,
                )
            self.draft.add(self.mapping.name, step)
            self.counts.archives += reason is None
            self.counts.left_held += reason is not None

    def _why_kept(self, row: LedgerRow, present_id: str, owned: Collection[str]) -> str | None:
        """Say why a record whose row left must not be archived; None: it may."""
        if self.keyless:
            return f"{self.keyless} rows of the source have no key, so it cannot be told whether this row left"
        if present_id != row.record_id:
            return f"its record {row.record_id} was merged into {present_id}, which this sync did not make"
        if row.record_id in owned:
            return f"its record {row.record_id} is another row's, too"
        return None


def _merges(identities: Iterable[Identity]) -> dict[str, str]:
    """Give the records of the ledger that were merged into others, with their survivors."""
    return {
        each.ledger.record_id: each.merged_into
        for each in identities
        if isinstance(each, Found) and each.ledger and each.merged_into
    }


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


def _owners(row: DesiredRow, record_id: str | None, mapping: SyncMapping) -> list[object]:
    """Give what only one row may have: its key, its record, and the value that records are matched by."""
    match_owner = _match_owner(row, mapping)
    return [
        ("key", "", row.key),
        *([record_id] if record_id is not None else ()),
        *([match_owner] if match_owner is not None else ()),
    ]


def _match_owner(row: DesiredRow, mapping: SyncMapping) -> object:
    if mapping.match is None or row.match_value is None:
        return None
    return mapping.match.name, canonical(row.match_value, mapping.match)


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
        created=bool(found.ledger and found.ledger.created and found.ledger.record_id == found.record.record_id),
    )


def _same_record(other: str) -> Problem:
    advice = "Keep one row per record in the source; none of these rows was sent."
    return Problem("row", f"this row and the row {other!r} are the same HubSpot record", advice)
