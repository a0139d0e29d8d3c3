"""What comes back: what is beside a restored record, what a period or another `start:` asks for, tables emptied by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubferry.pull import history
from hubferry.streams.registry import BY_NAME
from stream_truth import diff_stream

MakeWorld = Callable[..., Any]
HOUR, DAY = 3_600, 86_400
CONTACTS = {"contacts": {"properties": ["email"]}}
STATUSES = ("contacts", "subscription_changes", "subscription_statuses")
BY_HAND = {
    "campaigns": "UPDATE hubspot.campaigns SET name = 'mine'",
    "email_events": "DELETE FROM hubspot.email_events WHERE created = (SELECT min(created) FROM hubspot.email_events)",
    "list_memberships": "DELETE FROM hubspot.list_memberships WHERE record_id ="
    " (SELECT min(record_id) FROM hubspot.list_memberships)",
    "property_history": "DELETE FROM hubspot.property_history WHERE property = 'email'",
    "subscription_statuses": "UPDATE hubspot.subscription_statuses SET status = 'mine'",
}
EMPTIED = ["email_events", "form_submissions", "list_memberships", "property_history", "subscription_statuses"]


def differences(portal: Any, name: str) -> list[str]:
    return list(diff_stream(portal.warehouse, portal.emulator.control_url, BY_NAME[name]))


def by_hand(portal: Any, statement: str) -> None:
    with portal.warehouse.transaction() as tx:
        tx.execute(statement)


def streams_for(name: str) -> tuple[str, ...]:
    return STATUSES if name == "subscription_statuses" else (name,)


def test_what_a_restored_contact_wants_to_be_sent_is_asked_again(world: MakeWorld) -> None:
    portal = world(contacts=12)
    portal.pull(*STATUSES, settings=CONTACTS)
    portal.clock.advance(HOUR)
    portal.mutate(3, object="contacts", archives=2)
    portal.pull(*STATUSES, settings=CONTACTS)
    assert differences(portal, "subscription_statuses") == []

    portal.clock.advance(HOUR)
    portal.mutate(4, object="contacts", restores=2)
    portal.pull(*STATUSES, settings=CONTACTS)

    assert differences(portal, "subscription_statuses") == []


def test_versions_of_a_restored_record_are_read_although_its_date_did_not_move(world: MakeWorld) -> None:
    portal = world(contacts=30)
    settings = {**CONTACTS, "property_history": {"objects": ["contacts"]}}
    streams = ("contacts", "property_history")
    portal.mutate(3, object="contacts", archives=3)
    portal.pull(*streams, settings=settings)
    archived = portal.rows("SELECT id FROM hubspot.contacts WHERE _hubferry_deleted_reason = 'archived'")
    portal.clock.advance(HOUR)
    portal.mutate(6, object="contacts", restores=len(archived))

    read = portal.pull(*streams, settings=settings).streams[-1].read
    portal.clock.advance(HOUR)
    again = portal.pull(*streams, settings=settings).streams[-1].read

    unread = portal.rows(
        "SELECT count(*) AS n FROM hubspot.contacts WHERE _hubferry_deleted_at IS NULL"
        " AND id NOT IN (SELECT record_id FROM hubspot.property_history)"
    )
    assert (unread, read, again) == ([{"n": 0}], len(archived), 0)


def test_versions_are_read_once_although_pulls_follow_each_other_soon(world: MakeWorld) -> None:
    portal = world(contacts=30)
    settings = {**CONTACTS, "property_history": {"objects": ["contacts", "deals"]}}
    reads = []
    for _ in range(4):
        reads.append(portal.pull("contacts", "deals", "property_history", settings=settings).streams[-1].read)
        portal.clock.advance(180)

    assert reads[0] > 0
    assert reads[1:] == [0, 0, 0]


def test_versions_of_restored_records_are_read_after_a_run_that_ended_before_it_read_them(world: MakeWorld) -> None:
    portal = world(contacts=30)
    settings = {**CONTACTS, "property_history": {"objects": ["contacts"]}}
    streams = ("contacts", "property_history")
    portal.mutate(3, object="contacts", archives=3)
    portal.pull(*streams, settings=settings)
    portal.clock.advance(HOUR)
    portal.mutate(6, object="contacts", restores=3)
    portal.mutate(7, object="contacts", edits=2)
    versions = {"path": "/crm/objects/*/contacts/batch/read", "body": "propertiesWithHistory"}
    rule = {"match": versions, "when": {"nth": 2}, "do": {"kind": "limit", "policy": "DAILY"}}
    portal.control("POST", "/faults", [rule])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(history, "GROUP", 2)
        ended = portal.pull(*streams, settings=settings)
    portal.clock.advance(DAY)
    portal.pull(*streams, settings=settings)

    unread = portal.rows(
        "SELECT count(*) AS n FROM hubspot.contacts WHERE _hubferry_deleted_at IS NULL"
        " AND id NOT IN (SELECT record_id FROM hubspot.property_history)"
    )
    assert (ended.exit_code, unread) == (4, [{"n": 0}])


@pytest.mark.parametrize("name", BY_HAND)
def test_every_stream_is_read_whole_again_when_its_period_has_passed(world: MakeWorld, name: str) -> None:
    portal = world(contacts=60)
    settings: dict[str, Any] = {**CONTACTS, name: {"full_refresh": "weekly", "reconcile": "never"}}
    portal.pull(*streams_for(name), settings=settings)
    portal.clock.advance(3 * DAY)
    portal.pull(*streams_for(name), settings=settings)
    by_hand(portal, BY_HAND[name])
    portal.clock.advance(DAY)
    portal.pull(*streams_for(name), settings=settings)
    assert differences(portal, name)

    portal.clock.advance(3 * DAY)
    portal.pull(*streams_for(name), settings=settings)

    assert differences(portal, name) == []


@pytest.mark.parametrize("name", EMPTIED)
def test_what_was_emptied_by_hand_is_read_again(world: MakeWorld, name: str) -> None:
    portal = world(contacts=60)
    portal.pull(*streams_for(name), settings=CONTACTS)
    by_hand(portal, f"DELETE FROM hubspot.{name}")
    portal.clock.advance(HOUR)

    portal.pull(*streams_for(name), settings=CONTACTS)

    assert differences(portal, name) == []


def test_members_of_lists_are_compared_every_week_although_their_marks_did_not_move(world: MakeWorld) -> None:
    portal = world(contacts=60)
    portal.pull("list_memberships")
    by_hand(portal, BY_HAND["list_memberships"])
    reads = []
    for days in (1, 6, 1):
        portal.clock.advance(days * DAY)
        reads.append(portal.pull("list_memberships").streams[0].read)

    assert (reads[0], reads[2]) == (0, 0)
    assert reads[1] > 0
    assert differences(portal, "list_memberships") == []


def test_events_are_read_from_an_earlier_start_than_before(world: MakeWorld) -> None:
    portal = world(contacts=60)
    events = "SELECT count(*) AS n FROM hubspot.email_events"
    counts = []
    for start in ("2026-09-01", "2026-05-01", None, "2026-05-01"):
        portal.clock.advance(HOUR)
        read = portal.pull("email_events", settings={"email_events": {"start": start} if start else {}}).streams[0].read
        counts.append((portal.rows(events)[0]["n"], read))

    assert 0 < counts[0][0] < counts[1][0] < counts[2][0]
    assert counts[3] == (counts[2][0], 0)
    assert differences(portal, "email_events") == []


def test_an_interrupted_first_reading_of_members_goes_on_behind_the_lists_that_were_read(world: MakeWorld) -> None:
    portal = world(contacts=60)
    members = {"path": "/crm/lists/*/memberships"}
    whole = portal.pull("list_memberships").streams[0].calls
    by_hand(portal, "DROP TABLE hubspot.list_memberships")
    rule = {"match": members, "when": {"nth": 6}, "do": {"kind": "limit", "policy": "DAILY"}}
    portal.control("POST", "/faults", [rule])

    paused = portal.pull("list_memberships")
    portal.control("DELETE", "/faults")
    portal.clock.advance(DAY)
    rest = portal.pull("list_memberships").streams[0]

    assert paused.exit_code == 4
    assert rest.calls < whole
    assert differences(portal, "list_memberships") == []
