"""Marketing events: page by page, one, by their external ids, and who took part (HS-72).

An event is a record of the type `marketing_events`; these calls show it in a form of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import event_participations, marketing_event_samples, paging, parsing
from hubspot_emulator.event_participations import Participation
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Handler, Route, json_response
from hubspot_emulator.storage import Row, State
from hubspot_emulator.timestamps import parse_ms, render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]

EVENT, CONTACT = "0-54", "0-1"
APP = {"id": "123", "name": "Event app"}
STATES = {"register": "REGISTERED", "attend": "JOINED", "cancel": "CANCELLED"}
TEXTS = {
    "eventName": "hs_event_name",
    "eventType": "hs_event_type",
    "startDateTime": "hs_start_datetime",
    "endDateTime": "hs_end_datetime",
    "eventOrganizer": "hs_event_organizer",
    "eventDescription": "hs_event_description",
    "eventUrl": "hs_event_url",
}
FLAGS = {"eventCancelled": "hs_event_cancelled", "eventCompleted": "hs_event_completed"}
EXTERNAL_ID, ACCOUNT_ID = "hs_external_event_id", "hs_external_account_id"


_OF_LISTS = ("appInfo", "eventStatus", "eventStatusV2")
"""What reads by external id do not have."""


def list_events(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of events by id; the token is the id of the next one."""
    parsing.known_parameters(request, ("after", "limit"))
    limit = parsing.limit(request, default=10, most=100)
    rows = portal.table(EVENT).live_page(paging.number_token(request) or 0, limit + 1)
    answer: Json = {"results": [render(portal, row) for row in rows[:limit]]}
    if len(rows) > limit:
        answer["paging"] = paging.build_next(request, str(rows[limit - 1].id + 1))
    return json_response(answer)


