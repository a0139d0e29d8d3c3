"""What HubSpot tells of one e-mail address after the other: who is asked about, how, and when again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from test_pull_pages import call

from hubferry.pull import people
from hubferry.streams.registry import BY_NAME
from stream_truth import diff_stream
from truth import fetch_truth

MakeWorld = Callable[..., Any]
NAMES = ("contacts", "subscription_changes", "subscription_statuses")
SETTINGS = {"contacts": {"properties": ["email"]}}
STATUSES = BY_NAME["subscription_statuses"]
ONE_BY_ONE = frozenset({"communication_preferences.read", "crm.objects.contacts.read", "content"})


def pull(portal: Any, *names: str, **options: Any) -> Any:
    """Pull and give the report of the statuses, which is the last."""
    return portal.pull(*(names or NAMES), settings=SETTINGS, **options).streams[-1]


def set_status(portal: Any, address: str, status: str) -> None:
    kind = fetch_truth(portal.emulator.control_url, "subscription_definitions")[0]["id"]
    told = {"channel": "EMAIL", "statusState": status, "subscriptionId": int(kind)}
    call(portal, "POST", f"/communication-preferences/2026-09/statuses/{address}", told)


def addresses(portal: Any) -> list[str]:
    truth = fetch_truth(portal.emulator.control_url, "subscription_statuses")
    return sorted({each["subscriberIdString"] for each in truth})


def test_a_portal_without_the_scope_of_batches_is_asked_one_by_one_and_says_the_same(world: MakeWorld) -> None:
    portal = world(token="pat-few", contacts=8, tokens={"pat-few": ONE_BY_ONE})

    report = pull(portal)

    assert (report.state, report.reader) == ("done", "people")
    assert diff_stream(portal.warehouse, portal.emulator.control_url, STATUSES) == []
    assert report.calls == 1 + 1 + len(addresses(portal))  # the kinds, one refused batch, each address


def test_only_people_whom_the_feed_named_are_asked_about_again(world: MakeWorld) -> None:
    portal = world(contacts=8)
    first = pull(portal)
    portal.clock.advance(3600)
    pull(portal)  # what the feed told in the first run may have been told while people were asked about
    portal.clock.advance(3600)
    set_status(portal, addresses(portal)[0], "UNSUBSCRIBED")

    changed, _ = pull(portal), portal.clock.advance(3600)
    pull(portal), portal.clock.advance(3600)
    again = pull(portal)

    assert first.calls == 2
    assert (changed.read, changed.updated) == (4, 1)
    assert (again.read, again.calls) == (0, 1)
    assert diff_stream(portal.warehouse, portal.emulator.control_url, STATUSES) == []


def test_people_told_of_while_a_reading_of_all_was_interrupted_are_asked_about_when_it_ends(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "GROUP", 4)
    portal = world(contacts=8)
    daily = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "daily limit reached"}
    batches = {"method": "POST", "path": "*/statuses/batch/read"}
    used_up = {"phase": "before", "do": {"status": 429, "body": daily}}
    portal.control("POST", "/faults", [{"match": batches, "when": {"nth": 2}, **used_up}])
    first = pull(portal)
    portal.clock.advance(2 * 86_400)
    set_status(portal, addresses(portal)[0], "UNSUBSCRIBED")

    again = pull(portal)

    assert (first.state, first.read, again.state) == ("paused", 16, "done")
    assert diff_stream(portal.warehouse, portal.emulator.control_url, STATUSES) == []


def test_people_whom_another_run_named_meanwhile_are_asked_about_again(world: MakeWorld) -> None:
    """Its rows bear a time before this run began, and were committed after this one had looked."""
    portal = world(contacts=8)
    pull(portal)
    set_status(portal, addresses(portal)[0], "UNSUBSCRIBED")
    portal.clock.advance(3600)
    pull(portal)
    began = portal.rows("SELECT value AS at FROM hubferry.cursors WHERE stream = 'subscription_statuses'")[0]["at"]
    portal.clock.advance(3600)
    with portal.warehouse.transaction() as tx:
        tx.execute(
            "UPDATE hubspot.subscription_changes SET _hubferry_synced_at = ? WHERE lower(recipient) = ?",
            (began - timedelta(seconds=20), addresses(portal)[0]),
        )

    assert pull(portal).read == 4


def test_without_the_feed_everybody_is_asked_about_and_the_report_says_why(world: MakeWorld) -> None:
    portal = world(contacts=8, activity=False)
    pull(portal, "contacts", "subscription_statuses")

    again = pull(portal, "contacts", "subscription_statuses")

    assert (again.read, again.inserted + again.updated) == (len(addresses(portal)) * 4, 0)
    assert "subscription_changes" in again.notes[0]


def test_without_anybody_to_ask_about_it_says_which_streams_bring_people(world: MakeWorld) -> None:
    report = pull(world(contacts=0, activity=False), "subscription_statuses")

    assert report.state == "failed"
    assert "Add contacts (with the property email), subscription_changes, or both" in str(report.error)
