"""Snowflake: one database of an account, as a warehouse.

A merge is an UPDATE of what differs and an INSERT of what is new, both from staged rows (`session`); the number of
statements of a chunk does not depend on its size.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

import pyarrow as pa

from hubferry.errors import SourceError, WarehouseError
from hubferry.types import Column, Table
from hubferry.warehouse import arrow
from hubferry.warehouse.arrow import clean_chunk, clean_texts
from hubferry.warehouse.interface import MergeCounts, Row
from hubferry.warehouse.pool import Lender, Pool
from hubferry.warehouse.snowflake import account, names, texts, types
from hubferry.warehouse.snowflake.account import Settings, translating
from hubferry.warehouse.snowflake.session import STAGING_PREFIX, STAGING_SCHEMA, Session

T = TypeVar("T")
_ATTEMPTS = 3
_READS = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(SELECT|WITH|VALUES|SHOW|DESC|DESCRIBE|EXPLAIN)\b", re.IGNORECASE | re.DOTALL
)


class SnowflakeTransaction:
    """One read-write transaction; made by `SnowflakeWarehouse.transaction`."""

    def __init__(self, warehouse: SnowflakeWarehouse, session: Session) -> None:
        self._warehouse, self._session = warehouse, session

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows; sees what this transaction wrote."""
        with translating():
            return _fetch(self._session, sql, params)

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        """Run one statement and give the number of rows it touched."""
        with translating():
            return max(0, self._session.run(sql, params).rowcount or 0)

    def merge(
        self, table: Table, chunk: pa.Table, *, newest: str | None = None, volatile: Sequence[str] = ()
    ) -> MergeCounts:
        """Make `table` hold the rows of `chunk`, as the interface says."""
        chunk = clean_chunk(table, chunk)
        arrow.refuse_bad_keys(table, chunk, newest)
        if not chunk.num_rows:
            return MergeCounts()
        name, given = self._name(table), chunk.column_names
        same = _equal_on(table.key, "stored", "fresh")
        written = [each for each in given if each not in table.key]
        with self._rows(table, chunk) as rows:
            updated = 0
            if written:
                differs = self._differs(table, [each for each in written if each not in volatile])
                assignments = ", ".join(f"{names.quote(each)} = fresh.{names.quote(each)}" for each in written)
                updated = self.execute(
                    f"UPDATE {name} AS stored SET {assignments} FROM {rows} AS fresh"
                    f" WHERE {same} AND ({differs}){_not_older(newest)}"
                )
            columns = _columns(given)
            inserted = self.execute(
                f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {rows} AS fresh"
                f" WHERE NOT EXISTS (SELECT 1 FROM {name} AS stored WHERE {same})"
            )
        return MergeCounts(inserted, updated, chunk.num_rows - inserted - updated)

    def append(self, table: Table, chunk: pa.Table) -> int:
        """Insert rows as they are."""
        chunk = clean_chunk(table, chunk)
        if not chunk.num_rows:
            return 0
        columns = _columns(chunk.column_names)
        with self._rows(table, chunk) as rows:
            return self.execute(f"INSERT INTO {self._name(table)} ({columns}) SELECT {columns} FROM {rows} AS fresh")

    def delete(self, table: Table, keys: pa.Table) -> int:
        """Delete the rows whose columns equal those of `keys`; NULL equals nothing."""
        keys = clean_chunk(table, keys)
        if not keys.num_columns:
            raise ValueError(f"delete from {table.name!r}: the keys have no column")
        same = _equal_on(keys.column_names, "stored", "gone")
        with self._rows(table, keys) as rows:
            return self.execute(f"DELETE FROM {self._name(table)} AS stored USING {rows} AS gone WHERE {same}")

    @contextmanager
    def register(self, name: str, rows: pa.Table) -> Iterator[str]:  # noqa: ARG002  numbers tell the rows apart
        """Make rows readable in SQL under the quoted name it gives, until the block ends."""
        kinds = [texts.column_type(each.type) for each in rows.schema]
        with translating(), self._session.rows(clean_texts(rows), kinds) as quoted:
            yield quoted

    @contextmanager
    def _rows(self, table: Table, chunk: pa.Table) -> Iterator[str]:
        kinds = {column.name: column.type for column in table.columns}
        with translating(), self._session.rows(chunk, [kinds[name] for name in chunk.column_names]) as quoted:
            yield quoted

    def _name(self, table: Table) -> str:
        return self._warehouse.name(table.schema, table.name)

    def _differs(self, table: Table, content: Sequence[str]) -> str:
        kinds = {column.name: column.type for column in table.columns}
        return (
            " OR ".join(
                f"{_plain('stored', n, kinds[n])} IS DISTINCT FROM {_plain('fresh', n, kinds[n])}" for n in content
            )
            or "FALSE"
        )


