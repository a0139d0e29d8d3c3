"""A plan while it is made: steps go to the warehouse in chunks, so that a plan may be larger than memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from hubferry.hubspot.memberships import are_lists
from hubferry.push.counts import LINKS_PER_CALL, REMOVALS_PER_CALL
from hubferry.push.steps import (
    AddOptions,
    ArchiveRecord,
    ConflictEntry,
    CreateLabel,
    CreateProperty,
    CreateRecord,
    HoldLinks,
    HoldRow,
    InvalidEntry,
    LinkStep,
    RemoveLabels,
    RemoveLinks,
    SetLinks,
    Step,
    UpdateRecord,
)
from hubferry.state import ledger, plans
from hubferry.state.encoded_rows import EncodedRow, EncodedRows
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerRow, LinkRow, Stamp
from hubferry.state.plan_rows import PlacedRow, PlanRows, delete_plan_rows
from hubferry.state.plans import PAGE, StoredStep

CHUNK = 2_000
KINDS: dict[type, str] = {
    AddOptions: "add_options",
    ArchiveRecord: "archive",
    ConflictEntry: "conflict",
    CreateLabel: "create_label",
    CreateProperty: "create_property",
    CreateRecord: "create",
    HoldLinks: "hold_links",
    HoldRow: "hold",
    InvalidEntry: "invalid",
    RemoveLabels: "remove_labels",
    RemoveLinks: "remove_links",
    SetLinks: "set_links",
    UpdateRecord: "update",
}
SETUP_KINDS = ("create_property", "add_options")
GUARDED_KINDS = ("create", "update", "archive", "hold")
UNGUARDED_KINDS = ("create_unguarded",)
RECORD_KINDS = (*GUARDED_KINDS, *UNGUARDED_KINDS)
LABEL_KINDS = ("create_label",)
LINK_KINDS = ("set_links", "remove_labels", "remove_links", "hold_links")


@dataclass
class LinkCalls:
    """Counts the calls of link steps as they are sent: page by page, and in each what is alike together."""

    calls: int = 0
    _steps: int = 0
    _alike: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, step: LinkStep) -> None:
        """Note the next step of a sync."""
        if self._steps % PAGE == 0:
            self._alike.clear()
        self._steps += 1
        if isinstance(step, HoldLinks):
            return
        on_lists = are_lists(step.to.object)  # a call is of one list
        size = LINKS_PER_CALL if on_lists or isinstance(step, SetLinks) else REMOVALS_PER_CALL
        alike = (KINDS[type(step)], step.from_.object, step.to.object, (step.to.record_id or "") if on_lists else "")
        self.calls += self._alike[alike] % size == 0
        self._alike[alike] += 1


class Draft:
    """Collects the steps of one plan, and what the ledger learns from comparing."""

    def __init__(self, lease: Lease, stamp: Stamp, plan_id: str) -> None:
        self.lease, self.stamp, self.plan_id = lease, stamp, plan_id
        self.link_steps: Counter[str] = Counter()
        """Steps that are about links and labels, by sync."""
        self._link_calls: dict[str, LinkCalls] = defaultdict(LinkCalls)
        self._steps: list[StoredStep] = []
        self._next = 1
        with lease.transaction() as tx:
            plans.merge_plan(tx, lease.warehouse, stamp, plan_id, "drafting")

    def add(self, sync: str, step: Step) -> int:
        """Add a step and give its number."""
        number, self._next = self._next, self._next + 1
        stored = store_step(number, sync, step)
        self._steps.append(stored)
        self.link_steps[sync] += stored.kind in LABEL_KINDS or stored.kind in LINK_KINDS
        if isinstance(step, SetLinks | RemoveLabels | RemoveLinks | HoldLinks):
            self._link_calls[sync].add(step)
        if len(self._steps) >= CHUNK:
            self.flush()
        return number

    def count_link_calls(self, sync: str) -> int:
        """Give the calls that the link steps of a sync take."""
        return self._link_calls[sync].calls

    def note(
        self,
        rows: PlanRows,
        placed: Sequence[PlacedRow],
        adopted: Sequence[LedgerRow],
        known: EncodedRows | None = None,
        encoded: Sequence[EncodedRow] = (),
    ) -> None:
        """Note where rows went, in the ledger those whose records hold everything already, and how rows were encoded."""
        if not placed and not adopted and not encoded:
            return
        with self.lease.transaction() as tx:
            rows.append(tx, placed)
            ledger.merge_ledger(tx, self.stamp, adopted)
            if known is not None:
                known.merge(tx, encoded)

    def take_back(self, sync: str, spoiled: Sequence[PlacedRow]) -> None:
        """Take steps back, and what the plan noted in the ledger of rows that turned out to be one record."""
        self.flush()
        noted = [each for each in spoiled if each.noted]
        with self.lease.transaction() as tx:
            plans.delete_steps(tx, self.plan_id, [each.number for each in spoiled if each.number is not None])
            ledger.delete_ledger(tx, self.stamp.portal_id, sync, [each.row_key for each in noted if not each.known])
            known = [(sync, each.row_key) for each in spoiled if each.known]  # looked at again while they are
            ledger.clear_hashes(tx, self.lease.warehouse, self.stamp.portal_id, known)

    def adopt(self, rows: list[LedgerRow]) -> None:
        """Note in the ledger rows whose records hold everything already."""
        if rows:
            with self.lease.transaction() as tx:
                ledger.merge_ledger(tx, self.stamp, rows)

    def forget(self, rows: list[LedgerRow]) -> None:
        """Take rows out of the ledger whose records are gone."""
        if rows:
            with self.lease.transaction() as tx:
                for row in rows:
                    ledger.delete_ledger(tx, self.stamp.portal_id, row.sync, [row.row_key])

    def follow_merges(self, object_name: str, survivors: Mapping[str, str]) -> None:
        """Note in the ledger which records were merged into others."""
        if survivors:
            with self.lease.transaction() as tx:
                ledger.follow_merges(tx, self.lease.warehouse, self.stamp.portal_id, object_name, survivors)

    def revisit_linked(self, object_name: str, left: Collection[str]) -> None:
        """Have the next push look at the rows that were linked to these records, whose own rows become other ones."""
        if not left:
            return
        portal_id, warehouse = self.stamp.portal_id, self.lease.warehouse
        linked = ledger.LedgerReader(warehouse, portal_id).query_links_at(object_name, left)
        if linked:
            with self.lease.transaction() as tx:
                ledger.clear_hashes(tx, warehouse, portal_id, ((row.sync, row.row_key) for row in linked))

    def adopt_links(self, claimed: list[LinkRow], released: list[LinkRow]) -> None:
        """Note in the ledger links that need no write, and forget those that nobody asks for and that are not ours."""
        if claimed or released:
            with self.lease.transaction() as tx:
                ledger.delete_links(tx, self.stamp.portal_id, released)
                ledger.merge_links(tx, self.stamp, unique_links(claimed))

    def flush(self) -> None:
        """Write the steps collected so far."""
        if self._steps:
            with self.lease.transaction() as tx:
                plans.append_steps(tx, self.plan_id, self._steps)
            self._steps = []

    def finish(self, header: str) -> None:
        """Write the last steps and the head: from now on the plan can be applied."""
        with self.lease.transaction() as tx:
            plans.append_steps(tx, self.plan_id, self._steps)
            delete_plan_rows(tx, self.plan_id)
            plans.merge_plan(tx, self.lease.warehouse, self.stamp, self.plan_id, "ready", header)
        self._steps = []


def unique_links(rows: Iterable[LinkRow]) -> list[LinkRow]:
    """Give one row a key of the ledger: two wishes of one row may mean the same link."""
    found: dict[tuple[object, ...], LinkRow] = {}
    for row in rows:
        key = (row.sync, row.from_object, row.from_id, row.to_object, row.to_id, row.category, row.type_id)
        found[key] = replace(row, added=True) if key in found and found[key].added else row
    return list(found.values())


def kind_of(step: Step) -> str:
    """Give the kind under which a step is stored."""
    return "create_unguarded" if isinstance(step, CreateRecord) and step.searched else KINDS[type(step)]


def store_step(number: int, sync: str, step: Step) -> StoredStep:
    """Give a step as a row."""
    record_id = getattr(step, "record_id", None)
    return StoredStep(number, sync, kind_of(step), step.row_key, record_id, msgspec.json.encode(step).decode())


_DECODER: msgspec.json.Decoder[Step] = msgspec.json.Decoder(Step)


def load_step(stored: StoredStep) -> Step:
    """Give a row as the step it holds."""
    return _DECODER.decode(stored.step)
