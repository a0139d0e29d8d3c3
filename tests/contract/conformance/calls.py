"""One call to every route of the emulator, with placeholders and bodies that a generated portal can answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from conformance.openapi import Operation, find_operations
from hubspot_emulator.app import all_routes
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.http import Route
from hubspot_emulator.limits import Limits
from hubspot_emulator.routing import DATED_VERSIONS
from hubspot_emulator.server import Emulator
from hubspot_emulator.tokens import Tokens

TYPES = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
NEW = {"properties": {"firstname": "Ada"}}
Values = Mapping[str, str]


def list_routes() -> tuple[Route, ...]:
    """Give the route table of the emulator."""
    return all_routes(Limits(VirtualClock()), Tokens())


def concrete_paths(route: Route) -> list[str]:
    """Give a route's template with every version that HubSpot's files have; with none of them, one."""
    if "{version}" not in route.template:
        return [route.template]
    made = [route.template.replace("{version}", version) for version in sorted(DATED_VERSIONS)]
    return [each for each in made if find_operations(route.method, each)] or [made[-2]]


class Caller:
    """Calls a portal, and finds in it what stands for a placeholder."""

    def __init__(self, emulator: Emulator, pool: urllib3.PoolManager) -> None:
        self._base, self._pool, self._made = emulator.base_url, pool, 0

    def send(self, method: str, path: str, body: object = None, *, token: str = "pat-test") -> urllib3.BaseHTTPResponse:
        """Send one call."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return self._pool.request(method, self._base + path, body=data, headers=headers)

    def fill(self, template: str) -> tuple[str, Values] | str:
        """Put values into a template, left to right; a text says which placeholder has none."""
        path, values = "", {}
        for step in template.strip("/").split("/"):
            if step.startswith("{"):
                name = step[1:-1]
                found = self._fixed(name, template) or self._listed(name, path)
                if found is None:
                    return f"nothing in the portal stands for {{{name}}}"
                values[name] = found
                path += f"/{quote(found, safe='')}"
            else:
                path += f"/{step}"
        return path, values

    def body(self, method: str, template: str, values: Values) -> object:
        """Give a body for a call that writes; None where the table has none."""
        self._made += 1
        for pattern, build in BODIES:
            if re.search(pattern, f"{method} {template}"):
                return build(
                    values
                    | {"n": str(self._made), "contact": self._first("contacts"), "company": self._first("companies")}
                )
        return None

    def _first(self, kind: str) -> str:
        return str(json.loads(self.send("GET", f"/crm/v3/objects/{kind}?limit=1").data)["results"][0]["id"])

    def _fixed(self, name: str, template: str) -> str | None:
        if name in {"objectType", "fromObjectType"}:
            return "deals" if "pipelines" in template else "contacts"
        if name in {"objectId", "fromObjectId", "recordId", "toObjectId"}:
            return self._first("companies" if name == "toObjectId" else "contacts")
        return FIXED.get(name)

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


FIXED: Values = {
    "toObjectType": "companies",
    "objectTypeId": "0-1",
    "groupName": "contactinformation",
    "name": "email",
    "assetType": "FORM",
    "emailAddress": "a@example.com",
    "subscriber": "a@example.com",
    "ruleType": "MAX_LENGTH",
}


def _pair(values: Values) -> dict[str, Any]:
    return {"from": {"id": values["contact"]}, "to": {"id": values["company"]}}


