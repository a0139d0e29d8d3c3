"""A step of a plan as a page shows it: a sign, what it is about, old -> new, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from hubferry.project import (
    AddOptions,
    ArchiveRecord,
    ConflictEntry,
    CreateLabel,
    CreateProperty,
    CreateRecord,
    End,
    HoldLinks,
    HoldRow,
    InvalidEntry,
    RemoveLabels,
    RemoveLinks,
    SetLinks,
    Step,
    TypeRef,
    UpdateRecord,
)

KINDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("create", "Create", ("create", "create_unguarded", "create_label", "create_property", "add_options")),
    ("update", "Change", ("update",)),
    ("archive", "Archive", ("archive",)),
    ("links", "Set links", ("set_links",)),
    ("unlink", "Remove links", ("remove_links", "remove_labels")),
    ("held", "Held back", ("hold", "hold_links")),
    ("conflict", "In conflict", ("conflict",)),
    ("invalid", "Invalid", ("invalid",)),
)
"""How steps are filtered: name, label, and the kinds of steps that it means."""


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One step, ready to be shown."""

    sign: str
    tone: str
    word: str
    """What the sign says."""
    row_key: str
    object: str = ""
    record_id: str | None = None
    text: str = ""
    changes: tuple[tuple[str, str, str], ...] = ()
    """Property, old and new, as people read them."""
    authors: Mapping[str, str] = field(default_factory=dict)
    """Who changed a property last in HubSpot, where the plan asked."""
    reason: str = ""
    advice: str = ""


def view(step: Step) -> StepView:
    """Give one step as a page shows it."""
    match step:
        case CreateRecord() | UpdateRecord() | ArchiveRecord() | HoldRow():
            return _record_view(step)
        case InvalidEntry():
            return StepView(
                sign="✗",
                tone="invalid",
                word="invalid",
                row_key=step.row_key,
                text=step.detail,
                reason=step.reason,
                advice=step.advice,
            )
        case CreateLabel() | CreateProperty() | AddOptions():
            return _setup_view(step)
        case ConflictEntry():
            return _conflict_view(step)
        case SetLinks() | RemoveLabels() | RemoveLinks() | HoldLinks():
            return _link_view(step)
        case _:
            assert_never(step)


def _setup_view(step: CreateLabel | CreateProperty | AddOptions) -> StepView:
    """What the plan has HubSpot define first."""
    match step:
        case CreateLabel():
            what, text = "label", f"a label between {step.from_object} and {step.to_object}"
            changes = (("label", "", step.label),)
        case CreateProperty():
            kind = "unique, for the rows' keys" if step.is_key else f"a {step.kind}, shown as {step.label!r}"
            what, text = "property", f"a property of {step.object}, {kind}"
            changes = (("property", "", step.property),)
        case AddOptions():
            what, text = "options", f"options of the property {step.property} of {step.object}"
            changes = (("options", "", ", ".join(step.options)),)
    return StepView(sign="+", tone="create", word=f"create {what}", row_key=step.row_key, text=text, changes=changes)


def _conflict_view(step: ConflictEntry) -> StepView:
    conflict = step.conflict
    who = f", changed by {conflict.by}" if conflict.by else ""
    return StepView(
        sign="!",
        tone="hold",
        word="conflict",
        row_key=step.row_key,
        object=step.object,
        record_id=step.record_id,
        changes=((conflict.property, shown(conflict.held), shown(conflict.wanted)),),
        reason=f"we wrote {shown(conflict.base)}; HubSpot and the source were both changed since{who}",
        advice="Make both sides equal, or choose another `policy` for the property.",
    )


def _record_view(step: CreateRecord | UpdateRecord | ArchiveRecord | HoldRow) -> StepView:
    match step:
        case CreateRecord():
            return StepView(
                sign="+",
                tone="create",
                word="create",
                row_key=step.row_key,
                object=step.object,
                text=f"new, {step.match} = {step.value}" if step.match else "new",
                changes=tuple((name, "", shown(value)) for name, value in step.properties.items()),
            )
        case UpdateRecord():
            clears = all(each.new == "" for each in step.changes)
            return StepView(
                sign="∅" if clears else "~",
                tone="clear" if clears else "update",
                word="clear" if clears else "change",
                row_key=step.row_key,
                object=step.object,
                record_id=step.record_id,
                changes=tuple((each.property, shown(each.old), shown(each.new)) for each in step.changes),
                authors={each.property: each.by for each in step.changes if each.by},
            )
        case ArchiveRecord():
            return StepView(
                sign="-",
                tone="archive",
                word="archive",
                row_key=step.row_key,
                object=step.object,
                record_id=step.record_id,
                text="its row left the source",
            )
        case HoldRow():
            return StepView(
                sign="!",
                tone="hold",
                word=step.outcome,
                row_key=step.row_key,
                object=step.object,
                record_id=step.record_id,
                reason=step.reason,
                advice=step.advice,
            )
        case _:
            assert_never(step)


def _link_view(step: SetLinks | RemoveLabels | RemoveLinks | HoldLinks) -> StepView:
    pair = f"{_end(step.from_)} ↔ {_end(step.to)}"
    match step:
        case SetLinks():
            changes = (("labels", types(step.old), types(step.types)),)
            return StepView(sign="⇄", tone="link", word="link", row_key=step.row_key, text=pair, changes=changes)
        case RemoveLabels():
            left = [each for each in step.old if each not in step.types]
            changes = (("labels", types(step.old), types(left)),)
            return StepView(sign="⇄", tone="remove", word="unlabel", row_key=step.row_key, text=pair, changes=changes)
        case RemoveLinks():
            changes = (("labels", types(step.old), "no link"),)
            return StepView(sign="⇄", tone="remove", word="unlink", row_key=step.row_key, text=pair, changes=changes)
        case HoldLinks():
            return StepView(
                sign="!",
                tone="hold",
                word="skipped",
                row_key=step.row_key,
                text=pair,
                reason=step.reason,
                advice=step.advice,
            )
        case _:
            assert_never(step)


def shown(value: str | None) -> str:
    """Write a value; an empty text clears."""
    return "(empty)" if value in {None, ""} else str(value)


def types(found: Iterable[TypeRef]) -> str:
    """Write types of link."""
    return ", ".join(sorted(each.label or "unlabelled" for each in found)) or "no link"


def _end(end: End) -> str:
    return f"{end.object} {end.record_id}" if end.record_id else f"{end.object} of row {end.row_key}"
