"""What is stored of imports: the import, its rows until it ends, its errors, the records it wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

State = Literal["CANCELED", "DEFERRED", "DONE", "FAILED", "PROCESSING", "REVERTED", "STARTED"]
RUNNING = ("STARTED", "PROCESSING")
OPEN = (*RUNNING, "DEFERRED")
ROWS_OF_A_LARGE_ONE = 10_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS imports (
    id INTEGER PRIMARY KEY, app TEXT NOT NULL, call TEXT NOT NULL, state TEXT NOT NULL, created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL, due_ms INTEGER, rows INTEGER NOT NULL, steps INTEGER NOT NULL, done INTEGER NOT NULL,
    ends TEXT NOT NULL, request BLOB NOT NULL, types BLOB NOT NULL, file_ids BLOB NOT NULL, problems BLOB NOT NULL, counters BLOB NOT NULL,
    lists BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS imports_due ON imports (due_ms, id) WHERE due_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS import_rows (
    import_id INTEGER, seq INTEGER, file INTEGER NOT NULL, line INTEGER NOT NULL, cells BLOB NOT NULL, ids BLOB,
    PRIMARY KEY (import_id, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS import_errors (id INTEGER PRIMARY KEY, import_id INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS import_errors_import ON import_errors (import_id, id);
CREATE TABLE IF NOT EXISTS import_records (
    import_id INTEGER, type_id TEXT, record_id INTEGER, created INTEGER NOT NULL,
    PRIMARY KEY (import_id, type_id, record_id)) WITHOUT ROWID;
"""

_encode = msgspec.json.encode
_COLUMNS = (
    "id, app, call, state, created_ms, updated_ms, due_ms, rows, steps, done, ends,"
    " request, types, file_ids, problems, counters, lists"
)
_FIRST_ID = 21_158_334
_FIRST_FILE_ID = 151_500_000_000


class FileProblem(NamedTuple):
    """What is wrong with a whole file; it ends the import."""

    file: int
    error_type: str
    message: str
    column: int | None = None
    value: str | None = None


class StoredRow(NamedTuple):
    """One row of a file; `ids` are the records its first pass wrote, by type."""

    seq: int
    file: int
    line: int
    cells: list[str]
    ids: dict[str, int]


@dataclass(kw_only=True)
class Import:
    """One import as stored; `save` writes back what may change."""

    id: int
    app: str
    """The token it was made with: other apps do not see it."""
    call: str
    """The correlation id of the call that made it; events name it."""
    state: State
    created_ms: int
    updated_ms: int
    due_ms: int | None
    rows: int
    steps: int
    """Rows, counted twice where a second pass links what the first one wrote."""
    done: int
    ends: str
    """How it ends: DONE, or what a knob says."""
    request: Any
    types: list[str]
    file_ids: list[int]
    problems: list[FileProblem]
    counters: dict[str, int]
    lists: list[dict[str, str]]


def add(db: sqlite3.Connection, job: Import, files: Iterable[Iterable[tuple[int, Sequence[str]]]]) -> None:
    """Store a new import and the rows of its files, given as (line, cells)."""
    save(db, job)
    numbered = ((number, line, cells) for number, rows in enumerate(files) for line, cells in rows)
    db.executemany(
        "INSERT INTO import_rows VALUES (?, ?, ?, ?, ?, NULL)",
        ((job.id, seq, number, line, _encode(cells)) for seq, (number, line, cells) in enumerate(numbered)),
    )


def save(db: sqlite3.Connection, job: Import) -> None:
    """Write an import, new or not."""
    blobs = (job.request, job.types, job.file_ids, job.problems, job.counters, job.lists)
    numbers = (job.created_ms, job.updated_ms, job.due_ms, job.rows, job.steps, job.done)
    values = (job.id, job.app, job.call, job.state, *numbers, job.ends, *map(_encode, blobs))
    db.execute(f"INSERT OR REPLACE INTO imports ({_COLUMNS}) VALUES ({','.join('?' * len(values))})", values)


def next_ids(db: sqlite3.Connection, files: int) -> tuple[int, list[int]]:
    """Give the id of a new import and of its files."""
    (last, count) = db.execute("SELECT max(id), count(*) FROM imports").fetchone()
    import_id = _FIRST_ID if last is None else last + 1 + count % 3
    return import_id, [_FIRST_FILE_ID + (import_id - _FIRST_ID) * 100 + number for number in range(files)]


def find(db: sqlite3.Connection, import_id: int) -> Import | None:
    """Give one import."""
    row = db.execute(f"SELECT {_COLUMNS} FROM imports WHERE id = ?", (import_id,)).fetchone()
    return None if row is None else _parse(row)


