"""A portal from a file of JSON lines: a user's own sample in place of a generated one.

A line is a record in the form of `GET /truth/{object}` with `object` beside it, of which `properties` alone is needed,
or `{"object": ..., "property": {...}}`, a property in HubSpot's JSON, before the records that have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import associations, timestamps
from hubspot_emulator.http import ApiError
from hubspot_emulator.settings import SettingsError

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


def load(portal: Portal, path: str) -> None:
    """Fill a portal from a file; SettingsError names the line that cannot be used. Ids are the portal's own."""
    known: _Known = {}
    links: list[tuple[int, Line]] = []
    for number, line in _lines(path):
        try:
            _load_line(portal, line, known)
        except (ApiError, ValueError) as error:
            raise SettingsError(f"--import {path}, line {number}: {error}") from error
        if line.associations:
            links.append((number, line))
    for number, line in links:
        try:
            _load_links(portal, line, known)
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
    kind = portal.types.resolve(line.object_name)
    if line.definition is not None:
        portal.add_property(kind.type_id, line.definition)
        return
    if line.state not in {"live", "archived"}:
        raise ValueError(f"state is {line.state}: only live and archived records can be loaded")
    unknown = sorted(set(line.properties) - portal.properties(kind.type_id).keys())
    if unknown:
        raise ValueError(f"{kind.name} have no property {unknown[0]}: give its definition in a line before this one")
    created = timestamps.parse_ms(line.created_at) if line.created_at else portal.now_ms()
    updated = timestamps.parse_ms(line.updated_at) if line.updated_at else created
    own = {name: value for name, value in line.properties.items() if name not in kind.core_properties}
    for name, value in own.items():
        if value and (name == kind.key_property or portal.properties(kind.type_id)[name].unique):
            key = value.lower() if name == "email" else value
            if portal.holder(kind.type_id, name, key) is not None:
                raise ValueError(f"another record has that {name} already")
    (record_id,) = portal.load_records(kind.type_id, [(own, created, updated)])
    if line.id:
        known[kind.type_id, line.id] = record_id
    if line.archived or line.state == "archived":
        portal.archive_record(kind.type_id, record_id, request="import")


def _load_links(portal: Portal, line: Line, known: _Known) -> None:
    kind = portal.types.resolve(line.object_name)
    for each in line.associations:
        other = portal.types.resolve(each.to_object)
        if (other.type_id, each.to_id) not in known:
            raise ValueError(f"no line has the {other.singular} {each.to_id} that it is associated with")
        ways = associations.direction(portal, kind.type_id, other.type_id)
        if (each.category, each.type_id) not in ways.by_key:
            raise ValueError(f"{each.category} {each.type_id} is no association type from {kind.name} to {other.name}")
        pair = known[kind.type_id, line.id], known[other.type_id, each.to_id]
        associations.load_pairs(portal, kind.type_id, other.type_id, each.category, each.type_id, [pair])
