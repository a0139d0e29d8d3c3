"""The CRM object family, one record at a time: list, get, create, update, delete, merge, gdpr-delete."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from hubspot_emulator import parsing, reading, rendering, scopes, writing
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.reading import Shown
from hubspot_emulator.routing import versioned
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

PAGE_LIMIT = 100
HISTORY_LIMIT = 50
IDENTITY_LIMIT = 250
_SHOWN = ("properties", "propertiesWithHistory", "associations")
_NOT_FOUND_PAGE = (
    b'<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>\n'
    b"<title>Error 404 Not Found</title>\n</head>\n<body><h2>HTTP ERROR 404</h2>\n"
    b"<p>Resource not found</p>\n</body>\n</html>\n"
)


def list_records(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one page by id; `after` is the id of the next record (HS-12)."""
    parsing.known_parameters(
        request, (*_SHOWN, "limit", "after", "archived", "propertyMode")
    )  # HS-73: the last is passed over
    kind = portal.types.resolve(request.params["objectType"])
    shown = _shown(request)
    most = HISTORY_LIMIT if shown.history else PAGE_LIMIT
    limit = parsing.limit(request, default=10, most=most)
    after = parsing.one(request, "after") or "0"
    if not after.isdigit():
        raise ApiError(400, f"after must be what paging.next.after held, not {after}")
    table = portal.table(kind.type_id)
    if parsing.flag(request, "archived"):
        merged = (State.MERGED,) if portal.knobs.merged_listed_as_archived else ()
        rows = table.removed_page((State.ARCHIVED, *merged), int(after), limit + 1)
    else:
        rows = table.live_page(int(after), limit + 1)
    answer: dict[str, object] = {"results": reading.records(portal, kind, rows[:limit], shown)}
    if len(rows) > limit:
        answer["paging"] = {"next": _next(request, str(rows[limit].id))}
    return json_response(answer)


