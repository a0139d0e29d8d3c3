"""Calls, emails, meetings, notes and tasks of a generated portal, with whom and about what they were."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING

import msgspec

from hubspot_emulator import associations, owners, timestamps
from hubspot_emulator.object_types import ACTIVITIES
from hubspot_emulator.samples import COMPANY, CONTACT, DAY_MS, DEAL, FIRST_NAMES, LAST_NAMES, TEXTS, TICKET, WORDS
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Values = dict[str, str]
Build = Callable[[Random, int], Values]

TASK, NOTE, MEETING, CALL, EMAIL = ACTIVITIES
SPAN_MS = 700 * DAY_MS
QUIET_MS = 1_800_000
CONTACTS_PER_ACTIVITY = 20
"""One activity of each type for so many contacts."""
SHARES = ((CONTACT, 0.8), (COMPANY, 0.4), (DEAL, 0.3), (TICKET, 0.1))
"""How many of the activities are about a record of each type."""
LONGEST_NOTE = "<p>" + "Minutes of the meeting; ünïcödé, too. " * 1_724 + "</p>"
"""Just under the 65,536 characters that a note may have."""
_USER_ID = 12_282_590
_BODY_LIMIT = 255
_TAG = re.compile(r"<[^>]*>")


def fill(portal: Portal, seed: int) -> None:
    """Make the activities of a portal that has its records."""
    rng = Random(f"activities {seed}")  # noqa: S311 - repeatable on purpose
    people = {type_id: _live_ids(portal, type_id) for type_id, _ in SHARES}
    contacts = len(people[CONTACT])
    count = max(min(contacts, 5), contacts // CONTACTS_PER_ACTIVITY)
    owner_ids = owners.live_ids(portal)
    for type_id, build in _BUILDS:
        made = portal.load_records(type_id, _rows(rng, count, build, owner_ids, portal.now_ms()))
        for to_type, share in SHARES:
            _link(portal, rng, (type_id, made), (to_type, people[to_type]), share)
        with portal.acting(portal.now_ms() - QUIET_MS, "API"):
            for record_id in made[7::50]:
                portal.archive_record(type_id, record_id, request="generator")


def _live_ids(portal: Portal, type_id: str) -> list[int]:
    sql = f"SELECT id FROM {portal.table(type_id).name} WHERE state = {State.LIVE:d} ORDER BY id"
    return [record_id for (record_id,) in portal.db.execute(sql)]


def _rows(
    rng: Random, count: int, build: Build, owner_ids: Sequence[str], now_ms: int
) -> Iterator[tuple[Values, int, int]]:
    first = now_ms - QUIET_MS - SPAN_MS
    for created in sorted(first + int(rng.random() * SPAN_MS) for _ in range(count)):
        updated = created if rng.random() < 0.6 else created + int(rng.random() * (first + SPAN_MS - created))
        values = {name: value for name, value in build(rng, created).items() if value}
        values |= {"hs_created_by_user_id": str(_USER_ID), "hs_updated_by_user_id": str(_USER_ID)}
        if owner_ids and rng.random() < 0.9:
            values["hubspot_owner_id"] = rng.choice(owner_ids)
        yield values | {"hs_engagement_source": "CRM_UI"}, created, updated


def _link(
    portal: Portal, rng: Random, made: tuple[str, Sequence[int]], others: tuple[str, Sequence[int]], share: float
) -> None:
    (from_type, from_ids), (to_type, to_ids) = made, others
    default = associations.direction(portal, from_type, to_type).default
    if default is None or not to_ids:
        return
    pairs = [
        (from_id, to_id)
        for from_id in from_ids
        if rng.random() < share
        for to_id in rng.sample(to_ids, min(len(to_ids), rng.choice((1, 1, 1, 2, 3))))
    ]
    associations.load_pairs(portal, from_type, to_type, default.category, default.type_id, pairs)


def _body(name: str, text: str) -> Values:
    plain = _TAG.sub("", text)
    shown = {
        "hs_body_preview": plain[:_BODY_LIMIT],
        "hs_body_preview_is_truncated": str(len(plain) > _BODY_LIMIT).lower(),
    }
    return {name: text} | (shown if text else {})


def _moment(rng: Random, created: int) -> str:
    """When it took or takes place: mostly when it was written down."""
    return timestamps.render_ms(created + (0 if rng.random() < 0.7 else int((rng.random() - 0.5) * 20 * DAY_MS)))


def _build_note(rng: Random, created: int) -> Values:
    text = LONGEST_NOTE if rng.random() < 0.02 else f"<p>{rng.choice(TEXTS)}</p>"
    attachments = ";".join(str(4_241_968_539 + rng.randint(0, 999)) for _ in range(rng.choice((0, 0, 0, 1, 2))))
    return _body("hs_note_body", text) | {
        "hs_timestamp": timestamps.render_ms(created),
        "hs_attachment_ids": attachments,
    }


def _build_task(rng: Random, created: int) -> Values:
    due = created + rng.randint(0, 30) * DAY_MS
    done = rng.random() < 0.5
    return _body("hs_task_body", rng.choice(("", *TEXTS))) | {
        "hs_timestamp": timestamps.render_ms(due),
        "hs_task_subject": f"Follow up: {rng.choice(WORDS)}",
        "hs_task_status": "COMPLETED" if done else rng.choice(("NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED")),
        "hs_task_priority": rng.choice(("NONE", "LOW", "MEDIUM", "HIGH")),
        "hs_task_type": rng.choice(("TODO", "CALL", "EMAIL")),
        "hs_task_completion_date": timestamps.render_ms(due) if done else "",
        "hs_task_reminders": str(due - DAY_MS // 8) if rng.random() < 0.3 else "",
    }


def _build_call(rng: Random, created: int) -> Values:
    connected = rng.random() < 0.7
    return _body("hs_call_body", rng.choice(("", *TEXTS))) | {
        "hs_timestamp": _moment(rng, created),
        "hs_call_title": f"Call with {rng.choice(FIRST_NAMES)}",
        "hs_call_direction": rng.choice(("INBOUND", "OUTBOUND")),
        "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7" if connected else "",
        "hs_call_duration": str(rng.randint(0, 3_600_000)) if connected else "0",
        "hs_call_from_number": f"+1555010{rng.randint(0, 9999):04d}",
        "hs_call_to_number": f"+1555010{rng.randint(0, 9999):04d}",
        "hs_call_status": "COMPLETED" if connected else rng.choice(("NO_ANSWER", "BUSY", "CANCELED")),
    }


def _build_meeting(rng: Random, created: int) -> Values:
    start = created + rng.randint(-3, 20) * DAY_MS // 2
    return _body("hs_meeting_body", rng.choice(TEXTS)) | {
        "hs_timestamp": timestamps.render_ms(start),
        "hs_meeting_title": f"{rng.choice(WORDS).capitalize()} review",
        "hs_meeting_start_time": timestamps.render_ms(start),
        "hs_meeting_end_time": timestamps.render_ms(start + rng.choice((15, 30, 60)) * 60_000),
        "hs_meeting_location": rng.choice(("", "Room 4; 2nd floor", "https://meet.example.com/x?a=1&b=2")),
        "hs_meeting_outcome": rng.choice(("", "SCHEDULED", "COMPLETED", "NO_SHOW", "CANCELED")),
    }


def _build_email(rng: Random, created: int) -> Values:
    text = rng.choice(TEXTS)
    sender, receiver = f"owner{rng.randint(0, 24)}@example.com", f"contact{rng.randint(0, 999)}@example.net"
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    headers = {
        "from": {"email": sender, "firstName": first, "lastName": last},
        "to": [{"email": receiver, "raw": f'"{first}" <{receiver}>'}],
        "cc": [],
        "bcc": [],
    }
    return _body("hs_email_text", text) | {
        "hs_timestamp": _moment(rng, created),
        "hs_email_html": f"<html><body><p>{text}</p></body></html>",
        "hs_email_subject": f"Re: {rng.choice(WORDS)}",
        "hs_email_direction": rng.choice(("EMAIL", "EMAIL", "EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL")),
        "hs_email_status": rng.choice(("SENT", "SENT", "SENT", "BOUNCED", "SCHEDULED")),
        "hs_email_from_email": sender,
        "hs_email_to_email": receiver,
        "hs_email_headers": msgspec.json.encode(headers).decode(),
    }


_BUILDS: tuple[tuple[str, Build], ...] = (
    (NOTE, _build_note),
    (TASK, _build_task),
    (CALL, _build_call),
    (MEETING, _build_meeting),
    (EMAIL, _build_email),
)
