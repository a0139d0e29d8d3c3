"""PostgreSQL: one database of one server, as a warehouse. Rows go in by binary COPY into a temporary table, then one statement.

Names are case-sensitive, as quoted names are in PostgreSQL; what hubferry makes is lower case where HubSpot's names are.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import psycopg
import pyarrow as pa

from hubferry.errors import SourceError, WarehouseError
from hubferry.types import Column, Table
from hubferry.warehouse import arrow, placeholders, sql
from hubferry.warehouse.arrow import clean_chunk, clean_texts
from hubferry.warehouse.interface import MergeCounts
from hubferry.warehouse.pool import Pool
from hubferry.warehouse.postgres import binary, merge, types
from hubferry.warehouse.postgres.catalog import Catalog
from hubferry.warehouse.postgres.layout import COLUMN_LIMIT, MORE, NAMES_TABLE, Layout, shorten
from hubferry.warehouse.postgres.results import build_batch, build_table, describe
from hubferry.warehouse.postgres.server import Connection, Settings, connect, is_alive, translating
from hubferry.warehouse.postgres.types import Described

_CURSOR = '"hubferry rows"'
_NAMES = (NAMES_TABLE.schema, NAMES_TABLE.name)


class PostgresTransaction:
    """One read-write transaction; made by `PostgresWarehouse.transaction`."""

    def __init__(self, warehouse: PostgresWarehouse, connection: Connection) -> None:
        self._warehouse, self._connection = warehouse, connection
        self._numbers = itertools.count(1)

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows; sees what this transaction wrote."""
        with translating():
            return build_table(_execute(self._connection, sql, params), self._warehouse.lengthen)

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        """Run one statement and give the number of rows it touched."""
        with translating():
            return max(0, _execute(self._connection, sql, params).rowcount)

    def merge(
        self, table: Table, chunk: pa.Table, *, newest: str | None = None, volatile: Sequence[str] = ()
    ) -> MergeCounts:
        """Make `table` hold the rows of `chunk`, as the interface says."""
        chunk = clean_chunk(table, chunk)
        arrow.refuse_bad_keys(table, chunk, newest)
        if not chunk.num_rows:
            return MergeCounts()
        layout, split = self._split(table, chunk)
        return merge.Merge(self, table, layout, split, newest, volatile).run()

    def append(self, table: Table, chunk: pa.Table) -> int:
        """Insert rows as they are; a key that is there already is an error."""
        layout, split = self._split(table, clean_chunk(table, chunk))
        if not split.num_rows:
            return 0
        self.copy(layout.name, split, table)
        return int(split.num_rows)

    def delete(self, table: Table, keys: pa.Table) -> int:
        """Delete the rows whose columns equal those of `keys`; NULL equals nothing."""
        keys = clean_chunk(table, keys)
        if not keys.num_columns:
            raise ValueError(f"delete from {table.name!r}: the keys have no column")
        with self.loaded("keys", keys, table) as rows:
            names = [shorten(name) for name in keys.column_names]
            return self.execute(merge.render_delete(self._warehouse.name(table.schema, table.name), names, rows))

    @contextmanager
    def register(self, name: str, rows: pa.Table) -> Iterator[str]:
        """Make rows readable in SQL under the quoted name it gives, until the block ends."""
        with self.loaded(name, clean_texts(rows)) as quoted:
            yield quoted

    @contextmanager
    def loaded(self, name: str, rows: pa.Table, table: Table | None = None) -> Iterator[str]:
        """Put rows, of `table` where one is given, into a temporary one; it is gone after the block or the transaction."""
        quoted = f"pg_temp.{sql.quote(f'hubferry {next(self._numbers)} {name}'[:60])}"
        quote, json_columns = self._warehouse.quote, _json_columns(table)
        columns = ", ".join(
            f"{quote(field.name)} {'jsonb' if field.name in json_columns else types.render_arrow(field.type)}"
            for field in rows.schema
        )
        with translating():
            self._connection.execute(f"CREATE TEMPORARY TABLE {quoted} ({columns}) ON COMMIT DROP")
        self.copy(quoted, rows, table)
        try:
            yield quoted
        finally:
            with suppress(psycopg.Error):  # after a failed statement; the transaction is about to be rolled back
                self._connection.execute(f"DROP TABLE {quoted}")

    def copy(self, name: str, rows: pa.Table, table: Table | None = None) -> None:
        """Insert rows, of `table` where one is given, into the one of this quoted name."""
        columns = ", ".join(map(self._warehouse.quote, rows.column_names))
        statement = f"COPY {name} ({columns}) FROM STDIN WITH (FORMAT binary)"
        with translating(), self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in binary.ahead(binary.encode(rows, json_columns=_json_columns(table))):
                copy.write(block)

    def copy_if_new(self, name: str, rows: pa.Table, table: Table) -> bool:
        """Insert rows if no key of theirs is stored, else leave the table as it was; say whether they were inserted."""
        try:
            with self._connection.transaction():  # a savepoint of the transaction that this is
                self.copy(name, rows, table)
        except WarehouseError as error:
            if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
                return False
            raise
        return True

    def _split(self, table: Table, chunk: pa.Table) -> tuple[Layout, pa.Table]:
        layout = self._warehouse.layout(table)
        return layout, layout.split(arrow.clean_json(table, chunk))


