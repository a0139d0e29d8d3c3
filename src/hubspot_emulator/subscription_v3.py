"""Subscriptions as v1 and v3 tell of them; the dated versions have the calls of v3 about people, too (HS-54)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing, subscriptions
from hubspot_emulator.documents import Document
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, json_response
from hubspot_emulator.subscription_shapes import build_cause, find_definition, parse_address, parse_change, render
from hubspot_emulator.subscriptions import EVERYTHING, SUBSCRIBED, UNSUBSCRIBED, Change

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

FIELDS = ("emailAddress", "legalBasis", "legalBasisExplanation", "subscriptionId")


def definitions_v1(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the kinds of e-mails as the v1 API does."""
    parsing.known_parameters(request, ())
    found = [_render_v1(portal, each) for each in subscriptions.definitions(portal)]
    return json_response({"subscriptionDefinitions": found})


def definitions_v3(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the kinds of e-mails as v3 does."""
    parsing.known_parameters(request, ())
    return json_response({"subscriptionDefinitions": [render(each) for each in subscriptions.definitions(portal)]})


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


def resubscribe(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Subscribe a person, also one who had unsubscribed from this kind; who refused everything stays without."""
    recipient, change = _change_v3(portal, request, SUBSCRIBED)
    return _apply_v3(portal, request, recipient, change)


def unsubscribe_v3(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Unsubscribe a person."""
    recipient, change = _change_v3(portal, request, UNSUBSCRIBED)
    return _apply_v3(portal, request, recipient, change)


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


def _change_v3(portal: Portal, request: ApiRequest, status: str) -> tuple[str, Change]:
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), FIELDS)
    recipient = parse_address(body.get("emailAddress"), "emailAddress")
    return recipient, parse_change(portal, body, status)


def _apply_v3(portal: Portal, request: ApiRequest, recipient: str, change: Change) -> ApiResponse:
    subscriptions.change(portal, recipient, [change], build_cause(portal))
    portal.log_event("update", "subscriptions", recipient, request.correlation_id)
    return json_response(_status_v3(portal, recipient, find_definition(portal, str(change.subscription_id))))
