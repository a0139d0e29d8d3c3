"""What Snowflake hands to a Python stored procedure, as far as its documentation and Snowpark 1.56's own code say: a session
with `connection`, `sql` and `file`, here on the real connector against fakesnow. What Snowflake refuses in there is refused.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError

_REFUSED = {
    re.compile(r"\s*(PUT|GET)\b", re.IGNORECASE): "You cannot use APIs that execute PUT and GET commands",
    re.compile(r"\s*CREATE\s.*\bTEMP(ORARY)?\b", re.IGNORECASE): "temporary objects in an owner's rights procedure",
    re.compile(
        r"\s*(ALTER SESSION|USE)\b", re.IGNORECASE
    ): "the session is the caller's in an owner's rights procedure",
}


class ProcedureSession:
    """A session that is Snowflake's: it cannot be closed, and runs one statement at a time."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self._turn = _Turn()
        self.connection = _Connection(connection, self._turn)
        self.file = _Files(connection, self._turn)

    def sql(self, statement: str, params: Sequence[Any] | None = None) -> _Frame:
        """Give a statement that `collect` runs."""
        return _Frame(self.connection.cursor(), statement, params)


class _Turn:
    """Raises where a second thread is in the session, as `concurrent queries` are refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise ProgrammingError("Running concurrent queries is not supported in stored procedures")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class _Connection:
    def __init__(self, connection: SnowflakeConnection, turn: _Turn) -> None:
        self._connection, self._turn = connection, turn

    def cursor(self) -> _Cursor:
        return _Cursor(self._connection.cursor(), self._turn)


class _Cursor:
    def __init__(self, cursor: SnowflakeCursor, turn: _Turn) -> None:
        self._cursor, self._turn = cursor, turn

    def execute(self, statement: str, params: Sequence[Any] | None = None) -> Any:
        refuse(statement)
        with self._turn:
            return self._cursor.execute(statement, params)

    def describe(self, statement: str, params: Sequence[Any] | None = None) -> Any:
        refuse(statement)
        with self._turn:
            return self._cursor.describe(statement, params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class _Frame:
    def __init__(self, cursor: _Cursor, statement: str, params: Sequence[Any] | None) -> None:
        self._cursor, self._statement, self._params = cursor, statement, params

    def collect(self) -> list[Any]:
        self._cursor.execute(self._statement, self._params)
        found: list[Any] = self._cursor.fetchall()
        return found


class _Files:
    """`session.file`; Snowflake reads the stream itself, here the connector puts a file."""

    def __init__(self, connection: SnowflakeConnection, turn: _Turn) -> None:
        self._connection, self._turn = connection, turn

    def put_stream(
        self, input_stream: IO[bytes], stage_location: str, *, auto_compress: bool = True, overwrite: bool = False
    ) -> None:
        target, _, name = stage_location.rpartition("/")
        with tempfile.TemporaryDirectory() as folder, self._turn:
            path = Path(folder, name)
            path.write_bytes(input_stream.read())
            options = f"AUTO_COMPRESS={auto_compress} OVERWRITE={overwrite}".upper()
            self._connection.cursor().execute(f"PUT 'file://{path}' {target} {options}")


def refuse(statement: str) -> None:
    """Raise for what Snowflake does not run in a procedure under its owner's rights."""
    for pattern, why in _REFUSED.items():
        if pattern.match(statement):
            raise ProgrammingError(f"refused in a stored procedure: {why}: {statement[:80]}")
