"""Reading contacts of v1, companies of v2 and deals of v1, as connectors still do (HS-63)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import associations, legacy_bodies, parsing
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.legacy_bodies import CONTACT_OPTIONS, FORM_MODES, LISTS_END_MS, Wanted
from hubspot_emulator.samples import DAY_MS
from hubspot_emulator.storage import Row, State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]
Build = Callable[["Portal", Row, Wanted], Json]

RECENT_MS = 30 * DAY_MS
MOST_RECENT = 10_000
_COLUMNS = "id, state, created_ms, updated_ms, archived_ms, merged_into, properties"


def _read(portal: Portal, type_id: str, where: str, values: Sequence[object], limit: int, skip: int = 0) -> list[Row]:
    """Read live records; `where` ends with its order."""
    table = portal.table(type_id).name
    sql = f"SELECT {_COLUMNS} FROM {table} WHERE state = {State.LIVE:d} AND {where} LIMIT {limit} OFFSET {skip}"
    return [Row._make(row) for row in portal.db.execute(sql, values)]


def read_whole(request: ApiRequest, name: str, default: int, most: int | None = None) -> int:
    """Read a parameter that is a whole number; one above the most counts as the most."""
    given = parsing.one(request, name)
    if given is None:
        return default
    if not associations.is_id(given):
        raise ApiError(400, f"{name} must be a whole number, not {given}")
    return int(given) if most is None else min(int(given), most)


# --- contacts -------------------------------------------------------------------------------------------------------


def wanted_of_contact(portal: Portal, request: ApiRequest, *, profile: bool = False) -> Wanted:
    """Read what a call about contacts asks for; a profile has every property, and the lists unless told not."""
    mode = parsing.one(request, "propertyMode") or ("value_and_history" if profile else "value_only")
    if mode not in {"value_only", "value_and_history"}:
        raise ApiError(400, f"propertyMode must be value_only or value_and_history, not {mode}")
    submissions = parsing.one(request, "formSubmissionMode") or "newest"
    if submissions not in FORM_MODES:
        raise ApiError(400, f"formSubmissionMode must be one of {', '.join(FORM_MODES)}, not {submissions}")
    names = parsing.names(request, "property")
    return Wanted(
        granted=request.granted,
        names=None if profile and not names else names,
        history=mode == "value_and_history",
        memberships=parsing.flag(request, "showListMemberships", default=profile) and portal.now_ms() < LISTS_END_MS,
        submissions=submissions,
    )


def list_contacts(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer all contacts by id; `vid-offset` is the last one shown."""
    parsing.known_parameters(request, ("count", "vidOffset", *CONTACT_OPTIONS))
    count, offset = read_whole(request, "count", 20, 100) or 20, read_whole(request, "vidOffset", 0)
    found = _read(portal, "0-1", "id > ? ORDER BY id", (offset,), count + 1)
    wanted = wanted_of_contact(portal, request)
    contacts = [legacy_bodies.contact(portal, row, wanted, added_ms=row.created_ms) for row in found[:count]]
    last = contacts[-1]["vid"] if contacts else offset
    return json_response({"contacts": contacts, "has-more": len(found) > count, "vid-offset": last})


