"""Tokens that the portal gave to apps: what was granted, to which client, and until when."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS oauth_tokens (
    token TEXT PRIMARY KEY, use TEXT NOT NULL, client_id TEXT NOT NULL, secret TEXT NOT NULL, scopes TEXT NOT NULL,
    expires_ms INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS oauth_codes (code TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS oauth_issued (number INTEGER PRIMARY KEY);
"""

Use = Literal["access_token", "refresh_token", "client_credentials"]

LIFETIME_SECONDS = 1_800


class Grant(NamedTuple):
    """One token; a refresh token has no end."""

    token: str
    use: Use
    client_id: str
    secret: str
    scopes: frozenset[str]
    expires_ms: int | None

    def is_expired(self, now_ms: int) -> bool:
        """Tell whether its time is over."""
        return self.expires_ms is not None and now_ms >= self.expires_ms


def find(db: sqlite3.Connection, token: str) -> Grant | None:
    """Give a token that was issued and not revoked, expired or not."""
    row = db.execute("SELECT * FROM oauth_tokens WHERE token = ?", (token,)).fetchone()
    if row is None:
        return None
    return Grant(row[0], row[1], row[2], row[3], frozenset(filter(None, row[4].split(" "))), row[5])


def issue(portal: Portal, use: Use, client: tuple[str, str], scopes: Iterable[str]) -> Grant:
    """Make a token; the same portal and requests give the same ones."""
    db = portal.db
    number = db.execute("INSERT INTO oauth_issued DEFAULT VALUES").lastrowid
    digest = hashlib.sha256(f"{portal.portal_id} {use} {number}".encode()).digest()
    expires_ms = None if use == "refresh_token" else portal.now_ms() + LIFETIME_SECONDS * 1000
    grant = Grant(_render(use, digest), use, *client, frozenset(scopes), expires_ms)
    row = (*grant[:4], " ".join(sorted(grant.scopes)), expires_ms)
    db.execute("INSERT INTO oauth_tokens VALUES (?, ?, ?, ?, ?, ?)", row)
    return grant


def revoke(portal: Portal, token: str) -> None:
    """Forget a token; forgetting an unknown one changes nothing."""
    portal.db.execute("DELETE FROM oauth_tokens WHERE token = ?", (token,))


def spend_code(portal: Portal, code: str) -> bool:
    """Tell whether a code is used for the first time, and note it."""
    return portal.db.execute("INSERT OR IGNORE INTO oauth_codes VALUES (?)", (code,)).rowcount == 1


def _render(use: Use, digest: bytes) -> str:
    if use == "refresh_token":
        text = digest.hex()
        return f"na1-{text[:4]}-{text[4:8]}-{text[8:12]}-{text[12:16]}-{text[16:28]}"
    return "CJ" + base64.urlsafe_b64encode(digest + digest[::-1]).decode().rstrip("=")
