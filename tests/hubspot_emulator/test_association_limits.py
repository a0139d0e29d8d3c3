"""Limits of associations that are set, and what holds then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

BASE = "/crm/associations/2026-09/definitions/configurations"
PAIR = f"{BASE}/companies/contacts"
Call = Callable[..., Any]


def make(call: Call, object_type: str, **properties: str) -> str:
    return str(call("POST", f"/crm/objects/2026-09/{object_type}", json={"properties": properties}).json()["id"])


def set_limit(
    call: Call, most: Any, type_id: int = 280, category: str = "HUBSPOT_DEFINED", verb: str = "create"
) -> Any:
    inputs = [{"category": category, "typeId": type_id, "maxToObjectIds": most}]
    return call("POST", f"{PAIR}/batch/{verb}", json={"inputs": inputs})


def link(call: Call, company: str, contact: str) -> Any:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280}]
    inputs = [{"from": {"id": company}, "to": {"id": contact}, "types": types}]
    return call("POST", "/crm/associations/2026-09/companies/contacts/batch/create", json={"inputs": inputs})


def test_a_record_at_its_limit_takes_no_more_from_either_side(call: Call) -> None:
    set_limit(call, 2)
    company = make(call, "companies", name="Acme")
    contacts = [make(call, "contacts", firstname=name) for name in "ABC"]

    answers = [link(call, company, contact) for contact in contacts]
    again = link(call, company, contacts[0])
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    path = f"/crm/objects/2026-09/contacts/{contacts[2]}/associations/companies/{company}"
    other_side = call("PUT", path, json=types)

    assert [answer.status for answer in answers] == [201, 201, 207]
    assert answers[2].json()["errors"][0]["subCategory"] == "crm.associations.ASSOCIATION_LIMIT_EXCEEDED"
    assert (again.status, other_side.status) == (201, 400)
    assert set_limit(call, 3, verb="update").status == 200
    assert link(call, company, contacts[2]).status == 201


def test_what_is_there_stays_when_a_limit_is_lowered_below_it(call: Call) -> None:
    company = make(call, "companies", name="Acme")
    for name in "ABC":
        link(call, company, make(call, "contacts", firstname=name))

    set_limit(call, 1)

    found = call("GET", f"/crm/objects/2026-09/companies/{company}/associations/contacts").json()["results"]
    assert len(found) == 3


def test_limits_are_listed_and_taken_away(call: Call) -> None:
    wanted = {"category": "HUBSPOT_DEFINED", "typeId": 280, "userEnforcedMaxToObjectIds": 5}
    assert call("GET", f"{BASE}/all").json() == {"results": []}

    assert set_limit(call, 5).json()["results"] == [wanted]

    assert call("GET", f"{BASE}/all").json()["results"] == [wanted]
    listed = call("GET", PAIR).json()["results"]
    assert wanted in listed
    assert len(listed) == len(call("GET", "/crm/associations/2026-09/companies/contacts/labels").json()["results"])
    inputs = {"inputs": [{"category": "HUBSPOT_DEFINED", "typeId": 280}]}
    assert call("POST", f"{PAIR}/batch/purge", json=inputs).json()["results"] == []
    assert call("GET", f"{BASE}/all").json() == {"results": []}


def test_v4_answers_201_and_204(call: Call) -> None:
    path = "/crm/associations/v4/definitions/configurations/companies/contacts/batch"
    type_ = {"category": "HUBSPOT_DEFINED", "typeId": 280}

    assert call("POST", f"{path}/create", json={"inputs": [{**type_, "maxToObjectIds": 7}]}).status == 201
    assert call("POST", f"{path}/purge", json={"inputs": [type_]}).status == 204


@pytest.mark.parametrize("most", [0, 10_001, "many", None])
def test_a_limit_is_from_one_to_ten_thousand(call: Call, most: Any) -> None:
    answer = set_limit(call, most)

    assert (answer.status, answer.json()["results"]) == (207, [])
    assert call("GET", f"{BASE}/all").json() == {"results": []}


def test_a_labels_limit_is_not_above_the_defaults(call: Call) -> None:
    labels = call("GET", "/crm/associations/2026-09/companies/contacts/labels").json()["results"]
    own = next(each for each in labels if each["category"] == "USER_DEFINED")
    set_limit(call, 10)

    above = set_limit(call, 11, own["typeId"], "USER_DEFINED")
    below = set_limit(call, 9, own["typeId"], "USER_DEFINED")

    assert (above.status, below.status) == (207, 200)
    assert below.json()["results"][0]["label"] == own["label"]


def test_a_type_of_another_pair_is_refused(call: Call) -> None:
    answer = set_limit(call, 5, type_id=3)

    assert answer.json()["errors"][0]["subCategory"] == "crm.associations.INVALID_ASSOCIATION_TYPE"


def test_near_and_full_records_are_told(call: Call) -> None:
    set_limit(call, 5)
    full, near = make(call, "companies", name="Full"), make(call, "companies", name="Near")
    contacts = [make(call, "contacts", firstname=name) for name in "ABCDE"]
    for contact in contacts:
        link(call, full, contact)
    for contact in contacts[:4]:
        link(call, near, contact)

    base = "/crm/limits/2026-09/associations/records"
    found = call("GET", f"{base}/0-2/0-1").json()
    kinds = {each["objectTypeId"]: each for each in call("GET", f"{base}/from").json()["results"]}
    others = [each["objectTypeId"] for each in call("GET", f"{base}/companies/to").json()["results"]]

    assert found["limit"] == 5
    assert {"objectId": int(full), "label": "Full"} in found["atLimitFromRecordSamples"]
    assert {
        "objectId": int(near),
        "label": "Near",
        "usage": 4,
        "percentage": 80.0,
    } in found["nearLimitFromRecordSamples"]
    assert (kinds["0-2"]["hasRecordsAtLimit"], kinds["0-2"]["hasRecordsNearLimit"]) == (True, True)
    assert others == ["0-1"]


@pytest.mark.parametrize("path", ["/crm/associations/2026-09", "/crm/v4/associations"])
def test_a_report_is_promised_to_a_user_of_the_portal(call: Call, path: str) -> None:
    user = call("POST", "/settings/users/2026-03", json={"email": "ada@example.com"}).json()["id"]

    answer = call("POST", f"{path}/usage/high-usage-report/{user}").json()

    assert (answer["userId"], answer["userEmail"]) == (int(user), "ada@example.com")
    assert call("POST", f"{path}/usage/high-usage-report/7").status == 404