def list_added(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the contacts of the last 30 days, the last created first."""
    return _recent_contacts(portal, request, "created_ms")


def list_updated(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the contacts that changed in the last 30 days, the last changed first."""
    return _recent_contacts(portal, request, "updated_ms")


def _recent_contacts(portal: Portal, request: ApiRequest, column: str) -> ApiResponse:
    parsing.known_parameters(request, ("count", "timeOffset", "vidOffset", *CONTACT_OPTIONS))
    count = read_whole(request, "count", 20, 100) or 20
    time, vid = read_whole(request, "timeOffset", portal.now_ms() + 1), read_whole(request, "vidOffset", 0)
    where = f"({column}, id) < (?, ?) AND {column} >= ? ORDER BY {column} DESC, id DESC"
    found = _read(portal, "0-1", where, (time, vid, portal.now_ms() - RECENT_MS), count + 1)
    wanted = wanted_of_contact(portal, request)
    shown = found[:count]
    contacts = [legacy_bodies.contact(portal, row, wanted, added_ms=getattr(row, column)) for row in shown]
    last = (getattr(shown[-1], column), shown[-1].id) if shown else (time, vid)
    more = {"has-more": len(found) > count, "vid-offset": last[1], "time-offset": last[0]}
    return json_response({"contacts": contacts, **more})


def fetch_contact(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer a contact's profile; an id that was merged away leads to the one it is part of."""
    parsing.known_parameters(request, CONTACT_OPTIONS)
    row = _one(portal, "0-1", read_id(request.params["vid"]))
    if row is None:
        raise _not_found()
    return json_response(legacy_bodies.contact(portal, row, wanted_of_contact(portal, request, profile=True)))


def fetch_contacts(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer up to a hundred contacts by id, those that exist."""
    parsing.known_parameters(request, ("vid", "includeDeletes", *CONTACT_OPTIONS))
    vids = parsing.names(request, "vid")
    parsing.limit_inputs(vids, parsing.BATCH_LIMIT, "a batch request")
    wanted = wanted_of_contact(portal, request, profile=True)
    found = ((vid, _one(portal, "0-1", read_id(vid))) for vid in vids)
    return json_response({vid: legacy_bodies.contact(portal, row, wanted) for vid, row in found if row is not None})


# --- companies and deals --------------------------------------------------------------------------------------------


def list_companies(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer all companies by id; `offset` is the last one shown."""
    parsing.known_parameters(request, ("includeMergeAudits", "limit", "offset", "properties", "propertiesWithHistory"))
    wanted = _wanted_of(request)
    found, page = _paged(portal, request, "0-2", legacy_bodies.company, wanted)
    return json_response({"companies": found, "has-more": page["hasMore"], "offset": page["offset"]})


def list_deals(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer all deals by id; `offset` is the last one shown."""
    known = ("allPropertiesFetchMode", "includeAllProperties", "includeAssociations", "includePropertyVersions")
    parsing.known_parameters(request, ("limit", "offset", "properties", "propertiesWithHistory", *known))
    wanted = _wanted_of(request)
    found, page = _paged(portal, request, "0-3", legacy_bodies.deal, wanted)
    return json_response({"deals": found, **page})


def _wanted_of(request: ApiRequest) -> Wanted:
    names = parsing.names(request, "properties")
    past = parsing.names(request, "propertiesWithHistory")
    everything = parsing.flag(request, "includeAllProperties")
    mode = parsing.one(request, "allPropertiesFetchMode") or "latest_version"
    if mode not in {"all_versions", "latest_version"}:
        raise ApiError(400, f"allPropertiesFetchMode must be all_versions or latest_version, not {mode}")
    return Wanted(
        granted=request.granted,
        names=None if everything else (*names, *past),  # documented: only the id, unless properties are asked for
        history=bool(past) or mode == "all_versions" or parsing.flag(request, "includePropertyVersions"),
        associations=parsing.flag(request, "includeAssociations"),
    )


def _paged(
    portal: Portal, request: ApiRequest, type_id: str, build: Build, wanted: Wanted
) -> tuple[list[Json], dict[str, Any]]:
    limit, offset = read_whole(request, "limit", 100, 250) or 100, read_whole(request, "offset", 0)
    found = _read(portal, type_id, "id > ? ORDER BY id", (offset,), limit + 1)
    shown = found[:limit]
    page = {"hasMore": len(found) > limit, "offset": shown[-1].id if shown else offset}
    return [build(portal, row, wanted) for row in shown], page


def list_recent_companies(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the companies that changed in the last 30 days, the last changed first."""
    return _recent(portal, request, "0-2", legacy_bodies.company)


def list_recent_deals(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the deals that changed in the last 30 days, the last changed first."""
    return _recent(portal, request, "0-3", legacy_bodies.deal)


def _recent(portal: Portal, request: ApiRequest, type_id: str, build: Build) -> ApiResponse:
    parsing.known_parameters(request, ("count", "includePropertyVersions", "offset", "since"))
    count, offset = read_whole(request, "count", 20, 100) or 20, read_whole(request, "offset", 0)
    if offset + count > MOST_RECENT:
        raise ApiError(400, "Cannot fetch more than 10000 total records for this endpoint", category=None)
    since = max(read_whole(request, "since", 0), portal.now_ms() - RECENT_MS)
    where = "updated_ms >= ? ORDER BY updated_ms DESC, id DESC"
    found = _read(portal, type_id, where, (since,), count + 1, offset)
    table = portal.table(type_id).name
    sql = f"SELECT count(*) FROM {table} WHERE state = {State.LIVE:d} AND updated_ms >= ?"
    (total,) = portal.db.execute(sql, (since,)).fetchone()
    wanted = Wanted(
        granted=request.granted, history=parsing.flag(request, "includePropertyVersions"), associations=True
    )
    results = [build(portal, row, wanted) for row in found[:count]]
    page = {"hasMore": len(found) > count, "offset": offset + len(results), "total": total}
    return json_response({"results": results, **page})


def fetch_company(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one company with everything that is set on it."""
    return _fetch(portal, request, "0-2", legacy_bodies.company)


def fetch_deal(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one deal with everything that is set on it."""
    return _fetch(portal, request, "0-3", legacy_bodies.deal)


def _fetch(portal: Portal, request: ApiRequest, type_id: str, build: Build) -> ApiResponse:
    parsing.known_parameters(request, ("includeMergeAudits", "includePropertyVersions"))
    row = _one(portal, type_id, read_id(request.params["id"]))
    if row is None:
        raise _not_found()
    history = parsing.flag(request, "includePropertyVersions")
    return json_response(build(portal, row, Wanted(granted=request.granted, history=history, associations=True)))


def list_vids(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the ids of a company's contacts."""
    parsing.known_parameters(request, ("count", "vidOffset"))
    count, offset = read_whole(request, "count", 20, 100) or 20, read_whole(request, "vidOffset", 0)
    row = _one(portal, "0-2", read_id(request.params["id"]))
    if row is None:
        raise _not_found()
    page = associations.page(portal, associations.direction(portal, "0-2", "0-1"), row.id, size=count, after=offset)
    vids = list(page.ends)
    return json_response({"vids": vids, "vidOffset": vids[-1] if vids else offset, "hasMore": page.after is not None})


def read_id(text: str) -> int:
    """Read a record id; what is none is the id of nothing."""
    return int(text) if associations.is_id(text) else -1


def _one(portal: Portal, type_id: str, record_id: int) -> Row | None:
    row = portal.table(type_id).row(portal.survivor(type_id, record_id))
    return row if row is not None and row.state == State.LIVE else None


def _not_found() -> ApiError:
    return ApiError(404, "resource not found", category=None)


def _needs(*scopes: str) -> Callable[[Portal, ApiRequest], Sequence[frozenset[str]]]:
    def needed(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
        return tuple(frozenset({scope}) for scope in scopes)

    return needed


_LISTS = "/contacts/v1/lists"
_CALLS: tuple[tuple[str, str, Callable[[Portal, ApiRequest], ApiResponse]], ...] = (
    ("contacts", f"{_LISTS}/all/contacts/all", list_contacts),
    ("contacts", f"{_LISTS}/all/contacts/recent", list_added),
    ("contacts", f"{_LISTS}/recently_updated/contacts/recent", list_updated),
    ("contacts", "/contacts/v1/contact/vid/{vid}/profile", fetch_contact),
    ("contacts", "/contacts/v1/contact/vids/batch", fetch_contacts),
    ("companies", "/companies/v2/companies/paged", list_companies),
    ("companies", "/companies/v2/companies/recent/modified", list_recent_companies),
    ("companies", "/companies/v2/companies/{id}", fetch_company),
    ("companies", "/companies/v2/companies/{id}/vids", list_vids),
    ("deals", "/deals/v1/deal/paged", list_deals),
    ("deals", "/deals/v1/deal/recent/modified", list_recent_deals),
    ("deals", "/deals/v1/deal/{id}", fetch_deal),
)


def _routes() -> Iterable[Route]:
    for name, template, handler in _CALLS:
        scopes = _needs(f"crm.objects.{name}.read")
        yield Route(method="GET", template=template, handler=handler, version=template.split("/")[2], scopes=scopes)


FAMILY = Family(routes=tuple(_routes()))
