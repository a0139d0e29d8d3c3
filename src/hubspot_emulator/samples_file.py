"""A portal from a file of JSON lines: a user's own sample in place of a generated one.

A line is a record in the form of `GET /truth/{object}` with `object` beside it, of which `properties` alone is needed;
or `{"object": ..., "property": {...}}`, a property in HubSpot's JSON, before the records that have it;
or `{"object": ..., "schema": {...}}`, a custom object's schema, before its properties and records.
What `/truth` tells of a portal can be put in line by line: merged and erased records too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import associations, custom_object_routes, timestamps
from hubspot_emulator.association_types import USER_DEFINED, Direction
from hubspot_emulator.http import ApiError
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.settings import SettingsError
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


class Link(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """One association of a line, by the id that the other line gave."""

    to_object: str
    to_id: str
    category: str
    type_id: int
    label: str | None = None


class Line(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """One line; what a record leaves out is as for one made now."""

    object_name: str = msgspec.field(name="object")
    definition: dict[str, Any] | None = msgspec.field(default=None, name="property")
    schema: dict[str, Any] | None = None
    id: str = ""
    state: str = "live"
    properties: dict[str, str] = {}
    created_at: str | None = None
    updated_at: str | None = None
    archived: bool = False
    archived_at: str | None = None
    merged_into: str | None = None
    associations: list[Link] = []


_Known = dict[tuple[str, str], int]
_STATES = {"live": State.LIVE, "archived": State.ARCHIVED, "merged": State.MERGED, "gone": State.GONE}
_EGG = (
    "name",
    "labels",
    "description",
    "primaryDisplayProperty",
    "secondaryDisplayProperties",
    "requiredProperties",
    "searchableProperties",
)
"""What of a schema is needed to make it again, beside its properties."""


def load(portal: Portal, path: str) -> None:
    """Fill a portal from a file; SettingsError names the line that cannot be used. Ids are the portal's own."""
    known: _Known = {}
    later: list[tuple[int, Line]] = []
    for number, line in _lines(path):
        with _named(path, number):
            _load_line(portal, line, known)
        if line.associations or line.merged_into:
            later.append((number, line))
    for number, line in later:
        with _named(path, number):
            _merge(portal, line, known)
            _load_links(portal, line, known)


@contextmanager
def _named(path: str, number: int) -> Iterator[None]:
    try:
        yield
    except (ApiError, ValueError) as error:
        raise SettingsError(f"--import {path}, line {number}: {error}") from error


