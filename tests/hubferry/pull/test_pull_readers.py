"""What each reader of lists, feeds, histories and archives promises beside the contract of every stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import urllib3

from hubferry.errors import UnknownNameError
from hubferry.pull import history, listing, pages, windows
from hubferry.streams.registry import BY_NAME
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.knobs import Knobs
from stream_truth import diff_stream
from truth import fetch_truth

MakeWorld = Callable[..., Any]
HOUR = 3600
SCOPE = "crm.objects.contacts.read"


def call(portal: Any, method: str, path: str, body: object = None) -> Any:
    """Change the portal as a person would."""
    with urllib3.PoolManager() as pool:
        headers = {"Authorization": "Bearer pat-other"}
        answer = pool.request(method, portal.emulator.base_url + path, json=body, headers=headers)
        pool.clear()
    assert answer.status < 300, answer.data
    return json.loads(answer.data) if answer.data else None


def check(portal: Any, name: str) -> None:
    """Fail where a stream's table and the portal differ."""
    assert diff_stream(portal.warehouse, portal.emulator.control_url, BY_NAME[name]) == []


def paths(portal: Any) -> dict[str, int]:
    """Give how often each route was called since the last look."""
    told = json.loads(portal.control("GET", "/requests"))
    portal.control("DELETE", "/requests")
    return {each["path"]: each["count"] for each in told["by"]}


