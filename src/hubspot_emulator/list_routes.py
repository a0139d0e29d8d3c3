"""The calls about lists themselves: search, all of them page by page, one, several, making and deleting (HS-45)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import list_member_routes, list_members, list_samples, lists, paging, parsing
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.list_member_routes import read_scopes, write_scopes
from hubspot_emulator.lists import PROCESSING_TYPES, ListRow
from hubspot_emulator.routing import versioned

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

MOST_A_PAGE = 500
SEARCH_ENDS_AT = 10_000

_SHOWN_SETTINGS = ("listPermissions", "membershipSettings")
_SETTINGS = (*_SHOWN_SETTINGS, "customProperties", "listFolderId")
_PERMISSIONS = ("teamsWithEditAccess", "usersWithEditAccess")
_MEMBERSHIP = ("includeUnassigned", "membershipTeamId")

_SORTS: dict[str, Callable[[ListRow], Any]] = {
    "HS_LIST_ID": lambda row: row.id,
    "HS_UPDATED_AT": lambda row: (row.updated_ms, row.id),
    "HS_CREATED_AT": lambda row: (row.created_ms, row.id),
    "HS_NAME": lambda row: (row.name.casefold(), row.id),
}


def search_lists(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Find lists by name, type and kind; an offset may not go past 10,000."""
    parsing.known_parameters(request, ())
    known = ("query", "offset", "count", "processingTypes", "listIds", "objectTypeId", "additionalProperties", "sort")
    body = parsing.fields(request.json(), known)
    offset = _number(body, "offset", default=0)
    count = _count(portal, body)
    if offset >= SEARCH_ENDS_AT:
        raise ApiError(400, f"Paging past {SEARCH_ENDS_AT:,} lists is not possible: offset {offset} is too large.")
    found = lists.live_rows(
        portal,
        type_id=_type_id(portal, body),
        processing_types=_processing_types(body),
        text=parsing.text("" if body.get("query") is None else body["query"], where="query"),
        ids=parsing.texts(body.get("listIds"), where="listIds"),
    )
    _sort(found, body.get("sort"))
    page = found[offset : offset + count]
    ends = offset + len(page)
    return json_response(
        {
            "offset": ends,
            "hasMore": ends < len(found),
            "lists": _with_additional(portal, page, body),
            "total": len(found),
        }
    )


