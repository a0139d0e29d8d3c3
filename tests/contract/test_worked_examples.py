"""The worked examples of associations, word for word: planned, applied, changed at their source, and planned again.

Each source column is tried as the engine's own object (a MAP) and as JSON text, which is how other engines' objects arrive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

Links = Mapping[object, str | None] | None
FRIENDS: Links = {2: "Friend", 3: "Friend"}
FORMS = ("MAP(VARCHAR, VARCHAR)", "MAP(INTEGER, VARCHAR)", "JSON", "VARCHAR")


def as_sql(links: Links, form: str) -> str:
    """Write an object as SQL of a column of that form."""
    if links is None:
        return "NULL"
    if not form.startswith("MAP"):
        return "'" + json.dumps({str(key): label for key, label in links.items()}) + "'"
    pairs = (f"'{key}': {'NULL' if label is None else repr(label)}" for key, label in links.items())
    return f"MAP {{{', '.join(pairs)}}}::{form}"


def fill(world: Any, columns: str, rows: Mapping[str, Links], form: str) -> None:
    """Have the source hold these rows: the key's column, then the object's."""
    key, links = columns.split(",")
    values = ", ".join(f"('{name}', {as_sql(entry, form)})" for name, entry in rows.items())
    world.sql(
        f"CREATE OR REPLACE TABLE main.source ({key} VARCHAR, {links} {form})",
        f"INSERT INTO main.source VALUES {values}",
    )


def plan_and_apply(world: Any) -> None:
    """Plan, apply, and plan again: nothing is left to do."""
    report = world.apply(world.plan())
    assert report.exit_code == 0, world.rejected("example")
    again = world.plan()
    assert again.changes == 0, world.steps(again)


def assert_links(world: Any, object_name: str, wanted: Mapping[tuple[str, str], set[str | None]], to: str) -> None:
    """The pairs have just these labels; None: unlabelled. What HubSpot itself adds beside a link, Primary, is left out."""
    for (one, other), labels in wanted.items():
        assert world.labels_between(one, other, object_name, to) - {"Primary"} == labels, (one, other)


# --- CONTACTS with CONTACT_NUMBER and OTHER_CONTACT_NUMBERS


@pytest.fixture
def numbered(world: Any, make_sync: Any) -> dict[int, str]:
    """Contacts 1 to 5 of HubSpot by their number; 1 to 3 are rows of the source."""
    world.syncs = [
        make_sync(
            "example",
            source="main.source",
            key="CONTACT_NUMBER",
            mode="update",
            match="contact_number",
            fields={"contact_number": "CONTACT_NUMBER"},
            associations=[{"to": "contacts", "column": "OTHER_CONTACT_NUMBERS", "by": "contact_number"}],
        )
    ]
    return {
        number: world.add_contact(email=f"c{number}@example.com", contact_number=str(number)) for number in range(1, 6)
    }


@pytest.mark.parametrize("form", FORMS)
def test_contacts_by_contact_number_with_other_contact_numbers(world: Any, numbered: dict[int, str], form: str) -> None:
    columns = "CONTACT_NUMBER,OTHER_CONTACT_NUMBERS"
    one, two, three, four, five = numbered.values()
    world.add_label("contacts", "contacts", "Colleague")

    fill(world, columns, {"1": FRIENDS, "2": None, "3": {5: None}}, form)
    plan_and_apply(world)
    assert_links(
        world,
        "contacts",
        {
            (one, two): {"Friend", None},
            (two, one): {"Friend", None},
            (one, three): {"Friend", None},
            (three, five): {None},
            (one, five): set(),
            (two, four): set(),
        },
        "contacts",
    )

    fill(world, columns, {"1": {2: "Colleague"}, "2": None, "3": None}, form)  # label changed, key removed, null
    plan_and_apply(world)
    assert_links(
        world,
        "contacts",
        {(one, two): {"Colleague", None}, (one, three): {None}, (three, five): set()},
        "contacts",
    )


# --- contacts by record id with OTHER_CONTACT_EMAILS


@pytest.fixture
def mailed(world: Any, make_sync: Any) -> dict[str, str]:
    """Three contacts that are rows by their record ids, and three that they name by e-mail."""
    world.add_label("contacts", "contacts", "Colleague")
    world.syncs = [
        make_sync(
            "example",
            source="main.source",
            key="RECORD_ID",
            mode="update",
            match="hs_object_id",
            fields={"hs_object_id": "RECORD_ID"},
            associations=[{"to": "contacts", "column": "OTHER_CONTACT_EMAILS", "by": "email"}],
        )
    ]
    names = ("first@x.com", "second@x.com", "third@x.com", "john@gmail.com", "susan@outlook.com", "simon@gmail.com")
    return {email: world.add_contact(email=email) for email in names}


@pytest.mark.parametrize("susan", ["Colleague", "Friend"])
@pytest.mark.parametrize("form", [FORMS[0], "JSON"])
def test_contacts_by_record_id_with_other_contact_emails(
    world: Any, mailed: dict[str, str], susan: str, form: str
) -> None:
    columns = "RECORD_ID,OTHER_CONTACT_EMAILS"
    first, second, third, john, susan_id, simon = mailed.values()
    wanted: Links = {"john@gmail.com": "Friend", "susan@outlook.com": susan}

    fill(world, columns, {first: wanted, second: None, third: {"simon@gmail.com": None}}, form)
    plan_and_apply(world)
    assert_links(
        world,
        "contacts",
        {
            (first, john): {"Friend", None},
            (first, susan_id): {susan, None},
            (third, simon): {None},
            (second, john): set(),
            (first, simon): set(),
        },
        "contacts",
    )

    fill(world, columns, {first: {"john@gmail.com": susan}, second: None, third: None}, form)
    plan_and_apply(world)
    assert_links(
        world,
        "contacts",
        {(first, john): {susan, None}, (first, susan_id): {None}, (third, simon): set()},
        "contacts",
    )


# --- COMPANIES with COMPANY_DOMAIN and ASSOCIATED_CONTACT_EMAILS


@pytest.fixture
def employers(world: Any, make_sync: Any) -> dict[str, str]:
    """Three companies that are rows by their domains, and three contacts that they name by e-mail."""
    for label, inverse in (("Employee", "Employer"), ("Ex-Employee", "Ex-Employer")):
        world.call(
            "POST",
            "/crm/v4/associations/companies/contacts/labels",
            {"name": label.lower().replace("-", "_"), "label": label, "inverseLabel": inverse},
        )
    world.syncs = [
        make_sync(
            "example",
            source="main.source",
            key="COMPANY_DOMAIN",
            object="companies",
            mode="update",
            match="domain",
            fields={"domain": "COMPANY_DOMAIN"},
            associations=[{"to": "contacts", "column": "ASSOCIATED_CONTACT_EMAILS", "by": "email"}],
        )
    ]
    domains = ("one.example.com", "two.example.com", "three.example.com")
    companies = {domain: world.add_company(name=domain, domain=domain) for domain in domains}
    emails = ("john@gmail.com", "susan@outlook.com", "simon@gmail.com")
    return companies | {email: world.add_contact(email=email) for email in emails}


@pytest.mark.parametrize("form", [FORMS[0], "JSON"])
def test_companies_by_domain_with_associated_contact_emails(world: Any, employers: dict[str, str], form: str) -> None:
    columns = "COMPANY_DOMAIN,ASSOCIATED_CONTACT_EMAILS"
    one, two, three, john, susan, simon = employers.values()
    wanted: Links = {"john@gmail.com": "Employee", "susan@outlook.com": "Ex-Employee"}
    first, second, third = "one.example.com", "two.example.com", "three.example.com"

    fill(world, columns, {first: wanted, second: None, third: {"simon@gmail.com": None}}, form)
    plan_and_apply(world)
    assert_links(
        world,
        "companies",
        {
            (one, john): {"Employee", None},
            (one, susan): {"Ex-Employee", None},
            (three, simon): {None},
            (two, john): set(),
            (one, simon): set(),
        },
        "contacts",
    )
    assert_links(world, "contacts", {(john, one): {"Employer", None}, (susan, one): {"Ex-Employer", None}}, "companies")

    fill(world, columns, {first: {"john@gmail.com": "Ex-Employee"}, second: None, third: None}, form)
    plan_and_apply(world)
    assert_links(
        world,
        "companies",
        {(one, john): {"Ex-Employee", None}, (one, susan): {None}, (three, simon): set()},
        "contacts",
    )
