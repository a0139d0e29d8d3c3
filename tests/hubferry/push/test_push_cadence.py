"""Syncs whose rows are all compared with HubSpot on a cadence of their own."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.cli.plan_text import render_plan
from hubferry.errors import HubferryError

DAY = 86_400


def test_what_was_changed_in_hubspot_is_mended_when_reconcile_comes_round(timed_world: Any, make_sync: Any) -> None:
    world = timed_world
    world.syncs = [
        make_sync(reconcile="daily"),
        make_sync("names", source="main.names", match="hs_object_id", mode="update", fields={"lastname": "lastname"}),
    ]
    world.people((1, "a@x.com", "Ada"))
    other = world.add_contact(email="b@x.com")
    world.sql(f"CREATE TABLE main.names AS SELECT {other} AS id, 'Byron' AS lastname")
    world.push()
    ours = world.contact("a@x.com")["id"]
    world.change(ours, firstname="Theirs")
    world.change(other, lastname="Theirs")

    early = world.push()
    between = world.truth()[ours]["properties"]["firstname"]
    world.advance(DAY)
    due = world.push()
    world.change(ours, firstname="Theirs")
    again = world.push()

    assert (early.plan.compared, between) == ((), "Theirs")
    assert due.plan.compared == ("contacts",)
    assert "every row of contacts" in next(iter(render_plan(due.plan)))
    assert (due.rows["contacts"].applied, due.rows["names"].planned) == (1, 0), "the other sync has no cadence"
    assert (again.plan.compared, again.rows["contacts"].planned) == ((), 0)


def test_a_push_that_did_not_end_leaves_the_comparison_due(timed_world: Any, make_sync: Any) -> None:
    world = timed_world
    world.people((1, "a@x.com", "Ada"))
    world.syncs = [make_sync(reconcile="weekly")]
    world.push()
    ours = world.contact("a@x.com")["id"]
    world.advance(7 * DAY)
    world.change(ours, firstname="Theirs")
    world.fault("/contacts/batch/update", {"status": 401, "body": {"category": "INVALID_AUTHENTICATION"}})
    with pytest.raises(HubferryError):
        world.push()
    world.clear_faults()
    world.new_client()

    assert world.push().plan.full
