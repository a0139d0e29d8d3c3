"""Who is in a list and since when. Members whose record is archived are not shown; merged ones pass to the survivor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hubspot_emulator import lists
from hubspot_emulator.lists import ListRow
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


class Member(NamedTuple):
    """One membership."""

    record_id: int
    joined_ms: int


class Membership(NamedTuple):
    """One list that a record is in."""

    list_id: int
    version: int
    first_ms: int
    joined_ms: int


def size(portal: Portal, row: ListRow) -> int:
    """Count the members, anew only after something was written."""
    changes = portal.db.total_changes
    known: dict[int, int]
    counted, known = portal.shapes.get("list sizes", (None, {}))
    if counted != changes:
        known = {}
        portal.shapes["list sizes"] = (changes, known)
    if row.id not in known:
        (known[row.id],) = portal.db.execute(f"SELECT count(*) {_live(portal, row)}", (row.id,)).fetchone()
    return known[row.id]


def by_id(portal: Portal, row: ListRow, limit: int, *, after: int | None, before: int | None) -> list[Member]:
    """Give a page of members by record id: those that follow one, or those right before one."""
    condition, order, bound = ("<", "DESC", before) if before is not None else (">", "ASC", after or 0)
    sql = (
        f"SELECT m.record_id, m.joined_ms {_live(portal, row)} AND m.record_id {condition} ?"
        f" ORDER BY m.record_id {order} LIMIT ?"
    )
    found = [Member._make(each) for each in portal.db.execute(sql, (row.id, bound, limit))]
    return found[::-1] if before is not None else found


def by_join(
    portal: Portal, row: ListRow, limit: int, *, after: Member | None, before: Member | None, newest_first: bool
) -> list[Member]:
    """Give a page of members by when they joined."""
    bound = before or after
    forward = before is None
    descending = newest_first is forward
    condition = "" if bound is None else f"AND (m.joined_ms, m.record_id) {'<' if descending else '>'} (?, ?)"
    way = "DESC" if descending else "ASC"
    sql = (
        f"SELECT m.record_id, m.joined_ms {_live(portal, row)} {condition}"
        f" ORDER BY m.joined_ms {way}, m.record_id {way} LIMIT ?"
    )
    key = () if bound is None else (bound.joined_ms, bound.record_id)
    found = [Member._make(each) for each in portal.db.execute(sql, (row.id, *key, limit))]
    return found if forward else found[::-1]


def of_record(portal: Portal, type_id: str, record_id: int) -> list[Membership]:
    """Give the lists of its type that a record is in, by list id."""
    sql = (
        "SELECT l.id, l.version, m.first_ms, m.joined_ms FROM list_members m JOIN lists l ON l.id = m.list_id"
        " WHERE m.record_id = ? AND l.type_id = ? AND l.deleted_ms IS NULL ORDER BY l.id"
    )
    return [Membership._make(each) for each in portal.db.execute(sql, (record_id, type_id))]


def load(portal: Portal, list_id: int, members: Iterable[Member]) -> None:
    """Store memberships as they are; the list's own dates are the caller's."""
    portal.db.executemany(
        "INSERT OR REPLACE INTO list_members VALUES (?, ?, ?, ?)",
        ((list_id, record_id, joined, joined) for record_id, joined in members),
    )


def add(portal: Portal, row: ListRow, record_ids: Sequence[int], *, request: str) -> list[int]:
    """Add records; give those that were not members before. The list's `updatedAt` stays (HS-46)."""
    present = _among(portal, row, record_ids)
    joining = [each for each in dict.fromkeys(record_ids) if each not in present]
    now = portal.now_ms()
    load(portal, row.id, [Member(each, now) for each in joining])
    if joining:
        portal.db.execute("UPDATE lists SET added_ms = ? WHERE id = ?", (now, row.id))
        portal.log_event("list-add", "lists", row.id, request, {"records": joining})
    return joining


def remove(portal: Portal, row: ListRow, record_ids: Sequence[int], *, request: str) -> list[int]:
    """Remove records; give those that were members."""
    present = _among(portal, row, record_ids)
    leaving = [each for each in dict.fromkeys(record_ids) if each in present]
    portal.db.executemany(
        "DELETE FROM list_members WHERE list_id = ? AND record_id = ?", ((row.id, each) for each in leaving)
    )
    if leaving:
        portal.db.execute("UPDATE lists SET removed_ms = ? WHERE id = ?", (portal.now_ms(), row.id))
        portal.log_event("list-remove", "lists", row.id, request, {"records": leaving})
    return leaving


def unite(portal: Portal, type_id: str, old_ids: Sequence[int], new_id: int) -> None:
    """Let the survivor of a merge be where the merged records were, since the first of them joined."""
    marks = ",".join("?" * len(old_ids))
    found = portal.db.execute(
        "SELECT m.list_id, min(m.joined_ms), min(m.first_ms) FROM list_members m JOIN lists l ON l.id = m.list_id"
        f" WHERE l.type_id = ? AND m.record_id IN ({marks}) GROUP BY m.list_id",
        (type_id, *old_ids),
    ).fetchall()
    portal.db.executemany(
        "INSERT OR REPLACE INTO list_members VALUES (?, ?, ?, ?)",
        ((list_id, new_id, joined, first) for list_id, joined, first in found),
    )


def known_records(portal: Portal, row: ListRow, record_ids: Sequence[str]) -> tuple[list[int], list[str]]:
    """Split ids into those of live records of the list's type and all others."""
    known, unknown = [], []
    for text in dict.fromkeys(record_ids):
        is_live = text.isdecimal() and len(text) < 19 and portal.record_state(row.type_id, int(text)) == "live"
        (known.append(int(text)) if is_live else unknown.append(text))
    return known, unknown


def _among(portal: Portal, row: ListRow, record_ids: Sequence[int]) -> set[int]:
    """Give those of the records that are members, one look-up each: there may be more than SQL takes at once."""
    sql = "SELECT 1 FROM list_members WHERE list_id = ? AND record_id = ?"
    return {each for each in record_ids if portal.db.execute(sql, (row.id, each)).fetchone()}


def _live(portal: Portal, row: ListRow) -> str:
    table = portal.table(row.type_id).name
    return f"FROM list_members m JOIN {table} r ON r.id = m.record_id AND r.state = 0 WHERE m.list_id = ?"


def all_members(portal: Portal, row: ListRow) -> list[Member]:
    """Give every member by record id."""
    sql = f"SELECT m.record_id, m.joined_ms {_live(portal, row)} ORDER BY m.record_id"
    return [Member._make(each) for each in portal.db.execute(sql, (row.id,))]


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every membership of every list that is not deleted."""
    for row in lists.live_rows(portal):
        for record_id, joined in all_members(portal, row):
            yield {
                "listId": str(row.id),
                "recordId": str(record_id),
                "membershipTimestamp": render_ms(joined),
                "state": "live",
            }
