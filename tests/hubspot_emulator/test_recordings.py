"""The emulator answers the recorded requests with the recorded statuses, keys and messages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator import property_definition
from hubspot_emulator.server import Emulator

Call = Callable[..., Any]
RECORDED = Path(__file__).parents[3] / "shared" / "hubspot" / "recorded"

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"the recordings are not at {RECORDED}")

LATER_PROPERTIES = {
    "hs_annual_revenue_currency_code",
    "hs_associated_target_accounts",
    "hs_currently_enrolled_in_prospecting_agent",
    "hs_membership_has_accessed_private_content",
    "hs_num_blockers",
    "hs_num_child_companies",
    "hs_num_contacts_with_buying_roles",
    "hs_num_decision_makers",
    "hs_num_open_deals",
    "hs_prospecting_agent_actively_enrolled_count",
    "hs_prospecting_agent_total_enrolled_count",
    "hs_registered_member",
    "hs_sequences_actively_enrolled_count",
    "hs_v2_date_entered_current_stage",
    "hs_v2_time_in_current_stage",
    "num_notes",
}
"""What HubSpot's newer tools add to a new record, here left out: counters that only those tools move."""


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator]) -> Emulator:
    """An empty portal."""
    return portal_factory(contacts=0, limits=False)


def recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())


def request_of(name: str) -> Any:
    rows = json.loads((RECORDED / "manifest.json").read_text())
    found = next(row["request"] for row in rows if row["file"] == name)
    return found.get("data", found)