def _lines(path: str) -> Iterator[tuple[int, Line]]:
    try:
        with Path(path).open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield number, msgspec.json.decode(text, type=Line)
    except OSError as error:
        raise SettingsError(f"--import {path} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise SettingsError(f"--import {path}: a line is no record: {error}") from error


def _load_line(portal: Portal, line: Line, known: _Known) -> None:
    if line.schema is not None:
        _load_schema(portal, line.object_name, line.schema)
        return
    kind = portal.types.resolve(line.object_name)
    if line.definition is not None:
        portal.add_property(kind.type_id, line.definition)
        return
    state = State.ARCHIVED if line.archived and line.state == "live" else _STATES.get(line.state)
    if state is None:
        raise ValueError(f"state is {line.state}; use one of {', '.join(_STATES)}")
    unknown = sorted(set(line.properties) - portal.properties(kind.type_id).keys())
    if unknown:
        raise ValueError(f"{kind.name} have no property {unknown[0]}: give its definition in a line before this one")
    created = timestamps.parse_ms(line.created_at) if line.created_at else portal.now_ms()
    updated = timestamps.parse_ms(line.updated_at) if line.updated_at else created
    own = {name: value for name, value in line.properties.items() if name not in kind.core_properties}
    _check_unique(portal, kind, own, state)
    unshared = own if state == State.LIVE else {}  # what is not live holds no unique value
    (record_id,) = portal.load_records(kind.type_id, [(unshared, created, updated)])
    if line.id:
        known[kind.type_id, line.id] = record_id
    row = portal.live(kind.type_id, record_id).row
    if state == State.LIVE:
        if "" in own.values():
            portal.put_loaded(kind.type_id, row, own)
        return
    archived = timestamps.parse_ms(line.archived_at) if line.archived_at else portal.now_ms()
    moment = None if state == State.GONE else archived
    portal.put_loaded(kind.type_id, row._replace(state=state, archived_ms=moment), own)


def _check_unique(portal: Portal, kind: ObjectType, own: dict[str, str], state: State) -> None:
    for name, value in own.items() if state == State.LIVE else ():
        if value and (name == kind.key_property or portal.properties(kind.type_id)[name].unique):
            key = value.lower() if name == "email" else value
            if portal.holder(kind.type_id, name, key) is not None:
                raise ValueError(f"another record has that {name} already")


def _merge(portal: Portal, line: Line, known: _Known) -> None:
    """Let a merged record lead to the one that it became."""
    if line.merged_into is None:
        return
    kind = portal.types.resolve(line.object_name)
    if (kind.type_id, line.merged_into) not in known:
        raise ValueError(f"no line has the {kind.singular} {line.merged_into} that it was merged into")
    row = portal.table(kind.type_id).row(known[kind.type_id, line.id])
    assert row is not None
    portal.table(kind.type_id).put(row._replace(merged_into=known[kind.type_id, line.merged_into]))


def _load_schema(portal: Portal, name: str, schema: dict[str, Any]) -> None:
    """Define a custom object from what a create takes, or from what a read answered."""
    egg = {part: schema[part] for part in _EGG if schema.get(part) is not None} | {"name": name}
    own = [each for each in schema.get("properties", ()) if not each.get("hubspotDefined")]
    egg["properties"] = [{part: each[part] for part in _PROPERTY if part in each} for each in own]
    ends = [each.get("toObjectTypeId") for each in schema.get("associations", ())]
    wanted = dict.fromkeys([*schema.get("associatedObjects", ()), *(each for each in ends if each)])
    egg["associatedObjects"] = [each for each in wanted if portal.types.knows(each)]
    custom_object_routes.create(portal, egg)


_PROPERTY = ("name", "label", "type", "fieldType", "description", "options", "hasUniqueValue", "displayOrder", "hidden")


def _load_links(portal: Portal, line: Line, known: _Known) -> None:
    kind = portal.types.resolve(line.object_name)
    for each in line.associations:
        other = portal.types.resolve(each.to_object)
        if (other.type_id, each.to_id) not in known:
            raise ValueError(f"no line has the {other.singular} {each.to_id} that it is associated with")
        ways = associations.direction(portal, kind.type_id, other.type_id)
        found = _type_of(portal, ways, each)
        pair = known[kind.type_id, line.id], known[other.type_id, each.to_id]
        associations.load_pairs(portal, kind.type_id, other.type_id, each.category, found, [pair])


def _type_of(portal: Portal, ways: Direction, link: Link) -> int:
    """Give the type that a link names; a label of the user's own is known by its text, and made where it is new."""
    if link.category != USER_DEFINED or link.label is None:
        if (link.category, link.type_id) in ways.by_key:
            return link.type_id
        if link.category == USER_DEFINED and ways.default is not None and ways.default.category == USER_DEFINED:
            return ways.default.type_id  # the unlabelled type of a custom object
        raise ValueError(
            f"{link.category} {link.type_id} is no association type from {ways.from_type} to {ways.to_type}"
        )
    for found in ways.by_key.values():
        if found.category == USER_DEFINED and found.label == link.label:
            return found.type_id
    name = f"label_{associations.last_numbers(portal.db, USER_DEFINED)[1] + 1}"
    return associations.create_label(portal, ways.from_type, ways.to_type, name, link.label)[0]
