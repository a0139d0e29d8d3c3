"""One call to every route of the emulator, as `recipes` says, and what stands for the placeholders of its path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from conformance import needs, recipes
from conformance.evidence import ALIASES
from conformance.openapi import Operation, find_operations
from conformance.recipes import Form, Upload, Values
from hubspot_emulator.app import all_routes
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.http import Route
from hubspot_emulator.limits import Limits
from hubspot_emulator.routing import DATED_VERSIONS
from hubspot_emulator.server import Emulator
from hubspot_emulator.tokens import Tokens


def list_routes() -> tuple[Route, ...]:
    """Give the route table of the emulator."""
    return all_routes(Limits(VirtualClock()), Tokens())


def concrete_paths(route: Route) -> list[str]:
    """Give a route's template with every version that HubSpot's files have; with none of them, one."""
    if "{version}" not in route.template:
        return [route.template]
    made = [route.template.replace("{version}", version) for version in sorted(DATED_VERSIONS)]
    return [each for each in made if find_operations(route.method, each)] or [made[-2]]


def specified(method: str, template: str) -> list[Operation]:
    """Give the operations of HubSpot's files that a path is checked against: its own, or those it is an alias of."""
    for prefix, other in ALIASES.items():
        if template.startswith(prefix) and not find_operations(method, template):
            return find_operations(method, other + template.removeprefix(prefix))
    return find_operations(method, template)


@dataclass
class Call:
    """A call that is ready to be sent."""

    method: str
    path: str
    body: object = None
    query: dict[str, str] = field(default_factory=dict)


class Caller:
    """Calls a portal, and finds in it or makes what stands for a placeholder."""

    def __init__(self, emulator: Emulator, pool: urllib3.PoolManager) -> None:
        self._base, self._pool, self._made = emulator.base_url, pool, 0
        self._clock = emulator.clock

    def send(self, method: str, path: str, body: object = None, *, token: str = "pat-test") -> urllib3.BaseHTTPResponse:
        """Send one call."""
        data, kind = (
            body.encode() if isinstance(body, Form | Upload) else (json.dumps(body).encode(), "application/json")
        )
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        return self._pool.request(method, self._base + path, body=None if body is None else data, headers=headers)

    def make(self, path: str, body: object) -> Any:
        """Send a write that must succeed and give its answer: a POST, unless the path begins with its method."""
        method, _, rest = path.partition(" ")
        return self._must("POST" if not rest else method, rest or path, body)

    def read(self, path: str) -> Any:
        """Send a GET that must succeed and give its answer."""
        return self._must("GET", path, None)

    def pass_time(self, seconds: float) -> None:
        """Move the portal's clock."""
        self._clock.sleep(seconds)

    def unique(self) -> str:
        """Give a number that was not given before."""
        self._made += 1
        return str(self._made)

    def prepare(self, method: str, template: str) -> Call | str:
        """Make a call ready; a text says which placeholder nothing stands for."""
        call = f"{method} {template}"
        need = recipes.choose(needs.NEEDS, call)
        needed = dict(need(self)) if need is not None else {}
        filled = self.fill(template, needed)
        if isinstance(filled, str):
            return filled
        path, values = filled
        build, query = recipes.choose(recipes.BODIES, call), recipes.choose(recipes.QUERIES, call)
        first = {"contact": self._first("contacts"), "company": self._first("companies")} if build or query else {}
        known = {**first, **needed, **values, "n": self.unique()}
        return Call(method, path, build and build(known), dict(query(known)) if query else {})

    def fill(self, template: str, needed: Values | None = None) -> tuple[str, Values] | str:
        """Put values into a template, left to right; a text says which placeholder has none."""
        path, values = "", {}
        for step in template.strip("/").split("/"):
            if step.startswith("{"):
                name = step[1:-1]
                found = (needed or {}).get(name) or self._fixed(name, template) or self._listed(name, path)
                if found is None:
                    return f"nothing in the portal stands for {{{name}}}"
                values[name] = found
                path += f"/{quote(found, safe='')}"
            else:
                path += f"/{step}"
        return path, values

    def _must(self, method: str, path: str, body: object) -> Any:
        answer = self.send(method, path, body)
        if answer.status >= 300:
            raise AssertionError(f"{method} {path} was to be there for another call: {answer.status} {answer.data!r}")
        return json.loads(answer.data) if answer.data else None

    def _first(self, kind: str) -> str:
        return str(self.read(f"/crm/v3/objects/{kind}?limit=1")["results"][0]["id"])

    def _fixed(self, name: str, template: str) -> str | None:
        if name in {"objectType", "fromObjectType"}:
            return "deals" if "pipelines" in template else "contacts"
        if name in {"objectId", "fromObjectId", "recordId", "toObjectId"}:
            return self._first("companies" if name == "toObjectId" else "contacts")
        return recipes.FIXED.get(name)

    def _listed(self, name: str, prefix: str) -> str | None:
        if name == "listId":
            found = json.loads(self.send("POST", "/crm/v3/lists/search", {"processingTypes": ["MANUAL"]}).data)
            return next((each["listId"] for each in found["lists"]), None)
        answer = self.send("GET", prefix)
        if answer.status != 200:
            return None
        for each in _rows(json.loads(answer.data)):
            value = next((each[key] for key in (name, "id", "name") if key in each), None)
            if value is not None:
                return str(value)
        return None


def _rows(body: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(body, dict):
        body = next((each for each in body.values() if isinstance(each, list)), [])
    yield from (each for each in body if isinstance(each, dict))


def build_query(operation: Operation) -> list[tuple[str, str]]:
    """Give an example of every query parameter of an operation: what it is matters, not what it finds."""
    return [(each["name"], _example(each["schema"])) for each in operation.query]


def _example(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "array":
        return _example(schema.get("items", {}))
    chosen = (schema.get("enum") or [None])[0]
    return str(chosen or {"boolean": "false", "integer": "1"}.get(schema.get("type", ""), "1"))


def with_query(path: str, pairs: Mapping[str, str]) -> str:
    """Add query parameters to a path."""
    return f"{path}?{urlencode(pairs)}" if pairs else path
