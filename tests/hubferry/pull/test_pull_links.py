"""Links: swept on their cadence, of changed records in between, both directions right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import urllib3

MakeWorld = Callable[..., Any]
WEEKLY = {
    "contacts": {"properties": ["email"], "sweep": "weekly"},
    "companies": {"properties": ["name"], "sweep": "weekly"},
}


def send(portal: Any, path: str, body: object) -> Any:
    """Write to the portal as another app would."""
    with urllib3.PoolManager() as pool:
        headers = {"Authorization": "Bearer pat-other"}
        answer = pool.request("POST", portal.emulator.base_url + path, json=body, headers=headers)
        pool.clear()
    assert answer.status < 300, answer.data
    return json.loads(answer.data) if answer.data else None


def link(portal: Any, contact: str, company: str, labels: list[int] | None = None) -> None:
    """Link a contact to a company, with labels of the portal or without one."""
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": each} for each in labels or ()]
    types = types or [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    pair = {"from": {"id": contact}, "to": {"id": company}, "types": types}
    send(portal, "/crm/associations/2026-09/contacts/companies/batch/create", {"inputs": [pair]})


def ids(portal: Any, name: str) -> list[str]:
    return [
        row["id"]
        for row in portal.rows(f"SELECT id FROM hubspot.{name} WHERE _hubferry_deleted_at IS NULL ORDER BY id")
    ]


def test_links_of_changed_records_come_before_the_next_sweep_is_due(world: MakeWorld) -> None:
    portal = world()
    portal.pull("contacts", "companies", settings=WEEKLY)
    portal.clock.advance(3600)
    contact, company = ids(portal, "contacts")[0], ids(portal, "companies")[0]
    link(portal, contact, company)
    update = {"inputs": [{"id": contact, "properties": {"email": "moved@example.com"}}]}
    send(portal, "/crm/objects/2026-09/contacts/batch/update", update)

    report = portal.pull("contacts", "companies", settings=WEEKLY)

    assert [each.kind for each in report.associations] == ["changed"]
    portal.check("contacts", "companies")


def test_a_link_of_records_that_did_not_change_comes_with_the_next_sweep(world: MakeWorld) -> None:
    portal = world()
    portal.pull("contacts", "companies", settings=WEEKLY)
    link(portal, ids(portal, "contacts")[-1], ids(portal, "companies")[-1])
    portal.clock.advance(8 * 86_400)

    report = portal.pull("contacts", "companies", settings=WEEKLY)

    assert [each.kind for each in report.associations] == ["sweep"]
    portal.check("contacts", "companies")


def test_links_of_an_archived_record_are_marked_without_a_sweep(world: MakeWorld) -> None:
    portal = world()
    settings = {name: {**each, "sweep": "every_run"} for name, each in WEEKLY.items()}
    portal.pull("contacts", "companies", settings=settings)
    target = portal.rows("SELECT from_id FROM hubspot.associations WHERE from_object = 'contacts'")[0]["from_id"]
    send(portal, "/crm/objects/2026-09/contacts/batch/archive", {"inputs": [{"id": target}]})

    portal.pull("contacts", "companies", settings=settings)

    left = f"SELECT count(*) AS n FROM hubspot.associations WHERE _hubferry_deleted_at IS NULL AND '{target}' IN (from_id, to_id)"
    assert portal.rows(left) == [{"n": 0}]


def test_crosswise_labels_that_always_come_together_are_read_from_both_sides(world: MakeWorld) -> None:
    """Nothing tells which of X and Y is whose inverse, so the other side is asked."""
    portal = world(contacts=40)
    made = [
        send(
            portal,
            "/crm/associations/2026-09/contacts/companies/labels",
            {"name": name, "label": label, "inverseLabel": back},
        )
        for name, label, back in (("x_y", "X", "Y"), ("y_x", "Y", "X"))
    ]
    own = [
        next(each["typeId"] for each in found["results"] if each["label"] == label)
        for found, label in zip(made, "XY", strict=True)
    ]
    portal.pull("contacts", "companies", settings=WEEKLY)
    for contact in ids(portal, "contacts")[:5]:
        link(portal, contact, ids(portal, "companies")[0], own)

    portal.pull("contacts", "companies", settings=WEEKLY, full_refresh=True)

    portal.check("contacts", "companies")


def test_links_between_records_of_one_object_have_both_directions(world: MakeWorld) -> None:
    portal = world()
    settings = {"contacts": {"properties": ["email"], "associations": ["contacts"], "sweep": "weekly"}}
    portal.mutate(1, object="contacts", associations=40)
    portal.pull("contacts", settings=settings)
    portal.check_pairs(("contacts", "contacts"))
    portal.clock.advance(3600)
    portal.mutate(2, object="contacts", edits=20)

    report = portal.pull("contacts", settings=settings)

    assert [each.kind for each in report.associations] == ["changed"]
    portal.check_pairs(("contacts", "contacts"))


def test_a_label_that_changes_between_the_looks_at_both_directions_is_not_paired_with_another(world: MakeWorld) -> None:
    portal = world()
    with urllib3.PoolManager() as pool:
        url = f"{portal.emulator.base_url}/crm/associations/2026-09/contacts/deals/labels"
        body = json.loads(pool.request("GET", url, headers={"Authorization": "Bearer pat-other"}).data)
        pool.clear()
    own = [each for each in body["results"] if each["category"] == "USER_DEFINED"]
    assert len(own) == 1
    own[0]["typeId"] += 500
    rule = {
        "match": {"path": "/crm/associations/2026-09/contacts/deals/labels"},
        "when": {"nth": 1},
        "do": {"status": 200, "body": body},
    }
    portal.control("POST", "/faults", [rule])

    portal.pull("contacts", "deals")

    portal.check("contacts", "deals")
