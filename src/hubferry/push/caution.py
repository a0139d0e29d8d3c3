"""What keeps a plan from being applied without a person: guards, and the reviews that a sync asks for."""

from __future__ import annotations

from collections.abc import Iterable

from hubferry.config.model import Sync
from hubferry.errors import GuardError, ReviewError
from hubferry.push.counts import SyncCounts
from hubferry.push.plan import Plan


def check_guards(plan: Plan) -> None:
    """Raise GuardError where a plan is over one of its guards."""
    broken = [verdict for verdict in plan.guards if not verdict.passed]
    if broken:
        said = "; ".join(
            f"{each.sync}: {each.guard} allows {each.allowed:g}, the plan has {each.found:g}" for each in broken
        )
        raise GuardError(
            f"plan {plan.id} is over its guards, nothing was written: {said}. Look at it with `hubferry plan`;"
            " raise the guard in the sync if this is meant, and plan again.",
            plan_id=plan.id,
        )


def check_reviewed(plan: Plan, syncs: Iterable[Sync]) -> None:
    """Raise ReviewError where a sync wants a person to look at such a plan first; `apply` of the plan is that person's word."""
    waiting = [sync for sync in syncs if _wants_review(sync.block.review, plan.counts[sync.name])]
    if waiting:
        said = ", ".join(f"{sync.name} (review: {sync.block.review})" for sync in waiting)
        raise ReviewError(
            f"plan {plan.id} waits for a review, nothing was written: {said}. Look at its steps with"
            f" `hubferry plan {' '.join(plan.syncs)}`; to apply exactly this plan: hubferry apply {plan.id}",
            plan_id=plan.id,
        )


def _wants_review(review: str, counts: SyncCounts) -> bool:
    if review == "always":
        return counts.changes > 0
    return review == "destructive" and counts.archives + counts.clears + counts.links_removed > 0
