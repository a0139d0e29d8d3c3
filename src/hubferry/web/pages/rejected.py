"""What could not be done, over all syncs or of one: invalid, refused, skipped or unknown, each with its reason and a fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubferry.errors import UnknownNameError
from hubferry.project import Rejected
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Visit

STATES = ("rejected", "invalid", "unknown", "skipped")
PAGE = 50


@dataclass(frozen=True, kw_only=True)
class RejectedPage:
    """Some of what could not be done."""

    rows: Sequence[Rejected]
    syncs: Sequence[str]
    sync: str
    state: str
    counts: Mapping[str, int]
    after: tuple[str, str] | None = None
    """Where the next page begins; None: this is the last."""
    title: str = "Rejected"
    section: str = "rejected"
    states: Sequence[str] = STATES

    @property
    def command(self) -> str:
        """Give the command that lists the same."""
        return f"hubferry rejected {self.sync}" if self.sync else ""

    @property
    def total(self) -> int:
        """Count everything of the sync."""
        return sum(self.counts.values())


def show(visit: Visit) -> Answer:
    """List what of a sync could not be done; without a name, of the first that has any."""
    project = visit.project
    with project.session():
        by_sync = {each.name: each.rejected for each in project.activity.syncs()}
        sync = visit.query.get("sync") or next(
            (name for name, counts in by_sync.items() if counts), next(iter(by_sync), "")
        )
        if sync and sync not in by_sync:
            raise UnknownNameError("sync", sync, known=tuple(by_sync))
        state = visit.query.get("state")
        state = state if state in STATES else ""
        key = visit.query.get("after"), visit.query.get("detail")
        rows: Sequence[Rejected] = ()
        if sync:
            rows = project.rejected(sync, limit=PAGE + 1, state=state or None, after=key if key[0] else None)
    following = (rows[PAGE - 1].row_key, rows[PAGE - 1].detail) if len(rows) > PAGE else None
    return Page(
        "rejected.html",
        RejectedPage(
            rows=rows[:PAGE],
            syncs=tuple(by_sync),
            sync=sync,
            state=state,
            counts=by_sync.get(sync, {}),
            after=following,
        ),
    )


def register(routes: Routes) -> None:
    """Add this page."""
    routes.get("/rejected", show)
