"""Sends the recorded requests to portals that hold what the recordings imply, and compares the answers.

What a portal holds is derived from the path and the recorded answer alone; no rule names a recording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import urllib3

from conformance.answers import find_differences, find_error_differences, parse_body
from conformance.calls import Caller, list_routes
from conformance.checks import name_family
from conformance.openapi import HUBSPOT, find_operations
from hubspot_emulator import property_definition
from hubspot_emulator.portal import Portal
from hubspot_emulator.routing import Match, Router
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

RECORDED = HUBSPOT / "recorded"
CLASSES = {"A", "A-", "B"}
THREADS = 4
"""A portal that stops waits for its servers, so several are on their way at once."""
PROXIED = "A-"
"""The class whose 2xx statuses are the proxy's, not HubSpot's."""
OBJECTS = re.compile(r"/crm/(?:v3/objects|objects/[\d-]+)/([\w-]+)(?:/(.*))?$")
COMPUTED = {"hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate"}
NEWER = re.compile(r"(^|\.)properties\.(hs_\w+|num_\w+|days_to_close|website)$|(^|\])\.?url$")
"""Counters and stamps that only newer tools of HubSpot move, and the address of a record in its own interface."""


@dataclass(frozen=True)
class Recording:
    """One row of the manifest with its body."""

    file: str
    method: str
    path: str
    query: str
    request: Any
    status: int
    trust: str
    body: Any


@dataclass
class Replay:
    """What came of one recording."""

    file: str
    family: str
    reason: str = ""
    """Why it is not matched; empty: it is."""
    differences: list[str] = field(default_factory=list)


def load_recordings() -> list[Recording]:
    """Read the recorded calls of the classes that are evidence; traces are many calls and tested elsewhere."""
    rows = json.loads((RECORDED / "manifest.json").read_text())
    return [_load(row) for row in rows if row["evidence_class"] in CLASSES and row["status"]]


def _load(row: Mapping[str, Any]) -> Recording:
    path, _, query = row["url"].partition("?")
    request = row.get("request")
    pairs = {name: values[-1] for name, values in parse_qs(query).items() if name != "hapikey"}
    if isinstance(request, dict) and request and set(request) <= {"data", "params"}:
        pairs |= request.get("params") or {}
        request = request.get("data")
    body = json.loads((RECORDED / row["file"]).read_text())
    return Recording(
        row["file"], row["method"], path, urlencode(pairs), request, row["status"], row["evidence_class"], body
    )


def replay(recording: Recording, router: Router) -> Replay:
    """Send one recording to a portal of its own and compare the answers."""
    match = router.find(recording.method, recording.path)
    if not isinstance(match, Match):
        return Replay(recording.file, recording.path.split("/")[1], "the emulator does not serve this call")
    result = Replay(recording.file, name_family(match.route))
    if recording.request is None and recording.method in {"POST", "PUT", "PATCH"} and _derive(recording) is None:
        result.reason = "the request was not recorded and does not follow from the answer"
        return result
    settings = Settings(
        contacts=0 if OBJECTS.match(recording.path) else 30,
        limits=recording.status == 429,
        tokens={"pat-test": frozenset()} if recording.status == 403 else {},
    )
    with Emulator(settings) as emulator, urllib3.PoolManager(retries=False, timeout=30) as pool:
        emulator.clock.advance(0.123)  # type: ignore[attr-defined]
        answer = _send(recording, match, emulator, Caller(emulator, pool))
        pool.clear()
    _compare(recording, match, answer, result)
    result.reason = "; ".join(result.differences[:4])
    return result


def _send(recording: Recording, match: Match, emulator: Emulator, caller: Caller) -> urllib3.BaseHTTPResponse:
    with emulator.portal.lock:
        ids = _seed(recording, emulator.portal)
        emulator.portal.commit()
    body = recording.request if recording.request is not None else _derive(recording)
    body = json.loads(_rename(json.dumps(body), ids))
    path = _rename(recording.path, ids)
    if recording.status < 300 and not OBJECTS.match(recording.path):
        path = _known_path(match, caller, path)
    target = f"{path}?{recording.query}" if recording.query else path
    token = "none" if recording.status == 401 else "pat-test"
    answer = caller.send(recording.method, target, body, token=token)
    for _ in range({409: 1, 429: 20}.get(recording.status, 0)):
        if answer.status != recording.status:
            answer = caller.send(recording.method, target, body, token=token)
    return answer


def _rename(text: str, ids: Mapping[str, str]) -> str:
    return re.sub(r"\d{4,}", lambda found: ids.get(found[0], found[0]), text)


def _derive(recording: Recording) -> Any:
    """Make the request that an answer implies: inputs of its results, the page of a search."""
    body = recording.body
    if not isinstance(body, dict) or recording.status >= 300:
        return None
    results = body.get("results", [])
    if recording.path.endswith("/search"):
        return {"limit": len(results) or 10} if results else None
    found = OBJECTS.match(recording.path)
    if found and results and all("properties" in each for each in results):
        creates = recording.path.endswith("/create")
        return {"inputs": [_input(each, creates=creates) for each in results]}
    if recording.path.endswith("/groups"):
        return {"name": body["name"], "label": body["label"]}
    return None


def _input(result: Mapping[str, Any], *, creates: bool) -> dict[str, Any]:
    own = {name: value for name, value in result["properties"].items() if _is_own(name, value)}
    more = {} if creates else {"id": result["id"]}
    trace = {"objectWriteTraceId": result["objectWriteTraceId"]} if "objectWriteTraceId" in result else {}
    return {"properties": own} | more | trace


def _is_own(name: str, value: object) -> bool:
    """Whether a caller wrote a property: HubSpot's own begin with hs_, or count."""
    return value is not None and name not in COMPUTED and not name.startswith(("hs_", "num_", "lifecyclestage"))


