"""SQLite beneath the portal: one table of records an object type, unique values, history, events.

A record's properties are one JSON object in one column, so that a page is built without touching
single values. No rule of HubSpot's lives here.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

MEMORY = ":memory:"

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS properties (
    seq INTEGER PRIMARY KEY, type_id TEXT, name TEXT, definition BLOB NOT NULL, UNIQUE (type_id, name));
CREATE TABLE IF NOT EXISTS property_groups (
    type_id TEXT, name TEXT, definition BLOB NOT NULL, PRIMARY KEY (type_id, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unique_values (
    type_id TEXT, property TEXT, value TEXT, record_id INTEGER NOT NULL,
    PRIMARY KEY (type_id, property, value)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY, type_id TEXT, record_id INTEGER, at_ms INTEGER, source TEXT,
    changes BLOB NOT NULL, before BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS history_record ON history (type_id, record_id);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, what TEXT NOT NULL, type_id TEXT NOT NULL,
    record_id INTEGER NOT NULL, request TEXT NOT NULL, detail BLOB);
CREATE TABLE IF NOT EXISTS old_images (
    seq INTEGER PRIMARY KEY, type_id TEXT NOT NULL, record_id INTEGER NOT NULL, indexed_ms INTEGER NOT NULL,
    state INTEGER, created_ms INTEGER, updated_ms INTEGER, properties BLOB);
CREATE TABLE IF NOT EXISTS late_moves (due_ms INTEGER, type_id TEXT, record_id INTEGER);
CREATE INDEX IF NOT EXISTS old_images_indexed ON old_images (indexed_ms);
"""


class State(IntEnum):
    """What became of a record."""

    LIVE = 0
    ARCHIVED = 1
    MERGED = 2
    GONE = 3


class Row(NamedTuple):
    """A record as stored."""

    id: int
    state: int
    created_ms: int
    updated_ms: int
    archived_ms: int | None
    merged_into: int | None
    properties: bytes


_COLUMNS = "id, state, created_ms, updated_ms, archived_ms, merged_into, properties"


def open_database(path: str, *schemas: str) -> sqlite3.Connection:
    """Open the portal's file (or memory) and make the tables that are missing."""
    db = _connect(path)
    if path == MEMORY:
        _empty_portal(schemas).backup(db)  # a tenth of the time that it takes to make a hundred tables
        return db
    for schema in (SCHEMA, *schemas):
        db.executescript(schema)
    return db


def _connect(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, cached_statements=512)
    db.execute("PRAGMA page_size = 16384")  # records of a kilobyte waste a quarter of the usual pages
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -65536")
    return db


@functools.lru_cache(maxsize=1)
def _empty_portal(schemas: tuple[str, ...]) -> sqlite3.Connection:
    """Make all tables of a portal once, to be copied; nobody writes to it."""
    db = _connect(MEMORY)
    for schema in (SCHEMA, *schemas):
        db.executescript(schema)
    return db


def record_schema(type_id: str) -> str:
    """Give the SQL that makes the tables of an object type: records, and indexes of live ones and of others by themselves."""
    name = _record_table(type_id)
    return f"""
CREATE TABLE IF NOT EXISTS {name} (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL, archived_ms INTEGER, merged_into INTEGER, properties BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS {name}_modified ON {name} (updated_ms) WHERE state = 0;
CREATE INDEX IF NOT EXISTS {name}_created ON {name} (created_ms) WHERE state = 0;
CREATE INDEX IF NOT EXISTS {name}_state ON {name} (state) WHERE state <> 0;
"""


def _record_table(type_id: str) -> str:
    return f"records_{type_id.replace('-', '_')}"


class RecordTable:
    """The records of one object type."""

    def __init__(self, db: sqlite3.Connection, type_id: str) -> None:
        self._db = db
        self.name = _record_table(type_id)
        self.modified_index = f"{self.name}_modified"
        # Live records alone are searched; their id is in every index entry, so counts and keys need no record.
        for statement in record_schema(type_id).split(";"):
            db.execute(statement)
        self._counted: tuple[int, int] | None = None
        self._by_id = f"SELECT {_COLUMNS} FROM {self.name} WHERE id = ?"
        self._put = f"INSERT OR REPLACE INTO {self.name} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        self._live_page = f"SELECT {_COLUMNS} FROM {self.name} WHERE state = 0 AND id >= ? ORDER BY id LIMIT ?"

    def last_id(self) -> int | None:
        """Give the largest id ever used."""
        found: int | None = self._db.execute(f"SELECT max(id) FROM {self.name}").fetchone()[0]
        return found

    def live_count(self) -> int:
        """Count the live records, anew only after something was written."""
        changes = self._db.total_changes
        if self._counted is None or self._counted[0] != changes:
            (count,) = self._db.execute(f"SELECT count(*) FROM {self.name} WHERE state = 0").fetchone()
            self._counted = (changes, count)
        return self._counted[1]

    def row(self, record_id: int) -> Row | None:
        """Give one record in whatever state."""
        found = self._db.execute(self._by_id, (record_id,)).fetchone()
        return Row._make(found) if found else None

    def rows(self, ids: Sequence[int]) -> dict[int, Row]:
        """Give those of the records that exist, in whatever state."""
        marks = ",".join("?" * len(ids))
        found = self._db.execute(f"SELECT {_COLUMNS} FROM {self.name} WHERE id IN ({marks})", ids)
        return {values[0]: Row._make(values) for values in found}

    def put(self, row: Row) -> None:
        """Write a record, new or not."""
        self._db.execute(self._put, row)

    def put_many(self, rows: Iterable[Row]) -> None:
        """Write many records."""
        self._db.executemany(self._put, rows)

    def live_page(self, first_id: int, limit: int) -> list[Row]:
        """Give live records from an id on, by id."""
        return [Row._make(values) for values in self._db.execute(self._live_page, (first_id, limit))]

    def removed_page(self, states: Sequence[State], first_id: int, limit: int) -> list[Row]:
        """Give records in these states from an id on, by id."""
        marks = ",".join("?" * len(states))
        found = self._db.execute(
            f"SELECT {_COLUMNS} FROM {self.name}"
            f" WHERE state <> 0 AND state IN ({marks}) AND id >= ? ORDER BY id LIMIT ?",
            (*states, first_id, limit),
        )
        return [Row._make(values) for values in found]

    def oldest_archived(self) -> int | None:
        """Give the first moment at which a record was archived that still is."""
        sql = f"SELECT min(archived_ms) FROM {self.name} WHERE state <> 0 AND state = {State.ARCHIVED:d}"
        found: int | None = self._db.execute(sql).fetchone()[0]
        return found

    def archived_until(self, moment_ms: int) -> list[int]:
        """Give the records archived then or before, by id."""
        sql = f"SELECT id FROM {self.name} WHERE state <> 0 AND state = {State.ARCHIVED:d} AND archived_ms <= ? ORDER BY id"
        return [record_id for (record_id,) in self._db.execute(sql, (moment_ms,))]

    def all_rows(self) -> Iterator[Row]:
        """Give every record in every state, by id."""
        for values in self._db.execute(f"SELECT {_COLUMNS} FROM {self.name} ORDER BY id"):
            yield Row._make(values)
