"""The faults that break others' connectors, with the default configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from test_pull_schema import write
from test_pull_tombstones import send

from truth import EVERY_PROPERTY, fetch_truth

MakeWorld = Callable[..., Any]
LINKS = 50_000


def test_fifteen_minutes_of_429_are_survived(world: MakeWorld) -> None:
    portal = world(contacts=120)
    body = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "message": "limit"}
    until = datetime.fromtimestamp(portal.clock.time() + 900, UTC).isoformat()
    rule = {
        "match": {"path": "/crm/objects/*"},
        "when": {"until": until},
        "phase": "before",
        "do": {"status": 429, "body": body},
    }
    portal.control("POST", "/faults", [rule])
    started = portal.clock.time()

    first = portal.pull("contacts")
    second = portal.pull("contacts")

    assert portal.clock.time() - started >= 900
    assert {first.exit_code, second.exit_code} <= {0, 4}
    assert second.exit_code == 0
    portal.check("contacts", pairs=False)


def test_properties_too_long_for_a_url_are_read_whole(world: MakeWorld) -> None:
    """More than 1,100 properties, 250 contacts; what it costs, `bench/pull.py 250 1210` measures."""
    portal = world(contacts=250, limits=False)
    names = [f"wide_property_number_{number:04}_of_many" for number in range(800)]
    inputs = [
        {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"}
        for name in names
    ]
    for start in range(0, len(inputs), 100):
        send(portal, "/crm/properties/2026-09/contacts/batch/create", {"inputs": inputs[start : start + 100]})
    target = ids_of(portal)[0]
    write(portal, {target: {name: f"value of {name}" for name in names}})

    report = portal.pull("contacts", settings=EVERY_PROPERTY).streams[0]

    row = portal.rows(f"SELECT * FROM hubspot.contacts WHERE id = '{target}'")[0]
    assert {name: row[name] for name in names} == {name: f"value of {name}" for name in names}
    assert report.state == "done"
    portal.check("contacts", pairs=False)


@pytest.mark.heavy
def test_a_company_with_fifty_thousand_contacts_keeps_every_link(world: MakeWorld) -> None:
    portal = world(contacts=LINKS, companies=3, deals=0, limits=False, activity=False)
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


@pytest.mark.heavy
def test_twelve_thousand_contacts_changed_at_different_times_are_all_read(world: MakeWorld) -> None:
    """More than HubSpot's search shows of one query, which others page by time."""
    portal = world(contacts=12_500, companies=0, deals=0, limits=False, activity=False)
    portal.pull("contacts")
    portal.clock.advance(3600)
    inputs = [{"id": each, "properties": {"firstname": f"Ada {each}"}} for each in ids_of(portal)[:12_000]]
    for start in range(0, len(inputs), 100):
        send(portal, "/crm/objects/2026-09/contacts/batch/update", {"inputs": inputs[start : start + 100]})
        portal.clock.advance(0.25)

    report = portal.pull("contacts").streams[0]

    assert report.reader == "changes"
    assert 12_000 <= report.read <= 12_500  # a page may be read twice where the index moved under it
    portal.check("contacts", pairs=False)


def ids_of(portal: Any, name: str = "contacts") -> list[str]:
    return [each["id"] for each in fetch_truth(portal.emulator.control_url, name) if each["state"] == "live"]
