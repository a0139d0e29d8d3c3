"""No change is missed: index lag, ties, edits while pages are read. And what it costs in calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubferry.types import Quiet

MakeWorld = Callable[..., Any]
NARROW = {"contacts": {"properties": ["email", "firstname", "lifecyclestage"]}}


class Meddling(Quiet):
    """A Progress that changes the portal while pages are read."""

    def __init__(self, portal: Any, edits: int) -> None:
        self.portal, self.left = portal, edits

    def advance(self, task: str, **_: Any) -> None:
        if task == "contacts" and self.left:
            self.left -= 1
            self.portal.clock.advance(1)
            self.portal.mutate(100 + self.left, object="contacts", edits=1)


def test_contacts_changed_while_all_are_scanned_are_not_lost(world: MakeWorld) -> None:
    portal = world(contacts=1500, activity=False)
    meddling = Meddling(portal, edits=5)

    portal.pull("contacts", settings=NARROW, progress=meddling)
    portal.clock.advance(60)
    portal.pull("contacts", settings=NARROW)

    assert meddling.left == 0
    portal.check("contacts")


@pytest.mark.parametrize("seed", range(2))
def test_a_minute_of_index_lag_hides_no_change_for_good(world: MakeWorld, seed: int) -> None:
    portal = world(index_lag_seconds=60, seed=seed + 1)
    portal.pull()
    portal.clock.advance(3600)

    portal.mutate(seed, creates=15, edits=40, archives=10, merges=6, associations=20)
    portal.pull()  # the index knows nothing of it yet
    portal.clock.advance(61)
    portal.pull()

    portal.check()


def test_two_hundred_changes_take_fewer_than_fifteen_calls_everything_included(world: MakeWorld) -> None:
    portal = world(contacts=8_000, companies=4_000, deals=0, activity=False)
    narrow = {**NARROW, "companies": {"properties": ["name"]}}
    portal.pull("contacts", "companies", settings=narrow)
    portal.clock.advance(3600)
    portal.mutate(1, object="contacts", creates=40, edits=120, archives=20, merges=10, associations=10)

    report = portal.pull("contacts", "companies", settings=narrow)

    links = next(each for each in report.associations if each.name == "companies-contacts")
    assert links.kind == "sweep"
    assert report.streams[0].calls + links.calls < 15
    portal.check("contacts", "companies")
