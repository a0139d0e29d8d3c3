"""Each knob turns the behaviour it names, and its default is the other way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

Call = Callable[..., Any]
CONTACTS = "/crm/objects/2026-09/contacts"


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator], request: pytest.FixtureRequest) -> Emulator:
    """An empty portal with the knobs of the test."""
    return portal_factory(contacts=0, limits=False, knobs=Knobs(**request.param))


def both(knob: str, default: object, turned: object, *, value: object = True) -> pytest.MarkDecorator:
    """Run a test with the default and with the knob turned."""
    return pytest.mark.parametrize(
        ("emulator", "expected"), [({}, default), ({knob: value}, turned)], indirect=["emulator"]
    )


def create(call: Call, **properties: str) -> str:
    return str(call("POST", CONTACTS, json={"properties": properties}).json()["id"])


@both("archived_unknown_ids_fail", 204, 404)
def test_archiving_an_unknown_id_in_a_batch(call: Call, expected: int) -> None:
    assert call("POST", f"{CONTACTS}/batch/archive", json={"inputs": [{"id": "999"}]}).status == expected


@both("enforce_required", 400, 201, value=False)
def test_creating_a_ticket_without_a_stage(call: Call, expected: int) -> None:
    answer = call("POST", "/crm/v3/objects/tickets", json={"properties": {"subject": "S"}})

    assert answer.status == expected
    if expected == 400:
        assert answer.json()["errors"][0]["code"] == "MISSING_REQUIRED_PROPERTY"
        assert answer.json()["context"] == {"properties": ["hs_pipeline_stage"]}


@both("merged_listed_as_archived", 0, 2)
def test_listing_merged_records_as_archived(call: Call, expected: int) -> None:
    ids = [create(call, firstname=name) for name in "ab"]
    call("POST", f"{CONTACTS}/merge", json={"primaryObjectId": ids[0], "objectIdToMerge": ids[1]})

    assert len(call("GET", f"{CONTACTS}?archived=true").json()["results"]) == expected


@both("noop_write_moves_modified", True, False, value=False)
def test_writing_the_same_value_again(emulator: Emulator, call: Call, expected: bool) -> None:
    record_id = create(call, firstname="A")
    before = call("GET", f"{CONTACTS}/{record_id}").json()["updatedAt"]
    emulator.clock.advance(5)

    call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"firstname": "A"}})

    assert (call("GET", f"{CONTACTS}/{record_id}").json()["updatedAt"] > before) is expected


@both("null_clears", "A", "")
def test_writing_null(call: Call, expected: str) -> None:
    record_id = create(call, firstname="A", lastname="B")

    call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"firstname": None, "lastname": "C"}})

    assert call("GET", f"{CONTACTS}/{record_id}").json()["properties"]["firstname"] == expected


@both("update_with_trace_ids_is_partial", 207, 400, value=False)
def test_updating_a_batch_with_trace_ids_and_one_bad_value(call: Call, expected: int) -> None:
    inputs = [
        {"id": create(call, firstname=name), "properties": {name: "x"}, "objectWriteTraceId": name}
        for name in ("city", "nowhere")
    ]

    answer = call("POST", f"{CONTACTS}/batch/update", json={"inputs": inputs})

    assert answer.status == expected
    city = call("GET", f"{CONTACTS}/{inputs[0]['id']}?properties=city").json()["properties"]["city"]
    assert city == ("x" if expected == 207 else None)


@both("most_on_a_page", 3, 2, value=2)
def test_a_page_holds_no_more_than_the_portal_gives_and_names_the_next(call: Call, expected: int) -> None:
    for each in range(3):
        create(call, firstname=f"{each}")

    listed = call("GET", f"{CONTACTS}?limit=100").json()
    found = call("POST", f"{CONTACTS}/search", json={"limit": 100}).json()

    assert [len(page["results"]) for page in (listed, found)] == [expected, expected]
    assert ["paging" in page for page in (listed, found)] == [expected < 3, expected < 3]


# Reading records


@both("archived_lists_show_associations", False, True)
def test_associations_of_archived_records(call: Call, expected: bool) -> None:
    ids = [create(call, firstname=name) for name in "ab"]
    call("PUT", f"/crm/v4/objects/contacts/{ids[0]}/associations/default/contacts/{ids[1]}")
    call("DELETE", f"{CONTACTS}/{ids[0]}")

    (archived,) = call("GET", f"{CONTACTS}?archived=true&associations=contacts").json()["results"]

    assert ("associations" in archived) is expected


@both("history_versions_contacts", 5, 2, value=2)
def test_versions_of_a_property_of_a_contact(call: Call, expected: int) -> None:
    assert len(versions(call, "contacts", {"firstname": "0"}, "firstname")) == expected


@both("history_versions", 5, 2, value=2)
def test_versions_of_a_property_of_a_company(call: Call, expected: int) -> None:
    assert len(versions(call, "companies", {"name": "0"}, "name")) == expected


def versions(call: Call, kind: str, first: dict[str, str], name: str) -> list[Any]:
    """Write a property five times and read its history; the latest version is there whatever is kept."""
    path = f"/crm/objects/2026-09/{kind}"
    record_id = call("POST", path, json={"properties": first}).json()["id"]
    for each in "1234":
        call("PATCH", f"{path}/{record_id}", json={"properties": {name: each}})
    found: list[Any] = call("GET", f"{path}/{record_id}?propertiesWithHistory={name}").json()["propertiesWithHistory"][
        name
    ]
    assert found[0]["value"] == "4"
    return found


@both("read_of_nothing_fails", 207, 404)
def test_a_batch_read_that_finds_none_of_its_keys(call: Call, expected: int) -> None:
    answer = call("POST", f"{CONTACTS}/batch/read", json={"inputs": [{"id": "999"}, {"id": "998"}]})

    assert answer.status == expected
    error = answer.json() if expected == 404 else answer.json()["errors"][0]
    assert (error["category"], error["context"]) == ("OBJECT_NOT_FOUND", {"ids": ["999", "998"]})


@both("read_of_nothing_fails", 207, 207)
def test_a_batch_read_that_finds_one_of_its_keys(call: Call, expected: int) -> None:
    inputs = [{"id": "999"}, {"id": create(call, firstname="A")}]

    assert call("POST", f"{CONTACTS}/batch/read", json={"inputs": inputs}).status == expected


# Searching


@both("search_end_counts_limit", [200, 400, 400], [200, 200, 400], value=False)
def test_a_search_page_across_the_10_000th_hit(call: Call, expected: list[int]) -> None:
    answers = [
        call("POST", f"{CONTACTS}/search", json={"after": after, "limit": 100}) for after in (9900, 9950, 10_000)
    ]

    assert [answer.status for answer in answers] == expected
    assert answers[-1].json()["message"] == "Cannot fetch more than 10000 total records for this endpoint"


@both("search_filters_a_group", [200, 400], [200, 200], value=10)
def test_seven_filters_in_a_group(call: Call, expected: list[int]) -> None:
    assert [search_status(call, groups=1, filters=count) for count in (6, 7)] == expected


@both("search_filters", [200, 400], [200, 200], value=25)
def test_twenty_filters_in_a_search(call: Call, expected: list[int]) -> None:
    assert [search_status(call, groups=count, filters=5) for count in (3, 4)] == expected


def search_status(call: Call, *, groups: int, filters: int) -> int:
    one = {"propertyName": "firstname", "operator": "HAS_PROPERTY"}
    body = {"filterGroups": [{"filters": [one] * filters}] * groups}
    return int(call("POST", f"{CONTACTS}/search", json=body).status)


# Writing records


@both("trace_ids_may_repeat", 400, 201)
def test_two_inputs_with_one_trace_id(call: Call, expected: int) -> None:
    inputs = [{"properties": {"firstname": name}, "objectWriteTraceId": "same"} for name in "ab"]

    answer = call("POST", f"{CONTACTS}/batch/create", json={"inputs": inputs})

    assert answer.status == expected
    if expected == 201:
        assert [each["objectWriteTraceId"] for each in answer.json()["results"]] == ["same", "same"]


@both("upsert_finds_secondary_emails", 200, 409, value=False)
def test_an_upsert_by_a_secondary_email(call: Call, expected: int) -> None:
    record_id = create(call, email="new@example.com", hs_additional_emails="old@example.com")
    one = {"id": "old@example.com", "idProperty": "email", "properties": {"city": "Bergen"}}

    answer = call("POST", f"{CONTACTS}/batch/upsert", json={"inputs": [one]})

    assert answer.status == expected
    if expected == 200:
        assert [(each["id"], each["new"]) for each in answer.json()["results"]] == [(record_id, False)]
    stored = call("GET", f"{CONTACTS}/{record_id}?properties=email,city").json()["properties"]
    assert (stored["email"], stored["city"]) == ("new@example.com", "Bergen" if expected == 200 else None)


@both("notes_take_unique_properties", 201, 400, value=False)
def test_a_unique_property_of_notes(call: Call, expected: int) -> None:
    definition = {"name": "row", "label": "Row", "type": "string", "fieldType": "text", "groupName": "noteinformation"}

    answer = call("POST", "/crm/properties/2026-09/notes", json=definition | {"hasUniqueValue": True})

    assert answer.status == expected


# The account


@both("daily_calls_professional", "625000", "650000", value=650_000)
def test_calls_a_day_of_a_professional_account(
    portal_factory: Callable[..., Emulator], emulator: Emulator, call: Call, control: Call, expected: str
) -> None:
    limited = portal_factory(contacts=0, tier="professional", knobs=emulator.settings.knobs)

    assert str(limited.limits.usage().limit) == expected


@both("unknown_token_info_status", 404, 401, value=401)
def test_asking_about_an_unknown_token(call: Call, expected: int) -> None:
    path = "/oauth/v2/private-apps/get/access-token-info"

    assert call("POST", path, json={"tokenKey": "no-token"}).status == expected


# Lists of other things


@both("form_page_most", [200, 200, 400], [200, 400, 400], value=100)
def test_the_largest_page_of_forms(call: Call, expected: list[int]) -> None:
    assert [call("GET", f"/marketing/v3/forms?limit={size}").status for size in (100, 500, 501)] == expected


@both("flow_page_most", [200, 400], [200, 200], value=500)
def test_the_largest_page_of_flows(call: Call, expected: list[int]) -> None:
    assert [call("GET", f"/automation/v4/flows?limit={size}").status for size in (100, 101)] == expected


@both("exports_take_activities", 202, 400, value=False)
def test_an_export_of_notes(call: Call, expected: int) -> None:
    body = {
        "exportType": "VIEW", "exportName": "N", "format": "CSV", "language": "EN", "objectType": "notes",
        "objectProperties": ["hs_note_body"],
    }  # fmt: skip

    assert call("POST", "/crm/exports/2026-09/export/async", json=body).status == expected


# Associations, the bin, jobs


@both("archive_limit", 400, 204, value=2_000)
def test_removing_101_pairs_at_once(call: Call, expected: int) -> None:
    one = {"from": {"id": create(call, firstname="A")}, "to": [{"id": create(call, firstname="B")}]}

    answer = call("POST", "/crm/v4/associations/contacts/contacts/batch/archive", json={"inputs": [one] * 101})

    assert answer.status == expected


@both("first_company_becomes_primary", {1, 279}, {279}, value=False)
def test_the_first_company_of_a_contact(call: Call, expected: set[int]) -> None:
    contact = create(call, firstname="A")
    company = call("POST", "/crm/objects/2026-09/companies", json={"properties": {"name": "C"}}).json()["id"]
    call("PUT", f"/crm/v4/objects/contacts/{contact}/associations/default/companies/{company}")

    (link,) = call("GET", f"/crm/v4/objects/contacts/{contact}/associations/companies").json()["results"]

    assert {each["typeId"] for each in link["associationTypes"]} == expected


@both("bin_days", [1, 1, 0], [1, 0, 0], value=10)
def test_how_long_the_bin_keeps_a_record(emulator: Emulator, call: Call, expected: list[int]) -> None:
    call("DELETE", f"{CONTACTS}/{create(call, firstname='A')}")
    found = []
    for days in (0, 11, 80):
        emulator.clock.advance(days * 86_400)
        found.append(len(call("GET", f"{CONTACTS}?archived=true").json()["results"]))

    assert found == expected


EXPORT = {
    "exportType": "VIEW", "exportName": "C", "format": "CSV", "language": "EN", "objectType": "contacts",
    "objectProperties": ["firstname"],
}  # fmt: skip


def exported_after(emulator: Emulator, call: Call, seconds: float) -> str:
    """Give the status of an export of a contact after so long."""
    create(call, firstname="A")
    task = call("POST", "/crm/exports/2026-09/export/async", json=EXPORT).json()["id"]
    emulator.clock.advance(seconds)
    return str(call("GET", f"/crm/exports/2026-09/export/async/tasks/{task}/status").json()["status"])


@both("export_start_ms", "COMPLETE", "PROCESSING", value=60_000)
def test_how_long_an_export_of_nearly_nothing_takes(emulator: Emulator, call: Call, expected: str) -> None:
    assert exported_after(emulator, call, 2.5) == expected


@both("export_rows_per_second", "COMPLETE", "PROCESSING", value=1)
def test_how_fast_exports_go_on(emulator: Emulator, call: Call, expected: str) -> None:
    assert exported_after(emulator, call, 2.5) == expected
