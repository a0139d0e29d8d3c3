"""Calls every route and says of each what came out: checked, or the reason why not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import urllib3

from conformance import calls, documented
from conformance.answers import parse_body
from conformance.calls import Caller
from conformance.documented import Example
from conformance.openapi import Operation, find_violations
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.http import Route
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Outcome:
    """One operation: a method and a path with its version."""

    family: str
    method: str
    path: str
    reason: str = ""
    """Why it is not checked; empty: it is."""
    example: Example | None = None
    """What it is compared with, where HubSpot's files do not have it."""
    violations: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    """Query parameters of HubSpot's file that the emulator does not know."""


def name_family(route: Route) -> str:
    """Give the family of a route: the module of its handler."""
    return route.handler.__module__.removeprefix("hubspot_emulator.").removesuffix(".calls")


PAST = 1_717_200_000.0
"""1 June 2024: calls that HubSpot has switched off since are checked in a portal of that day."""


def check_everything() -> list[Outcome]:
    """Call every route of a portal; those that ended, of a portal of the past."""
    settings = Settings(contacts=60, limits=False)
    with urllib3.PoolManager(retries=False, timeout=30) as pool:
        with Emulator(settings) as today, Emulator(settings, clock=VirtualClock(PAST)) as past:
            now = today.clock.time() * 1000
            callers = Caller(today, pool), Caller(past, pool)
            found = [
                _check(callers[route.until_ms is not None and route.until_ms <= now], route, path)
                for route in sorted(calls.list_routes(), key=lambda route: ORDER.index(route.method))
                for path in calls.concrete_paths(route)
            ]
        pool.clear()
    return found


def _check(caller: Caller, route: Route, template: str) -> Outcome:
    outcome = Outcome(name_family(route), route.method, template)
    known = calls.specified(route.method, template)
    call = caller.prepare(route.method, template)
    outcome.example = None if known else documented.find_example(f"{route.method} {template}")
    if not known and outcome.example is None:
        outcome.reason = "neither in HubSpot's OpenAPI files nor anywhere else"
    elif isinstance(call, str):
        outcome.reason = call
    elif outcome.example is not None:
        _compare(caller, outcome, outcome.example, call)
    else:
        _find_refused(caller, outcome, known, call)
        _validate(caller, outcome, known, call)
    return outcome


def _compare(caller: Caller, outcome: Outcome, example: Example, call: calls.Call) -> None:
    answer = caller.send(outcome.method, calls.with_query(call.path, call.query), call.body)
    if not 200 <= answer.status < 300:
        outcome.reason = f"the call was answered {answer.status}: {answer.data[:110].decode(errors='replace')}"
        return
    outcome.violations |= set(documented.find_departures(example.body, parse_body(answer.data)))


def _find_refused(caller: Caller, outcome: Outcome, known: list[Operation], call: calls.Call) -> None:
    """Try the parameters one by one on reads: a writing call would be done once for each."""
    if outcome.method != "GET":
        return
    for operation in known:
        for name, value in calls.build_query(operation):
            answer = caller.send(outcome.method, calls.with_query(call.path, {name: value}), call.body)
            if b"Unknown query parameter" in answer.data:
                outcome.refused.add(name)


def _validate(caller: Caller, outcome: Outcome, known: list[Operation], call: calls.Call) -> None:
    pairs = zip(calls.build_query(known[0]), known[0].query, strict=True)
    required = {name: value for (name, value), each in pairs if each.get("required")}
    answer = caller.send(outcome.method, calls.with_query(call.path, required | call.query), call.body)
    if not 200 <= answer.status < 300:
        outcome.reason = f"the call was answered {answer.status}: {answer.data[:110].decode(errors='replace')}"
        return
    found = [each.answer(answer.status) for each in known]
    if not any(listed for listed, _ in found):
        outcome.violations.add(f"status {answer.status} is not listed")
    value = json.loads(answer.data) if answer.data else None
    tries = [
        set(find_violations(each.document, schema, value)) if schema is not None else set()
        for each, (listed, schema) in zip(known, found, strict=True)
        if listed
    ]
    outcome.violations |= min(tries, key=len, default=set())
