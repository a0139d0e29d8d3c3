"""Every stream: which are chosen, how each is read, where it goes, whether the token may; and a pull of some or all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hubferry.project import Project, StreamActivity, StreamInfo
from hubferry.types import Progress
from hubferry.web.live import LiveRun
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Redirect, Visit


@dataclass(frozen=True, kw_only=True)
class StreamsPage:
    """The streams of the project, and those it could have."""

    chosen: Sequence[StreamInfo]
    others: Sequence[StreamInfo]
    activity: Mapping[str, StreamActivity]
    title: str = "Streams"
    section: str = "streams"
    command: str = "hubferry streams"


def show(visit: Visit) -> Answer:
    """Show every stream; HubSpot is not asked."""
    project = visit.project
    found = project.streams(ask_portal=False)
    with project.session():
        activity = {each.name: each for each in project.activity.streams()}
    chosen = [each for each in found if each.chosen]
    others = [each for each in found if not each.chosen]
    return Page("streams.html", StreamsPage(chosen=chosen, others=others, activity=activity))


def pull(visit: Visit) -> Answer:
    """Begin a pull of the streams that were picked, or of all."""
    project, names = visit.project, visit.form.all("stream")
    full = "full_refresh" in visit.form
    chosen = tuple(project.files.file.pull.streams)
    select = () if set(names) >= set(chosen) else names
    command = "hubferry pull" + "".join(f" --select {name}" for name in select) + (" --full-refresh" if full else "")
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
    routes.post("/pull", pull)
