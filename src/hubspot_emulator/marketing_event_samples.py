"""The marketing events of a generated portal: past, running, coming and cancelled ones, and who took part."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hubspot_emulator import event_participations
from hubspot_emulator.event_participations import CANCELLED, JOINED, LEFT, REGISTERED
from hubspot_emulator.people import QUIET_MS
from hubspot_emulator.samples import CONTACT, DAY_MS, TEXTS, WORDS
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

EVENT = "0-54"
LEAST, MOST, CONTACTS_PER_EVENT = 6, 40, 500
HOUR_MS = 3_600_000


def fill(portal: Portal, seed: int) -> None:
    """Make the events of a portal that has contacts; adding participants does not move an event's modified date."""
    rng = Random(f"marketing events {seed}")  # noqa: S311 - repeatable on purpose
    sql = f"SELECT id FROM {portal.table(CONTACT).name} WHERE state = 0 ORDER BY id LIMIT 5000"
    contacts = [record for (record,) in portal.db.execute(sql)]
    if not contacts:
        return
    last = portal.now_ms() - QUIET_MS
    count = min(MOST, max(LEAST, len(contacts) // CONTACTS_PER_EVENT))
    rows, starts = [], []
    for number in range(1, count + 1):
        created = last - (count - number + 1) * 17 * DAY_MS
        starts.append(created + rng.randint(1, 30) * DAY_MS)
        rows.append((_event(rng, number, starts[-1]), created, created + rng.randint(0, last - created)))
    made = list(portal.load_records(EVENT, rows))
    for event_id, start in zip(made, starts, strict=True):
        for contact in rng.sample(contacts, min(len(contacts), rng.randint(3, 25))):
            _take_part(portal, rng, (event_id, contact), start, last)
    with portal.acting(last, "CRM_UI"):
        portal.archive_record(EVENT, made[-2], request="generator")


def _event(rng: Random, number: int, start: int) -> dict[str, str]:
    values = {
        "hs_event_name": f"{rng.choice(WORDS).capitalize()} day {number}",
        "hs_event_organizer": rng.choice(("Alice", "Marketing", "日本 team")),
        "hs_external_event_id": f"event-{number:04d}",
        "hs_external_account_id": "account-1",
        "hs_event_cancelled": str(number % 5 == 4).lower(),
        "hs_event_completed": str(number % 3 == 1).lower(),
    }
    if rng.random() < 0.9:
        values |= {"hs_start_datetime": render_ms(start), "hs_end_datetime": render_ms(start + 4 * HOUR_MS)}
    optional = {
        "hs_event_type": rng.choice(("WEBINAR", "CONFERENCE", "Workshop")),
        "hs_event_description": rng.choice(TEXTS),
        "hs_event_url": f"https://events.example.com/{number}?a=1&b=ü",
    }
    return values | {name: value for name, value in optional.items() if rng.random() < 0.7}


def _take_part(portal: Portal, rng: Random, who: tuple[int, int], start: int, last: int) -> None:
    registered = min(start, last) - rng.randint(1, 10 * DAY_MS)

    def note(kind: str, at_ms: int) -> None:
        if at_ms <= last:
            event_participations.note(portal.db, *who, kind, at_ms, at_ms)

    drawn = rng.random()
    if drawn < 0.95:
        note(REGISTERED, registered)
    if drawn < 0.15:
        note(CANCELLED, registered + rng.randint(1, DAY_MS // 2))
    elif drawn > 0.5:
        joined = start + rng.randint(0, HOUR_MS)
        note(JOINED, joined)
        note(LEFT, joined + rng.randint(60_000, 3 * HOUR_MS))
