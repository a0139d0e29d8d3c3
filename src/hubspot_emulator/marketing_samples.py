"""Marketing campaigns and emails of a generated portal: sent ones, drafts, archived ones."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from hubspot_emulator import documents
from hubspot_emulator.documents import Document
from hubspot_emulator.people import QUIET_MS, build_guid
from hubspot_emulator.samples import CONTACT, DAY_MS, TEXTS, WORDS
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

CAMPAIGNS, EMAILS = "marketing_campaigns", "marketing_emails"
FIRST_EMAIL_ID = 168_871_137_104
MOST_EMAILS = 150
DEVICES = ("computer", "mobile", "unknown")


def fill(portal: Portal, seed: int) -> None:
    """Make the campaigns and emails of a portal: a few, and an email for every 200 contacts more."""
    rng = Random(f"marketing {seed}")  # noqa: S311 - repeatable on purpose
    last = portal.now_ms() - QUIET_MS
    count = min(MOST_EMAILS, 12 + portal.table(CONTACT).live_count() // 200)
    guids = [build_guid(rng) for _ in range(5 + count // 10)]
    emails = [_build_email(rng, number, guids, last) for number in range(count)]
    for email in emails:
        documents.add(portal, EMAILS, email)
    for number, guid in enumerate(guids):
        documents.add(portal, CAMPAIGNS, _build_campaign(rng, number, guid, emails, last))


def _build_campaign(rng: Random, number: int, guid: str, emails: list[Document], last: int) -> Document:
    created = last - int((0.1 + rng.random()) * 500 * DAY_MS)
    values = {"hs_name": f"{rng.choice(WORDS).title()} {2025 + number % 2}", "hs_object_id": str(370_000_000 + number)}
    optional = {
        "hs_notes": rng.choice(TEXTS),
        "hs_budget_items_sum_amount": f"{rng.randrange(9000)}.0",
        "hs_start_date": render_ms(created)[:10],
        "hs_campaign_status": rng.choice(("planned", "in_progress", "completed")),
        "hs_utm": f"{guid[:8]}-utm",
    }
    values |= {name: value for name, value in optional.items() if rng.random() < 0.6}
    own = [{"id": each.id, "name": each.body["name"]} for each in emails if each.body.get("campaign") == guid]
    assets: dict[str, Any] = {"MARKETING_EMAIL": own} if own else {}
    if rng.random() < 0.5:
        assets["OBJECT_LIST"] = [{"id": str(1 + number), "name": f"Audience {number:03}"}]
    body = {"properties": values, "businessUnits": [{"id": 0}], "assets": assets}
    return Document(guid, None, created, created + int(rng.random() * (last - created)), body)


def _build_email(rng: Random, number: int, guids: list[str], last: int) -> Document:
    created = last - int((0.05 + rng.random()) * 400 * DAY_MS)
    published = created + int(rng.random() * min(last - created, 20 * DAY_MS))
    sent = number % 4 != 3
    updated = published if sent else created
    archived = updated + int(rng.random() * (last - updated)) if number % 10 == 7 else None
    body: dict[str, Any] = {
        "activeDomain": "62515.hs-sites.com",
        "businessUnitId": "0",
        "content": {},
        "createdById": "12282590",
        "emailTemplateMode": "DRAG_AND_DROP",
        "from": {"fromName": "Team Example", "replyTo": "team@example.com"} if sent else {},
        "isAb": False,
        "isPublished": sent,
        "isTransactional": False,
        "jitterSendTime": True,
        "language": "en",
        "name": f"{rng.choice(WORDS).title()} news {number:03}",
        "previewKey": "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", k=8)),
        "publishDate": render_ms(published // 1000 * 1000),
        "sendOnPublish": True,
        "state": "PUBLISHED" if sent else "DRAFT",
        "subcategory": "batch",
        "subject": rng.choice(TEXTS).strip(),
        "subscriptionDetails": {"subscriptionId": "23704464", "subscriptionName": "Newsletter"} if sent else {},
        "to": {},
        "type": "BATCH_EMAIL",
        "updatedById": "12282590",
        "webversion": {},
    }
    if sent:
        body["stats"] = _build_stats(rng)
        body["primaryEmailCampaignId"] = str(243_851_494 + 17 * number)
        body["allEmailCampaignIds"] = [body["primaryEmailCampaignId"]]
    if rng.random() < 0.5:
        body["campaign"] = rng.choice(guids)
    # Ids of emails grow with time, though not one by one.
    email_id = FIRST_EMAIL_ID + 200 * ((created - last) // 977 + 10**8) + number
    return Document(str(email_id), archived, created, updated, body)


def _build_stats(rng: Random) -> dict[str, Any]:
    sent = rng.randrange(1, 5000)
    delivered = int(sent * 0.97)
    opened = int(delivered * rng.random() * 0.6)
    clicked = int(opened * rng.random() * 0.3)
    counters = {"sent": sent, "delivered": delivered, "open": opened, "click": clicked, "bounce": sent - delivered}
    ratios = {"deliveredratio": 100 * delivered / sent, "openratio": 100 * opened / max(1, delivered)}
    devices = {"open_device_type": dict.fromkeys(DEVICES, opened // 3), "click_device_type": {}}
    return {"counters": counters, "deviceBreakdown": devices, "qualifierStats": {}, "ratios": ratios}
