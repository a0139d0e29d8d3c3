"""Links and labels of a source column: written once a pair, removed only where they are ours."""

from __future__ import annotations

from typing import Any

import pytest

PEOPLE = "id INTEGER, email VARCHAR, firstname VARCHAR, contact_number VARCHAR, others JSON, firms JSON"
FIELDS = {"email": "email", "firstname": "firstname", "contact_number": "contact_number"}


@pytest.fixture
def linked(world: Any, make_sync: Any) -> Any:
    """Contacts linked to contacts by `contact_number`, and to companies by record id."""
    world.add_label("contacts", "contacts", "Colleague")  # beside the portal's Friend, and Manager with Employee
    associations = [
        {"to": "contacts", "column": "others", "by": "contact_number"},
        {"to": "companies", "column": "firms"},
    ]
    world.syncs = [make_sync(fields=FIELDS, associations=associations)]
    return world


def person(number: int, others: str | None = None, firms: str | None = None) -> tuple[Any, ...]:
    return (number, f"p{number}@x.com", f"P{number}", str(number), others, firms)


def ids(world: Any, *numbers: int) -> list[str]:
    return [world.contact(f"p{number}@x.com")["id"] for number in numbers]


def assert_settled(world: Any) -> None:
    """Nothing is left to do, and nothing is done."""
    before = world.writes()
    plan = world.plan()
    assert plan.changes == 0, world.steps(plan)
    world.push()
    assert world.writes() == before


def test_two_new_contacts_are_created_and_linked_in_one_run(linked: Any) -> None:
    linked.people(person(1, '{"2": "Friend", "3": null}'), person(2), person(3), columns=PEOPLE)

    report = linked.push()

    one, two, three = ids(linked, 1, 2, 3)
    assert report.exit_code == 0
    assert linked.labels_between(one, two) == {"Friend", None}
    assert linked.labels_between(two, one) == {"Friend", None}
    assert linked.labels_between(one, three) == {None}
    assert_settled(linked)


def test_the_worked_example_by_contact_number_arrives_word_for_word(linked: Any) -> None:
    linked.people(
        person(1, '{"2":"Friend","3":"Friend"}'),
        person(2, None),
        person(3, '{"5":null}'),
        person(5, None),
        columns=PEOPLE,
    )

    linked.push()

    one, two, three, five = ids(linked, 1, 2, 3, 5)
    assert linked.labels_between(one, two) == {"Friend", None}
    assert linked.labels_between(one, three) == {"Friend", None}
    assert linked.labels_between(three, five) == {None}
    assert linked.labels_between(one, five) == set()
    assert_settled(linked)


def test_a_list_of_labels_gives_all_of_them(linked: Any) -> None:
    linked.people(person(1, '{"2": ["Friend", "Colleague"]}'), person(2), columns=PEOPLE)

    linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {"Friend", "Colleague", None}
    assert_settled(linked)


def test_a_paired_label_reads_by_direction(linked: Any) -> None:
    linked.people(person(1, '{"2": "Manager"}'), person(2), columns=PEOPLE)

    linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {"Manager", None}
    assert linked.labels_between(two, one) == {"Employee", None}
    assert_settled(linked)


def test_both_directions_in_two_rows_are_one_input(linked: Any) -> None:
    linked.people(person(1, '{"2": "Manager"}'), person(2, '{"1": "Employee"}'), columns=PEOPLE)

    plan = linked.plan()
    linked.apply(plan)

    one, two = ids(linked, 1, 2)
    assert sum(type(each.step).__name__ == "SetLinks" for each in linked.steps(plan)) == 1
    assert linked.labels_between(one, two) == {"Manager", None}
    assert_settled(linked)


def test_two_rows_that_ask_for_different_labels_of_one_pair_get_both(linked: Any) -> None:
    linked.people(person(1, '{"2": "Friend"}'), person(2, '{"1": "Manager"}'), columns=PEOPLE)

    for _ in range(3):
        linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {"Friend", "Employee", None}
    assert_settled(linked)


