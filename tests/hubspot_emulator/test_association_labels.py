"""Label definitions: refusals, ids a direction, renaming, deleting."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import urllib3

from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

PREFIXES = ["/crm/associations/2026-09", "/crm/v4/associations", "/crm/associations/v4"]
_numbers = itertools.count(1)

Answer = tuple[int, dict]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(Settings(contacts=0, limits=False)) as running:
        yield running


def call(emulator: Emulator, method: str, path: str, body: object = None) -> Answer:
    with urllib3.PoolManager(headers={"Authorization": "Bearer pat-test"}) as pool:
        answer = pool.request(method, emulator.base_url + path, json=body)
        return answer.status, answer.json() if answer.data else {}


def create(emulator: Emulator, ends: str, **body: str) -> Answer:
    return call(emulator, "POST", f"{PREFIXES[0]}/{ends}/labels", {"name": f"label_{next(_numbers)}", **body})


def listed(emulator: Emulator, ends: str) -> dict[tuple[str, int], str | None]:
    _, answer = call(emulator, "GET", f"{PREFIXES[0]}/{ends}/labels")
    return {(each["category"], each["typeId"]): each["label"] for each in answer["results"]}


@pytest.mark.parametrize("name", ["manager-employee", "1st", ""])
def test_a_name_with_a_hyphen_or_a_digit_first_is_refused(emulator: Emulator, name: str) -> None:
    status, answer = create(emulator, "contacts/deals", name=name, label="Manager")

    assert (status, answer["category"]) == (400, "VALIDATION_ERROR")


def test_a_name_is_taken_once_and_ten_labels_fill_a_pair(emulator: Emulator) -> None:
    for number in range(10):
        assert create(emulator, "tickets/contacts", name=f"name_{number}", label="Label")[0] == 200

    assert create(emulator, "tickets/contacts", name="name_3", label="Other")[0] == 409
    assert create(emulator, "tickets/contacts", name="name_10", label="Label")[0] == 400


def test_a_label_in_use_cannot_be_deleted_nor_can_what_hubspot_defined(emulator: Emulator) -> None:
    _, made = create(emulator, "companies/deals", label="Reseller")
    type_id = made["results"][0]["typeId"]
    _, company = call(emulator, "POST", "/crm/objects/2026-09/companies", {"properties": {"name": "Acme"}})
    _, deal = call(emulator, "POST", "/crm/objects/2026-09/deals", {"properties": {"dealname": "One"}})
    pair = f"/crm/objects/2026-09/companies/{company['id']}/associations/deals/{deal['id']}"
    call(emulator, "PUT", pair, [{"associationCategory": "USER_DEFINED", "associationTypeId": type_id}])
    path = f"{PREFIXES[0]}/companies/deals/labels"

    in_use, _ = call(emulator, "DELETE", f"{path}/{type_id}")
    by_hubspot, _ = call(emulator, "DELETE", f"{path}/342")
    call(emulator, "DELETE", pair)
    free, _ = call(emulator, "DELETE", f"{path}/{type_id}")

    assert (in_use, by_hubspot, free) == (400, 400, 204)
    assert ("USER_DEFINED", type_id) not in listed(emulator, "companies/deals")
    assert "Reseller" not in listed(emulator, "deals/companies").values()


def test_a_paired_label_has_an_id_and_a_text_a_direction(emulator: Emulator) -> None:
    status, answer = create(emulator, "contacts/companies", label="Consultant", inverseLabel="Client")

    by_text = {each["label"]: each["typeId"] for each in answer["results"]}
    assert status == 200
    assert by_text["Client"] == by_text["Consultant"] + 1
    assert listed(emulator, "contacts/companies")["USER_DEFINED", by_text["Consultant"]] == "Consultant"
    assert listed(emulator, "companies/contacts")["USER_DEFINED", by_text["Client"]] == "Client"


def test_a_paired_label_between_records_of_one_type_tells_the_sides_apart(emulator: Emulator) -> None:
    _, answer = create(emulator, "contacts/contacts", label="Manager", inverseLabel="Employee")
    manager = next(each["typeId"] for each in answer["results"] if each["label"] == "Manager")
    ids = []
    for _ in range(2):
        _, record = call(emulator, "POST", "/crm/objects/2026-09/contacts", {"properties": {"firstname": "Ada"}})
        ids.append(record["id"])
    path = f"/crm/objects/2026-09/contacts/{ids[0]}/associations/contacts"

    call(emulator, "PUT", f"{path}/{ids[1]}", [{"associationCategory": "USER_DEFINED", "associationTypeId": manager}])

    seen = []
    for own in ids:
        _, answer = call(emulator, "GET", f"/crm/objects/2026-09/contacts/{own}/associations/contacts")
        seen.append({each["label"] for each in answer["results"][0]["associationTypes"]})
    assert seen == [{None, "Manager"}, {None, "Employee"}]


def test_a_symmetric_label_across_two_objects_is_answered_once_and_has_two_ids(emulator: Emulator) -> None:
    _, answer = create(emulator, "deals/tickets", label="Related")

    type_id = answer["results"][0]["typeId"]
    assert len(answer["results"]) == 1
    assert listed(emulator, "deals/tickets")["USER_DEFINED", type_id] == "Related"
    assert listed(emulator, "tickets/deals")["USER_DEFINED", type_id + 1] == "Related"


def test_renaming_changes_the_texts_and_not_the_ids(emulator: Emulator) -> None:
    _, made = create(emulator, "companies/companies", label="Manager", inverseLabel="Employee")
    ids = {each["label"]: each["typeId"] for each in made["results"]}
    body = {"associationTypeId": ids["Manager"], "label": "Boss", "inverseLabel": "Report"}

    status, _ = call(emulator, "PUT", f"{PREFIXES[0]}/companies/companies/labels", body)

    found = listed(emulator, "companies/companies")
    assert status == 204
    assert (found["USER_DEFINED", ids["Manager"]], found["USER_DEFINED", ids["Employee"]]) == ("Boss", "Report")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_path_lists_the_default_and_the_primary(emulator: Emulator, prefix: str) -> None:
    status, answer = call(emulator, "GET", f"{prefix}/contact/company/labels")

    assert status == 200
    assert {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None} in answer["results"]
    assert {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"} in answer["results"]
