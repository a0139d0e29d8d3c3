"""Events, e-mail campaigns, subscriptions and their changes in a generated portal, and more of them later."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any

from hubspot_emulator import documents, email_campaigns, email_events, subscriptions
from hubspot_emulator.documents import Document
from hubspot_emulator.marketing_samples import EMAILS
from hubspot_emulator.people import QUIET_MS, Candidate, build_guid, draw
from hubspot_emulator.samples import DAY_MS
from hubspot_emulator.subscriptions import EVERYTHING, SUBSCRIBED, UNSUBSCRIBED, Cause, Change
from hubspot_emulator.timestamps import parse_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

MOST_PEOPLE = 2_500
BATCH_APP = {"appId": 113, "appName": "Batch"}
DEFINITIONS: tuple[tuple[int, str, str, str, bool, bool], ...] = (
    (23_704_464, "Newsletter", "What is new, once a month", "Marketing", True, False),
    (10_798_197, "Customer service", "Feedback requests; service information.", "Service", True, True),
    (11_890_603, "Événements & café ☕", "", "", True, False),
    (9_112_001, "Old list", "No longer sent", "Marketing", False, False),
)
BROWSER = {
    "name": "Chrome Mobile",
    "family": "Chrome Mobile",
    "producer": "Google Inc.",
    "producerUrl": "https://www.google.com/",
    "type": "Mobile Browser",
    "url": "https://www.google.com/chrome/",
    "version": ["131.0"],
}
PLACES = (
    {"city": "berlin", "state": "be", "country": "DE", "zipcode": "10115", "latitude": 52.53, "longitude": 13.38},
    {"country": "US", "state": "california", "city": "mountain view"},
)


def fill(portal: Portal, seed: int) -> None:
    """Make what follows from the marketing emails of a portal that has its contacts."""
    rng = Random(f"emails {seed}")  # noqa: S311 - repeatable on purpose
    last = portal.now_ms() - QUIET_MS
    _add_definitions(portal, last)
    people = draw(portal, rng, MOST_PEOPLE)
    sent = [email for email in documents.all_of(portal, EMAILS) if "primaryEmailCampaignId" in email.body]
    for email in sent:
        documents.add(portal, email_campaigns.KIND, _build_campaign(rng, email))
    for person in people if sent else ():
        if rng.random() < 0.6:
            _send(portal, rng, rng.choice(sent), person.person.email.lower(), last)
        if rng.random() < 0.12:
            _change(portal, rng, person, last)


def act(portal: Portal, rng: Random, count: int) -> list[str]:
    """Let opens and changes of subscriptions happen now, or shortly before and only now known; give the events' ids."""
    people = draw(portal, rng, MOST_PEOPLE)
    campaigns = documents.all_of(portal, email_campaigns.KIND)
    ids = []
    for number in range(count if people else 0):
        late = rng.random() < 0.25
        moment = portal.now_ms() - (int(rng.random() * portal.knobs.late_event_seconds * 1000) if late else 0)
        address = rng.choice(people).person.email.lower()
        event_id = build_guid(rng)
        if number % 3 == 2 or not campaigns:
            change = Change(DEFINITIONS[0][0], rng.choice((SUBSCRIBED, UNSUBSCRIBED)))
            subscriptions.change(portal, address, [change], Cause(event_id, moment))
        else:
            campaign = rng.choice(campaigns)
            sent = {"id": build_guid(rng), "created": moment}
            base = _base(portal, int(campaign.id), address)
            email_events.load(portal, [base | _open(rng, event_id, moment, sent)])
        ids.append(event_id)
    return ids


def _add_definitions(portal: Portal, last: int) -> None:
    for order, (number, name, text, category, active, internal) in enumerate(DEFINITIONS):
        body: dict[str, Any] = {
            "name": name,
            "description": text,
            "active": active,
            "internal": internal,
            "category": category,
            "channel": "Email" if category else "",
        }
        if order:
            body["order"] = order - 1
        if internal:
            body["internalName"] = "SERVICE_HUB_FEEDBACK"
        created = last - (700 - 40 * order) * DAY_MS
        documents.add(portal, subscriptions.KIND, Document(str(number), None, created, created + DAY_MS, body))


def _build_campaign(rng: Random, email: Document) -> Document:
    started = parse_ms(email.body["publishDate"])
    body = {
        **BATCH_APP,
        "contentId": int(email.id),
        "subject": email.body["subject"],
        "name": email.body["name"],
        "lastProcessingFinishedAt": started + 3000,
        "lastProcessingStartedAt": started,
        "lastProcessingStateChangeAt": started + 3000,
        "numIncluded": rng.randrange(1, 5000),
        "processingState": "DONE",
        "type": "BATCH_EMAIL",
    }
    return Document(email.body["primaryEmailCampaignId"], None, started, started + 3226, body)


