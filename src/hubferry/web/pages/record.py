"""One record's whole history: values, writes, links, and who changed it; found by object and id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubferry.errors import HubferryError
from hubferry.project import RecordStory, Version
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Visit

ASKED = 12
"""Properties whose history is asked for at once."""
_OFTEN_WATCHED = ("email", "firstname", "lastname", "lifecyclestage", "name", "dealname", "dealstage")


@dataclass(frozen=True, kw_only=True)
class RecordsPage:
    """The form that finds a record, and the record once it is named."""

    objects: Sequence[str]
    named: str
    id: str
    story: RecordStory | None
    section: str = "records"
    command: str = ""

    @property
    def title(self) -> str:
        """Name the record."""
        return f"{self.named} {self.id}" if self.story else "Records"

    @property
    def filled(self) -> list[tuple[str, object]]:
        """Give the columns that have a value."""
        row = self.story.row if self.story else None
        return [(name, value) for name, value in (row or {}).items() if value is not None]

    @property
    def watched(self) -> list[str]:
        """Name the properties that our syncs write, or else some that people look at."""
        rows = self.story.ledger if self.story else ()
        names = list(dict.fromkeys(name for row in rows for name in row.sent))
        return (names or [name for name, _ in self.filled if name in _OFTEN_WATCHED])[:ASKED]

    @property
    def is_known(self) -> bool:
        """Say whether the warehouse has anything of it."""
        return self.story is not None and bool(self.story.row or self.story.writings or self.story.ledger)


@dataclass(frozen=True, kw_only=True)
class VersionsPart:
    """Which values properties had, and who wrote them."""

    versions: Mapping[str, Sequence[Version]]
    error: str = ""
    title: str = "Who changed it"
    section: str = "records"
    command: str = ""


def show(visit: Visit) -> Answer:
    """Show a record, or the form that finds one."""
    project = visit.project
    name, record_id = visit.query.get("object", "contacts"), visit.query.get("id").strip()
    story = None
    if record_id:
        with project.session():
            story = project.records.find(name, record_id)
    return Page("record.html", RecordsPage(objects=project.mapper.objects(), named=name, id=record_id, story=story))


def show_versions(visit: Visit) -> Answer:
    """Ask HubSpot who changed which property when."""
    names = visit.query.all("property")[:ASKED]
    try:
        found = visit.project.records.fetch_versions(visit.query.get("object"), visit.query.get("id"), names)
    except HubferryError as error:
        return Page("record_versions.html", VersionsPart(versions={}, error=str(error)))
    return Page("record_versions.html", VersionsPart(versions=found))


def register(routes: Routes) -> None:
    """Add this page."""
    routes.get("/records", show)
    routes.get("/records/versions", show_versions)
