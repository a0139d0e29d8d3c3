"""The timeline of subscription changes, the latest first (HS-53)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import feeds, parsing
from hubspot_emulator.email_events import LAST_MOMENT
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

CHANGE_TYPES = (
    "PORTAL_BOUNCE",
    "PORTAL_SPAM_REPORT",
    "PORTAL_STATUS",
    "SUBSCRIPTION_SPAM_REPORT",
    "SUBSCRIPTION_STATUS",
)


def list_timeline(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of the timeline; of an entry only the changes of the type asked for."""
    known = ("changeType", "endTimestamp", "includeSnapshots", "limit", "offset", "recipient", "startTimestamp")
    parsing.known_parameters(request, known)
    kind = parsing.one(request, "changeType")
    if kind is not None and kind not in CHANGE_TYPES:
        raise ApiError(400, f"changeType must be one of {', '.join(CHANGE_TYPES)}, not {kind}")
    snapshots = parsing.flag(request, "includeSnapshots")
    size = feeds.limit(request, default=portal.knobs.timeline_page, most=1000)
    rows = _rows(portal, request, kind, size + 1)
    page = rows[:size]
    entries = [_render(body, kind, snapshots=snapshots) for _, _, body in page]
    answer: dict[str, Any] = {"hasMore": len(rows) > size, "timeline": entries}
    if page:
        answer["offset"] = feeds.encode_offset(portal, page[-1][0], page[-1][1])
    return json_response(answer)


def _rows(portal: Portal, request: ApiRequest, kind: str | None, size: int) -> list[tuple[int, str, bytes]]:
    recipient = parsing.one(request, "recipient")
    return portal.db.execute(
        "SELECT at_ms, id, body FROM subscription_timeline WHERE (at_ms, id) < (?, ?) AND at_ms BETWEEN ? AND ?"
        " AND (? IS NULL OR recipient = ?) AND (? IS NULL OR instr(body, CAST(? AS BLOB)))"
        " ORDER BY at_ms DESC, id DESC LIMIT ?",
        (
            *feeds.read_offset(portal, request),
            max(feeds.moment(request, "startTimestamp", 0), feeds.oldest(portal, portal.knobs.timeline_days)),
            feeds.moment(request, "endTimestamp", LAST_MOMENT),
            recipient,
            None if recipient is None else recipient.lower(),
            kind,
            f'"changeType":"{kind}"',
            size,
        ),
    ).fetchall()


def _render(body: bytes, kind: str | None, *, snapshots: bool) -> dict[str, Any]:
    entry: dict[str, Any] = msgspec.json.decode(body)
    if not snapshots:
        del entry["snapshot"]
    if kind is not None:
        entry["changes"] = [each for each in entry["changes"] if each["changeType"] == kind]
    return entry


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every entry, the earliest first, without snapshots; what is no longer kept is gone."""
    first = feeds.oldest(portal, portal.knobs.timeline_days)
    for at_ms, body in portal.db.execute("SELECT at_ms, body FROM subscription_timeline ORDER BY at_ms, id"):
        yield _render(body, None, snapshots=False) | {"state": "live" if at_ms >= first else "gone"}


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        template="/email/public/v1/subscriptions/timeline",
        handler=list_timeline,
        version="v1",
        scopes=feeds.content_scopes,
    ),
)
