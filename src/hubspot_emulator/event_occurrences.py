"""Events of the visitors' timeline: what was seen of a record or of one kind, newest first (HS-74)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hubspot_emulator import paging, parsing, people, timestamps
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.samples import CONTACT, DAY_MS

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS event_occurrences (
    at_ms INTEGER, id TEXT, type TEXT NOT NULL, type_id TEXT NOT NULL, record_id INTEGER NOT NULL,
    properties BLOB NOT NULL, PRIMARY KEY (at_ms, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_occurrences_record ON event_occurrences (type_id, record_id, at_ms);
CREATE INDEX IF NOT EXISTS event_occurrences_type ON event_occurrences (type, at_ms);
"""
TYPES = ("e_submitted_form", "e_visited_page")
_PARAMETERS = (
    *("after", "before", "eventType", "id", "limit", "objectId", "objectType", "occurredAfter", "occurredBefore"),
    *("properties", "sort"),
)
_BY_PROPERTY = ("objectProperty.", "property.")
_PEOPLE, _PAGES = 300, ("/", "/pricing", "/blog/hello?a=1&b=2", "/über-uns", "/contact")
_DEFAULT_LIMIT, _MOST = 20, 100


class Occurrence(NamedTuple):
    """One event."""

    at_ms: int
    id: str
    type: str
    type_id: str
    record_id: int
    properties: dict[str, str]


def load(portal: Portal, found: Iterable[Occurrence]) -> None:
    """Store events."""
    rows = ((*each[:5], msgspec.json.encode(each.properties)) for each in found)
    portal.db.executemany("INSERT INTO event_occurrences VALUES (?, ?, ?, ?, ?, ?)", rows)


def _read(row: tuple[Any, ...]) -> Occurrence:
    return Occurrence._make((*row[:5], msgspec.json.decode(row[5])))


