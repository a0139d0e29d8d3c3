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
from conformance.calls import Caller
from conformance.checks import check_routes
from conformance.openapi import FILES, find_violations, operations
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
    assert not [f"{each.method} {each.path}: {each.reason}" for each in held if each.reason]
    counted = coverage.count(outcomes, [])
    fewer = {
        name: (counted.get(name), row)
        for name, row in page.items()
        if any(ours < claimed for ours, claimed in zip(counted.get(name, coverage.Row())[:4], row, strict=False))
    }
    assert not fewer, "docs/reference/emulator.md says more: run `python -m conformance` in tests/contract"


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
    assert not {name: (by_family[name], row.matched) for name, row in page.items() if by_family[name] < row.matched}


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

    assert all(row.served == row.checked + row.compared + row.assumed for row in page.values())
    assert sum(row.checked for row in page.values()) >= 500
    assert sum(row.matched for row in page.values()) >= 50
