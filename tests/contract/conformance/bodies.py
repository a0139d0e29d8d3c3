"""Tries the fields of request bodies: one that nobody knows is refused by name, every documented one is taken.

A field is tried where it stands: at the top, in the first input of a batch, in the first option of a property.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3

from conformance import calls
from conformance.calls import Call, Caller
from conformance.openapi import Operation, resolve
from conformance.recipes import Form, Upload
from hubspot_emulator.http import Route
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

STRANGE = "fieldOfNobody"
WRITES = ("PATCH", "POST", "PUT")
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """An object inside a body, and the fields that HubSpot's file knows there."""

    path: Path
    fields: Mapping[str, Mapping[str, Any]]
    is_open: bool
    """Any field is allowed: values by name, such as `properties` of a record."""
    is_choice: bool
    """The file has several forms for it, of which the body is one: not all their fields go together."""


@dataclass
class Tried:
    """What came of one operation."""

    call: str
    taken: set[str] = field(default_factory=set)
    """Where a field of nobody was not refused by name."""
    refused: set[str] = field(default_factory=set)
    """Documented fields that the emulator does not know."""
    failed: set[str] = field(default_factory=set)
    """Where the emulator failed at an odd value instead of refusing it."""
    places: int = 0
    fields: int = 0


def try_route(caller: Caller, route: Route, template: str) -> Tried | None:
    """Try the fields of one operation; None where it has no body."""
    known = calls.specified(route.method, template)
    call = caller.prepare(route.method, template)
    assert isinstance(call, Call), f"{route.method} {template}: {call}"
    tried = Tried(f"{route.method} {template}")
    places = list(_places_of(known, call.body))
    for place in places:
        if not place.is_open:
            tried.places += 1
            answer = _send(caller, call, place.path, {STRANGE: "x"})
            if answer.status != 400 or STRANGE.encode() not in answer.data:
                tried.taken.add(_name(place.path))
                call = _again(caller, route, template)
    for place in places:
        if not place.is_choice:
            tried.fields += len(place.fields)
            tried.refused |= _find_refused(caller, call, place, tried)
            call = _again(caller, route, template)
    return tried if tried.places else None


def _again(caller: Caller, route: Route, template: str) -> Call:
    call = caller.prepare(route.method, template)
    assert isinstance(call, Call)
    return call


def _find_refused(caller: Caller, call: Call, place: Place, tried: Tried) -> set[str]:
    """Send all documented fields that the body lacks; each that is refused as unknown is named and left out."""
    present = _at(_json(call.body), place.path)
    more = {name: _example(shape) for name, shape in place.fields.items() if name not in present}
    refused: set[str] = set()
    while more:
        answer = _send(caller, call, place.path, more)
        if answer.status >= 500:
            tried.failed.add(_name(place.path))
        unknown = next((name for name in more if f'Unrecognized field \\"{name}\\"'.encode() in answer.data), None)
        if unknown is None:
            break
        refused.add(f"{_name(place.path)}{unknown}")
        del more[unknown]
    return refused


def _example(shape: Mapping[str, Any]) -> Any:
    if shape.get("enum"):
        return shape["enum"][0]
    examples = {"array": [], "boolean": False, "integer": 1, "number": 1, "object": {}}
    return examples.get(shape.get("type", ""), "1")


def _json(body: object) -> Any:
    if isinstance(body, Form):
        return dict(body.fields)
    if isinstance(body, Upload):
        return body.request
    return {} if body is None else body


def _with(body: object, changed: Any) -> object:
    if isinstance(body, Form):
        return Form(changed)
    if isinstance(body, Upload):
        return Upload(changed, body.name, body.content)
    return changed


def _send(caller: Caller, call: Call, path: Path, more: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
    changed = copy.deepcopy(_json(call.body))
    _at(changed, path).update(more)
    return caller.send(call.method, calls.with_query(call.path, call.query), _with(call.body, changed))


def _at(body: Any, path: Path) -> Any:
    for step in path:
        body = body[step]
    return body


def _name(path: Path) -> str:
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".") + (
        "." if path else ""
    )


def _places_of(known: list[Operation], body: object) -> Iterator[Place]:
    """Give the places of a body by the file that describes it; without one, the top alone."""
    value = _json(body)
    if isinstance(value, dict) and (not known or isinstance(body, Form | Upload)):
        yield Place((), {}, is_open=False, is_choice=False)
    elif known:
        shape = _shape_of(known[0])
        if shape is not None:
            yield from _places(known[0].document, shape, value, ())


def _shape_of(operation: Operation) -> Mapping[str, Any] | None:
    part = operation.parts.get("requestBody")
    if part is None:
        return None
    content = resolve(operation.document, part).get("content", {})
    return next((each["schema"] for kind, each in content.items() if "json" in kind), None)


def _places(document: Mapping[str, Any], shape: Mapping[str, Any], value: Any, path: Path) -> Iterator[Place]:
    shape, is_choice = _whole(document, _chosen(document, shape, value))
    if isinstance(value, list) and value:
        yield from _places(document, shape.get("items", {}), value[0], (*path, 0))
    elif isinstance(value, dict):
        fields = {name: resolve(document, each) for name, each in shape.get("properties", {}).items()}
        is_open = "additionalProperties" in shape or not (fields or not path)
        yield Place(path, fields, is_open, is_choice)
        for name, inner in value.items():
            if name in fields:
                yield from _places(document, fields[name], inner, (*path, name))


def _chosen(document: Mapping[str, Any], shape: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """Give that of several forms which has the value's `type`; the schema itself where there are no several."""
    shape = resolve(document, shape)
    forms = [resolve(document, each) for each in shape.get("oneOf", ())]
    kind = value.get("type") if isinstance(value, dict) else None
    fitting = [each for each in forms if kind in each.get("properties", {}).get("type", {}).get("enum", ())]
    return fitting[0] if len(fitting) == 1 else shape


def _whole(
    document: Mapping[str, Any], shape: Mapping[str, Any], above: tuple[int, ...] = ()
) -> tuple[Mapping[str, Any], bool]:
    """Join what a schema is put together from, itself not again; True where it is one of several."""
    shape = resolve(document, shape)
    inside = [resolve(document, each) for each in (*shape.get("allOf", ()), *shape.get("oneOf", ()))]
    above = (*above, id(shape))
    parts = [_whole(document, each, above) for each in inside if id(each) not in above]
    if not parts:
        return shape, False
    joined: dict[str, Any] = {"properties": dict(shape.get("properties", {}))}
    for part, _ in parts:
        joined["properties"] |= part.get("properties", {})
    return joined, "oneOf" in shape or any(choice for _, choice in parts)


def try_everything() -> list[Tried]:
    """Try the bodies of every write that a portal of today answers."""
    knobs = Knobs(schema_limit=1_000, labels_per_pair=1_000)  # every try makes a thing anew
    found = []
    with (
        Emulator(Settings(contacts=60, limits=False, knobs=knobs)) as emulator,
        urllib3.PoolManager(retries=False, timeout=30) as pool,
    ):
        caller, now = Caller(emulator, pool), emulator.clock.time() * 1000
        for route in sorted(calls.list_routes(), key=lambda each: each.method):
            if route.method in WRITES and (route.until_ms is None or route.until_ms > now):
                found += [try_route(caller, route, path) for path in calls.concrete_paths(route)]
        pool.clear()
    return [each for each in found if each is not None]
