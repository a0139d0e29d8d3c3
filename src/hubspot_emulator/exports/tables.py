"""What is stored of exports: the request, the state, the file once there is one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

SCHEMA = """
CREATE TABLE IF NOT EXISTS exports (
    id INTEGER PRIMARY KEY, state TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
    started_ms INTEGER, due_ms INTEGER, ends TEXT NOT NULL, request BLOB NOT NULL, records INTEGER);
CREATE INDEX IF NOT EXISTS exports_due ON exports (due_ms, id) WHERE due_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS export_files (export_id INTEGER PRIMARY KEY, name TEXT NOT NULL, content BLOB NOT NULL);
"""
_COLUMNS = "id, state, created_ms, updated_ms, started_ms, due_ms, ends, request, records"
_FIRST_ID = 1_234_567


class Export(NamedTuple):
    """One export as stored."""

    id: int
    state: str
    created_ms: int
    updated_ms: int
    started_ms: int | None
    due_ms: int | None
    """When it has something to do; None: it waits for another, for a person, or for nothing."""
    ends: str
    """How it ends: DONE, or what a knob says."""
    request: bytes
    records: int | None

    @property
    def body(self) -> Any:
        """Give the decoded request."""
        return msgspec.json.decode(self.request)


def next_id(db: sqlite3.Connection) -> int:
    """Give the id of a new export."""
    last, count = db.execute("SELECT max(id), count(*) FROM exports").fetchone()
    return _FIRST_ID if last is None else int(last) + 1 + count % 3


def save(db: sqlite3.Connection, job: Export) -> None:
    """Write an export, new or not."""
    db.execute(f"INSERT OR REPLACE INTO exports ({_COLUMNS}) VALUES ({','.join('?' * len(job))})", job)


def find(db: sqlite3.Connection, export_id: int) -> Export | None:
    """Give one export."""
    row = db.execute(f"SELECT {_COLUMNS} FROM exports WHERE id = ?", (export_id,)).fetchone()
    return None if row is None else Export._make(row)


def every(db: sqlite3.Connection) -> Iterator[Export]:
    """Give all exports, oldest first."""
    return map(Export._make, db.execute(f"SELECT {_COLUMNS} FROM exports ORDER BY id"))


def next_due(db: sqlite3.Connection, now_ms: int) -> Export | None:
    """Give the export that has something to do first, if that is not later than now."""
    sql = f"SELECT {_COLUMNS} FROM exports WHERE due_ms <= ? ORDER BY due_ms, id LIMIT 1"
    row = db.execute(sql, (now_ms,)).fetchone()
    return None if row is None else Export._make(row)


def next_waiting(db: sqlite3.Connection) -> Export | None:
    """Give the oldest export that waits, unless one is at work."""
    sql = (
        f"SELECT {_COLUMNS} FROM exports WHERE state = 'ENQUEUED'"
        " AND NOT EXISTS (SELECT 1 FROM exports WHERE state = 'PROCESSING') ORDER BY id LIMIT 1"
    )
    row = db.execute(sql).fetchone()
    return None if row is None else Export._make(row)


def since(db: sqlite3.Connection, moment_ms: int) -> int:
    """Count the exports asked for after a moment."""
    found: int = db.execute("SELECT count(*) FROM exports WHERE created_ms > ?", (moment_ms,)).fetchone()[0]
    return found


def put_file(db: sqlite3.Connection, export_id: int, name: str, content: bytes) -> None:
    """Keep an export's file."""
    db.execute("INSERT OR REPLACE INTO export_files VALUES (?, ?, ?)", (export_id, name, content))


def file_of(db: sqlite3.Connection, export_id: int) -> tuple[str, bytes] | None:
    """Give an export's file: name and content."""
    found: tuple[str, bytes] | None = db.execute(
        "SELECT name, content FROM export_files WHERE export_id = ?", (export_id,)
    ).fetchone()
    return found


def drop_file(db: sqlite3.Connection, export_id: int) -> None:
    """Forget an export's file."""
    db.execute("DELETE FROM export_files WHERE export_id = ?", (export_id,))
