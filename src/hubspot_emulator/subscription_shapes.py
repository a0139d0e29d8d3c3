"""What all versions of the subscription calls share: how a kind of e-mails looks, and how a change is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from hubspot_emulator import parsing, subscriptions
from hubspot_emulator.documents import Document
from hubspot_emulator.http import ApiError
from hubspot_emulator.subscriptions import EVERYTHING, LEGAL_BASES, NOT_SPECIFIED, UNSUBSCRIBED, Cause, Change, Status
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


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


def render_statuses(portal: Portal, subscriber: str) -> list[dict[str, Any]]:
    """Render what a person gets, kind by kind, as v4 does."""
    known = subscriptions.statuses(portal, subscriber)
    wide = known.get(EVERYTHING)
    shown = []
    for definition in subscriptions.definitions(portal):
        number = int(definition.id)
        found = known.get(number) or Status(number, NOT_SPECIFIED, definition.created_ms, "", None, None)
        if wide is not None and wide.status == UNSUBSCRIBED:
            found = wide
        shown.append(render_status(subscriber, definition, found))
    return shown


def render_status(subscriber: str, definition: Document, found: Status) -> dict[str, Any]:
    """Render one status as v4 does."""
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


def render_wide(portal: Portal, subscriber: str) -> list[dict[str, Any]]:
    """Render that a person unsubscribed from everything; nothing where not."""
    found = subscriptions.statuses(portal, subscriber).get(EVERYTHING)
    if found is None or found.status != UNSUBSCRIBED:
        return []
    shown = {"subscriberIdString": subscriber, "channel": "EMAIL", "status": UNSUBSCRIBED}
    return [shown | {"wideStatusType": "PORTAL_WIDE", "timestamp": render_ms(found.at_ms)}]


def find_definition(portal: Portal, definition_id: str) -> Document:
    """Give a kind of e-mails; ApiError 404 when there is none."""
    for each in subscriptions.definitions(portal):
        if each.id == definition_id:
            return each
    raise ApiError(404, f"resource not found: subscription {definition_id}", category="OBJECT_NOT_FOUND")


def parse_change(portal: Portal, body: dict[str, Any], status: str) -> Change:
    """Read a change of a status from a body."""
    definition = find_definition(portal, parsing.text(body.get("subscriptionId"), where="subscriptionId"))
    basis = body.get("legalBasis")
    if basis is not None and basis not in LEGAL_BASES:
        raise ApiError(400, f"legalBasis must be one of {', '.join(LEGAL_BASES)}")
    explanation = body.get("legalBasisExplanation")
    return Change(int(definition.id), status, basis, None if explanation is None else str(explanation))


def parse_address(value: object, name: str) -> str:
    """Read an e-mail address."""
    text = parsing.text(value, where=name)
    if "@" not in text:
        raise ApiError(400, f"{name} is not an e-mail address")
    return text


def build_cause(portal: Portal) -> Cause:
    """Name the event to come after how many there were: equal portals name it equally."""
    (before,) = portal.db.execute("SELECT count(*) FROM subscription_timeline").fetchone()
    return Cause(str(uuid5(NAMESPACE_OID, f"{portal.portal_id} {before}")), portal.now_ms())


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every kind of e-mails."""
    for definition in subscriptions.definitions(portal):
        yield render(definition) | {"state": "live"}
