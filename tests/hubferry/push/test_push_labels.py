"""`create_missing_labels`: labels that HubSpot does not have are defined by a step of the plan, before any link bears them."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from push_world import push_in_process

PEOPLE = "id INTEGER, email VARCHAR, firstname VARCHAR, contact_number VARCHAR, others JSON"
FIELDS = {"email": "email", "firstname": "firstname", "contact_number": "contact_number"}
DUPLICATE = {"status": "error", "category": "VALIDATION_ERROR", "message": "no more labels", "correlationId": "c-9"}


@pytest.fixture
def labelled(world: Any, make_sync: Any) -> Any:
    """Two contacts, one of which names the other under a label that is there and two that are not."""
    entry = {"to": "contacts", "column": "others", "by": "contact_number", "create_missing_labels": True}
    world.syncs = [make_sync(fields=FIELDS, associations=[entry])]
    world.people(
        (1, "p1@x.com", "P1", "1", '{"2": ["Friend", "Old-Boss 1"], "3": "7 seas"}'),
        (2, "p2@x.com", "P2", "2", '{"3": "old-boss 1"}'),
        (3, "p3@x.com", "P3", "3", None),
        columns=PEOPLE,
    )
    return world


def ids(world: Any) -> list[str]:
    return [world.contact(f"p{number}@x.com")["id"] for number in (1, 2, 3)]


def assert_labelled(world: Any) -> None:
    one, two, three = ids(world)
    assert world.labels_between(one, two) == {"Friend", "Old-Boss 1", None}
    assert world.labels_between(two, one) == {"Friend", "Old-Boss 1", None}
    assert world.labels_between(two, three) == {"Old-Boss 1", None}
    assert world.labels_between(one, three) == {"7 seas", None}
    assert world.plan().changes == 0
    assert world.push(full=True).exit_code == 0
    texts = [each["label"] for each in world.call("GET", "/crm/v4/associations/contacts/contacts/labels")["results"]]
    assert sorted(text for text in texts if text in {"Old-Boss 1", "7 seas"}) == ["7 seas", "Old-Boss 1"]


def test_missing_labels_are_steps_of_the_plan_and_links_of_new_records_bear_them(labelled: Any) -> None:
    plan = labelled.plan()
    made = [each.step.label for each in labelled.steps(plan) if type(each.step).__name__ == "CreateLabel"]
    before = labelled.writes()

    report = labelled.apply(plan)

    assert sorted(made) == ["7 seas", "Old-Boss 1"]
    assert plan.counts["contacts"].labels_created == 2
    assert before == 0
    assert report.exit_code == 0
    assert_labelled(labelled)


def test_a_plan_cut_short_after_its_labels_is_gone_on_with(labelled: Any) -> None:
    assert push_in_process(labelled, "push.labels_answered:1") == -signal.SIGKILL

    assert push_in_process(labelled) == 0

    assert_labelled(labelled)


def test_a_plan_is_not_stale_by_the_labels_that_it_made_itself(labelled: Any) -> None:
    plan = labelled.plan()
    labelled.fault("/associations/*/batch/create", {"status": 401, "body": {"status": "error", "message": "expired"}})
    with pytest.raises(Exception, match="token"):
        labelled.apply(plan)
    labelled.clear_faults()
    labelled.new_client()

    assert labelled.apply(plan).exit_code == 0

    assert_labelled(labelled)


def test_a_label_whose_answer_is_lost_is_made_once(labelled: Any) -> None:
    labelled.lose_answers("/labels")

    assert labelled.push().exit_code == 0

    assert_labelled(labelled)


def test_a_label_that_hubspot_refuses_keeps_back_its_links_and_no_others(labelled: Any) -> None:
    labelled.fault("/labels", {"status": 400, "body": DUPLICATE}, match={"body": "7 seas"})

    report = labelled.push()

    one, two, three = ids(labelled)
    listed = {each.detail: (each.state, each.message) for each in labelled.rejected()}
    assert report.exit_code == 1
    assert listed["label '7 seas' of contacts - contacts"] == ("rejected", "no more labels")
    assert {state for state, _ in listed.values()} == {"rejected", "skipped"}
    assert labelled.labels_between(one, two) == {"Friend", "Old-Boss 1", None}
    assert labelled.labels_between(one, three) == set()
    labelled.clear_faults()
    assert labelled.push().exit_code == 0
    assert_labelled(labelled)


def test_without_the_setting_a_missing_label_is_set_aside(labelled: Any, make_sync: Any) -> None:
    labelled.syncs = [
        make_sync(fields=FIELDS, associations=[{"to": "contacts", "column": "others", "by": "contact_number"}])
    ]

    report = labelled.push()

    assert report.plan.counts["contacts"].links_invalid == 3
    assert all("is not a label" in each.message for each in labelled.rejected())
