"""Where the project stands: streams, syncs, latest runs, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hubferry.project import Calls, Run, StreamActivity, SyncActivity
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Visit


@dataclass(frozen=True)
class NextStep:
    """The one thing that is most worth doing now."""

    title: str
    text: str
    address: str
    action: str


@dataclass(frozen=True, kw_only=True)
class OverviewPage:
    """What the overview shows."""

    streams: Sequence[StreamActivity]
    syncs: Sequence[SyncActivity]
    runs: Sequence[Run]
    step: NextStep | None
    title: str = "Overview"
    section: str = "overview"
    command: str = "hubferry status"

    @property
    def portals(self) -> str:
        """Name the portals whose runs are shown."""
        return ", ".join(str(number) for number in sorted({run.portal_id for run in self.runs}))

    @property
    def not_done(self) -> int:
        """Count what could not be done, over all syncs."""
        return sum(each.not_done for each in self.syncs)

    @property
    def troubled(self) -> int:
        """Count the streams whose last run did not end well."""
        return sum(1 for each in self.streams if each.last and each.last.state not in {"done", "running"})


@dataclass(frozen=True, kw_only=True)
class QuotaPart:
    """How much of today's calls is used."""

    calls: Calls
    reserve: int
    used: float | None = field(default=None)


def show(visit: Visit) -> Answer:
    """Show the overview."""
    project = visit.project
    with project.session():
        streams, syncs, runs = project.activity.streams(), project.activity.syncs(), project.runs(8)
    return Page(
        "overview.html", OverviewPage(streams=streams, syncs=syncs, runs=runs, step=_next_step(streams, syncs, runs))
    )


def show_quota(visit: Visit) -> Answer:
    """Ask HubSpot how many calls are left today."""
    project = visit.project
    calls = project.fetch_quota()
    used = 1 - calls.daily_left / calls.daily_limit if calls.daily_limit and calls.daily_left is not None else None
    return Page(
        "overview_quota.html", QuotaPart(calls=calls, reserve=project.files.file.hubspot.daily_reserve, used=used)
    )


def _next_step(
    streams: Sequence[StreamActivity], syncs: Sequence[SyncActivity], runs: Sequence[Run]
) -> NextStep | None:
    if not streams:
        return NextStep("Choose what to pull", "No stream is chosen yet.", "/streams", "Choose streams")
    if not any(run.kind == "pull" for run in runs) and not any(each.runs for each in streams):
        return NextStep(
            "Pull for the first time",
            f"{len(streams)} streams are chosen and nothing was read yet. The check tells first whether the token may read them all.",
            "/check",
            "Check, then pull",
        )
    troubled = next(
        (each for each in streams if each.last and each.last.state in {"failed", "blocked", "paused"}), None
    )
    if troubled:
        return NextStep(
            f"{troubled.name} is {troubled.last.state if troubled.last else ''}",
            (troubled.last.error if troubled.last else None) or "Its last run did not end well.",
            f"/streams/{troubled.name}",
            "Look at the stream",
        )
    if not syncs:
        return NextStep("Send rows to HubSpot", "No sync is written yet.", "/syncs/new", "New sync")
    waiting = next(
        (each for each in syncs if each.plans and each.plans[0].state == "ready" and each.plans[0].plan.changes), None
    )
    if waiting:
        return NextStep(
            f"A plan of {waiting.name} waits for you",
            f"It would make {waiting.plans[0].plan.changes:,} changes in HubSpot. Nothing is written before you apply it.",
            f"/plans/{waiting.plans[0].id}",
            "Look at the plan",
        )
    return None


def register(routes: Routes) -> None:
    """Add this page."""
    routes.get("/", show)
    routes.get("/overview/quota", show_quota)