def one_event(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give one event by its id."""
    parsing.known_parameters(request, ())
    return json_response(render(portal, by_id(portal, request.params["objectId"])))


def one_external(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give one event by the ids that the app which made it gave it."""
    parsing.known_parameters(request, ("externalAccountId",))
    row = by_external(portal, parsing.one(request, "externalAccountId"), request.params["externalEventId"])
    shown = {name: value for name, value in render(portal, row).items() if name not in _OF_LISTS}
    return json_response({"id": shown["objectId"], **shown})


def search_events(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the events of an external id, of whatever account."""
    parsing.known_parameters(request, ("q",))
    found = _of_external_id(portal, parsing.one(request, "q") or "")
    results = [
        {
            "externalEventId": values[EXTERNAL_ID],
            "externalAccountId": values.get(ACCOUNT_ID, ""),
            "appId": int(APP["id"]),
            "objectId": str(row.id),
        }
        for row, values in found
    ]
    return json_response({"results": results})


def identifiers(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the ids of the events of an external id."""
    parsing.known_parameters(request, ())
    results = [
        {
            "objectId": str(row.id),
            "externalAccountId": values.get(ACCOUNT_ID, ""),
            "externalEventId": values[EXTERNAL_ID],
            "appInfo": APP,
            "marketingEventName": values.get("hs_event_name", ""),
        }
        for row, values in _of_external_id(portal, request.params["externalEventId"])
    ]
    return json_response({"total": len(results), "results": results})


def counters(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Count an event's participations."""
    parsing.known_parameters(request, ())
    row = _named(portal, request)
    values = portal.values_of(EVENT, row.id)
    counted = count(portal, row.id, over=is_over(portal, values))
    names = {"attendees": "attended", "registrants": "registered", "cancellations": "cancelled", "noShows": "noShows"}
    return json_response({names[name]: number for name, number in counted.items()})


def breakdown(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of an event's participations."""
    parsing.known_parameters(request, ("after", "contactIdentifier", "limit", "state"))
    row = _named(portal, request)
    contact = parsing.one(request, "contactIdentifier")
    found = event_participations.of_event(portal.db, row.id)
    if contact is not None:
        wanted = _contact(portal, contact)
        found = [each for each in found if each.contact_id == wanted]
    return _page(portal, request, found)


def contact_breakdown(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of a contact's participations."""
    parsing.known_parameters(request, ("after", "limit", "state"))
    contact = _contact(portal, request.params["contactIdentifier"])
    return _page(portal, request, event_participations.of_contact(portal.db, contact or -1))


def _page(portal: Portal, request: ApiRequest, found: Sequence[Participation]) -> ApiResponse:
    limit, state = parsing.limit(request, default=10, most=100), parsing.one(request, "state")
    shown = [body for each in found if (body := render_participation(portal, each)) is not None]
    if state is not None:
        shown = [each for each in shown if each["properties"]["attendanceState"] == state]
    first = paging.number_token(request) or 0
    rest = [each for each in shown if int(each["id"]) >= first]
    answer: Json = {"total": len(shown), "results": rest[:limit]}
    if len(rest) > limit:
        answer["paging"] = paging.build_next(request, rest[limit]["id"])
    return json_response(answer)


def render(portal: Portal, row: Row) -> Json:
    """Build an event as lists and reads show it (recorded)."""
    values = portal.values_of(EVENT, row.id)
    over = is_over(portal, values)
    status, status_v2 = _status(portal, values)
    flags = {name: values.get(stored) == "true" for name, stored in FLAGS.items()}
    own = [
        {"name": name, "value": value}
        for name, value in sorted(values.items())
        if value and not portal.properties(EVENT)[name].raw.get("hubspotDefined")
    ]
    return {
        **{name: values.get(stored) or None for name, stored in TEXTS.items()},
        **flags,
        "customProperties": own,
        "objectId": str(row.id),
        "externalEventId": values.get(EXTERNAL_ID) or None,
        "eventStatus": status,
        "eventStatusV2": status_v2,
        "appInfo": APP,
        **count(portal, row.id, over=over),
        "createdAt": render_ms(row.created_ms),
        "updatedAt": render_ms(row.updated_ms),
    }


def count(portal: Portal, event_id: int, *, over: bool) -> dict[str, int]:
    """Count who registered, came, cancelled, and did not show: less than none where more came than registered (observed)."""
    found = event_participations.of_event(portal.db, event_id)
    registrants, attendees = sum(each.registered for each in found), sum(each.attended for each in found)
    return {
        "registrants": registrants,
        "attendees": attendees,
        "cancellations": sum(each.cancelled and not each.attended for each in found),
        "noShows": registrants - attendees - sum(each.cancelled and each.registered for each in found) if over else 0,
    }


def is_over(portal: Portal, values: dict[str, str]) -> bool:
    """Tell whether an event has ended, by its date or its app's word."""
    if values.get("hs_event_completed") == "true":
        return True
    end = values.get("hs_end_datetime")
    return bool(end) and parse_ms(end or "0") < portal.now_ms()


def _status(portal: Portal, values: dict[str, str]) -> tuple[str, str]:
    if values.get("hs_event_cancelled") == "true":
        return "CANCELLED", "cancelled"
    if is_over(portal, values):
        return "PAST", "completed"
    start = values.get("hs_start_datetime")
    if start and parse_ms(start) > portal.now_ms():
        return "UPCOMING", "upcoming"
    return "ONGOING", "ongoing"


def render_participation(portal: Portal, part: Participation) -> Json | None:
    """Build a participation; None where the contact or the event is no more."""
    event, contact = portal.table(EVENT).row(part.event_id), portal.table(CONTACT).row(part.contact_id)
    if event is None or contact is None or any(each.state != State.LIVE for each in (event, contact)):
        return None
    values, person = portal.values_of(EVENT, event.id), portal.values_of(CONTACT, contact.id)
    properties: Json = {
        "attendanceState": part.state(over=is_over(portal, values)),
        "occurredAt": part.occurred_ms,
    }
    if part.seconds is not None:
        properties["attendanceDurationSeconds"] = part.seconds
    named = {"firstname": person.get("firstname"), "lastname": person.get("lastname")}
    whose = {"contactId": str(contact.id), "email": person.get("email", "")}
    which = {"marketingEventId": str(event.id), "name": values.get("hs_event_name", "")}
    if values.get(EXTERNAL_ID):
        which |= {"externalEventId": values[EXTERNAL_ID], "externalAccountId": values.get(ACCOUNT_ID, "")}
    return {
        "id": str(part.id),
        "createdAt": render_ms(part.noted_ms),
        "properties": properties,
        "associations": {
            "contact": whose | {name: value for name, value in named.items() if value},
            "marketingEvent": which,
        },
    }


def by_id(portal: Portal, text: str) -> Row:
    """Give a live event by its id, or raise the 404."""
    row = portal.table(EVENT).row(int(text)) if text.isdecimal() and len(text) < 19 else None
    if row is None or row.state != State.LIVE:
        raise not_found(text)
    return row


def by_external(portal: Portal, account_id: str | None, event_id: str) -> Row:
    """Give a live event by its external ids, or raise the 404."""
    if account_id is None:
        raise ApiError(400, "externalAccountId is needed")
    for row, values in _of_external_id(portal, event_id):
        if values.get(ACCOUNT_ID, "") == account_id:
            return row
    raise not_found(event_id)


def not_found(event_id: str) -> ApiError:
    """Build the 404 of an event."""
    return ApiError(404, f"Marketing event {event_id} does not exist", category="OBJECT_NOT_FOUND")


def _named(portal: Portal, request: ApiRequest) -> Row:
    if "marketingEventId" in request.params:
        return by_id(portal, request.params["marketingEventId"])
    return by_external(portal, request.params["externalAccountId"], request.params["externalEventId"])


def _of_external_id(portal: Portal, event_id: str) -> list[tuple[Row, dict[str, str]]]:
    table = portal.table(EVENT)
    sql = f"SELECT id FROM {table.name} WHERE state = 0 AND json_extract(properties, '$.{EXTERNAL_ID}') = ? ORDER BY id"
    found = [table.row(record_id) for (record_id,) in portal.db.execute(sql, (event_id,)).fetchall()]
    return [(row, portal.values_of(EVENT, row.id)) for row in found if row is not None]


def _contact(portal: Portal, text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else portal.holder(CONTACT, "email", text.lower())


def truth(portal: Portal) -> Iterator[Json]:
    """Give every event in the form of these calls."""
    for row in portal.table(EVENT).all_rows():
        if row.state in (State.LIVE, State.ARCHIVED):
            yield {"state": "live" if row.state == State.LIVE else "archived", **render(portal, row)}


def participants(portal: Portal) -> Iterator[Json]:
    """Give every participation in a live event."""
    for row in portal.table(EVENT).all_rows():
        for part in event_participations.of_event(portal.db, row.id):
            body = render_participation(portal, part)
            if body is not None:
                yield {"state": "live", **body}


def read_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    """Give what reading events needs."""
    return (frozenset({"crm.objects.marketing_events.read"}),)


PREFIXES = (("/marketing/marketing-events/{version}", None), ("/marketing/v3/marketing-events", "v3"))
_CALLS: tuple[tuple[str, Handler], ...] = (
    ("/{objectId}", one_event),
    ("/events/{externalEventId}", one_external),
    ("/events/search", search_events),
    ("/{externalEventId}/identifiers", identifiers),
    ("/participations/{marketingEventId}", counters),
    ("/participations/{externalAccountId}/{externalEventId}", counters),
    ("/participations/{marketingEventId}/breakdown", breakdown),
    ("/participations/{externalAccountId}/{externalEventId}/breakdown", breakdown),
    ("/participations/contacts/{contactIdentifier}/breakdown", contact_breakdown),
)
FAMILY = Family(
    routes=(
        *(
            Route(method="GET", template=prefix + suffix, handler=handler, version=version, scopes=read_scopes)
            for prefix, version in PREFIXES
            for suffix, handler in _CALLS
        ),
        *(
            Route(method="GET", template=template, handler=list_events, version=version, scopes=read_scopes)
            for template, version in (
                ("/marketing/marketing-events/{version}", None),
                ("/marketing/marketing-events/v3", "v3"),
                ("/marketing/v3/marketing-events", "v3"),
            )
        ),
    ),
    truths={
        "marketing_events": truth,
        "marketing_event_participants": participants,
        "event_participations": lambda portal: event_participations.moments(portal.db),
    },
    fill=marketing_event_samples.fill,
)