def shape(value: object) -> object:
    """Reduce an answer to keys and formats: ids, moments and other texts by kind."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items() if key not in LATER_PROPERTIES | {"url"}}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", value):
            return "moment"
        return "digits" if value.isdigit() else "text"
    return type(value).__name__


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("batch/batch_create_companies_v3__nango.json", "companies"),
        ("batch/batch_create_contacts_unordered_v3__grouparoo.json", "contacts"),
    ],
)
def test_a_batch_create_has_the_recorded_shape(emulator: Emulator, call: Call, name: str, kind: str) -> None:
    emulator.clock.advance(0.123)  # so that moments bear milliseconds

    answer = call("POST", f"/crm/v3/objects/{kind}/batch/create", json=request_of(name))

    made, real = shape(answer.json()), shape(recorded(name))
    assert answer.status == 201
    assert set(made) >= set(real)
    assert set(made["results"][0]) == set(real["results"][0])
    assert set(made["results"][0]["properties"]) >= set(real["results"][0]["properties"])
    for key, kind_of_value in real["results"][0]["properties"].items():
        assert made["results"][0]["properties"][key] == kind_of_value, key


def test_a_single_create_has_the_recorded_shape(emulator: Emulator, call: Call) -> None:
    name = "objects/post_contacts_v3_201__ruby_hubspot_api.json"
    emulator.clock.advance(0.123)

    made = shape(call("POST", "/crm/v3/objects/contacts", json=request_of(name)).json())

    real = shape(recorded(name))
    assert set(made) == set(real)
    assert set(made["properties"]) - {"hs_full_name_or_email"} == set(real["properties"])


def test_a_list_page_has_the_recorded_shape(emulator: Emulator, call: Call) -> None:
    emulator.clock.advance(0.123)
    for number in range(2):
        person = {"email": f"user{number}@example.com", "firstname": "Given", "lastname": "Family"}
        call("POST", "/crm/v3/objects/contacts", json={"properties": person})

    made = call("GET", "/crm/v3/objects/contacts?limit=1").json()

    assert shape(made) == shape(recorded("objects/list_contacts_v3_limit1_paging__ruby_hubspot_api.json"))


@pytest.mark.parametrize(
    "name",
    [
        "search/search_contacts_ok_v3__grouparoo.json",
        "search/search_contacts_contains_token_v3_paging__ruby_hubspot_api.json",
        "search/search_tickets_v3_empty_filter__nango.json",
        "search/search_deals_v3_paging__nango.json",
    ],
)
def test_a_recorded_search_is_understood_and_answered_in_its_shape(emulator: Emulator, call: Call, name: str) -> None:
    kind = re.search(r"search_(\w+?)_", name)
    assert kind is not None
    path = f"/crm/v3/objects/{kind[1]}"
    for field in ("text_field", "number_field", "date_field"):
        raw = property_definition.build_raw(field, field, "string", "text")
        with emulator.portal.lock:
            emulator.portal.add_property("0-1", raw)
    emulator.clock.advance(0.123)
    real = recorded(name)
    paged = "paging" in real
    for number in range(12 if paged else 1):
        new = {
            "contacts": {
                "email": f"g{number or 'rouparoo'}@{'example.org' if paged else 'demo.com'}",
                "firstname": "J",
            },
            "deals": {"dealname": "D", "amount": "1", "dealstage": "appointmentscheduled"},
            "tickets": {"subject": "S", "hs_pipeline_stage": "1"},
        }[kind[1]]
        assert call("POST", path, json={"properties": new}).status == 201

    made = call("POST", f"{path}/search", json=request_of(name)).json()

    assert set(made) == set(real)
    assert set(made["results"][0]) - {"url"} == set(real["results"][0]) - {"url"}
    assert set(made["results"][0]["properties"]) == set(real["results"][0]["properties"])
    assert made.get("paging", {}).get("next", {}).keys() == real.get("paging", {}).get("next", {}).keys()


@pytest.mark.parametrize(
    ("name", "status", "path", "body"),
    [
        (
            "errors/batch_update_400_duplicate_ids_v3__rudder.json",
            400,
            "/crm/v3/objects/contacts/batch/update",
            {"inputs": [{"id": "12877907025", "properties": {"firstname": name}} for name in "ab"]},
        ),
        ("errors/search_400_unknown_object_type__amp_labs.json", 400, "/crm/v3/objects/butterflies/search", {}),
        (
            "errors/search_400_cannot_fetch_more_than_10000__thread.json",
            400,
            "/crm/v3/objects/contacts/search",
            {"after": "10000"},
        ),
        (
            "errors/batch_create_409_conflict_v3__amp_labs.json",
            409,
            "/crm/v3/objects/contacts/batch/create",
            {"inputs": [{"properties": {"email": f"{name}@example.com"}} for name in "ab"]},
        ),
    ],
)
def test_a_recorded_refusal_is_repeated_to_the_word(
    emulator: Emulator, call: Call, name: str, status: int, path: str, body: object
) -> None:
    for each in "ab":
        call("POST", "/crm/v3/objects/contacts", json={"properties": {"email": f"{each}@example.com"}})

    answer = call("POST", path, json=body)

    real = recorded(name)
    assert answer.status == status
    assert answer.json() == real | {"correlationId": answer.json()["correlationId"]}


def test_the_recorded_list_of_bad_properties_is_repeated(call: Call) -> None:
    real = recorded("errors/batch_create_400_property_doesnt_exist_v3__amp_labs.json")
    bad = {"first000name": "x", "last000name": "y"}

    answer = call("POST", "/crm/v3/objects/contacts/batch/create", json={"inputs": [{"properties": bad}] * 2}).json()

    assert set(answer) == set(real)
    assert answer["errors"] == real["errors"]
    prefix = "Property values were not valid: "
    listed, expected = (json.loads(each["message"].removeprefix(prefix)) for each in (answer, real))
    assert [set(each) >= set(wanted) for each, wanted in zip(listed, expected, strict=True)] == [True] * 4
    assert [each["message"] for each in listed] == [each["message"] for each in expected]


def test_ids_that_do_not_exist_are_listed_as_recorded(call: Call) -> None:
    real = recorded("batch/batch_update_207_object_not_found_v3__amp_labs.json")

    answer = call(
        "POST",
        "/crm/v3/objects/contacts/batch/update",
        json={"inputs": [{"id": "unknownIdentifier888", "properties": {"firstname": "A"}}]},
    )

    assert answer.status == 207
    assert (answer.json()["errors"], answer.json()["numErrors"]) == (real["errors"], real["numErrors"])
    assert set(answer.json()) == set(real)
