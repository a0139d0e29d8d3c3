"""The numbers of a plan, by sync: what it does, what it costs, and whether its guards hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hubferry.config.model import SyncBlock

SHARE_FROM = 100
"""Matched records from which on a share of them means something."""
RECORDS_PER_CALL, LINKS_PER_CALL, REMOVALS_PER_CALL = 100, 2_000, 100
WINDOW_SECONDS = 10


class SyncCounts(msgspec.Struct, kw_only=True):
    """One sync of a plan, in rows and in wished links. `rows = unchanged + planned + invalid`, for links too."""

    rows: int = 0
    unchanged: int = 0
    planned: int = 0
    invalid: int = 0
    creates: int = 0
    updates: int = 0
    clears: int = 0
    """Filled properties that become empty."""
    archives: int = 0
    """Records whose rows left the source (`mirror`); planned, although they are no rows."""
    left_held: int = 0
    """Records whose rows left the source, but that must not be archived: still another row's, merged, or doubtful."""
    held: int = 0
    """Planned rows that cannot be done (conflict, archived, not found): apply counts them as rejected or skipped."""
    matched: int = 0
    """Rows whose record exists."""
    settled: int = 0
    """Values that HubSpot stored otherwise than sent; not planned again until source or record changes."""
    kept: int = 0
    """Values of HubSpot that a field's policy leaves."""
    conflicts: int = 0
    """Properties that source and HubSpot both changed, left to people."""
    properties_added: int = 0
    options_added: int = 0
    links: int = 0
    """Links that the rows looked at ask for."""
    links_unchanged: int = 0
    links_planned: int = 0
    links_invalid: int = 0
    links_added: int = 0
    links_removed: int = 0
    links_held: int = 0
    labels_created: int = 0
    link_steps: int | None = None
    """Steps that are about links and labels; None: the plan is of a version that did not count them."""
    link_calls: int = 0
    """Calls that the steps about links take."""
    remembered: int = 0
    """Rows that the ledger had before this plan."""
    links_owned: int = 0
    """Links that were ours to remove before this plan."""

    def check(self, sync: str) -> None:
        """Raise AssertionError where a row or link is unaccounted for: such a plan must not be used."""
        rows, links = self.unchanged + self.planned + self.invalid, self.links_unchanged + self.links_planned
        if self.rows != rows or self.planned != self.creates + self.updates + self.held:
            raise AssertionError(f"sync {sync!r}: {self.rows} rows, but {rows} accounted for; please report this")
        if self.links != links + self.links_invalid:
            raise AssertionError(f"sync {sync!r}: {self.links} links, but {links} accounted for; please report this")

    @property
    def changes(self) -> int:
        """Number of things that apply would write."""
        records = self.creates + self.updates + self.archives
        return records + self.labels_created + self.links_added + self.links_removed


class Cost(msgspec.Struct, frozen=True):
    """What a plan costs: HubSpot calls made to plan it, calls to apply it, and the least seconds that takes at the limit."""

    plan_calls: int
    apply_calls: int
    seconds: float
    daily_share: float | None = None
    """Part of the account's calls of a day that applying takes; None where HubSpot does not say how many there are."""


class GuardVerdict(msgspec.Struct, frozen=True):
    """One guard of one sync: what it allows, what the plan has, and whether it holds."""

    sync: str
    guard: str
    allowed: float
    found: float

    @property
    def passed(self) -> bool:
        """Whether the guard holds."""
        return self.found <= self.allowed


def build_guards(sync: str, block: SyncBlock, counts: SyncCounts) -> Iterator[GuardVerdict]:
    """Judge the numbers of a sync by its guards."""
    guards = block.guards
    if (guards.empty_source or ("stop" if block.mode == "mirror" else "allow")) == "stop" and not counts.rows:
        yield GuardVerdict(sync, "empty_source", 0, counts.remembered)
    links = guards.max_links_removed
    limits = {
        "max_creates": (guards.max_creates, counts.creates),
        "max_clears": (guards.max_clears, counts.clears),
        "max_archives": (guards.max_archives, counts.archives),
        "max_links_removed": (links if links is not None else max(100, counts.links_owned // 10), counts.links_removed),
    }
    for name, (allowed, found) in limits.items():
        if allowed is not None:
            yield GuardVerdict(sync, name, allowed, found)
    if guards.max_changed_share is not None and counts.matched >= SHARE_FROM:
        yield GuardVerdict(sync, "max_changed_share", guards.max_changed_share, counts.updates / counts.matched)


def count_calls(things: int, per_call: int) -> int:
    """Give the calls that so many things need."""
    return -(-things // per_call)
