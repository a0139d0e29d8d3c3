"""Teams as the 2026-09 beta reads and changes them (HS-58)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing, timestamps, user_store, users
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_BETA = "2026-09-beta"


def list_teams(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer teams by id."""
    parsing.known_parameters(request, ("after", "limit"))
    limit, after = parsing.limit(request, default=100, most=100), users.page_start(request)
    found = [team for team in user_store.teams(portal) if team[0] > after]
    following = str(found[limit - 1][0]) if len(found) > limit else None
    return json_response(users.paged([_render(*team) for team in found[:limit]], following))


def fetch_team(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one team."""
    parsing.known_parameters(request, ())
    return json_response(_render(*_existing(portal, request)))


def create_team(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add a team with its first members."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), {"members", "name", "parentTeamId"})
    name, parent = parsing.text(body.get("name"), where="name"), _parent(portal, body)
    (last,) = portal.db.execute("SELECT coalesce(max(id), 178587) FROM teams").fetchone()
    _insert(portal, "INSERT INTO teams VALUES (?, ?, ?)", (last + 1, name, parent), name)
    for each in parsing.items(body.get("members"), where="members"):
        _add_member(portal, last + 1, each)
    portal.log_event("create team", "teams", last + 1, request.correlation_id)
    return json_response(_render(last + 1, name, parent), status=201)


def change_team(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Rename a team or put it under another."""
    parsing.known_parameters(request, ())
    team_id, name, parent = _existing(portal, request)
    body = parsing.fields(request.json(), {"name", "parentTeamId"})
    name = parsing.text(body["name"], where="name") if "name" in body else name
    parent = _parent(portal, body) if "parentTeamId" in body else parent
    if parent == team_id:
        raise ApiError(400, f"Team {team_id} cannot be its own parent")
    _insert(portal, "UPDATE teams SET name = ?, parent = ? WHERE id = ?", (name, parent, team_id), name)
    portal.log_event("update team", "teams", team_id, request.correlation_id)
    return json_response(_render(team_id, name, parent))


def delete_team(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove a team; its users stay, teams below it stand by themselves."""
    parsing.known_parameters(request, ())
    team_id, _, _ = _existing(portal, request)
    portal.db.execute("DELETE FROM teams WHERE id = ?", (team_id,))
    portal.db.execute("DELETE FROM team_members WHERE team_id = ?", (team_id,))
    portal.db.execute("UPDATE teams SET parent = NULL WHERE parent = ?", (team_id,))
    portal.log_event("delete team", "teams", team_id, request.correlation_id)
    return ApiResponse(status=204)


def list_members(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the members of a team by id."""
    parsing.known_parameters(request, ("after", "limit"))
    limit, after = parsing.limit(request, default=100, most=100), users.page_start(request)
    team_id, _, _ = _existing(portal, request)
    found = [member for member in user_store.members(portal, team_id) if member[0] > after]
    following = str(found[limit - 1][0]) if len(found) > limit else None
    return json_response(users.paged([_member(*each) for each in found[:limit]], following))


def add_member(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Put a user into a team."""
    parsing.known_parameters(request, ())
    team_id, _, _ = _existing(portal, request)
    return json_response(_add_member(portal, team_id, request.json()), status=201)


def add_members(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Put several users into a team: all, or none where one does not exist."""
    parsing.known_parameters(request, ())
    team_id, _, _ = _existing(portal, request)
    _, inputs = parsing.inputs(request, {"type", "userId"})
    now = timestamps.render_ms(portal.now_ms())
    results = [_add_member(portal, team_id, each) for each in inputs]
    return json_response({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})


def remove_member(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Take a user out of a team."""
    parsing.known_parameters(request, ("type",))
    kind = parsing.one(request, "type") or user_store.DEFAULT
    team_id, _, _ = _existing(portal, request)
    sql = "DELETE FROM team_members WHERE team_id = ? AND user_id = ? AND type = ?"
    if not portal.db.execute(sql, (team_id, request.params["userId"], kind)).rowcount:
        message = f"User {request.params['userId']} is no {kind} member of team {team_id}"
        raise ApiError(404, message, category="OBJECT_NOT_FOUND")
    return ApiResponse(status=204)


def _add_member(portal: Portal, team_id: int, given: Any) -> dict[str, str]:
    parts = parsing.fields(given, {"type", "userId"}, where="a member")
    user_id = parsing.text(parts.get("userId"), where="userId")
    kind = parts.get("type")
    if kind not in {user_store.DEFAULT, user_store.EXTRA}:
        raise ApiError(400, f"type must be DEFAULT or EXTRA, not {kind}")
    if not user_id.isdecimal() or user_store.find(portal, "id", int(user_id)) is None:
        raise ApiError(400, f"User {user_id} does not exist")
    if kind == user_store.DEFAULT:  # a user has one primary team
        portal.db.execute("DELETE FROM team_members WHERE user_id = ? AND type = ?", (int(user_id), kind))
    portal.db.execute("INSERT OR REPLACE INTO team_members VALUES (?, ?, ?)", (team_id, int(user_id), kind))
    return _member(int(user_id), kind)


def _existing(portal: Portal, request: ApiRequest) -> tuple[int, str, int | None]:
    given = request.params["teamId"]
    for team in user_store.teams(portal):
        if str(team[0]) == given:
            return team
    raise ApiError(404, f"resource not found: team {given}", category="OBJECT_NOT_FOUND")


def _parent(portal: Portal, body: dict[str, Any]) -> int | None:
    if body.get("parentTeamId") in (None, ""):
        return None
    given = parsing.text(body["parentTeamId"], where="parentTeamId")
    if given not in {str(team) for team, _, _ in user_store.teams(portal)}:
        raise ApiError(400, f"Team {given} does not exist")
    return int(given)


def _insert(portal: Portal, sql: str, values: Sequence[object], name: str) -> None:
    try:
        portal.db.execute(sql, values)
    except sqlite3.IntegrityError as error:
        raise ApiError(409, f"A team named {name} exists already", category="CONFLICT") from error


def _render(team_id: int, name: str, parent: int | None) -> dict[str, str]:
    return {"id": str(team_id), "name": name} | ({} if parent is None else {"parentTeamId": str(parent)})


def _member(user_id: int, kind: str) -> dict[str, str]:
    return {"userId": str(user_id), "type": kind}


def _write_teams(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"settings.users.teams.write"}),)


FAMILY = Family(
    routes=tuple(
        Route(
            method=method,
            template=f"/settings/teams/{_BETA}{path}",
            handler=handler,
            version=_BETA,
            scopes=users.read_teams if method == "GET" else _write_teams,
        )
        for method, path, handler in (
            ("GET", "", list_teams),
            ("POST", "", create_team),
            ("GET", "/{teamId}", fetch_team),
            ("PATCH", "/{teamId}", change_team),
            ("DELETE", "/{teamId}", delete_team),
            ("GET", "/{teamId}/members", list_members),
            ("POST", "/{teamId}/members", add_member),
            ("POST", "/{teamId}/members/batch", add_members),
            ("DELETE", "/{teamId}/members/{userId}", remove_member),
        )
    ),
)
