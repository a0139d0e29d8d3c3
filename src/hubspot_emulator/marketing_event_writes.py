"""Writes to marketing events: made, changed, ended and removed by either of their ids, and who registers, comes or cancels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import event_participations, marketing_events, parsing, timestamps
from hubspot_emulator.event_participations import CANCELLED, JOINED, LEFT, REGISTERED
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Handler, Route, json_response
from hubspot_emulator.marketing_events import ACCOUNT_ID, CONTACT, EVENT, EXTERNAL_ID, FLAGS, TEXTS
from hubspot_emulator.storage import Row

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]
Values = dict[str, str]

_CHANGEABLE = (*TEXTS, *FLAGS, "customProperties")
_NAMED = ("externalAccountId", "externalEventId")
_DATES = frozenset({"startDateTime", "endDateTime"})
_SUBSCRIBER = ("interactionDateTime", "properties")
_KINDS = {"register": REGISTERED, "attend": JOINED, "cancel": CANCELLED}
_DEFAULT = (*TEXTS, *FLAGS, "customProperties", "objectId")


def create(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Make an event, or change the one that has these external ids."""
    parsing.known_parameters(request, ())
    row = _upsert(portal, request, request.json())
    return json_response(_short(portal, row))


def upsert(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Make or change the event of the path."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), (*_CHANGEABLE, *_NAMED))
    row = _upsert(portal, request, {**body, "externalEventId": request.params["externalEventId"]})
    return json_response(_public(portal, row))


def upsert_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Make or change several events."""
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, (*_CHANGEABLE, *_NAMED))
    return _batch(portal, [_public(portal, _upsert(portal, request, each)) for each in inputs])


def update_external(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change an event by its external ids."""
    row = _change(portal, request, _external(portal, request), parsing.fields(request.json(), _CHANGEABLE))
    return json_response(_public(portal, row))


def update(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change an event by its id."""
    parsing.known_parameters(request, ())
    row = marketing_events.by_id(portal, request.params["objectId"])
    return json_response(_v2(portal, _change(portal, request, row, parsing.fields(request.json(), _CHANGEABLE))))


def update_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change several events by their ids."""
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, (*_CHANGEABLE, "objectId"))
    results = []
    for each in inputs:
        row = marketing_events.by_id(portal, parsing.text(each.pop("objectId", None), where="objectId"))
        results.append(_v2(portal, _change(portal, request, row, each)))
    return _batch(portal, results)


def cancel(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Mark an event as cancelled."""
    return json_response(_short(portal, _change(portal, request, _external(portal, request), {"eventCancelled": True})))


def complete(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Mark an event as over, with when it began and ended."""
    row = _external(portal, request)
    body = parsing.fields(request.json(), ("startDateTime", "endDateTime"))
    return json_response(_short(portal, _change(portal, request, row, {**body, "eventCompleted": True})))


def archive(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove an event by its id."""
    parsing.known_parameters(request, ())
    return _archive(portal, request, [marketing_events.by_id(portal, request.params["objectId"])])


def archive_external(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove an event by its external ids."""
    return _archive(portal, request, [_external(portal, request)])


def archive_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove several events by their ids."""
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, ("objectId",))
    ids = [parsing.text(each.get("objectId"), where="objectId") for each in inputs]
    return _archive(portal, request, [marketing_events.by_id(portal, each) for each in ids])


def archive_batch_external(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove several events by their external ids."""
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, ("appId", *_NAMED))
    pairs = [[parsing.text(each.get(name), where=name) for name in _NAMED] for each in inputs]
    return _archive(portal, request, [marketing_events.by_external(portal, *pair) for pair in pairs])


def attend(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Note what contacts, named by id, did about an event."""
    return _batch(portal, [{"vid": contact} for contact, _ in _take_part(portal, request, "vid")])


def attend_by_email(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Note what contacts, named by e-mail, did; unknown ones are made."""
    return _batch(portal, [{"vid": contact, "email": email} for contact, email in _take_part(portal, request, "email")])


def attend_silently(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Do as `attend` and `attend_by_email` do, and answer nothing."""
    _take_part(portal, request, "email" if request.path.endswith("email-upsert") else "vid")
    return ApiResponse(status=204)


def _take_part(portal: Portal, request: ApiRequest, key: str) -> list[tuple[int, str]]:
    if "objectId" in request.params:
        parsing.known_parameters(request, ())
        row = marketing_events.by_id(portal, request.params["objectId"])
    else:
        row = _external(portal, request)
    kind = _KINDS.get(request.params["subscriberState"])
    if kind is None:
        raise ApiError(400, f"subscriberState must be one of {', '.join(_KINDS)}")
    _, inputs = parsing.inputs(request, (*_SUBSCRIBER, key, *(("contactProperties",) if key == "email" else ())))
    taken = []
    for each in inputs:
        who = parsing.text(each.get(key), where=key)
        contact = _contact(portal, request, who, each) if key == "email" else _live_contact(portal, who)
        moment = int(each.get("interactionDateTime") or portal.now_ms())
        properties = each.get("properties") or {}
        moments = {kind: moment}
        if kind == JOINED:
            moments = {JOINED: _moment(properties.get("joinedAt"), moment)}
            if properties.get("leftAt"):
                moments[LEFT] = _moment(properties["leftAt"], moment)
        for name, at_ms in moments.items():
            event_participations.note(portal.db, row.id, contact, name, at_ms, portal.now_ms())
        taken.append((contact, who))
    return taken


def _moment(given: object, default: int) -> int:
    try:
        return timestamps.parse_ms(str(given)) if given else default
    except ValueError as error:
        raise ApiError(400, f"{given} is no moment") from error


def _contact(portal: Portal, request: ApiRequest, email: str, each: Json) -> int:
    found = portal.holder(CONTACT, "email", email.lower())
    if found is not None:
        return found
    known = portal.properties(CONTACT)
    more = {name: str(value) for name, value in (each.get("contactProperties") or {}).items() if name in known}
    return portal.create_record(CONTACT, more | {"email": email.lower()}, request=request.correlation_id)


def _live_contact(portal: Portal, text: str) -> int:
    if not text.isdecimal() or portal.record_state(CONTACT, int(text)) != "live":
        raise ApiError(404, f"Contact {text} does not exist", category="OBJECT_NOT_FOUND")
    return int(text)


def _upsert(portal: Portal, request: ApiRequest, given: object) -> Row:
    body = parsing.fields(given, (*_CHANGEABLE, *_NAMED))
    missing = [name for name in ("eventName", "eventOrganizer", *_NAMED) if not body.get(name)]
    if missing:
        raise ApiError(400, f"A marketing event needs {', '.join(missing)}")
    account, event = (parsing.text(body.pop(name), where=name) for name in _NAMED)
    try:
        row = marketing_events.by_external(portal, account, event)
    except ApiError as error:
        if error.status != 404:
            raise
        values = _values(portal, body) | {EXTERNAL_ID: event, ACCOUNT_ID: account}
        return _row(portal, portal.create_record(EVENT, values, request=request.correlation_id))
    return _change(portal, request, row, body)


def _change(portal: Portal, request: ApiRequest, row: Row, body: Json) -> Row:
    portal.update_record(EVENT, row.id, _values(portal, body), request=request.correlation_id)
    return _row(portal, row.id)


def _values(portal: Portal, body: Json) -> Values:
    values: Values = {}
    for name, value in body.items():
        if name == "customProperties":
            values |= _custom(portal, parsing.items(value, where=name))
        elif name in FLAGS:
            values[FLAGS[name]] = str(bool(value)).lower()
        elif name in _DATES and value is not None:
            values[TEXTS[name]] = timestamps.render_ms(_moment(value, 0))
        elif value is not None:
            values[TEXTS[name]] = parsing.text(value, where=name)
    return values


def _custom(portal: Portal, given: Iterable[Any]) -> Values:
    known = portal.properties(EVENT)
    values: Values = {}
    for each in given:
        name = parsing.text(each.get("name"), where="a custom property's name")
        if name not in known:
            raise ApiError(400, f'Property "{name}" does not exist')
        values[name] = parsing.text(each.get("value", ""), where=name)
    return values


def _row(portal: Portal, event_id: int) -> Row:
    row = portal.table(EVENT).row(event_id)
    assert row is not None
    return row


def _external(portal: Portal, request: ApiRequest) -> Row:
    parsing.known_parameters(request, ("externalAccountId",))
    return marketing_events.by_external(
        portal, parsing.one(request, "externalAccountId"), request.params["externalEventId"]
    )


def _archive(portal: Portal, request: ApiRequest, rows: Sequence[Row]) -> ApiResponse:
    for row in rows:
        portal.archive_record(EVENT, row.id, request=request.correlation_id)
    return ApiResponse(status=204)


def _short(portal: Portal, row: Row) -> Json:
    shown = marketing_events.render(portal, row)
    return {name: shown[name] for name in _DEFAULT}


def _public(portal: Portal, row: Row) -> Json:
    shown = marketing_events.render(portal, row)
    return {name: shown[name] for name in (*_DEFAULT, "createdAt", "updatedAt")} | {"id": shown["objectId"]}


def _v2(portal: Portal, row: Row) -> Json:
    shown = marketing_events.render(portal, row)
    return {name: shown[name] for name in (*_DEFAULT, "appInfo", "createdAt", "updatedAt")}


def _batch(portal: Portal, results: Sequence[Json]) -> ApiResponse:
    now = timestamps.render_ms(portal.now_ms())
    return json_response({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"crm.objects.marketing_events.write"}),)


_CALLS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/events", create),
    ("POST", "/events/upsert", upsert_batch),
    ("POST", "/events/delete", archive_batch_external),
    ("PUT", "/events/{externalEventId}", upsert),
    ("PATCH", "/events/{externalEventId}", update_external),
    ("DELETE", "/events/{externalEventId}", archive_external),
    ("POST", "/events/{externalEventId}/cancel", cancel),
    ("POST", "/events/{externalEventId}/complete", complete),
    ("POST", "/events/{externalEventId}/{subscriberState}/upsert", attend_silently),
    ("POST", "/events/{externalEventId}/{subscriberState}/email-upsert", attend_silently),
    ("POST", "/attendance/{externalEventId}/{subscriberState}/create", attend),
    ("POST", "/attendance/{externalEventId}/{subscriberState}/email-create", attend_by_email),
    ("POST", "/batch/archive", archive_batch),
    ("POST", "/batch/update", update_batch),
    ("PATCH", "/{objectId}", update),
    ("DELETE", "/{objectId}", archive),
    ("POST", "/{objectId}/attendance/{subscriberState}/create", attend),
    ("POST", "/{objectId}/attendance/{subscriberState}/email-create", attend_by_email),
)

FAMILY = Family(
    routes=tuple(
        Route(method=method, template=prefix + suffix, handler=handler, version=version, scopes=_scopes)
        for prefix, version in marketing_events.PREFIXES
        for method, suffix, handler in _CALLS
    )
)
