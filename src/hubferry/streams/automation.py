"""The streams of workflows, as the third version shows them and as the fourth does."""

from __future__ import annotations

from hubferry.streams.definition import Detail, Stream

_SCOPES = (frozenset({"automation"}),)

WORKFLOW_FLOWS = Stream(
    name="workflow_flows",
    doc="automation/workflows-v4",
    reader="pages",
    path="/automation/v4/flows",
    params=(("limit", "100"),),
    scopes=_SCOPES,
    cursor="updated_at",
    columns={
        "id": "string",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "name": "string",
        "is_enabled": "boolean",
        "object_type_id": "string",
        "flow_type": "string",
        "type": "string",
        "revision_id": "string",
        "uuid": "string",
        "description": "string",
        "start_action_id": "string",
        "actions": "json",
        "enrollment_criteria": "json",
    },
    detail=Detail(path="/automation/v4/flows/{id}", moved="revision_id"),
)
WORKFLOWS = Stream(
    name="workflows",
    doc="automation/workflows-v3",
    reader="pages",
    path="/automation/v3/workflows",
    results="workflows",
    paging="none",
    scopes=_SCOPES,
    cursor="updated_at",
    columns={
        "id": "string",
        "inserted_at": "timestamp",
        "updated_at": "timestamp",
        "name": "string",
        "type": "string",
        "enabled": "boolean",
        "description": "string",
        "portal_id": "integer",
        "last_updated_by_user_id": "integer",
        "original_author_user_id": "integer",
        "persona_tag_ids": "json",
        "contact_list_ids": "json",
        "contact_counts": "json",
        "migration_status": "json",
        "creation_source": "json",
        "update_source": "json",
    },
)

STREAMS = tuple(each for each in vars().values() if isinstance(each, Stream))
