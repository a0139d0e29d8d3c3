"""Associations over HTTP: what reads tell, page by page and beside a record."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from hubspot_emulator import associations
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings
from linker import DATED, UNLABELLED, Linker


@pytest.fixture(scope="module")
def api() -> Iterator[Linker]:
    knobs = Knobs(labels_per_pair=100)
    with Emulator(Settings(contacts=0, limits=False, knobs=knobs)) as emulator:
        caller = Linker(emulator)
        yield caller
        caller.pool.clear()


def test_ids_are_numbers_on_the_other_end_and_texts_on_the_own(api: Linker) -> None:
    contact, company = api.create(), api.create("companies")
    api.link(contact, company, UNLABELLED)

    _, answer = api.call("POST", f"{DATED}/0-1/0-2/batch/read", {"inputs": [{"id": str(contact)}]})

    result = answer["results"][0]
    assert result["from"] == {"id": str(contact)}
    assert result["to"][0]["toObjectId"] == company
    assert {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"} in result["to"][0]["associationTypes"]
    assert "paging" not in result


def test_a_knob_makes_ids_texts_and_leaves_records_without_links_out() -> None:
    knobs = Knobs(ids_as_text=True, missing_is_error=False)
    with Emulator(Settings(contacts=0, limits=False, knobs=knobs)) as emulator:
        caller = Linker(emulator)
        contact, lonely, company = caller.create(), caller.create(), caller.create("companies")
        caller.link(contact, company, UNLABELLED)
        body = {"inputs": [{"id": str(contact)}, {"id": str(lonely)}]}
        status, answer = caller.call("POST", f"{DATED}/contacts/companies/batch/read", body)
        caller.pool.clear()

    assert status == 200
    assert [result["to"][0]["toObjectId"] for result in answer["results"]] == [str(company)]


def test_a_paging_token_comes_percent_encoded_and_is_taken_in_both_forms() -> None:
    token = associations.render_after(7502)

    assert token == "MC0wLTc1MDI%3D"
    assert associations.parse_after(token) == associations.parse_after("MC0wLTc1MDI=") == 7502


def test_a_token_from_elsewhere_is_refused(api: Linker) -> None:
    inputs = [{"id": str(api.create()), "after": "page two"}]

    status, answer = api.call("POST", f"{DATED}/contacts/companies/batch/read", {"inputs": inputs})

    assert (status, answer["category"]) == (400, "VALIDATION_ERROR")


@pytest.fixture(scope="module")
def crowded(api: Linker) -> tuple[int, list[int]]:
    """A company with 1,203 contacts."""
    company = api.create("companies")
    portal = api.emulator.portal
    with portal.lock:
        rows: list[tuple[dict[str, str], int, int]] = [({"firstname": "Ada"}, 1_000, 1_000)] * 1_203
        contacts = list(portal.load_records("0-1", rows))
        pairs = [(company, contact) for contact in contacts]
        associations.load_pairs(portal, "0-2", "0-1", "HUBSPOT_DEFINED", 280, pairs)
        portal.db.commit()
    return company, contacts


def test_each_input_of_a_batch_read_has_its_own_cursor(api: Linker, crowded: tuple[int, list[int]]) -> None:
    company, contacts = crowded
    found: list[int] = []
    ask: dict[str, str] = {"id": str(company)}
    pages = 0

    while True:
        _, answer = api.call("POST", f"{DATED}/companies/contacts/batch/read", {"inputs": [ask]})
        result, pages = answer["results"][0], pages + 1
        found += [end["toObjectId"] for end in result["to"]]
        if "paging" not in result:
            break
        ask["after"] = result["paging"]["next"]["after"]

    assert (found, pages) == (contacts, 3)


def test_one_records_links_are_paged_by_the_token_as_given(api: Linker, crowded: tuple[int, list[int]]) -> None:
    company, contacts = crowded
    path = f"/crm/objects/2026-09/companies/{company}/associations/contacts"

    _, first = api.call("GET", f"{path}?limit=500")
    _, second = api.call("GET", f"{path}?limit=500&after={first['paging']['next']['after']}")

    assert [end["toObjectId"] for end in first["results"] + second["results"]] == contacts[:1_000]


def test_inline_associations_end_at_a_hundred_and_go_on_under_their_link(
    api: Linker, crowded: tuple[int, list[int]]
) -> None:
    company, contacts = crowded

    _, record = api.call("GET", f"/crm/objects/2026-09/companies/{company}?associations=contacts")
    inline = record["associations"]["contacts"]
    link = urlsplit(inline["paging"]["next"]["link"])
    status, more = api.call("GET", f"{link.path}?{link.query}")

    assert [end["id"] for end in inline["results"]] == [str(contact) for contact in contacts[:100]]
    assert {end["type"] for end in inline["results"]} == {"company_to_contact_unlabeled"}
    assert status == 200
    assert more["results"][0] == {"id": str(contacts[100]), "type": "company_to_contact_unlabeled"}


def test_inline_associations_name_every_type_and_line_items_with_a_space(api: Linker) -> None:
    deal, contact = api.create("deals"), api.create()
    company, item = api.create("companies"), api.create("line_items", name="Screw")
    api.link(deal, contact, ("HUBSPOT_DEFINED", 3), ends="deals/contacts")
    api.link(deal, company, ("HUBSPOT_DEFINED", 341), ends="deals/companies")
    api.link(deal, item, ("HUBSPOT_DEFINED", 19), ends="deals/line_items")

    _, record = api.call("GET", f"/crm/objects/2026-09/deals/{deal}?associations=contacts,companies,line_items")

    assert record["associations"] == {
        "contacts": {"results": [{"id": str(contact), "type": "deal_to_contact"}]},
        "companies": {
            "results": [
                {"id": str(company), "type": "deal_to_company_unlabeled"},
                {"id": str(company), "type": "deal_to_company"},
            ]
        },
        "line items": {"results": [{"id": str(item), "type": "deal_to_line_item"}]},
    }


def test_a_batch_read_of_a_thousand_records_answers_every_one(api: Linker, crowded: tuple[int, list[int]]) -> None:
    company, contacts = crowded
    inputs = [{"id": str(contact)} for contact in contacts[:1_000]]

    status, answer = api.call("POST", f"{DATED}/contacts/companies/batch/read", {"inputs": inputs})

    asked = [each["id"] for each in inputs]
    answered = [result["from"]["id"] for result in answer["results"]]
    assert status == 200
    assert sorted(answered) == sorted(asked)
    assert answered != asked, "answers do not come in the order of the question"
    assert all(result["to"][0]["toObjectId"] == company for result in answer["results"])
