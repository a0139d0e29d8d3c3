"""Which calls a fault rule hits, and which rules are refused."""

from __future__ import annotations

from typing import Any

import pytest

from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.fault_actions import Action, FaultRuleError
from hubspot_emulator.faults import Faults

RESET = {"kind": "reset"}


def hits(
    faults: Faults, calls: int, *, phase: Any = "before", path: str = "/crm/objects/2026-09/contacts"
) -> list[int]:
    return [number for number in range(1, calls + 1) if faults.choose("GET", path, b"", phase) is not None]


def with_rule(clock: VirtualClock | None = None, **rule: Any) -> Faults:
    faults = Faults(clock or VirtualClock())
    faults.add([{"do": RESET} | rule])
    return faults


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"when": {"nth": 2}}, [2]),
        ({"when": {"nth": [1, 4]}}, [1, 4]),
        ({"when": {"every": 3}}, [3, 6]),
        ({"when": {"until": 2}}, [1, 2]),
        ({"times": 1}, [1]),
        ({"when": {"every": 2}, "times": 2}, [2, 4]),
        ({"when": {"probability": 0}}, []),
        ({"when": {"probability": 1}}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_rule_hits_the_calls_it_names(rule: dict[str, Any], expected: list[int]) -> None:
    assert hits(with_rule(**rule), 6) == expected


def test_chance_is_repeatable_from_its_seed() -> None:
    first, again, other = (hits(with_rule(when={"probability": 0.3, "seed": seed}), 200) for seed in (7, 7, 8))

    assert first == again
    assert first != other
    assert 30 < len(first) < 90


def test_a_rule_until_a_time_ends_by_the_emulators_clock() -> None:
    clock = VirtualClock()
    faults = with_rule(clock, when={"until": "2026-11-23T08:00:30Z"})

    assert hits(faults, 1) == [1]
    clock.advance(31)
    assert hits(faults, 1) == []


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"method": "POST"}, True),
        ({"method": "GET"}, False),
        ({"path": "/crm/objects/*/contacts/batch/*"}, True),
        ({"path": "/crm/objects/*/companies/batch/*"}, False),
        ({"path": "/crm/objects"}, False),
        ({"body": "a@example.com"}, True),
        ({"body": "b@example.com"}, False),
    ],
)
def test_a_rule_looks_at_method_path_and_body(match: dict[str, str], hit: bool) -> None:
    faults = with_rule(match=match)

    action = faults.choose("POST", "/crm/objects/2026-09/contacts/batch/upsert", b'{"id":"a@example.com"}', "before")

    assert (action is not None) is hit


def test_calls_that_do_not_match_are_not_counted() -> None:
    faults = with_rule(match={"path": "/a"}, when={"nth": 2})

    assert hits(faults, 1, path="/a") == []
    assert hits(faults, 5, path="/b") == []
    assert hits(faults, 1, path="/a") == [1]


def test_a_rule_acts_in_its_own_phase_only() -> None:
    faults = with_rule(phase="after")

    assert hits(faults, 1, phase="before") == []
    assert hits(faults, 1, phase="after") == [1]


def test_a_status_replaces_the_answer_with_headers_and_body() -> None:
    faults = with_rule(do={"status": 477, "headers": {"Retry-After": "3"}, "body": {"status": "error"}})

    assert faults.choose("GET", "/a", b"", "before") == Action(
        kind="respond", status=477, headers={"Retry-After": "3"}, body=b'{"status":"error"}', seconds=1.0
    )


def test_cleared_rules_hit_nothing() -> None:
    faults = with_rule()

    faults.clear()

    assert hits(faults, 3) == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"do": RESET, "wen": {}}, "wen is unknown"),
        ({"do": RESET, "match": {"url": "/a"}}, "url is unknown; known are body, method, paged, path, token"),
        ({"do": RESET, "when": {"nth": 0}}, "nth: a whole number of 1 or more"),
        ({"do": RESET, "when": {"probability": 2}}, "number from 0 to 1"),
        ({"do": RESET, "when": {"until": "tomorrow"}}, "no ISO 8601 time"),
        ({"do": RESET, "phase": "during"}, "use one of before, after, mid_body"),
        ({"do": {"kind": "explode"}}, "out of respond, reset, hang, html, truncate, delay"),
        ({"do": {"kind": "respond"}}, "needs a status"),
        ({"do": {"kind": "truncate"}}, "mid_body and kind truncate belong together"),
        ({"do": {"kind": "delay", "seconds": -1}}, "seconds is -1"),
        ({}, "an object is needed"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_number_and_adds_nothing(rule: dict[str, Any], message: str) -> None:
    faults = Faults(VirtualClock())

    with pytest.raises(FaultRuleError, match=message) as caught:
        faults.add([{"do": RESET}, rule])

    assert "fault rule 2" in str(caught.value)
    assert hits(faults, 1) == []
