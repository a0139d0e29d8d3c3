"""What is done every so often: reading everything again, looking at all links. And how long a pull waited for its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

MakeWorld = Callable[..., Any]
DAY = 86_400


def test_everything_is_read_again_when_its_period_has_passed(world: MakeWorld) -> None:
    portal = world(contacts=20)
    settings = {"contacts": {"properties": ["email"], "full_refresh": "weekly", "reconcile": "never"}}
    readers = []
    for days in (0, 1, 6, 1):
        portal.clock.advance(days * DAY)
        readers.append(portal.pull("contacts", settings=settings).streams[0].reader)

    assert readers == ["scan", "changes", "scan", "changes"]


def test_links_are_swept_as_often_as_they_are_told_to_be_whatever_the_sweep_of_records(world: MakeWorld) -> None:
    portal = world(contacts=20)
    every = {"properties": ["email"], "sweep": "weekly", "sweep_links": "every_run"}
    weekly = {"properties": ["email"], "sweep": "every_run", "sweep_links": "weekly"}
    kinds = []
    for block in (every, every, weekly):
        portal.clock.advance(DAY)
        settings = {"contacts": block, "companies": {**block, "properties": ["name"]}}
        report = portal.pull("contacts", "companies", settings=settings)
        kinds += [each.kind for each in report.associations]

    assert kinds == ["sweep", "sweep", "changed"]


@pytest.mark.parametrize("limits", [True, False])
def test_the_seconds_that_calls_waited_for_a_limit_are_in_report_and_table(world: MakeWorld, *, limits: bool) -> None:
    portal = world(contacts=20, limits=limits)
    if limits:
        body = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "message": "limit"}
        rule = {
            "match": {"path": "/crm/objects/*"},
            "when": {"nth": 1},
            "do": {"status": 429, "headers": {"Retry-After": "7"}, "body": body},
        }
        portal.control("POST", "/faults", [rule])

    report = portal.pull("contacts", settings={"contacts": {"properties": ["email"]}}).streams[0]

    assert (report.state, report.waited_seconds >= 7) == ("done", limits)
    assert portal.rows("SELECT waited_seconds FROM hubferry.stream_runs") == [{"waited_seconds": report.waited_seconds}]
