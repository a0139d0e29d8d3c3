"""The emulator serves what HubSpot's OpenAPI files say and answers as HubSpot was recorded to.

`pytest -s` shows the table of coverage and, for each call that is not checked or matched, why.
The minimums are the figures of docs/reference/emulator.md; `python -m conformance` in this directory raises them.
"""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime

import pytest
from conformance import coverage, evidence
from conformance.answers import find_keys
from conformance.bodies import try_everything
from conformance.checks import check_everything
from conformance.openapi import FILES, find_violations, operations
from conformance.recording import RECORDED, load_recordings
from conformance.recordings import replay_all

pytestmark = pytest.mark.skipif(
    not (FILES.is_dir() and RECORDED.is_dir()),
    reason=f"HubSpot's OpenAPI files and recordings are not at {FILES.parent}",
)


def test_every_operation_is_checked_against_the_openapi_files() -> None:
    outcomes = check_everything()

    for each in outcomes:
        if each.reason:
            print(f"not checked: {each.method} {each.path}: {each.reason}")
    found = {(f"{each.method} {each.path}", text) for each in outcomes for text in each.violations}
    departures = {f"{call}: {text}" for call, text in found if not evidence.is_listed(call, text)}
    assert not sorted(departures)
    assert not evidence.find_unused(found), "a departure that no answer has any more is not listed"
    assert not sorted(f"{each.method} {each.path}?{name}=" for each in outcomes for name in each.refused)
    assert not [f"{each.method} {each.path}: {each.reason}" for each in outcomes if each.reason]
    counted, page = coverage.count(outcomes, []), coverage.read_page()
    fewer = {
        name: (counted.get(name), row)
        for name, row in page.items()
        if any(ours < claimed for ours, claimed in zip(counted.get(name, coverage.Row())[:4], row, strict=False))
    }
    assert not fewer, "docs/reference/emulator.md says more: run `python -m conformance` in tests/contract"


def test_every_documented_field_of_a_body_is_taken_and_every_other_is_refused_by_name() -> None:
    """Within the body too: in an input of a batch, in an option, in the file request of an import."""
    tried = try_everything()

    print(f"{sum(each.fields for each in tried)} fields of {len(tried)} operations tried")
    assert not [f"{each.call}: {name} is not known" for each in tried for name in sorted(each.refused)]
    assert not [f"{each.call}: {place}anything is taken" for each in tried for place in sorted(each.taken)]
    assert not [f"{each.call}: an odd value of {place} is answered 500" for each in tried for place in each.failed]
    assert sum(each.fields for each in tried) > 1_400


def test_every_recording_is_matched_or_explained() -> None:
    replays = replay_all()

    for each in replays:
        if each.reason:
            print(f"not matched: {each.file}: {each.reason}")
    unmatched = {each.file for each in replays if each.reason}
    changed = sum(bool(each.changes) for each in replays if not each.reason)
    print(
        f"{len(replays) - len(unmatched)} of {len(replays)} recordings matched, {changed} of them but for later changes"
    )
    assert unmatched == set(evidence.EXPLAINED)
    used = {change for each in replays for change in each.changes}
    assert not [each.difference for each in evidence.CHANGES if each.difference not in used]
    assert len(unmatched) <= len(replays) * 0.05
    counted, page = coverage.count([], replays), coverage.read_page()
    assert {name: row[4:] for name, row in counted.items()} == {name: row[4:] for name, row in page.items() if row.held}


@pytest.mark.parametrize("change", evidence.CHANGES, ids=lambda each: each.difference)
def test_what_changed_since_a_recording_is_shown_by_a_newer_one(change: evidence.Change) -> None:
    key = re.compile(evidence.key_pattern(change))
    newer = next(each for each in load_recordings(every_class=True) if each.file == change.evidence)
    keys = {name for name in find_keys(newer.body) if key.fullmatch(name)}

    assert bool(keys) is not change.difference.startswith(("lacks", "keys differ"))
    if newer.recorded:
        assert parsedate_to_datetime(newer.recorded).date().isoformat() >= change.until


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


def test_the_page_explains_every_departure_one_by_one() -> None:
    text = coverage.PAGE.read_text(encoding="utf-8")

    assert not [line for line in coverage.render_explanations() if line not in text.splitlines()]
