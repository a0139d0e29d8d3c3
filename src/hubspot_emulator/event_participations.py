"""Who registered for, joined, left or cancelled which marketing event: one row a moment, one participation a contact."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS event_participations (
    seq INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, contact_id INTEGER NOT NULL, kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL, noted_ms INTEGER NOT NULL, UNIQUE (event_id, contact_id, kind, at_ms));
CREATE INDEX IF NOT EXISTS event_participations_contact ON event_participations (contact_id);
"""

REGISTERED, JOINED, LEFT, CANCELLED = "REGISTERED", "JOINED", "LEFT", "CANCELLED"
_FIRST_ID = 560_628_475_813


class Participation(NamedTuple):
    """A contact's part in an event, from all of its moments."""

    id: int
    event_id: int
    contact_id: int
    noted_ms: int
    moments: dict[str, int]
    """The latest of each kind."""

    @property
    def registered(self) -> bool:
        """Whether the contact ever registered."""
        return REGISTERED in self.moments

    @property
    def attended(self) -> bool:
        """Whether the contact was there."""
        return JOINED in self.moments or LEFT in self.moments

    @property
    def cancelled(self) -> bool:
        """Whether the contact cancelled last."""
        return self.moments.get(CANCELLED, 0) > max(0, *(self.moments.get(each, 0) for each in (REGISTERED, JOINED)))

    def state(self, *, over: bool) -> str:
        """Name the state as HubSpot does; who registered and was not there when the event is over did not show."""
        if self.attended:
            return "ATTENDED"
        if self.cancelled:
            return "CANCELLED"
        return "NO_SHOW" if over else "REGISTERED"

    @property
    def occurred_ms(self) -> int:
        """Tell when the state came about."""
        return self.moments.get(JOINED) or max(self.moments.values())

    @property
    def seconds(self) -> int | None:
        """Tell how long the contact was there."""
        if JOINED not in self.moments or LEFT not in self.moments:
            return None
        return max(0, self.moments[LEFT] - self.moments[JOINED]) // 1000


def note(db: sqlite3.Connection, event_id: int, contact_id: int, kind: str, at_ms: int, noted_ms: int) -> bool:
    """Remember one moment; False where that is known."""
    sql = "INSERT OR IGNORE INTO event_participations (event_id, contact_id, kind, at_ms, noted_ms) VALUES (?, ?, ?, ?, ?)"
    return db.execute(sql, (event_id, contact_id, kind, at_ms, noted_ms)).rowcount > 0


def moments(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Give every moment, as the control server shows it."""
    sql = (
        "SELECT event_id, contact_id, kind, at_ms FROM event_participations ORDER BY event_id, contact_id, kind, at_ms"
    )
    for event_id, contact_id, kind, at_ms in db.execute(sql):
        yield {"eventId": str(event_id), "contactId": str(contact_id), "kind": kind, "atMs": at_ms}


def of_event(db: sqlite3.Connection, event_id: int) -> list[Participation]:
    """Give an event's participations, by id."""
    return _grouped(db, "event_id = ?", event_id)


def of_contact(db: sqlite3.Connection, contact_id: int) -> list[Participation]:
    """Give a contact's participations, by id."""
    return _grouped(db, "contact_id = ?", contact_id)


def _grouped(db: sqlite3.Connection, where: str, value: int) -> list[Participation]:
    sql = (
        f"SELECT seq, event_id, contact_id, kind, at_ms, noted_ms FROM event_participations WHERE {where} ORDER BY seq"
    )
    found: dict[tuple[int, int], Participation] = {}
    for seq, event_id, contact_id, kind, at_ms, noted_ms in db.execute(sql, (value,)):
        made = Participation(_FIRST_ID + seq, event_id, contact_id, noted_ms, {})
        part = found.setdefault((event_id, contact_id), made)
        part.moments[kind] = max(at_ms, part.moments.get(kind, 0))
    return list(found.values())
