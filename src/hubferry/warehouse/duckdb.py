"""DuckDB, the embedded warehouse: one file, no server. All SQL that only DuckDB understands is here.

Table and column names are case-insensitive in DuckDB, so names that differ by case only are refused.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from hubferry.clock import SystemClock
from hubferry.errors import SourceError, WarehouseError
from hubferry.types import Clock, Column, ColumnType, Secret, Table
from hubferry.warehouse import duckdb_types, sql
from hubferry.warehouse.arrow import clean_chunk, clean_texts, refuse_bad_keys
from hubferry.warehouse.duckdb_file import DuckDBFile, hide_values, translated
from hubferry.warehouse.duckdb_merge import Merge
from hubferry.warehouse.interface import MergeCounts

Connection = duckdb.DuckDBPyConnection


class DuckDBTransaction:
    """One read-write transaction; made by `DuckDBWarehouse.transaction`."""

    def __init__(self, warehouse: DuckDBWarehouse, connection: Connection) -> None:
        self._warehouse, self._connection = warehouse, connection
        self._numbers = itertools.count(1)

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows; sees what this transaction wrote."""
        with self._warehouse.translating():
            return self._connection.sql(sql, params=list(params)).to_arrow_table()

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        """Run one statement and give the number of rows it touched."""
        with self._warehouse.translating():
            return max(0, self._connection.execute(sql, list(params)).rowcount)

    def merge(
        self, table: Table, chunk: pa.Table, *, newest: str | None = None, volatile: Sequence[str] = ()
    ) -> MergeCounts:
        """Make `table` hold the rows of `chunk`, as the interface says."""
        chunk = clean_chunk(table, chunk)
        refuse_bad_keys(table, chunk, newest)
        if not chunk.num_rows:
            return MergeCounts()
        return Merge(self, table, self._name(table), chunk, newest, volatile).run()

    def append(self, table: Table, chunk: pa.Table) -> int:
        """Insert rows as they are."""
        chunk = clean_chunk(table, chunk)
        columns = sql.column_list(chunk.column_names)
        with self.loaded("chunk", chunk) as rows:
            return self.execute(f"INSERT INTO {self._name(table)} ({columns}) SELECT {columns} FROM {rows}")

    def delete(self, table: Table, keys: pa.Table) -> int:
        """Delete the rows whose columns equal those of `keys`; NULL equals nothing."""
        keys = clean_chunk(table, keys)
        if not keys.num_columns:
            raise ValueError(f"delete from {table.name!r}: the keys have no column")
        same = sql.equal_on(keys.column_names, "stored", "gone")
        with self.loaded("keys", keys) as rows:
            return self.execute(
                f"DELETE FROM {self._name(table)} AS stored USING (SELECT DISTINCT * FROM {rows}) AS gone WHERE {same}"
            )

    @contextmanager
    def register(self, name: str, rows: pa.Table) -> Iterator[str]:
        """Make rows readable in SQL under the quoted name it gives, until the block ends."""
        with self.loaded(name, clean_texts(rows)) as quoted:
            yield quoted

    @contextmanager
    def loaded(self, name: str, rows: pa.Table) -> Iterator[str]:
        """Do the same with rows whose texts are clean already."""
        unique = f"hubferry {next(self._numbers)} {name}"
        self._connection.register(unique, rows)
        try:
            yield sql.full_name("temp", "main", unique)
        finally:
            with suppress(duckdb.TransactionException):  # after a failed statement; the connection is about to close
                self._connection.unregister(unique)

    def _name(self, table: Table) -> str:
        return self._warehouse.name(table.schema, table.name)