class SnowflakeWarehouse:
    """One Snowflake database as a warehouse; in session only while it is used."""

    engine = "snowflake"
    many_processes = True
    most_columns = 1_600
    """Snowflake names no limit but of the text of a statement, 1 MB, over which it cannot be rerun: a merge of so many
    columns, each with a name of 100 characters, is an UPDATE of 0.91 MB. docs.snowflake.com/en/user-guide/query-size-limits"""

    def __init__(self, settings: Settings) -> None:
        self.settings, self._label = settings, ""
        self.statements: Counter[str] = Counter()
        """How many statements of each kind were run, by first word."""
        self._counting = threading.Lock()
        self._width = 0
        self._declared: dict[tuple[str, str], dict[str, str]] = {}
        """Columns as this process asked for them, by table."""
        self._pool: Lender[Session] = Pool(
            self._connect, is_alive=lambda one: account.is_alive(one.connection), close=Session.close
        )

    def name(self, schema: str, table: str) -> str:
        """Give the full quoted name of a table: database, schema and table."""
        return names.full_name(self.settings.database, schema, table)

    def quote(self, identifier: str) -> str:
        """Quote one identifier; a plain one is folded to upper case, as Snowflake does."""
        return names.quote(identifier)

    def now(self) -> str:
        """Give Snowflake's time."""
        return "CURRENT_TIMESTAMP"

    def empty(self, table: Table, columns: Sequence[str]) -> str:  # noqa: ARG002  each is a column of its own
        """Give the assignments of an UPDATE that empty these columns."""
        return ", ".join(f"{self.quote(each)} = NULL" for each in columns)

    def as_json(self, value: str) -> str:
        """Give SQL that reads a text as JSON."""
        return f"PARSE_JSON({value})"

    def text_at(self, value: str, path: Sequence[str]) -> str:
        """Give SQL of the text at a path in JSON."""
        return f"JSON_EXTRACT_PATH_TEXT(TO_JSON({value}), '{'.'.join(path)}')"

    def digest(self, values: Sequence[str]) -> str:
        """Give SQL of a hash of values: HASH takes each as it is, where JSON would round numbers and cut times."""
        return f"CAST(HASH({', '.join(values) or 'NULL'}) AS VARCHAR)"

    @contextmanager
    def busy(self, label: str = "") -> Iterator[None]:
        """Keep sessions until the block ends; the tag of their queries says what they are for."""
        self._label = label or self._label
        with self._pool.hold():
            yield

    def session(self) -> AbstractContextManager[None]:
        """Keep sessions until the block ends."""
        return self._pool.hold()

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows; a lost session is replaced, because reading twice does no harm."""
        _refuse_writes(sql)
        return self._read(lambda session: _fetch(session, sql, params))

    def query_batches(self, sql: str, params: Sequence[object] = (), *, rows: int = 10_000) -> Iterator[pa.RecordBatch]:
        """Read rows in batches, in the types that `describe_source` says. Raises SourceError when the SQL fails."""
        with self._pool.connection() as session, translating(SourceError):
            for found in self._fetch_tables(session, sql, params):
                yield from found.to_batches(max_chunksize=rows)

    @staticmethod
    def _fetch_tables(session: Session, sql: str, params: Sequence[object]) -> Iterator[pa.Table]:
        """Run a source, and give its rows table by table as they are fetched; the statement has ended by the first one."""
        columns = _describe(session, sql, params)
        cursor = session.run(_wrapped(sql), params)
        return (types.build_table(columns, found) for found in cursor.fetch_arrow_batches())

    @contextmanager
    def transaction(self) -> Iterator[SnowflakeTransaction]:
        """Open a read-write transaction; it commits when the block ends, and rolls back when it raises."""
        with self._pool.writing(), self._pool.connection() as session:
            with translating():
                session.begin(self._width)
            try:
                yield SnowflakeTransaction(self, session)
                with translating():
                    session.run("COMMIT")
            except BaseException:
                with suppress(account.DriverError):  # a lost session has rolled back already
                    session.run("ROLLBACK")
                raise

    def ensure_tables(self, tables: Iterable[Table]) -> None:
        """Create schemas and tables where missing and add missing columns; never drop or retype one."""
        wanted = list(tables)
        for table in wanted:
            _refuse_twins(table)
            self._declared[table.schema, table.name] = {column.name: column.type for column in table.columns}
            self._width = max(self._width, len(table.columns))
        with self.session():
            stored = self._query_columns([(table.schema, table.name) for table in wanted])
            schemas = set[str]()
            for table, there in zip(wanted, stored, strict=True):
                self._ensure(table, {names.fold(column.name) for column in there}, schemas)

    def ensure_table(self, table: Table) -> None:
        """Do so for one table."""
        self.ensure_tables((table,))

    def _ensure(self, table: Table, existing: set[str], schemas: set[str]) -> None:
        """Make what is missing of one table; `schemas` are those that were made already."""
        missing = [column for column in table.columns if names.fold(column.name) not in existing]
        if existing and not missing:
            return
        rendered = [f"{names.quote(each.name)} {types.render(each.type)}" for each in missing]
        name = self.name(table.schema, table.name)
        with self._pool.connection() as session, translating():
            if existing:
                for column in rendered:
                    session.run(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {column}")
                return
            if table.schema not in schemas:
                schemas.add(table.schema)
                session.run(f"CREATE SCHEMA IF NOT EXISTS {names.full_name(self.settings.database, table.schema)}")
            session.run(f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(rendered)})")

    def query_columns(self, schema: str, table: str) -> tuple[Column, ...]:
        """Give the columns of a table in order, empty where it does not exist."""
        return self._query_columns([(schema, table)])[0]

    def _query_columns(self, places: Sequence[tuple[str, str]]) -> list[tuple[Column, ...]]:
        """Give the columns of each table, all asked for in one statement."""
        wanted = " OR ".join("table_schema = ? AND table_name = ?" for _ in places)
        found = self.query(
            "SELECT table_schema, table_name, column_name, data_type, numeric_precision, numeric_scale"
            f" FROM {names.full_name(self.settings.database, 'information_schema', 'columns')}"
            f" WHERE {wanted} ORDER BY ordinal_position",
            tuple(names.fold(name) for place in places for name in place),
        ).to_pylist()
        rows: dict[tuple[str, str], list[Row]] = {}
        for row in found:
            rows.setdefault((row["table_schema"], row["table_name"]), []).append(row)
        return [
            tuple(
                _column(row, self._declared.get((schema, table), {}))
                for row in rows.get((names.fold(schema), names.fold(table)), [])
            )
            for schema, table in places
        ]

    def query_tables(self, schema: str) -> tuple[str, ...]:
        """Give the tables of a schema by name, but those of sessions."""
        tables = names.full_name(self.settings.database, "information_schema", "tables")
        found = self.query(
            f"SELECT table_name AS name FROM {tables} WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY 1",
            (names.fold(schema),),
        )
        given = map(names.unfold, found["name"].to_pylist())
        return tuple(name for name in given if not (schema == STAGING_SCHEMA and name.startswith(STAGING_PREFIX)))

    def describe_source(self, sql: str) -> tuple[Column, ...]:
        """Give the columns that a query would return, without running it; raise SourceError when it is wrong."""
        return tuple(self._read(lambda session: _describe(session, sql, ()), kind=SourceError))

    def _connect(self) -> Session:
        return Session(
            account.connect(self.settings, f"hubferry {self._label}".strip()), self.settings.database, self._count
        )

    def _count(self, statement: str) -> None:
        with self._counting:
            self.statements[statement.split(None, 1)[0].upper()] += 1

    def _read(self, read: Callable[[Session], T], *, kind: type[WarehouseError] = WarehouseError) -> T:
        """Read; on a lost session once more on another."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._pool.connection() as session, translating(kind):
                    return read(session)
            except WarehouseError as error:
                if attempt == _ATTEMPTS or not account.is_lost(error):
                    raise
        raise AssertionError("the loop returns or raises")


