"""Every stream: which are chosen, how each is read, where it goes, whether the token may; and a pull of some or all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hubferry.project import Estimate, Project, StreamActivity, StreamInfo
from hubferry.types import Progress
from hubferry.web.live import LiveRun
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Form, Page, Redirect, Visit


@dataclass(frozen=True, kw_only=True)
class StreamsPage:
    """The streams of the project, and those it could have."""

    chosen: Sequence[StreamInfo]
    others: Sequence[StreamInfo]
    activity: Mapping[str, StreamActivity]
    title: str = "Streams"
    section: str = "streams"
    command: str = "hubferry streams"

    @property
    def is_first(self) -> bool:
        """Say whether nothing was pulled yet: what the first pull costs is told without being asked for."""
        return bool(self.chosen) and not any(each.last for each in self.activity.values())


@dataclass(frozen=True, kw_only=True)
class CostPart:
    """What a pull would take, stream by stream."""

    estimates: Sequence[Estimate]
    command: str

    @property
    def calls(self) -> int:
        """Add up the calls."""
        return sum(each.calls for each in self.estimates)

    @property
    def seconds(self) -> float:
        """Add up the least time that the limits allow."""
        return sum(each.seconds for each in self.estimates)

    @property
    def share_of_day(self) -> float | None:
        """Add up the parts of a day's calls; None where HubSpot does not say how many there are."""
        known = [each.share_of_day for each in self.estimates if each.share_of_day is not None]
        return sum(known) if known else None


def show(visit: Visit) -> Answer:
    """Show every stream; HubSpot is not asked."""
    project = visit.project
    found = project.streams(ask_portal=False)
    with project.session():
        activity = {each.name: each for each in project.activity.streams()}
    chosen = [each for each in found if each.chosen]
    others = [each for each in found if not each.chosen]
    return Page("streams.html", StreamsPage(chosen=chosen, others=others, activity=activity))


def show_cost(visit: Visit) -> Answer:
    """Reckon what a pull of the streams that are picked would take; a few calls, and nothing is written."""
    select, full, command = _picked(visit.project, visit.query)
    estimates = visit.project.estimate(select=select, full_refresh=full)
    return Page("streams_cost.html", CostPart(estimates=estimates, command=f"{command} --dry-run"))


def _picked(project: Project, form: Form) -> tuple[Sequence[str], bool, str]:
    """Give the streams that were picked (none: all that are chosen), whether all is read again, and the command."""
    names, full = form.all("stream"), "full_refresh" in form
    select = () if set(names) >= set(project.files.file.pull.streams) else names
    words = ["hubferry pull", *(f"--select {name}" for name in select), *(["--full-refresh"] if full else [])]
    return select, full, " ".join(words)


def pull(visit: Visit) -> Answer:
    """Begin a pull of the streams that were picked, or of all."""
    project = visit.project
    select, full, command = _picked(project, visit.form)
    what = ", ".join(select) if select else "every chosen stream"
    run = LiveRun("pull", f"Pull of {what}", command, project, partial(_pull, select=select, full=full))
    visit.site.runs.start(run)
    return Redirect(f"/live/{run.id}")


def _pull(project: Project, progress: Progress, *, select: Sequence[str], full: bool) -> str:
    report = project.pull(select=select, full_refresh=full, wait_seconds=5, progress=progress)
    return f"/runs/{report.run_id}"


def register(routes: Routes) -> None:
    """Add these pages."""
    routes.get("/streams", show)
    routes.get("/streams/cost", show_cost)
    routes.post("/pull", pull)
