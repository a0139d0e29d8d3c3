"""Engagements v1: calls, emails, meetings, notes and tasks in one feed (HS-56)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import activity_samples, associations, engagement_bodies, engagement_writes, parsing
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ACTIVITIES
from hubspot_emulator.samples import DAY_MS
from hubspot_emulator.storage import Row, State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

RECENT_MS = 30 * DAY_MS
MOST_RECENT = 10_000
_SCOPE = "crm.objects.contacts.read"
_COLUMNS = "id, state, created_ms, updated_ms, archived_ms, merged_into, properties"
_CURSOR = re.compile(r"(\d+)(?:-(\d+))?")

Found = list[tuple[str, Row]]


def _read(portal: Portal, where: str, values: Sequence[object], order: str, limit: int, skip: int = 0) -> Found:
    """Read live activities of all types in one order."""
    parts = [
        f"SELECT * FROM (SELECT '{type_id}', {_COLUMNS} FROM {portal.table(type_id).name}"
        f" WHERE state = {State.LIVE:d} AND {where} ORDER BY {order} LIMIT {limit + skip})"
        for type_id in ACTIVITIES
    ]
    sql = f"{' UNION ALL '.join(parts)} ORDER BY {order} LIMIT {limit} OFFSET {skip}"
    return [(row[0], Row._make(row[1:])) for row in portal.db.execute(sql, [*values] * len(ACTIVITIES))]


def _whole(request: ApiRequest, name: str, default: int, most: int | None = None) -> int:
    given = parsing.one(request, name)
    if given is None:
        return default
    if not associations.is_id(given):
        raise ApiError(400, f"{name} must be a whole number, not {given}")
    return int(given) if most is None else min(int(given), most)


def list_all(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer all engagements by id; `offset` is the first id that was not shown."""
    parsing.known_parameters(request, ("count", "limit", "offset"))  # HS-73: count is passed over
    limit, offset = _whole(request, "limit", 100, 250) or 100, _whole(request, "offset", 0)
    found = _read(portal, "id >= ?", (offset,), "id", limit + 1)
    return _page(portal, request, found, limit)


def list_recent(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer what changed in the last 30 days, newest first, up to the ten-thousandth."""
    parsing.known_parameters(request, ("count", "offset", "since"))
    count, offset = _whole(request, "count", 20, 100) or 20, _whole(request, "offset", 0)
    since = max(_whole(request, "since", 0), portal.now_ms() - RECENT_MS)
    if offset + count > MOST_RECENT:
        raise ApiError(400, "Cannot fetch more than 10000 total records for this endpoint", category=None)
    found = _read(portal, "updated_ms >= ?", (since,), "updated_ms DESC, id DESC", count + 1, offset)
    total = sum(
        portal.db.execute(
            f"SELECT count(*) FROM {portal.table(each).name} WHERE state = {State.LIVE:d} AND updated_ms >= ?", (since,)
        ).fetchone()[0]
        for each in ACTIVITIES
    )
    results = engagement_bodies.render(portal, found[:count], request.granted)
    return json_response(
        {
            "results": results,
            "hasMore": len(found) > count,
            "offset": offset + len(results),
            "total": min(total, MOST_RECENT),
        }
    )


def list_modified_after(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer what changed since a moment or a cursor, without order inside a page; nothing at all without the scope."""
    parsing.known_parameters(request, ("after", "limit"))
    limit = _whole(request, "limit", 100, 1000) or 100
    given = parsing.one(request, "after") or "0"
    cursor = _CURSOR.fullmatch(given)
    if cursor is None:
        raise ApiError(400, f"after must be a moment in milliseconds or what the last page gave, not {given}")
    if _SCOPE not in request.granted:
        return json_response({"results": [], "hasMore": False})
    # Of a moment, everything of that millisecond is shown; of a cursor, what comes behind it.
    moment, last_id = int(cursor[1]), int(cursor[2] or 0)
    seen = portal.now_ms() - portal.index_lag_ms
    found = _read(
        portal, "(updated_ms, id) > (?, ?) AND updated_ms <= ?", (moment, last_id, seen), "updated_ms, id", limit + 1
    )
    shown = found[:limit]
    after = f"{shown[-1][1].updated_ms}-{shown[-1][1].id}" if shown else given
    shuffled = sorted(shown, key=lambda each: zlib.crc32(str(each[1].id).encode()))
    results = engagement_bodies.render(portal, shuffled, request.granted)
    return json_response({"results": results, "hasMore": len(found) > limit, "after": after})


def list_associated(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the engagements of one contact, company, deal or ticket, by id."""
    parsing.known_parameters(request, ("limit", "offset"))
    limit, offset = _whole(request, "limit", 100, 100) or 100, _whole(request, "offset", 0)
    kind = portal.types.resolve(request.params["objectType"])
    object_id = request.params["objectId"]
    if not associations.is_id(object_id):
        raise ApiError(400, f"{object_id} is not a valid ID")
    kinds = ",".join(filter(None, (associations.direction(portal, kind.type_id, to).kinds for to in ACTIVITIES)))
    if not kinds:
        return _page(portal, request, [], limit)
    where = f"id >= ? AND id IN (SELECT to_id FROM associations WHERE from_id = ? AND kind IN ({kinds}))"
    return _page(portal, request, _read(portal, where, (offset, int(object_id)), "id", limit + 1), limit)


def fetch_one(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one engagement."""
    parsing.known_parameters(request, ())
    engagement_id = request.params["engagementId"]
    number = int(engagement_id) if associations.is_id(engagement_id) else -1
    found = _read(portal, "id = ?", (number,), "id", 1)
    if not found:
        raise ApiError(404, f"engagement {engagement_id} does not exist", category="OBJECT_NOT_FOUND")
    return json_response(engagement_bodies.render(portal, found, request.granted)[0])


def _page(portal: Portal, request: ApiRequest, found: Found, limit: int) -> ApiResponse:
    shown = found[:limit]
    offset = shown[-1][1].id + 1 if shown else _whole(request, "offset", 0)
    results = engagement_bodies.render(portal, shown, request.granted)
    return json_response({"results": results, "hasMore": len(found) > limit, "offset": offset})


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every live engagement as the control server shows it."""
    last = 0
    while found := _read(portal, "id > ?", (last,), "id", 500):
        for body in engagement_bodies.render(portal, found, frozenset({engagement_bodies.BODY_SCOPE})):
            yield {"id": str(body["engagement"]["id"]), "state": "live", **body}
        last = found[-1][1].id


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({_SCOPE}),)


def _write_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"crm.objects.contacts.write"}),)


_PREFIX = "/engagements/v1/engagements"

FAMILY = Family(
    routes=(
        Route(method="POST", template=_PREFIX, handler=engagement_writes.create, version="v1", scopes=_write_scopes),
        Route(method="GET", template=f"{_PREFIX}/paged", handler=list_all, version="v1", scopes=_scopes),
        Route(method="GET", template=f"{_PREFIX}/recent/modified", handler=list_recent, version="v1", scopes=_scopes),
        Route(method="GET", template=f"{_PREFIX}/modified/after", handler=list_modified_after, version="v1"),
        Route(
            method="GET",
            template=f"{_PREFIX}/associated/{{objectType}}/{{objectId}}/paged",
            handler=list_associated,
            version="v1",
            scopes=_scopes,
        ),
        Route(method="GET", template=f"{_PREFIX}/{{engagementId}}", handler=fetch_one, version="v1", scopes=_scopes),
    ),
    truths={"engagements": truth},
    fill=activity_samples.fill,
)
