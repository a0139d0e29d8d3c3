"""The emulator serves what HubSpot's OpenAPI files say and answers as HubSpot was recorded to.

`pytest -s` shows the table of coverage and, for each call that is not checked or matched, why.
The minimums are the figures of docs/reference/emulator.md; `python -m conformance` in this directory raises them.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import urllib3
from conformance import coverage, evidence
from conformance.calls import Caller, concrete_paths, list_routes
from conformance.checks import check_routes, name_family
from conformance.openapi import FILES, find_operations, find_violations, operations
from conformance.recordings import RECORDED, load_recordings, replay_all

from hubspot_emulator.server import Emulator

pytestmark = pytest.mark.skipif(
    not (FILES.is_dir() and RECORDED.is_dir()),
    reason=f"HubSpot's OpenAPI files and recordings are not at {FILES.parent}",
)


def test_every_operation_is_checked_against_the_openapi_files(portal_factory: Callable[..., Emulator]) -> None:
    emulator = portal_factory(contacts=60, limits=False)
    with urllib3.PoolManager(retries=False, timeout=30) as pool:
        outcomes = check_routes(Caller(emulator, pool))
        pool.clear()

    page = coverage.read_page()
    for each in outcomes:
        if each.reason:
            print(f"not checked: {each.method} {each.path}: {each.reason}")
    print(coverage.render(coverage.count(outcomes, [])))
    held = [each for each in outcomes if each.family in page]  # a family that is not on the page is being written
    found = {(f"{each.method} {each.path}", text) for each in held for text in each.violations}
    departures = {f"{call}: {text}" for call, text in found if not evidence.is_listed(call, text)}
    assert not sorted(departures)
    assert not sorted(f"{each.method} {each.path}?{name}=" for each in held for name in each.refused)
    counted = coverage.count(outcomes, [])
    short = {
        name
        for name, row in page.items()
        if any(ours < claimed for ours, claimed in zip(counted.get(name, (0, 0))[:2], row, strict=False))
    }
    fewer = {name: (counted.get(name), page[name]) for name in sorted(short)}
    assert not fewer, "fewer operations are served or checked than docs/reference/emulator.md says"


def test_every_recording_is_replayed() -> None:
    replays = replay_all()

    for each in replays:
        if each.reason:
            print(f"not matched: {each.file}: {each.reason}")
    matched = {each.file for each in replays if not each.reason}
    print(f"{len(matched)} of {len(replays)} recordings matched")
    page = coverage.read_page()
    by_family = {name: sum(not each.reason for each in replays if each.family == name) for name in page}
    assert page
    assert not {name: (by_family[name], row[2]) for name, row in page.items() if by_family[name] < row[2]}


def test_every_path_outside_the_openapi_files_has_a_reason() -> None:
    page = coverage.read_page()
    bare = {
        f"{route.method} {route.template}"
        for route in list_routes()
        if name_family(route) in page
        and not any(find_operations(route.method, path) for path in concrete_paths(route))
        and not route.template.startswith(tuple(evidence.UNSPECIFIED))
    }

    assert not bare, "say in conformance/evidence.py, UNSPECIFIED, what shows that HubSpot has these"


@pytest.mark.parametrize("violation", sorted(evidence.RECORDED_DEVIATIONS))
def test_a_departure_from_the_files_is_proven_by_its_recording(violation: str) -> None:
    name = evidence.RECORDED_DEVIATIONS[violation]
    recording = next(each for each in load_recordings() if each.file == name)
    steps = recording.path.strip("/").split("/")

    found: set[str] = set()
    for each in operations():
        theirs = each.path.strip("/").split("/")
        if each.method != recording.method or len(theirs) != len(steps):
            continue
        if all(mine == other or other.startswith("{") for mine, other in zip(steps, theirs, strict=True)):
            _, schema = each.answer(recording.status)
            body = json.loads((RECORDED / name).read_text())
            found |= set(find_violations(each.document, schema, body)) if schema is not None else set()

    assert violation in found


def test_the_page_tells_of_coverage() -> None:
    page = coverage.read_page()

    assert sum(row[1] for row in page.values()) >= 300
    assert sum(row[2] for row in page.values()) >= 50