class DuckDBWarehouse:
    """One DuckDB file as a warehouse; open only while a transaction or a query runs.

    `:memory:` is a database of this object alone, gone with it; `md:NAME` one of MotherDuck, with its token.
    """

    engine = "duckdb"
    many_processes = False
    most_columns = 2_000
    """DuckDB names no limit, but memory does: to compare 500 rows of 10,000 columns takes more than the 512 MB that it may
    have, and a process that merges them peaks at 616 MB with 5,000 columns, at 343 MB with these (bench/widest.py)."""

    def __init__(
        self,
        path: str | Path,
        *,
        memory_limit: str = "512MB",
        clock: Clock | None = None,
        token: Secret | None = None,
    ) -> None:
        self.path = Path(path)
        self._memory_limit, self._clock = memory_limit, clock or SystemClock()
        self._file = DuckDBFile.for_path(self.path, token)
        self._catalog: str | None = None
        self._spelled: set[tuple[str, str]] = set()
        """Tables that were found under just this name."""

    def name(self, schema: str, table: str) -> str:
        """Give the full quoted name of a table: catalog, schema and table."""
        return sql.full_name(self._catalog_name(), schema, table)

    def quote(self, identifier: str) -> str:
        """Quote one identifier."""
        return sql.quote(identifier)

    def now(self) -> str:
        """Give this machine's time: DuckDB's own stands still in a transaction, and the file is on this machine."""
        return f"make_timestamptz({int(time.time() * 1_000_000)})"

    def empty(self, table: Table, columns: Sequence[str]) -> str:  # noqa: ARG002  each is a column of its own
        """Give the assignments of an UPDATE that empty these columns."""
        return ", ".join(f"{self.quote(each)} = NULL" for each in columns)

    def as_json(self, value: str) -> str:
        """Give SQL that reads a text as JSON."""
        return f"CAST({value} AS JSON)"

    def text_at(self, value: str, path: Sequence[str]) -> str:
        """Give SQL of the text at a path in JSON."""
        return f"json_extract_string({value}, '$.{'.'.join(path)}')"

    def digest(self, values: Sequence[str]) -> str:
        """Give SQL of a hash of values."""
        return f"sha256(CAST(json_array({', '.join(values)}) AS VARCHAR))"

    @contextmanager
    def session(self) -> Iterator[None]:
        """Keep the file open until the block ends; other processes cannot read it meanwhile."""
        with self._connection():
            yield

    def busy(self, label: str = "") -> AbstractContextManager[None]:  # noqa: ARG002  DuckDB keeps no log of queries
        """Say that many calls follow: the file may stay open between them, each time for a second at most."""
        return self._file.busy()

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows in a read-only transaction of its own."""
        with self._reading() as connection, self.translating():
            return connection.sql(sql, params=list(params)).to_arrow_table()

    def query_batches(self, sql: str, params: Sequence[object] = (), *, rows: int = 10_000) -> Iterator[pa.RecordBatch]:
        """Read rows in batches, in the types that `describe_source` says. Raises SourceError when the SQL fails."""
        with self._reading() as connection, self.translating(SourceError):
            types = _describe(connection, sql, params)
            reader = connection.sql(duckdb_types.select_as(_bare(sql), types), params=list(params)).to_arrow_reader(
                rows
            )
            try:
                yield from reader
            except (pa.ArrowException, OSError) as error:
                raise SourceError(f"the source failed while it was read: {hide_values(str(error))}") from error

    @contextmanager
    def transaction(self) -> Iterator[DuckDBTransaction]:
        """Open a read-write transaction; it commits when the block ends, and rolls back when it raises."""
        if self._file.writer == threading.get_ident():
            raise WarehouseError(f"a transaction on {self.path} is open in this thread already; end it first")
        with self._file.writing, self._connection() as connection:
            self._file.writer = threading.get_ident()
            try:
                yield from self._transact(connection)
            finally:
                self._file.writer = None

    def ensure_tables(self, tables: Iterable[Table]) -> None:
        """Create schemas and tables where missing and add missing columns; never drop or retype one."""
        wanted = list(tables)
        for table in wanted:
            _refuse_twins(table)
        stored = self._query_all_columns([(table.schema, table.name) for table in wanted])
        lacking = [
            (table, there)
            for table, there in zip(wanted, stored, strict=True)
            if not there or sql.missing_columns(table, there)
        ]
        if not lacking:
            return
        with self.transaction() as tx:
            for schema in dict.fromkeys(table.schema for table, _ in lacking):
                tx.execute(f"CREATE SCHEMA IF NOT EXISTS {sql.full_name(self._catalog_name(), schema)}")
            for table, there in lacking:
                self._create(tx, table, there)

    def ensure_table(self, table: Table) -> None:
        """Do so for one table."""
        self.ensure_tables((table,))

    def _create(self, tx: DuckDBTransaction, table: Table, there: Sequence[Column]) -> None:
        name = self.name(table.schema, table.name)
        if not there:
            columns = ", ".join(f"{sql.quote(c.name)} {duckdb_types.render(c.type)}" for c in table.columns)
            tx.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
        for column in sql.missing_columns(table, there) if there else ():
            kind = duckdb_types.render(column.type)
            tx.execute(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {sql.quote(column.name)} {kind}")

    def query_columns(self, schema: str, table: str) -> tuple[Column, ...]:
        """Give the columns of a table in order, empty where it does not exist."""
        return self._query_columns(schema, table)

    def query_tables(self, schema: str) -> tuple[str, ...]:
        """Give the tables of a schema by name."""
        found = self.query(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND lower(schema_name) = lower(?) ORDER BY 1",
            (self._catalog_name(), schema),
        )
        return tuple(found["table_name"].to_pylist())

    def describe_source(self, sql: str) -> tuple[Column, ...]:
        """Give the columns that a query would return, without running it; raise SourceError when it is wrong."""
        with self._reading() as connection, self.translating(SourceError):
            return tuple(Column(name, duckdb_types.parse(kind)) for name, kind in _describe(connection, sql, ()))

    @contextmanager
    def translating(self, kind: type[WarehouseError] = WarehouseError) -> Iterator[None]:
        """Say DuckDB's errors in hubferry's words."""
        try:
            yield
        except duckdb.Error as error:
            raise translated(error, path=self.path, kind=kind) from error

    def _connection(self) -> AbstractContextManager[Connection]:
        return self._file.connection(memory_limit=self._memory_limit, clock=self._clock)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN TRANSACTION READ ONLY")
            yield connection  # closing the connection ends the transaction, which has nothing to commit

    def _transact(self, connection: Connection) -> Iterator[DuckDBTransaction]:
        connection.execute("BEGIN TRANSACTION")
        try:
            yield DuckDBTransaction(self, connection)
            with self.translating():
                connection.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):  # a failed COMMIT has rolled back already
                connection.execute("ROLLBACK")
            raise

    def _catalog_name(self) -> str:
        if self._catalog is None:
            with self._connection() as connection:
                self._catalog = str(connection.execute("SELECT current_database()").fetchall()[0][0])
        return self._catalog

    def _query_columns(self, schema: str, table: str) -> tuple[Column, ...]:
        """Give the columns of one table."""
        [found] = self._query_all_columns([(schema, table)])
        return found

    def _query_all_columns(self, places: Sequence[tuple[str, str]]) -> list[tuple[Column, ...]]:
        """Give the columns of each, by DESCRIBE: DuckDB's list of columns is made of all columns of a file, each time."""
        with self._reading() as connection:
            self._find_spelled(connection, [each for each in places if each not in self._spelled])
            return [self._describe(connection, each) if each in self._spelled else () for each in places]

    def _describe(self, connection: Connection, place: tuple[str, str]) -> tuple[Column, ...]:
        try:
            described = connection.execute(f"DESCRIBE {self.name(*place)}").fetchall()
        except duckdb.CatalogException:  # it was dropped meanwhile
            self._spelled.discard(place)
            return ()
        return tuple(Column(name, duckdb_types.parse(kind)) for name, kind, *_ in described)

    def _find_spelled(self, connection: Connection, places: Sequence[tuple[str, str]]) -> None:
        """Note which tables and views there are; raise WarehouseError for a name that is another one's but for case."""
        if not places:
            return
        wanted = [[schema.lower() for schema, _ in places], [table.lower() for _, table in places]]
        listed = " UNION ALL ".join(
            f"SELECT schema_name, {kind}_name FROM duckdb_{kind}s() WHERE database_name = ?"
            f" AND list_contains(?, lower(schema_name)) AND list_contains(?, lower({kind}_name))"
            for kind in ("table", "view")
        )
        found = connection.execute(listed, [self._catalog_name(), *wanted] * 2).fetchall()
        spelled = {(schema.lower(), table.lower()): table for schema, table in found}
        for schema, table in places:
            stored = spelled.get((schema.lower(), table.lower()))
            if stored not in (None, table):
                raise WarehouseError(f"table {table!r}: DuckDB cannot tell it from {stored!r}; rename one of them")
            if stored is not None:
                self._spelled.add((schema, table))


def _refuse_twins(table: Table) -> None:
    if twins := sql.case_twins(column.name for column in table.columns):
        pairs = ", ".join(f"{one!r} and {other!r}" for one, other in twins)
        raise WarehouseError(
            f"table {table.name!r}: DuckDB cannot tell the columns {pairs} apart; rename or leave out one"
        )


def _describe(connection: Connection, query: str, params: Sequence[object]) -> list[tuple[str, ColumnType]]:
    """Give names and DuckDB types of what one SELECT returns; raise SourceError for anything else."""
    statements = connection.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise SourceError("a source is one SELECT (or FROM, WITH, VALUES) statement; this is something else")
    described = connection.execute(f"DESCRIBE {_bare(query)}", list(params)).fetchall()
    columns = [(str(name), str(kind)) for name, kind, *_ in described]
    names = [name for name, _ in columns]
    repeated = {name for name in names if names.count(name) > 1} | {twin for _, twin in sql.case_twins(names)}
    if repeated:
        raise SourceError(
            f"the source returns several columns named {', '.join(map(repr, sorted(repeated)))}; name them apart"
        )
    return columns


def _bare(query: str) -> str:
    return query.rstrip().rstrip(";")
