"""Objects that a portal defines: their schemas, names, records, associations and scopes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

Call = Callable[..., Any]
RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded/schemas"
PREFIXES = ("/crm-object-schemas/2026-09/schemas", "/crm-object-schemas/v3/schemas", "/crm/v3/schemas")
SCHEMAS = PREFIXES[0]
BOATS = {
    "name": "boats",
    "labels": {"singular": "Boat", "plural": "Boats"},
    "requiredProperties": ["hull"],
    "searchableProperties": ["hull"],
    "primaryDisplayProperty": "hull",
    "secondaryDisplayProperties": [],
    "associatedObjects": ["CONTACT"],
    "properties": [
        {"name": "hull", "label": "Hull", "type": "string", "fieldType": "text", "hasUniqueValue": True},
        {"name": "length", "label": "Length", "type": "number", "fieldType": "number"},
    ],
}


@pytest.fixture
def boats(call: Call) -> dict[str, Any]:
    """The schema of boats, just made."""
    answer = call("POST", SCHEMAS, json=BOATS)
    assert answer.status == 201, answer.body
    return answer.json()


def make(call: Call, **properties: str) -> str:
    answer = call("POST", "/crm/v3/objects/boats", json={"properties": properties})
    assert answer.status == 201, answer.body
    return str(answer.json()["id"])


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_generated_portal_has_cars_under_every_path(call: Call, prefix: str) -> None:
    (cars,) = call("GET", prefix).json()["results"]

    assert (cars["name"], cars["fullyQualifiedName"]) == ("cars", "p62515_cars")
    assert call("GET", f"{prefix}/cars").json() == cars
    for name in ("cars", "p62515_cars", "P62515_CARS", cars["objectTypeId"]):
        assert len(call("GET", f"/crm/objects/2026-09/{name}").json()["results"]) == 5


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_a_schema_has_the_recorded_shape(call: Call, boats: dict[str, Any]) -> None:
    recorded = json.loads((RECORDED / "get_custom_v3__grouparoo.json").read_text())

    added = {"allowsSensitiveProperties", "createdByUserId", "updatedByUserId"}  # since 2022, in a later recording
    assert set(boats) - added == set(recorded)
    own = [property_ for property_ in boats["properties"] if property_["name"] == "hull"]
    assert own[0]["groupName"] == "boats_information"
    assert set(recorded["associations"][0]) <= set(boats["associations"][0])
    assert [each["name"] for each in boats["associations"][:2]] == ["boats_to_contact"] * 2


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_the_schema_of_contacts_has_the_recorded_shape(call: Call) -> None:
    recorded = json.loads((RECORDED / "get_contacts_with_associations__amp_labs.json").read_text())

    answer = call("GET", "/crm-object-schemas/v3/schemas/contacts").json()

    assert set(answer) == set(recorded)
    assert answer["description"] == recorded["description"]
    named = {(each["name"], each["id"]): each for each in answer["associations"]}
    for wanted in recorded["associations"][1:]:
        found = named[wanted["name"], wanted["id"]]
        assert set(found) == set(wanted)


def test_records_of_a_new_object_are_written_read_searched_and_kept(call: Call, boats: dict[str, Any]) -> None:
    record_id = make(call, hull="H-1", length="7.5")
    body = {"inputs": [{"id": "H-1", "idProperty": "hull", "properties": {"length": "8"}}]}

    assert call("POST", "/crm/v3/objects/p62515_boats/batch/upsert", json=body).json()["results"][0]["id"] == record_id
    found = call(
        "POST", f"/crm/v3/objects/{boats['objectTypeId']}/search", json={"query": "h-1", "properties": ["length"]}
    )
    assert [hit["properties"]["length"] for hit in found.json()["results"]] == ["8"]
    assert call("POST", "/crm/v3/objects/boats", json={"properties": {"hull": "H-1"}}).status == 400
    missing = call("POST", "/crm/v3/objects/boats", json={"properties": {"length": "1"}})
    assert missing.json()["context"] == {"properties": ["hull"]}


def test_a_new_object_is_associated_with_what_it_names_and_with_activities(call: Call, boats: dict[str, Any]) -> None:
    boat = make(call, hull="H-2")
    contact = call("GET", "/crm/v3/objects/contacts?limit=1").json()["results"][0]["id"]

    labels = call("GET", "/crm/v4/associations/contacts/boats/labels").json()["results"]
    assert [(each["category"], each["label"]) for each in labels] == [("USER_DEFINED", None)]
    put = call("PUT", f"/crm/v4/objects/boats/{boat}/associations/default/contacts/{contact}")
    assert put.status == 200
    inline = call("GET", f"/crm/v3/objects/contacts/{contact}?associations=boats").json()["associations"]
    assert inline["p62515_boats"]["results"] == [{"id": boat, "type": "boats_to_contact"}]
    notes = call("GET", "/crm/v4/associations/boats/notes/labels").json()["results"]
    assert len(notes) == 1
    delete = call("DELETE", f"/crm/v4/associations/contacts/boats/labels/{labels[0]['typeId']}")
    assert delete.status == 400


def test_associations_of_a_schema_come_and_go(call: Call, boats: dict[str, Any]) -> None:
    body = {"fromObjectTypeId": boats["objectTypeId"], "toObjectTypeId": "0-3", "name": "boat_to_deal"}
    made = call("POST", f"{SCHEMAS}/boats/associations", json=body)

    assert made.status == 201
    assert call("POST", f"{SCHEMAS}/boats/associations", json=body).status == 409
    assert call("DELETE", f"{SCHEMAS}/boats/associations/{made.json()['id']}").status == 204
    assert call("GET", "/crm/v4/associations/boats/deals/labels").json()["results"] == []


def test_a_schema_is_changed_and_parts_are_left_out(call: Call, boats: dict[str, Any]) -> None:
    changed = call(
        "PATCH", f"{SCHEMAS}/boats", json={"requiredProperties": ["length"], "clearDescription": True}
    ).json()

    assert (changed["requiredProperties"], changed["portalId"]) == (["length"], 62515)
    assert "properties" not in changed
    assert call("POST", "/crm/v3/objects/boats", json={"properties": {"hull": "H-3"}}).status == 400
    without = "includePropertyDefinitions=false&includeAssociationDefinitions=false&includeAuditMetadata=false"
    short = call("GET", f"{SCHEMAS}/boats?{without}").json()
    assert (short["properties"], short["associations"], "createdAt" in short) == ([], [], False)
    assert call("PATCH", f"{SCHEMAS}/boats", json={"searchableProperties": ["mast"]}).status == 400
    assert call("PATCH", f"{SCHEMAS}/contacts", json={"restorable": True}).status == 400
    read = call("POST", f"{SCHEMAS}/batch/read", json={"inputs": ["boats", "nothing"]}).json()
    assert [schema["name"] for schema in read["results"]] == ["boats"]


def test_archiving_a_schema_needs_it_empty_and_frees_its_name_at_last(call: Call, boats: dict[str, Any]) -> None:
    record_id = make(call, hull="H-4")
    assert call("DELETE", f"{SCHEMAS}/boats").status == 400
    call("DELETE", f"/crm/v3/objects/boats/{record_id}")

    assert call("DELETE", f"{SCHEMAS}/boats").status == 204
    gone = call("GET", "/crm/v3/objects/boats")
    assert gone.json()["message"] == "Unable to infer object type from: boats"
    archived = call("GET", f"{SCHEMAS}?archived=true").json()["results"]
    assert [schema["name"] for schema in archived] == ["boats"]
    assert call("POST", SCHEMAS, json=BOATS).status == 409
    assert call("DELETE", f"{SCHEMAS}/boats?archived=true").status == 204
    assert call("POST", SCHEMAS, json=BOATS).status == 201


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "contacts"}, 409),
        ({"name": "CARS"}, 409),
        ({"name": "1boat"}, 400),
        ({"requiredProperties": ["mast"]}, 400),
        ({"associatedObjects": ["planes"]}, 400),
        ({"sails": 2}, 400),
    ],
)
def test_a_schema_that_cannot_be_leaves_nothing_behind(call: Call, change: dict[str, Any], status: int) -> None:
    assert call("POST", SCHEMAS, json=BOATS | change).status == status

    assert [schema["name"] for schema in call("GET", SCHEMAS).json()["results"]] == ["cars"]
    assert call("GET", "/crm/v3/objects/boats").status == 400
    assert call("POST", SCHEMAS, json=BOATS).status == 201


def test_a_kept_portal_still_has_its_objects(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call], tmp_path: Path
) -> None:
    path = str(tmp_path / "portal.db")
    with Emulator(Settings(contacts=10, db=path)) as first:
        call = connect(first.base_url)
        assert call("POST", SCHEMAS, json=BOATS).status == 201
        record_id = make(call, hull="H-5")

    second = connect(portal_factory(db=path).base_url)
    assert second("GET", f"/crm/v3/objects/boats/{record_id}").status == 200


def test_scopes_of_custom_objects(portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]) -> None:
    tokens = {
        "pat-records": frozenset({"crm.objects.custom.read"}),
        "pat-contacts": frozenset({"crm.objects.contacts.read"}),
        "pat-schemas": frozenset({"crm.schemas.custom.write"}),
    }
    call = connect(portal_factory(contacts=10, tokens=tokens).base_url)

    assert call("GET", "/crm/v3/objects/cars", token="pat-records").status == 200
    assert call("GET", SCHEMAS, token="pat-records").status == 200
    refused = call("GET", "/crm/v3/objects/cars", token="pat-contacts")
    assert (refused.status, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert call("GET", SCHEMAS, token="pat-contacts").status == 403
    assert call("GET", f"{SCHEMAS}/contacts", token="pat-contacts").status == 200
    assert call("POST", SCHEMAS, token="pat-records", json=BOATS).status == 403
    assert call("POST", SCHEMAS, token="pat-schemas", json=BOATS).status == 201
    assert call("GET", "/crm/properties/2026-09/cars", token="pat-records").status == 200


@pytest.mark.parametrize("tier", ["free", "starter", "professional"])
def test_below_enterprise_there_are_no_custom_objects(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call], tier: str
) -> None:
    call = connect(portal_factory(contacts=10, limits=False, tier=tier).base_url)

    listed, made = call("GET", "/crm/v3/schemas"), call("POST", "/crm-object-schemas/2026-09/schemas", json={})

    assert (listed.status, made.status) == (403, 403)
    assert listed.json()["category"] == made.json()["category"] == "MISSING_SCOPES"
    assert listed.json()["context"]["requiredGranularScopes"] == ["custom-object-read"]
    assert call("GET", "/crm/objects/2026-09/cars").status == 400
    assert call("GET", "/crm-object-schemas/2026-09/schemas/contacts").status == 200


@pytest.mark.parametrize("wanted", [False, True])
def test_an_object_is_associated_with_itself_where_it_is_asked_for(call: Call, wanted: bool) -> None:
    schema = call("POST", SCHEMAS, json=BOATS | {"shouldCreateSameObjectAssociation": wanted}).json()
    own = schema["objectTypeId"]

    pairs = [(each["fromObjectTypeId"], each["toObjectTypeId"]) for each in schema["associations"]]

    assert ((own, own) in pairs) is wanted
    one, other = make(call, hull="A"), make(call, hull="B")
    link = call("PUT", f"/crm/v4/objects/boats/{one}/associations/default/boats/{other}")
    assert (link.status < 300) is wanted
