"""The syncs of the project, and one sync: what it says, its plans and runs, what could not be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from hubferry.errors import UnknownNameError
from hubferry.project import Project, SyncActivity, VerifyReport
from hubferry.types import Progress
from hubferry.web.live import LiveRun
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Redirect, Visit


@dataclass(frozen=True, kw_only=True)
class SyncsPage:
    """Every sync."""

    syncs: Sequence[SyncActivity]
    title: str = "Syncs"
    section: str = "syncs"

    @property
    def command(self) -> str:
        """Give the command that pushes them all."""
        return "hubferry push" if self.syncs else "hubferry init"


@dataclass(frozen=True, kw_only=True)
class SyncPage:
    """One sync."""

    sync: SyncActivity
    file: str
    text: str
    match: str
    fields: int
    associations: int
    section: str = "syncs"

    @property
    def title(self) -> str:
        """Name the sync."""
        return self.sync.name

    @property
    def command(self) -> str:
        """Give the command that plans it."""
        return f"hubferry plan {self.sync.name}"


@dataclass(frozen=True, kw_only=True)
class VerifiedPage:
    """What HubSpot holds of what a sync wrote."""

    report: VerifyReport
    section: str = "syncs"

    @property
    def title(self) -> str:
        """Name the verification."""
        return f"Verification of {self.report.sync}"

    @property
    def command(self) -> str:
        """Give the command that does the same."""
        return f"hubferry verify {self.report.sync}"

    @property
    def counts(self) -> dict[str, int]:
        """Add up values and links by verdict."""
        return dict(self.report.values + self.report.links)


def show_all(visit: Visit) -> Answer:
    """List the syncs."""
    project = visit.project
    with project.session():
        return Page("syncs.html", SyncsPage(syncs=project.activity.syncs()))


def show(visit: Visit) -> Answer:
    """Show one sync."""
    project, name = visit.project, visit.path["sync"]
    with project.session():
        found = next((each for each in project.activity.syncs() if each.name == name), None)
    if found is None:
        raise UnknownNameError("sync", name, known=project.sync_names)
    sync = project.files.syncs[name]
    return Page(
        "sync.html",
        SyncPage(
            sync=found,
            file=sync.file,
            text=project.sync_files.read(name),
            match=sync.block.match,
            fields=len(sync.block.fields),
            associations=len(sync.block.associations),
        ),
    )


def hold(visit: Visit) -> Answer:
    """Keep a sync from being written until it is resumed."""
    visit.project.hold(visit.path["sync"], reason="put on hold from the page")
    return Redirect(f"/syncs/{visit.path['sync']}")


def resume(visit: Visit) -> Answer:
    """Let a sync go on."""
    visit.project.resume(visit.path["sync"])
    return Redirect(f"/syncs/{visit.path['sync']}")


def verify(visit: Visit) -> Answer:
    """Begin to read back what a sync wrote."""
    project, name = visit.project, visit.path["sync"]
    if name not in project.sync_names:
        raise UnknownNameError("sync", name, known=project.sync_names)
    run = LiveRun("verify", f"Verify of {name}", f"hubferry verify {name}", project, lambda *_: "")
    run.work = partial(_verify, run=run, name=name)
    visit.site.runs.start(run)
    return Redirect(f"/live/{run.id}")


def _verify(project: Project, progress: Progress, *, run: LiveRun, name: str) -> str:
    run.result = project.verify(name, progress=progress)
    return f"/verified/{run.id}"


def show_verified(visit: Visit) -> Answer:
    """Show what reading back found."""
    run = visit.site.runs.find(visit.path["run"])
    if run is None or not isinstance(run.result, VerifyReport):
        raise UnknownNameError("verification of this page", visit.path["run"])
    return Page("verified.html", VerifiedPage(report=run.result))


def register(routes: Routes) -> None:
    """Add these pages."""
    routes.get("/syncs", show_all)
    routes.get("/syncs/{sync}", show)
    routes.get("/verified/{run}", show_verified)
    routes.post("/syncs/{sync}/hold", hold)
    routes.post("/syncs/{sync}/resume", resume)
    routes.post("/syncs/{sync}/verify", verify)
