"""Companies named by their domain, which HubSpot does not hold unique."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.push.encode import encode_domain

PEOPLE = "id INTEGER, email VARCHAR, firms JSON"


@pytest.fixture
def hired(world: Any, make_sync: Any) -> Any:
    """Contacts linked to companies by domain."""
    associations = [{"to": "companies", "column": "firms", "by": "domain"}]
    world.syncs = [make_sync(fields={"email": "email"}, associations=associations)]
    return world


def test_a_company_is_found_by_its_own_domain_in_any_spelling(hired: Any) -> None:
    first = hired.add_company(name="One", domain="one.example.com")
    second = hired.add_company(name="Two", domain="two.example.com")
    hired.people(
        (1, "a@x.com", '{"https://www.One.example.com/about": "Consultant", "two.example.com": null}'), columns=PEOPLE
    )

    report = hired.push()

    one = hired.contact("a@x.com")["id"]
    assert report.exit_code == 0
    assert "Consultant" in hired.labels_between(one, first, to="companies")
    assert None in hired.labels_between(one, second, to="companies")
    assert hired.plan().changes == 0


def test_a_domain_of_two_companies_or_of_none_is_rejected_with_the_candidates(hired: Any) -> None:
    twins = [hired.add_company(name=f"Twin {number}", domain="twin.example.com") for number in (1, 2)]
    sole = hired.add_company(name="Sole", domain="sole.example.com")
    hired.people((1, "a@x.com", '["twin.example.com", "nobody.example.com", "sole.example.com"]'), columns=PEOPLE)

    report = hired.push()

    reasons = {each.detail: each.message for each in hired.rejected()}
    one = hired.contact("a@x.com")["id"]
    assert report.exit_code == 1
    assert all(each in reasons["link to companies twin.example.com"] for each in twins)
    assert "no record of companies has this domain" in reasons["link to companies nobody.example.com"]
    assert hired.labels_between(one, sole, to="companies")
    assert not any(hired.labels_between(one, each, to="companies") for each in twins)


def test_domains_cost_one_scan_of_companies_a_run_and_only_where_a_row_names_one(hired: Any) -> None:
    hired.add_company(name="One", domain="one.example.com")
    hired.people((1, "a@x.com", None), columns=PEOPLE)
    hired.push(full=True)
    without = hired.calls("/objects/{version}/{objectType}")
    hired.people(*((number, f"p{number}@x.com", '["one.example.com"]') for number in range(150)), columns=PEOPLE)

    hired.push()

    assert (without, hired.calls("/objects/{version}/{objectType}")) == (0, 1)


@pytest.mark.parametrize(
    "text", ["acme.com", " WWW.Acme.COM ", "http://acme.com", "https://www.acme.com/de?x=1", "acme.com."]
)
def test_spellings_of_a_domain_are_one(text: str) -> None:
    assert encode_domain(text) == "acme.com"
