"""The calls that read and set limits of associations (HS-61)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import association_limits, parsing, user_store
from hubspot_emulator.association_calls import Ends, Outcome, Problem, answer, ends_of, problem, read_inputs
from hubspot_emulator.association_routes import read_both, write_both
from hubspot_emulator.association_types import LinkType
from hubspot_emulator.associations import render_key
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.pipelines import read_scopes

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

MOST = 10_000
_INPUT_LIMIT = 100


def list_limited(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer every type that has a limit of its own."""
    parsing.known_parameters(request, ())
    return json_response({"results": [_render(*found) for found in association_limits.limited(portal)]})


def list_of_pair(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer every type of a direction, with the limits that were set."""
    parsing.known_parameters(request, ())
    kinds = ends_of(portal, request).ways.by_kind.values()
    return json_response(
        {"results": [_render(each, association_limits.own_limit(portal, each.kind)) for each in kinds]}
    )


def _render(found: LinkType, most: int | None) -> dict[str, Any]:
    parts = {
        "category": found.category,
        "typeId": found.type_id,
        "label": found.label,
        "userEnforcedMaxToObjectIds": most,
    }
    return {name: value for name, value in parts.items() if value is not None}


def create_limits(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Set limits."""
    return _set(portal, request, status=200 if request.version == "2026-09" else 201)


def update_limits(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Set limits anew."""
    return _set(portal, request, status=200)


def _set(portal: Portal, request: ApiRequest, *, status: int) -> ApiResponse:
    """Set limits: those of defaults first, since a label's may not be above them."""
    ends, outcome = ends_of(portal, request), Outcome()
    inputs = read_inputs(request, ("category", "maxToObjectIds", "typeId"), _INPUT_LIMIT)
    default = ends.ways.default
    inputs.sort(key=lambda each: default is None or each.get("typeId") != default.type_id)
    for each in inputs:
        found = _type(ends, each)
        if isinstance(found, dict):
            outcome.errors.append(found)
            continue
        most = each.get("maxToObjectIds")
        above = default and association_limits.own_limit(portal, default.kind)
        highest = above if above and found != default else MOST
        if not isinstance(most, int) or not 1 <= most <= highest:
            message = f"maxToObjectIds of {render_key(found.key)} must be from 1 to {highest}, not {most}"
            outcome.errors.append(problem("VALIDATION_ERROR", None, message, {"maxToObjectIds": [str(most)]}))
            continue
        association_limits.set_limit(portal, found.kind, most)
        outcome.results.append(_render(found, most))
    _log(ends)
    return answer(portal, outcome, status=status)


def purge_limits(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Take limits away."""
    ends, outcome = ends_of(portal, request), Outcome()
    for each in read_inputs(request, ("category", "typeId"), _INPUT_LIMIT):
        found = _type(ends, each)
        if isinstance(found, dict):
            outcome.errors.append(found)
        else:
            association_limits.remove_limit(portal, found.kind)
    _log(ends)
    if outcome.errors or request.version != "v4":
        return answer(portal, outcome, status=200)
    return ApiResponse(status=204)


def request_report(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Promise a user the report of records near their limits; the emulator sends no mail."""
    parsing.known_parameters(request, ())
    given = request.params["userId"]
    user = user_store.find(portal, "id", int(given)) if given.isdecimal() and len(given) < 19 else None
    if user is None:
        raise ApiError(404, f"resource not found: user {given}", category="OBJECT_NOT_FOUND")
    moment = {"value": portal.now_ms(), "dateOnly": False, "timeZoneShift": 0}
    return json_response({"userId": int(given), "userEmail": user["email"], "enqueueTime": moment})


def _type(ends: Ends, given: dict[str, Any]) -> LinkType | Problem:
    category, type_id = given.get("category"), given.get("typeId")
    if not isinstance(type_id, int | str) or not str(type_id).isdecimal():
        raise ApiError(400, f"typeId must be a whole number, not {type_id}")
    key = (str(category), int(type_id))
    found = ends.ways.by_key.get(key)
    if found is not None:
        return found
    names = [ends.from_kind.singular.upper(), ends.to_kind.singular.upper()]
    message = f"{render_key(key)} is not a valid association type between {names[0]} and {names[1]}"
    context = {"type": [render_key(key)], "fromObjectType": names[:1], "toObjectType": names[1:]}
    return problem("VALIDATION_ERROR", "INVALID_ASSOCIATION_TYPE", message, context)


def _log(ends: Ends) -> None:
    detail = {"to": ends.to_kind.type_id}
    ends.portal.log_event("limit associations", ends.from_kind.type_id, 0, ends.request.correlation_id, detail)


_PREFIXES = (("/crm/associations/{version}", None), ("/crm/associations/v4", "v4"), ("/crm/v4/associations", "v4"))
_PAIR = "{fromObjectType}/{toObjectType}"


def _routes() -> Iterable[Route]:
    calls: Sequence[tuple[str, str, Any, Any]] = (
        ("GET", "all", list_limited, read_scopes),
        ("GET", _PAIR, list_of_pair, read_both),
        ("POST", f"{_PAIR}/batch/create", create_limits, write_both),
        ("POST", f"{_PAIR}/batch/update", update_limits, write_both),
        ("POST", f"{_PAIR}/batch/purge", purge_limits, write_both),
    )
    for method, path, handler, scopes in calls:
        for prefix, version in _PREFIXES:
            template = f"{prefix}/definitions/configurations/{path}"
            yield Route(method=method, template=template, handler=handler, version=version, scopes=scopes)


_REPORT = (("/crm/associations/{version}", None), ("/crm/v4/associations", "v4"))
_REPORTS = tuple(
    Route(
        method="POST",
        template=f"{prefix}/usage/high-usage-report/{{userId}}",
        handler=request_report,
        version=version,
        scopes=read_scopes,
    )
    for prefix, version in _REPORT
)

FAMILY = Family(routes=(*_routes(), *_REPORTS))
