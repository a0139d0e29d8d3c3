"""Associations of v3: types by name, both directions answered, one entry a type (HS-62)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hubspot_emulator import association_calls as calls
from hubspot_emulator import associations, parsing, reading
from hubspot_emulator.association_calls import Ends, Outcome, Pair, Problem
from hubspot_emulator.association_routes import read_both, write_both
from hubspot_emulator.association_types import USER_DEFINED, LinkType
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.reading import Shown

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

PAGE = 100


def list_types(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the types of a direction by id and name."""
    parsing.known_parameters(request, ())
    found = calls.ends_of(portal, request).ways.by_kind.values()
    return json_response({"results": [{"id": str(each.type_id), "name": each.name} for each in found]})


def read_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the links of records; the first hundred of each, the rest behind a cursor of its own."""
    ends, outcome = calls.ends_of(portal, request), Outcome()
    names = [parsing.text(each.get("id"), where="id") for each in calls.read_inputs(request, ("id",), calls.READ_LIMIT)]
    live = associations.live_ids(
        portal, ends.from_kind.type_id, {int(name) for name in names if associations.is_id(name)}
    )
    for name, _ in calls.shuffled(dict.fromkeys(names, 0)):
        if not associations.is_id(name):
            outcome.errors.append(calls.invalid_id(name))
            continue
        page = calls.page_of(ends, int(name), PAGE, 0) if int(name) in live else associations.Page({}, None)
        if page.ends:
            to = associations.inline_results(ends.ways, page.ends)
            outcome.results.append({"from": {"id": name}, "to": to, **calls.paging_of(ends, name, page)})
        elif portal.knobs.missing_is_error:
            outcome.errors.append(calls.nothing_associated(ends, name))
    return calls.answer(portal, outcome, status=200)


def create_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Write links; an input whose ends are no objects is passed over in silence, as recorded."""
    ends, outcome = calls.ends_of(portal, request), Outcome()
    inputs = calls.read_inputs(request, ("from", "to", "type"), calls.CREATE_LIMIT)
    for each in inputs:
        if isinstance(each.get("from"), dict) and isinstance(each.get("to"), dict):
            _create(ends, outcome, _names(each), each.get("type"))
    return calls.answer(portal, outcome, status=201)


def archive_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove links of the types named; the unlabelled one takes all others with it."""
    ends = calls.ends_of(portal, request)
    problems: list[Problem] = []
    pairs: list[Pair] = []
    for each in calls.read_inputs(request, ("from", "to", "type"), portal.knobs.archive_limit):
        names, found = _names(each), _type(ends, each.get("type"))
        if found is None:
            problems.append(_unknown_type(ends, each.get("type")))
        else:
            pairs.append(Pair(from_name=names[0], to_name=names[1], types=(found.key,)))
    if problems:
        raise calls.as_error(problems[0])
    return calls.remove(ends, pairs)


def put_one(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Write one link and answer the record that it starts at, as HubSpot's SDKs of v3 have it."""
    parsing.known_parameters(request, ())
    ends, outcome = calls.ends_of(portal, request), Outcome()
    from_id, to_id = request.params["fromObjectId"], request.params["toObjectId"]
    _create(ends, outcome, (from_id, to_id), request.params["type"])
    if outcome.errors:
        raise calls.as_error(outcome.errors[0])
    row = portal.table(ends.from_kind.type_id).row(int(from_id))
    assert row is not None
    shown = Shown(association_types=(ends.to_kind.name,), granted=request.granted)
    return json_response(reading.records(portal, ends.from_kind, [row], shown)[0])


def delete_one(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove one link, whether it was there or not."""
    parsing.known_parameters(request, ())
    ends = calls.ends_of(portal, request)
    found = _type(ends, request.params["type"])
    if found is None:
        raise calls.as_error(_unknown_type(ends, request.params["type"]))
    names = request.params["fromObjectId"], request.params["toObjectId"]
    return calls.remove(ends, [Pair(from_name=names[0], to_name=names[1], types=(found.key,))])


def _create(ends: Ends, outcome: Outcome, names: tuple[str, str], given: Any) -> None:
    found = _type(ends, given)
    if found is None:
        outcome.errors.append(_unknown_type(ends, given))
        return
    pair = Pair(from_name=names[0], to_name=names[1], types=(found.key,))
    problems = calls.problems_of(ends, pair, calls.live_ends(ends, [pair]))
    outcome.errors += problems
    if problems:
        return
    from_id, to_id = int(names[0]), int(names[1])
    # v3 knows no set of labels that a write replaces: what the pair has stays.
    kept = [
        each.key
        for each in ends.ways.by_kind.values()
        if each.category == USER_DEFINED and associations.is_linked(ends.portal, from_id, each.kind, to_id)
    ]
    where = (ends.portal, ends.ways.from_type, from_id, ends.ways.to_type, to_id)
    associations.link(*where, [*kept, found.key], request=ends.request.correlation_id, ways=ends.ways)
    back = associations.direction(ends.portal, ends.ways.to_type, ends.ways.from_type).by_kind[found.inverse]
    outcome.results += [
        {"from": {"id": names[0]}, "to": {"id": names[1]}, "type": found.name},
        {"from": {"id": names[1]}, "to": {"id": names[0]}, "type": back.name},
    ]


def _names(given: dict[str, Any]) -> tuple[str, str]:
    return calls.id_in(given.get("from"), "from"), calls.id_in(given.get("to"), "to")


def _type(ends: Ends, given: Any) -> LinkType | None:
    """Find a type by its name, or by its id where HubSpot defined it."""
    text = parsing.text(given, where="type")
    for found in ends.ways.by_kind.values():
        if text in (found.name, str(found.type_id) if found.category != USER_DEFINED else found.name):
            return found
    return None


def _unknown_type(ends: Ends, given: Any) -> Problem:
    names = ends.from_kind.name, ends.to_kind.name
    message = f"{given} is not a valid association type between {names[0]} and {names[1]}"
    context = {"type": [str(given)], "fromObjectType": [names[0]], "toObjectType": [names[1]]}
    return calls.problem("VALIDATION_ERROR", "INVALID_ASSOCIATION_TYPE", message, context)


def _routes() -> Iterable[Route]:
    pair = "/crm/v3/associations/{fromObjectType}/{toObjectType}"
    single = "/crm/v3/objects/{fromObjectType}/{fromObjectId}/associations/{toObjectType}/{toObjectId}/{type}"
    for method, template, handler, scopes in (
        ("GET", f"{pair}/types", list_types, read_both),
        ("POST", f"{pair}/batch/read", read_batch, read_both),
        ("POST", f"{pair}/batch/create", create_batch, write_both),
        ("POST", f"{pair}/batch/archive", archive_batch, write_both),
        ("PUT", single, put_one, write_both),
        ("DELETE", single, delete_one, write_both),
    ):
        yield Route(method=method, template=template, handler=handler, version="v3", scopes=scopes)


FAMILY = Family(routes=tuple(_routes()))
