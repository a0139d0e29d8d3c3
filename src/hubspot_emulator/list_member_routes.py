"""The calls about who is in a list: pages by id and by time of joining, lists of a record, adding and removing (HS-46)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import list_members, lists, paging, parsing
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.list_members import Member, Membership
from hubspot_emulator.lists import ListRow
from hubspot_emulator.routing import versioned
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

MOST_CHANGES = 100_000
_WRITE = (
    frozenset({"crm.lists.read", "crm.lists.write"}),
    frozenset({"crm.lists.read", "cms.membership.access_groups.write"}),
)


def read_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    """Give what reading lists needs."""
    return (frozenset({"crm.lists.read"}),)


def write_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    """Give what changing lists needs."""
    return _WRITE


def members_by_id(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of a list's members by record id."""
    row, limit = _list_and_limit(portal, request)
    before = paging.number_token(request, "before")
    found = list_members.by_id(portal, row, limit + 1, after=paging.number_token(request), before=before)
    return _page(portal, request, row, found, limit, before is not None, lambda member: str(member.record_id))


def members_by_join(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of a list's members by when they joined, the latest first unless a knob says not."""
    row, limit = _list_and_limit(portal, request)
    before = _join_token(request, "before")
    found = list_members.by_join(
        portal,
        row,
        limit + 1,
        after=_join_token(request, "after"),
        before=before,
        newest_first=portal.knobs.list_joins_newest_first,
    )
    token = lambda member: f"{member.joined_ms}:{member.record_id}"  # noqa: E731
    return _page(portal, request, row, found, limit, before is not None, token)


def add_members(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add records to a list."""
    return _change(portal, request, parsing.texts(_body(request), where="the body"), ())


def remove_members(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove records from a list."""
    return _change(portal, request, (), parsing.texts(_body(request), where="the body"))


def change_members(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add and remove records at once."""
    body = parsing.fields(_body(request), ("recordIdsToAdd", "recordIdsToRemove"))
    joining, leaving = (parsing.texts(body.get(name), where=name) for name in ("recordIdsToAdd", "recordIdsToRemove"))
    return _change(portal, request, joining, leaving)


def add_from_list(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add all members of one list to another of the same type."""
    parsing.known_parameters(request, ())
    row, source = _static(portal, request), lists.find(portal, request.params["sourceListId"])
    if row.type_id != source.type_id or row.id == source.id:
        raise ApiError(400, f"The members of list {source.id} cannot be added to list {row.id}.")
    ids = [member.record_id for member in list_members.all_members(portal, source)]
    list_members.add(portal, row, ids, request=request.correlation_id)
    return ApiResponse(status=204)


def remove_all_members(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Empty a list."""
    parsing.known_parameters(request, ())
    row = _static(portal, request)
    ids = [member.record_id for member in list_members.all_members(portal, row)]
    list_members.remove(portal, row, ids, request=request.correlation_id)
    return ApiResponse(status=204)


def lists_of_record(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the lists that a record is in."""
    parsing.known_parameters(request, ())
    found = _of_record(portal, request.params["objectTypeId"], request.params["recordId"])
    return json_response({"total": len(found), "results": found})


def lists_of_records(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the lists that each of several records is in."""
    parsing.known_parameters(request, ())
    started = render_ms(portal.now_ms())
    _, inputs = parsing.inputs(request, ("objectTypeId", "recordId"))
    results = []
    for each in inputs:
        type_id = portal.types.resolve(parsing.text(each.get("objectTypeId"), where="objectTypeId")).type_id
        record_id = parsing.text(each.get("recordId"), where="recordId")
        found = _of_record(portal, type_id, record_id)
        results.append({"objectTypeId": type_id, "recordId": record_id, "recordListMemberships": found})
    answer = {"status": "COMPLETE", "results": results, "startedAt": started, "completedAt": started}
    return json_response(answer)


def _of_record(portal: Portal, object_type: str, record_id: str) -> list[dict[str, Any]]:
    type_id = portal.types.resolve(object_type).type_id
    if not record_id.isdecimal() or portal.record_state(type_id, int(record_id)) != "live":
        return []
    return [_membership(each) for each in list_members.of_record(portal, type_id, int(record_id))]


def _membership(found: Membership) -> dict[str, Any]:
    return {
        "listId": str(found.list_id),
        "listVersion": found.version,
        "firstAddedTimestamp": render_ms(found.first_ms),
        "lastAddedTimestamp": render_ms(found.joined_ms),
        "isPublicList": False,
    }


def _list_and_limit(portal: Portal, request: ApiRequest) -> tuple[ListRow, int]:
    parsing.known_parameters(request, ("after", "before", "limit"))
    row = lists.find(portal, request.params["listId"])
    return row, parsing.limit(request, default=100, most=250)


def _join_token(request: ApiRequest, name: str) -> Member | None:
    token = parsing.one(request, name)
    if token is None:
        return None
    joined, _, record = paging.decode_token(token, name=name).partition(":")
    if not joined.isdecimal() or not record.isdecimal():
        raise ApiError(400, f"Invalid paging token {token!r} in {name}: pass on what the last page gave, unchanged")
    return Member(int(record), int(joined))


def _page(
    portal: Portal,
    request: ApiRequest,
    row: ListRow,
    found: list[Member],
    limit: int,
    backwards: bool,
    token: Any,
) -> ApiResponse:
    """Render a page of which one member too many was read, to know whether another follows."""
    page = found[-limit:] if backwards else found[:limit]
    results = [{"recordId": str(each.record_id), "membershipTimestamp": render_ms(each.joined_ms)} for each in page]
    answer: dict[str, Any] = {"total": list_members.size(portal, row), "results": results}
    if page and (backwards or len(found) > limit):
        answer["paging"] = paging.build_next(request, token(page[-1]))
    return json_response(answer)


def _body(request: ApiRequest) -> Any:
    parsing.known_parameters(request, ())
    return request.json()


def _static(portal: Portal, request: ApiRequest) -> ListRow:
    row = lists.find(portal, request.params["listId"])
    if row.processing_type == "DYNAMIC":
        raise ApiError(
            400,
            f"List {row.id} has the processing type DYNAMIC: its members follow from its filters"
            " and cannot be changed by hand.",
        )
    return row


def _change(portal: Portal, request: ApiRequest, joining: Sequence[str], leaving: Sequence[str]) -> ApiResponse:
    row = _static(portal, request)
    parsing.limit_inputs([*joining, *leaving], MOST_CHANGES, "a change of memberships")
    to_add, missing = list_members.known_records(portal, row, joining)
    to_remove, also_missing = list_members.known_records(portal, row, leaving)
    removed = list_members.remove(portal, row, to_remove, request=request.correlation_id)
    added = list_members.add(portal, row, to_add, request=request.correlation_id)
    return json_response(
        {
            "recordsIdsAdded": [str(each) for each in added],
            "recordIdsRemoved": [str(each) for each in removed],
            "recordIdsMissing": missing + also_missing,
        }
    )


_MEMBERS = "/{listId}/memberships"
ROUTES: tuple[Route, ...] = (
    *versioned("lists", "GET", _MEMBERS, members_by_id, scopes=read_scopes),
    *versioned("lists", "DELETE", _MEMBERS, remove_all_members, scopes=write_scopes),
    *versioned("lists", "GET", f"{_MEMBERS}/join-order", members_by_join, scopes=read_scopes),
    *versioned("lists", "PUT", f"{_MEMBERS}/add", add_members, scopes=write_scopes),
    *versioned("lists", "PUT", f"{_MEMBERS}/remove", remove_members, scopes=write_scopes),
    *versioned("lists", "PUT", f"{_MEMBERS}/add-and-remove", change_members, scopes=write_scopes),
    *versioned("lists", "PUT", f"{_MEMBERS}/add-from/{{sourceListId}}", add_from_list, scopes=write_scopes),
    *versioned("lists", "GET", "/records/{objectTypeId}/{recordId}/memberships", lists_of_record, scopes=read_scopes),
    *versioned("lists", "POST", "/records/memberships/batch/read", lists_of_records, scopes=read_scopes),
)