def _property(values: Values) -> dict[str, Any]:
    name = f"made_{values['n']}"
    return {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"}


def _inputs(*each: object) -> dict[str, Any]:
    return {"inputs": list(each)}


def _list(values: Values) -> dict[str, Any]:
    return {"name": f"List {values['n']}", "objectTypeId": "0-1", "processingType": "MANUAL"}


def _label(values: Values) -> dict[str, Any]:
    return {"name": f"label_{values['n']}", "label": f"Label {values['n']}"}


BODIES: tuple[tuple[str, Any], ...] = (
    (r"POST .*associations/.*batch/associate/default$", lambda v: _inputs(_pair(v))),
    (r"POST .*associations/.*batch/(create|labels/archive)$", lambda v: _inputs(_pair(v) | {"types": TYPES})),
    (r"POST .*associations/.*batch/read$", lambda v: _inputs({"id": v["contact"]})),
    (
        r"POST .*associations/.*batch/archive$",
        lambda v: _inputs({"from": {"id": v["contact"]}, "to": [{"id": v["company"]}]}),
    ),
    (r"PUT .*objects/.*/associations/(?!default)", lambda v: TYPES),
    (r"POST .*associations/.*labels$", _label),
    (r"POST .*objects/.*batch/(read|archive)$", lambda v: _inputs({"id": v["contact"]})),
    (r"POST .*objects/.*batch/create$", lambda v: _inputs(NEW)),
    (r"POST .*objects/.*batch/update$", lambda v: _inputs(NEW | {"id": v["contact"]})),
    (
        r"POST .*objects/.*batch/upsert$",
        lambda v: _inputs(NEW | {"id": f"u{v['n']}@example.com", "idProperty": "email"}),
    ),
    (r"(POST|PATCH) /crm/(v3/)?objects/[^/]*(/[^/]*)?(/\{objectId\})?$", lambda v: NEW),
    (r"POST .*objects/.*/search$", lambda v: {"limit": 2}),
    (r"POST .*objects/.*/gdpr-delete$", lambda v: {"objectId": v["contact"]}),
    (r"POST .*/properties/.*batch/read$", lambda v: _inputs({"name": "email"}) | {"archived": False}),
    (r"POST .*/properties/.*batch/create$", lambda v: _inputs(_property(v))),
    (r"POST .*/properties/.*batch/archive$", lambda v: _inputs({"name": "remarks"})),
    (r"POST .*/properties/.*groups$", _label),
    (r"PATCH .*/properties/.*groups/", lambda v: {"label": "Other"}),
    (r"POST .*/properties/", _property),
    (r"PATCH .*/properties/", lambda v: {"label": "Other"}),
    (r"POST .*/schemas/batch/read$", lambda v: _inputs("contacts")),
    (
        r"POST .*/export/async$",
        lambda v: {
            "exportType": "VIEW",
            "exportName": "n",
            "format": "CSV",
            "language": "EN",
            "objectType": "CONTACT",
            "objectProperties": ["email"],
        },
    ),
    (r"POST .*/lists/(.*/)?(search|all)$", lambda v: {"processingTypes": ["MANUAL"]}),
    (r"POST .*/lists/.*idmapping$", lambda v: ["1"]),
    (r"POST .*/lists(/[\d-]*(-beta)?)?$", _list),
    (r"PUT .*/memberships/(add|remove)$", lambda v: [v["contact"]]),
    (r"PUT .*/memberships/add-and-remove$", lambda v: {"recordIdsToAdd": [v["contact"]], "recordIdsToRemove": []}),
    (r"POST .*records/memberships/batch/read$", lambda v: _inputs({"objectTypeId": "0-1", "recordId": v["contact"]})),
    (r"POST .*/(campaigns|statuses)/.*batch/read$", lambda v: _inputs({"id": "00000000-0000-0000-0000-000000000000"})),
    (r"PATCH .*forms/", lambda v: {"name": f"Form {v['n']}"}),
)


def build_query(operation: Operation) -> list[tuple[str, str]]:
    """Give an example of every query parameter of an operation: what it is matters, not what it finds."""
    return [(each["name"], _example(each["schema"])) for each in operation.query]


def _example(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "array":
        return _example(schema.get("items", {}))
    chosen = (schema.get("enum") or [None])[0]
    return str(chosen or {"boolean": "false", "integer": "1"}.get(schema.get("type", ""), "1"))


def with_query(path: str, pairs: list[tuple[str, str]]) -> str:
    """Add query parameters to a path."""
    return f"{path}?{urlencode(pairs)}" if pairs else path
