"""Links from a source of their own: one row a link."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hubferry.errors import ConfigError

PEOPLE = "id INTEGER, email VARCHAR, firstname VARCHAR, contact_number VARCHAR"
FIELDS = {"email": "email", "firstname": "firstname", "contact_number": "contact_number"}
LINKS = {"source": "main.links", "row": "person", "key": "other", "label": "role"}


@pytest.fixture
def tabled(world: Any, make_sync: Any) -> Any:
    """Three contacts to be made, and a table of the links among them."""
    world.add_label("contacts", "contacts", "Colleague")
    world.people(*((n, f"p{n}@x.com", f"P{n}", str(n)) for n in (1, 2, 3)), columns=PEOPLE)
    world.syncs = [make_sync(fields=FIELDS, associations=[{"to": "contacts", "by": "contact_number", "links": LINKS}])]
    return world


def links(world: Any, *rows: str) -> None:
    values = ", ".join(rows) or "(NULL, NULL, NULL)"
    world.sql(
        "CREATE OR REPLACE TABLE main.links (person INTEGER, other VARCHAR, role VARCHAR)",
        f"INSERT INTO main.links VALUES {values}",
        *(() if rows else ("DELETE FROM main.links",)),
    )


def between(world: Any, one: int, other: int) -> set[str | None]:
    ids = [world.contact(f"p{n}@x.com")["id"] for n in (one, other)]
    found: set[str | None] = world.labels_between(*ids)
    return found


def assert_settled(world: Any) -> None:
    before = world.writes()
    assert world.plan().changes == 0
    assert world.push(full=True).exit_code == 0
    assert world.writes() == before


def test_a_row_a_link_is_all_that_an_object_column_is(tabled: Any) -> None:
    links(tabled, "(1, '2', 'Friend')", "(1, '2', 'Colleague')", "(1, '3', NULL)", "(2, '3', 'Manager')")
    tabled.push()
    first = [between(tabled, 1, 2), between(tabled, 1, 3), between(tabled, 2, 3), between(tabled, 3, 2)]
    assert_settled(tabled)

    links(tabled, "(1, '2', 'Colleague')", "(2, '3', 'Friend')")  # a label gone, a link gone, a label changed
    tabled.push()
    second = [between(tabled, 1, 2), between(tabled, 1, 3), between(tabled, 2, 3)]
    assert_settled(tabled)
    links(tabled)
    tabled.push()

    assert first == [{"Friend", "Colleague", None}, {None}, {"Manager", None}, {"Employee", None}]
    assert second == [{"Colleague", None}, set(), {"Friend", None}]
    assert [between(tabled, 1, 2), between(tabled, 2, 3)] == [{None}, {None}]
    assert_settled(tabled)


def test_a_link_without_row_or_key_is_listed_and_the_rest_goes_on(tabled: Any) -> None:
    links(tabled, "(1, '2', 'Friend')", "(7, '2', NULL)", "(NULL, '3', NULL)", "(2, NULL, NULL)", "(2, '3', 'Enemy')")

    report = tabled.push()

    listed = {(each.row_key, each.detail) for each in tabled.rejected()}
    assert listed == {
        ("7", "link to contacts 2"),
        ("(no key)", "link to contacts 3"),
        ("2", "link to contacts None"),
        ("2", "link to contacts 3"),
    }
    assert between(tabled, 1, 2) == {"Friend", None}
    counts = report.plan.counts["contacts"]
    assert (report.exit_code, counts.links, counts.links_invalid, counts.links_planned) == (1, 5, 4, 1)


def test_links_of_rows_that_where_leaves_out_are_left_alone(tabled: Any, make_sync: Any) -> None:
    links(tabled, "(1, '2', 'Friend')", "(3, '2', 'Friend')")
    associations = [{"to": "contacts", "by": "contact_number", "links": LINKS}]
    tabled.syncs = [make_sync(fields=FIELDS, associations=associations, where="id < 3")]

    report = tabled.push()

    assert (report.exit_code, report.plan.counts["contacts"].links) == (0, 1)


def test_a_column_that_a_source_of_links_lacks_is_named_with_file_and_line(tabled: Any, make_sync: Any) -> None:
    links(tabled)
    entry = {"to": "contacts", "by": "contact_number", "links": LINKS | {"label": "kind"}}
    tabled.syncs = [make_sync(fields=FIELDS, associations=[entry])]

    with pytest.raises(ConfigError, match=r"syncs/contacts.yml.*unknown column 'kind'"):
        tabled.plan()


@pytest.mark.parametrize("entry", [{}, {"column": "others", "links": LINKS}, {"links": LINKS | {"query": "SELECT 1"}}])
def test_links_come_from_exactly_one_place(make_sync: Any, entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of"):
        make_sync(fields=FIELDS, associations=[{"to": "contacts", **entry}])
