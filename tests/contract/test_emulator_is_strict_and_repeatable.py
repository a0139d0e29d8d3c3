"""Every call of the emulator answers alike in equal portals, and names what it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import urllib3
from conformance.calls import Call, Caller, concrete_paths, list_routes, with_query
from conformance.checks import ORDER
from conformance.openapi import FILES

from hubspot_emulator.http import Route
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason=f"HubSpot's OpenAPI files are not at {FILES}")

UNKNOWN = "no_such_thing"
ANYTHING = re.compile(r"/oauth/v\d/token|/oauth/|/imports|batch-async|/idmapping|memberships/(add|remove)$")
"""Calls whose body is no JSON object with fields of its own: forms, uploads, arrays."""
_OWN = re.compile(rb'"(correlationId|requestId)":"[^"]*"')


def calls_of(emulator: Emulator, caller: Caller) -> Iterator[tuple[Route, Call]]:
    """Make one call of every route ready; those that HubSpot has switched off are left out."""
    now = emulator.clock.time() * 1000
    for route in sorted(list_routes(), key=lambda each: ORDER.index(each.method)):
        if route.until_ms is None or route.until_ms > now:
            call = caller.prepare(route.method, concrete_paths(route)[-1])
            assert isinstance(call, Call), f"{route.method} {route.template}: {call}"
            yield route, call


def play() -> list[tuple[str, int, bytes]]:
    """Send every call to a new portal; give the answers without what is each answer's own."""
    heard = []
    with (
        Emulator(Settings(contacts=60, limits=False, hard_values=True)) as emulator,
        urllib3.PoolManager(retries=False, timeout=30) as pool,
    ):
        caller = Caller(emulator, pool)
        for route, call in calls_of(emulator, caller):
            emulator.clock.sleep(0.25)
            answer = caller.send(call.method, with_query(call.path, call.query), call.body)
            body = _OWN.sub(b"", answer.data).replace(emulator.base_url.encode(), b"")
            heard.append((f"{route.method} {route.template}", answer.status, body))
        pool.clear()
    return heard


def test_equal_portals_give_the_same_answers_to_the_same_calls_byte_for_byte() -> None:
    first, second = play(), play()

    assert len(first) == len(second) > 300
    assert [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]] == []


def test_a_parameter_or_field_that_a_call_does_not_have_is_refused_and_named() -> None:
    silent = []
    with (
        Emulator(Settings(contacts=60, limits=False)) as emulator,
        urllib3.PoolManager(retries=False, timeout=30) as pool,
    ):
        caller = Caller(emulator, pool)
        for route, call in calls_of(emulator, caller):
            tries = [(with_query(call.path, call.query | {UNKNOWN: "1"}), call.body)]
            if isinstance(call.body, dict) and not ANYTHING.search(call.path):
                tries.append((with_query(call.path, call.query), call.body | {UNKNOWN: 1}))
            for place, (path, body) in zip(("parameter", "field"), tries, strict=False):
                answer = caller.send(call.method, path, body)
                if answer.status != 400 or UNKNOWN.encode() not in answer.data:
                    silent.append(f"{place}: {route.method} {route.template}: {answer.status} {answer.data[:90]!r}")
        pool.clear()

    assert silent == []
