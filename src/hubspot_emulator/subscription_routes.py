"""The calls about kinds of e-mails and who gets them: v1, v3, and v4 with the dated versions (HS-54)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from hubspot_emulator import parsing, subscriptions
from hubspot_emulator.documents import Document
from hubspot_emulator.feeds import content_scopes
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Handler, Route, json_response
from hubspot_emulator.routing import Scopes
from hubspot_emulator.subscriptions import (
    EVERYTHING,
    LEGAL_BASES,
    NOT_SPECIFIED,
    SUBSCRIBED,
    UNSUBSCRIBED,
    Cause,
    Change,
    Status,
)
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_V3_FIELDS = ("emailAddress", "legalBasis", "legalBasisExplanation", "subscriptionId")
_V4_FIELDS = ("channel", "legalBasis", "legalBasisExplanation", "statusState", "subscriptionId")


def definitions_v1(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the kinds of e-mails as the v1 API does."""
    parsing.known_parameters(request, ())
    found = [_render_v1(portal, each) for each in subscriptions.definitions(portal)]
    return json_response({"subscriptionDefinitions": found})


def definitions_v3(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the kinds of e-mails as v3 does."""
    parsing.known_parameters(request, ())
    return json_response({"subscriptionDefinitions": [render(each) for each in subscriptions.definitions(portal)]})


def definitions(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the kinds of e-mails as v4 and the dated versions do."""
    parsing.known_parameters(request, ("businessUnitId", "includeTranslations"))
    shown = [render(each) for each in subscriptions.definitions(portal)]
    if parsing.flag(request, "includeTranslations"):
        shown = [each | {"subscriptionTranslations": []} for each in shown]
    return _action(portal, shown)


def statuses_v3(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a person's statuses as v3 does."""
    parsing.known_parameters(request, ())
    recipient = request.params["emailAddress"]
    shown = [_status_v3(portal, recipient, each) for each in subscriptions.definitions(portal)]
    return json_response({"recipient": recipient, "subscriptionStatuses": shown})


def subscribe_v3(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Subscribe a person who never unsubscribed."""
    recipient, change = _change_v3(portal, request, SUBSCRIBED)
    known = subscriptions.statuses(portal, recipient)
    if any(known[each].status == UNSUBSCRIBED for each in (EVERYTHING, change.subscription_id) if each in known):
        raise ApiError(400, f"Subscription {change.subscription_id} was unsubscribed by its recipient and stays so.")
    return _apply_v3(portal, request, recipient, change)


def unsubscribe_v3(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Unsubscribe a person."""
    recipient, change = _change_v3(portal, request, UNSUBSCRIBED)
    return _apply_v3(portal, request, recipient, change)


def statuses(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a person's statuses."""
    _channel_parameter(request)
    return _action(portal, _statuses(portal, request.params["subscriber"]))


def change_status(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Set one status of a person."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), _V4_FIELDS)
    return _action(portal, [_apply(portal, request, request.params["subscriber"], body)])


def read_statuses(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the statuses of several people."""
    _channel_parameter(request)
    inputs = parsing.texts(parsing.fields(request.json(), ("inputs",)).get("inputs"), where="inputs")
    parsing.limit_inputs(inputs, parsing.BATCH_LIMIT, "a batch request")
    return _action(
        portal, [{"subscriberIdString": each, "statuses": _statuses(portal, each)} for each in dict.fromkeys(inputs)]
    )


def write_statuses(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Set statuses of several people."""
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, (*_V4_FIELDS, "subscriberIdString"))
    results = [
        _apply(portal, request, parsing.text(each.get("subscriberIdString"), where="subscriberIdString"), each)
        for each in inputs
    ]
    return _action(portal, results)


def wide_status(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Tell whether a person unsubscribed from everything; nothing where not."""
    _channel_parameter(request, "verbose")
    subscriber = request.params["subscriber"]
    found = subscriptions.statuses(portal, subscriber).get(EVERYTHING)
    if found is None or found.status != UNSUBSCRIBED:
        return _action(portal, [])
    shown = {
        "subscriberIdString": subscriber,
        "channel": "EMAIL",
        "status": UNSUBSCRIBED,
        "wideStatusType": "PORTAL_WIDE",
        "timestamp": render_ms(found.at_ms),
    }
    return _action(portal, [shown])


def unsubscribe_all(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Unsubscribe a person from everything; the statuses come back where `verbose` asks for them."""
    _channel_parameter(request, "verbose")
    subscriber = request.params["subscriber"]
    subscriptions.change(portal, subscriber, [Change(EVERYTHING, UNSUBSCRIBED)], _cause(portal))
    portal.log_event("update", "subscriptions", subscriber, request.correlation_id)
    return _action(portal, _statuses(portal, subscriber) if parsing.flag(request, "verbose") else [])


def render(definition: Document) -> dict[str, Any]:
    """Render a kind of e-mails as v3 and later do."""
    body = definition.body
    return {
        "id": definition.id,
        "name": body["name"],
        "description": body["description"],
        "purpose": body["category"],
        "communicationMethod": body["channel"],
        "isActive": body["active"],
        "isDefault": body["internal"],
        "isInternal": body["internal"],
        "createdAt": render_ms(definition.created_ms),
        "updatedAt": render_ms(definition.updated_ms),
        "businessUnitId": 0,
    }


def _render_v1(portal: Portal, definition: Document) -> dict[str, Any]:
    return {"id": int(definition.id), "portalId": portal.portal_id, **definition.body, "businessUnitId": 0}


def _status_v3(portal: Portal, recipient: str, definition: Document) -> dict[str, Any]:
    known = subscriptions.statuses(portal, recipient)
    own, wide = known.get(int(definition.id)), known.get(EVERYTHING)
    is_wide = wide is not None and wide.status == UNSUBSCRIBED
    is_subscribed = not is_wide and own is not None and own.status == SUBSCRIBED
    shown = {
        "id": definition.id,
        "name": definition.body["name"],
        "description": definition.body["description"],
        "status": "SUBSCRIBED" if is_subscribed else "NOT_SUBSCRIBED",
        "sourceOfStatus": "PORTAL_WIDE_STATUS" if is_wide else "SUBSCRIPTION_STATUS",
        "brandId": None,
        "preferenceGroupName": None,
        "legalBasis": own.legal_basis if own else None,
        "legalBasisExplanation": own.explanation if own else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _statuses(portal: Portal, subscriber: str) -> list[dict[str, Any]]:
    known = subscriptions.statuses(portal, subscriber)
    wide = known.get(EVERYTHING)
    shown = []
    for definition in subscriptions.definitions(portal):
        number = int(definition.id)
        found = known.get(number) or Status(number, NOT_SPECIFIED, definition.created_ms, "", None, None)
        if wide is not None and wide.status == UNSUBSCRIBED:
            found = wide
        shown.append(_render_status(subscriber, definition, found))
    return shown


def _render_status(subscriber: str, definition: Document, found: Status) -> dict[str, Any]:
    shown = {
        "subscriberIdString": subscriber,
        "channel": "EMAIL",
        "subscriptionId": int(definition.id),
        "subscriptionName": definition.body["name"],
        "status": found.status,
        "source": found.source,
        "timestamp": render_ms(found.at_ms),
        "legalBasis": found.legal_basis,
        "legalBasisExplanation": found.explanation,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _change_v3(portal: Portal, request: ApiRequest, status: str) -> tuple[str, Change]:
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), _V3_FIELDS)
    recipient = _email(body.get("emailAddress"), "emailAddress")
    return recipient, _parse_change(portal, body, status)


def _apply_v3(portal: Portal, request: ApiRequest, recipient: str, change: Change) -> ApiResponse:
    subscriptions.change(portal, recipient, [change], _cause(portal))
    portal.log_event("update", "subscriptions", recipient, request.correlation_id)
    return json_response(_status_v3(portal, recipient, _definition(portal, str(change.subscription_id))))


def _apply(portal: Portal, request: ApiRequest, subscriber: str, body: dict[str, Any]) -> dict[str, Any]:
    _email(subscriber, "subscriberIdString")
    if body.get("channel") != "EMAIL":
        raise ApiError(400, "channel must be EMAIL")
    status = body.get("statusState")
    if status not in {SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED}:
        raise ApiError(400, f"statusState must be {SUBSCRIBED}, {UNSUBSCRIBED} or {NOT_SPECIFIED}")
    change = _parse_change(portal, body, status)
    before = subscriptions.statuses(portal, subscriber).get(change.subscription_id)
    subscriptions.change(portal, subscriber, [change], _cause(portal))
    portal.log_event("update", "subscriptions", subscriber, request.correlation_id)
    after = subscriptions.statuses(portal, subscriber)[change.subscription_id]
    shown = _render_status(subscriber, _definition(portal, str(change.subscription_id)), after)
    return shown | {"setStatusSuccessReason": _reason(before, status)}


def _reason(before: Status | None, status: str) -> str:
    if before is not None and before.status == status:
        return "NO_STATUS_CHANGE"
    resubscribes = before is not None and before.status == UNSUBSCRIBED and status == SUBSCRIBED
    return "RESUBSCRIBE_OCCURRED" if resubscribes else "REQUESTED_CHANGE_OCCURRED"


def _parse_change(portal: Portal, body: dict[str, Any], status: str) -> Change:
    definition = _definition(portal, parsing.text(body.get("subscriptionId"), where="subscriptionId"))
    basis = body.get("legalBasis")
    if basis is not None and basis not in LEGAL_BASES:
        raise ApiError(400, f"legalBasis must be one of {', '.join(LEGAL_BASES)}")
    explanation = body.get("legalBasisExplanation")
    return Change(int(definition.id), status, basis, None if explanation is None else str(explanation))


def _definition(portal: Portal, definition_id: str) -> Document:
    for each in subscriptions.definitions(portal):
        if each.id == definition_id:
            return each
    raise ApiError(404, f"resource not found: subscription {definition_id}", category="OBJECT_NOT_FOUND")


def _email(value: object, name: str) -> str:
    text = parsing.text(value, where=name)
    if "@" not in text:
        raise ApiError(400, f"{name} is not an e-mail address")
    return text


def _channel_parameter(request: ApiRequest, *more: str) -> None:
    parsing.known_parameters(request, ("businessUnitId", "channel", *more))
    if parsing.one(request, "channel") != "EMAIL":
        raise ApiError(400, "The parameter channel is needed, and EMAIL is its only value")


def _cause(portal: Portal) -> Cause:
    """Name the event to come after how many there were: equal portals name it equally."""
    (before,) = portal.db.execute("SELECT count(*) FROM subscription_timeline").fetchone()
    return Cause(str(uuid5(NAMESPACE_OID, f"{portal.portal_id} {before}")), portal.now_ms())


def _action(portal: Portal, results: Sequence[dict[str, Any]]) -> ApiResponse:
    now = render_ms(portal.now_ms())
    return json_response({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every kind of e-mails."""
    for definition in subscriptions.definitions(portal):
        yield render(definition) | {"state": "live"}


def _needs(*names: str) -> Scopes:
    alternatives = tuple(frozenset({f"communication_preferences.{name}"}) for name in names)
    return lambda portal, request: alternatives  # noqa: ARG005


_READ, _WRITE = _needs("read", "read_write"), _needs("write", "read_write")
_BASE = "/communication-preferences"
_V3: tuple[tuple[str, str, Handler, Scopes], ...] = (
    ("GET", "/status/email/{emailAddress}", statuses_v3, _READ),
    ("POST", "/subscribe", subscribe_v3, _WRITE),
    ("POST", "/unsubscribe", unsubscribe_v3, _WRITE),
)
_V4: tuple[tuple[str, str, Handler, Scopes], ...] = (
    ("GET", "/definitions", definitions, _READ),
    ("GET", "/statuses/{subscriber}", statuses, _READ),
    ("POST", "/statuses/{subscriber}", change_status, _WRITE),
    ("POST", "/statuses/batch/read", read_statuses, _needs("statuses.batch.read")),
    ("POST", "/statuses/batch/write", write_statuses, _needs("statuses.batch.write")),
    ("GET", "/statuses/{subscriber}/unsubscribe-all", wide_status, _READ),
    ("POST", "/statuses/{subscriber}/unsubscribe-all", unsubscribe_all, _WRITE),
)
_CALLS: tuple[tuple[str, str | None, tuple[tuple[str, str, Handler, Scopes], ...]], ...] = (
    ("v3", "v3", (("GET", "/definitions", definitions_v3, _READ), *_V3)),
    ("v4", "v4", _V4),
    ("{version}", None, (*_V3, *_V4)),
)
ROUTES: tuple[Route, ...] = (
    *(
        Route(method=method, template=f"{_BASE}/{area}{suffix}", handler=handler, version=version, scopes=needed)
        for area, version, calls in _CALLS
        for method, suffix, handler, needed in calls
    ),
    Route(
        method="GET",
        template="/email/public/v1/subscriptions",
        handler=definitions_v1,
        version="v1",
        scopes=content_scopes,
    ),
)
