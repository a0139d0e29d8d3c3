"""`verify --pull` of lists, lists of each of something, people and events: equal, otherwise, and repaired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_pull_guards import ids as live_contacts
from test_pull_guards import lie, make_list

from hubferry.config.model import PullBlock
from hubferry.pull.verification import verify_tables
from truth import fetch_truth

MakeWorld = Callable[..., Any]
STREAMS = ("owners", "campaigns", "list_memberships", "email_events", "subscription_statuses", "contacts", "api_usage")
SETTINGS = {
    "contacts": {"properties": ["email"]},
    "email_events": {"start": "2026-06-01"},
    "deals_archived": {"properties": ["dealname"]},
    "property_history": {"objects": ["deals"]},
}


def verify(portal: Any, *streams: str, **options: Any) -> dict[str, Any]:
    block = PullBlock(streams={name: SETTINGS.get(name) for name in streams})
    parts = {"client": portal.client, "warehouse": portal.warehouse, "state": portal.state, "pull": block}
    return {each.name: each for each in verify_tables(**parts, **options)}


def test_lists_and_events_are_proven_and_what_is_otherwise_is_repaired(world: MakeWorld) -> None:
    portal = world(contacts=12)
    portal.pull(*STREAMS, settings=SETTINGS)
    portal.clock.advance(7 * 3600)
    equal = verify(portal, *STREAMS, sample=None)
    with portal.warehouse.transaction() as tx:
        (owner,) = tx.query("SELECT id FROM hubspot.owners ORDER BY id LIMIT 1")["id"].to_pylist()
        tx.execute("UPDATE hubspot.owners SET first_name = 'wrong' WHERE id = ?", (owner,))
        tx.execute("INSERT INTO hubspot.owners BY NAME SELECT * REPLACE ('ghost' AS id) FROM hubspot.owners LIMIT 1")
        lost = tx.execute("DELETE FROM hubspot.list_memberships")
        events = tx.execute("DELETE FROM hubspot.email_events")
        tx.execute("UPDATE hubspot.subscription_statuses SET status = 'wrong'")

    found = verify(portal, *STREAMS, sample=None)
    repaired = verify(portal, *STREAMS, sample=None, repair=True)
    again = verify(portal, *STREAMS, sample=None)

    assert {name: each.differences for name, each in equal.items()} == dict.fromkeys(STREAMS, 0)
    assert [name for name, each in equal.items() if not each.verified] == ["api_usage"]
    assert (found["owners"].gone, found["owners"].columns) == (("ghost",), {"first_name": 1})
    assert (len(found["list_memberships"].missing), len(found["email_events"].missing)) == (lost, events)
    assert found["subscription_statuses"].columns == {"status": found["subscription_statuses"].listed}
    assert {name for name, each in found.items() if each.exit_code} == {*STREAMS} - {
        "campaigns",
        "contacts",
        "api_usage",
    }
    assert {each.exit_code for each in repaired.values()} == {0}
    assert {name: each.differences for name, each in again.items()} == dict.fromkeys(STREAMS, 0)


def test_versions_and_archived_records_are_proven_and_what_is_otherwise_is_repaired(world: MakeWorld) -> None:
    portal = world(contacts=40, companies=0)
    names = ("deals_archived", "property_history")
    portal.mutate(1, object="deals", archives=4)
    portal.clock.advance(3600)
    portal.pull(*names, settings=SETTINGS)
    portal.clock.advance(3600)
    equal = verify(portal, *names, sample=None)
    with portal.warehouse.transaction() as tx:
        rows = tx.query("SELECT id FROM hubspot.deals_archived ORDER BY id")["id"].to_pylist()
        tx.execute("DELETE FROM hubspot.deals_archived WHERE id = ?", (rows[0],))
        tx.execute("UPDATE hubspot.deals_archived SET dealname = 'wrong' WHERE id = ?", (rows[1],))
        tx.execute(
            "UPDATE hubspot.deals_archived SET archived_at = archived_at - INTERVAL 1 DAY WHERE id = ?", (rows[2],)
        )
        of_one = "object = 'deals' AND property = 'dealname' AND record_id = (SELECT min(record_id) FROM hubspot.property_history)"
        lost = tx.execute(f"DELETE FROM hubspot.property_history WHERE {of_one}")
        tx.execute("UPDATE hubspot.property_history SET source_label = 'wrong' WHERE property = 'pipeline'")

    found = verify(portal, *names, sample=None)
    sampled = verify(portal, *names, sample=2)["property_history"]
    repaired = verify(portal, *names, sample=None, repair=True)
    again = verify(portal, *names, sample=None)

    archived, versions = (found[name] for name in names)
    live = len([each for each in fetch_truth(portal.emulator.control_url, "deals") if each["state"] == "live"])
    assert {name: each.differences for name, each in equal.items()} == dict.fromkeys(names, 0)
    assert (archived.listed, archived.missing, archived.outdated) == (len(rows), (rows[0],), (rows[2],))
    assert archived.columns == {"dealname": 1}
    assert (versions.listed, versions.compared, len(versions.missing)) == (live, live, lost)
    assert {each.split("/")[2] for each in versions.missing} == {"dealname"}
    assert versions.columns == {"source_label": live}
    assert (sampled.listed, sampled.compared, sampled.columns["source_label"]) == (live, 2, 2)
    assert {each.exit_code for each in (archived, versions)} == {1}
    assert {each.exit_code for each in repaired.values()} == {0}
    assert {name: each.differences for name, each in again.items()} == dict.fromkeys(names, 0)


def test_a_deal_that_was_restored_is_gone_from_the_archive_and_one_too_old_for_it_is_not(world: MakeWorld) -> None:
    portal = world(contacts=40, companies=0)
    portal.mutate(1, object="deals", archives=4)
    portal.pull("deals_archived", settings=SETTINGS)
    archived = sorted(row["id"] for row in portal.rows("SELECT id FROM hubspot.deals_archived"))
    portal.mutate(1, object="deals", restores=1)

    restored = verify(portal, "deals_archived")["deals_archived"]
    portal.clock.advance(100 * 86_400)
    later = verify(portal, "deals_archived")["deals_archived"]

    assert len(restored.gone) == 1
    assert set(restored.gone) < set(archived)
    assert (later.listed, later.differences) == (0, 0)


def test_what_is_not_verified_says_why(world: MakeWorld) -> None:
    portal = world(contacts=4, activity=False)
    portal.pull("api_usage")

    found = verify(portal, "api_usage", "owners", "property_history")

    assert {name: each.verified for name, each in found.items()} == dict.fromkeys(found, False)
    assert "at a moment" in found["api_usage"].reason
    assert all("`hubferry pull`" in found[name].reason for name in ("owners", "property_history"))


def test_of_events_the_last_days_are_compared_where_not_all_are(world: MakeWorld) -> None:
    portal = world(contacts=12)
    portal.pull("email_events")
    portal.clock.advance(7 * 3600)

    recent, every = (verify(portal, "email_events", sample=each)["email_events"] for each in (1_000, None))

    assert recent.since is not None
    assert every.since is None
    assert 0 <= recent.listed <= every.listed


@pytest.mark.parametrize("repair", [False, True])
def test_a_repair_that_a_guard_stops_ends_with_exit_code_3(world: MakeWorld, repair: bool) -> None:
    portal = world(contacts=8, activity=False)
    number = make_list(portal, live_contacts(portal)[:3])
    portal.pull("list_memberships")
    lie(portal, number, [])

    report = verify(portal, "list_memberships", repair=repair)["list_memberships"]

    assert (len(report.gone), report.exit_code) == (3, 3 if repair else 1)
