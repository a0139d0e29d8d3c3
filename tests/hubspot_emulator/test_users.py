"""Users, roles and teams, and what they have to do with owners and the `users` object."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
USERS = "/settings/users/2026-03"
TEAMS = "/settings/teams/2026-09-beta"
Call = Callable[..., Any]


def all_users(call: Call, path: str = USERS, limit: int = 100) -> list[dict[str, Any]]:
    found, after = [], ""
    while True:
        page = call("GET", f"{path}?limit={limit}{after}").json()
        found += page["results"]
        if "paging" not in page:
            return found
        after = f"&after={page['paging']['next']['after']}"


def crm_users(call: Call, *, archived: bool = False) -> dict[str, str]:
    path = f"/crm/objects/2026-09/users?limit=100&archived={archived}&properties=hs_email,hs_internal_user_id"
    records = call("GET", path).json()["results"]
    return {record["properties"]["hs_internal_user_id"]: record["properties"]["hs_email"] for record in records}


def owners(call: Call, *, archived: bool = False) -> dict[str, str]:
    found = call("GET", f"/crm/owners/2026-09?limit=500&archived={archived}").json()["results"]
    return {str(owner["userIdIncludingInactive"]): owner["email"] for owner in found if owner["type"] == "PERSON"}


def test_users_owners_and_records_are_the_same_people(call: Call) -> None:
    people = {user["id"]: user["email"] for user in all_users(call)}

    assert len(people) > 10
    assert crm_users(call) == owners(call) == people


def test_users_page_in_every_version(call: Call) -> None:
    everyone = all_users(call)

    for path in (USERS, "/settings/users/2026-09", "/settings/v3/users", "/settings/users/v3"):
        assert all_users(call, path, limit=4) == everyone


def test_one_user_by_id_or_email(call: Call) -> None:
    user = all_users(call)[3]

    assert call("GET", f"{USERS}/{user['id']}").json() == user
    assert call("GET", f"{USERS}/{user['email'].upper()}?idProperty=EMAIL").json() == user
    assert call("GET", f"{USERS}/1").status == 404


def test_a_new_user_is_an_owner_and_a_record_and_stays_as_an_archived_owner(call: Call) -> None:
    team = call("GET", f"{USERS}/teams").json()["results"][0]["id"]
    body = {"email": "New@Example.com", "firstName": "Nia", "primaryTeamId": team, "roleId": "1001"}

    made = call("POST", USERS, json=body)
    again = call("POST", USERS, json=body)

    user = made.json()
    assert (made.status, again.status) == (201, 409)
    assert (user["email"], user["primaryTeamId"], user["roleIds"]) == ("new@example.com", team, ["1001"])
    assert crm_users(call)[user["id"]] == owners(call)[user["id"]] == "new@example.com"
    teams = {each["id"]: each["userIds"] for each in call("GET", f"{USERS}/teams").json()["results"]}
    assert user["id"] in teams[team]

    assert call("DELETE", f"{USERS}/{user['id']}").status == 204

    assert user["id"] not in {each["id"] for each in all_users(call)}
    assert user["id"] not in crm_users(call)
    assert crm_users(call, archived=True)[user["id"]] == "new@example.com"
    assert owners(call, archived=True)[user["id"]] == "new@example.com"
    teams = {each["id"]: each["userIds"] for each in call("GET", f"{USERS}/teams").json()["results"]}
    assert user["id"] not in teams[team]


def test_a_change_leaves_alone_what_it_does_not_name(call: Call) -> None:
    user = next(each for each in all_users(call) if "primaryTeamId" in each)

    changed = call("PUT", f"{USERS}/{user['id']}", json={"roleId": "1003"}).json()

    assert changed == user | {"roleId": "1003", "roleIds": ["1003"]}
    assert {role["id"] for role in call("GET", f"{USERS}/roles").json()["results"]} >= {"1003"}


@pytest.mark.parametrize("body", [{"roleId": "9"}, {"primaryTeamId": "9"}, {"colour": "red"}, {"secondaryTeamIds": 5}])
def test_what_is_not_there_cannot_be_given_to_a_user(call: Call, body: Any) -> None:
    assert call("PUT", f"{USERS}/{all_users(call)[0]['id']}", json=body).status == 400


def test_both_lists_of_teams_have_the_same_members(call: Call) -> None:
    for team in call("GET", f"{USERS}/teams").json()["results"]:
        found = call("GET", f"{TEAMS}/{team['id']}/members").json()["results"]
        by_type = {kind: [each["userId"] for each in found if each["type"] == kind] for kind in ("DEFAULT", "EXTRA")}

        assert by_type == {"DEFAULT": team["userIds"], "EXTRA": team["secondaryUserIds"]}
        assert call("GET", f"{TEAMS}/{team['id']}").json()["name"] == team["name"]


def test_a_team_is_made_changed_and_deleted(call: Call, control: Call) -> None:
    first, second = (user["id"] for user in all_users(call)[:2])
    parent = call("GET", TEAMS).json()["results"][0]["id"]
    body = {"name": "Field", "parentTeamId": parent, "members": [{"userId": first, "type": "DEFAULT"}]}

    team = call("POST", TEAMS, json=body).json()
    path = f"{TEAMS}/{team['id']}"
    call("POST", f"{path}/members/batch", json={"inputs": [{"userId": second, "type": "EXTRA"}]})
    renamed = call("PATCH", path, json={"name": "Field 2", "parentTeamId": None})

    assert renamed.json() == {"id": team["id"], "name": "Field 2"}
    assert call("GET", f"{USERS}/{first}").json()["primaryTeamId"] == team["id"]
    assert team["id"] in call("GET", f"{USERS}/{second}").json()["secondaryTeamIds"]
    rows = {row["id"]: row for row in control("GET", "/truth/teams").lines()}
    assert (rows[team["id"]]["userIds"], rows[team["id"]]["secondaryUserIds"]) == ([first], [second])
    assert call("DELETE", f"{path}/members/{second}").status == 404
    assert call("DELETE", f"{path}/members/{second}?type=EXTRA").status == 204
    assert call("DELETE", path).status == 204
    assert "primaryTeamId" not in call("GET", f"{USERS}/{first}").json()


def test_teams_page(call: Call) -> None:
    everything = call("GET", TEAMS).json()["results"]

    page = call("GET", f"{TEAMS}?limit=1").json()
    rest = call("GET", f"{TEAMS}?after={page['paging']['next']['after']}").json()

    assert page["results"] + rest["results"] == everything


def test_scopes_of_settings(portal_factory: Any, caller_of: Any) -> None:
    tokens = {"pat-users": frozenset({"settings.users.read"}), "pat-teams": frozenset({"settings.users.teams.read"})}
    call = caller_of(portal_factory(contacts=0, tokens=tokens))

    def statuses(path: str) -> list[int]:
        return [call("GET", path, token=token).status for token in tokens]

    assert statuses(USERS) == [200, 403]
    assert statuses(f"{USERS}/teams") == [403, 200]
    assert statuses(TEAMS) == [403, 200]
    assert call("POST", USERS, json={"email": "a@example.com"}, token="pat-users").status == 403


def test_the_truth_tells_every_user(call: Call, control: Call) -> None:
    rows = control("GET", "/truth/settings_users").lines()

    assert [{k: v for k, v in row.items() if k != "state"} for row in rows] == all_users(call)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_a_record_has_the_properties_of_the_recorded_one(call: Call) -> None:
    wanted = json.loads((RECORDED / "objects/list_users_v3__ruby_hubspot_api.json").read_text())["results"][0]

    path = "/crm/v3/objects/users?limit=1&properties=hs_email,hs_given_name,hs_family_name"
    found = call("GET", path).json()["results"][0]

    assert set(found) - {"url"} == set(wanted)
    assert set(found["properties"]) == set(wanted["properties"])


def test_a_parent_that_is_no_id_of_a_team_is_refused(call: Call) -> None:
    team = call("GET", "/settings/teams/2026-09-beta").json()["results"][0]["id"]

    answers = [
        call("PATCH", f"/settings/teams/2026-09-beta/{team}", json={"parentTeamId": each}) for each in ({}, [], "7")
    ]

    assert [answer.status for answer in answers] == [400, 400, 400]
