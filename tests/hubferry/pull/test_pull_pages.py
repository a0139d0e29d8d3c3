"""Owners and pipelines: their tables equal the portal, rows that go are tombstones, rows that come back are live."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import urllib3

from truth import fetch_truth

MakeWorld = Callable[..., Any]
PIPELINES = ("deal_pipelines", "ticket_pipelines")


def call(portal: Any, method: str, path: str, body: object = None) -> Any:
    """Change the portal as a person would."""
    with urllib3.PoolManager() as pool:
        headers = {"Authorization": "Bearer pat-other"}
        answer = pool.request(method, portal.emulator.base_url + path, json=body, headers=headers)
        pool.clear()
    assert answer.status < 300, answer.data
    return json.loads(answer.data) if answer.data else None


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def check_owners(portal: Any) -> None:
    """Compare every column of every owner."""
    stored = {row["id"]: row for row in portal.rows("SELECT * FROM hubspot.owners")}
    truth = {each["id"]: each for each in fetch_truth(portal.emulator.control_url, "owners")}
    assert stored.keys() == truth.keys()
    for number, each in truth.items():
        row = stored[number]
        names = {
            "email": "email",
            "firstName": "first_name",
            "lastName": "last_name",
            "type": "type",
            "userId": "user_id",
        }
        assert {name: row[column] for name, column in names.items()} == {name: each.get(name) for name in names}
        assert row["user_id_including_inactive"] == each.get("userIdIncludingInactive")
        assert (row["created_at"], row["updated_at"]) == (moment(each["createdAt"]), moment(each["updatedAt"]))
        assert (row["archived"], row["_hubferry_deleted_at"]) == (each["state"] == "archived", None)
        assert json.loads(row["teams"] or "null") == each.get("teams")


def check_pipelines(portal: Any, stream: str) -> None:
    """Compare the pipelines of an object, and their stages in the table of all."""
    live = [each for each in fetch_truth(portal.emulator.control_url, stream) if each["state"] == "live"]
    rows = portal.rows(f"SELECT * FROM hubspot.{stream} WHERE _hubferry_deleted_at IS NULL")
    assert {row["id"]: (row["label"], row["display_order"]) for row in rows} == {
        each["id"]: (each["label"], each["displayOrder"]) for each in live
    }
    name = stream.removesuffix("_pipelines") + "s"
    stages = portal.rows(
        f"SELECT * FROM hubspot.pipeline_stages WHERE object = '{name}' AND _hubferry_deleted_at IS NULL"
    )
    assert {(row["pipeline_id"], row["id"]): (row["label"], json.loads(row["metadata"])) for row in stages} == {
        (each["id"], stage["id"]): (stage["label"], stage["metadata"]) for each in live for stage in each["stages"]
    }


def test_owners_equal_the_portal_those_who_left_included(world: MakeWorld) -> None:
    portal = world(contacts=20)

    report = portal.pull("owners")

    assert (report.streams[0].state, report.streams[0].reader) == ("done", "pages")
    assert any(row["archived"] for row in portal.rows("SELECT archived FROM hubspot.owners"))
    check_owners(portal)


def test_who_belongs_to_which_team_has_a_row_each(world: MakeWorld) -> None:
    portal = world(contacts=20)

    portal.pull("owners", "teams")

    url = portal.emulator.control_url
    owned = {
        (each["id"], team["id"], team["name"], team["primary"])
        for each in fetch_truth(url, "owners")
        for team in each.get("teams") or ()
    }
    members = {
        (each["id"], user, kind == "secondaryUserIds")
        for each in fetch_truth(url, "teams")
        for kind in ("userIds", "secondaryUserIds")
        for user in each[kind]
    }
    live = "_hubferry_deleted_at IS NULL"
    owners = portal.rows(f'SELECT owner_id, team_id, name, "primary" FROM hubspot.owner_teams WHERE {live}')
    users = portal.rows(f"SELECT team_id, user_id, secondary FROM hubspot.team_users WHERE {live}")
    assert {tuple(row.values()) for row in owners} == owned != set()
    assert {tuple(row.values()) for row in users} == members != set()


def test_pipelines_equal_the_portal_and_do_not_touch_another_objects(world: MakeWorld) -> None:
    portal = world(contacts=20)

    portal.pull(*PIPELINES)
    again = portal.pull("deal_pipelines")

    assert (again.streams[0].inserted, again.streams[0].updated, again.streams[0].deleted) == (0, 0, 0)
    for name in PIPELINES:
        check_pipelines(portal, name)


def test_a_deleted_pipeline_becomes_a_tombstone_and_its_stages_with_it(world: MakeWorld) -> None:
    portal = world(contacts=20)
    stages = [{"label": label, "displayOrder": at, "metadata": {"probability": "0.5"}} for at, label in enumerate("ab")]
    made = call(portal, "POST", "/crm/pipelines/2026-09/deals", {"label": "Fairs", "displayOrder": 9, "stages": stages})
    portal.pull("deal_pipelines")
    check_pipelines(portal, "deal_pipelines")

    call(portal, "DELETE", f"/crm/pipelines/2026-09/deals/{made['id']}")
    report = portal.pull("deal_pipelines")

    assert report.streams[0].deleted == 1
    row = portal.rows(f"SELECT * FROM hubspot.deal_pipelines WHERE id = '{made['id']}'")[0]
    assert (row["_hubferry_deleted_reason"], row["label"]) == ("gone", "Fairs")
    check_pipelines(portal, "deal_pipelines")
