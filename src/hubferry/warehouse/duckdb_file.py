"""The DuckDB file: opened when the first block of this process needs it, let go when the last one ends.

DuckDB locks its file against every other process, readers included, so that holding it longer would lock people out of
their own tables. Blocks of one process share one database; each has a connection of its own. While a block says that
more follow (`busy`), the file stays open between them for moments that are shorter than another process waits for it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from hubferry.config.model import MEMORY, MOTHERDUCK
from hubferry.errors import SourceError, WarehouseError, WarehouseLockedError
from hubferry.types import Clock, Secret

LOCK_PATIENCE_SECONDS = 2.0
_LOCK_POLL_SECONDS = 0.05
_HOLD_SECONDS = 1.0
"""How long a busy process keeps the file at most before it lets others in: half of their patience."""
_IDLE_SECONDS = 0.2
"""How long a busy process keeps the file without using it."""
_WAL_AUTOCHECKPOINT = "64MB"
_WAL_WORTH_WRITING_BACK = 4 << 20
_WAL_SHARE = 16
"""The log is written back on letting go when it is over 4 MB, and over a 16th of the file where rows were replaced: reading
it on opening takes 7 ms a MB, writing it back may rewrite the whole file after scattered updates (docs/performance.md).
Many small commits to wide tables cost more to read than their size tells: so also when reading it took longer than writing
it back did the last time."""
_READING_WORTH_SAVING = 0.1
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

    def __init__(self, path: Path, token: Secret | None = None) -> None:
        self.path, self._token = path, token
        self._elsewhere = is_elsewhere(path)
        self.writing = threading.Lock()
        """One write transaction at a time: DuckDB refuses a second writer of a row instead of letting it wait."""
        self.writer: int | None = None
        self._lock = threading.Lock()
        self._users = 0
        self._busy = 0
        self._opened_at = 0.0
        self._idle: threading.Timer | None = None
        self._database: duckdb.DuckDBPyConnection | None = None
        self._reading_seconds = self._writing_seconds = 0.0
        """How long the log took to be read at the last opening, and to be written back the last time."""
        self.replaced = False
        """Rows were updated or deleted since the log was last written back."""

    @classmethod
    def for_path(cls, path: Path, token: Secret | None = None) -> DuckDBFile:
        """Give the one file object of a path in this process; each `:memory:` is one of its own."""
        if str(path) == MEMORY:
            return cls(path)
        if is_elsewhere(path):
            with cls._all_lock:
                return cls._all.setdefault(path, cls(path, token))
        with cls._all_lock:
            return cls._all.setdefault(path.resolve(), cls(path.resolve()))

    @contextmanager
    def connection(self, *, memory_limit: str, clock: Clock) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection; the file is open at least until the block ends."""
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
            if self._database is None:
                self._database = self._open(memory_limit, clock)
                self._opened_at = time.monotonic()
            self._users += 1
            connection = self._database.cursor()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()
            self._leave()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let the file stay open for moments between the blocks inside this one."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
                self._let_go_if_unused()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._busy and not self._users and time.monotonic() - self._opened_at < _HOLD_SECONDS:
                self._idle = threading.Timer(_IDLE_SECONDS, self._let_go_idle)
                self._idle.daemon = True
                self._idle.start()
            else:
                self._let_go_if_unused(even_if_busy=True)

    def _let_go_idle(self) -> None:
        with self._lock:
            if self._idle is threading.current_thread():  # nobody came meanwhile
                self._let_go_if_unused(even_if_busy=True)

    def _let_go_if_unused(self, *, even_if_busy: bool = False) -> None:
        if self._users or (self._busy and not even_if_busy) or self._database is None or str(self.path) == MEMORY:
            return
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._worth_writing_back():
            with suppress(duckdb.Error):  # the log stays, and is read when the file is opened again: nothing is lost
                began = time.monotonic()
                self._database.execute("CHECKPOINT")
                self.replaced, self._reading_seconds = False, 0.0
                self._writing_seconds = time.monotonic() - began
        self._database.close()
        self._database = None

    def _open(self, memory_limit: str, clock: Clock) -> duckdb.DuckDBPyConnection:
        began, logged = time.monotonic(), self._log_bytes() > 0
        database = _open(self.path, memory_limit, clock, self._token)
        self._reading_seconds = time.monotonic() - began if logged else 0.0
        return database

    def _log_bytes(self) -> int:
        if self._elsewhere:
            return 0
        log = self.path.with_name(self.path.name + ".wal")
        return log.stat().st_size if log.exists() else 0

    def _worth_writing_back(self) -> bool:
        size = self._log_bytes()
        if size and self._reading_seconds > max(_READING_WORTH_SAVING, self._writing_seconds):
            return True
        return size > _WAL_WORTH_WRITING_BACK and (not self.replaced or size > self.path.stat().st_size / _WAL_SHARE)


def is_elsewhere(path: str | Path) -> bool:
    """Say whether a path names no file: this process's memory, or a database of MotherDuck."""
    return str(path) == MEMORY or str(path).startswith(MOTHERDUCK)


def _open(path: Path, memory_limit: str, clock: Clock, token: Secret | None) -> duckdb.DuckDBPyConnection:
    if not is_elsewhere(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "wal_autocheckpoint": _WAL_AUTOCHECKPOINT,
        "python_enable_replacements": False,  # a name in a user's SQL must never be read from our Python variables
    }
    if token is not None:
        config["motherduck_token"] = token.reveal()
    deadline = clock.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            database = duckdb.connect(str(path), config=config)
        except duckdb.Error as error:
            if "Could not set lock" not in str(error):
                raise translated(error, path=path, secret=token) from None if token else error
            if clock.monotonic() >= deadline:
                raise _locked(path, str(error)) from error
            clock.sleep(_LOCK_POLL_SECONDS)
        else:
            if not is_elsewhere(path):
                database.execute("PRAGMA disable_checkpoint_on_shutdown")
            return database


def _locked(path: Path, message: str) -> WarehouseLockedError:
    owner = re.search(r"\(PID (\d+)\)", message)
    return WarehouseLockedError(
        f"the DuckDB file {path} is held by {f'process {owner[1]}' if owner else 'another process'}."
        " DuckDB lets one process in at a time, readers included: close it there, or try again when it is done."
    )


def hide_values(message: str) -> str:
    """Give an error's first sentence with all that stands between its first and last quotation marks hidden: a value may hold some."""
    said = re.split(r"\n\n(?=LINE )", message)[0]
    return next(iter(re.sub(r"['\"].*['\"]|['\"].*", "'***'", said, flags=re.DOTALL).splitlines()), "")


def translated(
    error: duckdb.Error,
    *,
    path: Path,
    kind: type[WarehouseError] = WarehouseError,
    what: str = "DuckDB",
    secret: Secret | None = None,
) -> WarehouseError:
    """Say a DuckDB error in hubferry's words: its first line, without the values that it quotes."""
    line = next(iter(str(error).splitlines()), type(error).__name__)
    if secret is not None:
        line = line.replace(secret.reveal(), "***")
    if isinstance(error, _HOLDS_VALUES):
        line = hide_values(str(error))
    advice = (
        " Raise `memory_limit` of the warehouse in hubferry.yml."
        if isinstance(error, duckdb.OutOfMemoryException)
        else ""
    )
    if str(path).startswith(MOTHERDUCK):
        advice = (
            " Check the database's name and `motherduck_token`; DuckDB loads MotherDuck's extension from the network."
        )
    where = "" if kind is SourceError else f" ({path})"
    return kind(f"{what}: {line}{where}{advice}")
