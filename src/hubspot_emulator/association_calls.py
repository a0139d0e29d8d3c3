"""The association calls: batches of pairs, single pairs, and one record's page of links (HS-31 to HS-35)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hubspot_emulator import association_limits, associations, parsing
from hubspot_emulator.association_types import HUBSPOT_DEFINED, Direction, LinkType, TypeKey
from hubspot_emulator.associations import Page
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

READ_LIMIT = 1_000
CREATE_LIMIT = 2_000
PAGE_LIMIT = 500

Problem = dict[str, Any]
"""One entry of a batch answer's `errors`."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The two object types of a call and the types of link between them."""

    portal: Portal
    request: ApiRequest
    from_kind: ObjectType
    to_kind: ObjectType
    ways: Direction

    def render_id(self, record_id: int) -> int | str:
        """Give the other end's id as reads show it."""
        return str(record_id) if self.portal.knobs.ids_as_text else record_id


@dataclass(kw_only=True)
class Outcome:
    """What a batch did so far."""

    results: list[Any] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)


def ends_of(portal: Portal, request: ApiRequest) -> Ends:
    """Read the two objects of the path."""
    from_kind = portal.types.resolve(request.params["fromObjectType"])
    to_kind = portal.types.resolve(request.params["toObjectType"])
    ways = associations.direction(portal, from_kind.type_id, to_kind.type_id)
    return Ends(portal=portal, request=request, from_kind=from_kind, to_kind=to_kind, ways=ways)


