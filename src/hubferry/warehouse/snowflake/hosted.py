"""Snowflake from within: the database of a stored procedure, through the one session that Snowflake gives it.

Snowflake's rules there (Python stored procedure limitations): no PUT, nothing temporary under the owner's rights, no second
session, no two statements at once. So files go through the session's file API into a stage that stays, and threads take turns.
A read beside a transaction of the same thread sees what the transaction wrote: there is no other session to read by.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from hubferry.errors import SourceError, WarehouseError
from hubferry.warehouse.snowflake import account, names
from hubferry.warehouse.snowflake.account import Settings, translating
from hubferry.warehouse.snowflake.session import STAGING_SCHEMA, Session
from hubferry.warehouse.snowflake.warehouse import SnowflakeWarehouse

STAGE = "files"
"""The stage that rows go through, in the schema of hubferry's own tables."""


class HostedSession(Session):
    """The procedure's session: `given` is what Snowflake hands to the procedure, a snowflake.snowpark.Session."""

    def __init__(self, given: Any, database: str, note: Callable[[str], None]) -> None:
        super().__init__(given.connection, database, note)
        self._files = given.file

    def close(self) -> None:
        """Drop the staging table; the session is Snowflake's to end."""
        if self._width:
            with suppress(account.DriverError):
                self.run(f"DROP TABLE IF EXISTS {self._staging()}")
        self._width, self._used = 0, False

    def _upload(self, path: Path, target: str) -> None:
        self._note("PUT_STREAM")
        with path.open("rb") as stream:
            self._files.put_stream(stream, f"{target}/{path.name}", auto_compress=False, overwrite=True)

    def _make_stage(self) -> None:
        self.run(f"CREATE STAGE IF NOT EXISTS {self._stage_name()}")

    def _stage_name(self) -> str:
        return names.full_name(self._database, STAGING_SCHEMA, STAGE)


class Turns:
    """One session that threads use in turns, in the place of a pool of several."""

    def __init__(self, session: HostedSession) -> None:
        self._session = session
        self._turn = threading.RLock()
        self._holders = 0
        self._writer: int | None = None

    @contextmanager
    def connection(self) -> Iterator[HostedSession]:
        """Lend the session; another thread waits until it is given back."""
        with self._turn, self.hold():
            yield self._session

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the staging table until the block ends."""
        with self._turn:
            self._holders += 1
        try:
            yield
        finally:
            with self._turn:
                self._holders -= 1
                if not self._holders:
                    self._session.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other threads out for a whole transaction; refuse a second one of the same thread."""
        with self._turn:
            if self._writer is not None:
                raise WarehouseError("a transaction is open in this thread already; end it first")
            self._writer = threading.get_ident()
            try:
                yield
            finally:
                self._writer = None


class HostedWarehouse(SnowflakeWarehouse):
    """The database of a stored procedure's own session."""

    def __init__(self, given: Any, database: str) -> None:
        super().__init__(Settings(database=database))
        self._pool = Turns(HostedSession(given, database, self._count))

    def query_batches(self, sql: str, params: Sequence[object] = (), *, rows: int = 10_000) -> Iterator[pa.RecordBatch]:
        """Read rows in batches; others may use the session between them, for the statement has ended by then."""
        with self._pool.connection() as session, translating(SourceError):
            tables = self._fetch_tables(session, sql, params)
        with translating(SourceError):
            for found in tables:
                yield from found.to_batches(max_chunksize=rows)
