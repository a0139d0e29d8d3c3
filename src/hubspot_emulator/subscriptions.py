"""Which e-mails a person gets: the kinds there are, each person's statuses, and the timeline of changes (HS-53, HS-54)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from hubspot_emulator import documents, email_events
from hubspot_emulator.documents import Document
from hubspot_emulator.samples import CONTACT
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

KIND = "subscription_definitions"
SCHEMA = """
CREATE TABLE IF NOT EXISTS subscription_statuses (
    recipient TEXT, subscription_id INTEGER, status TEXT NOT NULL, at_ms INTEGER NOT NULL, source TEXT NOT NULL,
    legal_basis TEXT, explanation TEXT, PRIMARY KEY (recipient, subscription_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subscription_timeline (
    at_ms INTEGER, id TEXT, recipient TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (at_ms, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subscription_timeline_recipient ON subscription_timeline (recipient);
"""
EVERYTHING = 0
"""Stands for all subscriptions of the portal at once."""
SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED = "SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED"
LEGAL_BASES = (
    "CONSENT_WITH_NOTICE",
    "LEGITIMATE_INTEREST_CLIENT",
    "LEGITIMATE_INTEREST_OTHER",
    "LEGITIMATE_INTEREST_PQL",
    "NON_GDPR",
    "PERFORMANCE_OF_CONTRACT",
    "PROCESS_AND_STORE",
)


class Status(NamedTuple):
    """What is known of a person and a subscription."""

    subscription_id: int
    status: str
    at_ms: int
    source: str
    legal_basis: str | None
    explanation: str | None


class Change(NamedTuple):
    """One change of a status, with the reason in law where one was given."""

    subscription_id: int
    status: str
    legal_basis: str | None = None
    explanation: str | None = None


class Cause(NamedTuple):
    """What brought a change about: the event of the same id and moment."""

    event_id: str
    at_ms: int
    source: str = "SOURCE_HUBSPOT_CUSTOMER"
    source_id: str = "Public API"


def definitions(portal: Portal) -> list[Document]:
    """Give the kinds of e-mails of the portal."""
    return documents.all_of(portal, KIND)


def statuses(portal: Portal, recipient: str) -> dict[int, Status]:
    """Give the statuses that were ever set for a person, by subscription."""
    rows = portal.db.execute(
        "SELECT subscription_id, status, at_ms, source, legal_basis, explanation FROM subscription_statuses"
        " WHERE recipient = ? ORDER BY subscription_id",
        (recipient.lower(),),
    )
    return {row[0]: Status._make(row) for row in rows}


def change(portal: Portal, recipient: str, changes: Sequence[Change], cause: Cause) -> None:
    """Set statuses: the event that tells of it and the entry of the timeline name each other."""
    recipient = recipient.lower()
    portal.db.executemany(
        "INSERT OR REPLACE INTO subscription_statuses VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                recipient,
                each.subscription_id,
                each.status,
                cause.at_ms,
                cause.source,
                each.legal_basis,
                each.explanation,
            )
            for each in changes
        ),
    )
    email_events.load(portal, [_build_event(portal, recipient, changes, cause)])
    entries = [
        {"change": each.status, "changeType": "SUBSCRIPTION_STATUS", "subscriptionId": each.subscription_id}
        if each.subscription_id != EVERYTHING
        else {"change": each.status, "changeType": "PORTAL_STATUS"}
        for each in changes
    ]
    add_to_timeline(portal, recipient, entries, cause)


def add_to_timeline(portal: Portal, recipient: str, entries: Sequence[dict[str, Any]], cause: Cause) -> None:
    """Store an entry of the timeline: changes of one person with one cause."""
    caused_by = {"id": cause.event_id, "created": cause.at_ms}
    changes = [
        {
            "source": cause.source,
            "timestamp": cause.at_ms,
            "portalId": portal.portal_id,
            "causedByEvent": caused_by,
            **each,
        }
        for each in entries
    ]
    known = statuses(portal, recipient)
    snapshot = [{"id": each.subscription_id, "status": each.status} for each in known.values()]
    body = {
        "timestamp": cause.at_ms,
        "normalizedEmailId": str(UUID(bytes=hashlib.sha256(recipient.encode()).digest()[:16], version=4)),
        "changes": changes,
        "recipient": recipient,
        "portalId": portal.portal_id,
        "snapshot": {"subscriptions": snapshot},
    }
    row = (cause.at_ms, cause.event_id, recipient, msgspec.json.encode(body))
    portal.db.execute("INSERT INTO subscription_timeline VALUES (?, ?, ?, ?)", row)


def _build_event(portal: Portal, recipient: str, changes: Sequence[Change], cause: Cause) -> dict[str, Any]:
    event: dict[str, Any] = {
        "id": cause.event_id,
        "source": cause.source,
        "recipient": recipient,
        "subscriptions": [_render_change(each) for each in changes if each.subscription_id != EVERYTHING],
        "sourceId": cause.source_id,
        "created": cause.at_ms,
        "type": "STATUSCHANGE",
        "portalId": portal.portal_id,
        "appId": 0,
        "emailCampaignId": 0,
    }
    wide = [each.status for each in changes if each.subscription_id == EVERYTHING]
    return event | ({"portalSubscriptionStatus": wide[0]} if wide else {})


def _render_change(each: Change) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": each.subscription_id, "status": each.status}
    if each.legal_basis is not None:
        shown["legalBasisChange"] = {
            "legalBasisType": each.legal_basis,
            "legalBasisExplanation": each.explanation or "",
            "optState": "OPT_IN" if each.status == SUBSCRIBED else "OPT_OUT",
        }
    return shown


def recipients(portal: Portal) -> list[str]:
    """Give the addresses of live contacts, and all others whose status was ever set, in order."""
    table = portal.table(CONTACT).name
    known = {row[0] for row in portal.db.execute("SELECT DISTINCT recipient FROM subscription_statuses")}
    emails = f"SELECT json_extract(CAST(properties AS TEXT), '$.email') FROM {table} WHERE state = {State.LIVE:d}"
    return sorted(known | {row[0].lower() for row in portal.db.execute(emails) if row[0]})
