"""The properties API: what it lists, what it adds, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.server import Emulator

Call = Callable[..., Any]
PROPERTIES = "/crm/properties/2026-09/contacts"


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator]) -> Emulator:
    """An empty portal."""
    return portal_factory(contacts=0, limits=False)


def definition(name: str = "shoe_size", **more: Any) -> dict[str, Any]:
    plain = {"name": name, "label": "Size", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    return plain | more


def test_all_definitions_come_at_once_with_hubspots_own_keys(call: Call) -> None:
    found = {each["name"]: each for each in call("GET", PROPERTIES).json()["results"]}

    assert len(found) > 300
    assert {"name", "label", "type", "fieldType", "options", "modificationMetadata", "hasUniqueValue"} <= set(
        found["email"]
    )
    assert found["lastmodifieddate"]["modificationMetadata"]["readOnlyValue"] is True


def test_a_new_property_can_be_written_and_read_at_once(call: Call) -> None:
    created = call("POST", PROPERTIES, json=definition())
    contact = call("POST", "/crm/v3/objects/contacts", json={"properties": {"firstname": "A", "shoe_size": "44"}})

    assert created.status == 201
    assert created.headers["location"].endswith("/shoe_size")
    assert contact.json()["properties"]["shoe_size"] == "44"
    assert call("GET", f"{PROPERTIES}/shoe_size").json() == created.json()


def test_a_name_that_is_taken_is_a_conflict(call: Call) -> None:
    answer = call("POST", PROPERTIES, json=definition("email"))

    assert answer.status == 409
    assert answer.json()["message"] == "A property named 'email' already exists."
    assert answer.json()["category"] == "OBJECT_ALREADY_EXISTS"
    assert answer.json()["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": "Shoe Size"}, "Shoe Size"),
        ({"label": ""}, "label"),
        ({"type": "text"}, "text"),
        ({"fieldType": "checkbox"}, "checkbox"),
        ({"groupName": "nowhere"}, "nowhere"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_definition_that_cannot_be_is_refused_by_name(call: Call, change: dict[str, Any], named: str) -> None:
    answer = call("POST", PROPERTIES, json=definition() | change)

    assert answer.status == 400
    assert named in answer.json()["message"]


def test_an_object_has_ten_unique_properties_at_most(call: Call) -> None:
    answers = [call("POST", PROPERTIES, json=definition(f"key_{n}", hasUniqueValue=True)).status for n in range(12)]
    taken = answers.count(201)

    assert taken <= 10
    assert answers == [201] * taken + [400] * (12 - taken)


def test_options_replace_the_whole_list(call: Call) -> None:
    options = [{"label": each, "value": each} for each in ("a", "b")]
    call("POST", PROPERTIES, json=definition(type="enumeration", fieldType="select", options=options))

    changed = call("PATCH", f"{PROPERTIES}/shoe_size", json={"options": [{"label": "c", "value": "c"}]})

    assert [each["value"] for each in changed.json()["options"]] == ["c"]
    refused = call("POST", "/crm/v3/objects/contacts", json={"properties": {"firstname": "A", "shoe_size": "a"}})
    assert "a was not one of the allowed options: [c]" in refused.json()["message"]


def test_an_archived_property_is_gone_until_it_is_made_again(call: Call) -> None:
    call("POST", PROPERTIES, json=definition())

    assert call("DELETE", f"{PROPERTIES}/shoe_size").status == 204

    assert call("GET", f"{PROPERTIES}/shoe_size").status == 404
    assert call("GET", f"{PROPERTIES}/shoe_size?archived=true").json()["archived"] is True
    assert call("POST", PROPERTIES, json=definition()).status == 201
    assert call("GET", f"{PROPERTIES}/shoe_size").status == 200


def test_a_batch_lists_names_that_are_taken_beside_what_it_made(call: Call) -> None:
    answer = call("POST", f"{PROPERTIES}/batch/create", json={"inputs": [definition(), definition("email")]})

    body = answer.json()
    assert (answer.status, body["status"], body["numErrors"]) == (207, "COMPLETE", 1)
    assert [each["name"] for each in body["results"]] == ["shoe_size"]
    assert body["errors"][0]["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"


def test_a_batch_read_lists_names_that_do_not_exist(call: Call) -> None:
    answer = call("POST", f"{PROPERTIES}/batch/read", json={"inputs": [{"name": "email"}, {"name": "nowhere"}]})

    assert answer.status == 207
    assert [each["name"] for each in answer.json()["results"]] == ["email"]
    assert answer.json()["errors"][0]["context"] == {"name": ["nowhere"]}


def test_a_refused_batch_leaves_no_definition_behind(call: Call) -> None:
    inputs = [definition(), definition("other", groupName="nowhere")]

    assert call("POST", f"{PROPERTIES}/batch/create", json={"inputs": inputs}).status == 400

    assert call("GET", f"{PROPERTIES}/shoe_size").status == 404
    assert "shoe_size" not in {each["name"] for each in call("GET", PROPERTIES).json()["results"]}


def test_definitions_outlive_the_process_in_a_portal_with_a_file(
    portal_factory: Callable[..., Emulator], tmp_path: Any
) -> None:
    path = str(tmp_path / "portal.db")
    first = portal_factory(contacts=0, db=path)
    with first.portal.lock:
        first.portal.add_property("0-1", definition())
        first.portal.commit()
    first.stop()

    assert "shoe_size" in portal_factory(contacts=0, db=path).portal.properties("0-1")


def test_a_property_keeps_how_it_is_to_be_shown(call: Call) -> None:
    hints = {"textDisplayHint": "multi_line", "currencyPropertyName": "deal_currency_code"}
    body = {"name": "shown", "label": "Shown", "type": "string", "fieldType": "text", "groupName": "contactinformation"}

    made = call("POST", "/crm/properties/2026-09/contacts", json=body | hints).json()
    changed = call("PATCH", "/crm/properties/2026-09/contacts/shown", json={"textDisplayHint": "email"}).json()

    assert {name: made[name] for name in hints} == hints
    assert changed["textDisplayHint"] == "email"
