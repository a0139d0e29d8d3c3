"""Associations of v3: named types, both directions, a page of a hundred."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator.server import Emulator

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
BASE = "/crm/v3/associations"
Call = Callable[..., Any]


def make(call: Call, object_type: str, **properties: str) -> str:
    return str(call("POST", f"/crm/objects/2026-09/{object_type}", json={"properties": properties}).json()["id"])


@pytest.fixture
def pair(call: Call) -> tuple[str, str]:
    """A deal and a contact that nothing links."""
    return make(call, "deals", dealname="One"), make(call, "contacts", firstname="Ada")


def create(call: Call, deal: str, contact: str, type_: str = "deal_to_contact") -> Any:
    inputs = [{"from": {"id": deal}, "to": {"id": contact}, "type": type_}]
    return call("POST", f"{BASE}/deals/contacts/batch/create", json={"inputs": inputs})


@pytest.mark.parametrize("type_", ["deal_to_contact", "3"])
def test_a_link_is_answered_in_both_directions_and_read_from_both(
    type_: str, call: Call, pair: tuple[str, str]
) -> None:
    deal, contact = pair

    made = create(call, deal, contact, type_)
    back = call("POST", f"{BASE}/contacts/deals/batch/read", json={"inputs": [{"id": contact}]}).json()

    assert made.status == 201
    assert made.json()["results"] == [
        {"from": {"id": deal}, "to": {"id": contact}, "type": "deal_to_contact"},
        {"from": {"id": contact}, "to": {"id": deal}, "type": "contact_to_deal"},
    ]
    assert back["results"] == [{"from": {"id": contact}, "to": [{"id": deal, "type": "contact_to_deal"}]}]


def test_a_write_of_v3_leaves_labels_alone(call: Call, pair: tuple[str, str]) -> None:
    deal, contact = pair
    labels = call("GET", "/crm/v4/associations/deals/contacts/labels").json()["results"]
    own = next(each for each in labels if each["category"] == "USER_DEFINED")
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": own["typeId"]}]
    call("PUT", f"/crm/v4/objects/deals/{deal}/associations/contacts/{contact}", json=types)

    create(call, deal, contact)

    found = call("GET", f"/crm/v4/objects/deals/{deal}/associations/contacts").json()["results"][0]
    assert own["label"] in [each["label"] for each in found["associationTypes"]]


def test_a_link_is_removed_by_its_type(call: Call, pair: tuple[str, str]) -> None:
    deal, contact = pair
    create(call, deal, contact)
    inputs = [{"from": {"id": deal}, "to": {"id": contact}, "type": "deal_to_contact"}]

    gone = call("POST", f"{BASE}/deals/contacts/batch/archive", json={"inputs": inputs})

    assert (gone.status, gone.body) == (204, b"")
    read = call("POST", f"{BASE}/deals/contacts/batch/read", json={"inputs": [{"id": deal}]})
    assert read.status == 207
    assert read.json()["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"


def test_single_calls_write_and_remove(call: Call, pair: tuple[str, str]) -> None:
    deal, contact = pair
    path = f"/crm/v3/objects/deals/{deal}/associations/contacts/{contact}/deal_to_contact"
    links = f"/crm/v3/objects/deals/{deal}/associations/contacts"

    assert call("PUT", path).status == 200
    assert call("GET", links).json()["results"] == [{"id": contact, "type": "deal_to_contact"}]
    assert call("DELETE", path).status == 204
    assert call("GET", links).json()["results"] == []


def test_the_hundred_and_first_link_is_behind_a_cursor_that_goes_on(emulator: Emulator, call: Call) -> None:
    company = make(call, "companies", name="Crowd")
    inputs = [{"properties": {"firstname": str(number)}} for number in range(100)]
    made = call("POST", "/crm/objects/2026-09/contacts/batch/create", json={"inputs": inputs}).json()["results"]
    contacts = [record["id"] for record in made] + [make(call, "contacts", firstname="last")]
    body = {
        "inputs": [
            {"from": {"id": company}, "to": {"id": contact}, "type": "company_to_contact_unlabeled"}
            for contact in contacts
        ]
    }
    assert call("POST", f"{BASE}/companies/contacts/batch/create", json=body).status == 201

    row = call("POST", f"{BASE}/companies/contacts/batch/read", json={"inputs": [{"id": company}]}).json()["results"][0]
    first = {each["id"] for each in row["to"]}
    link = row["paging"]["next"]["link"].removeprefix(emulator.base_url)
    rest = {each["id"] for each in call("GET", link).json()["results"]}

    assert len(first) == 100
    assert first | rest == set(contacts)


def test_the_types_have_names(call: Call) -> None:
    found = call("GET", f"{BASE}/contacts/companies/types").json()["results"]

    assert {"id": "1", "name": "contact_to_company"} in found
    assert {"id": "279", "name": "contact_to_company_unlabeled"} in found


def test_a_missing_record_is_an_error_of_its_input(call: Call, pair: tuple[str, str]) -> None:
    deal, contact = pair
    inputs = [
        {"from": {"id": deal}, "to": {"id": "1"}, "type": "deal_to_contact"},
        {"from": {"id": deal}, "to": {"id": contact}, "type": "deal_to_contact"},
    ]

    answer = call("POST", f"{BASE}/deals/contacts/batch/create", json={"inputs": inputs})

    assert answer.status == 207
    assert len(answer.json()["results"]) == 2
    assert answer.json()["errors"][0]["subCategory"] == "crm.associations.TO_OBJECT_NOT_FOUND"


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_inputs_of_the_wrong_shape_are_passed_over_in_silence_as_recorded(call: Call, pair: tuple[str, str]) -> None:
    wanted = json.loads((RECORDED / "associations/v3_batch_create_silent_noop__thread.json").read_text())
    inputs = [{"from": pair[1], "to": "1", "type": "contact_to_company"}]

    answer = call("POST", f"{BASE}/contact/company/batch/create", json={"inputs": inputs}).json()

    assert (set(answer), answer["status"], answer["results"]) == (set(wanted), wanted["status"], wanted["results"])


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_an_unknown_type_is_refused_as_recorded(call: Call, pair: tuple[str, str]) -> None:
    wanted = json.loads((RECORDED / "errors/associations_400_invalid_type_v3__go_hubspot.json").read_text())

    answer = call("PUT", f"/crm/v3/objects/deals/{pair[0]}/associations/contacts/{pair[1]}/test")

    assert answer.status == 400
    assert answer.json() | {"correlationId": ""} == wanted | {"correlationId": ""}
