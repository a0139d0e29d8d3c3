"""Lists ("segments"): what one is, how it is found, made, renamed, deleted and restored (HS-45)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hubspot_emulator.http import ApiError
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS lists (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, type_id TEXT NOT NULL, processing_type TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, deleted_ms INTEGER, version INTEGER NOT NULL,
    user_id INTEGER NOT NULL, added_ms INTEGER, removed_ms INTEGER, filter_branch BLOB, folder TEXT);
CREATE TABLE IF NOT EXISTS list_members (
    list_id INTEGER, record_id INTEGER, joined_ms INTEGER NOT NULL, first_ms INTEGER NOT NULL,
    PRIMARY KEY (list_id, record_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS list_settings (list_id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS list_members_joined ON list_members (list_id, joined_ms, record_id);
CREATE INDEX IF NOT EXISTS list_members_record ON list_members (record_id);
"""
PROCESSING_TYPES = ("DYNAMIC", "MANUAL", "SNAPSHOT")
RESTORABLE_MS = 90 * 86_400_000
API_USER = 12_282_590
LEGACY_OFFSET = 2_000
"""How far the ids of the v1 API are from today's: they are another numbering, of old lists only."""

_COLUMNS = (
    "id, name, type_id, processing_type, created_ms, updated_ms, deleted_ms, version, user_id,"
    " added_ms, removed_ms, filter_branch, folder"
)


class ListRow(NamedTuple):
    """A list as stored."""

    id: int
    name: str
    type_id: str
    processing_type: str
    created_ms: int
    updated_ms: int
    deleted_ms: int | None
    version: int
    user_id: int
    added_ms: int | None
    removed_ms: int | None
    filter_branch: bytes | None
    folder: str | None


def missing(what: str) -> ApiError:
    """Build the answer to a list that is not there."""
    return ApiError(404, f"List does not exist with {what}.", category="OBJECT_NOT_FOUND")


def find(portal: Portal, list_id: str, *, deleted: bool = False) -> ListRow:
    """Give a list, a deleted one on demand; ApiError 404 when there is none."""
    number = int(list_id) if list_id.isdecimal() and len(list_id) < 19 else -1
    found = portal.db.execute(f"SELECT {_COLUMNS} FROM lists WHERE id = ?", (number,)).fetchone()
    row = ListRow._make(found) if found else None
    if row is None or (row.deleted_ms is not None) is not deleted:
        raise missing(f"ID {list_id}")
    return row


def all_rows(portal: Portal) -> Iterator[ListRow]:
    """Give every list, deleted ones too, by id."""
    return map(ListRow._make, portal.db.execute(f"SELECT {_COLUMNS} FROM lists ORDER BY id"))


def live_rows(
    portal: Portal,
    *,
    type_id: str | None = None,
    processing_types: Sequence[str] = (),
    text: str = "",
    ids: Sequence[str] = (),
) -> list[ListRow]:
    """Give the lists that are not deleted and satisfy every condition given, by id."""
    return [
        row
        for row in all_rows(portal)
        if row.deleted_ms is None
        and type_id in {None, row.type_id}
        and (not processing_types or row.processing_type in processing_types)
        and text.casefold() in row.name.casefold()
        and (not ids or str(row.id) in ids)
    ]


def put(portal: Portal, row: ListRow) -> None:
    """Store a list, new or not."""
    portal.db.execute(f"INSERT OR REPLACE INTO lists ({_COLUMNS}) VALUES ({','.join('?' * len(row))})", row)


def create(
    portal: Portal, name: str, type_id: str, processing_type: str, filter_branch: object, *, request: str
) -> ListRow:
    """Make a list without members; ApiError 400 when a list of that type has the name."""
    _refuse_taken(portal, name, type_id)
    now = portal.now_ms()
    (last,) = portal.db.execute("SELECT coalesce(max(id), 0) FROM lists").fetchone()
    branch = None if filter_branch is None else msgspec.json.encode(filter_branch)
    row = ListRow(last + 1, name, type_id, processing_type, now, now, None, 1, API_USER, None, None, branch, None)
    put(portal, row)
    portal.log_event("create", "lists", row.id, request)
    return row