def page(db: sqlite3.Connection, app: str, before: int | None, limit: int) -> list[Import]:
    """Give an app's imports before an id, newest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM imports WHERE app = ? AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
        (app, before, before, limit),
    )
    return [_parse(row) for row in rows]


def every(db: sqlite3.Connection) -> Iterator[Import]:
    """Give all imports of all apps, oldest first."""
    for row in db.execute(f"SELECT {_COLUMNS} FROM imports ORDER BY id"):
        yield _parse(row)


def next_due(db: sqlite3.Connection, now_ms: int) -> Import | None:
    """Give the import that has something to do first, if that is not later than now."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM imports WHERE due_ms <= ? ORDER BY due_ms, id LIMIT 1", (now_ms,)
    ).fetchone()
    return None if row is None else _parse(row)


def deferred(db: sqlite3.Connection) -> list[Import]:
    """Give the imports that wait for others, oldest first."""
    return [_parse(row) for row in db.execute(f"SELECT {_COLUMNS} FROM imports WHERE state = 'DEFERRED' ORDER BY id")]


def running(db: sqlite3.Connection) -> tuple[int, int]:
    """Count the imports under way, and the large ones of them."""
    found: tuple[int, int] = db.execute(
        "SELECT count(*), count(*) FILTER (WHERE rows > ?) FROM imports WHERE state IN ('STARTED', 'PROCESSING')",
        (ROWS_OF_A_LARGE_ONE,),
    ).fetchone()
    return found


def since(db: sqlite3.Connection, moment_ms: int) -> tuple[int, int]:
    """Count the imports made after a moment, and their rows."""
    found: tuple[int, int] = db.execute(
        "SELECT count(*), coalesce(sum(rows), 0) FROM imports WHERE created_ms > ?", (moment_ms,)
    ).fetchone()
    return found


def rows(db: sqlite3.Connection, import_id: int, first: int, limit: int) -> list[StoredRow]:
    """Give the rows from a number on."""
    found = db.execute(
        "SELECT seq, file, line, cells, ids FROM import_rows WHERE import_id = ? AND seq >= ? ORDER BY seq LIMIT ?",
        (import_id, first, limit),
    )
    decode = msgspec.json.decode
    return [
        StoredRow(seq, file, line, decode(cells), decode(ids) if ids else {}) for seq, file, line, cells, ids in found
    ]


def keep_ids(db: sqlite3.Connection, import_id: int, seq: int, ids: Mapping[str, int]) -> None:
    """Remember which records a row wrote, for the second pass."""
    db.execute("UPDATE import_rows SET ids = ? WHERE import_id = ? AND seq = ?", (_encode(ids), import_id, seq))


def drop_rows(db: sqlite3.Connection, import_id: int) -> None:
    """Forget the rows of an import that has ended."""
    db.execute("DELETE FROM import_rows WHERE import_id = ?", (import_id,))


def add_error(db: sqlite3.Connection, import_id: int, body: Mapping[str, object]) -> None:
    """Keep one error."""
    db.execute("INSERT INTO import_errors (import_id, body) VALUES (?, ?)", (import_id, _encode(body)))


def errors(db: sqlite3.Connection, import_id: int, after: int, limit: int) -> list[tuple[int, dict[str, Any]]]:
    """Give an import's errors after an id."""
    found = db.execute(
        "SELECT id, body FROM import_errors WHERE import_id = ? AND id > ? ORDER BY id LIMIT ?",
        (import_id, after, limit),
    )
    return [(error_id, msgspec.json.decode(body)) for error_id, body in found]


def wrote(db: sqlite3.Connection, import_id: int, type_id: str, record_id: int) -> bool | None:
    """Tell whether the import created a record (True) or changed it (False); None: it has not written it."""
    found = db.execute(
        "SELECT created FROM import_records WHERE import_id = ? AND type_id = ? AND record_id = ?",
        (import_id, type_id, record_id),
    ).fetchone()
    return None if found is None else bool(found[0])


def note_written(db: sqlite3.Connection, import_id: int, type_id: str, record_id: int, *, created: bool) -> None:
    """Remember a record that the import wrote."""
    db.execute("INSERT INTO import_records VALUES (?, ?, ?, ?)", (import_id, type_id, record_id, created))


def written(db: sqlite3.Connection, import_id: int) -> list[tuple[str, int, bool]]:
    """Give the records an import wrote: type, id, whether it created it."""
    found = db.execute(
        "SELECT type_id, record_id, created FROM import_records WHERE import_id = ? ORDER BY type_id, record_id",
        (import_id,),
    )
    return [(type_id, record_id, bool(created)) for type_id, record_id, created in found]


def _parse(row: Sequence[Any]) -> Import:
    decode = msgspec.json.decode
    return Import(
        id=row[0],
        app=row[1],
        call=row[2],
        state=row[3],
        created_ms=row[4],
        updated_ms=row[5],
        due_ms=row[6],
        rows=row[7],
        steps=row[8],
        done=row[9],
        ends=row[10],
        request=decode(row[11]),
        types=decode(row[12]),
        file_ids=decode(row[13]),
        problems=decode(row[14], type=list[FileProblem]),
        counters=decode(row[15]),
        lists=decode(row[16]),
    )
