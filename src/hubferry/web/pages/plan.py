"""One plan: numbers, cost, guards, and every step, old -> new; approved and applied from here, and from nowhere else."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hubferry.errors import UsageError
from hubferry.project import GuardVerdict, Plan, Project, StepPage, SyncCounts
from hubferry.types import Progress
from hubferry.web import steps
from hubferry.web.live import LiveRun
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Redirect, Visit


@dataclass(frozen=True, kw_only=True)
class PlanPage:
    """One plan, and a page of its steps."""

    plan: Plan
    page: StepPage
    kinds: Mapping[str, int]
    """How many steps each filter would show."""
    kind: str
    sync: str
    search: str
    section: str = "syncs"
    filters: Sequence[tuple[str, str, tuple[str, ...]]] = steps.KINDS

    @property
    def title(self) -> str:
        """Name the plan by what it is of."""
        what = "Undo" if self.plan.undoes else "Plan"
        return f"{what} of {', '.join(self.plan.syncs)}"

    @property
    def command(self) -> str:
        """Give the command that applies it."""
        return f"hubferry apply {self.plan.id}"

    @property
    def can_apply(self) -> bool:
        """Say whether it may be applied: ready, within its guards, and not empty."""
        return self.plan.state in {"ready", "applying"} and self.plan.passed and self.plan.changes > 0

    @property
    def rows_named(self) -> list[str]:
        """Give the keys of the rows that it was asked for; empty: it is of all rows."""
        return [key for keys in (self.plan.only or {}).values() for key in keys]

    @property
    def broken(self) -> list[GuardVerdict]:
        """Give the guards that it exceeds."""
        return [each for each in self.plan.guards if not each.passed]

    @property
    def total(self) -> SyncCounts:
        """Add up the numbers of its syncs."""
        total = SyncCounts()
        for counts in self.plan.counts.values():
            for name in counts.__struct_fields__:
                setattr(total, name, (getattr(total, name) or 0) + (getattr(counts, name) or 0))
        return total

    @property
    def destroys(self) -> int:
        """Count what takes something away."""
        return self.total.clears + self.total.archives + self.total.links_removed


def show(visit: Visit) -> Answer:
    """Show a stored plan."""
    project, plan_id = visit.project, visit.path["plan"]
    kind, search, sync = visit.query.get("kind"), visit.query.get("search").strip(), visit.query.get("sync")
    chosen = next((kinds for name, _, kinds in steps.KINDS if name == kind), ())
    after = visit.query.get("after", "0")
    with project.session():
        plan = project.stored_plan(plan_id)
        counted = project.plans.count_kinds(plan_id)
        page = project.plans.page(
            plan_id, kinds=chosen, sync=sync or None, search=search, after=int(after) if after.isdecimal() else 0
        )
    numbers = {
        name: sum(number for (of, each), number in counted.items() if each in kinds and sync in {"", of})
        for name, _, kinds in steps.KINDS
    }
    return Page(
        "plan.html",
        PlanPage(plan=plan, page=page, kinds=numbers, kind=kind if chosen else "", sync=sync, search=search),
    )


def make(visit: Visit) -> Answer:
    """Begin to plan some syncs; nothing is written to HubSpot."""
    names, rows, changed_only = visit.form.all("sync"), visit.form.all("row"), "changed_only" in visit.form
    command = f"hubferry plan {' '.join(names)}" + (" --changed-only" if changed_only else "")
    command += "".join(f" --row {shlex.quote(key)}" for key in rows)
    title = f"Plan of {', '.join(names)}" + (f", row {', '.join(rows)}" if rows else "")
    work = partial(_plan, names=names, rows=rows, full=not changed_only)
    run = LiveRun("plan", title, command, visit.project, work)
    visit.site.runs.start(run)
    return Redirect(f"/live/{run.id}")


def apply(visit: Visit) -> Answer:
    """Begin to write exactly what a stored plan says."""
    plan_id = visit.path["plan"]
    if visit.form.get("approved") != "yes":
        raise UsageError("The plan was not approved: tick the box that says you have looked at it.")
    plan = visit.project.stored_plan(plan_id)
    title = f"Apply of the plan of {', '.join(plan.syncs)}"
    run = LiveRun("apply", title, f"hubferry apply {plan_id}", visit.project, partial(_apply, plan_id=plan_id))
    visit.site.runs.start(run)
    return Redirect(f"/live/{run.id}")


def retry(visit: Visit) -> Answer:
    """Begin to plan the rows of a sync that could not be done; nothing is written to HubSpot."""
    name = visit.path["sync"]
    work = partial(_plan, names=[name], retry=True)
    run = LiveRun(
        "plan", f"Plan of what could not be done of {name}", f"hubferry plan {name} --retry", visit.project, work
    )
    visit.site.runs.start(run)
    return Redirect(f"/live/{run.id}")


def _plan(
    project: Project,
    progress: Progress,
    *,
    names: Sequence[str],
    rows: Sequence[str] = (),
    full: bool = True,
    retry: bool = False,
) -> str:
    plan = project.plan(names, rows=rows, full=full, retry=retry, wait_seconds=5, progress=progress)
    return f"/plans/{plan.id}"


def _apply(project: Project, progress: Progress, *, plan_id: str) -> str:
    return f"/runs/{project.apply(plan_id, wait_seconds=5, progress=progress).run_id}"


def register(routes: Routes) -> None:
    """Add this page."""
    routes.get("/plans/{plan}", show)
    routes.post("/plans", make)
    routes.post("/syncs/{sync}/retry", retry)
    routes.post("/plans/{plan}/apply", apply)
