"""The faults that break others' connectors, each against a project as `hubferry init` writes it, nothing of it changed.

So every property is a column, search is read with the default lookback, and links and the weekly look come when they are due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_pull_tombstones import send

from hubferry.config import starter
from hubferry.project import Project
from hubferry.pull.report import StreamReport
from hubferry.types import Quiet
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator
from truth import assert_equal_to_truth, call_control, fetch_truth

PAIRS = (("contacts", "companies"), ("deals", "contacts"), ("deals", "companies"))
"""Whose links a project keeps that `init` wrote."""
LINKS = 50_000
WEEK = 7 * 86_400
MakeWorld = Callable[..., Any]


@dataclass
class Default:
    """A portal of few filled properties, and a project of its own as `hubferry init` writes it."""

    emulator: Emulator
    clock: VirtualClock
    project: Project

    def pull(self, **options: Any) -> StreamReport:
        """Pull what the project names; give the report of the contacts."""
        with self.project.warehouse.session():
            report = self.project.pull(**options)
        assert report.exit_code == 0, [str(each.error) for each in report.streams if each.error]
        return next(each for each in report.streams if each.name == "contacts")

    def control(self, method: str, path: str, body: object) -> None:
        call_control(self.emulator.control_url, method, path, body)

    def update(self, changes: dict[str, dict[str, str]], *, seconds_between: float = 0) -> None:
        """Change contacts through the API, a hundred a call."""
        inputs = [{"id": each, "properties": values} for each, values in changes.items()]
        for start in range(0, len(inputs), 100):
            send(self, "/crm/objects/2026-09/contacts/batch/update", {"inputs": inputs[start : start + 100]})
            self.clock.advance(seconds_between)

    def check(self, *objects: str) -> None:
        """Fail where tables and portal differ in anything."""
        chosen = objects or ("contacts", "companies", "deals")
        pairs = [pair for pair in PAIRS if set(pair) <= set(chosen)]
        assert_equal_to_truth(self.project.warehouse, self.emulator.control_url, objects=chosen, pairs=pairs)


@pytest.fixture
def default(tmp_path: Path, portal_factory: Callable[..., Emulator]) -> Iterator[Callable[..., Default]]:
    """Make portals, each with a project: `default(contacts=200)` takes the options of an emulator."""
    with ExitStack() as opened:

        def make(**options: Any) -> Default:
            clock = VirtualClock()
            few = {"companies": 3, "deals": 3, "fill": 0.05, "activity": False}
            emulator = portal_factory(shared_clock=clock, **{**few, **options})
            files = starter.build_files(
                demo=False, duckdb="warehouse.duckdb", pull_schema="hubspot", base_url=emulator.base_url
            )
            starter.write_files(tmp_path, files)
            project = opened.enter_context(Project.open(tmp_path, {"HUBSPOT_TOKEN": "pat-test"}, clock=clock))
            return Default(emulator, clock, project)

        yield make


class Meddling(Quiet):
    """A Progress that edits a contact whenever a page of contacts was read."""

    def __init__(self, portal: Default, targets: Sequence[str]) -> None:
        self.portal, self.left = portal, list(targets)

    def advance(self, task: str, **_: Any) -> None:
        if task == "contacts" and self.left:
            self.portal.clock.advance(1)
            self.portal.update({self.left.pop(0): {"firstname": "Edited"}})


@pytest.mark.heavy
def test_twelve_thousand_contacts_changed_at_different_times_are_all_read(default: Callable[..., Default]) -> None:
    """More than HubSpot's search shows of one query, which others page by time."""
    portal = default(contacts=12_500, limits=False)
    portal.pull()
    portal.clock.advance(3600)
    changed = {each: {"firstname": f"Ada {each}"} for each in ids_of(portal)[:12_000]}
    portal.update(changed, seconds_between=0.25)

    report = portal.pull()

    assert report.reader == "changes"
    assert 12_000 <= report.read <= 12_500  # a page may be read twice where the index moved under it
    portal.check()


@pytest.mark.heavy
def test_eleven_thousand_contacts_changed_in_one_millisecond_are_all_read(default: Callable[..., Default]) -> None:
    """More of one time than HubSpot's search shows of one query, which others page by time without end."""
    portal = default(contacts=11_600)
    portal.pull()
    portal.clock.advance(3600)
    portal.control("POST", "/mutate", {"seed": 1, "object": "contacts", "edits": 11_000})

    report = portal.pull()

    assert (report.reader, report.read) == ("changes", 11_000)
    assert report.calls <= 1.2 * report.floor_calls
    portal.check()


