"""What moves no cursor in time is found by comparing ids, dates and calculated values; a table can be proven and repaired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_pull_schema import ids, write
from test_pull_tombstones import erase, row_of, send

from hubferry.config.model import PullBlock
from hubferry.pull.estimate import estimate_pull
from hubferry.pull.purging import purge_record
from hubferry.pull.verification import verify_tables
from hubspot_emulator.knobs import Knobs

MakeWorld = Callable[..., Any]
NAMES = ["email", "firstname"]
WEEK = 7 * 86_400


def test_a_row_indexed_later_than_the_lookback_is_found_by_the_weekly_look_and_counted_as_late(
    world: MakeWorld,
) -> None:
    portal = world(contacts=40, index_lag_seconds=3600)
    settings = {"contacts": {"properties": NAMES}}
    portal.pull("contacts", settings=settings)
    portal.clock.advance(7200)
    portal.pull("contacts", settings=settings)
    target = ids(portal)[0]
    write(portal, {target: {"firstname": "Late"}})
    portal.clock.advance(600)
    portal.pull("contacts", settings=settings)
    portal.clock.advance(1200)
    portal.pull("contacts", settings=settings)
    portal.clock.advance(WEEK)
    lost = portal.pull("contacts", settings={"contacts": {"properties": NAMES, "reconcile": "never"}}).streams[0]
    unseen = row_of(portal, target)["firstname"]

    report = portal.pull("contacts", settings=settings).streams[0]

    assert (lost.late, unseen != "Late") == (0, True)
    assert (report.late, row_of(portal, target)["firstname"]) == (1, "Late")
    portal.check("contacts")
    assert portal.rows("SELECT CAST(sum(late) AS INTEGER) AS late FROM hubferry.stream_runs") == [{"late": 1}]


def test_calculated_values_that_moved_no_date_are_refreshed_on_their_own_cadence(world: MakeWorld) -> None:
    portal = world(contacts=60, knobs=Knobs(rollups_follow=True))
    settings = {"companies": {"calculated": "daily", "reconcile": "never"}, "contacts": {"properties": NAMES}}
    portal.pull("companies", "contacts", settings=settings)
    portal.clock.advance(600)
    portal.mutate(2, associations=40)
    portal.clock.advance(86_400)

    portal.pull("companies", "contacts", settings=settings)

    portal.check("companies", pairs=False)


def test_a_table_is_proven_and_what_is_otherwise_is_repaired(world: MakeWorld) -> None:
    portal = world(contacts=40)
    settings = {"contacts": {"properties": NAMES}}
    portal.pull("contacts", settings=settings)
    portal.clock.advance(3600)
    portal.pull("contacts", settings=settings)
    equal = verify(portal, settings)[0]
    live = len(ids(portal))
    lost, old, wrong, ghost = ids(portal)[:4]
    with portal.warehouse.transaction() as tx:
        tx.execute("DELETE FROM hubspot.contacts WHERE id = ?", (lost,))
        tx.execute("UPDATE hubspot.contacts SET updated_at = updated_at - INTERVAL 1 DAY WHERE id = ?", (old,))
        tx.execute("UPDATE hubspot.contacts SET firstname = 'wrong' WHERE id = ?", (wrong,))
    erase(portal, ghost)

    found = verify(portal, settings)[0]
    again = verify(portal, settings, repair=True)[0]

    assert (equal.exit_code, equal.differences, equal.listed, equal.compared) == (0, 0, live, live)
    assert (found.missing, found.outdated, found.gone, found.columns) == ((lost,), (old,), (ghost,), {"firstname": 1})
    assert (found.exit_code, again.exit_code) == (1, 0)
    assert verify(portal, settings)[0].differences == 0
    portal.check("contacts")


def test_a_row_with_a_later_date_than_its_record_is_repaired(world: MakeWorld) -> None:
    portal = world(contacts=20)
    settings = {"contacts": {"properties": ["email", "firstname"]}}
    portal.pull("contacts", settings=settings)
    portal.clock.advance(3_600)
    with portal.warehouse.transaction() as tx:
        tx.execute(
            "UPDATE hubspot.contacts SET updated_at = TIMESTAMPTZ '2090-01-01', firstname = 'wrong' WHERE id = ?",
            (ids(portal)[0],),
        )

    repaired = verify(portal, settings, repair=True)[0]

    assert (repaired.differences, repaired.exit_code) == (1, 0)
    assert verify(portal, settings)[0].differences == 0
    portal.check("contacts")


def verify(portal: Any, settings: dict[str, Any], **options: Any) -> Any:
    parts = {"client": portal.client, "warehouse": portal.warehouse, "state": portal.state}
    return verify_tables(**parts, pull=PullBlock(streams=settings), **options)


def test_what_changed_since_the_last_pull_is_no_difference(world: MakeWorld) -> None:
    portal = world(contacts=40)
    settings = {"contacts": {"properties": NAMES}, "owners": None}
    portal.pull("contacts", "owners", settings=settings)
    portal.clock.advance(3600)
    write(portal, {ids(portal)[0]: {"firstname": "Ada"}})

    contacts, owners = verify(portal, settings)

    assert (contacts.differences, contacts.newer, contacts.exit_code) == (0, 1, 0)
    assert (owners.verified, owners.differences) == (True, 0)


def test_a_purged_record_leaves_no_value_in_table_history_or_push(world: MakeWorld) -> None:
    portal = world(contacts=30)
    settings = {"contacts": {"properties": NAMES, "storage": "append"}, "property_history": {"objects": ["contacts"]}}
    portal.pull("contacts", "property_history", settings=settings)
    target = ids(portal)[0]
    parts = {"client": portal.client, "warehouse": portal.warehouse, "state": portal.state}

    report = purge_record("contacts", target, **parts, pull=PullBlock(streams=settings))

    assert (report.stored, report.lives) == (True, True)
    rows = portal.rows(f"SELECT firstname, email FROM hubspot.contacts WHERE id = '{target}'")
    assert {tuple(row.values()) for row in rows} == {(None, None)}
    values = portal.rows(
        f"SELECT count(value) AS n, count(*) AS rows FROM hubspot.property_history WHERE record_id = '{target}'"
    )
    assert (values[0]["n"], values[0]["rows"] > 0) == (0, True)


@pytest.mark.parametrize("archive_pulled", [True, False])
def test_a_purged_record_that_is_in_hubspots_archive_does_not_come_back(world: MakeWorld, archive_pulled: bool) -> None:
    """HubSpot lists it for 90 days; one that is restored and archived once more is another matter."""
    portal = world(deals=10, contacts=0)
    settings = {"deals": {"properties": ["dealname"]}, "deals_archived": {"properties": ["dealname"]}}
    portal.pull("deals", "deals_archived", settings=settings)
    found = portal.rows("SELECT id, dealname FROM hubspot.deals WHERE _hubferry_deleted_at IS NULL ORDER BY id")
    (target, name), (other, kept) = (tuple(row.values()) for row in found[:2])
    send(portal, "/crm/objects/2026-09/deals/batch/archive", {"inputs": [{"id": target}, {"id": other}]})
    portal.clock.advance(3600)
    if archive_pulled:
        portal.pull("deals", "deals_archived", settings=settings)
    parts = {"client": portal.client, "warehouse": portal.warehouse, "state": portal.state}

    report = purge_record("deals", target, **parts, pull=PullBlock(streams=settings))
    portal.clock.advance(8 * 86_400)
    portal.pull("deals", "deals_archived", settings=settings, full_refresh=True)

    assert (report.stored, report.lives) == (True, False)
    for table in ("deals", "deals_archived"):
        rows = str(portal.rows(f"SELECT * FROM hubspot.{table}"))
        assert (name in rows, kept in rows) == (False, True)
    (proven,) = verify_tables(**parts, pull=PullBlock(streams=settings), select=["deals_archived"])
    assert (proven.verified, proven.differences) == (True, 0)
    archived = portal.rows("SELECT count(*) AS n FROM hubspot.deals_archived WHERE _hubferry_deleted_at IS NULL")[0][
        "n"
    ]
    portal.mutate(1, object="deals", restores=archived + 1)
    portal.clock.advance(3600)
    portal.pull("deals", "deals_archived", settings=settings, full_refresh=True)
    assert row_in(portal, "deals", target)["_hubferry_deleted_at"] is None
    send(portal, "/crm/objects/2026-09/deals/batch/archive", {"inputs": [{"id": target}]})
    portal.pull("deals", "deals_archived", settings=settings)
    assert row_in(portal, "deals_archived", target)["dealname"] == name


def row_in(portal: Any, table: str, record_id: str) -> dict[str, Any]:
    return dict(portal.rows(f"SELECT * FROM hubspot.{table} WHERE id = '{record_id}'")[0])


def test_an_erased_record_leaves_no_value_in_history_in_the_run_that_finds_it(world: MakeWorld) -> None:
    portal = world(contacts=30)
    settings = {"contacts": {"properties": NAMES}, "property_history": {"objects": ["contacts"]}}
    portal.pull("contacts", "property_history", settings=settings)
    target = ids(portal)[0]
    erase(portal, target)

    portal.pull("contacts", "property_history", settings=settings, select=["contacts"], full_refresh=True)

    found = portal.rows(f"SELECT count(value) AS n FROM hubspot.property_history WHERE record_id = '{target}'")
    assert found == [{"n": 0}]


def test_a_dry_run_says_what_a_pull_takes_and_writes_nothing(world: MakeWorld) -> None:
    portal = world(contacts=450)
    settings = {"contacts": {"properties": NAMES}, "deals": {"properties": ["dealname"]}}
    before = estimate(portal, settings)
    untouched = portal.warehouse.query_columns("hubspot", "contacts")

    report = portal.pull("contacts", "deals", settings=settings)
    portal.clock.advance(3600)
    write(portal, {each: {"firstname": "Ada"} for each in ids(portal)[:30]})
    after = estimate(portal, settings)

    assert untouched == ()
    assert (before["contacts"].reader, after["contacts"].reader) == ("scan", "changes")
    assert before["contacts"].calls - 3 <= report.streams[0].calls <= before["contacts"].calls + 3
    assert 0 < before["contacts"].share_of_day < 0.001
    assert after["contacts"].basis == f"30 changed of {len(ids(portal))}"
    assert before["associations contacts-deals"].calls >= 1


def estimate(portal: Any, settings: dict[str, Any]) -> dict[str, Any]:
    found = estimate_pull(client=portal.client, state=portal.state, pull=PullBlock(streams=settings))
    return {each.name: each for each in found}
