"""What people do to tables by hand, and several schemas of one portal: no cursor is ahead of the rows beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_pull_schema import ids, write

from hubferry.config.model import PullBlock
from hubferry.pull.dropped import NOTE
from hubferry.pull.run import run_pull

MakeWorld = Callable[..., Any]
NAMES = ["email", "firstname", "lifecyclestage"]
CONTACTS = {"contacts": {"properties": NAMES, "associations": ["companies"]}, "companies": {"properties": ["name"]}}
APPEND = {"contacts": {"properties": NAMES, "storage": "append"}}
BY_HAND = [
    "DROP TABLE hubspot.contacts",
    "DELETE FROM hubspot.contacts",
    "ALTER TABLE hubspot.contacts RENAME COLUMN email TO address",
    "ALTER TABLE hubspot.contacts DROP COLUMN _hubferry_deleted_reason",
    "DROP TABLE hubspot.associations",
]


def by_hand(portal: Any, *statements: str) -> None:
    with portal.warehouse.transaction() as tx:
        for each in statements:
            tx.execute(each)


def test_what_was_dropped_by_hand_is_read_again(world: MakeWorld) -> None:
    portal = world(contacts=12)
    portal.pull("contacts", "companies", settings=CONTACTS)
    portal.mutate(3, archives=2)
    portal.pull("contacts", "companies", settings=CONTACTS)
    sweeps = {"contacts": {**CONTACTS["contacts"], "sweep": "weekly"}, "companies": CONTACTS["companies"]}
    for number, statement in enumerate(BY_HAND):
        by_hand(portal, statement)
        portal.clock.advance(3600)
        portal.mutate(4 + number, edits=1)

        report = portal.pull("contacts", "companies", settings=sweeps)

        assert report.exit_code == 0, statement
        portal.check("contacts", "companies")
        assert [NOTE.format(each.name) in each.notes for each in report.streams] == [statement == BY_HAND[0], False]
    assert portal.pull("contacts", settings=sweeps).streams[0].reader == "changes"


def test_a_view_in_the_place_of_a_table_is_named(world: MakeWorld) -> None:
    portal = world(contacts=8)
    only = {"contacts": {**CONTACTS["contacts"], "associations": []}}
    portal.pull("contacts", settings=only)
    view = "CREATE VIEW hubspot.contacts AS SELECT * FROM hubspot.mine"
    by_hand(portal, "ALTER TABLE hubspot.contacts RENAME TO mine", view)

    refused = portal.pull("contacts", settings=only).streams[0]
    by_hand(portal, "DROP VIEW hubspot.contacts")
    made = portal.pull("contacts", settings=only).streams[0]

    assert (refused.state, made.state) == ("failed", "done")
    assert str(refused.error).startswith("hubspot.contacts is a view")
    portal.check("contacts", pairs=False)


@pytest.mark.parametrize("lost", ["contacts", "contacts__current"])
def test_of_versions_and_rows_as_they_are_the_lost_ones_come_from_the_others(world: MakeWorld, lost: str) -> None:
    portal = world(contacts=8)
    portal.pull("contacts", settings=APPEND)
    first = ids(portal)[0]
    portal.clock.advance(3600)
    write(portal, {first: {"firstname": "Ada"}})
    portal.pull("contacts", settings=APPEND)
    before = portal.rows("SELECT id, firstname FROM hubspot.contacts__current ORDER BY id")

    by_hand(portal, f"DROP TABLE hubspot.{lost}")
    report = portal.pull("contacts", settings=APPEND)

    assert [each.state for each in report.streams] == ["done"]
    assert portal.rows("SELECT id, firstname FROM hubspot.contacts__current ORDER BY id") == before
    assert {row["id"]: row["firstname"] for row in portal.rows("SELECT * FROM hubspot.contacts")}[first] == "Ada"
    versions = 2 if lost == "contacts__current" else 1
    assert portal.rows(f"SELECT id FROM hubspot.contacts WHERE id = '{first}'") == [{"id": first}] * versions


def test_each_schema_of_a_portal_has_cursors_of_its_own(world: MakeWorld) -> None:
    """An environment with another `pull.schema`, as the guide shows: neither misses what the other one read."""
    portal = world(contacts=8)
    streams = {"contacts": {"properties": NAMES, "associations": []}, "list_memberships": None}

    def pull(schema: str) -> dict[str, int]:
        block = PullBlock.model_validate({"schema": schema, "streams": streams})
        with portal.warehouse.session():
            report = run_pull(client=portal.client, warehouse=portal.warehouse, state=portal.state, pull=block)
        assert {each.state for each in report.streams} == {"done"}
        return {each.name: each.read for each in report.streams}

    def rows(schema: str) -> Any:
        members = portal.rows(f"SELECT count(*) AS n FROM {schema}.list_memberships WHERE _hubferry_deleted_at IS NULL")
        return members, portal.rows(f"SELECT id, firstname FROM {schema}.contacts ORDER BY id")

    pull("hubspot")
    pull("dev")
    assert rows("dev") == rows("hubspot")
    for name in ("Ada", "Grace"):
        portal.clock.advance(3600)
        write(portal, {ids(portal)[0]: {"firstname": name}})
        pull("dev")
        portal.clock.advance(3600)
        assert 0 < pull("hubspot")["contacts"] < 8
        assert rows("dev") == rows("hubspot")

    portal_id = portal.state.runs()[0].portal_id
    assert portal.state.cursors(portal_id).keys() == portal.state.cursors(portal_id, "dev").keys() == streams.keys()