def _seed(recording: Recording, portal: Portal) -> dict[str, str]:
    """Put into a portal what a recording implies; give the ids of recorded records there."""
    if recording.path.startswith("/crm/v3/properties/"):
        _seed_properties(recording, portal)
    found = OBJECTS.match(recording.path)
    if found is None or recording.status >= 400 or re.search(r"^(2-|butter)", found[1]):
        return {}
    type_id = portal.types.resolve(found[1].lower()).type_id
    body = recording.body if isinstance(recording.body, dict) else {}
    records = body.get("results", [body] if "properties" in body else [])
    asked = json.dumps(recording.request or {})
    for name in {name for each in records for name in each["properties"]} | set(re.findall(r'"(\w+_field)"', asked)):
        if name not in portal.properties(type_id):
            portal.add_property(type_id, property_definition.build_raw(name, name, "string", "text"))
    if recording.path.endswith("/batch/create") or (recording.method == "POST" and not found[2]):
        return {}
    ids = {each["id"]: str(portal.create_record(type_id, _values(each, 0))) for each in records}
    for number in range(1, 120 if "paging" in body else 0):
        portal.create_record(type_id, _values(records[-1], number))
    if not records and recording.method in {"DELETE", "PATCH"} and found[2]:
        return {found[2]: str(portal.create_record(type_id, {}))}
    return ids


def _values(record: Mapping[str, Any], number: int) -> dict[str, str]:
    values = {name: str(value) for name, value in record["properties"].items() if value and name not in COMPUTED}
    if number and "email" in values:
        values["email"] = f"n{number}.{values['email']}"
    return values


def _seed_properties(recording: Recording, portal: Portal) -> None:
    """Make the properties that a change or a refused batch implies."""
    parts = recording.path.split("/")
    names = {parts[5]} if recording.method == "PATCH" and len(parts) > 5 else set()
    if recording.status == 207:
        named = json.dumps(recording.body.get("errors", []))
        names |= {each["name"] for each in recording.request["inputs"] if each["name"] in named}
    type_id = portal.types.resolve(parts[4]).type_id
    asked = recording.request if isinstance(recording.request, dict) else {}
    kinds = {each["name"]: each for each in asked.get("inputs", [])}
    for name in names - set(portal.properties(type_id)):
        wanted = kinds.get(name, asked)
        raw = property_definition.build_raw(name, name, wanted.get("type", "string"), wanted.get("fieldType", "text"))
        portal.add_property(type_id, raw)


def _known_path(match: Match, caller: Caller, path: str) -> str:
    """Put ids of this portal where the recorded ones stood; what names a type or property stays."""
    kept = {name: value for name, value in match.params.items() if not re.search(r"\d{3}|^2-", value)}
    template = match.route.template
    for name, value in kept.items():
        template = template.replace(f"{{{name}}}", value)
    if "{" not in template:
        return path
    filled = caller.fill(template)
    return path if isinstance(filled, str) else filled[0]


def _compare(recording: Recording, match: Match, answer: urllib3.BaseHTTPResponse, result: Replay) -> None:
    is_proxied = recording.trust == PROXIED and recording.status < 300 and answer.status < 300
    made, real = parse_body(answer.data), recording.body
    if answer.status != recording.status and not is_proxied:
        result.differences.append(f"status {answer.status}, recorded {recording.status}: {answer.data[:110]!r}")
        return
    if isinstance(real, dict) and "_raw_body" in real:
        if not isinstance(made, dict) or "_raw_body" not in made:
            result.differences.append("the answer is JSON, the recorded one is not")
        return
    if recording.status >= 400:
        result.differences += find_error_differences(made, real)
        return
    template = match.route.template.replace("{version}", match.params.get("version", ""))
    exact = not find_operations(recording.method, template)
    result.differences += [each for each in find_differences(made, real, exact=exact) if not _is_newer(each)]


def _is_newer(difference: str) -> bool:
    verb, _, path = difference.partition(" ")
    return verb == "lacks" and NEWER.search(path) is not None


def replay_all() -> list[Replay]:
    """Replay every recording."""
    router = Router(list_routes())
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda each: replay(each, router), load_recordings()))