def test_contacts_edited_while_pages_are_read_are_not_lost(default: Callable[..., Default]) -> None:
    """Each edit takes a contact off a page that was served, so that others' pages shift over one that was not."""
    portal = default(contacts=500)
    portal.pull()
    portal.clock.advance(3600)
    changed = sorted(ids_of(portal), key=int)[:450]
    portal.update({each: {"firstname": "Ada"} for each in changed})
    meddling = Meddling(portal, changed[:3])

    portal.pull(progress=meddling)
    portal.clock.advance(60)
    portal.pull()

    assert meddling.left == []
    portal.check()


@pytest.mark.parametrize(
    ("lag", "first_look", "second_look", "late"),
    [(120, 60, 120, 0), (3600, 600, WEEK, 1)],
    ids=["within the lookback", "beyond it"],
)
def test_a_contact_that_search_shows_late_is_not_lost(
    default: Callable[..., Default], lag: int, first_look: int, second_look: int, late: int
) -> None:
    """Within the lookback the next pull brings it; beyond, the weekly look does, and counts it as late. All in seconds."""
    portal = default(contacts=40, index_lag_seconds=lag)
    portal.clock.advance(lag)
    portal.pull()
    portal.update({ids_of(portal)[0]: {"firstname": "Late"}})
    portal.clock.advance(first_look)
    unseen = portal.pull()
    portal.clock.advance(second_look)

    report = portal.pull()

    assert (unseen.updated, report.updated, report.late) == (0, 1, late)
    portal.check()


def test_more_properties_than_a_url_holds_are_read_whole(default: Callable[..., Default]) -> None:
    """At least 1,210 of a contact; what 250 contacts of as many cost, `bench/pull.py --wide` measures."""
    portal = default(contacts=20, limits=False)
    names = [f"wide_property_number_{number:04}_of_many" for number in range(900)]
    inputs = [
        {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"}
        for name in names
    ]
    for start in range(0, len(inputs), 100):
        send(portal, "/crm/properties/2026-09/contacts/batch/create", {"inputs": inputs[start : start + 100]})
    target = ids_of(portal)[0]
    portal.update({target: {name: f"value of {name}" for name in names}})

    portal.pull()

    columns = portal.project.warehouse.query_columns("hubspot", "contacts")
    (row,) = portal.project.warehouse.query("SELECT * FROM hubspot.contacts WHERE id = ?", (target,)).to_pylist()
    assert len(columns) >= 1_210
    assert {name: row[name] for name in names} == {name: f"value of {name}" for name in names}
    portal.check()


@pytest.mark.parametrize(
    ("status", "told"),
    [(429, {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}), (503, {})],
    ids=["429", "503"],
)
def test_fifteen_minutes_of_refused_calls_are_survived(
    default: Callable[..., Default], status: int, told: dict[str, str]
) -> None:
    portal = default(contacts=120)
    body = {"status": "error", "message": "not now", **told}
    until = datetime.fromtimestamp(portal.clock.time() + 900, UTC).isoformat()
    rule = {
        "match": {"path": "/crm/objects/*"},
        "when": {"until": until},
        "phase": "before",
        "do": {"status": status, "body": body},
    }
    portal.control("POST", "/faults", [rule])
    started = portal.clock.time()

    with portal.project.warehouse.session():
        first = portal.project.pull()
    portal.pull()

    assert portal.clock.time() - started >= 900
    assert first.exit_code in {0, 4}
    portal.check()


@pytest.mark.heavy
def test_a_company_with_fifty_thousand_contacts_keeps_every_link(world: MakeWorld) -> None:
    portal = world(contacts=LINKS, companies=3, deals=0, limits=False, activity=False, fill=0.05)
    company = ids_of(portal, "companies")[0]
    contacts = ids_of(portal)
    for start in range(0, len(contacts), 1000):
        inputs = [{"from": {"id": company}, "to": {"id": each}} for each in contacts[start : start + 1000]]
        send(portal, "/crm/associations/2026-09/companies/contacts/batch/associate/default", {"inputs": inputs})

    narrow = {"contacts": {"properties": ["email"]}, "companies": {"properties": ["name"]}}
    portal.pull("contacts", "companies", settings=narrow)

    found = portal.rows(
        "SELECT count(DISTINCT to_id) AS n FROM hubspot.associations WHERE from_object = 'companies'"
        f" AND from_id = '{company}' AND _hubferry_deleted_at IS NULL"
    )
    assert found == [{"n": len(contacts)}]
    portal.check_pairs(("contacts", "companies"))


def ids_of(portal: Any, name: str = "contacts") -> list[str]:
    return [each["id"] for each in fetch_truth(portal.emulator.control_url, name) if each["state"] == "live"]
