"""The DuckDB file: opened when the first block of this process needs it, let go when the last one ends.

DuckDB locks its file against every other process, readers included, so that holding it longer would lock people out of
their own tables. Blocks of one process share one database; each has a connection of its own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from hubferry.errors import SourceError, WarehouseError, WarehouseLockedError
from hubferry.types import Clock

LOCK_PATIENCE_SECONDS = 2.0
_LOCK_POLL_SECONDS = 0.05
_WAL_AUTOCHECKPOINT = "64MB"
"""The log is written back when it has this size, not whenever the file is let go: that may take seconds after scattered
updates, while reading the log on opening takes 7 ms a MB (docs/performance.md)."""
_HOLDS_VALUES = (
    duckdb.ConversionException,
    duckdb.ConstraintException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
)


class DuckDBFile:
    """One file of one process; `for_path` gives the same one to everybody, because DuckDB allows one configuration."""

    _all: dict[Path, DuckDBFile] = {}  # noqa: RUF012  the registry of this process, guarded by _all_lock
    _all_lock = threading.Lock()

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writing = threading.Lock()
        """One write transaction at a time: DuckDB refuses a second writer of a row instead of letting it wait."""
        self.writer: int | None = None
        self._lock = threading.Lock()
        self._users = 0
        self._database: duckdb.DuckDBPyConnection | None = None

    @classmethod
    def for_path(cls, path: Path) -> DuckDBFile:
        """Give the one file object of a path in this process."""
        with cls._all_lock:
            return cls._all.setdefault(path.resolve(), cls(path.resolve()))

    @contextmanager
    def connection(self, *, memory_limit: str, clock: Clock) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection; the file is open at least until the block ends."""
        with self._lock:
            if self._database is None:
                self._database = _open(self.path, memory_limit, clock)
            self._users += 1
            connection = self._database.cursor()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._database is not None:
                self._database.close()
                self._database = None


def _open(path: Path, memory_limit: str, clock: Clock) -> duckdb.DuckDBPyConnection:
    path.parent.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "wal_autocheckpoint": _WAL_AUTOCHECKPOINT,
        "python_enable_replacements": False,  # a name in a user's SQL must never be read from our Python variables
    }
    deadline = clock.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            database = duckdb.connect(str(path), config=config)
        except duckdb.Error as error:
            if "Could not set lock" not in str(error):
                raise translated(error, path=path) from error
            if clock.monotonic() >= deadline:
                raise _locked(path, str(error)) from error
            clock.sleep(_LOCK_POLL_SECONDS)
        else:
            database.execute("PRAGMA disable_checkpoint_on_shutdown")
            return database


def _locked(path: Path, message: str) -> WarehouseLockedError:
    owner = re.search(r"\(PID (\d+)\)", message)
    return WarehouseLockedError(
        f"the DuckDB file {path} is held by {f'process {owner[1]}' if owner else 'another process'}."
        " DuckDB lets one process in at a time, readers included: close it there, or try again when it is done."
    )


def translated(
    error: duckdb.Error, *, path: Path, kind: type[WarehouseError] = WarehouseError, what: str = "DuckDB"
) -> WarehouseError:
    """Say a DuckDB error in hubferry's words: its first line, without the values that it quotes."""
    line = next(iter(str(error).splitlines()), type(error).__name__)
    if isinstance(error, _HOLDS_VALUES):
        line = re.sub(r"'[^']*'?|\"[^\"]*\"?", "'***'", line)
    advice = (
        " Raise `memory_limit` of the warehouse in hubferry.yml."
        if isinstance(error, duckdb.OutOfMemoryException)
        else ""
    )
    where = "" if kind is SourceError else f" ({path})"
    return kind(f"{what}: {line}{where}{advice}")
