"""What the project says about one stream: strategy, storage, links, properties; saved into hubferry.yml after a look at the diff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hubferry.errors import HubferryError, UnknownNameError
from hubferry.project import StreamInfo
from hubferry.web.pages.editor import ReviewPage
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Form, Page, Redirect, Visit


@dataclass(frozen=True, kw_only=True)
class StreamSettingsPage:
    """The settings of one stream."""

    info: StreamInfo
    strategy: str
    storage: str
    associations: Sequence[str]
    others: Sequence[str]
    """Objects whose links can be kept with it; empty for what is no object."""
    properties: str | Sequence[str]
    section: str = "streams"
    command: str = ""

    @property
    def title(self) -> str:
        """Name the page."""
        return f"Settings of {self.info.name}" if self.info.chosen else f"Add {self.info.name}"


@dataclass(frozen=True, kw_only=True)
class PropertiesPart:
    """The properties of an object that match a search, and which are chosen."""

    stream: str
    found: Sequence[tuple[str, str, str]]
    picked: Sequence[str]
    error: str = ""
    title: str = "Properties"
    section: str = "streams"
    command: str = ""


def show(visit: Visit) -> Answer:
    """Show the settings."""
    project, name = visit.project, visit.path["stream"]
    info = next((each for each in project.streams(ask_portal=False) if each.name == name), None)
    if info is None:
        raise UnknownNameError("stream", name, known=[each.name for each in project.streams(ask_portal=False)])
    block = project.stream_settings.block(name)
    objects = project.mapper.objects()
    return Page(
        "stream_settings.html",
        StreamSettingsPage(
            info=info,
            strategy=block.strategy or "",
            storage=block.storage,
            associations=block.associations or (),
            others=[each for each in objects if each != name] if name in objects else (),
            properties=block.properties,
        ),
    )


def show_properties(visit: Visit) -> Answer:
    """Search HubSpot's properties of the stream's object."""
    project, name = visit.project, visit.path["stream"]
    words = visit.query.get("search").casefold().split()
    picked = visit.query.all("property")
    try:
        known = project.mapper.definitions(name)
    except HubferryError as error:
        return Page("stream_properties.html", PropertiesPart(stream=name, found=(), picked=picked, error=str(error)))
    found = [each for each in known if all(word in " ".join(each).casefold() for word in words) or each[0] in picked]
    return Page("stream_properties.html", PropertiesPart(stream=name, found=found, picked=picked))


def review(visit: Visit) -> Answer:
    """Show what would become of hubferry.yml."""
    name = visit.path["stream"]
    settings = None if visit.form.get("action") == "remove" else _settings(visit.form)
    change = visit.project.stream_settings.change(name, settings)
    page = ReviewPage(
        name=name, change=change, section="streams", action="/settings/save", back=f"/streams/{name}/settings"
    )
    return Page("review.html", page)


def save(visit: Visit) -> Answer:
    """Write hubferry.yml as it was shown."""
    visit.project.stream_settings.save(visit.form.get("text").replace("\r\n", "\n"), seen=visit.form.get("seen"))
    return Redirect("/streams")


def _settings(form: Form) -> Mapping[str, Any]:
    """Give the settings that differ from their defaults."""
    settings: dict[str, Any] = {}
    settings |= {"strategy": form.get("strategy")} if form.get("strategy") else {}
    settings |= {"storage": form.get("storage")} if form.get("storage", "merge") != "merge" else {}
    settings |= {"associations": list(form.all("association"))} if form.all("association") else {}
    which = form.get("properties", "all")
    if which == "custom":
        settings["properties"] = "custom"
    elif which == "these" and form.all("property"):
        settings["properties"] = sorted(form.all("property"))
    return settings


def register(routes: Routes) -> None:
    """Add these pages."""
    routes.get("/streams/{stream}/settings", show)
    routes.get("/streams/{stream}/properties", show_properties)
    routes.post("/streams/{stream}/review", review)
    routes.post("/settings/save", save)
