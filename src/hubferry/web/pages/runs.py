"""What ran, newest first, and what one run did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from hubferry.project import Outcomes, PlanInfo, Project, RowAnswer, Run, StreamRun
from hubferry.types import Progress
from hubferry.web.live import LiveRun
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Redirect, Visit

PAGE = 50
STATES = ("applied", "rejected", "unknown", "skipped")


@dataclass(frozen=True, kw_only=True)
class RunsPage:
    """Some runs, newest first."""

    runs: Sequence[Run]
    next: str | None
    live: Sequence[LiveRun]
    title: str = "Runs"
    section: str = "runs"
    command: str = "hubferry runs"


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """One run: of a pull its streams; of a push its results by state."""

    run: Run
    streams: Sequence[StreamRun]
    plan: PlanInfo | None = None
    outcomes: Outcomes | None = None
    answers: Sequence[RowAnswer] = ()
    """What HubSpot made of the rows, where they were asked for by their keys."""
    section: str = "runs"

    @property
    def title(self) -> str:
        """Name the run."""
        return f"{self.run.kind.capitalize()} {self.run.run_id}"

    @property
    def command(self) -> str:
        """Give the command that does the same."""
        return f"hubferry show {self.run.run_id}"

    @property
    def can_undo(self) -> bool:
        """Say whether there is something that an inverse plan could take back."""
        return self.outcomes is not None and self.outcomes.counts.get("applied", 0) > 0

    @property
    def length(self) -> float | None:
        """Give how long it took."""
        return (self.run.finished_at - self.run.started_at).total_seconds() if self.run.finished_at else None


def show_all(visit: Visit) -> Answer:
    """List the runs."""
    before = visit.query.get("before") or None
    found = visit.project.runs(PAGE + 1, before=before)
    following = found[PAGE - 1].run_id if len(found) > PAGE else None
    return Page("runs.html", RunsPage(runs=found[:PAGE], next=following, live=visit.site.runs.running))


def show(visit: Visit) -> Answer:
    """Show one run."""
    project = visit.project
    with project.session():
        run, streams = project.show(visit.path["run"])
        plan = project.plans.of_run(run)
        tab = visit.query.get("tab")
        after = visit.query.get("after")
        outcomes, answers = None, tuple[RowAnswer, ...]()
        if plan is not None and run.kind in {"apply", "push"}:
            outcomes = project.plans.outcomes(
                plan.id, tab if tab in STATES else "", after=int(after) if after.isdecimal() else 0
            )
            answers = project.plans.answers(plan.plan)
    return Page("run.html", RunPage(run=run, streams=streams, plan=plan, outcomes=outcomes, answers=answers))


def undo(visit: Visit) -> Answer:
    """Begin to plan the inverse of a run; nothing is written to HubSpot before that plan is applied."""
    run_id = visit.path["run"]
    run = LiveRun("undo", f"Undo of {run_id}", f"hubferry undo {run_id}", visit.project, partial(_undo, run_id=run_id))
    visit.site.runs.start(run)
    return Redirect(f"/live/{run.id}")


def _undo(project: Project, _progress: Progress, *, run_id: str) -> str:
    return f"/plans/{project.undo(run_id, wait_seconds=5).id}"


def register(routes: Routes) -> None:
    """Add these pages."""
    routes.get("/runs", show_all)
    routes.get("/runs/{run}", show)
    routes.post("/runs/{run}/undo", undo)
