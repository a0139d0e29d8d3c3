"""The calls about kinds of e-mails and who gets them, as v4 and the dated versions have them (HS-54)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hubspot_emulator import parsing, subscription_v3, subscriptions
from hubspot_emulator.feeds import content_scopes
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Handler, Route, json_response
from hubspot_emulator.routing import Scopes
from hubspot_emulator.subscription_shapes import (
    build_cause,
    find_definition,
    parse_address,
    parse_change,
    render,
    render_status,
    render_statuses,
    render_wide,
)
from hubspot_emulator.subscriptions import (
    EVERYTHING,
    NOT_SPECIFIED,
    SUBSCRIBED,
    UNSUBSCRIBED,
    Change,
    Status,
)
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_FIELDS = ("channel", "legalBasis", "legalBasisExplanation", "statusState", "subscriptionId")


def definitions(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the kinds of e-mails as v4 and the dated versions do."""
    parsing.known_parameters(request, ("businessUnitId", "includeTranslations"))
    shown = [render(each) for each in subscriptions.definitions(portal)]
    if parsing.flag(request, "includeTranslations"):
        shown = [each | {"subscriptionTranslations": []} for each in shown]
    return _action(portal, shown)


def statuses(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a person's statuses."""
    _channel_parameter(request)
    return _action(portal, render_statuses(portal, request.params["subscriber"]))


def truth_statuses(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give what the calls say of every address of a contact, and of every other whose status was ever set."""
    for recipient in subscriptions.recipients(portal):
        yield from ({**each, "state": "live"} for each in render_statuses(portal, recipient))


def change_status(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Set one status of a person."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), _FIELDS)
    return _action(portal, [_apply(portal, request, request.params["subscriber"], body)])


def read_statuses(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the statuses of several people."""
    _channel_parameter(request)
    people = _people(request)
    return _action(portal, [{"subscriberIdString": each, "statuses": render_statuses(portal, each)} for each in people])


def write_statuses(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Set statuses of several people."""
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, (*_FIELDS, "subscriberIdString"))
    results = [
        _apply(portal, request, parsing.text(each.get("subscriberIdString"), where="subscriberIdString"), each)
        for each in inputs
    ]
    return _action(portal, results)


def wide_status(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Tell whether a person unsubscribed from everything; nothing where not."""
    _channel_parameter(request, "verbose")
    return _action(portal, render_wide(portal, request.params["subscriber"]))


def read_wide_statuses(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Tell of several people whether they unsubscribed from everything."""
    _channel_parameter(request)
    people = _people(request)
    return _action(portal, [{"subscriberIdString": each, "wideStatuses": render_wide(portal, each)} for each in people])


def unsubscribe_all(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Unsubscribe a person from everything; the statuses come back where `verbose` asks for them."""
    _channel_parameter(request, "verbose")
    subscriber = request.params["subscriber"]
    _refuse_everything(portal, request, subscriber)
    return _action(portal, render_statuses(portal, subscriber) if parsing.flag(request, "verbose") else [])


def unsubscribe_all_of(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Unsubscribe several people from everything; their statuses come back where `verbose` asks for them."""
    _channel_parameter(request, "verbose")
    people = [parse_address(each, "an input") for each in _people(request)]
    for each in people:
        _refuse_everything(portal, request, each)
    verbose = parsing.flag(request, "verbose")
    return _action(
        portal,
        [
            {"subscriberIdString": each} | ({"statuses": render_statuses(portal, each)} if verbose else {})
            for each in people
        ],
    )


def generate_links(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the addresses at which a person may change what they get; that of one kind where the body names it."""
    _channel_parameter(request)
    body = parsing.fields(request.json(), ("language", "subscriberIdString", "subscriptionId"))
    subscriber = parse_address(body.get("subscriberIdString"), "subscriberIdString")
    language = parsing.text(body.get("language") or "en", where="language")
    token = hashlib.sha256(f"{portal.portal_id} {subscriber.lower()}".encode()).hexdigest()[:40]
    base = f"https://hs-{portal.portal_id}.s.hubspotemail.net/hs"
    answer = {
        "subscriberIdString": subscriber,
        "managePreferencesUrl": f"{base}/preferences-center/{quote(language)}/page?data={token}",
        "unsubscribeAllUrl": f"{base}/preferences-center/{quote(language)}/unsubscribe-all?data={token}",
    }
    if body.get("subscriptionId") is not None:
        definition = find_definition(portal, parsing.text(body["subscriptionId"], where="subscriptionId"))
        single = f"{base}/preferences-center/{quote(language)}/unsubscribe?data={token}&subscription={definition.id}"
        answer["unsubscribeSingleUrl"] = single
    return json_response(answer)


def _people(request: ApiRequest) -> list[str]:
    """Read a batch of addresses; one that is there twice counts once."""
    found = parsing.texts(parsing.fields(request.json(), ("inputs",)).get("inputs"), where="inputs")
    parsing.limit_inputs(found, parsing.BATCH_LIMIT, "a batch request")
    return list(dict.fromkeys(found))


def _refuse_everything(portal: Portal, request: ApiRequest, subscriber: str) -> None:
    subscriptions.change(portal, subscriber, [Change(EVERYTHING, UNSUBSCRIBED)], build_cause(portal))
    portal.log_event("update", "subscriptions", subscriber, request.correlation_id)


def _apply(portal: Portal, request: ApiRequest, subscriber: str, body: dict[str, Any]) -> dict[str, Any]:
    parse_address(subscriber, "subscriberIdString")
    if body.get("channel") != "EMAIL":
        raise ApiError(400, "channel must be EMAIL")
    status = body.get("statusState")
    if status not in {SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED}:
        raise ApiError(400, f"statusState must be {SUBSCRIBED}, {UNSUBSCRIBED} or {NOT_SPECIFIED}")
    change = parse_change(portal, body, status)
    before = subscriptions.statuses(portal, subscriber).get(change.subscription_id)
    subscriptions.change(portal, subscriber, [change], build_cause(portal))
    portal.log_event("update", "subscriptions", subscriber, request.correlation_id)
    after = subscriptions.statuses(portal, subscriber)[change.subscription_id]
    shown = render_status(subscriber, find_definition(portal, str(change.subscription_id)), after)
    return shown | {"setStatusSuccessReason": _reason(before, status)}


def _reason(before: Status | None, status: str) -> str:
    if before is not None and before.status == status:
        return "NO_STATUS_CHANGE"
    resubscribes = before is not None and before.status == UNSUBSCRIBED and status == SUBSCRIBED
    return "RESUBSCRIBE_OCCURRED" if resubscribes else "REQUESTED_CHANGE_OCCURRED"


def _channel_parameter(request: ApiRequest, *more: str) -> None:
    parsing.known_parameters(request, ("businessUnitId", "channel", *more))
    if parsing.one(request, "channel") != "EMAIL":
        raise ApiError(400, "The parameter channel is needed, and EMAIL is its only value")


def _action(portal: Portal, results: Sequence[dict[str, Any]]) -> ApiResponse:
    now = render_ms(portal.now_ms())
    return json_response({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})


def _needs(*names: str) -> Scopes:
    """Let one of these suffice; a text of several words stands for scopes that are needed together."""
    alternatives = tuple(frozenset(f"communication_preferences.{part}" for part in name.split()) for name in names)
    return lambda portal, request: alternatives  # noqa: ARG005


_READ, _WRITE = _needs("read", "read_write"), _needs("write", "read_write")
_BASE = "/communication-preferences"
_V3: tuple[tuple[str, str, Handler, Scopes], ...] = (
    ("GET", "/status/email/{emailAddress}", subscription_v3.statuses_v3, _READ),
    ("POST", "/subscribe", subscription_v3.subscribe_v3, _WRITE),
    ("POST", "/unsubscribe", subscription_v3.unsubscribe_v3, _WRITE),
)
_V4: tuple[tuple[str, str, Handler, Scopes], ...] = (
    ("GET", "/definitions", definitions, _READ),
    ("GET", "/statuses/{subscriber}", statuses, _READ),
    ("POST", "/statuses/{subscriber}", change_status, _WRITE),
    ("POST", "/statuses/batch/read", read_statuses, _needs("statuses.batch.read")),
    ("POST", "/statuses/batch/write", write_statuses, _needs("statuses.batch.write")),
    ("GET", "/statuses/{subscriber}/unsubscribe-all", wide_status, _READ),
    ("POST", "/statuses/{subscriber}/unsubscribe-all", unsubscribe_all, _WRITE),
    ("POST", "/statuses/batch/unsubscribe-all", unsubscribe_all_of, _needs("statuses.batch.write")),
    ("POST", "/statuses/batch/unsubscribe-all/read", read_wide_statuses, _needs("statuses.batch.read")),
    ("POST", "/links/generate", generate_links, _needs("read_write", "read write")),
)
_DATED: tuple[tuple[str, str, Handler, Scopes], ...] = (("POST", "/resubscribe", subscription_v3.resubscribe, _WRITE),)
_CALLS: tuple[tuple[str, str | None, tuple[tuple[str, str, Handler, Scopes], ...]], ...] = (
    ("v3", "v3", (("GET", "/definitions", subscription_v3.definitions_v3, _READ), *_V3)),
    ("v4", "v4", _V4),
    ("{version}", None, (*_V3, *_V4, *_DATED)),
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
        handler=subscription_v3.definitions_v1,
        version="v1",
        scopes=content_scopes,
    ),
)
