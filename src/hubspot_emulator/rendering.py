"""Records as HubSpot's JSON.

A page is decoded and encoded by a struct made of the properties asked for: what is not asked for is skipped
without being built, and what is not set comes out as null (HS-13).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from hubspot_emulator import timestamps
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.storage import Row, State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_SHAPES_KEPT = 256
_UNFIT_FOR_STRUCTS = re.compile(r'["\\\x00-\x1f]')
"""No field of a struct can be renamed to these; only `--hostile-names` makes such properties."""
_texts = msgspec.json.Decoder(dict[str, str]).decode


class Record(msgspec.Struct, rename="camel"):
    """One record of an answer; what is unset is left out."""

    id: str
    properties: Any
    created_at: str
    updated_at: str
    archived: bool
    url: str
    properties_with_history: dict[str, list[dict[str, Any]]] | UnsetType = UNSET
    archived_at: str | UnsetType = UNSET
    associations: dict[str, Any] | UnsetType = UNSET
    new: bool | UnsetType = UNSET
    object_write_trace_id: str | UnsetType = UNSET


class Shape:
    """Renders records of one type with one choice of properties."""

    def __init__(self, portal: Portal, kind: ObjectType, names: Iterable[str]) -> None:
        self._kind = kind
        self._url = f"https://app.hubspot.com/contacts/{portal.portal_id}/record/{kind.type_id}/"
        chosen = sorted({*names, *kind.core_properties})
        # Property names need not be identifiers, so the fields are numbered and renamed.
        fields = [f"p{number}" for number in range(len(chosen))]
        self._moments: Callable[[Any], tuple[Any, ...]] = attrgetter(
            fields[chosen.index(kind.created_property)], fields[chosen.index(kind.modified_property)]
        )
        if any(map(_UNFIT_FOR_STRUCTS.search, chosen)):
            self._moments = itemgetter(kind.created_property, kind.modified_property)
            self._decode: Callable[[bytes], Any] = lambda stored: dict.fromkeys(chosen) | _only(chosen, stored)
            return
        struct = msgspec.defstruct(
            "Chosen",
            [(field, str | None, None) for field in fields],
            rename=dict(zip(fields, chosen, strict=True)),
            gc=False,
        )
        self._decode = msgspec.json.Decoder(struct).decode

    def record(self, row: Row) -> Record:
        """Build the record of a stored row."""
        values = self._decode(row.properties)
        created, modified = self._moments(values)
        record_id = str(row.id)
        record = Record(
            record_id,
            values,
            created,
            modified,
            row.state != State.LIVE,
            self._url + record_id,
        )
        if row.archived_ms is not None:
            record.archived_at = timestamps.render_ms(row.archived_ms)
        return record


def _only(names: Sequence[str], stored: bytes) -> dict[str, str]:
    values = _texts(stored)
    return {name: values[name] for name in names if name in values}


def shape(portal: Portal, kind: ObjectType, names: Sequence[str], hidden: frozenset[str] = frozenset()) -> Shape:
    """Give the shape of an answer: the names asked for that exist and are not hidden, or the type's default ones."""
    key = (kind.type_id, tuple(names), hidden)
    found: Shape | None = portal.shapes.get(key)
    if found is None:
        known = portal.properties(kind.type_id)
        exist = [name for name in names if name in known and not known[name].archived and name not in hidden]
        if len(portal.shapes) >= _SHAPES_KEPT:
            portal.shapes.clear()
        found = portal.shapes[key] = Shape(portal, kind, exist if names else kind.default_properties)
    return found


def written(portal: Portal, kind: ObjectType, row: Row, values: Mapping[str, str]) -> Record:
    """Build the answer to a write from the values to show."""
    record_id = str(row.id)
    return Record(
        record_id,
        dict(sorted(values.items())),
        timestamps.render_ms(row.created_ms),
        timestamps.render_ms(row.updated_ms),
        row.state != State.LIVE,
        f"https://app.hubspot.com/contacts/{portal.portal_id}/record/{kind.type_id}/{record_id}",
    )


_SOURCES: Mapping[str, dict[str, Any]] = {
    "ANALYTICS": {"sourceId": "ContactAnalyticsDetailsUpdateWorker"},
    "CALCULATED": {"sourceId": "CalculatedPropertyComputer"},
    "CONTACTS_WEB": {"sourceId": "sample-contact"},
    "CRM_UI": {"sourceId": "userId:12282590", "updatedByUserId": 12_282_590},
    "INTEGRATION": {"sourceId": "19083857"},
}
"""What a version tells beside its source type (recorded)."""


def history(portal: Portal, kind: ObjectType, row: Row, names: Iterable[str] | None) -> dict[str, list[dict[str, Any]]]:
    """Give every value that these properties (None: all) had, newest first; of one without history, the value it has."""
    known = portal.properties(kind.type_id)
    current = portal.values_of(kind.type_id, row.id)
    created = timestamps.render_ms(row.created_ms)
    found: dict[str, list[dict[str, Any]]] = {}
    knobs = portal.knobs
    kept = knobs.history_versions_contacts if kind.name == "contacts" else knobs.history_versions
    written = portal.db.execute(
        "SELECT changes, before, at_ms, source FROM history WHERE type_id = ? AND record_id = ? ORDER BY seq DESC",
        (kind.type_id, row.id),
    ).fetchall()
    writes = [(_texts(changes), _texts(before), at_ms, source) for changes, before, at_ms, source in written]
    # A record that was there before its history was kept came by migration.
    maker = writes[-1][3] if writes and writes[-1][2] == row.created_ms else "MIGRATION"
    wanted = {*current, *(name for changes, *_ in writes for name in changes)} if names is None else set(names)
    for name in sorted(wanted & known.keys()):
        versions = [
            {"value": changes[name], "timestamp": timestamps.render_ms(at_ms), "sourceType": source}
            | _SOURCES.get(source, {})
            for changes, _, at_ms, source in writes
            if name in changes
        ]
        # What a record was loaded with, or what was calculated, counts as set at its creation.
        first = next(
            (before.get(name) for changes, before, *_ in reversed(writes) if name in changes), current.get(name)
        )
        if first is not None:
            versions.append({"value": first, "timestamp": created, "sourceType": maker} | _SOURCES.get(maker, {}))
        found[name] = versions[:kept] if kept else versions
    return found