def keep_settings(portal: Portal, row: ListRow, settings: Mapping[str, object]) -> None:
    """Keep what a list was made with beside its name and filters: it is shown and does nothing."""
    portal.db.execute("INSERT OR REPLACE INTO list_settings VALUES (?, ?)", (row.id, msgspec.json.encode(settings)))


def settings_of(portal: Portal, row: ListRow) -> dict[str, Any]:
    """Give what `keep_settings` kept."""
    found = portal.db.execute("SELECT body FROM list_settings WHERE list_id = ?", (row.id,)).fetchone()
    return msgspec.json.decode(found[0], type=dict[str, Any]) if found else {}


def rename(portal: Portal, row: ListRow, name: str, *, request: str) -> ListRow:
    """Give a list another name."""
    if name != row.name:
        _refuse_taken(portal, name, row.type_id)
    renamed = row._replace(name=name, updated_ms=portal.now_ms(), version=row.version + 1)
    put(portal, renamed)
    portal.log_event("update", "lists", row.id, request)
    return renamed


def delete(portal: Portal, row: ListRow, *, request: str) -> None:
    """Delete a list; it can be restored for 90 days."""
    put(portal, row._replace(deleted_ms=portal.now_ms()))
    portal.log_event("archive", "lists", row.id, request)


def restore(portal: Portal, row: ListRow, *, request: str) -> None:
    """Bring a deleted list back with its members."""
    assert row.deleted_ms is not None
    if portal.now_ms() - row.deleted_ms > RESTORABLE_MS:
        raise missing(f"ID {row.id}")
    put(portal, row._replace(deleted_ms=None))
    portal.log_event("restore", "lists", row.id, request)


def render(row: ListRow, *, filters: bool = False) -> dict[str, Any]:
    """Render what every answer holds of a list; a list without filters has no branch."""
    shown: dict[str, Any] = {
        "listId": str(row.id),
        "listVersion": row.version,
        "createdAt": render_ms(row.created_ms),
        "updatedAt": render_ms(row.updated_ms),
        "filtersUpdatedAt": render_ms(row.created_ms),
        "processingStatus": "COMPLETE",
        "createdById": str(row.user_id),
        "updatedById": str(row.user_id),
        "processingType": row.processing_type,
        "objectTypeId": row.type_id,
        "name": row.name,
    }
    if row.deleted_ms is not None:
        shown["deletedAt"] = render_ms(row.deleted_ms)
    if filters and row.filter_branch is not None:
        shown["filterBranch"] = msgspec.Raw(row.filter_branch)
    return shown


def additional_properties(row: ListRow, size: int, wanted: Sequence[str] = ()) -> dict[str, str]:
    """Give the properties that search and `/all` add: some always, others on demand; unset ones are left out."""
    moments = [each for each in (row.updated_ms, row.added_ms, row.removed_ms) if each is not None]
    known: Mapping[str, object] = {
        "hs_folder_name": row.folder,
        "hs_last_record_added_at": row.added_ms,
        "hs_last_record_removed_at": row.removed_ms,
        "hs_lastmodifieddate": max(moments),
        "hs_list_reference_count": 0,
        "hs_list_size": size,
    }
    names = [name for name in known if name in ALWAYS or name in wanted]
    return {name: str(known[name]) for name in names if known[name] is not None}


ALWAYS = ("hs_last_record_added_at", "hs_last_record_removed_at", "hs_list_reference_count", "hs_list_size")


def _refuse_taken(portal: Portal, name: str, type_id: str) -> None:
    taken = portal.db.execute(
        "SELECT 1 FROM lists WHERE name = ? AND type_id = ? AND deleted_ms IS NULL", (name, type_id)
    ).fetchone()
    if taken:
        raise ApiError(400, f"A list named {name!r} exists already for objects of type {type_id}.")
