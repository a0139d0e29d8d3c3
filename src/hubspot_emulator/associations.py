"""Links between records: how they are stored, and the rules HubSpot applies when they are written.

A link is stored once in each direction, one row a type, so that every read is a range of one index. Types are data
too (`association_types`): the portal's labels stand beside the types HubSpot defines. Links of a record that is not
live stay stored and are not read, so a record that comes back has them again (HS-36).
"""

from __future__ import annotations

import re
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from hubspot_emulator import association_types
from hubspot_emulator.association_types import HUBSPOT_DEFINED, Direction, LinkType, TypeKey
from hubspot_emulator.http import ApiError
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

USER_DEFINED = association_types.USER_DEFINED
_INSERT = "INSERT OR IGNORE INTO associations VALUES (?, ?, ?)"
_DELETE = "DELETE FROM associations WHERE from_id = ? AND kind = ? AND to_id = ?"


SCHEMA = f"""
{association_types.SCHEMA}
CREATE TABLE IF NOT EXISTS associations (
  from_id INTEGER NOT NULL, kind INTEGER NOT NULL, to_id INTEGER NOT NULL, PRIMARY KEY (from_id, kind, to_id)
) WITHOUT ROWID;
"""
"""What `storage` runs on a new portal."""


def direction(portal: Portal, from_type: str, to_type: str) -> Direction:
    """Read the types of one direction."""
    return Direction(portal.db, from_type, to_type)


# --- labels ---------------------------------------------------------------------------------------------------------

_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def create_label(
    portal: Portal, from_type: str, to_type: str, name: str, label: str, inverse_label: str | None = None
) -> tuple[int, int]:
    """Define a label and its inverse; give both type ids. Symmetric between records of one type: one id, twice."""
    _check_label(portal, from_type, to_type, name)
    last_kind, last_id = last_numbers(portal.db, USER_DEFINED)
    kind, type_id = last_kind + 1, last_id + 1
    if from_type == to_type and inverse_label in {None, label}:
        insert_type(portal, LinkType(kind, from_type, to_type, USER_DEFINED, type_id, kind, "label", name, label))
        return type_id, type_id
    back = label if inverse_label is None else inverse_label
    insert_type(portal, LinkType(kind, from_type, to_type, USER_DEFINED, type_id, kind + 1, "label", name, label))
    insert_type(portal, LinkType(kind + 1, to_type, from_type, USER_DEFINED, type_id + 1, kind, "label", name, back))
    return type_id, type_id + 1


def last_numbers(db: sqlite3.Connection, category: str) -> tuple[int, int]:
    """Give the largest kind, and the largest type id of a category; 0 where there is none."""
    row = db.execute(
        "SELECT coalesce(max(kind), 0), coalesce(max(type_id) FILTER (WHERE category = ?), 0) FROM association_types",
        (category,),
    ).fetchone()
    return int(row[0]), int(row[1])


def types_of(db: sqlite3.Connection, type_id: str) -> list[LinkType]:
    """Give every association type that starts or ends at an object type."""
    sql = "SELECT * FROM association_types WHERE from_type = ? OR to_type = ? ORDER BY kind"
    return [LinkType(*row) for row in db.execute(sql, (type_id, type_id))]


def delete_type(portal: Portal, found: LinkType) -> None:
    """Remove a type and its inverse; ApiError while a record still has it."""
    if kind_in_use(portal, found.kind):
        message = f"Association type {found.label or found.name!r} is still used by records; remove it from them first"
        raise ApiError(400, message, sub_category="crm.associations.LABEL_IN_USE")
    portal.db.execute("DELETE FROM association_types WHERE kind IN (?, ?)", (found.kind, found.inverse))


def _check_label(portal: Portal, from_type: str, to_type: str, name: str) -> None:
    if not _LABEL_NAME.fullmatch(name):
        raise ApiError(400, f"Invalid label name {name!r}: letters, digits and underscores, not starting with a digit")
    labels = [
        link_type
        for link_type in direction(portal, from_type, to_type).by_key.values()
        if link_type.category == USER_DEFINED and link_type.role == "label"
    ]
    if any(link_type.name == name for link_type in labels):
        raise ApiError(409, f"An association label named {name!r} already exists", category="OBJECT_ALREADY_EXISTS")
    limit = portal.knobs.labels_per_pair
    if len({link_type.name for link_type in labels}) >= limit:
        raise ApiError(400, f"This pair of object types has its {limit} association labels already")