def _column(row: Row, declared: Mapping[str, str]) -> Column:
    """Read one column of the information schema; a list is one also where the server calls it a VARIANT."""
    name = names.unfold(row["column_name"])
    kind = types.parse_stored(row["data_type"], row["numeric_precision"], row["numeric_scale"])
    return Column(name, "strings" if kind == "json" and declared.get(name) == "strings" else kind)


def _refuse_twins(table: Table) -> None:
    """Refuse columns that Snowflake would take for one: plain names that differ by case only."""
    seen: dict[str, str] = {}
    for column in table.columns:
        if (other := seen.setdefault(names.fold(column.name), column.name)) != column.name:
            raise WarehouseError(
                f"table {table.name!r}: Snowflake cannot tell the columns {other!r} and {column.name!r} apart; rename or leave out one"
            )


def _fetch(session: Session, statement: str, params: Sequence[object]) -> pa.Table:
    cursor = session.run(statement, params)
    columns = types.describe(cursor.description or ())
    found = cursor.fetch_arrow_all(force_return_table=True) if cursor._query_result_format == "arrow" else None
    return types.build_table(columns, found, wide=True) if found is not None and found.num_columns else _empty(columns)


def _empty(columns: Sequence[Column]) -> pa.Table:
    return pa.schema([(column.name, arrow.arrow_type(column.type)) for column in columns]).empty_table()


