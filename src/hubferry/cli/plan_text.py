"""A plan for people: numbers first, then some rows of each kind with old -> new, then how to see all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import assert_never

from hubferry.cli.output import plural
from hubferry.project import (
    AddOptions,
    ArchiveRecord,
    Change,
    ConflictEntry,
    CreateLabel,
    CreateProperty,
    CreateRecord,
    End,
    GuardVerdict,
    HoldLinks,
    HoldRow,
    InvalidEntry,
    Plan,
    Project,
    RemoveLabels,
    RemoveLinks,
    SetLinks,
    Step,
    SyncCounts,
    TypeRef,
    UpdateRecord,
)


@dataclass(frozen=True)
class Section:
    """Steps of a plan that are shown together."""

    title: str
    kinds: tuple[str, ...]
    accepts: Callable[[Step], bool] = lambda _step: True


def _clears(step: Step) -> bool:
    return isinstance(step, UpdateRecord) and any(each.new == "" for each in step.changes)


SECTIONS = (
    Section("records to archive", ("archive",)),
    Section("links and labels to remove", ("remove_links", "remove_labels")),
    Section("records of which values are cleared", ("update",), _clears),
    Section("records to change", ("update",), lambda step: not _clears(step)),
    Section("properties and options to define", ("create_property", "add_options")),
    Section("new records", ("create", "create_unguarded")),
    Section("new labels", ("create_label",)),
    Section("links to set", ("set_links",)),
    Section("held back", ("hold", "hold_links")),
    Section("in conflict", ("conflict",)),
    Section("invalid", ("invalid",)),
)
"""What takes something away comes first; each has rows of its own, so that many of one kind do not hide another."""


def query_sections(project: Project, plan_id: str, *, limit: int) -> Iterator[str]:
    """Give the first steps of each section that has any, line by line."""
    for section in SECTIONS:
        steps = (each.step for each in project.steps(plan_id, kinds=section.kinds))
        first = list(islice(filter(section.accepts, steps), limit + 1))
        if first:
            yield f"{section.title}:"
        for step in first[:limit]:
            yield from (f"  {text}" for text in render_step(step))
        if len(first) > limit:
            yield "  ... and more"


def render_plan(plan: Plan) -> Iterator[str]:
    """Give the numbers of a plan, line by line."""
    how = "every row compared with HubSpot" if plan.full else "only rows that changed since the last push"
    if plan.compared:
        how += f", and every row of {', '.join(plan.compared)}"
    named = [key for keys in (plan.only or {}).values() for key in keys]
    if plan.undoes is not None:
        how = f"takes back run {plan.undoes}"
    elif named:
        how = f"of row {', '.join(named)} alone; the others are left as they are"
    yield f"plan {plan.id} for portal {plan.portal_id} ({how})"
    for name in plan.syncs:
        yield from _render_counts(name, plan.counts[name])
    cost = plan.cost
    share = f", {cost.daily_share:.1%} of a day's quota" if cost.daily_share is not None else ""
    yield f"cost: {plural(cost.apply_calls, 'call')}, at least {cost.seconds:.0f} s{share} (planning took {plural(cost.plan_calls, 'call')})"
    if plan.new_contacts:
        yield f"{plural(plan.new_contacts, 'new contact')}, billed as marketing ones if HubSpot's settings say so of this app's"
    for verdict in plan.guards:
        if not verdict.passed:
            yield _render_guard(verdict)
    for name in plan.syncs:
        held = [each for each in plan.guards if each.sync == name and each.passed and each.guard != "empty_source"]
        if held:
            yield f"guards of {name} that hold: {', '.join(map(_render_held, held))}"


def render_step(step: Step) -> Iterator[str]:
    """Give one step, line by line."""
    match step:
        case CreateProperty() | AddOptions() | CreateLabel():
            yield _render_setup(step)
        case ConflictEntry() | HoldRow() | HoldLinks() | InvalidEntry():
            yield from _render_left(step)
        case SetLinks() | RemoveLabels() | RemoveLinks():
            yield _render_links(step)
        case CreateRecord():
            known_by = f"{step.match} = {step.value}" if step.match else "known by the ledger alone"
            yield f"+ {step.object}  row {step.row_key}  (new record, {known_by})"
            yield from (f"    {name}: -> {_shown(value)}" for name, value in step.properties.items())
        case UpdateRecord():
            yield f"~ {step.object} {step.record_id}  row {step.row_key}"
            yield from (_render_change(each) for each in step.changes)
        case ArchiveRecord():
            yield f"- {step.object} {step.record_id}  row {step.row_key}  (archive)"
        case _:
            assert_never(step)


def _render_setup(step: CreateProperty | AddOptions | CreateLabel) -> str:
    if isinstance(step, CreateProperty):
        what = "unique, holds the rows' keys" if step.is_key else f"a {step.kind}, {step.label!r}"
        return f"+ property {step.property} of {step.object}  ({what})"
    if isinstance(step, CreateLabel):
        return f"+ label {step.label!r} of {step.from_object} - {step.to_object}"
    return f"+ options of {step.object}.{step.property}: {', '.join(step.options)}"


def _render_links(step: SetLinks | RemoveLabels | RemoveLinks) -> str:
    pair = _pair(step.from_, step.to)
    match step:
        case SetLinks():
            return f"+ {pair}  {_types(step.old)} -> {_types(step.types)}"
        case RemoveLabels():
            return f"- {pair}  label {_types(step.types)}"
        case RemoveLinks():
            return f"- {pair}  {_types(step.old)} -> no link"


def _render_left(step: ConflictEntry | HoldRow | HoldLinks | InvalidEntry) -> Iterator[str]:
    """What is not written, and why."""
    match step:
        case ConflictEntry():
            each = step.conflict
            yield f"! {step.object} {step.record_id}  row {step.row_key}  conflict: {each.property}"
            yield (
                f"    we wrote {_shown(each.base)}, HubSpot has {_shown(each.held)}{_by(each.by)},"
                f" the source wants {_shown(each.wanted)}"
            )
            return
        case HoldRow():
            yield f"! {step.object}  row {step.row_key}  {step.outcome}: {step.reason}"
        case HoldLinks():
            yield f"! {_pair(step.from_, step.to)}  {step.outcome}: {step.reason}"
        case InvalidEntry():
            yield f"! row {step.row_key}  {step.detail} invalid: {step.reason}"
    yield f"    {step.advice}"


def _render_change(change: Change) -> str:
    return f"    {change.property}: {_shown(change.old)} -> {_shown(change.new)}{_by(change.by)}"


def _by(author: str | None) -> str:
    return f"  (last changed by {author})" if author else ""


def _render_counts(name: str, counts: SyncCounts) -> Iterator[str]:
    clears = f", {plural(counts.clears, 'value')} cleared" if counts.clears else ""
    yield f"  {name}: {counts.rows:,} rows = {counts.unchanged:,} unchanged + {counts.planned:,} planned + {counts.invalid:,} invalid"
    yield f"    records: {counts.creates:,} new, {counts.updates:,} changed, {counts.archives:,} archived{clears}, {counts.held:,} held back"
    if counts.links:
        yield (
            f"    links: {counts.links:,} = {counts.links_unchanged:,} unchanged + {counts.links_planned:,} planned"
            f" + {counts.links_invalid:,} invalid; {counts.links_added:,} added, {counts.links_removed:,} removed"
        )
    if counts.labels_created:
        yield f"    labels: {counts.labels_created:,} new"
    if counts.properties_added or counts.options_added:
        yield f"    defined first: {counts.properties_added:,} properties, {counts.options_added:,} options"
    if counts.kept or counts.conflicts:
        yield f"    {counts.kept:,} values of HubSpot kept by policy, {counts.conflicts:,} in conflict"
    if counts.settled:
        yield f"    {counts.settled:,} values that HubSpot stores otherwise than sent are left alone"


def _render_guard(verdict: GuardVerdict) -> str:
    found, allowed = _number(verdict.found), _number(verdict.allowed)
    return f"guard {verdict.guard} of {verdict.sync}: allows {allowed}, the plan has {found}; it will not be applied"


def _render_held(verdict: GuardVerdict) -> str:
    return f"{verdict.guard} {_number(verdict.found)} of {_number(verdict.allowed)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.2g}"


def _pair(one: End, other: End) -> str:
    return f"{_end(one)} - {_end(other)}"


def _end(end: End) -> str:
    return f"{end.object} {end.record_id}" if end.record_id else f"{end.object} of row {end.row_key}"


def _types(types: Iterable[TypeRef]) -> str:
    return ", ".join(sorted(each.label or "unlabelled" for each in types)) or "no link"


def _shown(value: str | None) -> str:
    """Show a value; an empty text clears the property."""
    if value is None:
        return "(empty)"
    return repr(value) if value else "(cleared)"
