"""DuckDB without a file, kept for the next one: to make one takes 20 ms, nearly all for the functions that it knows.

A file is attached to it and is then its only database, so that all is as if DuckDB had been opened with that file: names,
the file's lock, the memory that it may have. Closing detaches the file, which lets go of its lock.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import duckdb

from hubferry.config.warehouses import MEMORY
from hubferry.errors import WarehouseError
from hubferry.warehouse import sql

Connection = duckdb.DuckDBPyConnection
Config = dict[str, str | bool | int | float | list[str]]

CONFIG: Config = {
    "max_vacuum_tasks": 0,  # see duckdb_file.DuckDBFile._is_untidy
    "python_enable_replacements": False,  # a name in a user's SQL must never be read from our Python variables
    "wal_autocheckpoint": "64MB",
}
_NONE = sql.quote("/")
"""The empty database that stands where no file is attached; no file gives a database this name."""

_LITTLE_BYTES = 16 << 20
"""DuckDB gives memory and temporary files back when it ends, not when it closes a file: after more than this it is not kept."""

_idle: list[Connection] = []
"""At most one, guarded by _lock. It has two threads and no file."""
_lock = threading.Lock()


def open_file(path: Path, memory_limit: str) -> Connection:
    """Give a connection to DuckDB with this file, for cursors; raise duckdb.Error where another process has the file."""
    database = _take()
    try:
        database.execute(f"SET GLOBAL memory_limit = {_literal(memory_limit)}")
        database.execute(f"SET GLOBAL temp_directory = {_literal(str(_temporary(path)))}")
        database.execute(f"ATTACH {_literal(str(path))}")
    except duckdb.IOException:  # in most cases another process has the file, and we are about to ask again
        _keep(database)
        raise
    except BaseException:
        database.close()
        raise
    try:
        _make_only(database)
    except BaseException:
        database.close()
        raise
    return database


def close_file(database: Connection, path: Path) -> None:
    """Close a file whose cursors are closed; settings must be as `open_file` made them."""
    try:
        [(name, used)] = database.execute(
            "SELECT current_database(), sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()"
        ).fetchall()
        if used > _LITTLE_BYTES or _temporary(path).exists():
            database.close()
            return
        database.execute(f"ATTACH '{MEMORY}' AS {_NONE}")
        database.execute(f"USE {_NONE}")
        database.execute(f"DETACH {sql.quote(name)}")
    except duckdb.Error:  # DuckDB goes on with nothing after an error that it calls fatal
        database.close()
    else:
        _keep(database)


def let_go_of_idle() -> None:
    """End what is kept: its threads would not be there in a process that is forked."""
    with _lock:
        while _idle:
            _idle.pop().close()


def _take() -> Connection:
    with _lock:
        if _idle:
            return _idle.pop()
    database = duckdb.connect(MEMORY, config=CONFIG)
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    database.execute("PRAGMA disable_checkpoint_on_shutdown")
    database.execute(f"ATTACH '{MEMORY}' AS {_NONE}")
    database.execute(f"USE {_NONE}")
    database.execute("DETACH memory")  # a file may be named so
    return database


def _keep(database: Connection) -> None:
    with _lock:
        if not _idle:
            _idle.append(database)
            return
    database.close()


def _make_only(database: Connection) -> None:
    """Leave the file as the only database, which is where every cursor begins then."""
    [(name,)] = database.execute(
        f"SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name <> '{_NONE[1:-1]}'"
    ).fetchall()
    database.execute(f"USE {sql.quote(name)}")
    database.execute(f"DETACH {_NONE}")
    with database.cursor() as cursor:
        if cursor.execute("SELECT current_database()").fetchall() != [(name,)]:
            raise WarehouseError(
                f"DuckDB {duckdb.__version__} does not begin in its only database; use another version"
            )


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + ".tmp")


def _literal(text: str) -> str:
    """A backslash is one for DuckDB, as in the paths of Windows."""
    return "'" + text.replace("'", "''") + "'"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=let_go_of_idle)
