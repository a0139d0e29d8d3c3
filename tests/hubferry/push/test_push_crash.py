"""A push that is killed anywhere, or whose answers are lost, creates nothing twice and loses nothing."""

from __future__ import annotations

import signal
from collections import Counter
from typing import Any

import pytest

from push_world import push_in_process as run

PEOPLE = "id INTEGER, email VARCHAR, firstname VARCHAR, contact_number VARCHAR, others JSON"
FIELDS = {"email": "email", "firstname": "firstname", "contact_number": "contact_number"}


@pytest.fixture
def crowd(world: Any, make_sync: Any) -> Any:
    """Three contacts to be created, one to be updated, and links among them."""
    world.add_contact(email="p4@x.com", firstname="Old")
    world.people(
        (1, "p1@x.com", "P1", "1", '{"2": "Friend", "4": null}'),
        (2, "p2@x.com", "P2", "2", None),
        (3, "p3@x.com", "P3", "3", None),
        (4, "p4@x.com", "P4", "4", '["3"]'),
        columns=PEOPLE,
    )
    associations = [{"to": "contacts", "column": "others", "by": "contact_number"}]
    world.syncs = [make_sync(fields=FIELDS, associations=associations)]
    return world


def assert_arrived(world: Any) -> None:
    made = Counter(each["id"] for each in world.creates())
    assert set(made.values()) == {1}
    assert len(made) == 4  # p4 by somebody else
    one, two, three, four = (world.contact(f"p{number}@x.com") for number in (1, 2, 3, 4))
    assert [each["properties"]["firstname"] for each in (one, two, three, four)] == ["P1", "P2", "P3", "P4"]
    assert world.labels_between(one["id"], two["id"]) == {"Friend", None}
    assert world.labels_between(one["id"], four["id"]) == {None}
    assert world.labels_between(four["id"], three["id"]) == {None}
    before = world.writes()
    assert world.plan().changes == 0
    report = world.push()
    assert report.exit_code == 0
    assert world.writes() == before
    owned = world.sql("SELECT count(*) FROM hubferry.links WHERE added")
    assert owned == [(3,)]
    assert world.sql("SELECT count(*) FROM hubferry.journal WHERE state = 'intended'") == [(0,)]
    assert world.sql("SELECT count(*) FROM hubferry.ledger WHERE created") == [(3,)]


@pytest.mark.parametrize(
    "crash",
    [
        "lease.acquired:1",
        "transaction.before_commit:2",
        "push.intents_committed:1",
        "push.intents_committed:2",
        "push.batch_answered:1",
        "push.results_committed:1",
        "push.links_answered:1",
        "push.results_committed:2",
    ],
)
def test_a_push_killed_at_any_point_and_run_again_creates_nothing_twice(crowd: Any, crash: str) -> None:
    assert run(crowd, crash) == -signal.SIGKILL

    assert run(crowd) == 0

    assert_arrived(crowd)


@pytest.mark.parametrize("mode", ["upsert", "create"])
def test_a_write_whose_answer_is_lost_is_looked_up_before_it_is_sent_again(
    world: Any, make_sync: Any, mode: str
) -> None:
    world.people(*((number, f"p{number}@x.com", "P") for number in range(150)))
    world.syncs = [make_sync(mode=mode)]
    world.lose_answers(f"/batch/{mode}")

    report = world.push()

    assert report.rows["contacts"].applied == 150
    assert max(Counter(each["id"] for each in world.creates()).values()) == 1
    assert len(world.creates()) == 150
    writes, reads = {"upsert": (3, 2), "create": (2, 3)}[mode]  # one more than without the fault
    assert (world.calls(f"/batch/{mode}"), world.calls("/batch/read")) == (writes, reads)
    assert world.plan().changes == 0


def test_links_whose_answer_is_lost_are_ours_all_the_same(crowd: Any) -> None:
    crowd.lose_answers("/associations/*/batch/create")

    crowd.push()

    assert crowd.calls("/batch/create") == 2
    assert_arrived(crowd)
