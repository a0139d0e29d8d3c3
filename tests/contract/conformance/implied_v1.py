"""What a recording of v1 implies of its portal: old contacts, lists, engagements, and who owns and wrote them."""

from __future__ import annotations

import json
import re
from typing import Any

from conformance.calls import Caller
from conformance.recording import Recording, find_named
from hubspot_emulator import documents, engagement_writes, form_submissions, list_members, lists, owners, timestamps
from hubspot_emulator.documents import Document
from hubspot_emulator.portal import Portal

Json = dict[str, Any]
Ids = dict[str, str]
_NAMES = {"first-name": "firstname", "last-name": "lastname"}


def put_lists(recording: Recording, portal: Portal) -> Ids:
    """Make the lists of v1 that a call names or answers, and the contacts in them."""
    now, ids = portal.now_ms(), Ids()
    shown = recording.body.get("lists", []) if isinstance(recording.body, dict) else []
    number = re.search(r"/lists/(\d+)/", recording.path)
    dynamic = "dynamic" in json.dumps(recording.body)
    kind = "DYNAMIC" if number and dynamic else "MANUAL"
    row = lists.create(portal, "Named", "0-1", kind, None, request="")
    ids |= {number[1]: str(row.id + lists.LEGACY_OFFSET)} if number else {}
    for each in shown:
        lists.create(portal, each["name"], "0-1", "MANUAL", None, request="")
    for email in re.findall(r"[\w.]+@[\w.]+", json.dumps(recording.request or {})):
        portal.create_record("0-1", {"email": email})
    for each in recording.body.get("contacts", []):
        record_id = _old_contact(portal, each)
        ids[str(each["vid"])] = str(record_id)
        list_members.load(portal, row.id, [list_members.Member(record_id, now)])
    if recording.body.get("has-more"):
        more = [portal.create_record("0-1", {"email": f"m{place}@example.com"}) for place in range(30)]
        list_members.load(portal, row.id, [list_members.Member(each, now) for each in more])
    return ids


def put_contacts(recording: Recording, portal: Portal) -> Ids:
    """Make contacts of v1, those of a merge among them."""
    body = recording.body if isinstance(recording.body, dict) else {}
    ids: Ids = {}
    for each in body.get("contacts", [body] if "vid" in body else []):
        ids[str(each["vid"])] = str(_old_contact(portal, each))
    for vid in find_named(recording.request, "vidToMerge"):
        if recording.status < 400:
            ids[str(vid)] = str(portal.create_record("0-1", {"email": "merged@example.com"}))
    vid = re.search(r"/merge-vids/(\d+)", recording.path)
    return ids | ({vid[1]: str(portal.create_record("0-1", {"email": "kept@example.com"}))} if vid else {})


def _old_contact(portal: Portal, each: Json) -> int:
    """Make a contact of v1 with the forms it sent, the lists it is in, and those that became part of it."""
    values = _old_values(each)
    audits = each["merge-audits"]
    emails = [audit[name]["value"] for audit in audits for name in ("merged_to_email", "merged_from_email")]
    emails += re.findall(r"[\w.]+@[\w.]+", json.dumps(each["identity-profiles"]))
    own = values | {"email": emails[0]}
    record_id = portal.create_record("0-1", own)
    for number, audit in enumerate(audits):
        names = {name: audit[key] for key, name in _NAMES.items() if key in audit}
        gone = portal.create_record("0-1", {"email": audit["merged_from_email"]["value"]} | names)
        record_id = portal.merge_records("0-1", record_id, gone, request=f"{number}")
    for place, sent in enumerate(each["form-submissions"]):
        page = sent.get("page-url", "")
        values_sent = [("email", own["email"])]
        submission = form_submissions.Submission(sent["form-id"], sent["timestamp"], f"{place}", values_sent, page)
        form_submissions.load(portal, [submission])
        form = {"name": sent["title"], "formType": "hubspot"}
        documents.add(
            portal, form_submissions.KIND, Document(sent["form-id"], None, portal.now_ms(), portal.now_ms(), form)
        )
    if each.get("list-memberships"):
        row = lists.create(portal, "Named", "0-1", "MANUAL", None, request="")
        list_members.load(portal, row.id, [list_members.Member(record_id, portal.now_ms())])
    return record_id


def _old_values(contact: Json) -> dict[str, str]:
    given = {name: part["value"] for name, part in contact["properties"].items()}
    return {
        name: value for name, value in given.items() if name in {"email", "firstname", "lastname", "lifecyclestage"}
    }


def send_engagements(recording: Recording, caller: Caller, ids: Ids, portal: Portal) -> None:
    """Send every engagement of an answer to the call that makes them."""
    if not isinstance(recording.body, dict):
        return
    named = {"contactIds": "contacts", "companyIds": "companies", "dealIds": "deals"}
    for each in recording.body.get("results", []):
        for key, kind in named.items():
            for recorded in each["associations"][key]:
                if str(recorded) not in ids:
                    name = {"companies": "name", "contacts": "email", "deals": "dealname"}[kind]
                    record = {name: f"e{recorded}@example.com"} | (
                        {"dealstage": "closedwon"} if kind == "deals" else {}
                    )
                    ids[str(recorded)] = caller.make(f"/crm/v3/objects/{kind}", {"properties": record})["id"]
        links = {key: [int(ids[str(end)]) for end in each["associations"][key]] for key in named}
        envelope = {
            key: each["engagement"][key] for key in ("timestamp", "type", "uid", "ownerId") if key in each["engagement"]
        }
        new = {"engagement": envelope, "associations": links, "metadata": each["metadata"]}
        made = caller.make("/engagements/v1/engagements", new)["engagement"]
        _stamp_users(portal, made, each["engagement"])


def _stamp_users(portal: Portal, made: Json, recorded: Json) -> None:
    """Let an activity say who made it, which no call of an app does."""
    users = {"createdBy": "hs_created_by_user_id", "modifiedBy": "hs_updated_by_user_id"}
    values = {name: str(recorded[key]) for key, name in users.items() if key in recorded}
    with portal.lock:
        portal.update_record(engagement_writes.TYPES[made["type"]], made["id"], values)
        portal.commit()


def put_owners(recording: Recording, portal: Portal) -> Ids:
    """Make the owners that engagements name."""
    now = timestamps.render_ms(portal.now_ms())
    more = {"type": "PERSON", "archived": False, "createdAt": now, "updatedAt": now}
    named = sorted({str(each) for each in find_named(recording.body, "ownerId")})
    owners.load(portal, [{"id": each, "email": f"o{each}@example.com", **more} for each in named])
    return {}


def put_companies(recording: Recording, portal: Portal) -> Ids:
    """Make the companies that a request of v1 names."""
    named = [str(each) for each in find_named(recording.request, "objectId")]
    return {each: str(portal.create_record("0-2", {"name": "n", "domain": "n.example.com"})) for each in named}
