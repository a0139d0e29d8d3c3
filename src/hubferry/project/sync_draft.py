"""A sync while it is being written: what a form holds, and how it reads as YAML. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hubferry.config import lines

Origin = Literal["column", "constant", "sql"]
GUARDS = ("max_creates", "max_changed_share", "max_clears", "max_archives", "max_links_removed")
OWNED: Mapping[str, Any] = {
    **dict.fromkeys(("source", "query", "where", "key", "object", "mode", "match", "on_archived")),
    "fields": {"*": {"column": None, "constant": None, "sql": None, "on_null": None, "multi": None, "create": None}},
    "associations": {
        "*": dict.fromkeys(("to", "column", "by", "cleanup_default", "create_missing_labels")),
    },
    "guards": dict.fromkeys(GUARDS),
}
"""The settings that a draft decides about; all others of a file stay as they are."""


@dataclass(frozen=True, kw_only=True)
class FieldDraft:
    """One property and where its value comes from."""

    property: str = ""
    origin: Origin = "column"
    value: str = ""
    on_null: str = "ignore"
    multi: str = "replace"
    create: str = ""
    """The type that a property gets which HubSpot does not have yet; empty: it is there."""


@dataclass(frozen=True, kw_only=True)
class LinkDraft:
    """One column of links. `has_table`: its links have a source of their own, which only the file can change."""

    to: str = ""
    column: str = ""
    by: str = "hs_object_id"
    cleanup_default: bool = False
    create_missing_labels: bool = False
    has_table: bool = False


@dataclass(frozen=True, kw_only=True)
class SyncDraft:
    """One sync, as far as it is written."""

    name: str = ""
    source: str = ""
    query: str = ""
    where: str = ""
    key: str = ""
    object: str = "contacts"
    mode: str = "upsert"
    match: str = ""
    fields: tuple[FieldDraft, ...] = ()
    links: tuple[LinkDraft, ...] = ()
    guards: Mapping[str, str] = field(default_factory=dict)
    on_archived: str = "skip"

    @property
    def missing(self) -> str:
        """Name the first thing that no sync can do without; empty where nothing is missing."""
        needed: dict[str, object] = {
            "the source": self.source.strip() or self.query.strip(),
            "the key of a row": self.key,
        }
        needed |= {"the match": self.match, "a field": any(each.property for each in self.fields)}
        needed |= {f"the source of {each.property}": each.value for each in self.fields if each.property}
        needed |= {f"the column of links to {each.to}": each.column or each.has_table for each in self.links}
        return next((name for name, value in needed.items() if not value), "")

    def with_field(self, field: FieldDraft) -> SyncDraft:
        """Give it with one more field."""
        return replace(self, fields=(*self.fields, field))

    def build_settings(self) -> dict[str, Any]:
        """Give the settings as the file shall hold them; what equals its default is left out."""
        settings: dict[str, Any] = {}
        settings |= {"query": self.query} if self.query.strip() else {"source": self.source}
        settings |= {"where": self.where} if self.where.strip() else {}
        settings |= {"key": self.key, "object": self.object, "mode": self.mode, "match": self.match}
        settings["fields"] = {each.property: _field_setting(each) for each in self.fields if each.property}
        if self.links:
            settings["associations"] = [_link_setting(each) for each in self.links]
        guards = {name: _number(self.guards[name]) for name in GUARDS if dict(self.guards).get(name, "").strip()}
        settings |= {"guards": guards} if guards else {}
        settings |= {"on_archived": self.on_archived} if self.on_archived != "skip" else {}
        return settings


def parse_draft(name: str, text: str, *, file: str) -> SyncDraft:
    """Read the draft of a file's text, `${NAME}` kept as they stand."""
    data = lines.parse_yaml(text, file=file).data or {}
    fields = data.get("fields") or {}
    guards = data.get("guards") or {}
    return SyncDraft(
        name=name,
        **{
            key: str(data[key])
            for key in ("source", "query", "where", "key", "object", "mode", "match", "on_archived")
            if data.get(key)
        },
        fields=tuple(_field_draft(prop, value) for prop, value in fields.items()),
        links=tuple(_link_draft(each) for each in data.get("associations") or ()),
        guards={key: str(value) for key, value in guards.items() if value is not None},
    )


def _field_draft(name: str, value: Any) -> FieldDraft:
    if not isinstance(value, Mapping):
        return FieldDraft(property=name, value=str(value))
    origin: Origin = next((each for each in ("constant", "sql") if value.get(each) is not None), "column")
    return FieldDraft(
        property=name,
        origin=origin,
        value=_scalar_text(value.get(origin, "")),
        on_null=str(value.get("on_null", "ignore")),
        multi=str(value.get("multi", "replace")),
        create=str(value.get("create") or ""),
    )


def _link_draft(value: Mapping[str, Any]) -> LinkDraft:
    return LinkDraft(
        to=str(value.get("to", "")),
        column=str(value.get("column") or ""),
        by=str(value.get("by", "hs_object_id")),
        cleanup_default=bool(value.get("cleanup_default", False)),
        create_missing_labels=bool(value.get("create_missing_labels", False)),
        has_table=value.get("links") is not None,
    )


def _field_setting(each: FieldDraft) -> Any:
    policies = {"on_null": each.on_null} if each.on_null != "ignore" else {}
    policies |= {"multi": each.multi} if each.multi != "replace" else {}
    policies |= {"create": each.create} if each.create else {}
    if each.origin == "column" and not policies:
        return each.value
    return {each.origin: _constant(each.value) if each.origin == "constant" else each.value, **policies}


def _link_setting(each: LinkDraft) -> dict[str, Any]:
    setting: dict[str, Any] = {"to": each.to}
    setting |= {} if each.has_table else {"column": each.column}
    setting["by"] = each.by
    setting |= {"cleanup_default": True} if each.cleanup_default else {}
    return setting | ({"create_missing_labels": True} if each.create_missing_labels else {})


def _scalar_text(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _constant(text: str) -> str | int | float | bool:
    if text in {"true", "false"}:
        return text == "true"
    number = _number(text)
    return number if str(number) == text else text


def _number(text: str) -> str | int | float:
    """Read a number; what is none stays as it is, for the file's own check to explain."""
    for kind in (int, float):
        try:
            return kind(text.strip())
        except ValueError:
            continue
    return text
