"""What an incremental pull costs, and that it misses nothing: counted and compared at the portal, pulled by the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from acceptance_world import NARROW, TOKEN, Portal, ProjectFolder, running_portal, write_project, write_sync

from hubferry.project import Project
from hubferry.types import Quiet

CONTACTS_ONLY = NARROW.strip().splitlines()[0]


@dataclass(frozen=True)
class Place:
    """A portal, and a project that has pulled it once."""

    portal: Portal
    project: ProjectFolder

    def count_calls(self) -> int:
        """Count the calls that the portal received since they were last reset, searches among them; not those for links."""
        by = self.portal.control("GET", "/requests")["by"]
        return sum(each["count"] for each in by if not each["path"].startswith("/crm/associations/"))

    def mutate(self, seed: int, **counts: Any) -> None:
        self.portal.control("POST", "/mutate", {"seed": seed, **counts})


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """20,000 contacts, 4,000 companies and 5,000 deals under HubSpot's limits, pulled once."""
    with running_portal("--contacts=20000") as portal:
        project = write_project(tmp_path_factory.mktemp("large"), portal.base_url, NARROW)
        project.succeed("pull")
        yield Place(portal, project)


@pytest.mark.heavy
def test_two_hundred_changes_among_twenty_thousand_contacts_take_fewer_than_fifteen_calls(large: Place) -> None:
    large.project.succeed("pull")
    large.mutate(7, object="contacts", creates=30, edits=140, archives=20, merges=10)
    large.portal.control("DELETE", "/requests")

    large.project.succeed("pull", "--select", "contacts")

    assert large.count_calls() < 15, large.portal.control("GET", "/requests")
    large.project.assert_equal(large.portal, "contacts")


@pytest.mark.heavy
def test_the_limits_hold_at_the_server_over_pulls_a_full_refresh_and_pushes(large: Place) -> None:
    rows = ",\n".join(f"    ('A-{n:07}', 'acceptance{n}@example.com', 'Row {n}', [])" for n in range(500))
    write_sync(large.project, rows)
    large.portal.control("DELETE", "/requests")

    large.project.succeed("pull", "--full-refresh")
    large.mutate(8, creates=30, edits=120, archives=20, merges=10, associations=40)
    large.project.succeed("pull")
    large.project.succeed("plan", "contacts", "--out", "plan.json")
    large.project.succeed("apply", "plan.json")
    large.project.succeed("push", "--full")
    large.project.succeed("pull")

    seen = large.portal.control("GET", "/requests")
    assert seen["total"] > 300
    assert seen["max_in_10s"] <= 190
    assert seen["max_searches_in_1s"] <= 5
    assert seen["rate_limited"] == 0, [each for each in seen["by"] if each["status"] == 429]
    assert large.portal.created_by_requests().count("contacts") == 500
    large.project.assert_equal(large.portal)


@pytest.fixture
def still(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A portal whose time moves only when it is told to, pulled once, an hour ago."""
    options, streams = request.param
    with running_portal("--clock=virtual", "--no-limits", *options) as portal:
        place = Place(portal, write_project(tmp_path, portal.base_url, streams))
        place.project.succeed("pull")
        portal.control("POST", "/clock", {"advance_seconds": 3600})
        yield place


@pytest.mark.parametrize("still", [(("--contacts=200", "--index-lag-seconds=60"), NARROW)], indirect=True, ids=[""])
def test_every_change_is_found_with_a_minute_of_index_lag(still: Place) -> None:
    still.mutate(1, creates=15, edits=40, archives=10, merges=6, associations=20)
    still.project.succeed("pull")  # search knows nothing of it yet
    still.portal.control("POST", "/clock", {"advance_seconds": 61})

    still.project.succeed("pull")

    still.project.assert_equal(still.portal)


@pytest.mark.heavy
@pytest.mark.parametrize(
    "still", [(("--contacts=11600", "--companies=0", "--deals=0"), CONTACTS_ONLY)], indirect=True, ids=[""]
)
def test_eleven_thousand_contacts_of_one_millisecond_take_at_most_sixty_calls(still: Place) -> None:
    still.mutate(1, object="contacts", edits=11_000)
    still.portal.control("DELETE", "/requests")

    still.project.succeed("pull")

    assert still.count_calls() <= 60, still.portal.control("GET", "/requests")
    still.project.assert_equal(still.portal, "contacts")


class Meddling(Quiet):
    """A Progress that has the portal change a contact between the pages of a pull."""

    def __init__(self, place: Place, edits: int) -> None:
        self.place, self.left = place, edits

    def advance(self, task: str, **_: Any) -> None:
        if task == "contacts" and self.left:
            self.left -= 1
            self.place.portal.control("POST", "/clock", {"advance_seconds": 1})
            self.place.mutate(100 + self.left, object="contacts", edits=1)


@pytest.mark.parametrize(
    "still", [(("--contacts=1500", "--companies=0", "--deals=0"), CONTACTS_ONLY)], indirect=True, ids=[""]
)
def test_five_contacts_edited_between_the_pages_of_a_pull_are_not_lost(still: Place) -> None:
    still.mutate(1, object="contacts", edits=1_300)
    meddling = Meddling(still, edits=5)

    with Project.open(still.project.path, {**os.environ, "PORTAL_TOKEN": TOKEN}) as project:
        project.pull(progress=meddling)
    still.portal.control("POST", "/clock", {"advance_seconds": 60})
    still.project.succeed("pull")

    assert meddling.left == 0
    still.project.assert_equal(still.portal, "contacts")
