"""Where a stream's rows are: one row a record and, with `storage: append`, one row a version.

With `append` the stream's own table is only added to, and a table beside it holds the rows as they are now: everything that
reads, links, sweeps and marks works on that one, whatever the storage. A version is added by the transaction that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hubferry.errors import ConfigError
from hubferry.pull.chunks import Stamp
from hubferry.state.leases import Lease
from hubferry.types import Table
from hubferry.warehouse.interface import Transaction, Warehouse

CURRENT = "__current"
"""What follows a stream's name in the name of the table of its rows as they are now, with `storage: append`."""


class Storage:
    """The tables of one stream, and transactions on them."""

    def __init__(self, warehouse: Warehouse, lease: Lease, table: Table, *, append: bool) -> None:
        self._warehouse, self._lease = warehouse, lease
        self.current = replace(table, name=current_name(table.name, append=append))
        """One row a record."""
        self.versions = replace(table, key=()) if append else None
        """One row a version; None: versions are not kept."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table that holds values of the stream."""
        return (self.current,) if self.versions is None else (self.current, self.versions)

    def ensure(self) -> None:
        """Make the tables; rows that were stored by `merge` become the first versions, and of two tables one can be lost.

        Raises ConfigError for a stream whose versions were kept and are not to be any more: they would have to be thrown away.
        """
        if self.versions is None:
            self._refuse_versions()
        self._warehouse.ensure_tables(self.tables)
        if self.versions is None:
            return
        filled, kept = self._has_rows(self.current), self._has_rows(self.versions)
        if filled != kept:
            with self._lease.transaction() as tx:
                if kept:
                    self._copy(tx, self.versions, self.current, self._last_versions())
                else:
                    self._copy(tx, self.current, self.versions)

    @contextmanager
    def transaction(self, since: Stamp) -> Iterator[Transaction]:
        """Open a transaction that adds a version of each row that it writes with this stamp or a later one."""
        with self._lease.transaction() as tx:
            yield tx
            self.append_written(tx, since)

    def append_written(self, tx: Transaction, since: Stamp) -> None:
        """Add a version of each row that this run wrote with this stamp or a later one."""
        if self.versions is not None:
            quote = self._warehouse.quote
            where = f" WHERE {quote('_hubferry_run_id')} = ? AND {quote('_hubferry_synced_at')} >= ?"
            self._copy(tx, self.current, self.versions, where, (since.run_id, since.now))

    def _refuse_versions(self) -> None:
        name = self.current.name
        if self._warehouse.query_columns(self.current.schema, name + CURRENT):
            raise ConfigError(
                f"stream {name!r}: its table holds versions (`storage: append`), and {name + CURRENT!r} its rows as they"
                f" are. For `storage: merge` drop or rename the table {self.current.schema}.{name}, then rename"
                f" {name + CURRENT} to {name}; or leave `storage: append` as it was."
            )

    def _last_versions(self) -> str:
        """Give the condition that takes the last version of each row."""
        assert self.versions is not None
        quote = self._warehouse.quote
        name, at = self._warehouse.name(self.versions.schema, self.versions.name), quote("_hubferry_synced_at")
        same = " AND ".join(f"later.{quote(each)} = v.{quote(each)}" for each in self.current.key)
        return f" AS v WHERE NOT EXISTS (SELECT 1 FROM {name} AS later WHERE {same} AND later.{at} > v.{at})"

    def _has_rows(self, table: Table) -> bool:
        name = self._warehouse.name(table.schema, table.name)
        found = self._warehouse.query(f"SELECT 1 AS one FROM {name} LIMIT 1")
        return len(found["one"]) > 0

    def _copy(
        self, tx: Transaction, source: Table, into: Table, where: str = "", params: tuple[object, ...] = ()
    ) -> None:
        name, columns = self._warehouse.name, ", ".join(self._warehouse.quote(each.name) for each in source.columns)
        tx.execute(
            f"INSERT INTO {name(into.schema, into.name)} ({columns})"
            f" SELECT {columns} FROM {name(source.schema, source.name)}{where}",
            params,
        )


def current_name(name: str, *, append: bool) -> str:
    """Give the name of the table that holds a stream's rows as they are now."""
    return name + CURRENT if append else name
