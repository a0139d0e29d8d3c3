"""The sync editor and its field mapper. A form holds the draft; each button gives it back changed; only Save writes, and only the file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hubferry.errors import HubferryError
from hubferry.project import (
    GUARDS,
    FieldDraft,
    LinkDraft,
    Origin,
    Project,
    PropertyInfo,
    SourceInfo,
    SyncDraft,
    TextChange,
    Trial,
    fit,
)
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Form, Page, Redirect, Visit

T = TypeVar("T")
MODES = (
    ("upsert", "upsert: create what is missing, update what differs"),
    ("create", "create: new records only"),
    ("update", "update: existing records only"),
    ("mirror", "mirror: as upsert, and archive ours whose rows left"),
)
NEW_TYPES = (
    ("", "do not make it"),
    ("string", "a text"),
    ("number", "a number"),
    ("date", "a date"),
    ("datetime", "a date and time"),
)
NULLS = (("ignore", "leave it alone"), ("clear", "clear it"), ("error", "set the row aside"))
GUARD_WORDS = {
    "max_creates": "New records",
    "max_changed_share": "Share of matched records that change, 0 to 1",
    "max_clears": "Values cleared",
    "max_archives": "Records archived",
    "max_links_removed": "Links removed",
}


@dataclass(frozen=True, kw_only=True)
class EditorPage:
    """A draft, and what is known of its source and its object."""

    draft: SyncDraft
    is_new: bool
    sources: Sequence[str]
    objects: Sequence[str]
    source: SourceInfo
    properties: Mapping[str, PropertyInfo]
    complaints: Mapping[str, str]
    link_kinds: Sequence[Sequence[tuple[str, str]]]
    labels: Sequence[Sequence[str]]
    trouble: str = ""
    """Why HubSpot's definitions are missing here."""
    section: str = "syncs"
    modes: Sequence[tuple[str, str]] = MODES
    nulls: Sequence[tuple[str, str]] = NULLS
    new_types: Sequence[tuple[str, str]] = NEW_TYPES
    guard_words: Mapping[str, str] = field(default_factory=lambda: GUARD_WORDS)

    @property
    def title(self) -> str:
        """Name the editor."""
        return "New sync" if self.is_new else f"Edit {self.draft.name}"

    @property
    def command(self) -> str:
        """Give the command that shows what the saved sync would do."""
        return f"hubferry plan {self.draft.name or 'NAME'}"

    @property
    def matches(self) -> list[str]:
        """Give the properties that can decide which record a row is."""
        named = ["hs_object_id", *(each.name for each in self.properties.values() if each.unique)]
        return list(dict.fromkeys([*named, *([self.draft.match] if self.draft.match else [])]))

    @property
    def missing(self) -> list[str]:
        """Give what a new record needs and no field gives."""
        mapped = {each.property for each in self.draft.fields}
        needed = [each.name for each in self.properties.values() if each.required]
        if self.draft.match not in {"", "hs_object_id"}:
            needed.append(self.draft.match)
        return [name for name in dict.fromkeys(needed) if name not in mapped and self.draft.mode != "update"]

    def badge(self, each: FieldDraft) -> tuple[str, str]:
        """Say what is doubtful about a field: a tone and words, both empty where nothing is."""
        known = self.properties.get(each.property)
        if not each.property or (known is None and self.trouble):
            return "", ""
        if known is None and each.create:
            return "act", "the plan makes it, before any record is written"
        if known is None:
            return "bad", "HubSpot has no such property that can be written"
        return self._column_badge(each, known) if each.origin == "column" and self.source.columns else ("", "")

    def _column_badge(self, each: FieldDraft, known: PropertyInfo) -> tuple[str, str]:
        kind = self.source.type_of(each.value)
        verdict = fit(kind, known)
        if not kind:
            return "bad", "the source has no such column" if each.value else "choose a column"
        if said := self.complaints.get(each.property):
            return "bad", said
        doubts = {
            "wrong": ("bad", f"{kind} does not fit {known.type}"),
            "maybe": ("warn", f"texts are read as {known.type}, value by value"),
        }
        return doubts.get(verdict, ("", ""))


@dataclass(frozen=True, kw_only=True)
class ReviewPage:
    """What would become of the file, before it is saved."""

    name: str
    change: TextChange
    section: str = "syncs"
    command: str = ""
    action: str = ""
    """Where the form that saves goes."""
    back: str = ""

    @property
    def title(self) -> str:
        """Name the page."""
        return f"Save {self.change.file}?"


