"""Writing an engagement of v1: its metadata become properties of the activity that it is today (HS-56)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import associations, engagement_bodies, parsing, timestamps, writing
from hubspot_emulator.engagement_bodies import LINKED
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, json_response
from hubspot_emulator.object_types import ACTIVITIES

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]
Names = Mapping[str, str]

TASK, NOTE, MEETING, CALL, EMAIL = ACTIVITIES
TYPES: Names = {
    "CALL": CALL,
    "EMAIL": EMAIL,
    "FORWARDED_EMAIL": EMAIL,
    "INCOMING_EMAIL": EMAIL,
    "MEETING": MEETING,
    "NOTE": NOTE,
    "TASK": TASK,
}
_PEOPLE = ("bcc", "cc", "from", "to")
_METADATA: Mapping[str, Names] = {
    CALL: {
        "body": "hs_call_body",
        "disposition": "hs_call_disposition",
        "durationMilliseconds": "hs_call_duration",
        "externalAccountId": "hs_call_external_account_id",
        "externalId": "hs_call_external_id",
        "fromNumber": "hs_call_from_number",
        "recordingUrl": "hs_call_recording_url",
        "status": "hs_call_status",
        "title": "hs_call_title",
        "toNumber": "hs_call_to_number",
    },
    EMAIL: {
        "html": "hs_email_html",
        "status": "hs_email_status",
        "subject": "hs_email_subject",
        "text": "hs_email_text",
    },
    MEETING: {
        "body": "hs_meeting_body",
        "endTime": "hs_meeting_end_time",
        "externalUrl": "hs_meeting_external_url",
        "internalMeetingNotes": "hs_internal_meeting_notes",
        "location": "hs_meeting_location",
        "meetingOutcome": "hs_meeting_outcome",
        "startTime": "hs_meeting_start_time",
        "title": "hs_meeting_title",
    },
    NOTE: {"body": "hs_note_body"},
    TASK: {
        "body": "hs_task_body",
        "completionDate": "hs_task_completion_date",
        "priority": "hs_task_priority",
        "reminders": "hs_task_reminders",
        "sendDefaultReminder": "hs_task_send_default_reminder",
        "status": "hs_task_status",
        "subject": "hs_task_subject",
        "taskType": "hs_task_type",
    },
}
_IGNORED: Mapping[str, tuple[str, ...]] = {
    EMAIL: _PEOPLE,
    MEETING: ("preMeetingProspectReminders",),
    TASK: ("forObjectType", "isAllDay"),
}
_ENVELOPE = ("active", "ownerId", "timestamp", "type", "uid")
_ASSOCIATIONS = (*(key for key, _ in LINKED), "contentIds", "marketingEventIds", "ownerIds", "quoteIds", "workflowIds")


def create(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Make an activity with its links and answer it as an engagement."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), ("associations", "attachments", "engagement", "metadata"))
    given = parsing.fields(body.get("engagement"), _ENVELOPE, where="engagement")
    type_id = TYPES.get(str(given.get("type")))
    if type_id is None:
        raise ApiError(400, f"type must be one of {', '.join(TYPES)}, not {given.get('type')}")
    kind = portal.types.resolve(type_id)
    values = _properties(portal, type_id, given, body)
    record_id = writing.create(portal, kind, {"properties": values}, request)
    _link(portal, type_id, record_id, body.get("associations") or {}, request)
    row = portal.table(type_id).row(record_id)
    assert row is not None
    return json_response(engagement_bodies.render(portal, [(type_id, row)], request.granted)[0])


def _properties(portal: Portal, type_id: str, given: Json, body: Json) -> dict[str, str]:
    names = _METADATA[type_id]
    metadata = parsing.fields(
        body.get("metadata") or {}, {*names, *_IGNORED.get(type_id, ())}, where=f"metadata of {given['type']}"
    )
    values = {names[key]: _text(value) for key, value in metadata.items() if key in names and value is not None}
    if type_id == EMAIL:
        values["hs_email_headers"] = msgspec.json.encode({key: metadata.get(key) or [] for key in _PEOPLE}).decode()
        values["hs_email_direction"] = str(given["type"])
    attachments = parsing.items(body.get("attachments"), where="attachments")
    if attachments:
        values["hs_attachment_ids"] = ";".join(str(each["id"]) for each in attachments)
    moment = given.get("timestamp")
    values["hs_timestamp"] = timestamps.render_ms(portal.now_ms() if moment is None else int(moment))
    named = {"hubspot_owner_id": given.get("ownerId"), "hs_unique_id": given.get("uid")}
    return values | {name: str(value) for name, value in named.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _link(portal: Portal, type_id: str, record_id: int, given: object, request: ApiRequest) -> None:
    """Link the new activity by the unlabelled type; ids of nothing are passed over, null among them (recorded)."""
    wanted = parsing.fields(given, _ASSOCIATIONS, where="associations")
    for key, to_type in LINKED:
        ways = associations.direction(portal, type_id, to_type)
        for to_id in wanted.get(key) or ():
            if ways.default is not None and to_id is not None and portal.record_state(to_type, int(to_id)) == "live":
                where = (portal, type_id, record_id, to_type, int(to_id))
                associations.link(*where, [ways.default.key], request=request.correlation_id, ways=ways)
