"""What the engagements API shows of an activity record: the same data as its CRM object, in the older shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import associations, timestamps
from hubspot_emulator.object_types import ACTIVITIES
from hubspot_emulator.portal import decode_properties
from hubspot_emulator.storage import Row, State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Values = Mapping[str, str]

TASK, NOTE, MEETING, CALL, EMAIL = ACTIVITIES
LINKED = (("contactIds", "0-1"), ("companyIds", "0-2"), ("dealIds", "0-3"), ("ticketIds", "0-5"))
_NEVER_LINKED = ("ownerIds", "workflowIds", "contentIds", "quoteIds", "marketingEventIds")
BODY_SCOPE = "sales-email-read"


def render(portal: Portal, found: Sequence[tuple[str, Row]], granted: frozenset[str]) -> list[dict[str, Any]]:
    """Build the engagements of these records, in their order."""
    links = _links(portal, found)
    return [_engagement(portal, kind, row, links.get(row.id, {}), granted) for kind, row in found]


def _engagement(
    portal: Portal, type_id: str, row: Row, links: Mapping[str, list[int]], granted: frozenset[str]
) -> dict[str, Any]:
    values = decode_properties(row.properties)
    name, metadata = _METADATA[type_id](values)
    if type_id == EMAIL and BODY_SCOPE not in granted:
        metadata = {key: value for key, value in metadata.items() if key not in {"html", "text"}}
        values = {key: value for key, value in values.items() if not key.startswith("hs_body_preview")}
    body: dict[str, Any] = {
        "engagement": _envelope(portal, row, name, values),
        "associations": {key: links.get(key, []) for key, _ in LINKED} | {key: [] for key in _NEVER_LINKED},
        "attachments": [{"id": int(each)} for each in _parts(values, "hs_attachment_ids")],
        "metadata": metadata,
    }
    if type_id in {TASK, MEETING}:
        body["scheduledTasks"] = [
            {
                "engagementId": row.id,
                "portalId": portal.portal_id,
                "engagementType": name,
                "taskType": "REMINDER",
                "timestamp": moment,
                "uuid": f"{name}:{row.id:08x}-0000-4000-8000-{moment:012x}",
            }
            for moment in metadata.get("reminders", [])
        ]
    return body


def _envelope(portal: Portal, row: Row, name: str, values: Values) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "id": row.id,
        "portalId": portal.portal_id,
        "active": row.state == State.LIVE,
        "createdAt": row.created_ms,
        "lastUpdated": row.updated_ms,
        "createdBy": _number(values, "hs_created_by_user_id"),
        "modifiedBy": _number(values, "hs_updated_by_user_id"),
        "ownerId": _number(values, "hubspot_owner_id"),
        "type": name,
        "uid": values.get("hs_unique_id") or None,
        "timestamp": _moment(values, "hs_timestamp"),
        "source": values.get("hs_engagement_source") or None,
        "allAccessibleTeamIds": [],
        "bodyPreview": values.get("hs_body_preview") or None,
        "queueMembershipIds": [],
        "bodyPreviewIsTruncated": values.get("hs_body_preview_is_truncated") == "true",
        "gdprDeleted": values.get("hs_gdpr_deleted") == "true",
    }
    return {key: value for key, value in parts.items() if value is not None}


def _links(portal: Portal, found: Sequence[tuple[str, Row]]) -> dict[int, dict[str, list[int]]]:
    """Read the live records that these are linked to, each once whatever the number of its types."""
    links: dict[int, dict[str, list[int]]] = {}
    for type_id in {kind for kind, _ in found}:
        ids = [row.id for kind, row in found if kind == type_id]
        marks = ",".join("?" * len(ids))
        for key, to_type in LINKED:
            ways = associations.direction(portal, type_id, to_type)
            sql = (
                f"SELECT DISTINCT from_id, to_id FROM associations JOIN {portal.table(to_type).name} r ON r.id = to_id"
                f" WHERE from_id IN ({marks}) AND kind IN ({ways.kinds}) AND r.state = {State.LIVE:d} ORDER BY to_id"
            )
            for from_id, to_id in portal.db.execute(sql, ids):
                links.setdefault(from_id, {}).setdefault(key, []).append(to_id)
    return links


def _present(**parts: object) -> dict[str, Any]:
    return {key: value for key, value in parts.items() if value is not None and value != ""}


def _number(values: Values, name: str) -> int | None:
    text = values.get(name, "")
    return int(text) if text.lstrip("-").isdigit() else None


def _moment(values: Values, name: str) -> int | None:
    return timestamps.parse_ms(values[name]) if values.get(name) else None


def _parts(values: Values, name: str) -> list[str]:
    return [part for part in values.get(name, "").split(";") if part.isdigit()]


def _note(values: Values) -> tuple[str, dict[str, Any]]:
    return "NOTE", _present(body=values.get("hs_note_body"))


def _task(values: Values) -> tuple[str, dict[str, Any]]:
    reminders = [int(part) for part in _parts(values, "hs_task_reminders")]
    return "TASK", _present(
        body=values.get("hs_task_body"),
        status=values.get("hs_task_status"),
        forObjectType="OWNER",
        subject=values.get("hs_task_subject"),
        taskType=values.get("hs_task_type"),
        reminders=reminders,
        priority=values.get("hs_task_priority"),
        completionDate=_moment(values, "hs_task_completion_date"),
        sendDefaultReminder=True if values.get("hs_task_send_default_reminder") == "true" else None,
        isAllDay=False,
    )


def _call(values: Values) -> tuple[str, dict[str, Any]]:
    return "CALL", _present(
        toNumber=values.get("hs_call_to_number"),
        fromNumber=values.get("hs_call_from_number"),
        status=values.get("hs_call_status"),
        durationMilliseconds=_number(values, "hs_call_duration"),
        externalId=values.get("hs_call_external_id"),
        externalAccountId=values.get("hs_call_external_account_id"),
        recordingUrl=values.get("hs_call_recording_url"),
        body=values.get("hs_call_body"),
        disposition=values.get("hs_call_disposition"),
        title=values.get("hs_call_title"),
    )


def _meeting(values: Values) -> tuple[str, dict[str, Any]]:
    return "MEETING", _present(
        body=values.get("hs_meeting_body"),
        startTime=_moment(values, "hs_meeting_start_time"),
        endTime=_moment(values, "hs_meeting_end_time"),
        title=values.get("hs_meeting_title"),
        location=values.get("hs_meeting_location"),
        meetingOutcome=values.get("hs_meeting_outcome"),
        internalMeetingNotes=values.get("hs_internal_meeting_notes"),
        externalUrl=values.get("hs_meeting_external_url"),
        preMeetingProspectReminders=[],
    )


def _email(values: Values) -> tuple[str, dict[str, Any]]:
    return values.get("hs_email_direction") or "EMAIL", {
        **_people(values),
        **_present(
            subject=values.get("hs_email_subject"),
            html=values.get("hs_email_html"),
            text=values.get("hs_email_text"),
            status=values.get("hs_email_status"),
        ),
    }


def _people(values: Values) -> dict[str, Any]:
    """Read who wrote to whom from the headers, which are JSON that any client may have written."""
    try:
        headers = msgspec.json.decode(values.get("hs_email_headers") or "{}")
    except msgspec.DecodeError:
        headers = {}
    known = headers if isinstance(headers, dict) else {}
    empty: dict[str, Any] = {"from": {}, "to": [], "cc": [], "bcc": []}
    return {key: known.get(key, default) for key, default in empty.items()}


_METADATA: Mapping[str, Callable[[Values], tuple[str, dict[str, Any]]]] = {
    CALL: _call,
    EMAIL: _email,
    MEETING: _meeting,
    NOTE: _note,
    TASK: _task,
}