def read_inputs(request: ApiRequest, known: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Give the inputs of a batch, each with known fields only."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), ("inputs",))
    found = parsing.items(body.get("inputs"), where="inputs")
    if not found:
        raise ApiError(400, "The request needs at least one input in inputs.")
    parsing.limit_inputs(found, most, "a batch request")
    return [parsing.fields(each, known, where="an input") for each in found]


def id_in(value: object, where: str) -> str:
    """Read `{"id": ...}`."""
    return parsing.text(parsing.fields(value, ("id",), where=where).get("id"), where=f"{where}.id")


def answer(portal: Portal, outcome: Outcome, *, status: int) -> ApiResponse:
    """Build the answer of a batch: 207 as soon as an input failed."""
    now = render_ms(portal.now_ms())
    body: dict[str, Any] = {"completedAt": now, "status": "COMPLETE", "startedAt": now, "results": outcome.results}
    if outcome.errors:
        body |= {"errors": outcome.errors, "numErrors": len(outcome.errors)}
        status = 207
    return json_response(body, status=status)


# --- batch/read -----------------------------------------------------------------------------------------------------


def read_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the links of up to 1,000 records, each with a page and cursor of its own."""
    ends, outcome = ends_of(portal, request), Outcome()
    wanted: dict[str, int] = {}
    for each in read_inputs(request, ("after", "id"), READ_LIMIT):
        after = each.get("after")
        start = 0 if after is None else associations.parse_after(parsing.text(after, where="after"))
        wanted[parsing.text(each.get("id"), where="id")] = start
    live = associations.live_ids(
        portal, ends.from_kind.type_id, {int(name) for name in wanted if associations.is_id(name)}
    )
    size = portal.knobs.page_size
    for name, start in shuffled(wanted):
        if not associations.is_id(name):
            outcome.errors.append(invalid_id(name))
            continue
        page = page_of(ends, int(name), size, start) if int(name) in live else Page({}, None)
        if page.ends:
            outcome.results.append(
                {"from": {"id": name}, "to": _render_ends(ends, page), **paging_of(ends, name, page)}
            )
        elif portal.knobs.missing_is_error:
            outcome.errors.append(nothing_associated(ends, name))
    return answer(portal, outcome, status=200)


def page_of(ends: Ends, from_id: int, size: int, after: int) -> Page:
    """Read a page of one record's links."""
    return associations.page(ends.portal, ends.ways, from_id, size=size, after=after)


def _render_ends(ends: Ends, page: Page) -> list[dict[str, Any]]:
    return [
        {
            "toObjectId": ends.render_id(to_id),
            "associationTypes": [_render_type(ends.ways.by_kind[kind]) for kind in kinds],
        }
        for to_id, kinds in page.ends.items()
    ]


def _render_type(link_type: LinkType) -> dict[str, Any]:
    return {"category": link_type.category, "typeId": link_type.type_id, "label": link_type.label}


def paging_of(ends: Ends, from_id: str, page: Page) -> dict[str, Any]:
    """Build the cursor of one record's links; nothing on the last page."""
    if page.after is None:
        return {}
    token = associations.render_after(page.after)
    version = ends.request.version
    prefix = f"/crm/{version}/objects" if version in {"v3", "v4"} else f"/crm/objects/{version}"
    path = f"{prefix}/{ends.from_kind.type_id}/{from_id}/associations/{ends.to_kind.type_id}"
    return {"paging": {"next": {"after": token, "link": f"{ends.request.base_url}{path}?after={token}"}}}


def shuffled(wanted: Mapping[str, int]) -> list[tuple[str, int]]:
    """Order as HubSpot does: not as asked. The same request always gets the same order."""
    return sorted(wanted.items(), key=lambda item: (hash_of(item[0]), item[0]))


def hash_of(name: str) -> int:
    """Mix an id so that its neighbours land far apart."""
    return int(name) * 2_654_435_761 % 2**32 if associations.is_id(name) else 0


# --- errors of one input --------------------------------------------------------------------------------------------


def problem(category: str, sub_category: str | None, message: str, context: Mapping[str, list[str]]) -> Problem:
    """Build what a batch lists of one input that failed."""
    parts: Problem = {"status": "error", "category": category}
    if sub_category:
        parts["subCategory"] = f"crm.associations.{sub_category}"
    parts["message"] = message
    return parts | ({"context": context} if context else {})


def invalid_id(name: str) -> Problem:
    """Say that a text is no id."""
    return problem("VALIDATION_ERROR", "INVALID_IDENTIFIER", f"{name} is not a valid ID", {"id": [name]})


def nothing_associated(ends: Ends, name: str) -> Problem:
    """Say that a record has no links."""
    from_name, to_name = ends.from_kind.singular, ends.to_kind.singular
    context = {"fromObjectId": [name], "fromObjectType": [from_name], "toObjectType": [to_name]}
    message = f"No {to_name} is associated with {from_name} {name}."
    return problem("OBJECT_NOT_FOUND", "NO_ASSOCIATIONS_FOUND", message, context)


def _missing(side: str, kind: ObjectType, name: str) -> Problem:
    context = {"objectType": [kind.singular], "id": [name]}
    message = f"No {kind.singular} with ID {name} exists"
    return problem("OBJECT_NOT_FOUND", f"{side}_OBJECT_NOT_FOUND", message, context)


def _invalid_type(ends: Ends, key: TypeKey) -> Problem:
    shown, from_name, to_name = associations.render_key(key), ends.from_kind.singular, ends.to_kind.singular
    message = f"{shown} is not a valid association type between {from_name.upper()} and {to_name.upper()}"
    context = {"type": [shown], "fromObjectType": [from_name.upper()], "toObjectType": [to_name.upper()]}
    return problem("VALIDATION_ERROR", "INVALID_ASSOCIATION_TYPE", message, context)


def _to_itself(name: str) -> Problem:
    return problem("VALIDATION_ERROR", None, f"Object {name} cannot be associated to itself ({name})", {})


def as_error(problem: Problem) -> ApiError:
    """Make the answer to a single call of what a batch would list."""
    return ApiError(
        404 if problem["category"] == "OBJECT_NOT_FOUND" else 400,
        problem["message"],
        category=problem["category"],
        sub_category=problem.get("subCategory"),
        context=problem.get("context"),
    )


# --- pairs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One pair that a request names; `types` None stands for the default type."""

    from_name: str
    to_name: str
    types: tuple[TypeKey, ...] | None


def _pairs_with_types(request: ApiRequest, most: int) -> list[Pair]:
    return [
        Pair(
            from_name=id_in(each.get("from"), "from"),
            to_name=id_in(each.get("to"), "to"),
            types=_types(each.get("types")),
        )
        for each in read_inputs(request, ("from", "to", "types"), most)
    ]


def _types(value: object) -> tuple[TypeKey, ...]:
    keys: list[TypeKey] = []
    for entry in parsing.items(value, where="types"):
        spec = parsing.fields(entry, ("associationCategory", "associationTypeId"), where="types")
        type_id = parsing.text(spec.get("associationTypeId"), where="associationTypeId")
        if not type_id.lstrip("-").isdecimal():
            raise parsing.invalid_json(f"Cannot deserialize value of type `int` in associationTypeId from {type_id}")
        keys.append((parsing.text(spec.get("associationCategory"), where="associationCategory"), int(type_id)))
    if not keys:
        raise ApiError(400, "types must name at least one association type")
    return tuple(keys)


def problems_of(ends: Ends, pair: Pair, live: tuple[set[int], set[int]]) -> list[Problem]:
    """Say what is wrong with a pair that is to be written."""
    names = (pair.from_name, pair.to_name)
    if invalid := [invalid_id(name) for name in names if not associations.is_id(name)]:
        return invalid
    from_id, to_id = int(pair.from_name), int(pair.to_name)
    if ends.from_kind == ends.to_kind and from_id == to_id:
        return [_to_itself(pair.from_name)]
    found = [] if from_id in live[0] else [_missing("FROM", ends.from_kind, pair.from_name)]
    if to_id not in live[1]:
        found.append(_missing("TO", ends.to_kind, pair.to_name))
    if pair.types is None and ends.ways.default is None:
        found.append(_invalid_type(ends, (HUBSPOT_DEFINED, 0)))
    found += [_invalid_type(ends, key) for key in pair.types or () if key not in ends.ways.by_key]
    return found or _over_limit(ends, pair)


def _over_limit(ends: Ends, pair: Pair) -> list[Problem]:
    """Say which end of a new pair has all the associations of a type that it may have."""
    from_id, to_id = int(pair.from_name), int(pair.to_name)
    named = [ends.ways.by_key[key] for key in pair.types or ()]
    default = [] if ends.ways.default is None or ends.ways.default in named else [ends.ways.default]
    new = [each for each in (*default, *named) if not associations.is_linked(ends.portal, from_id, each.kind, to_id)]
    return [
        problem(
            "VALIDATION_ERROR",
            "ASSOCIATION_LIMIT_EXCEEDED",
            f"{kind.singular} {record_id} has {most} associations of this type, which is the limit",
            {"fromObjectId": [pair.from_name], "toObjectId": [pair.to_name]},
        )
        for each in new
        for kind, record_id, link_kind in (
            (ends.from_kind, from_id, each.kind),
            (ends.to_kind, to_id, each.inverse),
        )
        if (most := association_limits.limit_of(ends.portal, link_kind)) is not None
        and associations.count_ends(ends.portal, record_id, link_kind) >= most
    ]


def live_ends(ends: Ends, pairs: Iterable[Pair]) -> tuple[set[int], set[int]]:
    """Give those ends of the pairs that are live."""
    from_ids = {int(pair.from_name) for pair in pairs if associations.is_id(pair.from_name)}
    to_ids = {int(pair.to_name) for pair in pairs if associations.is_id(pair.to_name)}
    return (
        associations.live_ids(ends.portal, ends.from_kind.type_id, from_ids),
        associations.live_ids(ends.portal, ends.to_kind.type_id, to_ids),
    )


def _write(ends: Ends, pairs: Sequence[Pair]) -> Outcome:
    """Write the pairs that can be, in their order."""
    outcome, live = Outcome(), live_ends(ends, pairs)
    for pair in pairs:
        problems = problems_of(ends, pair, live)
        outcome.errors += problems
        if not problems:
            outcome.results += _write_pair(ends, pair)
    return outcome


def _write_pair(ends: Ends, pair: Pair) -> list[dict[str, Any]]:
    ways, from_id, to_id = ends.ways, int(pair.from_name), int(pair.to_name)
    where = (ends.portal, ways.from_type, from_id, ways.to_type, to_id)
    if pair.types is None:
        associations.link_default(*where, request=ends.request.correlation_id, ways=ways)
        return _render_default(ends, pair)
    associations.link(*where, pair.types, request=ends.request.correlation_id, ways=ways)
    labels = [ways.by_key[key].label for key in pair.types]
    return [
        {
            "fromObjectTypeId": ways.from_type,
            "fromObjectId": ends.render_id(from_id),
            "toObjectTypeId": ways.to_type,
            "toObjectId": ends.render_id(to_id),
            "labels": [label for label in labels if label is not None],
        }
    ]


def _render_default(ends: Ends, pair: Pair) -> list[dict[str, Any]]:
    default = ends.ways.default
    if default is None:
        return []
    back = associations.direction(ends.portal, ends.ways.to_type, ends.ways.from_type).by_kind[default.inverse]
    return [
        {
            "from": {"id": from_name},
            "to": {"id": to_name},
            "associationSpec": {"associationCategory": found.category, "associationTypeId": found.type_id},
        }
        for from_name, to_name, found in (
            (pair.from_name, pair.to_name, default),
            (pair.to_name, pair.from_name, back),
        )
    ]


def create_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Write pairs with the types each is to have."""
    outcome = _write(ends_of(portal, request), _pairs_with_types(request, CREATE_LIMIT))
    outcome.results.sort(key=lambda result: hash_of(str(result["fromObjectId"])))
    return answer(portal, outcome, status=201)


def create_default_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Make the unlabelled link of each pair."""
    pairs = [
        Pair(from_name=id_in(each.get("from"), "from"), to_name=id_in(each.get("to"), "to"), types=None)
        for each in read_inputs(request, ("from", "to"), CREATE_LIMIT)
    ]
    return answer(portal, _write(ends_of(portal, request), pairs), status=200)


# --- removing -------------------------------------------------------------------------------------------------------


def archive_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove all links of each pair."""
    pairs = [
        Pair(from_name=id_in(each.get("from"), "from"), to_name=id_in(to, "to"), types=None)
        for each in read_inputs(request, ("from", "to"), portal.knobs.archive_limit)
        for to in parsing.items(each.get("to"), where="to")
    ]
    return remove(ends_of(portal, request), pairs)


def archive_label_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove the types that each pair names."""
    return remove(ends_of(portal, request), _pairs_with_types(request, portal.knobs.archive_limit))


def remove(ends: Ends, pairs: Iterable[Pair]) -> ApiResponse:
    """Remove what is there; what is not there is no error."""
    outcome = Outcome()
    for pair in pairs:
        problems = [invalid_id(name) for name in (pair.from_name, pair.to_name) if not associations.is_id(name)]
        problems += [_invalid_type(ends, key) for key in pair.types or () if key not in ends.ways.by_key]
        outcome.errors += problems
        if not problems:
            _unlink(ends, pair)
    if outcome.errors or ends.request.version not in {"v3", "v4"}:
        return answer(ends.portal, outcome, status=200)
    return ApiResponse(status=204)


def _unlink(ends: Ends, pair: Pair) -> None:
    associations.unlink(
        ends.portal,
        ends.ways.from_type,
        int(pair.from_name),
        ends.ways.to_type,
        int(pair.to_name),
        pair.types,
        request=ends.request.correlation_id,
        ways=ends.ways,
    )


# --- single pairs ---------------------------------------------------------------------------------------------------


def put_pair(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Write one pair."""
    parsing.known_parameters(request, ())
    return _write_single(portal, request, _types(request.json()), status=201)


def put_default(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Make the unlabelled link of one pair."""
    parsing.known_parameters(request, ())
    return _write_single(portal, request, None, status=200)


def _write_single(
    portal: Portal, request: ApiRequest, types: tuple[TypeKey, ...] | None, *, status: int
) -> ApiResponse:
    pair = Pair(from_name=request.params["fromObjectId"], to_name=request.params["toObjectId"], types=types)
    outcome = _write(ends_of(portal, request), [pair])
    if outcome.errors:
        raise as_error(outcome.errors[0])
    return answer(portal, outcome, status=status) if types is None else json_response(outcome.results[0], status=status)


def delete_pair(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove all links of one pair; 204 whether there were any or not."""
    parsing.known_parameters(request, ())
    pair = Pair(from_name=request.params["fromObjectId"], to_name=request.params["toObjectId"], types=None)
    if associations.is_id(pair.from_name) and associations.is_id(pair.to_name):
        _unlink(ends_of(portal, request), pair)
    return ApiResponse(status=204)


def list_links(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer a page of one record's links; v3 shows one entry a type."""
    parsing.known_parameters(request, ("after", "limit", "portalId"))
    ends, from_name = ends_of(portal, request), request.params["fromObjectId"]
    size = parsing.limit(request, default=PAGE_LIMIT, most=PAGE_LIMIT)
    after = parsing.one(request, "after")
    if not associations.is_id(from_name):
        raise as_error(invalid_id(from_name))
    if not associations.live_ids(portal, ends.from_kind.type_id, [int(from_name)]):
        raise as_error(_missing("FROM", ends.from_kind, from_name))
    page = page_of(ends, int(from_name), size, associations.parse_after(after) if after else 0)
    legacy = request.version == "v3"
    results: Sequence[Any] = associations.inline_results(ends.ways, page.ends) if legacy else _render_ends(ends, page)
    return json_response({"results": results, **paging_of(ends, from_name, page)})
