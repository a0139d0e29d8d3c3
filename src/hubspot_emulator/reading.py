"""Finding records by whatever HubSpot takes for a key, and the options that all reads of records share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubspot_emulator import associations, rendering, sensitivity, values
from hubspot_emulator.http import HUBSPOT, ApiError
from hubspot_emulator.object_types import UNREAD_TYPES, ObjectType
from hubspot_emulator.rendering import Record
from hubspot_emulator.storage import Row, State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What an answer holds of each record."""

    properties: Sequence[str] = ()
    history: Sequence[str] = ()
    association_types: Sequence[str] = ()
    granted: frozenset[str] = frozenset()
    """The caller's scopes: sensitive values are left out without theirs (HS-13)."""
    base_url: str = HUBSPOT
    """What the addresses of further pages begin with."""


def records(portal: Portal, kind: ObjectType, rows: Iterable[Row], shown: Shown) -> list[Record]:
    """Render rows in their order."""
    rows = list(rows)
    hidden = sensitivity.hidden(portal, kind, shown.granted)
    names = tuple(shown.properties) + tuple(shown.history)
    if shown.history and not shown.properties:
        names = (*kind.default_properties, *shown.history)
    record = rendering.shape(portal, kind, names, hidden).record
    found = [record(row) for row in rows]
    if shown.history:
        for row, each in zip(rows, found, strict=True):
            named = [name for name in shown.history if name not in hidden]
            each.properties_with_history = rendering.history(portal, kind, row, named)
    linked = [row.id for row in rows if row.state == State.LIVE or portal.knobs.archived_lists_show_associations]
    if shown.association_types and linked:
        named = [name for name in shown.association_types if name.lower() not in UNREAD_TYPES]
        types = [portal.types.resolve(name).type_id for name in named]
        inline = associations.inline(portal, kind.type_id, linked, types, base_url=shown.base_url)
        for row, each in zip(rows, found, strict=True):
            if inline.get(row.id):
                each.associations = inline[row.id]
    return found


def find(portal: Portal, kind: ObjectType, key: str, id_property: str | None, *, archived: bool) -> Row | None:
    """Give the record of a key, following merges; None when there is none in that state."""
    record_id = find_id(portal, kind, key, id_property)
    if record_id is None:
        return None
    row = portal.table(kind.type_id).row(record_id)
    if row is not None and row.state == State.MERGED and not archived:
        row = portal.table(kind.type_id).row(portal.survivor(kind.type_id, record_id))
    return row if row is not None and row.state == (State.ARCHIVED if archived else State.LIVE) else None


def find_id(portal: Portal, kind: ObjectType, key: str, id_property: str | None) -> int | None:
    """Give the record id that a key stands for; an id need not be in use."""
    if id_property in {None, "hs_object_id"}:
        return int(key) if key.isdigit() and len(key) < 19 else None
    return portal.holder(kind.type_id, id_property or "", values.normal_key(id_property or "", key))


def check_id_property(
    portal: Portal, kind: ObjectType, id_property: str | None, action: str, allowed: Iterable[str]
) -> None:
    """Refuse a property that is no key for this kind of call; custom unique properties always are (HS-19)."""
    if id_property is None or id_property in allowed:
        return
    definition = portal.properties(kind.type_id).get(id_property)
    builtin = {"email", "hs_additional_emails", "hs_object_id", kind.key_property}
    if definition is None or definition.archived or not definition.unique or id_property in builtin:
        raise ApiError(
            400,
            f"Unable to perform {action} by non-unique {kind.type_id} property {id_property}"
            f" in portal ID {portal.portal_id}",
        )
