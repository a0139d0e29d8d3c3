"""What a warehouse can do: Arrow in, Arrow out, merge, one transaction. Small enough to read in a minute.

SQL outside this folder runs on DuckDB, PostgreSQL and Snowflake alike (ADR-0005). Its rules:

* Values are `?`, never text in the SQL; a `?` inside quotes or a comment is none. SQL without parameters is left as it is.
* Identifiers come from `name` and `quote`, or are plain lower-case words (`portal_id`) that no engine reserves. `quote` may
  fold or shorten a name: never write a quoted name by hand, and never compare one. Results have the unfolded names.
* Plain ANSI: SELECT, joins, EXISTS, CASE, coalesce, `IS DISTINCT FROM`, count/min/max, `UPDATE t AS a SET c = ? .. FROM s`
  (targets of SET without the alias), `DELETE FROM t AS a WHERE`. Not: GROUP BY ALL, QUALIFY, MERGE, list and JSON
  functions, `::`, RETURNING, INSERT .. VALUES of JSON. Where engines differ there is a method here: `now`, `as_json`,
  `text_at`, `digest`, `empty`.
* What `register` gives is something to select from, perhaps a subquery: use it after FROM or JOIN only, with an alias.
* JSON comes back as text that says the same, not as the same text: PostgreSQL and Snowflake order keys and drop blanks.
* No DDL in a transaction: Snowflake commits what was open. `ensure_table` comes before.
* Text holds neither NUL nor lone surrogates; both become U+FFFD on the way in.
* A thread has at most one transaction open; reads beside it see what was committed.

A warehouse is opened for the length of a transaction or a query and let go afterwards (DuckDB locks its file). `session`
keeps it open for a block, `busy` says that many calls follow: an engine with a server keeps its connections meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from hubferry.types import Column, Table


@dataclass(frozen=True)
class MergeCounts:
    """What a merge did to a table, in rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: MergeCounts) -> MergeCounts:
        return MergeCounts(
            self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged
        )


class Transaction(Protocol):
    """One transaction: everything in it becomes durable together, or nothing does."""

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows; sees what this transaction wrote."""
        ...

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        """Run one statement and give the number of rows it touched."""
        ...

    def merge(
        self, table: Table, chunk: pa.Table, *, newest: str | None = None, volatile: Sequence[str] = ()
    ) -> MergeCounts:
        """Make `table` hold the rows of `chunk`, one row a key; raise ValueError when `chunk` repeats a key.

        A row is written only when it is new or differs in a column outside `volatile`, and, where `newest` names a column,
        only when the stored value there is not greater (an older page never overwrites a newer row).
        Columns that the chunk lacks keep their stored values on update and are NULL on insert.
        """
        ...

    def append(self, table: Table, chunk: pa.Table) -> int:
        """Insert rows as they are."""
        ...

    def delete(self, table: Table, keys: pa.Table) -> int:
        """Delete the rows whose columns equal those of `keys` (its column names say which)."""
        ...

    def register(self, name: str, rows: pa.Table) -> AbstractContextManager[str]:
        """Make rows readable in SQL under the quoted name it gives, until the block ends."""
        ...


class Warehouse(Protocol):
    """One warehouse, for reading and writing."""

    engine: str
    many_processes: bool
    """Whether several processes can be in it at once."""
    most_columns: int
    """How many columns a table gets before what is left of a record's properties shares one."""

    def name(self, schema: str, table: str) -> str:
        """Give the full quoted name of a table: catalog, schema and table."""
        ...

    def quote(self, identifier: str) -> str:
        """Quote one identifier, folded or shortened as the engine needs; the same name gives the same text always."""
        ...

    def now(self) -> str:
        """Give SQL for the warehouse's time when the statement runs, which CURRENT_TIMESTAMP is not in a long transaction."""
        ...

    def as_json(self, value: str) -> str:
        """Give SQL that reads the text of an SQL expression as a JSON value, to be stored in a json column."""
        ...

    def text_at(self, value: str, path: Sequence[str]) -> str:
        """Give SQL of the text at a path of keys, plain words, in the JSON of an SQL expression; NULL where there is none."""
        ...

    def digest(self, values: Sequence[str]) -> str:
        """Give SQL of a text that is another one when one of these SQL expressions, of any type, has another value."""
        ...

    def empty(self, table: Table, columns: Sequence[str]) -> str:
        """Give the assignments of an UPDATE that empty these columns of a table, wherever the engine keeps them."""
        ...

    def busy(self, label: str = "") -> AbstractContextManager[None]:
        """Say that many calls follow: the engine may stay open for moments between them, so that each costs less.

        `label` names what makes them, for the engine's own log: Snowflake's query tag, PostgreSQL's application_name.
        """
        ...

    def session(self) -> AbstractContextManager[None]:
        """Keep the warehouse open until the block ends, so that a row of small calls does not open it for each."""
        ...

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows in a read-only transaction of its own."""
        ...

    def query_batches(self, sql: str, params: Sequence[object] = (), *, rows: int = 10_000) -> Iterator[pa.RecordBatch]:
        """Read rows in batches, for results larger than memory. Raises SourceError when the SQL fails."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a read-write transaction; it commits when the block ends, and rolls back when it raises."""
        ...

    def ensure_tables(self, tables: Iterable[Table]) -> None:
        """Create schemas and tables where missing and add missing columns; never drop or retype one.

        Many at once are looked at in one query, where the engine can.
        """
        ...

    def ensure_table(self, table: Table) -> None:
        """Do so for one table."""
        ...

    def query_columns(self, schema: str, table: str) -> tuple[Column, ...]:
        """Give the columns of a table in order, empty where it does not exist; types of other makers as the nearest ColumnType."""
        ...

    def query_tables(self, schema: str) -> tuple[str, ...]:
        """Give the tables of a schema by name, none where it does not exist; views are not among them."""
        ...

    def describe_source(self, sql: str) -> tuple[Column, ...]:
        """Give the columns that a query would return, without running it; raise SourceError when it is wrong."""
        ...


Row = dict[str, Any]