def test_two_entries_that_ask_for_one_pair_are_one_input(linked: Any, make_sync: Any) -> None:
    linked.people(person(1, '{"2": "Friend"}', None), person(2), columns=PEOPLE)
    linked.sql(
        "ALTER TABLE main.people ADD COLUMN more JSON",
        'UPDATE main.people SET more = \'{"2": "Colleague"}\' WHERE id = 1',
    )
    associations = [{"to": "contacts", "column": column, "by": "contact_number"} for column in ("others", "more")]
    linked.syncs = [make_sync(fields=FIELDS, associations=associations)]

    linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {"Friend", "Colleague", None}
    assert_settled(linked)


def test_two_syncs_that_ask_for_one_pair_are_one_input_and_neither_removes_the_others(
    linked: Any, make_sync: Any
) -> None:
    linked.people(person(1, '{"2": "Friend"}'), person(2), columns=PEOPLE)
    linked.sql(
        'CREATE TABLE main.more AS SELECT id, email, firstname, contact_number, \'{"2": "Colleague"}\'::JSON AS others FROM main.people WHERE id = 1'
    )
    linked.push()
    associations = [{"to": "contacts", "column": "others", "by": "contact_number"}]
    linked.syncs.append(make_sync("more", source="main.more", fields=FIELDS, associations=associations))

    linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {"Friend", "Colleague", None}
    assert_settled(linked)
    linked.sql("UPDATE main.more SET others = '{}'")
    linked.push()
    assert linked.labels_between(one, two) == {"Friend", None}
    assert_settled(linked)


def test_a_type_that_another_sync_claims_stays_and_becomes_its_own(linked: Any, make_sync: Any) -> None:
    linked.people(person(1, '{"2": "Friend"}'), person(2), columns=PEOPLE)
    linked.sql("CREATE TABLE main.more AS SELECT * FROM main.people")
    associations = [{"to": "contacts", "column": "others", "by": "contact_number"}]
    linked.syncs.append(make_sync("more", source="main.more", fields=FIELDS, associations=associations))
    linked.push()
    one, two = ids(linked, 1, 2)

    linked.sql("UPDATE main.people SET others = NULL")
    linked.push()
    kept = linked.labels_between(one, two)
    linked.sql("UPDATE main.more SET others = NULL")
    linked.push()

    assert kept == {"Friend", None}
    assert linked.labels_between(one, two) == {None}


def test_a_label_that_left_the_source_is_removed_and_the_unlabelled_link_stays(linked: Any) -> None:
    linked.people(person(1, '{"2": "Friend"}'), person(2), columns=PEOPLE)
    linked.push()

    linked.sql("UPDATE main.people SET others = '{}'")
    linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {None}
    assert_settled(linked)


def test_cleanup_default_takes_the_unlabelled_link_too(linked: Any, make_sync: Any) -> None:
    associations = [{"to": "contacts", "column": "others", "by": "contact_number", "cleanup_default": True}]
    linked.syncs = [make_sync(fields=FIELDS, associations=associations)]
    linked.people(person(1, '{"2": "Friend"}'), person(2), columns=PEOPLE)
    linked.push()

    linked.sql("UPDATE main.people SET others = '{}'")
    linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == set()
    assert_settled(linked)


def test_cleanup_default_waits_until_foreign_labels_are_gone(linked: Any, make_sync: Any) -> None:
    associations = [{"to": "contacts", "column": "others", "by": "contact_number", "cleanup_default": True}]
    linked.syncs = [make_sync(fields=FIELDS, associations=associations)]
    linked.people(person(1, '{"2": "Friend"}'), person(2), columns=PEOPLE)
    linked.push()
    one, two = ids(linked, 1, 2)
    linked.link("contacts", one, "contacts", two, "Friend", "Colleague")

    linked.sql("UPDATE main.people SET others = '{}'")
    linked.push()

    assert linked.labels_between(one, two) == {"Colleague", None}


def test_a_link_that_the_source_wanted_unlabelled_goes_when_its_key_left(linked: Any) -> None:
    linked.people(person(1, '["2"]'), person(2), columns=PEOPLE)
    linked.push()
    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {None}

    linked.sql("UPDATE main.people SET others = NULL")
    linked.push()

    assert linked.labels_between(one, two) == set()
    assert_settled(linked)


