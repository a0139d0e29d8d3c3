"""Associations over HTTP: errors first, then what a write leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hubspot_emulator import associations
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings
from linker import DATED, PRIMARY, UNLABELLED, Linker, pair


@pytest.fixture(scope="module")
def api() -> Iterator[Linker]:
    knobs = Knobs(labels_per_pair=100)
    with Emulator(Settings(contacts=0, limits=False, knobs=knobs)) as emulator:
        caller = Linker(emulator)
        yield caller
        caller.pool.clear()


# --- errors ---------------------------------------------------------------------------------------------------------


def test_reading_a_record_without_associations_is_an_error_in_a_207(api: Linker) -> None:
    contact = str(api.create())

    status, answer = api.call("POST", f"{DATED}/contacts/companies/batch/read", {"inputs": [{"id": contact}]})

    assert (status, answer["results"], answer["numErrors"]) == (207, [], 1)
    assert answer["errors"][0] == {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No company is associated with contact {contact}.",
        "context": {"fromObjectId": [contact], "fromObjectType": ["contact"], "toObjectType": ["company"]},
    }


def test_one_pair_with_both_ends_missing_has_two_errors_and_the_other_pair_is_written(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    inputs = [pair(999_001, 999_002, UNLABELLED), pair(contact, company, UNLABELLED)]

    status, answer = api.call("POST", f"{DATED}/contacts/companies/batch/create", {"inputs": inputs})

    assert (status, len(answer["results"]), answer["numErrors"]) == (207, 1, 2)
    assert [(error["subCategory"], error["message"], error["context"]) for error in answer["errors"]] == [
        (
            "crm.associations.FROM_OBJECT_NOT_FOUND",
            "No contact with ID 999001 exists",
            {"objectType": ["contact"], "id": ["999001"]},
        ),
        (
            "crm.associations.TO_OBJECT_NOT_FOUND",
            "No company with ID 999002 exists",
            {"objectType": ["company"], "id": ["999002"]},
        ),
    ]


def test_a_text_for_an_id_and_a_record_with_itself_are_refused_one_by_one(api: Linker) -> None:
    contact = api.create()
    inputs = [pair("unknown_id", contact, ("HUBSPOT_DEFINED", 449)), pair(contact, contact, ("HUBSPOT_DEFINED", 449))]

    status, answer = api.call("POST", "/crm/v4/associations/contacts/contacts/batch/create", {"inputs": inputs})

    assert (status, answer["results"]) == (207, [])
    assert answer["errors"] == [
        {
            "status": "error",
            "category": "VALIDATION_ERROR",
            "subCategory": "crm.associations.INVALID_IDENTIFIER",
            "message": "unknown_id is not a valid ID",
            "context": {"id": ["unknown_id"]},
        },
        {
            "status": "error",
            "category": "VALIDATION_ERROR",
            "message": f"Object {contact} cannot be associated to itself ({contact})",
        },
    ]


def test_a_label_written_under_the_wrong_category_is_an_invalid_type(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    _, type_id = api.label("wrong_category")
    inputs = [pair(contact, company, ("INTEGRATOR_DEFINED", type_id))]

    status, answer = api.call("POST", f"{DATED}/contacts/companies/batch/create", {"inputs": inputs})

    assert status == 207
    assert answer["errors"][0]["subCategory"] == "crm.associations.INVALID_ASSOCIATION_TYPE"
    assert answer["errors"][0]["message"] == f"2-{type_id} is not a valid association type between CONTACT and COMPANY"
    assert api.read(contact) == {}


@pytest.mark.parametrize(
    ("call", "most"),
    [("batch/read", 1_000), ("batch/create", 2_000), ("batch/archive", 100), ("batch/labels/archive", 100)],
)
def test_a_batch_over_its_limit_is_refused_whole(api: Linker, call: str, most: int) -> None:
    one = {
        "batch/read": {"id": "1"},
        "batch/archive": {"from": {"id": "1"}, "to": [{"id": "2"}]},
    }.get(call, pair(1, 2, UNLABELLED))

    over, answer = api.call("POST", f"{DATED}/contacts/companies/{call}", {"inputs": [one] * (most + 1)})
    within, _ = api.call("POST", f"{DATED}/contacts/companies/{call}", {"inputs": [one] * most})

    assert (over, answer["category"]) == (400, "VALIDATION_ERROR")
    assert str(most) in answer["message"]
    assert within in {200, 201, 207}


def test_a_record_that_is_full_takes_no_new_end_but_its_labels_can_change() -> None:
    knobs = Knobs(ends_per_record=1)
    with Emulator(Settings(contacts=0, limits=False, knobs=knobs)) as emulator:
        caller = Linker(emulator)
        contact, first, second = caller.create(), caller.create("companies"), caller.create("companies")
        caller.link(contact, first, UNLABELLED)
        body = {"inputs": [pair(contact, second, UNLABELLED)]}
        status, answer = caller.call("POST", f"{DATED}/contacts/companies/batch/create", body)
        caller.link(contact, first, PRIMARY)
        linked = caller.read(contact)
        caller.pool.clear()

    assert (status, answer["numErrors"], answer["errors"][0]["category"]) == (207, 1, "VALIDATION_ERROR")
    assert answer["errors"][0]["context"] == {"fromObjectId": [str(contact)], "toObjectId": [str(second)]}
    assert set(linked) == {first}


def test_a_token_needs_the_scopes_of_both_objects() -> None:
    tokens = {"pat-half": frozenset({"crm.objects.contacts.read"})}
    with Emulator(Settings(contacts=0, limits=False, tokens=tokens)) as emulator:
        caller = Linker(emulator)
        body = {"inputs": [{"id": "1"}]}
        status, answer = caller.call("POST", f"{DATED}/contacts/companies/batch/read", body, token="pat-half")
        caller.pool.clear()

    assert (status, answer["category"]) == (403, "MISSING_SCOPES")
    assert answer["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.companies.read"]


def test_a_single_pair_cannot_be_read(api: Linker) -> None:
    status, _ = api.call("GET", "/crm/objects/2026-09/contacts/1/associations/companies/2")

    assert status == 405


# --- what a write leaves behind -------------------------------------------------------------------------------------


def test_a_labelled_write_makes_the_default_and_the_inverse_of_both(api: Linker) -> None:
    deal, contact = api.create("deals"), api.create()
    sponsor = api.label("sponsor", "Sponsored", ends="deals/contacts")

    api.link(deal, contact, sponsor, ends="deals/contacts")

    assert api.read(deal, "deals/contacts") == {contact: {("HUBSPOT_DEFINED", 3), sponsor}}
    assert api.read(contact, "contacts/deals") == {deal: {("HUBSPOT_DEFINED", 4), ("USER_DEFINED", sponsor[1] + 1)}}


def test_a_write_replaces_the_labels_and_keeps_what_hubspot_defined(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    old, new = api.label("old_label"), api.label("new_label")
    api.link(contact, company, old)

    api.link(contact, company, new)

    assert api.read(contact) == {company: {UNLABELLED, PRIMARY, new}}
    assert len(api.read(company, "companies/contacts")[contact]) == 3


def test_two_inputs_for_one_pair_leave_the_second_inputs_labels(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    first, second = api.label("first_label"), api.label("second_label")
    inputs = [pair(contact, company, first), pair(contact, company, second)]

    api.call("POST", f"{DATED}/contacts/companies/batch/create", {"inputs": inputs})

    assert api.read(contact)[company] & {first, second} == {second}


def test_writing_the_same_association_again_changes_nothing(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    both = (api.label("one_of_two"), api.label("two_of_two"))
    api.link(contact, company, *both)
    before = api.read(contact)

    api.link(contact, company, *both)

    assert api.read(contact) == before == {company: {UNLABELLED, PRIMARY, *both}}


def test_the_default_call_keeps_labels(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    label = api.label("kept_label")
    api.link(contact, company, label)

    path = f"/crm/objects/2026-09/contacts/{contact}/associations/default/companies/{company}"
    status, answer = api.call("PUT", path)

    assert status == 200
    assert [result["associationSpec"]["associationTypeId"] for result in answer["results"]] == [279, 280]
    assert label in api.read(contact)[company]


def test_removing_a_label_keeps_the_rest_and_removing_the_unlabelled_removes_all(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    first, second = api.label("removed_label"), api.label("staying_label")
    api.link(contact, company, first, second)

    api.call("POST", f"{DATED}/contacts/companies/batch/labels/archive", {"inputs": [pair(contact, company, first)]})
    after_label = api.read(contact)
    body = {"inputs": [pair(contact, company, UNLABELLED)]}
    api.call("POST", f"{DATED}/contacts/companies/batch/labels/archive", body)

    assert after_label == {company: {UNLABELLED, PRIMARY, second}}
    assert api.read(contact) == {}
    assert api.read(company, "companies/contacts") == {}


def test_taking_primary_away_leaves_the_link(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    api.link(contact, company, PRIMARY)

    api.call("POST", f"{DATED}/contacts/companies/batch/labels/archive", {"inputs": [pair(contact, company, PRIMARY)]})

    assert api.read(contact) == {company: {UNLABELLED}}
    assert api.read(company, "companies/contacts") == {contact: {("HUBSPOT_DEFINED", 280)}}


@pytest.mark.parametrize(("prefix", "status"), [("/crm/v4/associations", 204), (DATED, 200)])
def test_archiving_pairs_answers_by_version_and_removes_both_directions(api: Linker, prefix: str, status: int) -> None:
    contact, company = api.create(), api.create("companies")
    api.link(contact, company, api.label(f"archived_{status}"))
    body = {"inputs": [{"from": {"id": str(contact)}, "to": [{"id": str(company)}]}]}

    found, answer = api.call("POST", f"{prefix}/contacts/companies/batch/archive", body)

    assert found == status
    assert (answer or {"results": []})["results"] == []
    assert api.read(contact) == api.read(company, "companies/contacts") == {}


def test_put_and_delete_of_one_pair(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    _, type_id = api.label("single_pair")
    path = f"/crm/v4/objects/contact/{contact}/associations/company/{company}"

    put, answer = api.call("PUT", path, [{"associationCategory": "USER_DEFINED", "associationTypeId": type_id}])
    linked = api.read(contact)
    deleted, _ = api.call("DELETE", path)

    assert (put, deleted) == (201, 204)
    assert answer == {
        "fromObjectTypeId": "0-1",
        "fromObjectId": contact,
        "toObjectTypeId": "0-2",
        "toObjectId": company,
        "labels": ["Single_Pair"],
    }
    assert set(linked) == {company}
    assert api.read(contact) == {}


def test_the_first_company_becomes_primary_and_a_new_primary_demotes_it(api: Linker) -> None:
    contact, first, second = api.create(), api.create("companies"), api.create("companies")
    api.link(contact, first, UNLABELLED)
    api.link(contact, second, UNLABELLED)
    before = api.read(contact)

    api.link(contact, second, PRIMARY)

    assert before == {first: {UNLABELLED, PRIMARY}, second: {UNLABELLED}}
    assert api.read(contact) == {first: {UNLABELLED}, second: {UNLABELLED, PRIMARY}}
    assert api.read(first, "companies/contacts") == {contact: {("HUBSPOT_DEFINED", 280)}}


def test_a_primary_written_from_the_companys_side_is_the_contacts_only_one(api: Linker) -> None:
    contact, first, second = api.create(), api.create("companies"), api.create("companies")
    api.link(contact, first, PRIMARY)

    api.link(second, contact, ("HUBSPOT_DEFINED", 2), ends="companies/contacts")

    assert api.read(contact) == {first: {UNLABELLED}, second: {UNLABELLED, PRIMARY}}


def test_associations_do_not_move_the_modified_date(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    _, before = api.call("GET", f"/crm/objects/2026-09/contacts/{contact}")
    api.call("GET", "/account-info/2026-09/details")
    api.emulator.clock.sleep(60)

    api.link(contact, company, UNLABELLED)

    _, after = api.call("GET", f"/crm/objects/2026-09/contacts/{contact}")
    assert after["updatedAt"] == before["updatedAt"]


def test_links_of_an_archived_record_are_not_read(api: Linker) -> None:
    contact, company, other = api.create(), api.create("companies"), api.create("companies")
    api.link(contact, company, UNLABELLED)
    api.link(contact, other, UNLABELLED)

    api.call("DELETE", f"/crm/objects/2026-09/companies/{company}")

    assert set(api.read(contact)) == {other}
    assert api.read(company, "companies/contacts") == {}


def test_a_merge_unites_links_and_keeps_one_primary(api: Linker) -> None:
    keep, lose = api.create(), api.create()
    first, second = api.create("companies"), api.create("companies")
    api.link(keep, first, PRIMARY)
    api.link(lose, second, PRIMARY)
    body = {"primaryObjectId": str(keep), "objectIdToMerge": str(lose)}

    status, merged = api.call("POST", "/crm/objects/2026-09/contacts/merge", body)

    assert status == 200, merged
    assert api.read(int(merged["id"])) == {first: {UNLABELLED, PRIMARY}, second: {UNLABELLED}}
    assert set(api.read(first, "companies/contacts")) == {int(merged["id"])}
    assert api.read(keep) == api.read(lose) == {}


def test_a_merge_that_keeps_the_primary_record_keeps_its_links_too() -> None:
    knobs = Knobs(merge_keeps_primary=True)
    with Emulator(Settings(contacts=0, limits=False, knobs=knobs)) as emulator:
        caller = Linker(emulator)
        keep, lose, other = caller.create(), caller.create(), caller.create()
        company = caller.create("companies")
        caller.link(keep, company, PRIMARY)
        caller.link(keep, lose, ("HUBSPOT_DEFINED", 449), ends="contacts/contacts")
        caller.link(lose, other, ("HUBSPOT_DEFINED", 449), ends="contacts/contacts")
        body = {"primaryObjectId": str(keep), "objectIdToMerge": str(lose)}
        _, merged = caller.call("POST", "/crm/objects/2026-09/contacts/merge", body)
        companies, contacts = caller.read(keep), caller.read(keep, "contacts/contacts")
        caller.pool.clear()

    assert merged["id"] == str(keep)
    assert companies == {company: {UNLABELLED, PRIMARY}}
    assert contacts == {other: {("HUBSPOT_DEFINED", 449)}}, "a merged record is not linked to itself"


def test_the_truth_of_a_record_is_what_reads_tell(api: Linker) -> None:
    contact, company, archived = api.create(), api.create("companies"), api.create("companies")
    label = api.label("in_truth")
    api.link(contact, company, label)
    api.link(contact, archived, UNLABELLED)
    api.call("DELETE", f"/crm/objects/2026-09/companies/{archived}")

    with api.emulator.portal.lock:
        links = associations.links_of(api.emulator.portal, "0-1", contact)
        gone = associations.links_of(api.emulator.portal, "0-2", archived)

    assert {(link["toObject"], link["toId"]) for link in links} == {("companies", str(company))}
    assert {(link["category"], link["typeId"]) for link in links} == api.read(contact)[company]
    assert "In_Truth" in {link["label"] for link in links}
    assert gone == []


def test_every_write_is_an_event_with_its_request(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    api.link(contact, company, UNLABELLED)
    api.call("DELETE", f"/crm/objects/2026-09/contacts/{contact}/associations/companies/{company}")
    api.call("DELETE", f"/crm/objects/2026-09/contacts/{contact}/associations/companies/{company}")

    with api.emulator.portal.lock:
        sql = "SELECT what, request <> '' FROM events WHERE type_id = '0-1' AND record_id = ? ORDER BY seq"
        events = api.emulator.portal.db.execute(sql, (contact,)).fetchall()

    assert events == [("create", 1), ("associate", 1), ("dissociate", 1)], "removing nothing is no event"


def test_a_create_takes_its_associations_along_and_a_bad_one_creates_nothing(api: Linker) -> None:
    company = api.create("companies")
    spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    good = {
        "properties": {"email": "linked@acme-example.com"},
        "associations": [{"to": {"id": str(company)}, "types": spec}],
    }
    bad = {"properties": {"email": "unlinked@acme-example.com"}, "associations": [{"to": {"id": "999"}, "types": spec}]}

    created, record = api.call("POST", "/crm/objects/2026-09/contacts", good)
    refused, _ = api.call("POST", "/crm/objects/2026-09/contacts", bad)

    assert (created, refused) == (201, 404)
    assert set(api.read(int(record["id"]))) == {company}
    status, _ = api.call("POST", "/crm/objects/2026-09/contacts", {"properties": bad["properties"]})
    assert status == 201, "the refused create held the e-mail address"