def insert_type(portal: Portal, link_type: LinkType) -> None:
    """Store one direction of a type."""
    portal.db.execute("INSERT INTO association_types VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", link_type)


# --- writes ---------------------------------------------------------------------------------------------------------


def load_pairs(
    portal: Portal, from_type: str, to_type: str, category: str, type_id: int, pairs: Iterable[tuple[int, int]]
) -> None:
    """Store many links of one type fast, with their inverse and the default beside a label; no checks, no events."""
    ways = direction(portal, from_type, to_type)
    types = [ways.by_key[category, type_id]]
    if ways.default is not None and ways.default not in types:
        types.append(ways.default)
    found = list(pairs)
    for link_type in types:
        there = sorted((a, link_type.kind, b) for a, b in found)
        back = sorted((b, link_type.inverse, a) for a, b in found)
        portal.db.executemany(_INSERT, there)
        portal.db.executemany(_INSERT, back)


def link(
    portal: Portal,
    from_type: str,
    from_id: int,
    to_type: str,
    to_id: int,
    types: Sequence[TypeKey],
    *,
    request: str = "",
    ways: Direction | None = None,
) -> None:
    """Write one pair as PUT and batch/create do; KeyError for a type that the direction does not have.

    Labels of the portal that are not among `types` disappear; what HubSpot defined stays (HS-29). The default is made
    beside a label (HS-28), and the inverse of everything is written too (HS-27).
    """
    ways = ways or direction(portal, from_type, to_type)
    wanted = {ways.by_key[key].kind for key in types}
    held = set(_pair_kinds(portal.db, ways, from_id, to_id))
    if ways.default is not None:
        wanted.add(ways.default.kind)
    if not held and _becomes_primary(portal, ways, from_id, to_id):
        wanted.add(_primary_of(ways).kind)
    if ways.primary is not None and ways.primary.kind in wanted - held:
        _demote(portal.db, ways, from_id, to_id)
    replaced = {kind for kind in held - wanted if ways.by_kind[kind].category == USER_DEFINED}
    _delete(portal.db, ways, from_id, to_id, replaced)
    _insert(portal.db, ways, from_id, to_id, wanted - held)
    detail = {"to": to_type, "toId": str(to_id), "types": [f"{category} {type_id}" for category, type_id in types]}
    portal.log_event("associate", from_type, from_id, request, detail)
    portal.touch((from_type, from_id), (to_type, to_id))


def link_default(
    portal: Portal, from_type: str, from_id: int, to_type: str, to_id: int, *, request: str = "", ways: Direction
) -> None:
    """Make the unlabelled link of a pair; labels that are there stay."""
    held = [ways.by_kind[kind].key for kind in _pair_kinds(portal.db, ways, from_id, to_id)]
    labels = [key for key in held if key[0] == USER_DEFINED]
    link(portal, from_type, from_id, to_type, to_id, labels, request=request, ways=ways)


def unlink(
    portal: Portal,
    from_type: str,
    from_id: int,
    to_type: str,
    to_id: int,
    types: Collection[TypeKey] | None = None,
    *,
    request: str = "",
    ways: Direction | None = None,
) -> bool:
    """Remove these types of a pair, or all; naming the default removes all (HS-28). Tell whether anything was there."""
    ways = ways or direction(portal, from_type, to_type)
    held = set(_pair_kinds(portal.db, ways, from_id, to_id))
    named = {ways.by_key[key].kind for key in types} if types is not None else held
    gone = held if ways.default is not None and ways.default.kind in named else held & named
    _delete(portal.db, ways, from_id, to_id, gone)
    if gone:
        detail = {"to": to_type, "toId": str(to_id), "types": sorted(ways.by_kind[kind].type_id for kind in gone)}
        portal.log_event("dissociate", from_type, from_id, request, detail)
        portal.touch((from_type, from_id), (to_type, to_id))
    return bool(gone)


def unite(portal: Portal, type_id: str, old_ids: Sequence[int], new_id: int) -> None:
    """Give a merge's survivor the links of all merged records; where Primaries clash the first one's stays."""
    db = portal.db
    types = _types_by_kind(db)
    for old_id in old_ids:
        rows = _rows_of(db, types, type_id, old_id)
        for kind, to_id in rows:
            db.executemany(_DELETE, _both(types[kind], old_id, to_id))
        for kind, to_id in rows:
            link_type = types[kind]
            same_type = link_type.to_type == type_id
            if same_type and (to_id in old_ids or to_id == new_id):
                continue
            if link_type.role == "primary" and _has(db, new_id, kind):
                continue
            db.executemany(_INSERT, _both(link_type, new_id, to_id))