def test_a_link_made_by_others_is_never_removed(linked: Any) -> None:
    linked.people(person(1), person(2), columns=PEOPLE)
    linked.push()
    one, two = ids(linked, 1, 2)
    linked.link("contacts", one, "contacts", two, "Friend")
    linked.sql('UPDATE main.people SET others = \'{"2": "Friend"}\' WHERE id = 1')
    linked.push()

    linked.sql("UPDATE main.people SET others = NULL")
    linked.push()

    assert linked.labels_between(one, two) == {"Friend", None}


def test_a_changed_label_is_replaced_and_a_foreign_one_stays(linked: Any) -> None:
    linked.people(person(1, '{"2": "Friend"}'), person(2), columns=PEOPLE)
    linked.push()
    one, two = ids(linked, 1, 2)
    linked.link("contacts", one, "contacts", two, "Friend", "Colleague")

    linked.sql('UPDATE main.people SET others = \'{"2": "Manager"}\' WHERE id = 1')
    linked.push()

    assert linked.labels_between(one, two) == {"Manager", "Colleague", None}
    assert_settled(linked)


def test_labelled_becomes_unlabelled(linked: Any) -> None:
    linked.people(person(1, '{"2": "Friend"}'), person(2), columns=PEOPLE)
    linked.push()

    linked.sql("UPDATE main.people SET others = '{\"2\": null}' WHERE id = 1")
    linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {None}
    assert_settled(linked)


def test_a_foreign_label_added_between_plan_and_apply_is_not_wiped(linked: Any) -> None:
    linked.people(person(1), person(2), columns=PEOPLE)
    linked.push()
    one, two = ids(linked, 1, 2)
    linked.sql('UPDATE main.people SET others = \'{"2": "Friend"}\' WHERE id = 1')
    plan = linked.plan()
    linked.link("contacts", one, "contacts", two, "Colleague")
    linked.advance(120)

    report = linked.apply(plan)

    assert report.links["contacts"].skipped == 1
    assert linked.labels_between(one, two) == {"Colleague", None}
    linked.push()
    assert linked.labels_between(one, two) == {"Colleague", "Friend", None}
    assert_settled(linked)


def test_companies_by_record_id_labelled_and_not(linked: Any) -> None:
    first, second = linked.add_company(name="One"), linked.add_company(name="Two")
    linked.people(person(1, None, f'{{"{first}": "Consultant", "{second}": null}}'), columns=PEOPLE)

    linked.push()

    (one,) = ids(linked, 1)
    assert "Consultant" in linked.labels_between(one, first)
    assert "Client" in linked.labels_between(first, one, "companies")
    assert linked.labels_between(one, second) <= {None, "Primary"}
    assert linked.labels_between(one, second)
    assert_settled(linked)


def test_links_that_cannot_be_are_listed_and_the_rest_goes_on(linked: Any) -> None:
    firm = linked.add_company(name="One")
    others = '{"2": "Friend", "99": "Friend", "1": null, "3": "Enemy"}'
    linked.people(
        person(1, others, f'{{"{firm}": null, "999999": null, "abc": null}}'), person(2), person(3), columns=PEOPLE
    )

    report = linked.push()

    one, two = ids(linked, 1, 2)
    details = {each.detail: each.message for each in linked.rejected()}
    assert set(details) == {
        "link to contacts 99",
        "link to contacts 1",
        "link to contacts 3",
        "link to companies 999999",
        "link to companies abc",
    }
    assert "'Friend'" in details["link to contacts 3"]
    assert linked.labels_between(one, two) == {"Friend", None}
    assert linked.labels_between(one, firm)
    assert report.exit_code == 1
    counts = report.plan.counts["contacts"]
    assert (counts.links, counts.links_planned, counts.links_invalid) == (7, 2, 5)


def test_a_map_and_a_struct_are_objects_of_links_too(linked: Any, make_sync: Any) -> None:
    linked.sql(
        "CREATE TABLE main.mapped AS SELECT 1 AS id, 'p1@x.com' AS email, 'P1' AS firstname, '1' AS contact_number,"
        " MAP {2: 'Friend'} AS others UNION ALL SELECT 2, 'p2@x.com', 'P2', '2', NULL"
    )
    associations = [{"to": "contacts", "column": "others", "by": "contact_number"}]
    linked.syncs = [make_sync(source="main.mapped", fields=FIELDS, associations=associations)]

    linked.push()

    one, two = ids(linked, 1, 2)
    assert linked.labels_between(one, two) == {"Friend", None}
