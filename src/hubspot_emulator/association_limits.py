"""How many records of a type a record may have under one association type, as administrators lower it (HS-61)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubspot_emulator.association_types import LinkType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS association_limits (kind INTEGER PRIMARY KEY, most INTEGER NOT NULL);
"""


def own_limit(portal: Portal, kind: int) -> int | None:
    """Give the limit that somebody set for one direction of an association type."""
    row = portal.db.execute("SELECT most FROM association_limits WHERE kind = ?", (kind,)).fetchone()
    return row[0] if row else None


def limit_of(portal: Portal, kind: int) -> int | None:
    """Give the limit that holds: one that was set, or else the portal's."""
    found = own_limit(portal, kind)
    return portal.knobs.ends_per_record if found is None else found


def limited(portal: Portal) -> list[tuple[LinkType, int]]:
    """Give every type that has a limit of its own."""
    sql = (
        "SELECT t.kind, from_type, to_type, category, type_id, inverse, role, name, label, most"
        " FROM association_limits JOIN association_types t USING (kind) ORDER BY kind"
    )
    return [(LinkType(*row[:9]), row[9]) for row in portal.db.execute(sql)]


def set_limit(portal: Portal, kind: int, most: int) -> None:
    """Set a limit."""
    portal.db.execute("INSERT OR REPLACE INTO association_limits VALUES (?, ?)", (kind, most))


def remove_limit(portal: Portal, kind: int) -> None:
    """Take a limit away."""
    portal.db.execute("DELETE FROM association_limits WHERE kind = ?", (kind,))
