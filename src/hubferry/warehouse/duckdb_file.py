"""The DuckDB file: opened when the first block of this process needs it, let go when the last one ends.

DuckDB locks its file against every other process, readers included, so that holding it longer would lock people out of
their own tables. Blocks of one process share one database; each has a connection of its own. While a block says that more
follow (`busy`), the file stays open between them for moments that are shorter than another process waits for it. DuckDB itself
is kept for the next opening (duckdb_engine.py).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from hubferry.config.warehouses import MEMORY, MOTHERDUCK
from hubferry.errors import SourceError, WarehouseError, WarehouseLockedError
from hubferry.types import Clock, Secret
from hubferry.warehouse import sql
from hubferry.warehouse.duckdb_engine import CONFIG, close_file, open_file

LOCK_PATIENCE_SECONDS = 2.0
_LOCK_POLL_SECONDS = 0.05
_HOLD_SECONDS = 1.0
"""How long a busy process keeps the file at most before it lets others in: half of their patience."""
_IDLE_SECONDS = 0.2
"""How long a busy process keeps the file without using it."""
_WAL_WORTH_WRITING_BACK = 4 << 20
_READING_WORTH_SAVING = 0.1
"""The log is written back on letting go when nobody is busy and it is over 4 MB, and else when reading it on the openings
since has taken longer than writing it back did the last time, and no less than this many seconds."""
_ROW_GROUP = 122_880
_MOST_SMALL_GROUPS = 64
_DEAD_WORTH_COUNTING = 10_000
_TIDYING_TASKS = 1
"""To write the log back DuckDB would, unless told otherwise, also rewrite whatever neighbouring row groups fit into fewer:
the whole table again and again, where replaced rows are scattered (docs/performance.md). That concerns every table of the
file, so it is done only where all of them together hold more dead values than live ones, or one has four times the row groups
that it needs and 64 more, and a part at a time: each part takes memory until all is written. Row groups take long to count, and a
write-back adds few, so that they are counted at the first one of a process, each 64th after it, and where there were too many."""
_TIDYING_MEMORY = "150MB"
"""What DuckDB may count for the rewriting, if it is not allowed less anyway. It takes all of what it is allowed, and more that it
does not count; each thread wants memory of its own, so one does it. With 200 MB it takes two thirds of the time."""
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
        self._written_back = 0
        self._tidies = True
        self._reading_seconds = self._writing_seconds = 0.0
        """How long it took to read the log at all openings since it was written back, and to write it back the last time."""

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
        if self._elsewhere or self._worth_writing_back():
            self._close_for_good()
        else:
            close_file(self._database, self.path)
        self._database = None

    def _close_for_good(self) -> None:
        """Close DuckDB with its file: to write back changes its settings."""
        assert self._database is not None
        if not self._elsewhere:
            self._write_back(self._database)
        if self._database is not None:
            self._database.close()

    def _write_back(self, database: duckdb.DuckDBPyConnection) -> None:
        began, rewrites = time.monotonic(), False
        try:
            rewrites = self._tidies and self._is_untidy(database)
            if rewrites:
                _rewrite(database)
            else:
                database.execute("CHECKPOINT")
                self._writing_seconds = time.monotonic() - began
            self._reading_seconds = 0.0
        except duckdb.Error:  # the log stays, and is read when the file is opened again: nothing is lost
            if rewrites:
                self._write_back_only()

    def _write_back_only(self) -> None:
        """Write the log back where memory did not suffice to rewrite tables with it, which DuckDB does not survive.

        What failed would fail again, in the next process too, and the log would grow.
        """
        assert self._database is not None
        self._tidies = False
        self._database.close()
        self._database = None
        with suppress(WarehouseError):  # another process has it now
            self._database = self._open(*self._opened_with)
            self._write_back(self._database)

    def _open(self, memory_limit: str, clock: Clock) -> duckdb.DuckDBPyConnection:
        began, logged, self._opened_with = time.monotonic(), self._log_bytes() > 0, (memory_limit, clock)
        database = _open(self.path, memory_limit, clock, self._token)
        self._reading_seconds += time.monotonic() - began if logged else 0.0
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
        return size > _WAL_WORTH_WRITING_BACK and not self._busy

    def _is_untidy(self, database: duckdb.DuckDBPyConnection) -> bool:
        """Say whether to rewrite tables without their dead rows, and small row groups as whole ones, saves more than it costs."""
        is_counted, self._written_back = self._written_back % _MOST_SMALL_GROUPS == 0, self._written_back + 1
        tables = database.execute(
            "SELECT database_name, schema_name, table_name, column_count, estimated_size FROM duckdb_tables()"
            " WHERE NOT internal AND NOT temporary AND database_name = current_database() AND estimated_size > ?",
            (_DEAD_WORTH_COUNTING,),
        ).fetchall()
        dead, live = 0, 0
        for *place, columns, stored in tables:
            rows = _count(database, sql.full_name(*place))
            dead, live = dead + (stored - rows) * columns, live + rows * columns
        if dead > max(live, _DEAD_WORTH_COUNTING):
            return True
        if not is_counted or not any(_has_many_groups(database, sql.full_name(*each[:3]), each[-1]) for each in tables):
            return False
        self._written_back = 0
        return True


def is_elsewhere(path: str | Path) -> bool:
    """Say whether a path names no file: this process's memory, or a database of MotherDuck."""
    return str(path) == MEMORY or str(path).startswith(MOTHERDUCK)