def _send(portal: Portal, rng: Random, email: Document, address: str, last: int) -> None:
    """Send an email to one person: it is dropped or delivered, and then perhaps opened, clicked, or complained about."""
    start = min(parse_ms(email.body["publishDate"]) + int(rng.random() * 600_000), last - 10_000)
    events = list(_build_events(portal, rng, email, address, start, last))
    email_events.load(portal, events)
    final = events[-1]
    cause = Cause(final["id"], final["created"], "SOURCE_NON_DELIVERY_REPORT")
    if final["type"] == "BOUNCE":
        entry = {"change": "BOUNCED", "changeType": "PORTAL_BOUNCE"}
        subscriptions.add_to_timeline(portal, address, [entry], cause)
    if final["type"] == "SPAMREPORT":
        entry = {"change": "REPORTED_SPAM", "changeType": "PORTAL_SPAM_REPORT"}
        subscriptions.add_to_timeline(portal, address, [entry], cause._replace(source="SOURCE_RECIPIENT"))


def _build_events(
    portal: Portal, rng: Random, email: Document, address: str, start: int, last: int
) -> Iterator[dict[str, Any]]:
    base = _base(portal, int(email.body["primaryEmailCampaignId"]), address)
    sent = {"id": build_guid(rng), "created": start}
    envelope = {"from": '"Team Example" <team@example.com>', "replyTo": ["team@example.com"], "cc": [], "bcc": []}
    fate = rng.random()
    if fate < 0.04:
        dropped = {"dropReason": "PREVIOUSLY_BOUNCED", "dropMessage": "Bounced before", "sentBy": sent, "smtpId": None}
        yield base | sent | envelope | {"type": "DROPPED", "subject": email.body["subject"], **dropped}
        return
    yield base | sent | envelope | {"type": "SENT", "subject": email.body["subject"]}
    if fate < 0.1:
        bounced = {
            "type": "BOUNCE",
            "category": "UNKNOWN_USER",
            "status": "5.1.1",
            "response": "550 5.1.1 no such user",
        }
        yield base | bounced | {"id": build_guid(rng), "created": start + 4000, "sentBy": sent}
        return
    arrived = {"type": "DELIVERED", "response": "250 2.0.0 OK", "smtpId": None, "sentBy": sent}
    yield base | arrived | {"id": build_guid(rng), "created": start + 5000}
    moment = start + 5001
    while rng.random() < 0.5 and moment < last:
        moment += int(rng.random() * (last - moment) / 4)
        yield base | _open(rng, build_guid(rng), moment, sent)
    if rng.random() < 0.2:
        place = {"url": "https://www.example.com/?a=1&b=%E2%9C%93", "referer": "", "linkId": rng.randrange(9)}
        yield base | _open(rng, build_guid(rng), moment + 1, sent) | {"type": "CLICK", **place}
    if rng.random() < 0.02:
        yield base | {"type": "SPAMREPORT", "id": build_guid(rng), "created": moment + 2, "sentBy": sent}


def _base(portal: Portal, campaign_id: int, address: str) -> dict[str, Any]:
    return {**BATCH_APP, "portalId": portal.portal_id, "recipient": address, "emailCampaignId": campaign_id}


def _open(rng: Random, event_id: str, moment: int, sent: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "OPEN",
        "id": event_id,
        "created": moment,
        "sentBy": sent,
        "userAgent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36",
        "browser": BROWSER,
        "deviceType": rng.choice(("MOBILE", "COMPUTER", "UNKNOWN")),
        "location": rng.choice(PLACES),
        "ipAddress": f"203.0.113.{rng.randrange(256)}",
        "duration": rng.randrange(20_000),
        "filteredEvent": rng.random() < 0.15,
    }


def _change(portal: Portal, rng: Random, person: Candidate, last: int) -> None:
    first = person.created_ms
    moments = sorted(first + int(rng.random() * (last - first)) for _ in range(rng.randint(1, 3)))
    for moment in moments:
        number = EVERYTHING if rng.random() < 0.1 else rng.choice(DEFINITIONS)[0]
        status = UNSUBSCRIBED if number == EVERYTHING or rng.random() < 0.4 else SUBSCRIBED
        basis = ("LEGITIMATE_INTEREST_CLIENT", "test") if rng.random() < 0.5 else (None, None)
        source = "SOURCE_RECIPIENT" if status == UNSUBSCRIBED else "SOURCE_HUBSPOT_CUSTOMER"
        changes = [Change(number, status, *basis)]
        if number != EVERYTHING and rng.random() < 0.2:
            changes.append(Change(DEFINITIONS[0][0] if number != DEFINITIONS[0][0] else DEFINITIONS[1][0], status))
        cause = Cause(build_guid(rng), moment, source, "Self Service Resubscription")
        subscriptions.change(portal, person.person.email, changes, cause)
