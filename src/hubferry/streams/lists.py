"""The streams of lists (segments) and of who is in them."""

from __future__ import annotations

from hubferry.streams import parse
from hubferry.streams.definition import Parents, Recent, Request, Stream

_SCOPES = (frozenset({"crm.lists.read"}),)
_MORE = (
    "hs_list_size",
    "hs_last_record_added_at",
    "hs_last_record_removed_at",
    "hs_lastmodifieddate",
    "hs_list_reference_count",
    "hs_folder_name",
)
_EVERY_KIND: tuple[str, ...] = ()
_ALL = Request(
    path="/crm/lists/{version}/all",
    body={"count": 500, "processingTypes": _EVERY_KIND, "additionalProperties": _MORE},
)

CONTACT_LISTS = Stream(
    name="contact_lists",
    doc="crm/lists",
    reader="pages",
    path=_ALL.path,
    body=_ALL.body,
    scopes=_SCOPES,
    key=("list_id",),
    cursor="updated_at",
    columns={
        "list_id": "string",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "deleted_at": "timestamp",
        "filters_updated_at": "timestamp",
        "name": "string",
        "object_type_id": "string",
        "processing_type": "string",
        "processing_status": "string",
        "list_version": "integer",
        "created_by_id": "string",
        "updated_by_id": "string",
        "hs_list_size": "integer",
        "hs_list_reference_count": "integer",
        "hs_last_record_added_at": "timestamp",
        "hs_last_record_removed_at": "timestamp",
        "hs_lastmodifieddate": "timestamp",
        "hs_folder_name": "string",
    },
    unfold=parse.unfold_list,
    recent=Recent(
        request=Request(
            path="/crm/lists/{version}/search",
            body={
                "count": 500,
                "offset": 0,
                "query": "",
                "processingTypes": _EVERY_KIND,
                "additionalProperties": _MORE,
                "sort": "-HS_UPDATED_AT",
            },
            results="lists",
            paging="offset",
        ),
        column="updated_at",
        page=500,
    ),
)
LIST_MEMBERSHIPS = Stream(
    name="list_memberships",
    doc="crm/lists",
    reader="children",
    path="/crm/lists/{version}/{parent}/memberships",
    params=(("limit", "250"),),
    scopes=_SCOPES,
    key=("list_id", "record_id"),
    cursor="membership_timestamp",
    columns={"list_id": "string", "record_id": "string", "membership_timestamp": "timestamp"},
    # To join or to leave a list moves its size and its own dates, never `updatedAt`.
    parents=Parents(
        requests=(_ALL,),
        key="listId",
        columns=("list_id",),
        mark=(
            "additionalProperties.hs_list_size",
            "additionalProperties.hs_last_record_added_at",
            "additionalProperties.hs_last_record_removed_at",
            "updatedAt",
        ),
        size="additionalProperties.hs_list_size",
    ),
)

STREAMS = tuple(each for each in vars().values() if isinstance(each, Stream))
