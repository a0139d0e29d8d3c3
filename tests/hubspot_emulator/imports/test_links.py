"""Associations that imports make: between the records of a row, across files, among records of one type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from import_client import Imports, column, render_csv

from hubspot_emulator.knobs import Knobs

Call = Callable[..., Any]
EMAIL = column("Email", "email")
DOMAIN = column("Domain", "domain", "0-2")
LABEL = column("Label", None, columnType="FLEXIBLE_ASSOCIATION_LABEL", toColumnObjectTypeId="0-2")
KEYS = column("Associated", None, columnType="ASSOCIATION_KEYS", toColumnObjectTypeId="0-1")
SAME_LABEL = column("Label", None, columnType="FLEXIBLE_ASSOCIATION_LABEL", toColumnObjectTypeId="0-1")


def create(call: Call, objects: str, **properties: str) -> str:
    return str(call("POST", f"/crm/v3/objects/{objects}", json={"properties": properties}).json()["id"])


def labels(call: Call, from_type: str, from_id: str, to_type: str) -> dict[str, set[str | None]]:
    """Give the labels of a record's associations by the other ends' ids; None is the unlabelled one."""
    path = f"/crm/v4/objects/{from_type}/{from_id}/associations/{to_type}"
    return {
        str(each["toObjectId"]): {found["label"] for found in each["associationTypes"]}
        for each in call("GET", path).json()["results"]
    }


@pytest.fixture
def people(call: Call) -> list[str]:
    """Three contacts: a@x.com, b@x.com, c@x.com."""
    return [create(call, "contacts", email=f"{name}@x.com") for name in "abc"]


def test_a_row_of_two_objects_is_a_pair_and_a_record_may_repeat_with_other_labels(imports: Imports, call: Call) -> None:
    rows = [["a@x.com", "one.com", "Billing Contact"], ["a@x.com", "two.com", "Decision maker; Consultant"]]
    job = imports.run([*rows, ["b@x.com", "two.com", ""]], [EMAIL, DOMAIN, LABEL])

    assert imports.errors(job) == []
    contact = imports.contact("a@x.com")["id"]
    found = labels(call, "contacts", contact, "companies")
    assert sorted(map(sorted, ({str(each) for each in held} for held in found.values()))) == [
        ["Billing Contact", "None", "Primary"],
        ["Consultant", "Decision maker", "None"],
    ]
    assert job["metadata"]["counters"]["CREATED_OBJECTS"] == 4
    assert job["metadata"]["counters"]["UNIQUE_OBJECTS_WRITTEN"] == 4
    assert job["mappedObjectTypeIds"] == ["0-1", "0-2"]


def test_the_text_primary_makes_a_company_the_primary_one(imports: Imports, call: Call) -> None:
    imports.run([["a@x.com", "one.com", ""], ["a@x.com", "two.com", "Primary"]], [EMAIL, DOMAIN, LABEL])

    contact = imports.contact("a@x.com")["id"]
    held = {company: "Primary" in found for company, found in labels(call, "contacts", contact, "companies").items()}
    domains = {
        call("GET", f"/crm/v3/objects/companies/{company}").json()["properties"]["domain"]: primary
        for company, primary in held.items()
    }
    assert domains == {"one.com": False, "two.com": True}


def test_labels_are_added_and_never_taken_away(imports: Imports, call: Call) -> None:
    imports.run([["a@x.com", "one.com", "Decision maker"]], [EMAIL, DOMAIN, LABEL])
    job = imports.run([["a@x.com", "one.com", "Consultant"]], [EMAIL, DOMAIN, LABEL])

    (found,) = labels(call, "contacts", imports.contact("a@x.com")["id"], "companies").values()
    assert found == {None, "Primary", "Decision maker", "Consultant"}
    assert job["metadata"]["counters"]["ASSOCIATIONS_CREATED"] == 1
    assert job["metadata"]["counters"]["ASSOCIATIONS_EMITTED"] == 2


def test_an_unknown_label_is_an_error_and_the_records_are_written(imports: Imports, call: Call) -> None:
    job = imports.run([["a@x.com", "one.com", "No such"]], [EMAIL, DOMAIN, LABEL])

    assert imports.errors(job) == [("ASSOCIATION_LABEL_NOT_FOUND", 2)]
    assert labels(call, "contacts", imports.contact("a@x.com")["id"], "companies") == {}


def test_either_sides_label_of_a_pair_of_two_objects_may_be_written(imports: Imports, call: Call) -> None:
    imports.run([["a@x.com", "one.com", "Client"]], [EMAIL, DOMAIN, LABEL])

    contact = imports.contact("a@x.com")["id"]
    ((company, found),) = labels(call, "contacts", contact, "companies").items()
    assert found == {None, "Primary", "Consultant"}
    assert labels(call, "companies", company, "contacts")[contact] == {None, "Primary", "Client"}


def test_two_files_are_joined_on_a_common_column_whichever_comes_first(imports: Imports, call: Call) -> None:
    key = EMAIL | {"associationIdentifierColumn": True}
    link = {"associationTypeId": 280, "associationCategory": "HUBSPOT_DEFINED"}
    common = column("Email", None, "0-2", toColumnObjectTypeId="0-1", foreignKeyType=link)
    companies = render_csv([["Domain", "Email"], ["one.com", "a@x.com"], ["two.com", "nobody@x.com"]])
    contacts = render_csv([["Email", "First"], ["a@x.com", "A"]])

    _, body = imports.post(
        {
            "companies.csv": (companies, [DOMAIN, common]),
            "contacts.csv": (contacts, [key, column("First", "firstname")]),
        }
    )
    job = imports.wait(body["id"])

    assert imports.errors(job) == [("ASSOCIATION_RECORD_NOT_FOUND", 3)]
    assert len(labels(call, "contacts", imports.contact("a@x.com")["id"], "companies")) == 1
    assert len(job["metadata"]["fileIds"]) == 2


def test_a_legacy_id_column_has_a_fixed_type(imports: Imports, call: Call) -> None:
    company = create(call, "companies", domain="one.com")
    link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}
    legacy = {"idColumnType": "HUBSPOT_OBJECT_ID", "propertyName": None, "columnObjectType": "CONTACT"}
    ids = legacy | {"columnName": "Company ID", "foreignKeyType": link, "ignored": False}

    job = imports.run([["a@x.com", company], ["b@x.com", "999999999"], ["c@x.com", f"{company};1"]], [EMAIL, ids])

    assert imports.errors(job) == [("UNKNOWN_ASSOCIATION_RECORD_ID", 3), ("UNKNOWN_ASSOCIATION_RECORD_ID", 4)]
    assert labels(call, "contacts", imports.contact("a@x.com")["id"], "companies") == {company: {None, "Primary"}}


def test_a_knob_splits_the_keys_of_a_fixed_type(make_imports: Callable[..., Imports]) -> None:
    imports = make_imports(knobs=Knobs(import_foreign_keys_split=True))
    imports.run([["one.com"], ["two.com"]], [DOMAIN])
    link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}
    domains = column("Domains", None, columnType="HUBSPOT_ALTERNATE_ID", foreignKeyType=link)

    job = imports.run([["a@x.com", "one.com; two.com"]], [EMAIL, domains])

    assert imports.errors(job) == []
    assert job["metadata"]["counters"]["ASSOCIATIONS_CREATED"] == 2


def test_all_records_of_a_cell_get_the_rows_label_and_the_row_gets_its_inverse(
    imports: Imports, call: Call, people: list[str]
) -> None:
    boss, one, other = people

    job = imports.run([[f"{boss}", f"b@x.com; {other}", "Employee"]], [column("ID", "hs_object_id"), KEYS, SAME_LABEL])

    assert imports.errors(job) == []
    assert labels(call, "contacts", boss, "contacts") == {one: {None, "Employee"}, other: {None, "Employee"}}
    assert labels(call, "contacts", one, "contacts") == {boss: {None, "Manager"}}


def test_a_new_record_is_associated_with_an_old_one_and_never_with_another_new_one(
    imports: Imports, call: Call, people: list[str]
) -> None:
    rows = [["new1@x.com", "a@x.com;new2@x.com", "Friend"], ["new2@x.com", "", ""]]
    job = imports.run(rows, [EMAIL, KEYS, SAME_LABEL])

    assert imports.errors(job) == [("ASSOCIATION_RECORD_NOT_FOUND", 2)]
    new = imports.contact("new1@x.com")["id"]
    assert labels(call, "contacts", new, "contacts") == {people[0]: {None, "Friend"}}


@pytest.mark.usefixtures("people")
def test_keys_that_name_nobody_are_told_apart(imports: Imports, call: Call) -> None:
    create(call, "contacts", email="d@x.com", hs_additional_emails="second@x.com")
    keys = ["999999999", "nobody@x.com", "not a key", "second@x.com", "b@x.com; b@x.com", "a@x.com"]

    job = imports.run([[f"{key}", "a@x.com"] for key in keys[:1]], [KEYS, EMAIL])
    errors = imports.errors(job)
    for key in keys[1:]:
        errors += imports.errors(imports.run([[key, "a@x.com"]], [KEYS, EMAIL]))

    assert [error for error, _ in errors] == [
        "UNKNOWN_ASSOCIATION_RECORD_ID",
        "ASSOCIATION_RECORD_NOT_FOUND",
        "INVALID_ASSOCIATION_KEY",
        "ASSOCIATION_RECORD_NOT_FOUND",
        "DUPLICATE_ASSOCIATION_ID",
        "FAILED_TO_CREATE_ASSOCIATION",
    ]


def test_a_full_record_takes_no_more_associations(make_imports: Callable[..., Imports]) -> None:
    imports = make_imports(knobs=Knobs(ends_per_record=1))

    job = imports.run([["a@x.com", "one.com"], ["a@x.com", "two.com"]], [EMAIL, DOMAIN])

    assert imports.errors(job) == [("ASSOCIATION_LIMIT_EXCEEDED", 3)]
    assert job["metadata"]["counters"]["CREATED_OBJECTS"] == 3


def test_types_without_an_association_type_cannot_be_one_row(imports: Imports) -> None:
    job = imports.run([["a@x.com", "P"]], [EMAIL, column("Product", "name", "0-7")])

    assert imports.errors(job) == [("FAILED_TO_CREATE_ASSOCIATION", 2)]
