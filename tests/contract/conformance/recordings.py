"""Sends the recorded requests to portals that hold what the recordings imply, and compares the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import urllib3

from conformance import implied, requests
from conformance.answers import find_differences, find_error_differences, parse_body
from conformance.calls import Caller, list_routes
from conformance.checks import name_family
from conformance.evidence import find_change
from conformance.implied import OBJECTS
from conformance.openapi import find_operations
from conformance.recording import Recording, load_recordings
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.routing import Match, Router
from hubspot_emulator.server import Emulator

THREADS = 4
"""A portal that stops waits for its servers, so several are on their way at once."""
PROXIED = "A-"
"""The class whose 2xx statuses are the proxy's, not HubSpot's."""
NEWER = re.compile(r"(^|\.)properties\.(hs_\w+|num_\w+|days_to_close|website)$|(^|\])\.?url$")
"""Counters and stamps that only newer tools of HubSpot move, and the address of a record in its own interface."""


@dataclass
class Replay:
    """What came of one recording."""

    file: str
    family: str
    reason: str = ""
    """Why it is not matched; empty: it is."""
    differences: list[str] = field(default_factory=list)
    changes: set[str] = field(default_factory=set)
    """What HubSpot changed since, as newer recordings show."""


def replay(recording: Recording, router: Router) -> Replay:
    """Send one recording to a portal of its own and compare the answers."""
    match = router.find(recording.method, recording.path)
    if not isinstance(match, Match) and not (match and recording.status == 405):
        return Replay(recording.file, recording.path.split("/")[1], "the emulator does not serve this call")
    family = name_family(match.route) if isinstance(match, Match) else "app"
    result = Replay(recording.file, family)
    body = requests.derive_body(recording)
    if body is None and recording.method in {"POST", "PUT", "PATCH"}:
        result.reason = "the request was not recorded and does not follow from the answer"
        return result
    clock = VirtualClock(implied.find_moment(recording))
    pool = urllib3.PoolManager(retries=False, timeout=30)
    with Emulator(implied.build_settings(recording), clock=clock) as emulator, pool:
        clock.advance(0.123)
        answer = _send(recording, match, emulator, Caller(emulator, pool), body)
        pool.clear()
    _compare(recording, match, answer, result)
    result.reason = "; ".join(result.differences[:6])
    return result


def _send(
    recording: Recording, match: Match | frozenset[str], emulator: Emulator, caller: Caller, body: object
) -> urllib3.BaseHTTPResponse:
    ids = implied.seed(recording, emulator.portal, caller)
    implied.make_stale(recording, emulator.portal, ids)
    body = json.loads(_rename(json.dumps(body), ids))
    path = "/".join(ids.get(step, step) for step in recording.path.split("/"))
    if isinstance(match, Match) and "{id}" in path:
        path = path.replace("{id}", "101")
    if (
        recording.status < 300
        and isinstance(match, Match)
        and not OBJECTS.match(recording.path)
        and path == recording.path
    ):
        path = _known_path(match, caller, path)
    query = requests.derive_query(recording)
    target = f"{path}?{query}" if query else path
    token = _token(recording)
    answer = caller.send(recording.method, target, body, token=token)
    for _ in range({429: 20}.get(recording.status, 0)):
        if answer.status != recording.status:
            answer = caller.send(recording.method, target, body, token=token)
    return answer


def _token(recording: Recording) -> str:
    if recording.status != 401:
        return "pat-test"
    return "" if "credentials not found" in str(recording.body) else "none"


def _rename(text: str, ids: Mapping[str, str]) -> str:
    return re.sub(r"(?<![\w.-])(?:2-)?\d+(?![\w.-])", lambda found: ids.get(found[0], found[0]), text)


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


def _compare(
    recording: Recording, match: Match | frozenset[str], answer: urllib3.BaseHTTPResponse, result: Replay
) -> None:
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
        found = find_error_differences(made or {}, real or {})
    else:
        found = find_differences(made, real, exact=not _is_specified(recording, match))
    moment = implied.find_moment(recording)
    for difference in found:
        change = find_change(difference, moment)
        if change is not None:
            result.changes.add(change)
        elif not _is_newer(difference):
            result.differences.append(difference)


def _is_specified(recording: Recording, match: Match | frozenset[str]) -> bool:
    assert isinstance(match, Match)
    template = match.route.template.replace("{version}", match.params.get("version", ""))
    return bool(find_operations(recording.method, template))


def _is_newer(difference: str) -> bool:
    verb, _, path = difference.partition(" ")
    return verb == "lacks" and NEWER.search(path) is not None


def replay_all() -> list[Replay]:
    """Replay every recording."""
    router = Router(list_routes())
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda each: replay(each, router), load_recordings()))
