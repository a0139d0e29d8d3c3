"""Records that are no longer live stay in the tables, with the reason; those that come back are live again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

MakeWorld = Callable[..., Any]
NARROW = {"contacts": {"properties": ["email", "firstname"]}}


def send(portal: Any, path: str, body: object) -> Any:
    """Write to the portal as another app would."""
    with urllib3.PoolManager() as pool:
        url, headers = portal.emulator.base_url + path, {"Authorization": "Bearer pat-other"}
        answer = pool.request("POST", url, json=body, headers=headers)
        pool.clear()
    assert answer.status < 300, answer.data
    return json.loads(answer.data) if answer.data else None


def merge(portal: Any, primary: str, other: str) -> str:
    """Merge two contacts and give the survivor's id."""
    body = {"primaryObjectId": primary, "objectIdToMerge": other}
    return str(send(portal, "/crm/objects/2026-09/contacts/merge", body)["id"])


def live_ids(portal: Any) -> list[str]:
    return [
        row["id"]
        for row in portal.rows("SELECT id FROM hubspot.contacts WHERE _hubferry_deleted_at IS NULL ORDER BY id")
    ]


def row_of(portal: Any, record_id: str) -> dict[str, Any]:
    return dict(portal.rows(f"SELECT * FROM hubspot.contacts WHERE id = '{record_id}'")[0])


def test_a_chain_of_merges_leads_to_the_record_that_lives(world: MakeWorld) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings=NARROW)
    first, second, third = live_ids(portal)[:3]

    middle = merge(portal, first, second)
    portal.pull("contacts", settings=NARROW)
    last = merge(portal, middle, third)
    portal.pull("contacts", settings=NARROW)

    found = {each: row_of(portal, each) for each in (first, second, third, middle)}
    assert {row["_hubferry_deleted_reason"] for row in found.values()} == {"merged"}
    assert {row["_hubferry_merged_into"] for row in found.values()} == {last}
    portal.check("contacts")


def test_records_merged_into_one_that_was_archived_before_we_looked_are_not_left_live(world: MakeWorld) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings=NARROW)
    first, second = live_ids(portal)[:2]

    survivor = merge(portal, first, second)
    send(portal, "/crm/objects/2026-09/contacts/batch/archive", {"inputs": [{"id": survivor}]})
    portal.pull("contacts", settings=NARROW)

    portal.check("contacts")


def test_a_merged_record_stays_merged_where_the_archive_lists_it_too(world: MakeWorld) -> None:
    from hubspot_emulator.knobs import Knobs  # noqa: PLC0415

    portal = world(contacts=30, knobs=Knobs(merged_listed_as_archived=True))
    portal.pull("contacts", settings=NARROW)
    first, second = live_ids(portal)[:2]

    survivor = merge(portal, first, second)
    portal.pull("contacts", settings=NARROW)
    portal.pull("contacts", settings=NARROW, full_refresh=True)

    row = row_of(portal, first)
    assert (row["_hubferry_deleted_reason"], row["_hubferry_merged_into"]) == ("merged", survivor)


def test_an_archived_record_keeps_its_values(world: MakeWorld) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings=NARROW)
    target = live_ids(portal)[0]
    before = row_of(portal, target)

    send(portal, "/crm/objects/2026-09/contacts/batch/archive", {"inputs": [{"id": target}]})
    report = portal.pull("contacts", settings=NARROW)

    row = row_of(portal, target)
    assert (row["_hubferry_deleted_reason"], row["email"]) == ("archived", before["email"])
    assert report.streams[0].deleted == 1


def test_a_restored_record_is_live_again_although_its_date_did_not_move(world: MakeWorld) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings=NARROW)
    target = live_ids(portal)[0]
    send(portal, "/crm/objects/2026-09/contacts/batch/archive", {"inputs": [{"id": target}]})
    portal.pull("contacts", settings=NARROW)
    portal.clock.advance(3600)

    restore(portal, target)
    portal.pull("contacts", settings=NARROW)

    assert row_of(portal, target)["_hubferry_deleted_at"] is None
    portal.check("contacts")