class PostgresWarehouse:
    """One PostgreSQL database as a warehouse; connected only while it is used."""

    engine = "postgres"
    many_processes = True
    most_columns = COLUMN_LIMIT - 1
    """One less than get a column of their own: the column for the rest is one, too."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self._label = settings, ""
        self._pool: Pool[Connection] = Pool(
            lambda: connect(settings, f"hubferry {self._label}".strip()), is_alive=is_alive, close=_close
        )
        self._catalog = Catalog()

    def name(self, schema: str, table: str) -> str:
        """Give the full quoted name of a table; a connection is to one catalog, which need not be named."""
        return f"{self.quote(schema)}.{self.quote(table)}"

    def quote(self, identifier: str) -> str:
        """Quote one identifier, shortened where it is longer than 63 bytes."""
        return sql.quote(self._catalog.shorten(identifier))

    def lengthen(self, name: str) -> str:
        """Give the full name of a column of a result."""
        return self._catalog.lengthen(name)

    def now(self) -> str:
        """Give the server's time, which goes on in a transaction."""
        return "clock_timestamp()"

    def as_json(self, value: str) -> str:
        """Give SQL that reads a text as JSON."""
        return f"CAST({value} AS jsonb)"

    def text_at(self, value: str, path: Sequence[str]) -> str:
        """Give SQL of the text at a path in JSON."""
        return f"jsonb_extract_path_text({value}, {', '.join(_literal(each) for each in path)})"

    def digest(self, values: Sequence[str]) -> str:
        """Give SQL of a hash of values: of the row's text, which quotes each and tells NULL from ''."""
        return f"encode(sha256(convert_to(CAST(ROW({', '.join(values)}) AS text), 'UTF8')), 'hex')"

    def empty(self, table: Table, columns: Sequence[str]) -> str:
        """Give the assignments of an UPDATE that empty these columns, those in the column for the rest among them."""
        layout = self.layout(table)
        inside = {each.name for each in layout.more} & set(columns)
        assignments = [f"{self.quote(each)} = NULL" for each in columns if each not in inside]
        if inside and MORE not in columns:
            keys = ", ".join(_literal(each) for each in sorted(inside))
            assignments.append(f"{self.quote(MORE)} = {self.quote(MORE)} - ARRAY[{keys}]")
        return ", ".join(assignments)

    @contextmanager
    def busy(self, label: str = "") -> Iterator[None]:
        """Keep connections until the block ends; pg_stat_activity says what they are for."""
        self._label = label or self._label
        with self._pool.hold():
            yield

    def session(self) -> AbstractContextManager[None]:
        """Keep connections until the block ends."""
        return self._pool.hold()

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows in a read-only transaction of its own."""
        with self._reading() as connection, translating():
            return build_table(_execute(connection, sql, params), self.lengthen)

    def query_batches(self, sql: str, params: Sequence[object] = (), *, rows: int = 10_000) -> Iterator[pa.RecordBatch]:
        """Read rows in batches, in the types that `describe_source` says. Raises SourceError when the SQL fails."""
        with self._reading() as connection, translating(SourceError):
            columns = describe(connection, sql, self.lengthen, has_params=bool(params))
            values = ", ".join(f"{each.select(self.quote(each.name))} AS {self.quote(each.name)}" for each in columns)
            statement = f"SELECT {values} FROM (\n{_bare(sql)}\n) AS source"
            _execute(connection, f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {statement}", params)
            while found := _fetch(connection, columns, rows):
                yield build_batch(columns, found)

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        """Open a read-write transaction; it commits when the block ends, and rolls back when it raises."""
        with self._pool.writing(), self._pool.connection() as connection:
            with translating():
                connection.execute("BEGIN")
            try:
                yield PostgresTransaction(self, connection)
                _commit(connection)
            except BaseException:
                with suppress(psycopg.Error):  # a lost connection has rolled back already
                    connection.execute("ROLLBACK")
                raise

    def ensure_tables(self, tables: Iterable[Table]) -> None:
        """Create schemas and tables where missing and add missing columns; never drop or retype one."""
        with self.session():
            lacking = [table for table in tables if self._lacks(table)]
            if not lacking:
                return
            with self.transaction() as tx:
                tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('hubferry tables', 0))")
                for table in lacking:
                    self._catalog.ensure(tx, table)
        for table in lacking:
            self._catalog.forget(table.schema, table.name)

    def ensure_table(self, table: Table) -> None:
        """Do so for one table."""
        self.ensure_tables((table,))

    def _lacks(self, table: Table) -> bool:
        layout = self.layout(table, fresh=True)
        return not layout.stored or any(layout.place(table)) or bool(table.key and not layout.has_key)

    def query_columns(self, schema: str, table: str) -> tuple[Column, ...]:
        """Give the columns of a table in order, empty where it does not exist."""
        return self.layout(Table(schema, table, ()), fresh=True).columns

    def query_tables(self, schema: str) -> tuple[str, ...]:
        """Give the tables of a schema by name, but the one that holds full names."""
        found = self.query("SELECT tablename FROM pg_tables WHERE schemaname = ? ORDER BY 1", (shorten(schema),))
        return tuple(name for name in found["tablename"].to_pylist() if (schema, name) != _NAMES)

    def describe_source(self, sql: str) -> tuple[Column, ...]:
        """Give the columns that a query would return, without running it; raise SourceError when it is wrong."""
        with self._reading() as connection, translating(SourceError):
            return tuple(Column(each.name, each.type) for each in describe(connection, sql, self.lengthen))

    def layout(self, table: Table, *, fresh: bool = False) -> Layout:
        """Give how a table is on the server; asked once, unless it should be looked at again."""
        return self._catalog.layout(self, table.schema, table.name, fresh=fresh)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._pool.connection() as connection:
            with translating():
                connection.execute("BEGIN READ ONLY")
            yield connection
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")


def _execute(connection: Connection, statement: str, params: Sequence[object]) -> psycopg.Cursor[tuple[object, ...]]:
    if not params:
        return connection.execute(statement.encode())
    return connection.execute(placeholders.numbered(statement).encode(), list(params))


def _commit(connection: Connection) -> None:
    """Commit; a transaction in which a statement failed is rolled back by COMMIT without an error."""
    with translating():
        ended = connection.execute("COMMIT").statusmessage
    if ended != "COMMIT":
        raise WarehouseError("PostgreSQL: a statement had failed, so that nothing was committed")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json_columns(table: Table | None) -> frozenset[str]:
    columns = table.columns if table else ()
    return frozenset((*(column.name for column in columns if column.type == "json"), MORE))


def _bare(query: str) -> str:
    return re.sub(r"[\s;]+\Z", "", query)


def _close(connection: Connection) -> None:
    with suppress(psycopg.Error):
        connection.close()


def _fetch(connection: Connection, columns: Sequence[Described], rows: int) -> list[tuple[Any, ...]]:
    """Give the next rows of a source; the driver cannot say in which column the date is that Python has no date for."""
    try:
        return connection.execute(f"FETCH {int(rows)} FROM {_CURSOR}").fetchall()
    except psycopg.DataError as error:
        dates = ", ".join(repr(each.name) for each in columns if each.type in ("date", "timestamp"))
        if error.sqlstate or not dates:
            raise
        raise SourceError(arrow.OUTSIDE_OF_YEARS.format(dates)) from error
