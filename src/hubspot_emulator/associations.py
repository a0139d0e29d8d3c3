"""Links between records: how they are stored, and the rules HubSpot applies when they are written.

A link is stored once in each direction, one row a type, so that every read is a range of one index. Types are data
too (`association_types`): the portal's labels stand beside the types HubSpot defines.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from hubspot_emulator import association_types
from hubspot_emulator.knobs import Knobs

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

HUBSPOT_DEFINED = "HUBSPOT_DEFINED"
USER_DEFINED = "USER_DEFINED"

TypeKey = tuple[str, int]
"""A type as requests name it: category and type id. The id alone says nothing: each category counts its own."""


@dataclass(frozen=True, kw_only=True)
class AssociationKnobs(Knobs):
    """The open questions about associations; a portal made with plain `Knobs` has these defaults."""

    archive_limit: int = 100
    """Inputs of batch/archive and batch/labels/archive: sources say 100 and 2,000."""
    first_company_becomes_primary: bool = True
    """The first company of a contact, deal or ticket becomes its Primary by itself."""
    ids_as_text: bool = False
    """`toObjectId` as text, as the dated specs say, instead of the number that real answers hold."""
    labels_per_pair: int = 10
    """Labels a portal may define for one direction."""
    missing_is_error: bool = True
    """batch/read reports a record without associations as an error (207) instead of leaving it out."""
    page_size: int = 500
    """Associations of one record on one page of batch/read."""


def association_knobs(portal: Portal) -> AssociationKnobs:
    """Give the portal's answers to the open questions about associations."""
    return portal.knobs if isinstance(portal.knobs, AssociationKnobs) else AssociationKnobs()


