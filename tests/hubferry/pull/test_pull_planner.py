"""The planner takes the reader that is done first, and of two about equal the one that leaves more calls to others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubferry.config.model import PullBlock
from hubferry.pull.estimate import estimate_pull
from hubferry.pull.planner import choose_reader, floor_calls

MakeWorld = Callable[..., Any]


@pytest.mark.parametrize(
    ("records", "changed", "reader"),
    [
        (1_000_000, 1_000, "changes"),
        (1_000_000, 500_000, "changes"),  # 625 s of searches, 526 s of lists: less than a fifth apart
        (1_000_000, 600_000, "scan"),
        (20_000, 200, "changes"),
        (20_000, 11_000, "changes"),  # 13.8 s against 10.5 s, but 55 calls against 200
        (300, 0, "changes"),
        (80, 10, "changes"),  # a call each; that of the search is made already
    ],
)
def test_the_reader_fits_what_changed(records: int, changed: int, reader: str) -> None:
    choice = choose_reader(records=records, changed=changed, calls_per_second=19)

    assert choice.chosen.reader == reader


def test_where_calls_are_scarce_the_slower_reader_of_fewer_calls_is_taken() -> None:
    plenty = choose_reader(records=1_000_000, changed=600_000, calls_per_second=19, calls_left=600_000)
    scarce = choose_reader(records=1_000_000, changed=600_000, calls_per_second=19, calls_left=20_000)

    assert (plenty.chosen.reader, scarce.chosen.reader) == ("scan", "changes")


def test_both_figures_are_said() -> None:
    choice = choose_reader(records=20_000, changed=11_000, calls_per_second=20)

    assert choice.render() == "changes 55 calls, 13.8 s against scan 200 calls, 10.0 s"


def test_reading_twice_per_page_makes_a_scan_dearer() -> None:
    once = choose_reader(records=1_000_000, changed=600_000, calls_per_second=19)
    twice = choose_reader(records=1_000_000, changed=600_000, calls_per_second=19, calls_per_page=2)

    assert (once.chosen.reader, twice.chosen.reader) == ("scan", "changes")


def test_the_floor_is_full_pages_only() -> None:
    assert (floor_calls("scan", 201), floor_calls("changes", 201), floor_calls("changes", 0)) == (3, 2, 0)


@pytest.mark.parametrize(("days", "names", "reader"), [(1, 1, "changes"), (7, 1, "scan"), (1, 2, "scan")])
def test_the_reader_that_is_planned_is_the_one_that_the_run_takes(
    world: MakeWorld, days: int, names: int, reader: str
) -> None:
    portal = world(contacts=20)
    settings = {"contacts": {"properties": ["email"], "full_refresh": "weekly"}}
    portal.pull("contacts", settings=settings)
    portal.clock.advance(days * 86_400)
    settings["contacts"]["properties"] = ["email", "firstname"][:names]

    block = PullBlock(streams=settings)
    (planned,) = estimate_pull(client=portal.client, state=portal.state, pull=block)
    taken = portal.pull("contacts", settings=settings).streams[0]

    assert (planned.reader, taken.reader) == (reader, reader)
