"""What the plan saw a while ago: looked at again just before it is written over, or guarded by HubSpot itself."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.push.apply import run_push
from hubferry.types import Quiet


@pytest.mark.parametrize("match", ["email", "number"])
def test_a_create_that_waited_is_not_read_again_and_never_writes_over_a_record_that_appeared(
    world: Any, make_sync: Any, match: str
) -> None:
    """HubSpot itself refuses a plain create of a value that is taken; an upsert would have written over it."""
    world.add_property("number", hasUniqueValue=True)
    fields = {match: match, "firstname": "firstname"}
    world.syncs = [make_sync(match=match, fields=fields, adopt_by="none")]
    world.people(
        *((key, f"p{key}@x.com", "Ours") for key in range(250)),
        columns=f"id INTEGER, {match} VARCHAR, firstname VARCHAR",
    )
    plan = world.plan()
    theirs = world.add_contact(**{match: "p7@x.com", "firstname": "Theirs"})
    world.advance(120)
    world.lose_answers("/batch/create")
    reads = world.calls("/batch/read")

    report = world.apply(plan)

    outcome = report.rows["contacts"]
    assert (outcome.applied, outcome.skipped) == (249, 1)
    assert "appeared after the plan" in world.rejected()[0].message
    assert world.calls("/batch/read") - reads in {1, 2}, "what was lost is looked up, and what of it was then refused"
    assert world.truth()[theirs]["properties"]["firstname"] == "Theirs"
    assert world.sql("SELECT count(*) FROM hubferry.ledger WHERE created") == [(249,)]
    assert len(world.creates()) == 250


def test_an_update_is_read_again_only_where_it_was_read_over_a_minute_ago(world: Any, make_sync: Any) -> None:
    """The first sync's record was read 70 seconds before it is written, the second's just now."""
    first, second = world.add_contact(email="a@x.com"), world.add_contact(email="b@x.com")
    world.sql(
        "CREATE TABLE main.early AS SELECT 1 AS id, 'a@x.com' AS email, 'Ann' AS firstname",
        "CREATE TABLE main.late AS SELECT 1 AS id, 'b@x.com' AS email, 'Bob' AS firstname",
    )
    world.syncs = [make_sync(name, source=f"main.{name}") for name in ("early", "late")]
    together = {"client": world.client, "warehouse": world.warehouse, "state": world.state}

    run_push(syncs=world.syncs, progress=_Waiting(world), **together)

    assert world.calls("/batch/read") == 3
    assert [world.truth()[each]["properties"]["firstname"] for each in (first, second)] == ["Ann", "Bob"]


class _Waiting(Quiet):
    """Time passes before each sync is compared."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def advance(self, task: str, **more: Any) -> None:
        if task.startswith("plan "):
            self.world.advance(70)


def test_a_create_whose_record_showed_only_after_it_was_sent_again_is_ours(world: Any, make_sync: Any) -> None:
    """The answer was lost, the record was not there yet when it was looked up, and was when the create went out again."""
    world.people((1, "p1@x.com", "Ours"))
    plan = world.plan()
    world.advance(120)
    world.lose_answers("/batch/create")
    missing = {"category": "OBJECT_NOT_FOUND", "message": "", "context": {"ids": ["p1@x.com"]}}
    nobody = {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [missing]}
    world.fault("/batch/read", {"status": 207, "body": nobody}, times=1)

    report = world.apply(plan)

    assert world.sql("SELECT row_key, created FROM hubferry.ledger") == [("1", True)]
    assert (report.rows["contacts"].applied, report.rows["contacts"].skipped) == (1, 0)
    assert (len(world.creates()), world.calls("/batch/create")) == (1, 2)


@pytest.mark.parametrize("lost", [False, True])
def test_a_record_that_another_made_at_the_same_moment_is_not_ours_to_archive(
    timed_world: Any, make_sync: Any, lost: bool
) -> None:
    """HubSpot says that it was there already; only where an answer of ours got lost may it be of our own first try."""
    world = timed_world
    world.syncs = [make_sync(mode="mirror", guards={"max_archives": 10, "empty_source": "allow"})]
    world.people((1, "a@x.com", "Ours"))
    plan = world.plan()
    if lost:
        world.lose_answers("/batch/upsert")
    else:
        world.add_contact(email="a@x.com", firstname="Theirs")
    world.apply(plan)

    world.people()
    world.push()

    assert [each["state"] for each in world.truth().values()] == ["archived" if lost else "live"]