def test_of_many_lists_only_those_that_changed_are_read(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FEW_PAGES", -1)
    portal = world(contacts=24, knobs=Knobs(most_on_a_page=2))
    portal.pull("contact_lists")
    portal.clock.advance(2 * HOUR)
    name = next(row["list_id"] for row in portal.rows("SELECT list_id FROM hubspot.contact_lists"))
    call(portal, "PUT", f"/crm/lists/2026-09/{name}/update-list-name?listName=Other", None)
    paths(portal)

    report = portal.pull("contact_lists").streams[0]

    assert (report.updated, report.read, report.deleted) == (1, 2, 0)
    assert "/crm/lists/{version}/search" in paths(portal)
    check(portal, "contact_lists")


def test_engagements_are_read_by_what_changed_and_the_whole_again_after_a_day(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FEW_PAGES", -1)
    portal = world(contacts=24, knobs=Knobs(most_on_a_page=3))
    portal.pull("engagements")
    portal.clock.advance(2 * HOUR)
    notes = call(portal, "GET", "/crm/objects/2026-09/notes")["results"]
    call(portal, "PATCH", f"/crm/objects/2026-09/notes/{notes[0]['id']}", {"properties": {"hs_note_body": "new"}})
    call(portal, "DELETE", f"/crm/objects/2026-09/notes/{notes[1]['id']}")

    changed = portal.pull("engagements").streams[0]
    portal.clock.advance(24 * HOUR)
    whole = portal.pull("engagements").streams[0]

    assert (changed.read, changed.updated, changed.deleted) == (1, 1, 0)
    assert (whole.updated, whole.deleted) == (0, 1)
    check(portal, "engagements")


def test_engagements_without_their_scope_are_blocked_also_where_hubspot_answers_nothing(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FEW_PAGES", -1)
    portal = world(contacts=24)
    portal.pull("engagements")
    portal.clock.advance(2 * HOUR)
    taken = {"match": {"path": "*"}, "when": {"every": 1}, "do": {"kind": "take_scope", "scope": SCOPE}}
    portal.control("POST", "/faults", [taken])

    report = portal.pull("engagements").streams[0]

    assert report.state == "blocked"
    assert SCOPE in str(report.error)


def test_details_are_read_only_of_campaigns_that_moved(world: MakeWorld) -> None:
    portal = world(contacts=24)
    portal.pull("campaigns")
    paths(portal)

    portal.pull("campaigns")

    assert "/email/public/v1/campaigns/{campaignId}" not in paths(portal)
    portal.clock.advance(HOUR)
    portal.mutate(1, activity=3)
    portal.clock.advance(HOUR)
    portal.pull("campaigns")
    assert 0 < paths(portal)["/email/public/v1/campaigns/{campaignId}"] < len(portal.rows("FROM hubspot.campaigns"))
    check(portal, "campaigns")


def test_members_are_read_only_of_lists_whose_marks_moved(world: MakeWorld) -> None:
    portal = world(contacts=24)
    portal.pull("list_memberships")
    paths(portal)

    report = portal.pull("list_memberships").streams[0]

    assert "/crm/lists/{version}/{listId}/memberships" not in paths(portal)
    assert report.read == 0
    check(portal, "list_memberships")


def test_submissions_are_read_up_to_the_known_part(world: MakeWorld) -> None:
    portal = world(contacts=300, knobs=Knobs(most_on_a_page=2))
    first = portal.pull("form_submissions").streams[0]
    portal.clock.advance(2 * HOUR)

    again = portal.pull("form_submissions").streams[0]

    assert first.read > 20
    assert again.read < first.read / 2
    assert (again.inserted, again.updated) == (0, 0)
    check(portal, "form_submissions")


def test_a_feed_is_whole_although_hubspot_forgets_its_places_at_once(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page is asked for anew from the oldest event that is known."""
    monkeypatch.setattr(windows, "PAGES_A_PLACE", 1)
    portal = world(contacts=120, knobs=Knobs(most_on_a_page=5))

    portal.pull("email_events", "subscription_changes")

    check(portal, "email_events")
    check(portal, "subscription_changes")


def test_events_told_late_are_found_within_the_overlap(world: MakeWorld) -> None:
    portal = world(contacts=60)
    portal.pull("email_events")
    for seed in range(4):
        portal.clock.advance(200)
        portal.mutate(seed, activity=8)
        portal.pull("email_events")
    portal.clock.advance(HOUR)

    portal.pull("email_events")

    check(portal, "email_events")


def test_a_feed_begins_at_its_start_and_a_full_refresh_keeps_what_is_older(world: MakeWorld) -> None:
    portal = world(contacts=60)
    settings = {"email_events": {"start": "2026-06-01"}}
    portal.pull("email_events")
    every = portal.rows("SELECT min(created) AS oldest, count(*) AS n FROM hubspot.email_events")[0]

    portal.pull("email_events", settings=settings, full_refresh=True)
    again = portal.rows("SELECT min(created) AS oldest, count(*) AS n FROM hubspot.email_events")[0]
    fresh = portal.pull("subscription_changes", settings={"subscription_changes": {"start": "2026-10-01"}})

    assert again == every
    assert fresh.streams[0].read > 0
    assert portal.rows("SELECT min(timestamp) AS oldest FROM hubspot.subscription_changes")[0]["oldest"].year == 2026


def test_versions_are_read_of_changed_records_only_and_kept_when_hubspot_forgets_them(world: MakeWorld) -> None:
    portal = world(contacts=60)
    settings = {"property_history": {"objects": ["contacts"]}}
    portal.pull("property_history", settings=settings)
    before = len(portal.rows("FROM hubspot.property_history"))
    portal.clock.advance(HOUR)
    portal.mutate(1, object="contacts", edits=3, creates=1)

    report = portal.pull("property_history", settings=settings).streams[0]

    assert report.read == 4
    assert report.inserted > 0
    assert report.updated == 0
    assert len(portal.rows("FROM hubspot.property_history")) == before + report.inserted


def test_versions_written_while_a_reading_of_all_was_interrupted_are_read_when_it_ends(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "GROUP", 100)
    portal = world(contacts=250, companies=0, deals=0, activity=False)
    refused = {"status": 400, "body": {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}}
    contacts = {"method": "GET", "path": "/crm/objects/2026-09/contacts"}
    portal.control("POST", "/faults", [{"match": contacts, "when": {"nth": 2}, "phase": "before", "do": refused}])
    first = portal.pull("property_history").streams[0]
    portal.clock.advance(HOUR)
    portal.mutate(1, object="contacts", edits=200)

    again = portal.pull("property_history").streams[0]

    assert (first.state, first.read, again.state) == ("failed", 100, "done")
    check(portal, "property_history")


def test_versions_of_an_erased_record_lose_their_values(world: MakeWorld) -> None:
    portal = world(contacts=60)
    portal.pull("contacts", "property_history")
    erased = portal.rows("SELECT id FROM hubspot.contacts WHERE _hubferry_deleted_at IS NULL")[0]["id"]
    portal.clock.advance(HOUR)
    call(portal, "POST", "/crm/objects/2026-09/contacts/gdpr-delete", {"objectId": erased})

    portal.pull("contacts", "property_history", full_refresh=True)

    rows = portal.rows(f"SELECT * FROM hubspot.property_history WHERE record_id = '{erased}' AND object = 'contacts'")
    assert rows
    assert {(row["value"], row["_hubferry_deleted_reason"]) for row in rows} == {(None, "erased")}


def test_records_of_two_objects_with_one_id_and_one_moment_keep_their_versions(world: MakeWorld) -> None:
    portal = world(contacts=0, companies=0, deals=0, activity=False)
    made = {}
    for name, label in (("companies", "name"), ("deals", "dealname")):
        body = {"properties": {label: "Same"} | ({"dealstage": "closedwon"} if name == "deals" else {})}
        made[name] = call(portal, "POST", f"/crm/objects/2026-09/{name}", body)
    assert (made["companies"]["id"], made["companies"]["createdAt"]) == (
        made["deals"]["id"],
        made["deals"]["createdAt"],
    )
    portal.clock.advance(60)

    portal.pull("property_history")

    found = portal.rows(
        "SELECT object, value FROM hubspot.property_history WHERE property = 'createdate' ORDER BY object"
    )
    assert [row["object"] for row in found] == ["companies", "deals"]


def test_an_archived_deal_keeps_the_contacts_it_had_while_it_lived(world: MakeWorld) -> None:
    portal = world(contacts=60)
    portal.pull("deals", "deals_archived", "contacts")
    linked = portal.rows(
        "SELECT id, contact_ids FROM hubspot.deals WHERE _hubferry_deleted_at IS NULL AND len(contact_ids) > 0"
    )
    portal.clock.advance(HOUR)
    call(portal, "DELETE", f"/crm/objects/2026-09/deals/{linked[0]['id']}")

    portal.pull("deals", "deals_archived", "contacts")
    portal.clock.advance(HOUR)
    again = portal.pull("deals_archived").streams[0]

    [row] = portal.rows(f"SELECT * FROM hubspot.deals_archived WHERE id = '{linked[0]['id']}'")
    assert row["contact_ids"] == linked[0]["contact_ids"]
    assert row["archived_at"] is not None
    assert (again.inserted, again.updated, again.deleted) == (0, 0, 0)


def test_archived_deals_get_no_more_columns_than_the_warehouse_takes(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = world(contacts=24)
    deal = call(portal, "GET", "/crm/objects/2026-09/deals?properties=dealname,pipeline")["results"][0]
    call(portal, "DELETE", f"/crm/objects/2026-09/deals/{deal['id']}")
    monkeypatch.setattr(DuckDBWarehouse, "most_columns", 30)

    portal.pull("deals_archived")

    [row] = portal.rows(f"SELECT * FROM hubspot.deals_archived WHERE id = '{deal['id']}'")
    assert len(row) == 30
    kept = {**json.loads(row["_hubferry_more"]), **row}
    assert {name: kept[name] for name in ("dealname", "pipeline")} == {
        name: deal["properties"][name] for name in ("dealname", "pipeline")
    }


def test_archived_deals_stay_after_hubspot_forgot_them_and_restored_ones_are_marked(world: MakeWorld) -> None:
    portal = world(contacts=60)
    deals = call(portal, "GET", "/crm/objects/2026-09/deals")["results"]
    kept, restored = deals[0]["id"], deals[1]["id"]
    for each in (kept, restored):
        call(portal, "DELETE", f"/crm/objects/2026-09/deals/{each}")
    portal.pull("deals_archived")
    portal.mutate(1, object="deals", restores=len(portal.rows("FROM hubspot.deals_archived")))
    call(portal, "DELETE", f"/crm/objects/2026-09/deals/{kept}")

    portal.pull("deals_archived")
    portal.clock.advance(timedelta(days=120).total_seconds())
    portal.pull("deals_archived")

    marks = {
        row["id"]: row["reason"]
        for row in portal.rows("SELECT id, _hubferry_deleted_reason AS reason FROM hubspot.deals_archived")
    }
    assert (marks[kept], marks[restored]) == (None, "restored")


def test_a_long_list_is_written_in_parts_and_swept_as_one(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PART", 3)
    portal = world(contacts=24, knobs=Knobs(most_on_a_page=2))
    portal.pull("forms", "owners")
    gone = call(portal, "GET", "/marketing/v3/forms")["results"][0]["id"]
    call(portal, "DELETE", f"/marketing/v3/forms/{gone}")

    portal.pull("forms", "owners")

    check(portal, "forms")
    check(portal, "owners")


def test_a_custom_object_that_bears_the_name_of_a_stream_breaks_nothing(world: MakeWorld) -> None:
    portal = world(contacts=24)
    title = {"name": "title", "label": "Title", "type": "string", "fieldType": "text"}
    for name in ("owners", "deals_archived"):
        body = {
            "name": name,
            "labels": {"singular": name, "plural": name},
            "primaryDisplayProperty": "title",
            "requiredProperties": ["title"],
            "properties": [title],
            "associatedObjects": [],
        }
        made = call(portal, "POST", "/crm-object-schemas/2026-09/schemas", body)
        call(portal, "POST", f"/crm/objects/2026-09/{made['objectTypeId']}", {"properties": {"title": name}})

    report = portal.pull("owners", "custom_*", "deals_archived", "deals")

    assert {each.name for each in report.streams if each.name.startswith("custom_")} == {
        "custom_cars",
        "custom_deals_archived",
        "custom_owners",
    }
    assert report.exit_code == 0
    assert [row["title"] for row in portal.rows("SELECT title FROM hubspot.custom_owners")] == ["owners"]
    check(portal, "owners")
    check(portal, "deals_archived")


def test_a_custom_object_that_was_deleted_fails_alone_and_the_others_go_on(world: MakeWorld) -> None:
    portal = world(contacts=24)
    settings = {"contacts": {"properties": ["email"], "associations": ["custom_cars"]}}
    portal.pull("contacts", "custom_cars", "owners", settings=settings)
    cars = call(portal, "GET", "/crm-object-schemas/2026-09/schemas")["results"][0]["objectTypeId"]
    live = [{"id": each["id"]} for each in fetch_truth(portal.emulator.control_url, cars) if each["state"] == "live"]
    call(portal, "POST", f"/crm/objects/2026-09/{cars}/batch/archive", {"inputs": live})
    call(portal, "DELETE", f"/crm-object-schemas/2026-09/schemas/{cars}")
    portal.clock.advance(60)
    portal.mutate(3, object="contacts", edits=2)

    report = portal.pull("contacts", "custom_cars", "owners", settings=settings)

    assert {each.name: each.state for each in report.streams} == {
        "contacts": "done",
        "owners": "done",
        "custom_cars": "failed",
    }
    assert "no custom object of this name any more" in str(report.streams[-1].error)
    portal.check("contacts", pairs=False)


def test_a_custom_object_keeps_its_own_settings_and_its_links(world: MakeWorld) -> None:
    portal = world(contacts=60)
    cars = call(portal, "GET", "/crm-object-schemas/2026-09/schemas")["results"][0]["objectTypeId"]
    settings = {"custom_cars": {"properties": ["model"], "associations": ["contacts"]}}

    report = portal.pull("contacts", "custom_*", "custom_cars", settings=settings)

    assert report.exit_code == 0
    wanted = {
        (each["id"], link["toId"])
        for each in fetch_truth(portal.emulator.control_url, cars)
        for link in each["associations"]
        if link["toObject"] == "contacts"
    }
    found = portal.rows(
        "SELECT from_id, to_id FROM hubspot.associations WHERE from_object = 'custom_cars' AND to_object = 'contacts'"
    )
    assert wanted
    assert {(row["from_id"], row["to_id"]) for row in found} == wanted
    assert "vin" not in portal.rows("SELECT * FROM hubspot.custom_cars LIMIT 1")[0]


def test_without_the_scope_of_schemas_custom_objects_are_blocked_and_the_others_go_on(world: MakeWorld) -> None:
    portal = world(token="pat-narrow", tokens={"pat-narrow": frozenset({"crm.objects.owners.read"})})

    report = portal.pull("owners", "custom_*")

    assert {each.name: each.state for each in report.streams} == {"owners": "done", "custom_*": "blocked"}


def test_an_unknown_custom_object_is_named_with_those_that_there_are(world: MakeWorld) -> None:
    portal = world(contacts=4)

    with pytest.raises(UnknownNameError, match="custom_cars"):
        portal.pull("owners", "custom_carz")