def list_events(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of events: of one kind, of one record, or by id."""
    names = [name for name in request.query if not name.startswith(_BY_PROPERTY)]
    unknown = sorted(set(names) - set(_PARAMETERS))
    if unknown:
        parsing.known_parameters(request, (*_PARAMETERS, *(set(request.query) - set(names))))
    limit = parsing.limit(request, default=_DEFAULT_LIMIT, most=_MOST)
    where, values = _conditions(portal, request)
    start = paging.number_token(request) or 0
    way = _order(request)
    sql = (
        "SELECT at_ms, id, type, type_id, record_id, properties FROM event_occurrences"
        f" WHERE {' AND '.join(where)} ORDER BY at_ms {way}, id {way}"
    )
    found = [event for row in portal.db.execute(sql, values) if _has_properties(portal, request, event := _read(row))]
    wanted = parsing.names(request, "properties")
    answer: dict[str, Any] = {
        "results": [_render(portal, event, wanted) for event in found[start : start + limit]],
    }
    if len(found) > start + limit:
        answer["paging"] = paging.build_next(request, str(start + limit))
    return json_response(answer)


def _conditions(portal: Portal, request: ApiRequest) -> tuple[list[str], list[object]]:
    where: list[str] = []
    values: list[object] = []
    ids = parsing.names(request, "id")
    kind, object_type, object_id = (parsing.one(request, name) for name in ("eventType", "objectType", "objectId"))
    if not ids and kind is None and object_id is None:
        raise ApiError(400, "Events are read of one eventType, of one record (objectType and objectId), or by id")
    if ids:
        where.append(f"id IN ({','.join('?' * len(ids))})")
        values += ids
    if kind is not None:
        where.append("type = ?")
        values.append(kind)
    if object_type is not None:
        where.append("type_id = ?")
        values.append(portal.types.resolve(object_type).type_id)
    if object_id is not None:
        where.append("record_id = ?")
        values.append(int(object_id) if object_id.isdecimal() and len(object_id) < 19 else -1)
    for name, sign in (("occurredAfter", ">="), ("occurredBefore", "<=")):
        given = parsing.one(request, name)
        if given is not None:
            where.append(f"at_ms {sign} ?")
            values.append(_moment(name, given))
    return where, values


def _moment(name: str, text: str) -> int:
    try:
        return timestamps.parse_ms(text)
    except ValueError as error:
        raise ApiError(400, f"{name} must be a moment in ISO 8601, not {text}") from error


def _order(request: ApiRequest) -> str:
    sort = (parsing.names(request, "sort") or ("-occurredAt",))[0]
    if sort not in {"occurredAt", "-occurredAt"}:
        raise ApiError(400, f"sort must be occurredAt or -occurredAt, not {sort}")
    return "DESC" if sort.startswith("-") else "ASC"


def _has_properties(portal: Portal, request: ApiRequest, event: Occurrence) -> bool:
    """Tell whether an event keeps the conditions on its own properties and on its record's."""
    for name, given in request.query.items():
        if name.startswith("property.") and event.properties.get(name.removeprefix("property.")) != given[-1]:
            return False
        if name.startswith("objectProperty."):
            values = portal.values_of(event.type_id, event.record_id)
            if values.get(name.removeprefix("objectProperty.")) != given[-1]:
                return False
    return True


def _render(portal: Portal, event: Occurrence, wanted: Sequence[str]) -> dict[str, Any]:
    shown = event.properties if not wanted else {name: event.properties.get(name, "") for name in wanted}
    return {
        "objectType": portal.types.resolve(event.type_id).singular.upper(),
        "objectId": str(event.record_id),
        "eventType": event.type,
        "occurredAt": timestamps.render_ms(event.at_ms),
        "id": event.id,
        "properties": shown,
    }


def list_types(portal: Portal, request: ApiRequest) -> ApiResponse:  # noqa: ARG001
    """Give the kinds of events there are."""
    parsing.known_parameters(request, ())
    return json_response({"eventTypes": list(TYPES)})


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every event, oldest first."""
    sql = "SELECT at_ms, id, type, type_id, record_id, properties FROM event_occurrences ORDER BY at_ms, id"
    for row in portal.db.execute(sql):
        yield _render(portal, _read(row), ()) | {"state": "live"}


def fill(portal: Portal, seed: int) -> None:
    """Let some contacts have looked at pages."""
    rng = Random(f"occurrences {seed}")  # noqa: S311 - repeatable on purpose
    last = portal.now_ms() - people.QUIET_MS
    sql = f"SELECT id, created_ms FROM {portal.table(CONTACT).name} WHERE state = 0 ORDER BY id LIMIT 5000"
    known = portal.db.execute(sql).fetchall()
    found = []
    for record_id, created in rng.sample(known, min(_PEOPLE, len(known) // 2)):
        for _ in range(rng.randint(1, 3)):
            at_ms = rng.randint(max(created, last - 90 * DAY_MS), last) if created < last else last
            path = rng.choice(_PAGES)
            values = {
                "hs_base_url": f"https://www.example.com{path}",
                "hs_browser_version_major": str(rng.randint(120, 150)),
                "hs_device_type": rng.choice(("", "MOBILE")),
                "hs_page_title": path.strip("/").title(),
                "hs_processed_timestamp": str(at_ms + 700),
                "hs_url": f"https://www.example.com{path}",
                "hs_url_domain": "www.example.com",
                "hs_url_path": path.partition("?")[0],
            }
            event_id = f"leviathan-{people.build_guid(rng)}-{at_ms}"
            found.append(Occurrence(at_ms, event_id, "e_visited_page", CONTACT, record_id, values))
    load(portal, found)


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"oauth"}),)


Handler = Callable[["Portal", ApiRequest], ApiResponse]
_PREFIXES = (("/events/event-occurrences/{version}", None), ("/events/v3/events", "v3"), ("/events/{version}", None))
_CALLS: tuple[tuple[str, Handler], ...] = (("", list_events), ("/event-types", list_types))

FAMILY = Family(
    routes=tuple(
        Route(method="GET", template=prefix + suffix, handler=handler, version=version, scopes=_scopes)
        for prefix, version in _PREFIXES
        for suffix, handler in _CALLS
    ),
    truths={"event_occurrences": truth},
    fill=fill,
)