@pytest.mark.parametrize("was_archived", [False, True])
def test_an_erased_record_leaves_a_row_without_values(world: MakeWorld, was_archived: bool) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings=NARROW)
    target = live_ids(portal)[0]
    if was_archived:
        send(portal, "/crm/objects/2026-09/contacts/batch/archive", {"inputs": [{"id": target}]})
        portal.pull("contacts", settings=NARROW)

    erase(portal, target)
    portal.pull("contacts", settings=NARROW, full_refresh=not was_archived)

    row = row_of(portal, target)
    assert (row["_hubferry_deleted_reason"], row["email"], row["firstname"]) == ("erased", None, None)
    assert row["created_at"] is not None
    portal.check("contacts")


def test_more_than_a_tenth_gone_is_not_believed_until_a_person_says_so(world: MakeWorld) -> None:
    portal = world(contacts=400)
    portal.pull("contacts", settings=NARROW)
    for target in live_ids(portal)[:120]:
        erase(portal, target)

    refused = portal.pull("contacts", settings=NARROW, full_refresh=True).streams[0]
    kept = len(live_ids(portal))
    portal.pull("contacts", settings=NARROW, full_refresh=True, allow_deletes=True)

    assert (refused.state, refused.error.exit_code, refused.deleted) == ("failed", 3, 0)
    assert kept > 380 - 120
    portal.check("contacts")


@pytest.mark.parametrize("keeps", [False, True])
def test_a_merged_pair_is_a_survivor_and_a_tombstone_whether_an_id_is_kept_or_not(
    world: MakeWorld, keeps: bool
) -> None:
    from hubspot_emulator.knobs import Knobs  # noqa: PLC0415

    portal = world(contacts=30, knobs=Knobs(merge_keeps_primary=keeps))
    portal.pull("contacts", settings=NARROW)
    first, second = live_ids(portal)[:2]

    survivor = merge(portal, first, second)
    portal.pull("contacts", settings=NARROW)
    portal.pull("contacts", settings=NARROW, full_refresh=True)

    assert (survivor == first) is keeps
    assert row_of(portal, survivor)["_hubferry_deleted_at"] is None
    assert row_of(portal, second)["_hubferry_merged_into"] == survivor
    portal.check("contacts")


def test_archived_records_that_are_nowhere_by_the_hundred_are_not_emptied_until_a_person_says_so(
    world: MakeWorld,
) -> None:
    portal = world(contacts=400)
    portal.pull("contacts", settings=NARROW)
    targets = live_ids(portal)[:120]
    for start in (0, 100):
        inputs = [{"id": each} for each in targets[start : start + 100]]
        send(portal, "/crm/objects/2026-09/contacts/batch/archive", {"inputs": inputs})
    portal.pull("contacts", settings=NARROW)
    for target in targets:
        erase(portal, target)

    refused = portal.pull("contacts", settings=NARROW)
    kept = row_of(portal, targets[0])["_hubferry_deleted_reason"]
    done = portal.pull("contacts", settings=NARROW, allow_deletes=True)

    assert (refused.exit_code, kept, done.exit_code) == (3, "archived", 0)
    portal.check("contacts")


def restore(portal: Any, record_id: str) -> None:
    """Restore from the recycle bin, which HubSpot does on its pages only: no request can."""
    from hubspot_emulator.storage import State  # noqa: PLC0415

    found = portal.emulator.portal
    with found.lock:
        row = found.table("0-1").row(int(record_id))
        found.table("0-1").put(row._replace(state=State.LIVE, archived_ms=None))
        found.commit()


def erase(portal: Any, record_id: str) -> None:
    """Erase as by a request of the person."""
    found = portal.emulator.portal
    with found.lock:
        found.purge_record("0-1", int(record_id))
        found.commit()


@pytest.mark.parametrize("chained", [False, True])
def test_records_merged_into_one_that_was_archived_keep_their_values_when_all_is_read_again(
    world: MakeWorld, chained: bool
) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings=NARROW)
    losers = live_ids(portal)[: 3 if chained else 2]
    before = {each: row_of(portal, each)["email"] for each in losers}

    survivor = losers[0]
    for each in losers[1:]:
        survivor = merge(portal, survivor, each)
    send(portal, "/crm/objects/2026-09/contacts/batch/archive", {"inputs": [{"id": survivor}]})
    portal.pull("contacts", settings=NARROW, full_refresh=True)

    found = {each: row_of(portal, each) for each in losers}
    assert {row["_hubferry_deleted_reason"] for row in found.values()} == {"merged"}
    assert {row["_hubferry_merged_into"] for row in found.values()} == {survivor}
    assert {each: row["email"] for each, row in found.items()} == before
    portal.check("contacts")