def _describe(session: Session, statement: str, params: Sequence[object]) -> list[Column]:
    """Give the columns of one SELECT: its own names tell what is there twice, and only wrapped it must be one SELECT."""
    columns = types.describe(session.describe(_wrapped(statement), params))
    found = [column.name for column in types.describe(session.describe(_bare(statement), params))]
    if repeated := sorted({name for name in found if found.count(name) > 1}):
        raise SourceError(f"the source returns several columns named {', '.join(map(repr, repeated))}; name them apart")
    return columns


def _wrapped(statement: str) -> str:
    """Make sure that a source is one SELECT."""
    if not _READS.match(statement):
        raise SourceError("a source is one SELECT (or WITH, VALUES) statement; this is something else")
    return f"SELECT * FROM (\n{_bare(statement)}\n) AS source"


def _bare(statement: str) -> str:
    return re.sub(r"[\s;]+\Z", "", statement)


def _refuse_writes(statement: str) -> None:
    if not _READS.match(statement):
        raise WarehouseError("only what reads may be queried outside a transaction")


def _columns(given: Sequence[str]) -> str:
    return ", ".join(map(names.quote, given))


def _equal_on(columns: Sequence[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{names.quote(each)} = {right}.{names.quote(each)}" for each in columns)


def _plain(side: str, column: str, kind: str) -> str:
    value = f"{side}.{names.quote(column)}"
    return f"TO_JSON({value})" if kind in ("json", "strings") else value


def _not_older(newest: str | None) -> str:
    if newest is None:
        return ""
    column = names.quote(newest)
    return f" AND NOT COALESCE(stored.{column} > fresh.{column}, FALSE)"
