"""Lists of v1, until they ended on 30 April 2026 (HS-63): the portal's clock says whether they are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import legacy_bodies, list_members, lists, parsing, reading
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.legacy_bodies import LISTS_END_MS
from hubspot_emulator.legacy_records import read_whole, wanted_of_contact
from hubspot_emulator.lists import ListRow

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_PAGE = 500


def list_static(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the lists of contacts whose members are put in by hand."""
    parsing.known_parameters(request, ("count", "offset"))
    count, offset = read_whole(request, "count", _PAGE, _PAGE) or _PAGE, read_whole(request, "offset", 0)
    found = lists.live_rows(portal, type_id="0-1", processing_types=("MANUAL", "SNAPSHOT"))
    shown = [_render(portal, row) for row in found[offset : offset + count]]
    return json_response({"offset": offset + count, "lists": shown, "has-more": len(found) > offset + count})


def list_contacts(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the members of a list by id, with when they joined."""
    parsing.known_parameters(request, ("count", "vidOffset", *legacy_bodies.CONTACT_OPTIONS))
    count, offset = read_whole(request, "count", 20, 100) or 20, read_whole(request, "vidOffset", 0)
    row, wanted = _find(portal, request), wanted_of_contact(portal, request)
    found = list_members.by_id(portal, row, count + 1, after=offset, before=None)
    table = portal.table("0-1").rows([member.record_id for member in found[:count]])
    contacts = [
        legacy_bodies.contact(portal, table[member.record_id], wanted, added_ms=member.joined_ms)
        for member in found[:count]
    ]
    last = contacts[-1]["vid"] if contacts else offset
    return json_response({"contacts": contacts, "has-more": len(found) > count, "vid-offset": last})


def add_contacts(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Put contacts into a list by id or e-mail, and tell which were none."""
    parsing.known_parameters(request, ())
    row = _find(portal, request)
    body = parsing.fields(request.json(), ("emails", "vids"))
    if row.processing_type == "DYNAMIC":
        raise ApiError(400, "Can not operate manually on a dynamic list", category=None)
    kind = portal.types.resolve("contacts")
    vids, emails = (parsing.texts(body.get(name), where=name) for name in ("vids", "emails"))
    known, unknown = list_members.known_records(portal, row, vids)
    by_email = {email: reading.find_id(portal, kind, email, "email") for email in emails}
    wanted = [*known, *(found for found in by_email.values() if found is not None)]
    joined = list_members.add(portal, row, wanted, request=request.correlation_id)
    return json_response(
        {
            "updated": joined,
            "discarded": [each for each in wanted if each not in joined],
            "invalidVids": [int(each) if each.isdecimal() else each for each in unknown],
            "invalidEmails": [email for email, found in by_email.items() if found is None],
        }
    )


def _find(portal: Portal, request: ApiRequest) -> ListRow:
    given = request.params["listId"]
    number = int(given) - lists.LEGACY_OFFSET if given.isdecimal() and len(given) < 19 else -1
    rows = [row for row in lists.live_rows(portal, type_id="0-1") if row.id == number]
    if not rows:
        raise ApiError(404, "resource not found", category=None)
    return rows[0]


def _render(portal: Portal, row: ListRow) -> dict[str, Any]:
    number = row.id + lists.LEGACY_OFFSET
    is_dynamic = row.processing_type == "DYNAMIC"
    return {
        "portalId": portal.portal_id,
        "listId": number,
        "internalListId": number,
        "createdAt": row.created_ms,
        "updatedAt": row.updated_ms,
        "name": row.name,
        "listType": "DYNAMIC" if is_dynamic else "STATIC",
        "filters": [],
        "metaData": {
            "size": list_members.size(portal, row),
            "lastSizeChangeAt": max(row.added_ms or row.created_ms, row.removed_ms or 0),
            "processing": "DONE",
            "lastProcessingStateChangeAt": row.created_ms,
            "error": "",
            "listReferencesCount": None,
            "parentFolderId": None,
        },
        "archived": False,
        "teamIds": [],
        "dynamic": is_dynamic,
    }


def _needs(scope: str) -> Callable[[Portal, ApiRequest], Sequence[frozenset[str]]]:
    return lambda portal, request: (frozenset({scope}), frozenset({"crm.objects.contacts.read"}))  # noqa: ARG005


FAMILY = Family(
    routes=tuple(
        Route(
            method=method,
            template=f"/contacts/v1/lists{path}",
            handler=handler,
            version="v1",
            scopes=_needs("crm.lists.read" if method == "GET" else "crm.lists.write"),
            until_ms=LISTS_END_MS,
        )
        for method, path, handler in (
            ("GET", "/static", list_static),
            ("GET", "/{listId}/contacts/all", list_contacts),
            ("POST", "/{listId}/add", add_contacts),
        )
    )
)
