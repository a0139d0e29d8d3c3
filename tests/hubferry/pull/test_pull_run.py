"""Tables equal the portal, after whatever happened to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from truth import EVERY_PROPERTY

MakeWorld = Callable[..., Any]


def test_a_first_pull_makes_tables_equal_the_portal(world: MakeWorld) -> None:
    portal = world()

    report = portal.pull(settings=EVERY_PROPERTY)

    assert {each.state for each in (*report.streams, *report.associations)} == {"done"}
    portal.check()


@pytest.mark.parametrize("seed", range(3))
def test_tables_equal_the_portal_after_random_changes(world: MakeWorld, seed: int) -> None:
    portal = world(seed=seed + 1)
    portal.pull()

    for turn in range(2):
        portal.clock.advance(3600)
        portal.mutate(10 * seed + turn, creates=15, edits=40, archives=12, merges=8, associations=30)
        portal.clock.advance(60)
        portal.pull()
        portal.check()


def test_a_second_pull_of_an_unchanged_portal_writes_no_row(world: MakeWorld) -> None:
    portal = world()
    portal.pull()

    report = portal.pull()

    assert sum(each.inserted + each.updated + each.deleted for each in (*report.streams, *report.associations)) == 0
    assert report.calls <= 25


def test_a_full_refresh_of_an_unchanged_portal_writes_no_row(world: MakeWorld) -> None:
    portal = world()
    portal.pull()

    report = portal.pull(full_refresh=True)

    assert {each.reader for each in report.streams} == {"scan"}
    assert sum(each.inserted + each.updated + each.deleted for each in (*report.streams, *report.associations)) == 0
