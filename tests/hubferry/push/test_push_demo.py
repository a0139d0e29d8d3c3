"""The demo's push, on a generated portal: contacts by e-mail, links to companies by record id and to contacts by number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hubferry.clock import SystemClock
from hubferry.hubspot.client import Client
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse

FIELDS = {
    "email": "email",
    "firstname": "firstname",
    "contact_number": "contact_number",
    "hs_lead_status": "status",
    "phone": {"column": "phone", "on_null": "clear"},
}
COLUMNS = (
    "id INTEGER, email VARCHAR, firstname VARCHAR, contact_number VARCHAR, status VARCHAR, phone VARCHAR,"
    " others MAP(VARCHAR, VARCHAR), firms JSON"
)


@pytest.fixture
def demo(portal_factory: Any, tmp_path: Path, make_sync: Any, world_type: Any) -> Any:
    """A portal of 60 contacts, and the sync of the demo."""
    portal = portal_factory(contacts=60)
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    associations = [
        {"to": "contacts", "column": "others", "by": "contact_number"},
        {"to": "companies", "column": "firms", "cleanup_default": True},
    ]
    with Client(token=Secret("pat-test"), base_url=portal.base_url) as client:
        state = StateStore(warehouse, SystemClock())
        syncs = [make_sync(fields=FIELDS, associations=associations)]
        yield world_type(portal, client, warehouse.path, warehouse, state, syncs)


def test_the_demo_arrives_and_planning_again_finds_nothing(demo: Any) -> None:
    live = [each for each in demo.truth().values() if each["state"] == "live" and each["properties"].get("email")]
    linked = {str(link["toId"]) for each in live for link in each["associations"]}
    known, other = (each for each in live[:2])
    firms = [each["id"] for each in demo.truth("companies").values() if each["state"] == "live"]
    first, second = [each for each in firms if each not in linked][:2] if len(set(firms) - linked) > 1 else firms[:2]
    demo.change(known["id"], phone="+1 555 0100")
    number = other["properties"]["contact_number"]
    old_number = known["properties"]["contact_number"]
    demo.people(
        (
            1,
            known["properties"]["email"].upper(),
            "Renamed",
            old_number,
            "Open",
            None,
            {number: "Friend"},
            json.dumps({first: None}),
        ),
        (
            2,
            "new@example.com",
            "New",
            "X-1",
            "NEW",
            "1",
            {"X-2": "Manager", number: None},
            json.dumps({second: "Decision maker"}),
        ),
        (3, "newer@example.com", "Newer", "X-2", None, "2", None, None),
        (4, "not an address", "Bad", "X-3", None, None, None, None),
        (5, "fine@example.com", "Bad too", "X-4", "Sleeping", None, None, None),
        columns=COLUMNS,
    )

    plan = demo.plan()
    report = demo.apply(plan)
    again = demo.plan()

    counts = plan.counts["contacts"]
    assert (counts.rows, counts.creates, counts.updates, counts.clears, counts.invalid) == (5, 2, 1, 1, 2)
    assert (report.rows["contacts"].applied, report.links["contacts"].planned) == (3, report.links["contacts"].applied)
    assert {(each.row_key, each.detail) for each in demo.rejected()} == {("4", "email"), ("5", "hs_lead_status")}
    assert again.changes == 0, demo.steps(again)
    new, newer = demo.contact("new@example.com")["id"], demo.contact("newer@example.com")["id"]
    assert "Friend" in demo.labels_between(known["id"], other["id"], to="contacts")
    assert demo.labels_between(new, newer, to="contacts") == {"Manager", None}
    assert demo.labels_between(newer, new, to="contacts") == {"Employee", None}
    assert demo.labels_between(new, other["id"], to="contacts") == {None}
    assert "Decision maker" in demo.labels_between(new, second, to="companies")
    assert demo.labels_between(known["id"], first, to="companies")
    assert not demo.truth()[known["id"]]["properties"].get("phone")
