"""The columns of an export: what heads them and how a record's values and associations are shown in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from hubspot_emulator import associations, owners, pipelines, timestamps
from hubspot_emulator.association_types import Direction
from hubspot_emulator.exports.request import Ask
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import Definition

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Values = Mapping[str, str]
Render = Callable[[str], str]

ENDS_PER_ROW = 1_000
_ALL_ENDS = 1 << 40
ACCOUNT_ZONE = timezone(timedelta(hours=-5))
"""US/Eastern without daylight saving, as the account's details say."""
_NAMES = {"contacts": ("firstname", "lastname"), "companies": ("name",), "deals": ("dealname",)}


def headers(portal: Portal, ask: Ask) -> list[str]:
    """Give the header row: the record id first, properties as asked for, then associations."""
    known = portal.properties(ask.type_id)
    names = [name for name in ask.properties if name != "hs_object_id"]
    first = "hs_object_id" if ask.internal_names else "Record ID"
    shown = [name if ask.internal_names else str(known[name].raw.get("label") or name) for name in names]
    return [
        first,
        *shown,
        *(header for to_type in ask.associated for header in _association_headers(portal, ask, to_type)),
    ]


class Columns:
    """Renders the rows of one export."""

    def __init__(self, portal: Portal, ask: Ask) -> None:
        self._portal, self._ask = portal, ask
        kind, known = portal.types.resolve(ask.type_id), portal.properties(ask.type_id)
        self._renders = [
            (name, _renderer(portal, kind, known[name], ask)) for name in ask.properties if name != "hs_object_id"
        ]
        self._ways = [associations.direction(portal, ask.type_id, to_type) for to_type in ask.associated]
        self._most = _ALL_ENDS if ask.unlimited else ENDS_PER_ROW

    def row(self, record_id: int, values: Values) -> list[str]:
        """Give the cells of one record; what is not set and what was cleared are both blank."""
        cells = [str(record_id)]
        for name, render in self._renders:
            value = values.get(name, "")
            cells.append(render(value) if value else "")
        for ways in self._ways:
            cells += self._ends(ways, record_id)
        return cells

    def _ends(self, ways: Direction, record_id: int) -> list[str]:
        ends = associations.page(self._portal, ways, record_id, size=self._most).ends
        cells = [";".join(_display(self._portal, ways.to_type, to_id) for to_id in ends)] if self._ask.displayed else []
        cells.append(";".join(map(str, ends)))
        if self._ask.labelled:
            sets = [[to_id for to_id, kinds in ends.items() if kind in kinds] for kind in _labelled(ways)]
            cells += [";".join(map(str, some)) for some in sets]
        return cells


def _association_headers(portal: Portal, ask: Ask, to_type: str) -> list[str]:
    noun = portal.types.resolve(to_type).singular.replace("_", " ").title()
    ids = f"Associated {noun} IDs"
    ways = associations.direction(portal, ask.type_id, to_type)
    labels = [f"{ids} ({label})" for label in _labelled(ways).values()] if ask.labelled else []
    return [*([f"Associated {noun}"] if ask.displayed else []), ids, *labels]


def _labelled(ways: Direction) -> dict[int, str]:
    return {kind: each.label for kind, each in ways.by_kind.items() if each.label is not None}


def _display(portal: Portal, type_id: str, record_id: int) -> str:
    """Name a record as HubSpot's pages do: by its name, else by its key, else by its id."""
    kind, values = portal.types.resolve(type_id), portal.values_of(type_id, record_id)
    names = _NAMES.get(kind.name, kind.searched[:1])
    named = " ".join(values[name] for name in names if values.get(name))
    return named or values.get(kind.key_property or "", "") or str(record_id)


def _renderer(portal: Portal, kind: ObjectType, definition: Definition, ask: Ask) -> Render:
    if ask.internal_values:
        return str
    if definition.type in {"date", "datetime"}:
        return _render_day if definition.type == "date" else _render_moment
    labels = _labels(portal, kind, definition)
    return lambda value: ";".join(labels.get(part, part) for part in value.split(";")) if labels else value


def _labels(portal: Portal, kind: ObjectType, definition: Definition) -> dict[str, str]:
    if definition.name == "hubspot_owner_id" or definition.raw.get("referencedObjectType") == "OWNER":
        return {
            each["id"]: f"{each.get('firstName', '')} {each.get('lastName', '')}".strip()
            for each in owners.truth(portal)
        }
    if definition.name in {kind.pipeline_property, kind.stage_property}:
        known = list(pipelines.truth(portal, kind.type_id))
        if definition.name == kind.stage_property:
            known = [stage for each in known for stage in each["stages"]]
        return {str(each["id"]): str(each["label"]) for each in known}
    return {str(each["value"]): str(each["label"]) for each in definition.raw.get("options") or ()}


def _render_day(value: str) -> str:
    return timestamps.render_ms(timestamps.parse_ms(value))[:10]


def _render_moment(value: str) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamps.parse_ms(value))
    return moment.astimezone(ACCOUNT_ZONE).strftime("%Y-%m-%d %H:%M")