def neighbours(portal: Portal, type_id: str, record_id: int) -> list[tuple[str, int]]:
    """Give the records that a record has links with, live or not."""
    types = _types_by_kind(portal.db)
    rows = _rows_of(portal.db, types, type_id, record_id)
    return sorted({(types[kind].to_type, to_id) for kind, to_id in rows})


def _becomes_primary(portal: Portal, ways: Direction, from_id: int, to_id: int) -> bool:
    """Whether this pair gives a contact, deal or ticket its first company (HS-30)."""
    if ways.primary is None or ways.default is None or not portal.knobs.first_company_becomes_primary:
        return False
    owner_id, kind, company = from_id, ways.default.kind, ways.to_type
    if ways.primary.role == "primary_inverse":
        owner_id, kind, company = to_id, ways.default.inverse, ways.from_type
    if company != association_types.COMPANY:
        return False
    sql = f"SELECT 1 FROM associations a JOIN {_records(portal, company)} WHERE from_id = ? AND kind = ? LIMIT 1"
    return portal.db.execute(sql, (owner_id, kind)).fetchone() is None


def _primary_of(ways: Direction) -> LinkType:
    if ways.primary is None:
        raise LookupError(f"no Primary from {ways.from_type} to {ways.to_type}")
    return ways.primary


def _demote(db: sqlite3.Connection, ways: Direction, from_id: int, to_id: int) -> None:
    """A record has one Primary: the old one keeps its unlabelled link."""
    primary = _primary_of(ways)
    kind, inverse = primary.kind, primary.inverse
    if primary.role == "primary_inverse":
        from_id, kind, inverse = to_id, inverse, kind
    old = db.execute("SELECT to_id FROM associations WHERE from_id = ? AND kind = ?", (from_id, kind)).fetchall()
    for (old_id,) in old:
        db.executemany(_DELETE, ((from_id, kind, old_id), (old_id, inverse, from_id)))


def _pair_kinds(db: sqlite3.Connection, ways: Direction, from_id: int, to_id: int) -> list[int]:
    if not ways.kinds:
        return []
    sql = f"SELECT kind FROM associations WHERE from_id = ? AND to_id = ? AND kind IN ({ways.kinds})"
    return [kind for (kind,) in db.execute(sql, (from_id, to_id))]


def _has(db: sqlite3.Connection, from_id: int, kind: int) -> bool:
    sql = "SELECT 1 FROM associations WHERE from_id = ? AND kind = ? LIMIT 1"
    return db.execute(sql, (from_id, kind)).fetchone() is not None


def _insert(db: sqlite3.Connection, ways: Direction, from_id: int, to_id: int, kinds: Iterable[int]) -> None:
    rows = [row for kind in kinds for row in _both(ways.by_kind[kind], from_id, to_id)]
    db.executemany(_INSERT, rows)


def _delete(db: sqlite3.Connection, ways: Direction, from_id: int, to_id: int, kinds: Iterable[int]) -> None:
    rows = [row for kind in kinds for row in _both(ways.by_kind[kind], from_id, to_id)]
    if rows:
        db.executemany(_DELETE, rows)


def _types_by_kind(db: sqlite3.Connection) -> dict[int, LinkType]:
    return {row[0]: LinkType(*row) for row in db.execute("SELECT * FROM association_types")}


