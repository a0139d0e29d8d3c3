"""The streams of what was: versions of properties, and the activities of the first version of the API."""

from __future__ import annotations

from hubferry.objects import BY_NAME
from hubferry.streams import parse
from hubferry.streams.definition import Recent, Request, Stream

HISTORY_OBJECTS = ("companies", "contacts", "deals")
"""Whose history is read where the project says nothing."""

ENGAGEMENTS = Stream(
    name="engagements",
    doc="legacy/crm/engagements-v1",
    reader="pages",
    path="/engagements/v1/engagements/paged",
    params=(("limit", "250"),),
    paging="offset",
    # Without the second scope HubSpot leaves the bodies of e-mails out.
    scopes=(frozenset({"crm.objects.contacts.read", "sales-email-read"}),),
    cursor="last_updated",
    columns={
        "id": "string",
        "created_at": "timestamp",
        "last_updated": "timestamp",
        "timestamp": "timestamp",
        "type": "string",
        "active": "boolean",
        "portal_id": "integer",
        "owner_id": "string",
        "created_by": "integer",
        "modified_by": "integer",
        "source": "string",
        "body_preview": "string",
        "body_preview_html": "string",
        "body_preview_is_truncated": "boolean",
        "gdpr_deleted": "boolean",
        "all_accessible_team_ids": "json",
        "queue_membership_ids": "json",
        "associations": "json",
        "attachments": "json",
        "scheduled_tasks": "json",
        "metadata": "json",
    },
    unfold=parse.unfold_engagement,
    recent=Recent(
        request=Request(path="/engagements/v1/engagements/modified/after", params=(("limit", "1000"),), paging="more"),
        column="last_updated",
        since="after",
        page=1000,
        silent=True,
    ),
)
PROPERTY_HISTORY = Stream(
    name="property_history",
    doc="crm/properties",
    reader="history",
    path="/crm/objects/{version}/{object}/batch/read",
    scopes=(frozenset.union(*(BY_NAME[each].read_scopes[0] for each in HISTORY_OBJECTS)),),
    cursor="timestamp",
    columns={
        "id": "string",
        "object": "string",
        "record_id": "string",
        "property": "string",
        "timestamp": "timestamp",
        "value": "string",
        "source_type": "string",
        "source_id": "string",
        "source_label": "string",
        "updated_by_user_id": "integer",
    },
    # The id says which record, not of which object: a company and a deal may have one id and be made in one millisecond.
    key=("object", "id"),
    unfold=parse.unfold_versions,
    deletes=False,
)

STREAMS = tuple(each for each in vars().values() if isinstance(each, Stream))
