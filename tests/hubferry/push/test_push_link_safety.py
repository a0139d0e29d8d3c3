"""Links that HubSpot refuses, that cannot be told apart, or whose rows and records became others."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.errors import QuotaError
from hubferry.push.labels import Labels
from hubferry.push.steps import TypeRef

PEOPLE = "id INTEGER, email VARCHAR, firms JSON"
DAILY = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "daily limit"}


@pytest.fixture
def firms(world: Any, make_sync: Any) -> list[str]:
    """Forty companies that one contact is to be linked with."""
    found = [world.add_company(name=f"Firm {number}") for number in range(40)]
    world.people((1, "a@x.com", list_of(found)), columns=PEOPLE)
    world.syncs = [make_sync(fields={"email": "email"}, associations=[{"to": "companies", "column": "firms"}])]
    return found


def list_of(ids: list[str]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in ids) + "]"


def linked(world: Any) -> set[str]:
    links = world.contact("a@x.com")["associations"]
    return {str(link["toId"]) for link in links if link["toObject"] == "companies"}


def link_calls(world: Any) -> int:
    return int(world.calls("/batch/create"))


# --- refused


def test_links_refused_one_by_one_are_listed_and_the_others_made(world: Any, firms: list[str]) -> None:
    plan = world.plan()
    gone = {firms[3], firms[17], firms[39]}
    for each in gone:
        world.call("DELETE", f"/crm/v3/objects/companies/{each}")

    report = world.apply(plan)

    outcome = report.links["contacts"]
    assert (outcome.applied, outcome.rejected, report.exit_code) == (37, 3, 1)
    assert linked(world) == set(firms) - gone
    listed = {each.detail.split()[-1]: each for each in world.rejected()}
    assert set(listed) == gone
    assert all(each.message and each.advice for each in listed.values())
    assert link_calls(world) == 1  # the errors name the records, so nothing is sent again to find out


def test_links_refused_as_a_whole_are_taken_apart_to_the_bad_one(world: Any, firms: list[str]) -> None:
    words = {"status": "error", "category": "VALIDATION_ERROR", "message": "no", "correlationId": "c-1"}
    world.fault(
        "/associations/*/batch/create", {"status": 400, "body": words}, match={"body": f'"to":{{"id":"{firms[21]}"}}'}
    )

    report = world.push()

    outcome = report.links["contacts"]
    assert (outcome.applied, outcome.rejected) == (39, 1)
    assert linked(world) == set(firms) - {firms[21]}
    assert [each.correlation_id for each in world.rejected()] == ["c-1"]
    assert link_calls(world) <= 2 * 6 + 1
    world.clear_faults()
    world.push()
    assert linked(world) == set(firms)
    assert world.rejected() == []


def test_an_answer_that_says_complete_and_did_nothing_is_not_success(world: Any, firms: list[str]) -> None:
    world.fault("/associations/*/batch/create", {"status": 200, "body": {"status": "COMPLETE", "results": []}})

    report = world.push()

    assert (report.links["contacts"].unknown, report.exit_code) == (40, 1)
    assert {each.state for each in world.rejected()} == {"unknown"}
    world.clear_faults()
    assert world.push().exit_code == 0
    assert linked(world) == set(firms)


def test_a_quota_that_ends_between_links_pauses_and_the_next_run_ends_it(world: Any, firms: list[str]) -> None:
    words = {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}
    path = "/associations/*/batch/create"
    world.fault(path, {"status": 400, "body": words}, when={"nth": 1})
    world.fault(path, {"status": 429, "body": DAILY}, when={"nth": 3})

    with pytest.raises(QuotaError):
        world.push()
    half, paused = len(linked(world)), world.state.runs(1)[0].state
    world.clear_faults()
    world.new_client()
    report = world.push()

    assert (half, paused, report.exit_code) == (20, "paused", 0)
    assert linked(world) == set(firms)
    assert world.sql("SELECT count(*) FROM hubferry.links WHERE added") == [(40,)]
    before = world.writes()
    world.push()
    assert world.writes() == before


# --- columns


@pytest.mark.parametrize("text", ['["{0}", {0}]', '{{"{0}": null, "{0}": "Consultant"}}'])
def test_a_link_asked_for_twice_is_one_and_loses_no_label(world: Any, firms: list[str], text: str) -> None:
    world.people((1, "a@x.com", text.format(firms[0])), columns=PEOPLE)

    for _ in range(3):
        report = world.push()

    assert report.exit_code == 0
    (one,) = [each["id"] for each in [world.contact("a@x.com")]]
    labels = world.labels_between(one, firms[0], to="companies")
    assert ("Consultant" in labels) == ("Consultant" in text)


def test_a_list_of_objects_makes_its_row_invalid_and_no_other(world: Any, firms: list[str]) -> None:
    world.people((1, "a@x.com", f'[{{"{firms[0]}": null}}]'), (2, "b@x.com", None), columns=PEOPLE)

    report = world.push()

    assert (report.plan.counts["contacts"].invalid, report.rows["contacts"].applied) == (1, 1)
    assert [each.row_key for each in world.rejected()] == ["1"]


# --- ownership


def test_links_stay_ours_when_a_row_gets_another_key(world: Any, firms: list[str]) -> None:
    world.push()
    world.sql("UPDATE main.people SET id = 7")
    world.push()

    world.sql("UPDATE main.people SET firms = NULL")
    world.push()

    assert linked(world) == set()


def test_links_stay_ours_when_their_record_is_merged_away(world: Any, firms: list[str]) -> None:
    world.push()
    loser, primary = world.contact("a@x.com")["id"], world.add_contact(email="b@x.com")
    survivor = world.call(
        "POST", "/crm/v3/objects/contacts/merge", {"primaryObjectId": primary, "objectIdToMerge": loser}
    )["id"]

    world.sql("UPDATE main.people SET firms = NULL")
    world.push()

    left = {link["toObject"] for link in world.truth()[str(survivor)]["associations"]}
    assert "companies" not in left


# --- labels whose two texts are not known


@pytest.fixture
def crossed(world: Any, make_sync: Any) -> Any:
    """Beside Consultant with Client, a label that reads Client from the contact and Consultant from the company."""
    world.call(
        "POST",
        "/crm/v4/associations/contacts/companies/labels",
        {"name": "crossed", "label": "Client", "inverseLabel": "Consultant"},
    )
    firm = world.add_company(name="Firm")
    contact = world.add_contact(email="a@x.com")
    world.sql(
        f"CREATE TABLE main.people AS SELECT 1 AS id, 'a@x.com' AS email, '{{\"{firm}\": \"Consultant\"}}'::JSON AS firms",
        f"CREATE TABLE main.firms AS SELECT {firm}::BIGINT AS id, 'Firm' AS name, '{{\"{contact}\": \"Consultant\"}}'::JSON AS people",
    )
    world.syncs = [
        make_sync(fields={"email": "email"}, associations=[{"to": "companies", "column": "firms"}]),
        make_sync(
            "firms",
            source="main.firms",
            object="companies",
            mode="update",
            match="hs_object_id",
            fields={"name": "name"},
            associations=[{"to": "contacts", "column": "people"}],
        ),
    ]
    return contact, firm


def test_labels_that_bear_each_others_texts_are_held_and_never_mixed_up(world: Any, crossed: tuple[str, str]) -> None:
    """Consultant from both ends is two labels: from the company it is the other text of Client."""
    contact, firm = crossed

    first = world.push()
    between = world.labels_between(contact, firm, to="companies") - {"Primary", None}
    for _ in range(2):
        world.push()

    assert between <= {"Consultant", "Client"}
    assert first.links["contacts"].skipped == 1
    assert "other text" in {each.message for each in world.rejected()}.pop() if world.rejected() else True
    assert world.labels_between(contact, firm, to="companies") - {"Primary", None} == {"Consultant", "Client"}
    assert world.labels_between(firm, contact, "companies") - {"Primary", None} == {"Consultant", "Client"}
    before = world.writes()
    world.push()
    assert world.writes() == before


def test_a_counterpart_is_never_guessed_from_text_or_neighbouring_ids() -> None:
    there = (TypeRef("USER_DEFINED", 10, "Consultant"), TypeRef("USER_DEFINED", 12, "Client"))
    back = (TypeRef("USER_DEFINED", 11, "Client"), TypeRef("USER_DEFINED", 13, "Consultant"))
    labels = Labels("contacts", "companies", there, back)

    assert [labels.inverse(each) for each in there] == [None, None]
    labels.learn([there[0]], [back[0]])
    assert labels.inverse(there[0]) == back[0]
    assert labels.turned().inverse(back[0]) == there[0]


def test_the_other_direction_of_labels_is_made_once_however_many_pairs_ask_for_it() -> None:
    labels = Labels("contacts", "companies", (TypeRef("USER_DEFINED", 10, "Consultant"),), ())

    assert labels.turned() is labels.turned()
    assert labels.turned().turned() is labels


def test_two_labels_of_one_object_are_not_taken_for_symmetric() -> None:
    types = (TypeRef("USER_DEFINED", 5, "Manager"), TypeRef("USER_DEFINED", 9, "Employee"))
    labels = Labels("contacts", "contacts", types, types)

    assert labels.inverse(types[0]) is None
    assert Labels("contacts", "contacts", types[:1], types[:1]).inverse(types[0]) == types[0]


def test_counterparts_are_told_by_pairs_with_several_labels_and_never_by_half_a_reading() -> None:
    friend, manager, employee = (
        TypeRef("USER_DEFINED", n, t) for n, t in ((1, "Friend"), (2, "Manager"), (3, "Employee"))
    )
    labels = Labels("contacts", "contacts", (friend, manager, employee), (friend, manager, employee))

    labels.learn([friend, manager], [friend])
    assert [labels.inverse(each) for each in (friend, manager, employee)] == [None, None, None]
    labels.learn([friend, manager], [friend, employee])

    assert [labels.inverse(each) for each in (friend, manager, employee)] == [friend, employee, manager]


def test_a_label_that_was_deleted_in_hubspot_takes_no_link_of_others_with_it(world: Any, firms: list[str]) -> None:
    """Without its definition it has no text, and is a label all the same: the link that stood there before stays."""
    theirs = world.add_contact(email="a@x.com")
    world.link("contacts", theirs, "companies", firms[0])
    world.add_label("contacts", "companies", "Works at")
    world.people((1, "a@x.com", f'{{"{firms[0]}": "Works at"}}'), columns=PEOPLE)
    world.push()
    definition = world.type_id("contacts", "companies", "Works at")
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": definition}]
    inputs = [{"from": {"id": theirs}, "to": {"id": firms[0]}, "types": types}]
    world.call("POST", "/crm/v4/associations/contacts/companies/batch/labels/archive", {"inputs": inputs})
    world.call("DELETE", f"/crm/v4/associations/contacts/companies/labels/{definition}")

    world.sql("UPDATE main.people SET firms = NULL")
    world.push()

    assert linked(world) == {firms[0]}
    assert world.sql("SELECT count(*) FROM hubferry.links") == [(0,)]


@pytest.mark.parametrize("meanwhile", [True, False])
def test_links_of_an_entry_that_came_back_are_still_the_syncs_own(
    world: Any, make_sync: Any, *, meanwhile: bool
) -> None:
    """A row that asks for nothing by an entry is not one that no entry asks for; `meanwhile`: emptied while there was none."""
    firm, fields = world.add_company(name="Firm"), {"email": "email"}
    with_entry = make_sync(fields=fields, associations=[{"to": "companies", "column": "firms"}])
    world.people((1, "a@x.com", list_of([firm])), columns=PEOPLE)
    for sync in (with_entry, make_sync(fields=fields), *(() if meanwhile else (with_entry,))):
        world.syncs = [sync]
        world.push()
        assert linked(world) == {firm}

    world.sql("UPDATE main.people SET firms = '[]'")
    world.syncs = [with_entry]
    world.push()

    assert linked(world) == set()


# --- a record that is archived


def test_a_link_to_a_record_that_left_a_mirror_is_listed_and_made_again_when_it_is_back(
    world: Any, make_sync: Any
) -> None:
    """HubSpot drops the links of what is archived; the row that asks for one did not change, and is looked at all the same."""
    entry = {"to": "companies", "column": "firms", "by": "domain"}
    world.people((1, "a@x.com", '["firm.com"]'), columns=PEOPLE)
    world.sql("CREATE TABLE main.firms AS SELECT 1 AS id, 'firm.com' AS domain")
    firms = {"source": "main.firms", "object": "companies", "mode": "mirror", "match": "domain"}
    world.syncs = [
        make_sync("contacts", fields={"email": "email"}, associations=[entry]),
        make_sync("firms", **firms, fields={"domain": "domain"}, guards={"max_archives": 1, "empty_source": "allow"}),
    ]
    world.push()
    world.advance(60)
    (first,) = linked(world)
    world.sql("DELETE FROM main.firms")
    world.push()

    without = world.push()
    world.sql("INSERT INTO main.firms VALUES (1, 'firm.com')")
    back = world.push()

    assert (without.exit_code, without.plan.counts["contacts"].links_invalid) == (1, 1)
    assert (back.exit_code, world.rejected()) == (0, [])
    (again,) = linked(world)
    assert again != first
    assert world.push().plan.changes == 0


def test_links_to_a_record_that_is_made_anew_are_made_again(world: Any, make_sync: Any) -> None:
    """The row that asks for the link did not change; the record that it was linked to is another one by now."""
    entry = {"to": "contacts", "column": "others", "by": "email"}
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, others JSON"
    asking = (1, "a@x.com", "Ann", '["b@x.com"]')
    fields = {"email": "email", "firstname": "firstname"}
    world.syncs = [make_sync(fields=fields, associations=[entry], on_archived="recreate")]
    world.people(asking, (2, "b@x.com", "Bob", None), columns=columns)
    world.push()
    world.advance(60)
    world.call("DELETE", f"/crm/v3/objects/contacts/{world.contact('b@x.com')['id']}")
    world.people(asking, (2, "b@x.com", "Bert", None), columns=columns)
    world.push()

    world.push()

    links = {str(each["toId"]) for each in world.contact("a@x.com")["associations"]}
    assert links == {world.contact("b@x.com")["id"]}
    assert world.push().plan.changes == 0
