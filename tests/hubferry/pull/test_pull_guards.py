"""An answer that would take suspiciously much away is not believed: nothing is marked, and the pull ends with exit code 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_pull_pages import call

from hubferry.errors import GuardError
from hubferry.streams.registry import BY_NAME
from stream_truth import diff_stream
from truth import fetch_truth

MakeWorld = Callable[..., Any]
MEMBERSHIPS = BY_NAME["list_memberships"]


def ids(portal: Any) -> list[str]:
    return [each["id"] for each in fetch_truth(portal.emulator.control_url, "contacts") if each["state"] == "live"]


def make_list(portal: Any, members: list[str]) -> str:
    told = {"name": f"Guarded {len(members)}", "objectTypeId": "0-1", "processingType": "MANUAL"}
    number = str(call(portal, "POST", "/crm/lists/2026-09", told)["list"]["listId"])
    call(portal, "PUT", f"/crm/lists/2026-09/{number}/memberships/add", members)
    return number


def lie(portal: Any, number: str, members: list[str]) -> None:
    """Have HubSpot say that a list has no other members than these."""
    rule = {
        "match": {"path": f"/crm/lists/*/{number}/memberships"},
        "when": {"every": 1},
        "do": {"status": 200, "body": {"results": [{"recordId": each} for each in members]}},
    }
    portal.control("POST", "/faults", [rule])


def live_members(portal: Any, number: str) -> int:
    rows = portal.rows(
        f"SELECT count(*) AS n FROM hubspot.list_memberships WHERE list_id = '{number}' AND _hubferry_deleted_at IS NULL"
    )
    return int(rows[0]["n"])


@pytest.mark.parametrize(("members", "left"), [(130, 5), (3, 0)], ids=["shrunk by more than a tenth", "empty"])
def test_a_lists_members_do_not_vanish_by_an_answer_that_is_not_believed(
    world: MakeWorld, members: int, left: int
) -> None:
    portal = world(contacts=160, activity=False)
    known = ids(portal)
    number, other = make_list(portal, known[:members]), make_list(portal, known[:2])
    portal.pull("list_memberships")
    portal.clock.advance(3600)
    call(portal, "PUT", f"/crm/lists/2026-09/{number}/memberships/add", [known[-1]])
    call(portal, "PUT", f"/crm/lists/2026-09/{other}/memberships/remove", [known[0]])
    lie(portal, number, known[:left])

    report = portal.pull("list_memberships")
    again = portal.pull("list_memberships")
    portal.control("DELETE", "/faults")
    believed = portal.pull("list_memberships")

    assert isinstance(report.streams[0].error, GuardError)
    assert f"of list_id {number}" in str(report.streams[0].error)
    assert (report.exit_code, again.exit_code, believed.exit_code) == (3, 3, 0)
    assert report.streams[0].deleted == 1  # of the other list, which was believed
    assert diff_stream(portal.warehouse, portal.emulator.control_url, MEMBERSHIPS) == []


def test_members_that_left_go_where_hubspot_lists_as_many_as_it_counts(world: MakeWorld) -> None:
    portal = world(contacts=160, activity=False)
    known = ids(portal)[:130]
    number = make_list(portal, known)
    portal.pull("list_memberships")
    portal.clock.advance(3600)
    call(portal, "PUT", f"/crm/lists/2026-09/{number}/memberships/remove", known[5:])

    report = portal.pull("list_memberships")

    assert (report.exit_code, live_members(portal, number)) == (0, 5)
    assert diff_stream(portal.warehouse, portal.emulator.control_url, MEMBERSHIPS) == []


def test_what_is_really_gone_goes_when_a_person_says_so(world: MakeWorld) -> None:
    portal = world(contacts=8, activity=False)
    number = make_list(portal, ids(portal)[:3])
    portal.pull("list_memberships")
    lie(portal, number, [])
    portal.pull("list_memberships", full_refresh=True)
    kept = live_members(portal, number)

    report = portal.pull("list_memberships", allow_deletes=True)

    assert (kept, report.exit_code, live_members(portal, number)) == (3, 0, 0)