@dataclass(frozen=True, kw_only=True)
class TrialPart:
    """What one row would do."""

    trial: Trial | None
    error: str = ""
    saved: str = ""
    """The sync whose file says just this; empty: there is none, and what is not saved is not sent."""
    title: str = "Try it with this row"
    section: str = "syncs"
    command: str = ""

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Give each call and its body."""
        found = self.trial.requests if self.trial else ()
        return [(f"{each.method} {each.path}", json.dumps(each.body, indent=2, ensure_ascii=False)) for each in found]


def show_new(visit: Visit) -> Answer:
    """Begin a sync."""
    return _page(visit.project, SyncDraft(), is_new=True)


def show(visit: Visit) -> Answer:
    """Edit a sync."""
    return _page(visit.project, visit.project.sync_files.draft(visit.path["sync"]), is_new=False)


def change(visit: Visit) -> Answer:
    """Give the draft back as a button changed it; nothing is saved."""
    project, draft = visit.project, _parse(visit.form)
    action, _, place = visit.form.get("action").partition(":")
    if action == "add-field":
        draft = draft.with_field(FieldDraft(property=place))
    elif action == "remove-field":
        draft = replace(draft, fields=_without(draft.fields, place))
    elif action == "add-link":
        to = visit.form.get("new_link") or "companies"
        draft = replace(draft, links=(*draft.links, LinkDraft(to=to)))
    elif action == "remove-link":
        draft = replace(draft, links=_without(draft.links, place))
    elif action == "suggest":
        draft = project.mapper.suggest(draft, project.mapper.source(draft))
    elif action == "refresh":
        project.mapper.forget()
    return _page(project, draft, is_new=visit.form.get("is_new") == "yes")


def review(visit: Visit) -> Answer:
    """Show what would become of the file."""
    draft = _parse(visit.form)
    made = visit.project.sync_files.change(draft, is_new=visit.form.get("is_new") == "yes")
    back = f"/syncs/{draft.name}/edit" if not made.is_new else "/syncs/new"
    return Page("review.html", ReviewPage(name=draft.name, change=made, action=f"/syncs/{draft.name}/save", back=back))


def save(visit: Visit) -> Answer:
    """Write the file as it was shown."""
    name = visit.path["sync"]
    visit.project.sync_files.save(name, visit.form.get("text").replace("\r\n", "\n"), seen=visit.form.get("seen"))
    return Redirect(f"/syncs/{name}")


def try_row(visit: Visit) -> Answer:
    """Show what one row would do, without writing anything."""
    project, draft = visit.project, _parse(visit.form)
    try:
        named = draft if draft.name else replace(draft, name="new")
        trial = project.mapper.try_row(project.sync_files.build(named), visit.form.get("try_key").strip() or None)
        is_saved = draft.name in project.sync_names and not project.sync_files.change(draft).lines
    except HubferryError as error:
        return Page("trial.html", TrialPart(trial=None, error=str(error)))
    return Page("trial.html", TrialPart(trial=trial, saved=draft.name if is_saved else ""))


def _page(project: Project, draft: SyncDraft, *, is_new: bool) -> Answer:
    mapper, trouble = project.mapper, ""
    with project.session():
        sources, source = mapper.sources(), mapper.source(draft)
    properties: Mapping[str, PropertyInfo] = {}
    complaints: Mapping[str, str] = {}
    kinds: list[Sequence[tuple[str, str]]] = [() for _ in draft.links]
    labels: list[Sequence[str]] = [() for _ in draft.links]
    try:
        properties = {each.name: each for each in mapper.properties(draft.object)}
        complaints = mapper.complain(draft, source)
        kinds = [mapper.link_kinds(each.to) for each in draft.links]
        labels = [mapper.labels(draft.object, each.to) for each in draft.links]
    except HubferryError as error:
        trouble = str(error)
    return Page(
        "editor.html",
        EditorPage(
            draft=draft,
            is_new=is_new,
            sources=sources,
            objects=mapper.objects(),
            source=source,
            properties=properties,
            complaints=complaints,
            link_kinds=kinds,
            labels=labels,
            trouble=trouble,
        ),
    )


def _parse(form: Form) -> SyncDraft:
    """Read a draft from the form; rows are told apart by the number that stands before the name."""
    uses_query = form.get("from") == "query"
    fields = [
        FieldDraft(
            property=form.get(f"f{place}-property").strip(),
            origin=_origin(form.get(f"f{place}-origin")),
            value=form.get(f"f{place}-value"),
            on_null=form.get(f"f{place}-on_null", "ignore"),
            multi=form.get(f"f{place}-multi", "replace"),
            create=form.get(f"f{place}-create"),
        )
        for place in range(_count(form, "fields"))
    ]
    links = [
        LinkDraft(
            to=form.get(f"a{place}-to"),
            column=form.get(f"a{place}-column"),
            by=form.get(f"a{place}-by", "hs_object_id"),
            cleanup_default=f"a{place}-cleanup_default" in form,
            create_missing_labels=f"a{place}-create_missing_labels" in form,
            has_table=f"a{place}-has_table" in form,
        )
        for place in range(_count(form, "links"))
    ]
    return SyncDraft(
        name=form.get("name").strip(),
        source="" if uses_query else form.get("source").strip(),
        query=form.get("query").replace("\r\n", "\n") if uses_query else "",
        where=form.get("where").strip(),
        key=form.get("key"),
        object=form.get("object", "contacts"),
        mode=form.get("mode", "upsert"),
        match=form.get("match"),
        fields=tuple(fields),
        links=tuple(links),
        guards={name: form.get(f"guard-{name}") for name in GUARDS},
        on_archived=form.get("on_archived", "skip"),
    )


def _origin(text: str) -> Origin:
    return "sql" if text == "sql" else "constant" if text == "constant" else "column"


def _count(form: Form, name: str) -> int:
    text = form.get(name, "0")
    return min(int(text), 1000) if text.isdecimal() else 0


def _without(items: tuple[T, ...], place: str) -> tuple[T, ...]:
    number = int(place) if place.isdecimal() else -1
    return tuple(each for index, each in enumerate(items) if index != number)


def register(routes: Routes) -> None:
    """Add these pages; `/syncs/new` stands before `/syncs/{sync}`."""
    routes.get("/syncs/new", show_new)
    routes.get("/syncs/{sync}/edit", show)
    routes.post("/editor", change)
    routes.post("/editor/review", review)
    routes.post("/editor/try", try_row)
    routes.post("/syncs/{sync}/save", save)