def _count(database: duckdb.DuckDBPyConnection, name: str) -> int:
    """Count live rows."""
    [(rows,)] = database.execute(f"SELECT count(*) FROM {name}").fetchall()
    return int(rows)


def _has_many_groups(database: duckdb.DuckDBPyConnection, name: str, stored: int) -> bool:
    """`stored` are the rows of the table, dead ones included."""
    [(groups,)] = database.execute(
        "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info(?) WHERE column_id = 0", (name,)
    ).fetchall()
    return bool(groups > 4 * (stored // _ROW_GROUP + 1) + _MOST_SMALL_GROUPS)


def _rewrite(database: duckdb.DuckDBPyConnection) -> None:
    """Write the log back, and all that is untidy with it; the settings are for this only, so let the database go then."""
    [(spare,)] = database.execute(
        "SELECT parse_formatted_bytes(current_setting('memory_limit')) > parse_formatted_bytes(?)", (_TIDYING_MEMORY,)
    ).fetchall()
    if spare:
        database.execute(f"SET GLOBAL memory_limit = '{_TIDYING_MEMORY}'")
    database.execute("SET GLOBAL threads = 1")
    database.execute(f"SET GLOBAL max_vacuum_tasks = {_TIDYING_TASKS}")
    database.execute("CHECKPOINT")


def _open(path: Path, memory_limit: str, clock: Clock, token: Secret | None) -> duckdb.DuckDBPyConnection:
    if not is_elsewhere(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    deadline = clock.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            return _open_elsewhere(path, memory_limit, token) if is_elsewhere(path) else open_file(path, memory_limit)
        except duckdb.Error as error:
            if "Could not set lock" not in str(error):
                raise translated(error, path=path, secret=token) from None if token else error
            if clock.monotonic() >= deadline:
                raise _locked(path, str(error)) from error
            clock.sleep(_LOCK_POLL_SECONDS)


def _open_elsewhere(path: Path, memory_limit: str, token: Secret | None) -> duckdb.DuckDBPyConnection:
    config = {name: value for name, value in CONFIG.items() if name != "max_vacuum_tasks"} | {
        "memory_limit": memory_limit
    }
    if token is not None:
        config["motherduck_token"] = token.reveal()
    database = duckdb.connect(str(path), config=config)
    database.execute("SET GLOBAL TimeZone = 'UTC'")
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
