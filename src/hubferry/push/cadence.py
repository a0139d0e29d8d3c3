"""Which syncs a push compares with HubSpot row by row although nobody asked for it: those whose `reconcile` has come round."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hubferry.config.model import Sync
from hubferry.config.periods import has_come_round
from hubferry.state.store import StateStore


def choose_compared(syncs: Sequence[Sync], state: StateStore, portal_id: int) -> tuple[str, ...]:
    """Name the syncs of which every row is due: the last such push, or the first one of all, was long enough ago."""
    if all(sync.block.reconcile == "never" for sync in syncs):
        return ()
    now = datetime.fromtimestamp(state.clock.time(), UTC)
    last: dict[str, datetime] = {}
    for run in state.pushes(portal_id):  # oldest first
        compared = run.detail.get("compared", ())
        for name in run.detail.get("syncs", ()):
            if name in compared or name not in last:
                last[name] = run.started_at
    return tuple(sync.name for sync in syncs if has_come_round(sync.block.reconcile, last.get(sync.name), now))
