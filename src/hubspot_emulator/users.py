"""The settings of users, roles and teams (HS-58)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing, user_store
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.user_store import User

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Handler = Callable[["Portal", ApiRequest], ApiResponse]

_CHANGES = {"firstName", "lastName", "primaryTeamId", "roleId", "seatNames", "secondaryTeamIds"}
_NEW = _CHANGES | {"email", "sendWelcomeEmail"}


def page_start(request: ApiRequest) -> int:
    """Read `after`: the id that the last page ended with."""
    after = parsing.one(request, "after") or "0"
    if not after.isdecimal() or len(after) > 18:
        raise ApiError(400, f"Invalid paging token {after!r}: pass `after` on as the last page gave it")
    return int(after)


def list_users(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer users by id."""
    parsing.known_parameters(request, ("after", "limit"))
    limit = parsing.limit(request, default=100, most=500)
    found = user_store.page(portal, page_start(request), limit + 1)
    return json_response(paged(found[:limit], found[limit - 1]["id"] if len(found) > limit else None))


def paged(results: Sequence[object], after: str | None) -> dict[str, Any]:
    """Build a page; the last one names no successor."""
    return {"results": list(results)} | ({"paging": {"next": {"after": after}}} if after is not None else {})


def fetch_user(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one user by id or e-mail."""
    parsing.known_parameters(request, ("idProperty",))
    return json_response(_existing(portal, request))


def create_user(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add a user, who is an owner and a record at once."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), _NEW)
    email = parsing.text(body.get("email"), where="email").lower()
    if "@" not in email:
        raise ApiError(400, f"{email} is no e-mail address")
    if user_store.find(portal, "email", email):
        raise ApiError(409, f"A user with the e-mail {email} exists already", category="CONFLICT")
    _check(portal, body)
    base: User = {"email": email, "roleIds": [], "superAdmin": False, "seatNames": []}
    made = user_store.add(portal, base | _own(body), request=request.correlation_id)
    _set_teams(portal, made, body)
    portal.log_event("create user", "users", int(made["id"]), request.correlation_id)
    return json_response(user_store.find(portal, "id", int(made["id"])), status=201)


def change_user(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change a user's names, role, seats and teams; what is not sent stays."""
    parsing.known_parameters(request, ("idProperty",))
    user = _existing(portal, request)
    body = parsing.fields(request.json(), _CHANGES)
    _check(portal, body)
    user_store.save(portal, user | _own(body))
    _set_teams(portal, user, body)
    portal.log_event("update user", "users", int(user["id"]), request.correlation_id)
    return json_response(user_store.find(portal, "id", int(user["id"])))


def remove_user(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove a user."""
    parsing.known_parameters(request, ("idProperty",))
    user = _existing(portal, request)
    user_store.remove(portal, user, request=request.correlation_id)
    portal.log_event("remove user", "users", int(user["id"]), request.correlation_id)
    return ApiResponse(status=204)


def list_roles(portal: Portal, request: ApiRequest) -> ApiResponse:  # noqa: ARG001
    """Answer the roles that users may have."""
    parsing.known_parameters(request, ())
    return json_response({"results": [_role(*each) for each in user_store.ROLES]})


def _role(role_id: str, name: str, billing: bool) -> dict[str, Any]:
    return {"id": role_id, "name": name, "requiresBillingWrite": billing}


def list_teams(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the teams with the ids of their members."""
    parsing.known_parameters(request, ())
    return json_response({"results": [_team(portal, *team[:2]) for team in user_store.teams(portal)]})


def _team(portal: Portal, team_id: int, name: str) -> dict[str, Any]:
    found = user_store.members(portal, team_id)
    return {
        "id": str(team_id),
        "name": name,
        "userIds": [str(user) for user, kind in found if kind == user_store.DEFAULT],
        "secondaryUserIds": [str(user) for user, kind in found if kind == user_store.EXTRA],
    }


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every user as the settings know them."""
    for user in user_store.page(portal, 0, -1):
        yield {"state": "live", **user}


def role_truth(portal: Portal) -> Iterator[dict[str, Any]]:  # noqa: ARG001
    """Give every role."""
    yield from ({"state": "live", **_role(*each)} for each in user_store.ROLES)


def team_truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every team with its members."""
    for team_id, name, parent in user_store.teams(portal):
        above = None if parent is None else str(parent)
        yield {"state": "live", "parentTeamId": above, **_team(portal, team_id, name)}


def _existing(portal: Portal, request: ApiRequest) -> User:
    kind = parsing.one(request, "idProperty") or "USER_ID"
    if kind not in {"USER_ID", "EMAIL"}:
        raise ApiError(400, f"idProperty must be USER_ID or EMAIL, not {kind}")
    given = request.params["userId"]
    if kind == "EMAIL":
        found = user_store.find(portal, "email", given.lower())
    else:
        found = user_store.find(portal, "id", int(given) if given.isdecimal() and len(given) < 19 else -1)
    if found is None:
        raise ApiError(404, f"resource not found: user with {kind} {given}", category="OBJECT_NOT_FOUND")
    return found


def _check(portal: Portal, body: User) -> None:
    known = {str(team) for team, _, _ in user_store.teams(portal)}
    secondary = parsing.texts(body.get("secondaryTeamIds"), where="secondaryTeamIds")
    for team in (*secondary, *filter(None, [body.get("primaryTeamId")])):
        if team not in known:
            raise ApiError(400, f"Team {team} does not exist")
    if body.get("roleId") and body["roleId"] not in {role for role, _, _ in user_store.ROLES}:
        raise ApiError(400, f"Role {body['roleId']} does not exist")


def _own(body: User) -> User:
    """Pick what is the user's own: the role stands in two fields, teams are stored apart."""
    picked = {name: body[name] for name in ("firstName", "lastName", "roleId", "seatNames") if name in body}
    return picked | ({"roleIds": [body["roleId"]] if body["roleId"] else []} if "roleId" in body else {})


def _set_teams(portal: Portal, user: User, body: User) -> None:
    primary = body.get("primaryTeamId", user.get("primaryTeamId"))
    secondary = parsing.texts(body.get("secondaryTeamIds", user.get("secondaryTeamIds")), where="secondaryTeamIds")
    user_store.set_teams(portal, int(user["id"]), primary, secondary)


def _reading(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"settings.users.read"}), frozenset({"crm.objects.users.read"}))


def _writing(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"settings.users.write"}), frozenset({"crm.objects.users.write"}))


def read_teams(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    """Give what reading teams needs."""
    return (frozenset({"settings.users.teams.read"}),)


_CALLS: tuple[tuple[str, str, Handler, Any], ...] = (
    ("GET", "", list_users, _reading),
    ("POST", "", create_user, _writing),
    ("GET", "/roles", list_roles, _reading),
    ("GET", "/teams", list_teams, read_teams),
    ("GET", "/{userId}", fetch_user, _reading),
    ("PUT", "/{userId}", change_user, _writing),
    ("DELETE", "/{userId}", remove_user, _writing),
)

FAMILY = Family(
    routes=tuple(
        Route(method=method, template=prefix + path, handler=handler, version=version, scopes=scopes)
        for method, path, handler, scopes in _CALLS
        for prefix, version in (
            ("/settings/users/{version}", None),
            ("/settings/v3/users", "v3"),
            ("/settings/users/v3", "v3"),
        )
    ),
    truths={"settings_users": truth, "teams": team_truth, "roles": role_truth},
    fill=user_store.fill,
)
