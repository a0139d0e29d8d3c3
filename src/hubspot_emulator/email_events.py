"""Events of e-mails: sent, delivered, opened and so on, the latest first (HS-52)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import feeds, parsing
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS email_events (
    created_ms INTEGER, id TEXT, type TEXT NOT NULL, recipient TEXT NOT NULL, campaign_id INTEGER NOT NULL,
    app_id INTEGER NOT NULL, filtered INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (created_ms, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS email_events_campaign ON email_events (campaign_id, created_ms, id);
CREATE INDEX IF NOT EXISTS email_events_recipient ON email_events (recipient, created_ms, id);
"""
EVENT_TYPES = (
    "BOUNCE",
    "CLICK",
    "DEFERRED",
    "DELIVERED",
    "DROPPED",
    "FORWARD",
    "OPEN",
    "PRINT",
    "PROCESSED",
    "SENT",
    "SPAMREPORT",
    "STATUSCHANGE",
    "SUPPRESSED",
    "UNBOUNCE",
)
LAST_MOMENT = 1 << 61


def load(portal: Portal, events: Iterable[Mapping[str, Any]]) -> None:
    """Store events given in HubSpot's JSON."""
    portal.db.executemany(
        "INSERT INTO email_events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                event["created"],
                event["id"],
                event["type"],
                event["recipient"],
                event["emailCampaignId"],
                event["appId"],
                event.get("filteredEvent", False),
                msgspec.json.encode(event),
            )
            for event in events
        ),
    )


def list_events(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of events, the latest first; both ends of the time asked for belong to it."""
    known = ("appId", "campaignId", "endTimestamp", "eventType", "excludeFilteredEvents", "limit", "offset")
    parsing.known_parameters(request, (*known, "recipient", "startTimestamp"))
    size = feeds.limit(request, default=10, most=1000)
    conditions, values = _conditions(portal, request)
    position = feeds.read_offset(portal, request)
    rows = portal.db.execute(
        f"SELECT created_ms, id, body FROM email_events WHERE (created_ms, id) < (?, ?) {conditions}"
        " ORDER BY created_ms DESC, id DESC LIMIT ?",
        (*position, *values, size + 1),
    ).fetchall()
    page = rows[:size]
    answer: dict[str, Any] = {"hasMore": len(rows) > size, "events": [msgspec.Raw(body) for _, _, body in page]}
    if page:
        answer["offset"] = feeds.encode_offset(portal, page[-1][0], page[-1][1])
    return json_response(answer)


def one_event(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the event of a moment and an id."""
    parsing.known_parameters(request, ())
    created, event_id = request.params["created"], request.params["eventId"]
    number = int(created) if created.isdecimal() and len(created) < 19 else -1
    sql = "SELECT body FROM email_events WHERE created_ms = ? AND id = ?"
    found = portal.db.execute(sql, (number, event_id)).fetchone()
    if found is None or number < feeds.oldest(portal, portal.knobs.email_event_days):
        raise ApiError(404, f"resource not found: event {event_id} of {created}", category="OBJECT_NOT_FOUND")
    return ApiResponse(body=found[0])


def _conditions(portal: Portal, request: ApiRequest) -> tuple[str, list[object]]:
    start = max(feeds.moment(request, "startTimestamp", 0), feeds.oldest(portal, portal.knobs.email_event_days))
    found, values = ["created_ms BETWEEN ? AND ?"], [start, feeds.moment(request, "endTimestamp", LAST_MOMENT)]
    wanted: list[object] = [*values]
    for name, column in (("campaignId", "campaign_id"), ("appId", "app_id")):
        if (given := parsing.one(request, name)) is not None:
            _paired(request, name)
            found.append(f"{column} = ?")
            wanted.append(_whole(name, given))
    if (kind := parsing.one(request, "eventType")) is not None:
        if kind not in EVENT_TYPES:
            raise ApiError(400, f"eventType must be one of {', '.join(EVENT_TYPES)}, not {kind}")
        found.append("type = ?")
        wanted.append(kind)
    if (recipient := parsing.one(request, "recipient")) is not None:
        found.append("recipient = ?")
        wanted.append(recipient.lower())
    if parsing.flag(request, "excludeFilteredEvents"):
        found.append("NOT filtered")
    return "".join(f" AND {each}" for each in found), wanted


def _paired(request: ApiRequest, name: str) -> None:
    other = {"campaignId": "appId", "appId": "campaignId"}[name]
    if parsing.one(request, other) is None:
        raise ApiError(400, f"{name} needs {other}: a campaign is named by both")


def _whole(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise ApiError(400, f"{name} must be a whole number, not {text}")
    return int(text)


def counters(portal: Portal, campaign_id: int) -> dict[str, int]:
    """Count a campaign's events by type, in the words of campaign details."""
    sql = "SELECT type, count(*) FROM email_events WHERE campaign_id = ? GROUP BY type ORDER BY type"
    return {kind.lower(): count for kind, count in portal.db.execute(sql, (campaign_id,))}


def latest(portal: Portal) -> dict[int, int]:
    """Give the moment of each campaign's latest event."""
    sql = "SELECT campaign_id, max(created_ms) FROM email_events GROUP BY campaign_id"
    return dict(portal.db.execute(sql).fetchall())


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every event, the earliest first; what is no longer kept is gone."""
    first = feeds.oldest(portal, portal.knobs.email_event_days)
    for created_ms, body in portal.db.execute("SELECT created_ms, body FROM email_events ORDER BY created_ms, id"):
        yield msgspec.json.decode(body) | {"state": "live" if created_ms >= first else "gone"}


ROUTES: tuple[Route, ...] = tuple(
    Route(method="GET", template=template, handler=handler, version="v1", scopes=feeds.content_scopes)
    for template, handler in (
        ("/email/public/v1/events", list_events),
        ("/email/public/v1/events/{created}/{eventId}", one_event),
    )
)