def all_lists(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give all lists by id, page by page, without an end; there is no such call before 2026-09."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), ("objectTypeId", "processingTypes", "count", "additionalProperties", "after"))
    count = _count(portal, body)
    first = _cursor(body)
    found = lists.live_rows(portal, type_id=_type_id(portal, body), processing_types=_processing_types(body))
    rest = [row for row in found if row.id > first]
    page = rest[:count]
    answer: dict[str, Any] = {"results": _with_additional(portal, page, body), "total": len(found)}
    if len(rest) > count:
        answer["paging"] = {"next": {"after": paging.encode_token(str(page[-1].id))}}
    return json_response(answer)


def several_lists(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the lists of these ids; those that are not there are left out, and no ids give no lists."""
    parsing.known_parameters(request, ("listIds", "includeFilters"))
    ids = parsing.names(request, "listIds")
    filters = parsing.flag(request, "includeFilters")
    found = lists.live_rows(portal, ids=ids) if ids else []
    return json_response({"lists": [_full(portal, row, filters=filters) for row in found]})


def one_list(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give one list."""
    parsing.known_parameters(request, ("includeFilters",))
    row = lists.find(portal, request.params["listId"])
    return json_response({"list": _full(portal, row, filters=parsing.flag(request, "includeFilters"))})


def named_list(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the list of a name; the case of letters does not count."""
    parsing.known_parameters(request, ("includeFilters",))
    name = request.params["listName"]
    type_id = portal.types.resolve(request.params["objectTypeId"]).type_id
    found = [row for row in lists.live_rows(portal, type_id=type_id) if row.name.casefold() == name.casefold()]
    if not found:
        raise lists.missing(f"name {name}")
    return json_response({"list": _full(portal, found[0], filters=parsing.flag(request, "includeFilters"))})


def create_list(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Make a list. A dynamic one keeps its filters and stays empty: the emulator evaluates none."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), ("name", "objectTypeId", "processingType", "filterBranch", *_SETTINGS))
    settings = _settings(body)
    for needed in ("name", "objectTypeId", "processingType"):
        if not body.get(needed):
            raise ApiError(400, f"The field {needed} is needed to create a list.")
    kind = parsing.text(body["processingType"], where="processingType")
    _known_processing_type(kind)
    if kind == "DYNAMIC" and body.get("filterBranch") is None:
        raise ApiError(400, "The field filterBranch is needed to create a list of processing type DYNAMIC.")
    name = parsing.text(body["name"], where="name")
    row = lists.create(
        portal, name, str(_type_id(portal, body)), kind, body.get("filterBranch"), request=request.correlation_id
    )
    if settings:
        lists.keep_settings(portal, row, settings)
    return json_response({"list": _full(portal, row, filters=True)})


def rename_list(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a list the name of the parameter `listName`."""
    parsing.known_parameters(request, ("listName", "includeFilters"))
    row = lists.find(portal, request.params["listId"])
    name = parsing.one(request, "listName")
    if name is None:
        raise ApiError(400, "The parameter listName is needed to rename a list.")
    renamed = lists.rename(portal, row, name, request=request.correlation_id)
    return json_response({"updatedList": _full(portal, renamed, filters=parsing.flag(request, "includeFilters"))})


def delete_list(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Delete a list."""
    parsing.known_parameters(request, ())
    lists.delete(portal, lists.find(portal, request.params["listId"]), request=request.correlation_id)
    return ApiResponse(status=204)


def restore_list(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Restore a deleted list."""
    parsing.known_parameters(request, ())
    row = lists.find(portal, request.params["listId"], deleted=True)
    lists.restore(portal, row, request=request.correlation_id)
    return ApiResponse(status=204)


def one_mapping(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give today's id of a list of the v1 API."""
    parsing.known_parameters(request, ("legacyListId",))
    legacy = parsing.one(request, "legacyListId") or ""
    return json_response(_mapping(legacy, lists.find(portal, _today(legacy))))


def several_mappings(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give today's ids of lists of the v1 API, and those that have none."""
    parsing.known_parameters(request, ())
    legacy_ids = parsing.texts(request.json(), where="the body")
    found = {str(row.id): row for row in lists.live_rows(portal)}
    mapped = [_mapping(each, found[_today(each)]) for each in legacy_ids if _today(each) in found]
    unknown = [each for each in legacy_ids if _today(each) not in found]
    return json_response({"legacyListIdsToIdsMapping": mapped, "missingLegacyListIds": unknown})


def _today(legacy: str) -> str:
    return str(int(legacy) - lists.LEGACY_OFFSET) if legacy.isdecimal() and len(legacy) < 19 else legacy or "none"


def _mapping(legacy: str, row: ListRow) -> dict[str, str]:
    return {"legacyListId": legacy, "listId": str(row.id)}


def _full(portal: Portal, row: ListRow, *, filters: bool) -> dict[str, Any]:
    kept = {name: value for name, value in lists.settings_of(portal, row).items() if name in _SHOWN_SETTINGS}
    return lists.render(row, filters=filters) | {"size": list_members.size(portal, row)} | kept


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    """Read what a new list may say beside its name and filters; the root is the only folder there is."""
    folder = body.get("listFolderId")
    if folder not in (None, 0):
        raise ApiError(400, f"Folder {folder} does not exist: the emulator has the root (0) and no folders in it")
    shapes = {"listPermissions": _PERMISSIONS, "membershipSettings": _MEMBERSHIP}
    found = {
        name: parsing.fields(body[name], known, where=name)
        for name, known in shapes.items()
        if body.get(name) is not None
    }
    own = body.get("customProperties")
    if own is not None and not isinstance(own, dict):
        raise ApiError(400, "customProperties must be an object of texts by name")
    return found | ({"customProperties": own} if own else {})


def _with_additional(portal: Portal, rows: Sequence[ListRow], body: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = parsing.texts(body.get("additionalProperties"), where="additionalProperties")
    return [
        lists.render(row)
        | {"additionalProperties": lists.additional_properties(row, list_members.size(portal, row), wanted)}
        for row in rows
    ]


def _sort(rows: list[ListRow], given: object) -> None:
    text = parsing.text(given, where="sort") if given else "HS_LIST_ID"
    name = text.removeprefix("-")
    if name not in _SORTS:
        raise ApiError(400, f"sort must be one of {', '.join(_SORTS)}, with - before it to reverse, not {text}")
    rows.sort(key=_SORTS[name], reverse=text.startswith("-"))


def _count(portal: Portal, body: dict[str, Any]) -> int:
    count = _number(body, "count", default=20)
    if count > MOST_A_PAGE and not portal.knobs.large_list_pages_are_cut:
        raise ApiError(400, f"count must be {MOST_A_PAGE} at most, not {count}")
    return min(count, MOST_A_PAGE)


def _number(body: dict[str, Any], name: str, *, default: int) -> int:
    given = body.get(name)
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int):
        raise parsing.invalid_json(f"Cannot deserialize value of type `int` in {name}")
    if given < 0:
        raise ApiError(400, f"{name} must not be negative, it is {given}")
    return given


def _cursor(body: dict[str, Any]) -> int:
    after = body.get("after")
    if after is None:
        return 0
    try:
        return int(paging.decode_token(parsing.text(after, where="after")))
    except (ApiError, ValueError) as error:
        text = f"Invalid cursor {after!r}: pass `after` on as the last page gave it."
        raise ApiError(400, text, sub_category="ListError.INVALID_CURSOR") from error


def _type_id(portal: Portal, body: dict[str, Any]) -> str | None:
    given = body.get("objectTypeId")
    return None if given is None else portal.types.resolve(parsing.text(given, where="objectTypeId")).type_id


def _processing_types(body: dict[str, Any]) -> list[str]:
    given = parsing.texts(body.get("processingTypes"), where="processingTypes")
    for each in given:
        _known_processing_type(each)
    return given


def _known_processing_type(text: str) -> None:
    if text not in PROCESSING_TYPES:
        known = ", ".join(PROCESSING_TYPES)
        raise ApiError(
            400, f"Invalid processing type {text}: use {known}.", sub_category="ListError.INVALID_PROCESSING_TYPE"
        )


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every list as the control server shows it."""
    for row in lists.all_rows(portal):
        state = "live" if row.deleted_ms is None else "archived"
        size = list_members.size(portal, row)
        added = {"additionalProperties": lists.additional_properties(row, size, ("hs_lastmodifieddate",))}
        yield lists.render(row, filters=True) | added | {"state": state}


ROUTES: tuple[Route, ...] = (
    *versioned("lists", "GET", "", several_lists, scopes=read_scopes),
    *versioned("lists", "POST", "", create_list, scopes=write_scopes),
    *versioned("lists", "POST", "/search", search_lists, scopes=read_scopes),
    *versioned("lists", "GET", "/idmapping", one_mapping, scopes=read_scopes),
    *versioned("lists", "POST", "/idmapping", several_mappings, scopes=read_scopes),
    *versioned("lists", "GET", "/object-type-id/{objectTypeId}/name/{listName}", named_list, scopes=read_scopes),
    *versioned("lists", "GET", "/{listId}", one_list, scopes=read_scopes),
    *versioned("lists", "DELETE", "/{listId}", delete_list, scopes=write_scopes),
    *versioned("lists", "PUT", "/{listId}/restore", restore_list, scopes=write_scopes),
    *versioned("lists", "PUT", "/{listId}/update-list-name", rename_list, scopes=write_scopes),
    *(
        Route(
            method="POST", template=f"/crm/lists/{version}/all", handler=all_lists, version=version, scopes=read_scopes
        )
        for version in ("2026-09", "2026-09-beta")
    ),
    *list_member_routes.ROUTES,
)

FAMILY = Family(routes=ROUTES, truths={"lists": truth, "list_memberships": list_members.truth}, fill=list_samples.fill)
