"""The people of a portal as its settings know them, and their teams; each is an owner and a `users` record too."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import owners, timestamps
from hubspot_emulator.samples import DAY_MS, JOBS

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent INTEGER);
CREATE TABLE IF NOT EXISTS team_members (
    team_id INTEGER, user_id INTEGER, type TEXT NOT NULL, PRIMARY KEY (team_id, user_id)) WITHOUT ROWID;
"""

User = dict[str, Any]

USERS = "0-115"
ROLES = (("1001", "Sales", False), ("1002", "Support", False), ("1003", "Finance", True))
"""Id, name, and whether the role may change how the account is paid for."""
DEFAULT, EXTRA = "DEFAULT", "EXTRA"
_FIRST_OWNER = 60_000_000


def find(portal: Portal, column: str, value: str | int) -> User | None:
    """Give a user by `id` or `email`, with the teams."""
    assert column in {"id", "email"}
    row = portal.db.execute(f"SELECT id, body FROM users WHERE {column} = ?", (value,)).fetchone()
    return _whole(portal, *row) if row else None


def page(portal: Portal, after: int, limit: int) -> list[User]:
    """Give users behind an id, by id."""
    rows = portal.db.execute("SELECT id, body FROM users WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
    return [_whole(portal, *row) for row in rows]


def _whole(portal: Portal, user_id: int, body: bytes) -> User:
    user: User = msgspec.json.decode(body)
    teams = portal.db.execute("SELECT team_id, type FROM team_members WHERE user_id = ? ORDER BY team_id", (user_id,))
    found = teams.fetchall()
    primary = [str(team) for team, kind in found if kind == DEFAULT]
    secondary = [str(team) for team, kind in found if kind == EXTRA]
    return user | ({"primaryTeamId": primary[0]} if primary else {}) | {"secondaryTeamIds": secondary}


def save(portal: Portal, user: User) -> None:
    """Store a user as given; teams are stored apart."""
    body = {name: value for name, value in user.items() if name not in {"primaryTeamId", "secondaryTeamIds"}}
    row = (int(user["id"]), user["email"], msgspec.json.encode(body))
    portal.db.execute("INSERT OR REPLACE INTO users VALUES (?, ?, ?)", row)


def add(portal: Portal, user: User, *, request: str) -> User:
    """Store a new user, and the owner and the record that come with one."""
    (last,) = portal.db.execute("SELECT max(coalesce((SELECT max(id) FROM users), 0), 12282600)").fetchone()
    (last_owner,) = portal.db.execute("SELECT max(coalesce(max(id), 0), ?) FROM owners", (_FIRST_OWNER,)).fetchone()
    whole = user | {"id": str(last + 3)}
    save(portal, whole)
    now = timestamps.render_ms(portal.now_ms())
    owner = {
        "id": str(last_owner + 11),
        "email": user["email"],
        "type": "PERSON",
        "firstName": user.get("firstName", ""),
        "lastName": user.get("lastName", ""),
        "userId": last + 3,
        "userIdIncludingInactive": last + 3,
        "createdAt": now,
        "updatedAt": now,
        "archived": False,
        "teams": [],
    }
    owners.load(portal, [owner])
    portal.create_record(USERS, _properties(whole), request=request)
    return whole


def remove(portal: Portal, user: User, *, request: str) -> None:
    """Remove a user: the owner is archived and keeps the id, the record goes to the bin."""
    number = int(user["id"])
    portal.db.execute("DELETE FROM users WHERE id = ?", (number,))
    portal.db.execute("DELETE FROM team_members WHERE user_id = ?", (number,))
    now = timestamps.render_ms(portal.now_ms())
    for owner in [row for row in owners.truth(portal) if row.get("userId") == number]:
        gone = {name: value for name, value in owner.items() if name != "state"}
        owners.load(portal, [gone | {"userId": None, "archived": True, "updatedAt": now}])
    for record in [row for row in portal.truth(USERS) if row["state"] == "live"]:
        if record["properties"].get("hs_internal_user_id") == user["id"]:
            portal.archive_record(USERS, int(record["id"]), request=request)


def set_teams(portal: Portal, user_id: int, primary: str | None, secondary: list[str]) -> None:
    """Let a user be in these teams only."""
    portal.db.execute("DELETE FROM team_members WHERE user_id = ?", (user_id,))
    kinds = dict.fromkeys(secondary, EXTRA) | ({primary: DEFAULT} if primary else {})
    rows = [(int(team), user_id, kind) for team, kind in kinds.items()]
    portal.db.executemany("INSERT INTO team_members VALUES (?, ?, ?)", rows)


def teams(portal: Portal) -> Iterator[tuple[int, str, int | None]]:
    """Give id, name and parent of every team, by id."""
    yield from portal.db.execute("SELECT id, name, parent FROM teams ORDER BY id").fetchall()


def members(portal: Portal, team_id: int) -> list[tuple[int, str]]:
    """Give the users of a team and how they belong to it, by id."""
    sql = "SELECT user_id, type FROM team_members WHERE team_id = ? ORDER BY user_id"
    return portal.db.execute(sql, (team_id,)).fetchall()


def _properties(user: User) -> dict[str, str]:
    found = {
        "hs_email": user["email"],
        "hs_given_name": user.get("firstName", ""),
        "hs_family_name": user.get("lastName", ""),
        "hs_internal_user_id": user["id"],
    }
    return {name: value for name, value in found.items() if value}


def fill(portal: Portal, seed: int) -> None:
    """Make users of the owners that work here, the teams that owners name, and the records of both."""
    rng = Random(f"users {seed}")  # noqa: S311 - repeatable on purpose
    rows: list[tuple[dict[str, str], int, int]] = []
    for owner in owners.truth(portal):
        if owner["archived"] or owner["type"] != "PERSON" or owner.get("userId") is None:
            continue
        user = _from_owner(owner, rng)
        save(portal, user)
        for place, team in enumerate(owner.get("teams", [])):
            portal.db.execute("INSERT OR IGNORE INTO teams VALUES (?, ?, NULL)", (int(team["id"]), team["name"]))
            kind = DEFAULT if place == 0 else EXTRA
            member = (int(team["id"]), int(user["id"]), kind)
            portal.db.execute("INSERT OR IGNORE INTO team_members VALUES (?, ?, ?)", member)
        created = timestamps.parse_ms(owner["createdAt"])
        more = {"hs_job_title": rng.choice(JOBS), "hs_standard_time_zone": "Europe/Berlin"}
        rows.append((_properties(user) | more, created, created + rng.randint(0, 30) * DAY_MS // 3))
    latest = portal.now_ms() - 1_800_000
    portal.load_records(USERS, ((values, created, min(updated, latest)) for values, created, updated in rows))


def _from_owner(owner: dict[str, Any], rng: Random) -> User:
    number = owner["userId"]
    role = rng.choice((*ROLES, None))
    return {
        "id": str(number),
        "email": owner["email"],
        "firstName": owner["firstName"],
        "lastName": owner["lastName"],
        "roleIds": [role[0]] if role else [],
        "superAdmin": role is None,
        "seatNames": [rng.choice(("core", "sales-professional", "service-professional"))],
    } | ({"roleId": role[0]} if role else {})
