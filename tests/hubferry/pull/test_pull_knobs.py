"""Where nobody knows what HubSpot does, the tables equal the portal either way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs

MakeWorld = Callable[..., Any]
KNOBS: dict[str, dict[str, Any]] = {
    "a merge keeps the primary": {"merge_keeps_primary": True},
    "a merge keeps the primary and the archive lists the other": {
        "merge_keeps_primary": True,
        "merged_listed_as_archived": True,
    },
    "cleared reads null": {"cleared_reads_empty": False},
    "ids are texts, pages short, none no error": {"ids_as_text": True, "page_size": 3, "missing_is_error": False},
    "searches come short, empty, unsorted": {
        "search_short_page_every": 3,
        "search_empty_page_every": 4,
        "search_unsorted_page_every": 5,
    },
    "dates move late, and by a restore": {"late_modified_ms": 2500, "restore_moves_modified": True},
}


@pytest.mark.parametrize("knobs", KNOBS.values(), ids=KNOBS.keys())
def test_tables_equal_the_portal_whatever_hubspot_turns_out_to_do(world: MakeWorld, knobs: dict[str, Any]) -> None:
    portal = world(contacts=150, knobs=Knobs(**knobs))
    portal.pull()

    for turn in range(2):
        portal.clock.advance(3600)
        portal.mutate(turn, creates=10, edits=30, archives=12, merges=8, associations=20, restores=2 * (turn > 0))
        portal.clock.advance(60)
        portal.pull()
        portal.check()


def test_a_search_that_breaks_its_order_is_counted_and_said(world: MakeWorld) -> None:
    portal = world(contacts=150, companies=0, deals=0, knobs=Knobs(search_unsorted_page_every=2))
    portal.pull("contacts")
    portal.clock.advance(3600)
    portal.mutate(1, object="contacts", edits=40)

    report = portal.pull("contacts").streams[0]

    assert report.notes == (
        "HubSpot's search of contacts broke its order by id. Pages whose range was read again, split by time: 1.",
    )
    portal.check("contacts")


def test_a_lag_that_differs_between_records_hides_no_change_for_good(world: MakeWorld) -> None:
    portal = world(index_lag_seconds=60, knobs=Knobs(index_lag_spread=1.0))
    portal.pull()

    for turn in range(4):
        portal.clock.advance(20)
        portal.mutate(turn, creates=5, edits=20, archives=5, merges=3, restores=2)
        portal.pull()
    portal.clock.advance(61)
    portal.pull()

    portal.check()
