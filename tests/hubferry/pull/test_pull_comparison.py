"""`verify --pull` of lists, lists of each of something, people and events: equal, otherwise, and repaired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_pull_guards import ids as live_contacts
from test_pull_guards import lie, make_list

from hubferry.config.model import PullBlock
from hubferry.pull.verification import verify_tables

MakeWorld = Callable[..., Any]
STREAMS = ("owners", "campaigns", "list_memberships", "email_events", "subscription_statuses", "contacts", "api_usage")
SETTINGS = {"contacts": {"properties": ["email"]}, "email_events": {"start": "2026-06-01"}}


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