def _both(link_type: LinkType, from_id: int, to_id: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Build the two rows of a link."""
    return (from_id, link_type.kind, to_id), (to_id, link_type.inverse, from_id)


def _rows_of(
    db: sqlite3.Connection, types: Mapping[int, LinkType], type_id: str, record_id: int
) -> list[tuple[int, int]]:
    """Give kind and other end of every link of a record; ids of other object types may be the same number."""
    rows = db.execute("SELECT kind, to_id FROM associations WHERE from_id = ?", (record_id,))
    return [(kind, to_id) for kind, to_id in rows if types[kind].from_type == type_id]


# --- reads ----------------------------------------------------------------------------------------------------------


class Page(NamedTuple):
    """Some of one record's associations in the order of the other ends' ids; `after` continues, None ends."""

    ends: dict[int, list[int]]
    """The kinds of the link to each other end."""
    after: int | None


def is_id(text: str) -> bool:
    """Tell whether a text can be a record id: decimal digits that fit a 64-bit number."""
    return text.isascii() and text.isdecimal() and len(text) < 19


def live_ids(portal: Portal, type_id: str, ids: Collection[int]) -> set[int]:
    """Give those of the records that are live."""
    marks = ",".join("?" * len(ids))
    sql = f"SELECT id FROM {portal.table(type_id).name} WHERE state = {State.LIVE:d} AND id IN ({marks})"
    return {record_id for (record_id,) in portal.db.execute(sql, list(ids))}


def page(portal: Portal, ways: Direction, from_id: int, *, size: int, after: int = 0) -> Page:
    """Read a page of one record's associations with live records; whether the record itself is live is not asked."""
    if not ways.kinds:
        return Page({}, None)
    sql = (
        f"SELECT to_id, kind FROM associations a JOIN {_records(portal, ways.to_type)}"
        f" WHERE from_id = ? AND kind IN ({ways.kinds}) AND to_id > ?"
        f" ORDER BY to_id LIMIT {(size + 1) * len(ways.by_kind)}"
    )
    ends: dict[int, list[int]] = {}
    for to_id, kind in portal.db.execute(sql, (from_id, after)):
        if to_id in ends:
            ends[to_id].append(kind)
        elif len(ends) < size:
            ends[to_id] = [kind]
        else:
            return Page(ends, next(reversed(ends)))
    return Page(ends, None)


def _records(portal: Portal, type_id: str) -> str:
    """Render the join that leaves links with live records."""
    return f"{portal.table(type_id).name} r ON r.id = a.to_id AND r.state = {State.LIVE:d}"


def is_linked(portal: Portal, from_id: int, kind: int, to_id: int) -> bool:
    """Tell whether two records have this type of link."""
    sql = "SELECT 1 FROM associations WHERE from_id = ? AND kind = ? AND to_id = ?"
    return portal.db.execute(sql, (from_id, kind, to_id)).fetchone() is not None


def count_ends(portal: Portal, from_id: int, kind: int) -> int:
    """Count the live records at the other end of one type of link."""
    type_row = portal.db.execute("SELECT to_type FROM association_types WHERE kind = ?", (kind,)).fetchone()
    sql = f"SELECT count(*) FROM associations a JOIN {_records(portal, type_row[0])} WHERE from_id = ? AND kind = ?"
    count: int = portal.db.execute(sql, (from_id, kind)).fetchone()[0]
    return count


def links_of(portal: Portal, type_id: str, record_id: int) -> list[dict[str, Any]]:
    """Give every link of a record, in a fixed order; none for an archived or merged one."""
    rows = portal.db.execute(
        "SELECT t.to_type, a.to_id, t.category, t.type_id, t.label FROM associations a JOIN association_types t"
        " USING (kind) WHERE a.from_id = ? AND t.from_type = ? ORDER BY t.to_type, a.to_id, t.category, t.type_id",
        (record_id, type_id),
    ).fetchall()
    ends: dict[str, set[int]] = {}
    for to_type, to_id, *_ in rows:
        ends.setdefault(to_type, set()).add(to_id)
    if not ends or not live_ids(portal, type_id, [record_id]):
        return []
    live = {to_type: live_ids(portal, to_type, ids) for to_type, ids in ends.items()}
    return [
        {
            "toObject": portal.types.resolve(to_type).name,
            "toId": str(to_id),
            "category": category,
            "typeId": number,
            "label": label,
        }
        for to_type, to_id, category, number, label in rows
        if to_id in live[to_type]
    ]


def kind_in_use(portal: Portal, kind: int) -> bool:
    """Tell whether any record has a link of this type."""
    # The key starts with from_id, so this reads the table: only deleting a label asks.
    return portal.db.execute("SELECT 1 FROM associations WHERE kind = ? LIMIT 1", (kind,)).fetchone() is not None


# --- inside other answers and bodies --------------------------------------------------------------------------------

INLINE_ENDS = 100


class NewLinks(NamedTuple):
    """What one entry of a create's `associations` asks for."""

    to_type: str
    to_id: int
    types: tuple[TypeKey, ...]


def inline(
    portal: Portal, type_id: str, ids: Iterable[int], to_types: Iterable[str], *, base_url: str
) -> dict[int, dict[str, Any]]:
    """Build the `associations` of records for list and get: one entry a type of link (HS-37)."""
    found: dict[int, dict[str, Any]] = {}
    wanted = [portal.types.resolve(name) for name in to_types]
    ways = [direction(portal, type_id, to_type.type_id) for to_type in wanted]
    for record_id in ids:
        for to_type, way in zip(wanted, ways, strict=True):
            ends, after = page(portal, way, record_id, size=INLINE_ENDS)
            if not ends:
                continue
            part: dict[str, Any] = {"results": inline_results(way, ends)}
            if after is not None:
                token = render_after(after)
                path = f"/crm/v3/objects/{type_id}/{record_id}/associations/{to_type.type_id}"
                link = f"{base_url}{path}?portalId={portal.portal_id}&after={token}"
                part["paging"] = {"next": {"after": token, "link": link}}
            found.setdefault(record_id, {})[to_type.inline_key] = part
    return found


def inline_results(ways: Direction, ends: Mapping[int, Iterable[int]]) -> list[dict[str, str]]:
    """Build v3's form of links: an id is there once a type."""
    return [
        {"id": str(to_id), "type": ways.by_kind[kind].name} for to_id, kinds in ends.items() for kind in sorted(kinds)
    ]


def render_after(to_id: int) -> str:
    """Build a paging token: base64, and percent-encoded already, as HubSpot sends it (HS-32)."""
    return quote(b64encode(f"0-0-{to_id}".encode()).decode(), safe="")


def parse_after(token: str) -> int:
    """Read a paging token, percent-encoded or not; ApiError 400 for anything else."""
    try:
        return int(b64decode(unquote(unquote(token)), validate=True).decode().rsplit("-", 1)[-1])
    except ValueError as error:
        message = f"Invalid paging token {token!r}: pass `after` on as the last page gave it"
        raise ApiError(400, message) from error


def parse_inline(portal: Portal, from_type: str, value: object) -> list[NewLinks]:
    """Check the `associations` of a create against types and live records; ApiError names what is wrong."""
    if not isinstance(value, list):
        raise ApiError(400, "Invalid input JSON: `associations` must be a list", category=None)
    return [_parse_new_links(portal, from_type, entry) for entry in value]


def link_inline(portal: Portal, from_type: str, from_id: int, links: Iterable[NewLinks], *, request: str = "") -> None:
    """Write what `parse_inline` checked, once the record exists."""
    for to_type, to_id, types in links:
        link(portal, from_type, from_id, to_type, to_id, types, request=request)


def _parse_new_links(portal: Portal, from_type: str, entry: object) -> NewLinks:
    try:
        to, types = entry["to"]["id"], entry["types"]  # type: ignore[index]
        keys = tuple((str(spec["associationCategory"]), int(spec["associationTypeId"])) for spec in types)
    except (KeyError, TypeError, ValueError) as error:
        message = "Invalid input JSON: each of `associations` needs `to.id` and `types` with category and type id"
        raise ApiError(400, message, category=None) from error
    to_types = {_to_type(portal, from_type, key) for key in keys}
    if len(to_types) != 1:
        raise ApiError(400, "The types of one association must lead to one object type", category="VALIDATION_ERROR")
    to_type = to_types.pop()
    if not is_id(str(to)):
        raise ApiError(400, f"{to} is not a valid ID", sub_category="crm.associations.INVALID_IDENTIFIER")
    if not live_ids(portal, to_type, [int(to)]):
        name = portal.types.resolve(to_type).singular
        raise ApiError(
            404,
            f"No {name} with ID {to} exists",
            category="OBJECT_NOT_FOUND",
            sub_category="crm.associations.TO_OBJECT_NOT_FOUND",
            context={"objectType": [name], "id": [str(to)]},
        )
    return NewLinks(to_type, int(to), keys)


def _to_type(portal: Portal, from_type: str, key: TypeKey) -> str:
    sql = "SELECT to_type FROM association_types WHERE from_type = ? AND category = ? AND type_id = ?"
    found = portal.db.execute(sql, (from_type, *key)).fetchone()
    if found is None:
        name = portal.types.resolve(from_type).singular.upper()
        raise ApiError(
            400,
            f"{render_key(key)} is not a valid association type from {name}",
            sub_category="crm.associations.INVALID_ASSOCIATION_TYPE",
            context={"type": [render_key(key)], "fromObjectType": [name]},
        )
    return str(found[0])


_CATEGORY_NUMBERS = {HUBSPOT_DEFINED: 0, USER_DEFINED: 1, "INTEGRATOR_DEFINED": 2}


def render_key(key: TypeKey) -> str:
    """Render a type as error messages do: the category's number, a dash, the id."""
    return f"{_CATEGORY_NUMBERS.get(key[0], key[0])}-{key[1]}"
