"""Plans the records of one sync: rows are read, encoded, identified and compared batch by batch.

Memory does not grow with rows: which record each row is stands in `plan_rows`, where two rows on one record are found
when all rows have been looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from hubferry.hubspot.client import Client
from hubferry.push import keyless, matching, source
from hubferry.push.changes import Authors, fetch_authors
from hubferry.push.counts import SyncCounts
from hubferry.push.diff import RowDiff, diff_row, with_authors
from hubferry.push.draft import Draft
from hubferry.push.encode import canonical
from hubferry.push.identity import Found, Held, Identity, NotFound, Resolver, find_left, find_merges
from hubferry.push.left_planner import LeftPlanner
from hubferry.push.link_source import LinkTable
from hubferry.push.link_store import LinkStore
from hubferry.push.mapping import LinkField, SyncMapping
from hubferry.push.portal import Portal
from hubferry.push.rival_syncs import hash_wanted
from hubferry.push.rows import (
    DIGEST,
    KEY,
    DesiredRow,
    InvalidRow,
    Problem,
    build_row,
    link_detail,
    match_hash,
    match_text,
    row_key,
)
from hubferry.push.standing import hold_row, pin_skips
from hubferry.push.steps import (
    AddOptions,
    ConflictEntry,
    CreateProperty,
    CreateRecord,
    End,
    HoldRow,
    InvalidEntry,
    RecordStep,
    UpdateRecord,
)
from hubferry.state.encoded_rows import EncodedRow, EncodedRows
from hubferry.state.ledger import LedgerReader, LedgerRow
from hubferry.state.plan_rows import PlacedRow, PlanRows
from hubferry.state.row_states import merge_row_states, query_row_states
from hubferry.types import Progress
from hubferry.warehouse.interface import Row, Warehouse

HISTORY_CALLS, ROWS_PER_HISTORY_CALL = 2, 2_000
"""Histories that a plan reads to say who changed what it overwrites: these calls, and one more for so many rows."""
NAMED_OPTIONS = 1_000
"""New options of one property that a plan adds; a column with more is hardly one of options."""


@dataclass(frozen=True)
class _Reading:
    """Rows whose records are being read: those that are not tried, and what is found of the others, with the time."""

    held: Mapping[str, Held]
    found: Future[tuple[list[Identity], float]]


@dataclass
class RecordPlanner:
    """One sync of one plan."""

    portal: Portal
    warehouse: Warehouse
    ledger: LedgerReader
    draft: Draft
    store: LinkStore
    mapping: SyncMapping
    full: bool
    progress: Progress
    explain: bool = False
    """Ask HubSpot who changed last what the plan overwrites."""
    keyed: frozenset[str] = frozenset()
    """Unique properties of the object whose values are keys of links in this run."""
    new_ends: dict[object, End] | None = None
    """Records to be made by this run, shared by those of its syncs that may make the same one."""
    unresolved: Collection[str] = ()
    """Keys of rows whose record may have been made: the answer was lost, and the record was not found."""
    only: Collection[str] | None = None
    """Keys of the rows to look at; None: all that are due."""
    shared: frozenset[str] = frozenset()
    """Properties that other syncs of the plan write, too."""
    aside: set[str] = field(default_factory=set)
    """Keys of rows that turned out to be invalid when all had been placed."""
    found: set[str] = field(default_factory=set)
    """Those of them that the source has."""
    counts: SyncCounts = field(default_factory=SyncCounts)
    keyless: int = 0
    """Rows of the source without a key: while there are any, nobody can tell which rows left."""
    _options: dict[str, dict[str, None]] = field(default_factory=dict)
    _due: list[DesiredRow] = field(default_factory=list)
    _known: dict[str, LedgerRow] = field(default_factory=dict)
    _ordinal: int = 0
    _read_at: float = 0.0
    _reading: _Reading | None = None
    _history_calls: int = 0

    @property
    def client(self) -> Client:
        """Give the portal's client."""
        return self.portal.client

    @cached_property
    def rows(self) -> PlanRows:
        """Which record each row is."""
        return PlanRows(self.warehouse, self.draft.plan_id, self.mapping.name)

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self.portal, self.mapping)

    def plan(self) -> None:
        """Plan every row."""
        first = not self.ledger.count_rows(self.mapping.name)
        tables = source.query_link_tables(self.mapping, self.warehouse)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="plan") as self._reader:
            for batch in self._query_rows(tables):
                self._plan_batch(batch)
                self.draft.lease.renew()
                share = self.client.usage.share()
                self.progress.advance(f"plan {self.mapping.name}", done=self.counts.rows, share=share)
            self._read_due()
            self._compare_read()
        self._set_rivals_aside()
        for index, table in tables.items():
            for key, other in table.left():
                self._set_link_aside(self.mapping.links[index], key, other)
        if first and self.counts.creates and not self.counts.matched:
            self._require_adoption()
        self._plan_setup()

    def _query_rows(self, tables: Mapping[int, LinkTable]) -> Iterator[list[Row]]:
        """Read the source; where the warehouse can tell which rows stayed as they are, all others."""
        if self._encoded is None:
            return source.query_rows(self.mapping, self.warehouse, tables)
        digests = source.render_digests(self.mapping, self.warehouse)
        plan_id = self.draft.plan_id
        with source.naming(self.mapping), self.draft.lease.transaction() as tx:
            placed = self._encoded.place_unchanged(tx, digests, plan_id, self.mapping.object)
        self.counts.rows += placed
        self.counts.matched += placed
        self.counts.unchanged += placed
        without = self._encoded.render_placed(plan_id) if placed else None
        return source.query_rows(self.mapping, self.warehouse, digests=True, without=without)

    @cached_property
    def _encoded(self) -> EncodedRows | None:
        """What rows were when they were last encoded; None where all rows are looked at, or only we can compare them."""
        if self.full or self.only is not None:
            return None
        encoding = source.query_encoding(self.mapping, self.warehouse)
        if encoding is None:
            return None
        return EncodedRows(self.warehouse, self.ledger.portal_id, self.mapping.name, encoding)

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

    def _plan_setup(self) -> None:
        """What the portal must define before the records are written."""
        name, prop = self.mapping.name, self.mapping.match
        if self.mapping.matching.makes_property and prop is not None and self.counts.changes:
            self.draft.add(name, CreateProperty(object=self.mapping.object, property=prop.name, label=prop.label))
            self.counts.properties_added += 1
        for prop in (each.property for each in self.mapping.fields if each.creates and self.counts.changes):
            step = CreateProperty(
                object=self.mapping.object, property=prop.name, label=prop.label, kind=prop.type, is_key=False
            )
            self.draft.add(name, step)
            self.counts.properties_added += 1
        for property_name, texts in self._options.items():
            options = tuple(texts)
            self.draft.add(name, AddOptions(object=self.mapping.object, property=property_name, options=options))
            self.counts.options_added += len(options)

    def _require_adoption(self) -> None:
        """On a key that no record holds yet, the first run must say what it adopts (an empty object has nothing)."""
        match, kind = self.mapping.matching, self.mapping.object
        asked = match.kind == "unique" and not match.makes_property and self.mapping.sync.block.adopt_by is None
        if not asked or match.property is None or match.property.name == "email":
            return
        if keyless.has_records(self.client, kind) and not keyless.has_records(self.client, kind, match.property.name):
            matching.require_adoption(self.mapping.sync)

    def _plan_batch(self, batch: Sequence[Row]) -> None:
        rows: list[DesiredRow] = []
        placed: list[PlacedRow] = []
        encoded: list[EncodedRow] = []
        for values in batch:
            self._ordinal += 1
            row = build_row(self.mapping, values, self._ordinal)
            if self.only is not None and row.key in self.only:
                self.found.add(row.key)
            elif self.only is not None and not isinstance(row, DesiredRow):
                continue  # a retry is of the rows that could not be done
            self.counts.rows += 1
            self.keyless += row_key(values[KEY]) is None
            if isinstance(row, InvalidRow):
                placed.append(PlacedRow(row.key, ""))
                self._set_aside(row.key, row.problems)
            else:
                rows.append(row)
                if self._encoded is not None:
                    digest, value = str(values[DIGEST]), match_hash(row, self.mapping)
                    encoded.append(EncodedRow(row_key=row.key, digest=digest, row_hash=row.hash, match_value=value))
        known = {
            key: row
            for key, row in self.ledger.query_rows(self.mapping.name, [row.key for row in rows]).items()
            if row.object == self.mapping.object  # a sync that was turned to another object starts anew
        }
        if self.only is None:
            due = [row for row in rows if self.full or row.key not in known or known[row.key].row_hash != row.hash]
        else:
            due = [row for row in rows if row.key in self.only]
            looked = [row for row in rows if row.key in self.only or row.key in known]
            self.counts.rows -= len(rows) - len(looked)  # the others are left to the next push
            rows = looked
        looked_at = {row.key for row in due}
        placed += [self._skip(row, known[row.key]) for row in rows if row.key not in looked_at]
        self.draft.note(self.rows, placed, [], self._encoded, encoded)
        self._due += due
        self._known |= {row.key: known[row.key] for row in due if row.key in known}
        if len(self._due) >= source.BATCH_ROWS:
            self._read_due()

    def _read_due(self) -> None:
        """Have the records of the rows that are due read, while those that were read before are compared.

        Rows of several batches go together, so that calls are full.
        """
        due, self._due = self._due, []
        known, self._known = self._known, {}
        held = self._query_held(due, known)
        tried = [row for row in due if row.key not in held]
        found = self._reader.submit(copy_context().run, self._fetch, tried, known)
        if self._reading is not None:
            self._compare_read()
        self._reading = _Reading(held, found)

    def _fetch(self, rows: Sequence[DesiredRow], known: Mapping[str, LedgerRow]) -> tuple[list[Identity], float]:
        """Find the records of rows; give HubSpot's time when that began, too: by its last answer, less what passed since then."""
        before, started = self.client.now().timestamp(), self.client.monotonic()
        found = self._resolver.fetch_identities(rows, known)
        passed = self.client.monotonic() - started
        return found, max(before, self.client.now().timestamp() - passed - 1)  # its times are whole seconds

    def _compare_read(self) -> None:
        """Compare the rows whose records were read."""
        assert self._reading is not None
        reading, self._reading = self._reading, None
        found, self._read_at = reading.found.result()
        identities: list[Identity] = [*reading.held.values()]
        identities += [self._hold_unresolved(each) for each in found]
        self.draft.follow_merges(self.mapping.object, find_merges(identities))
        self.draft.revisit_linked(self.mapping.object, find_left(identities))
        adopted: list[LedgerRow] = []
        diffs = [diff_row(each, self.mapping) for each in identities]
        authors = self._fetch_authors(identities, diffs)
        placed = [
            self._place(each, with_authors(each, diff, authors), adopted)
            for each, diff in zip(identities, diffs, strict=True)
        ]
        self.draft.note(self.rows, placed, adopted)

    def _query_held(self, due: Sequence[DesiredRow], known: Mapping[str, LedgerRow]) -> dict[str, Held]:
        """Give the rows that are not tried now, by key."""
        portal_id, name = self.ledger.portal_id, self.mapping.name
        states = query_row_states(self.warehouse, portal_id, name, {row.key for row in due})
        pinned = pin_skips(states, due)
        if pinned:
            with self.draft.lease.transaction() as tx:
                merge_row_states(tx, portal_id, pinned, self.draft.stamp.at)
        now, retry = self.draft.stamp.at, self.only is not None
        found = {
            row.key: hold_row(row, known.get(row.key), states.get(row.key), now, retry=retry)
            for row in due
            if row.key in states
        }
        return {key: held for key, held in found.items() if held is not None}

    def _skip(self, row: DesiredRow, known: LedgerRow) -> PlacedRow:
        """A row that is as the ledger has it; not looked at, but it owns its record."""
        self.counts.matched += 1
        self.counts.unchanged += 1
        match_value, wanted = match_hash(row, self.mapping), hash_wanted(row, self.mapping, self.shared)
        return PlacedRow(row.key, "unchanged", known.record_id, match_value, matched=True, known=True, wanted=wanted)

    def _hold_unresolved(self, each: Identity) -> Identity:
        if each.row.key not in self.unresolved or not isinstance(each, NotFound):
            return each
        name, key = self.mapping.name, each.row.key
        reason = "its record may have been made: the answer of an earlier create was lost, and the record was not found"
        advice = f"Look in HubSpot, then: hubferry resolve {name} {key} --record ID, or, if it is not there: --resend"
        return Held(each.row, each.ledger, "unknown", reason, advice)

    def _place(self, each: Identity, diff: RowDiff, adopted: list[LedgerRow]) -> PlacedRow:
        row = each.row
        placed = _placement(each, diff, self.mapping)
        placed.wanted = hash_wanted(row, self.mapping, self.shared)
        self._count(placed, 1)
        self.counts.settled += len(diff.settled)
        self.counts.kept += len(diff.kept) - len(diff.conflicts)
        self._list_conflicts(each, diff)
        settled = None
        if diff.step is not None:
            placed.number = self.draft.add(self.mapping.name, self._with_origin(diff.step, row))
            self._collect_options(row, diff.step)
        elif isinstance(each, Found):
            settled = _settled(each, diff, self.mapping)
            if settled != each.ledger and not self.mapping.links:
                adopted.append(settled)
                placed.noted = True
            settled = settled if self.mapping.links else None
        if (self.mapping.links or self.keyed) and not isinstance(diff.step, HoldRow):
            self._add_linked(row, self._end(each), settled)
        return placed

    def _add_linked(self, row: DesiredRow, end: End, settled: LedgerRow | None) -> None:
        """Note what a row links to, and the values by which others may name it; `settled`: its record is as it should be."""
        name, links = self.mapping.name, self.mapping.links
        wishes = ((each, links[each.field].to, by.name if (by := links[each.field].by) else "") for each in row.wishes)
        number = self.store.add_row(name, row, end, settled, wishes)
        for prop in self.keyed:
            value = canonical(row.values.get(prop), self.mapping.properties[prop])
            if value is not None:
                self.store.add_keyed(number, prop, str(value))

    def _list_conflicts(self, each: Identity, diff: RowDiff) -> None:
        if not isinstance(each, Found):
            return
        for conflict in diff.conflicts:
            entry = ConflictEntry(
                row_key=each.row.key,
                object=self.mapping.object,
                record_id=each.record.record_id,
                conflict=conflict,
            )
            self.draft.add(self.mapping.name, entry)
            self.counts.conflicts += 1

    def _collect_options(self, row: DesiredRow, step: RecordStep) -> None:
        """Options are added for rows that are written only."""
        if isinstance(step, CreateRecord | UpdateRecord):
            for name, text in row.new_options:
                found = self._options.setdefault(name, {})
                if len(found) < NAMED_OPTIONS:
                    found[text] = None

    def _fetch_authors(self, identities: Sequence[Identity], diffs: Sequence[RowDiff]) -> Authors:
        """Ask who changed what is in conflict; in a plan also what it overwrites, as far as that costs little."""
        wanted: dict[str, set[str]] = {}
        overwritten: dict[str, set[str]] = {}
        for each, diff in zip(identities, diffs, strict=True):
            if not isinstance(each, Found):
                continue
            record_id = each.record.record_id
            if diff.conflicts:
                wanted.setdefault(record_id, set()).update(conflict.property for conflict in diff.conflicts)
            elif self.explain and isinstance(diff.step, UpdateRecord):
                names = {change.property for change in diff.step.changes if change.old}
                if names:
                    overwritten.setdefault(record_id, set()).update(names)
        allowed = HISTORY_CALLS + self.counts.rows // ROWS_PER_HISTORY_CALL - self._history_calls
        for record_id in list(overwritten)[: max(0, allowed) * 50]:
            wanted.setdefault(record_id, set()).update(overwritten[record_id])
        if not wanted:
            return {}
        self._history_calls += -(-len(wanted) // 50)
        asked = {record_id: sorted(names) for record_id, names in wanted.items()}
        return fetch_authors(self.client, self.mapping.object, asked)

    def _end(self, each: Identity) -> End:
        name, key = self.mapping.name, each.row.key
        if isinstance(each, Found):
            return End(self.mapping.object, each.record.record_id, name, key)
        new = End(self.mapping.object, None, name, key)
        text = match_text(each.row, self.mapping)
        owner = (self.mapping.object, self.mapping.match.name, text) if self.mapping.match and text else (name, key)
        return new if self.new_ends is None else self.new_ends.setdefault(owner, new)

    def _with_origin(self, step: RecordStep, row: DesiredRow) -> RecordStep:
        """Say which row a step is of and when its record was read.

        A row with links is not done with its record: without a hash the next push looks at it again.
        """
        if not isinstance(step, CreateRecord | UpdateRecord):
            return step
        row_hash = "" if self.mapping.links else step.row_hash
        return msgspec.structs.replace(step, row_hash=row_hash, content=row.hash, read_at=self._read_at)

    def _set_rivals_aside(self) -> None:
        """Rows that are one record, or have one match value, are all invalid: none is sent."""
        spoiled: dict[PlacedRow, Problem] = {}
        for group in self.rows.query_rivals():
            for each in group:
                if each not in spoiled:
                    spoiled[each] = _same_record(next(other.row_key for other in group if other is not each))
        self.set_aside(spoiled)

    def set_aside(self, spoiled: Mapping[PlacedRow, Problem]) -> None:
        """Make rows invalid that were placed already: what was planned of them is taken back."""
        for each, problem in spoiled.items():
            self._count(each, -1)
            self._set_aside(each.row_key, [problem])
        if spoiled:
            self.draft.take_back(self.mapping.name, list(spoiled))
            self.aside |= (keys := {each.row_key for each in spoiled})
            self.store.drop_rows(self.mapping.name, keys)

    def _count(self, placed: PlacedRow, by: int) -> None:
        counts = self.counts
        setattr(counts, placed.bucket, getattr(counts, placed.bucket) + by)
        counts.planned += by * (placed.bucket != "unchanged")
        counts.clears += by * placed.clears
        counts.matched += by * placed.matched

    def _set_aside(self, key: str, problems: Iterable[Problem]) -> None:
        self.counts.invalid += 1
        for each in problems:
            entry = InvalidEntry(row_key=key, detail=each.detail, reason=each.message, advice=each.advice)
            self.draft.add(self.mapping.name, entry)

    def plan_left(self, others: Sequence[RecordPlanner]) -> None:
        """In `mirror`: archive records that this sync owns and whose rows left the source. `others`: syncs of the same object."""
        if self.mapping.sync.block.mode == "mirror":
            rows = [self.rows, *(each.rows for each in others)]
            LeftPlanner(self.client, self.ledger, self.draft, self.mapping, self.counts, rows, self.keyless).plan()


def _placement(each: Identity, diff: RowDiff, mapping: SyncMapping) -> PlacedRow:
    found = isinstance(each, Found)
    placed = PlacedRow(
        each.row.key,
        "held",
        each.record.record_id if isinstance(each, Found) else None,
        match_hash(each.row, mapping),
        matched=found,
        known=each.ledger is not None,
    )
    match diff.step:
        case CreateRecord():
            placed.bucket = "creates"
        case UpdateRecord():
            placed.bucket = "updates"
            placed.clears = sum(change.new == "" and bool(change.old) for change in diff.step.changes)
        case None:
            placed.bucket = "unchanged"
    return placed


def _settled(found: Found, diff: RowDiff, mapping: SyncMapping) -> LedgerRow:
    """Give the ledger's row of a record that holds everything its row asks for."""
    return LedgerRow(
        sync=mapping.name,
        row_key=found.row.key,
        object=mapping.object,
        record_id=found.record.record_id,
        row_hash=found.row.hash,
        sent=dict(found.row.values),
        stored=dict(diff.base),
        created=bool(found.ledger and found.ledger.created and found.ledger.record_id == found.record.record_id),
    )


def _same_record(other: str) -> Problem:
    advice = "Keep one row per record in the source; none of these rows was sent."
    return Problem("row", f"this row and the row {other!r} are the same HubSpot record", advice)