def fetch_record(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one record; HTML 404 for one that is not there (HS-14)."""
    parsing.known_parameters(request, (*_SHOWN, "archived", "idProperty"))
    kind = portal.types.resolve(request.params["objectType"])
    id_property = parsing.one(request, "idProperty")
    reading.check_id_property(portal, kind, id_property, "read", _keys(kind))
    archived = parsing.flag(request, "archived")
    row = reading.find(portal, kind, request.params["objectId"], id_property, archived=archived)
    if row is None:
        return ApiResponse(
            status=404,
            body=_NOT_FOUND_PAGE,
            headers={"X-HubSpot-NotFound": "true"},
            content_type="text/html;charset=iso-8859-1",
        )
    return json_response(reading.records(portal, kind, [row], _shown(request))[0])


def create_record(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Create one record."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    body = parsing.fields(request.json(), {"properties", "associations", "objectWriteTraceId"})
    record_id = writing.create(portal, kind, body, request)
    answer = json_response(writing.created(portal, kind, record_id), status=201)
    location = f"{request.base_url}{request.path}/{record_id}"
    return ApiResponse(status=201, body=answer.body, headers={"Location": location})


def update_record(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change one record; its answer holds what was changed and a handful more."""
    parsing.known_parameters(request, ("idProperty",))
    kind = portal.types.resolve(request.params["objectType"])
    body = parsing.fields(request.json(), {"properties", "objectWriteTraceId"})
    id_property = parsing.one(request, "idProperty")
    reading.check_id_property(portal, kind, id_property, "update", _keys(kind))
    record_id = reading.find_id(portal, kind, request.params["objectId"], id_property)
    if record_id is None or portal.record_state(kind.type_id, record_id) != "live":
        raise not_found()
    current = writing.update(portal, kind, record_id, body.get("properties"), request)
    return json_response(writing.updated(portal, kind, current, body.get("properties") or {}))


def archive_record(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Archive one record; 204 also for an id that does not exist (HS-16)."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    record_id = reading.find_id(portal, kind, request.params["objectId"], None)
    if record_id is not None and portal.record_state(kind.type_id, record_id) == "live":
        portal.archive_record(kind.type_id, record_id, request=request.correlation_id)
    return ApiResponse(status=204)


def merge_records(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Merge two records and answer the survivor (HS-15)."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    if not kind.mergeable:
        raise ApiError(405, f"{kind.name} cannot be merged", category=None)
    body = parsing.fields(request.json(), {"primaryObjectId", "objectIdToMerge"})
    ids = [
        _live_id(portal, kind, parsing.text(body.get(name), where=name))
        for name in ("primaryObjectId", "objectIdToMerge")
    ]
    if ids[0] == ids[1]:
        raise ApiError(400, f"Object {ids[0]} cannot be merged with itself")
    identities = sum(_identities(portal, kind, record_id) for record_id in ids)
    if identities > IDENTITY_LIMIT:
        raise ApiError(400, f"Cannot have more than {IDENTITY_LIMIT} identities on a profile")
    survivor = portal.merge_records(kind.type_id, ids[0], ids[1], request=request.correlation_id)
    row = portal.table(kind.type_id).row(survivor)
    assert row is not None
    return json_response(rendering.written(portal, kind, row, portal.values_of(kind.type_id, survivor)))


def _identities(portal: Portal, kind: ObjectType, record_id: int) -> int:
    """Count the ids that lead to a record: its own and those merged into it."""
    merged = portal.values_of(kind.type_id, record_id).get("hs_merged_object_ids", "")
    return 1 + len([each for each in merged.split(";") if each])


def erase_contact(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Erase a contact for good, by id or e-mail."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    if kind.name != "contacts":
        raise ApiError(405, f"{kind.name} cannot be erased by gdpr-delete: only contacts can", category=None)
    body = parsing.fields(request.json(), {"objectId", "idProperty"})
    id_property = body.get("idProperty")
    reading.check_id_property(portal, kind, id_property, "delete", ("email",))
    record_id = reading.find_id(portal, kind, parsing.text(body.get("objectId"), where="objectId"), id_property)
    if record_id is None or portal.record_state(kind.type_id, record_id) in {None, "gone", "merged"}:
        raise not_found()
    portal.purge_record(kind.type_id, record_id, request=request.correlation_id)
    return ApiResponse(status=204)


def not_found() -> ApiError:
    """Build the JSON 404 of writes."""
    return ApiError(404, "resource not found", category="OBJECT_NOT_FOUND")


def _keys(kind: ObjectType) -> tuple[str, ...]:
    return ("hs_object_id", *((kind.key_property,) if kind.key_property else ()))


def _live_id(portal: Portal, kind: ObjectType, key: str) -> int:
    record_id = reading.find_id(portal, kind, key, None)
    if record_id is None or portal.record_state(kind.type_id, record_id) != "live":
        raise not_found()
    return record_id


def _shown(request: ApiRequest) -> Shown:
    return Shown(
        granted=request.granted,
        properties=parsing.names(request, "properties"),
        history=parsing.names(request, "propertiesWithHistory"),
        association_types=parsing.names(request, "associations"),
        base_url=request.base_url,
    )


def _next(request: ApiRequest, after: str) -> dict[str, str]:
    rest = [_pair(name, value) for name, given in request.query.items() if name != "after" for value in given]
    return {"after": after, "link": f"{request.base_url}{request.path}?{'&'.join([*rest, f'after={after}'])}"}


@lru_cache(maxsize=256)
def _pair(name: str, value: str) -> str:
    """Encode one parameter; hundreds of property names come again with every page."""
    return urlencode([(name, value)])


ROUTES: tuple[Route, ...] = (
    # HS-73: a page of v4 is one of v3.
    Route(
        method="GET",
        template="/crm/v4/objects/{objectType}",
        handler=list_records,
        version="v4",
        scopes=scopes.read_object,
    ),
    *versioned("objects", "GET", "/{objectType}", list_records, scopes=scopes.read_object),
    *versioned("objects", "POST", "/{objectType}", create_record, scopes=scopes.write_object),
    *versioned("objects", "GET", "/{objectType}/{objectId}", fetch_record, scopes=scopes.read_object),
    *versioned("objects", "PATCH", "/{objectType}/{objectId}", update_record, scopes=scopes.write_object),
    *versioned("objects", "DELETE", "/{objectType}/{objectId}", archive_record, scopes=scopes.write_object),
    *versioned("objects", "POST", "/{objectType}/merge", merge_records, scopes=scopes.write_object),
    *versioned("objects", "POST", "/{objectType}/gdpr-delete", erase_contact, scopes=scopes.write_object),
)
