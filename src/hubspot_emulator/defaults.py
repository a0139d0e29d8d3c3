"""What HubSpot sets by itself: on a new record, beside a change, and when two records become one."""

from __future__ import annotations

import re
from collections.abc import Callable

from hubspot_emulator import timestamps
from hubspot_emulator.object_types import ObjectType

Values = dict[str, str]

LIFECYCLE = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
SOURCE_ID = "19083857"
_BODIES = {
    "calls": "hs_call_body",
    "emails": "hs_email_text",
    "meetings": "hs_meeting_body",
    "notes": "hs_note_body",
    "tasks": "hs_task_body",
}
_PREVIEW = 500
"""Characters of a preview: assumed."""
_TAG = re.compile(r"<[^>]*>")
_NO_DIGIT = re.compile(r"\D+")
_COUNTERS = ("num_associated_contacts", "num_notes")


def complete_new(kind: ObjectType, record_id: int, properties: Values, created_ms: int) -> Values:
    """Build the full values of a new record; what the caller gave wins over every default."""
    created = timestamps.render_ms(created_ms)
    values = {
        "hs_object_source": "INTEGRATION",
        "hs_object_source_id": SOURCE_ID,
        "hs_object_source_label": "INTEGRATION",
    }
    fill = _NEW.get(kind.name)
    if fill is not None:
        values |= fill(record_id, properties, created)
    values |= properties if "" not in properties.values() else {name: each for name, each in properties.items() if each}
    values |= _calculated(kind, values)
    values["hs_object_id"] = str(record_id)
    values[kind.created_property] = created
    values.setdefault(kind.modified_property, created)
    return values


def complete_change(kind: ObjectType, before: Values, changes: Values) -> Values:
    """Build what a change really sets: a lifecycle stage never goes back (HS-23), calculated values follow."""
    real = dict(changes)
    stage, new_stage = before.get("lifecyclestage", ""), real.get("lifecyclestage", "")
    if stage in LIFECYCLE and new_stage in LIFECYCLE and LIFECYCLE.index(new_stage) < LIFECYCLE.index(stage):
        del real["lifecyclestage"]
    calculated = _calculated(kind, before | real)
    return real | {name: value for name, value in calculated.items() if before.get(name, "") != value}


def merge_values(
    kind: ObjectType, primary: tuple[int, Values], merged: tuple[int, Values], survivor_id: int, now_ms: int
) -> Values:
    """Build the values of a merged record: the primary's, its blanks filled, the furthest stage, the oldest date."""
    (primary_id, first), (merged_id, second) = primary, merged
    values = {name: value for name, value in second.items() if value != ""}
    values |= {name: value for name, value in first.items() if value != ""}
    stages = [found for found in (first.get("lifecyclestage"), second.get("lifecyclestage")) if found in LIFECYCLE]
    if stages:
        values["lifecyclestage"] = max(stages, key=lambda stage: LIFECYCLE.index(stage or ""))
    earlier = [name for found in (first, second) for name in found.get("hs_merged_object_ids", "").split(";") if name]
    gone = {str(primary_id), str(merged_id), *earlier} - {str(survivor_id)}
    values["hs_merged_object_ids"] = ";".join(sorted(gone, key=int))
    if kind.name == "contacts":
        values |= _merged_contact(first, second, gone, survivor_id, now_ms)
    values["hs_object_id"] = str(survivor_id)
    return values


def _merged_contact(first: Values, second: Values, gone: set[str], survivor_id: int, now_ms: int) -> Values:
    email = first.get("email") or second.get("email", "")
    others = [name for found in (first, second) for name in found.get("hs_additional_emails", "").split(";") if name]
    others += [second["email"]] if second.get("email") else []
    additional = ";".join(dict.fromkeys(other for other in others if other != email))
    dated = [
        part for found in (first, second) for part in found.get("hs_calculated_merged_vids", "").split(";") if part
    ]
    known = {part.split(":")[0] for part in dated}
    dated += [f"{name}:{now_ms}" for name in sorted(gone, key=int) if name not in known]
    return {
        "hs_calculated_merged_vids": ";".join(dated),
        "hs_all_contact_vids": ";".join([str(survivor_id), *sorted(gone, key=int)]),
    } | ({"hs_additional_emails": additional} if additional else {})


def _new_contact(record_id: int, properties: Values, created: str) -> Values:
    return {
        "hs_all_contact_vids": str(record_id),
        "hs_is_contact": "true",
        "hs_is_unworked": "true",
        "hs_pipeline": "contacts-lifecycle-pipeline",
        "lifecyclestage": "lead",
    } | ({"hs_lifecyclestage_lead_date": created} if properties.get("lifecyclestage", "lead") == "lead" else {})


def _new_company(_record_id: int, _properties: Values, _created: str) -> Values:
    return {
        "hs_pipeline": "companies-lifecycle-pipeline",
        "lifecyclestage": "lead",
        "num_associated_contacts": "0",
    }


def _new_deal(_record_id: int, properties: Values, created: str) -> Values:
    pipeline = {"pipeline": "default"} if properties.get("dealstage") else {}
    return pipeline | {
        "days_to_close": "0",
        "hs_createdate": created,
        "hs_is_closed_lost": "false",
        "hs_is_closed_won": "false",
        "num_associated_contacts": "0",
    }


def _new_ticket(record_id: int, _properties: Values, created: str) -> Values:
    return {
        "hs_helpdesk_sort_timestamp": created,
        "hs_is_closed": "false",
        "hs_last_message_from_visitor": "false",
        "hs_pipeline": "0",
        "hs_ticket_id": str(record_id),
    }


def _new_activity(_record_id: int, properties: Values, created: str) -> Values:
    return {"hubspot_owner_assigneddate": created} if properties.get("hubspot_owner_id") else {}


_NEW: dict[str, Callable[[int, Values, str], Values]] = {
    **dict.fromkeys(("calls", "emails", "meetings", "notes", "tasks"), _new_activity),
    "companies": _new_company,
    "contacts": _new_contact,
    "deals": _new_deal,
    "tickets": _new_ticket,
}


def _calculated(kind: ObjectType, values: Values) -> Values:
    """Derive what HubSpot derives from other values of the same record; "" where the source is cleared."""
    found: Values = {}
    if kind.name == "contacts":
        email = values.get("email", "")
        first, last = values.get("firstname", ""), values.get("lastname", "")
        names = f"{first} {last}" if first and last else first or last
        found = {
            "hs_email_domain": email.rpartition("@")[2],
            "hs_full_name_or_email": names or email,
            "hs_searchable_calculated_phone_number": _NO_DIGIT.sub("", values.get("phone", "")),
        }
    elif kind.name == "companies":
        found = {"hs_task_label": values.get("name", "")}
        if values.get("domain") and not values.get("website"):
            found["website"] = values["domain"]
    elif kind.name == "deals":
        found = {"amount_in_home_currency": values.get("amount", "")}
    elif kind.name in _BODIES and _BODIES[kind.name] in values:
        found = _preview(values[_BODIES[kind.name]])
    return {name: value for name, value in found.items() if value != "" or values.get(name)}


def _preview(body: str) -> Values:
    """Build what activities show of their text (recorded)."""
    text = _TAG.sub("", body).strip()
    return {
        "hs_body_preview": text[:_PREVIEW],
        "hs_body_preview_html": f"<html>\n<head></head>\n<body>\n{text[:_PREVIEW]}\n</body>\n</html>" if text else "",
        "hs_body_preview_is_truncated": str(len(text) > _PREVIEW).lower(),
    }
