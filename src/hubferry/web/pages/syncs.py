"""The syncs of the project, and one sync: what it says, its plans and runs, what could not be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubferry.errors import UnknownNameError
from hubferry.project import SyncActivity
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Visit


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


def register(routes: Routes) -> None:
    """Add these pages."""
    routes.get("/syncs", show_all)
    routes.get("/syncs/{sync}", show)