def _quoted(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _hubspot_types() -> Iterator[str]:
    lines = list(association_types.directions())
    kinds = {(line.from_type, line.to_type, line.type_id): kind for kind, line in enumerate(lines, start=1)}
    for kind, line in enumerate(lines, start=1):
        inverse = kinds[line.to_type, line.from_type, line.inverse_type_id]
        yield (
            f"({kind}, {_quoted(line.from_type)}, {_quoted(line.to_type)}, '{HUBSPOT_DEFINED}', {line.type_id},"
            f" {inverse}, {_quoted(line.role)}, {_quoted(line.name)}, {_quoted(line.label)})"
        )


SCHEMA = f"""
CREATE TABLE IF NOT EXISTS association_types (
  kind INTEGER PRIMARY KEY, from_type TEXT NOT NULL, to_type TEXT NOT NULL, category TEXT NOT NULL,
  type_id INTEGER NOT NULL, inverse INTEGER NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, label TEXT,
  UNIQUE (from_type, to_type, category, type_id)
);
CREATE TABLE IF NOT EXISTS associations (
  from_id INTEGER NOT NULL, kind INTEGER NOT NULL, to_id INTEGER NOT NULL, PRIMARY KEY (from_id, kind, to_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archived_associations (
  from_id INTEGER NOT NULL, kind INTEGER NOT NULL, to_id INTEGER NOT NULL, PRIMARY KEY (from_id, kind, to_id)
) WITHOUT ROWID;
INSERT OR IGNORE INTO association_types VALUES
{", ".join(_hubspot_types())};
"""


class LinkType(NamedTuple):
    """One direction of an association type, as stored."""

    kind: int
    from_type: str
    to_type: str
    category: str
    type_id: int
    inverse: int
    """The kind of the other direction; a type may be its own inverse."""
    role: str
    name: str
    label: str | None

    @property
    def key(self) -> TypeKey:
        """Give the pair that names the type within its direction."""
        return self.category, self.type_id


class Direction:
    """The types from one object type to another; read once a request."""

    def __init__(self, db: sqlite3.Connection, from_type: str, to_type: str) -> None:
        sql = "SELECT * FROM association_types WHERE from_type = ? AND to_type = ? ORDER BY kind"
        types = [LinkType(*row) for row in db.execute(sql, (from_type, to_type))]
        self.from_type, self.to_type = from_type, to_type
        self.by_key: Mapping[TypeKey, LinkType] = {link_type.key: link_type for link_type in types}
        self.by_kind: Mapping[int, LinkType] = {link_type.kind: link_type for link_type in types}
        self.default = next((link_type for link_type in types if link_type.role == "default"), None)
        self.primary = next((link_type for link_type in types if link_type.role.startswith("primary")), None)
        self.kinds = ",".join(str(kind) for kind in self.by_kind)


def direction(portal: Portal, from_type: str, to_type: str) -> Direction:
    """Read the types of one direction."""
    return Direction(portal.db, from_type, to_type)


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
        portal.db.executemany("INSERT OR IGNORE INTO associations VALUES (?, ?, ?)", there)
        portal.db.executemany("INSERT OR IGNORE INTO associations VALUES (?, ?, ?)", back)


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

    Labels of the portal that are not among `types` disappear; what HubSpot defined stays. The default is made beside
    a label, and the inverse of everything is written too.
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
    """Remove these types of a pair, or all; naming the default removes all. Tell whether anything was there."""
    ways = ways or direction(portal, from_type, to_type)
    held = set(_pair_kinds(portal.db, ways, from_id, to_id))
    named = {ways.by_key[key].kind for key in types} if types is not None else held
    gone = held if ways.default is not None and ways.default.kind in named else held & named
    _delete(portal.db, ways, from_id, to_id, gone)
    if gone:
        detail = {"to": to_type, "toId": str(to_id), "types": sorted(ways.by_kind[kind].type_id for kind in gone)}
        portal.log_event("dissociate", from_type, from_id, request, detail)
    return bool(gone)


def archive_links(portal: Portal, type_id: str, record_id: int) -> None:
    """Take an archived record out of everybody's associations; `restore_links` brings them back."""
    _move(portal.db, type_id, record_id, "associations", "archived_associations")


def restore_links(portal: Portal, type_id: str, record_id: int) -> None:
    """Bring the links of a record back."""
    _move(portal.db, type_id, record_id, "archived_associations", "associations")


def unite(portal: Portal, type_id: str, old_ids: Sequence[int], new_id: int) -> None:
    """Give a merge's survivor the links of all merged records; where Primaries clash the first one's stays."""
    db = portal.db
    types = _types_by_kind(db)
    for old_id in old_ids:
        rows = _rows_of(db, types, type_id, old_id)
        _remove_both(db, types, old_id, rows)
        for kind, to_id in rows:
            link_type = types[kind]
            same_type = link_type.to_type == type_id
            if same_type and (to_id in old_ids or to_id == new_id):
                continue
            if link_type.role == "primary" and _has(db, new_id, kind):
                continue
            db.executemany("INSERT OR IGNORE INTO associations VALUES (?, ?, ?)", _both(link_type, new_id, to_id))


def _becomes_primary(portal: Portal, ways: Direction, from_id: int, to_id: int) -> bool:
    """Whether this pair gives a contact, deal or ticket its first company."""
    if ways.primary is None or ways.default is None or not association_knobs(portal).first_company_becomes_primary:
        return False
    owner = (from_id, ways.default.kind)
    if ways.primary.role == "primary_inverse":
        owner = (to_id, ways.default.inverse)
    company = ways.from_type if ways.primary.role == "primary_inverse" else ways.to_type
    return company == association_types.COMPANY and not _has(portal.db, *owner)


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
        db.execute("DELETE FROM associations WHERE from_id = ? AND kind = ? AND to_id = ?", (from_id, kind, old_id))
        db.execute("DELETE FROM associations WHERE from_id = ? AND kind = ? AND to_id = ?", (old_id, inverse, from_id))


def _pair_kinds(db: sqlite3.Connection, ways: Direction, from_id: int, to_id: int) -> list[int]:
    sql = f"SELECT kind FROM associations WHERE from_id = ? AND to_id = ? AND kind IN ({ways.kinds})"
    return [kind for (kind,) in db.execute(sql, (from_id, to_id))]


def _has(db: sqlite3.Connection, from_id: int, kind: int) -> bool:
    sql = "SELECT 1 FROM associations WHERE from_id = ? AND kind = ? LIMIT 1"
    return db.execute(sql, (from_id, kind)).fetchone() is not None


def _insert(db: sqlite3.Connection, ways: Direction, from_id: int, to_id: int, kinds: Iterable[int]) -> None:
    rows = [row for kind in kinds for row in _both(ways.by_kind[kind], from_id, to_id)]
    db.executemany("INSERT OR IGNORE INTO associations VALUES (?, ?, ?)", rows)


def _delete(db: sqlite3.Connection, ways: Direction, from_id: int, to_id: int, kinds: Iterable[int]) -> None:
    rows = [row for kind in kinds for row in _both(ways.by_kind[kind], from_id, to_id)]
    if rows:
        db.executemany("DELETE FROM associations WHERE from_id = ? AND kind = ? AND to_id = ?", rows)


def _types_by_kind(db: sqlite3.Connection) -> dict[int, LinkType]:
    return {row[0]: LinkType(*row) for row in db.execute("SELECT * FROM association_types")}


def _both(link_type: LinkType, from_id: int, to_id: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Build the two rows of a link."""
    return (from_id, link_type.kind, to_id), (to_id, link_type.inverse, from_id)


def _rows_of(
    db: sqlite3.Connection, types: Mapping[int, LinkType], type_id: str, record_id: int, table: str = "associations"
) -> list[tuple[int, int]]:
    """Give kind and other end of every link of a record; ids of other object types may be the same number."""
    rows = db.execute(f"SELECT kind, to_id FROM {table} WHERE from_id = ?", (record_id,))
    return [(kind, to_id) for kind, to_id in rows if types[kind].from_type == type_id]


def _remove_both(
    db: sqlite3.Connection,
    types: Mapping[int, LinkType],
    record_id: int,
    rows: Iterable[tuple[int, int]],
    table: str = "associations",
) -> None:
    for kind, to_id in rows:
        doomed = _both(types[kind], record_id, to_id)
        db.executemany(f"DELETE FROM {table} WHERE from_id = ? AND kind = ? AND to_id = ?", doomed)


def _move(db: sqlite3.Connection, type_id: str, record_id: int, source: str, target: str) -> None:
    types = _types_by_kind(db)
    rows = _rows_of(db, types, type_id, record_id, source)
    _remove_both(db, types, record_id, rows, source)
    for kind, to_id in rows:
        rows_of_link = _both(types[kind], record_id, to_id)
        db.executemany(f"INSERT OR IGNORE INTO {target} VALUES (?, ?, ?)", rows_of_link)


# --- reads ----------------------------------------------------------------------------------------------------------


class Page(NamedTuple):
    """Some of one record's associations in the order of the other ends' ids; `after` continues, None ends."""

    ends: dict[int, list[int]]
    """The kinds of the link to each other end."""
    after: int | None


def page(db: sqlite3.Connection, ways: Direction, from_id: int, *, size: int, after: int = 0) -> Page:
    """Read a page of one record's associations."""
    sql = (
        f"SELECT to_id, kind FROM associations WHERE from_id = ? AND kind IN ({ways.kinds}) AND to_id > ?"
        f" ORDER BY to_id LIMIT {(size + 1) * max(1, len(ways.by_kind))}"
    )
    ends: dict[int, list[int]] = {}
    for to_id, kind in db.execute(sql, (from_id, after)):
        if to_id in ends:
            ends[to_id].append(kind)
        elif len(ends) < size:
            ends[to_id] = [kind]
        else:
            return Page(ends, next(reversed(ends)))
    return Page(ends, None)


def links_of(portal: Portal, type_id: str, record_id: int) -> list[dict[str, Any]]:
    """Give every link of a record, in a fixed order; none for an archived or merged one."""
    rows = portal.db.execute(
        "SELECT t.to_type, a.to_id, t.category, t.type_id, t.label FROM associations a JOIN association_types t"
        " USING (kind) WHERE a.from_id = ? AND t.from_type = ? ORDER BY t.to_type, a.to_id, t.category, t.type_id",
        (record_id, type_id),
    )
    return [
        {
            "toObject": portal.types.resolve(to_type).name,
            "toId": str(to_id),
            "category": category,
            "typeId": number,
            "label": label,
        }
        for to_type, to_id, category, number, label in rows
    ]


def kind_in_use(portal: Portal, kind: int) -> bool:
    """Tell whether any record has a link of this type."""
    # The key starts with from_id, so this reads the table: only deleting a label asks.
    return portal.db.execute("SELECT 1 FROM associations WHERE kind = ? LIMIT 1", (kind,)).fetchone() is not None
