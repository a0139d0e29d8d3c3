"""Owners: the users and queues that records are assigned to (HS-42)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import parsing, timestamps
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response

if TYPE_CHECKING:
    import sqlite3

    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS owners (
    id INTEGER PRIMARY KEY, archived INTEGER NOT NULL, email TEXT, user_id INTEGER, body BLOB NOT NULL)
"""
_SCOPES = (frozenset({"crm.objects.owners.read"}), frozenset({"contacts"}))


def load(portal: Portal, owners: Iterable[Mapping[str, Any]]) -> list[str]:
    """Store owners given in HubSpot's JSON; give the ids of those a record may be assigned to."""
    built = list(owners)
    rows = [
        (
            int(owner["id"]),
            owner["archived"],
            owner.get("email"),
            owner.get("userIdIncludingInactive"),
            msgspec.json.encode({name: value for name, value in owner.items() if name != "teams" or value}),
        )
        for owner in built
    ]
    _database(portal).executemany("INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?, ?)", rows)
    return [str(owner["id"]) for owner in built if not owner["archived"]]


def live_ids(portal: Portal) -> list[str]:
    """Give the ids of the owners that a record may be assigned to."""
    return [
        str(owner_id)
        for (owner_id,) in _database(portal).execute("SELECT id FROM owners WHERE NOT archived ORDER BY id")
    ]


def exists(portal: Portal, owner_id: str) -> bool:
    """Tell whether an owner has this id, present or gone."""
    found = _database(portal).execute("SELECT 1 FROM owners WHERE id = ?", (owner_id,))
    return found.fetchone() is not None


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every owner as the control server shows it."""
    for archived, body in _database(portal).execute("SELECT archived, body FROM owners ORDER BY id"):
        owner: dict[str, Any] = msgspec.json.decode(body)
        yield {"id": owner["id"], "state": "archived" if archived else "live", **owner}


def _database(portal: Portal) -> sqlite3.Connection:
    portal.db.execute(SCHEMA)
    return portal.db


def _list(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ("after", "archived", "email", "limit"))
    limit = parsing.limit(request, default=100, most=500)
    after = parsing.one(request, "after") or "0"
    if not after.isdecimal():
        raise ApiError(400, f"Invalid paging token {after!r}: pass `after` on as the last page gave it")
    email = parsing.one(request, "email")
    rows = _database(portal).execute(
        "SELECT id, body FROM owners WHERE archived = ? AND id > ? AND (? IS NULL OR email = ?) ORDER BY id LIMIT ?",
        (parsing.flag(request, "archived"), int(after), email, email, limit + 1),
    )
    found = rows.fetchall()
    answer: dict[str, Any] = {"results": [msgspec.Raw(body) for _, body in found[:limit]]}
    if len(found) > limit:
        last = found[limit - 1][0]
        link = f"{request.base_url}{request.path}?limit={limit}&after={last}"
        answer["paging"] = {"next": {"after": str(last), "link": link}}
    return json_response(answer)


def _one(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ("archived", "idProperty"))
    id_property = parsing.one(request, "idProperty") or "id"
    if id_property not in {"id", "userId"}:
        raise ApiError(400, f"idProperty must be id or userId, not {id_property}")
    owner_id = request.params["ownerId"]
    column = "id" if id_property == "id" else "user_id"
    sql = f"SELECT body FROM owners WHERE {column} = ? AND archived = ?"
    number = int(owner_id) if owner_id.isdecimal() else -1
    found = _database(portal).execute(sql, (number, parsing.flag(request, "archived"))).fetchone()
    if found is None:
        raise ApiError(404, f"resource not found: owner with {id_property} {owner_id}", category="OBJECT_NOT_FOUND")
    return ApiResponse(body=found[0])


def _list_old(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ("email", "includeInactive"))
    email, everybody = parsing.one(request, "email"), parsing.flag(request, "includeInactive")
    rows = _database(portal).execute("SELECT archived, body FROM owners ORDER BY id").fetchall()
    found = [(archived, msgspec.json.decode(body)) for archived, body in rows if everybody or not archived]
    return json_response(
        [_old(portal, owner, is_active=not gone) for gone, owner in found if email in {None, owner.get("email")}]
    )


def _old(portal: Portal, owner: dict[str, Any], *, is_active: bool) -> dict[str, Any]:
    """Build an owner of v2."""
    owner_id, user = int(owner["id"]), owner.get("userIdIncludingInactive")
    remote = {
        "id": owner_id,
        "portalId": portal.portal_id,
        "ownerId": owner_id,
        "remoteId": str(user),
        "remoteType": "HUBSPOT",
        "active": is_active,
    }
    return {
        "portalId": portal.portal_id,
        "ownerId": owner_id,
        "type": owner.get("type", "PERSON"),
        "firstName": owner.get("firstName", ""),
        "lastName": owner.get("lastName", ""),
        "email": owner.get("email", ""),
        "createdAt": timestamps.parse_ms(owner["createdAt"]),
        "updatedAt": timestamps.parse_ms(owner["updatedAt"]),
        "signature": "",
        "remoteList": [remote],
        "hasContactsAccess": False,
        **({"activeUserId": user} if is_active and user else {}),
        **({"userIdIncludingInactive": user} if user else {}),
        "isActive": is_active,
    }


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return _SCOPES


V2_END_MS = 1_742_774_400_000
"""24 March 2025: owners v2 answers no more (HS-63)."""
_V2 = "/owners/v2/owners"

ROUTES: tuple[Route, ...] = (
    *(
        Route(method="GET", template=f"{prefix}{path}", handler=handler, version=version, scopes=_scopes)
        for path, handler in (("", _list), ("/{ownerId}", _one))
        for prefix, version in (("/crm/owners/{version}", None), ("/crm/v3/owners", "v3"))
    ),
    Route(method="GET", template=_V2, handler=_list_old, version="v2", scopes=_scopes, until_ms=V2_END_MS),
)
