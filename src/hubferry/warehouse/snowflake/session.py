"""One session: its statements, its staging table, and the rows that statements read by a name.

The staging table is transient and made before a transaction begins, because DDL commits what is open. It has columns of text
and serves every chunk of the session: rows come in by PUT and COPY, each set of rows under a number of its own.
"""

from __future__ import annotations

import itertools
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hubferry.errors import WarehouseError
from hubferry.types import ColumnType
from hubferry.warehouse.snowflake import account, names, texts, types

STAGING_SCHEMA = "hubferry"
STAGING_PREFIX = "staging_"
_LEAST_WIDTH = 64
_STALE_SECONDS = 86_400
_TOKEN = re.compile(r"""'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\?""", re.DOTALL)


@dataclass(frozen=True)
class _Rows:
    """What stands for a name of registered rows: a subquery, and the values in it."""

    sql: str
    params: tuple[object, ...] = ()


class Session:
    """One session of the account, used by one thread at a time."""

    def __init__(self, connection: Any, database: str, note: Callable[[str], None]) -> None:
        self.connection, self._database, self._note = connection, database, note
        self._numbers = itertools.count(1)
        self._rows: dict[str, _Rows] = {}
        self._name = f"{STAGING_PREFIX}{int(time.time())}_{secrets.token_hex(4)}"
        self._width = 0
        self._used = False

    def run(self, statement: str, params: Sequence[object] = ()) -> Any:
        """Run one statement, names of registered rows in it replaced, and give its cursor."""
        statement, values = self._expand(statement, params)
        self._note(statement)
        cursor = self.connection.cursor()
        cursor.execute(statement, values or None)
        return cursor

    def describe(self, statement: str, params: Sequence[object] = ()) -> list[Any]:
        """Ask what a statement would return."""
        statement, values = self._expand(statement, params)
        self._note(statement)
        return list(self.connection.cursor().describe(statement, values or None) or ())

    def begin(self, width: int) -> None:
        """Begin a transaction in which rows of this many columns may be staged."""
        if width > self._width:
            self._make_staging(max(width, _LEAST_WIDTH))
        elif self._used:
            self.run(f"TRUNCATE TABLE {self._staging()}")
        self._used = False
        self.run("BEGIN")

    @contextmanager
    def rows(self, rows: pa.Table, column_types: Sequence[ColumnType]) -> Iterator[str]:
        """Make rows readable under the quoted name it gives, until the block ends."""
        number = next(self._numbers)
        name = f'"hubferry rows {number}"'
        written = texts.build_texts(rows)
        self._rows[name] = (
            self._inline(rows.column_names, column_types, written)
            if texts.is_few(written)
            else self._stage(number, rows.column_names, column_types, written)
        )
        try:
            yield name
        finally:
            del self._rows[name]

    def close(self) -> None:
        """Drop the staging table and end the session."""
        with suppress(account.DriverError):
            if self._width:
                self.run(f"DROP TABLE IF EXISTS {self._staging()}")
        with suppress(account.DriverError):
            self.connection.close()

    def _inline(self, columns: Sequence[str], column_types: Sequence[ColumnType], written: pa.Table) -> _Rows:
        values = (f"CAST(value[{number}] AS VARCHAR)" for number in range(len(columns)))
        picked = _pick(columns, column_types, values)
        return _Rows(f"(SELECT {picked} FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))))", (texts.render_json(written),))

    def _stage(
        self, number: int, columns: Sequence[str], column_types: Sequence[ColumnType], written: pa.Table
    ) -> _Rows:
        if len(columns) > self._width:
            raise WarehouseError(
                f"rows of {len(columns)} columns cannot be staged in a transaction that was begun for {self._width}"
            )
        slot = pa.array([number] * written.num_rows, pa.int64())
        with tempfile.TemporaryDirectory(prefix="hubferry-") as folder:
            path = Path(folder, f"{self._name}_{number}.parquet")
            pq.write_table(written.append_column("SLOT", slot), path)
            target = f"@{self._stage_name()}/{self._name}"
            self._upload(path, target)
            self.run(
                f"COPY INTO {self._staging()} FROM {target}/{path.name} FILE_FORMAT=(TYPE=PARQUET)"
                " MATCH_BY_COLUMN_NAME=CASE_SENSITIVE PURGE=TRUE"
            )
        self._used = True
        picked = _pick(columns, column_types, (f'"C{at}"' for at in range(len(columns))))
        return _Rows(f'(SELECT {picked} FROM {self._staging()} WHERE "SLOT" = {number})')

    def _upload(self, path: Path, target: str) -> None:
        """Put a file below a place of the stage."""
        self.run(f"PUT 'file://{path.as_posix()}' {target} AUTO_COMPRESS=FALSE OVERWRITE=TRUE")

    def _make_stage(self) -> None:
        """Make the stage that files go through."""
        self.run(f"CREATE TEMPORARY STAGE IF NOT EXISTS {self._stage_name()}")

    def _make_staging(self, width: int) -> None:
        if not self._width:
            self.run(f"CREATE SCHEMA IF NOT EXISTS {names.full_name(self._database, STAGING_SCHEMA)}")
            self._make_stage()
            self._drop_stale()
        columns = ", ".join(f'"C{number}" VARCHAR' for number in range(width))
        self.run(f'CREATE OR REPLACE TRANSIENT TABLE {self._staging()} ("SLOT" NUMBER(19,0), {columns})')
        self._width = width

    def _drop_stale(self) -> None:
        """Drop the tables of sessions that ended without a word, a day after they began."""
        tables = names.full_name(self._database, "information_schema", "tables")
        found = self.run(
            f"SELECT table_name FROM {tables} WHERE table_schema = ? AND table_name LIKE ?",
            (names.fold(STAGING_SCHEMA), names.fold(STAGING_PREFIX) + "%"),
        ).fetchall()
        for (name,) in found:
            began = re.match(rf"{names.fold(STAGING_PREFIX)}(\d+)_", name)
            if began and int(began[1]) < time.time() - _STALE_SECONDS:
                self.run(f"DROP TABLE IF EXISTS {names.full_name(self._database, STAGING_SCHEMA, name)}")

    def _staging(self) -> str:
        return names.full_name(self._database, STAGING_SCHEMA, self._name)

    def _stage_name(self) -> str:
        return names.full_name(self._database, STAGING_SCHEMA, f"files_{self._name}")

    def _expand(self, statement: str, params: Sequence[object]) -> tuple[str, list[object]]:
        """Put subqueries in place of the names of registered rows, and their values where they belong."""
        if not params and not self._rows:
            return statement, []
        given, values = iter(params), list[object]()

        def replace(found: re.Match[str]) -> str:
            if found[0] == "?":
                values.append(_bind(next(given)))
            elif rows := self._rows.get(found[0]):
                values.extend(rows.params)
                return rows.sql
            return found[0]

        return _TOKEN.sub(replace, statement), values


def _pick(columns: Sequence[str], column_types: Sequence[ColumnType], values: Iterator[str]) -> str:
    return ", ".join(
        f"{types.render_value(value, kind)} AS {names.quote(column)}"
        for column, kind, value in zip(columns, column_types, values, strict=True)
    )


def _bind(value: object) -> object:
    return ("TIMESTAMP_TZ", value) if isinstance(value, datetime) else value
