"""Every planned step ends as applied, rejected, skipped or unknown; a run that cannot say so raises. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from hubferry.push.draft import LABEL_KINDS, LINK_KINDS, RECORD_KINDS
from hubferry.push.plan import Plan
from hubferry.state.plans import OUTCOMES


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the planned records (or links) of one sync: `planned = applied + rejected + skipped + unknown`."""

    planned: int = 0
    applied: int = 0
    rejected: int = 0
    skipped: int = 0
    unknown: int = 0

    def __post_init__(self) -> None:
        done = self.applied + self.rejected + self.skipped + self.unknown
        if self.planned != done:
            raise AssertionError(f"{self.planned} steps were planned, {done} are accounted for; please report this")


def build_outcomes(
    plan: Plan, counted: Mapping[tuple[str, str, str], int]
) -> tuple[dict[str, Outcome], dict[str, Outcome]]:
    """Count the steps of records and of links, by sync; raise AssertionError where the sum is not what was planned."""
    rows, links = (_add_up(plan, counted, kinds) for kinds in (RECORD_KINDS, (*LABEL_KINDS, *LINK_KINDS)))
    for name, counts in plan.counts.items():
        rows_planned = counts.planned + counts.archives + counts.left_held
        for what, planned, found in (("rows", rows_planned, rows[name]), ("links", counts.link_steps, links[name])):
            if planned is not None and planned != found.planned:
                raise AssertionError(
                    f"sync {name!r}: {planned} {what} were planned, {found.planned} are in the journal; please report this"
                )
    return rows, links


def _add_up(plan: Plan, counted: Mapping[tuple[str, str, str], int], kinds: tuple[str, ...]) -> dict[str, Outcome]:
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for (sync, kind, state), number in counted.items():
        if kind in kinds:
            states[sync][state] += number
    for sync, found in states.items():
        strangers = set(found) - set(OUTCOMES)
        if strangers:
            raise AssertionError(f"sync {sync!r}: steps are still {', '.join(sorted(strangers))}; please report this")
    return {
        name: Outcome(planned=states[name].total(), **{state: states[name][state] for state in OUTCOMES})
        for name in plan.syncs
    }
