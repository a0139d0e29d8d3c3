"""How rows are merged into a PostgreSQL table: new ones go straight in, the rest is staged, and only what differs is touched.

A sample of a large chunk says what is tried first; whatever it says, the outcome is the same.

`INSERT .. ON CONFLICT` locks each row that it finds, equal ones too, which writes their pages; so an UPDATE looks for those
that differ, and an INSERT for those that are missing (docs/performance.md). Rows are sorted by key and looked up by its index:
what a chunk costs does not grow with the table, as it does where the whole table is read for a hash join.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from hubferry.types import Table
from hubferry.warehouse import sql
from hubferry.warehouse.arrow import sort_by_key
from hubferry.warehouse.interface import MergeCounts
from hubferry.warehouse.postgres.layout import MORE, Layout

if TYPE_CHECKING:
    from hubferry.warehouse.postgres.warehouse import PostgresTransaction

_POSITION = "hubferry position"
_FEW = 500
"""So few rows are staged as they come: each further statement would cost more than it saves."""
_SAMPLE = 20
"""Keys that are looked up first: where one of them is stored, so are many; where none is, the chunk is copied as if all were new."""
_BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
_AS_BEFORE = "SET LOCAL enable_hashjoin = DEFAULT; SET LOCAL enable_mergejoin = DEFAULT; SET LOCAL jit = DEFAULT"


@dataclass(frozen=True)
class _Sample:
    """How many of a sample of a chunk's rows are stored, and how many of those with the time that they come with."""

    stored: int
    equal: int

    @property
    def seems_equal(self) -> bool:
        return 2 * self.equal > _SAMPLE


@dataclass(frozen=True)
class Merge:
    """One chunk on its way into one table, inside one transaction."""

    tx: PostgresTransaction
    table: Table
    layout: Layout
    rows: pa.Table
    """As the server keeps them: those columns that share one are in MORE."""
    newest: str | None
    volatile: Sequence[str]

    def run(self) -> MergeCounts:
        """Write what is new or changed, and count."""
        if self.rows.num_rows <= _FEW:
            return self._merge_staged(self.rows)
        rows = sort_by_key(self.rows, self.table.key)
        with self._planned_by_index():
            sample = self._take_sample(rows)
            others = self._copy_new(rows) if not sample.stored and self._fits() else rows
            merged = MergeCounts(inserted=rows.num_rows - others.num_rows)
            if others.num_rows:
                merged += self._merge_other(others) if sample.seems_equal else self._merge_staged(others)
            return merged

    @contextmanager
    def _planned_by_index(self) -> Iterator[None]:
        """Let nothing but the index of the key be used to find rows; after an error the transaction ends anyhow."""
        self.tx.execute(_BY_INDEX)
        yield
        self.tx.execute(_AS_BEFORE)

    def _fits(self) -> bool:
        """Say whether rows can go into the table as they are: each column has the type that we give it."""
        stored = {column.name: column.type for column in self.layout.stored if column.name not in self.layout.foreign}
        wanted = {column.name: column.type for column in self.table.columns}
        return all(stored.get(name) == wanted.get(name, MORE) for name in self.rows.column_names)

    def _take_sample(self, rows: pa.Table) -> _Sample:
        places = np.linspace(0, rows.num_rows - 1, _SAMPLE).astype(np.int64)
        names = [*self.table.key, *([self.newest] if self.newest else [])]
        sample = rows.select(names).take(places).to_pylist()
        quoted = {name: self.layout.quote(name) for name in names}
        by_key = " AND ".join(f"{quoted[name]} = ?" for name in self.table.key)
        as_new = f"{by_key} AND {quoted[self.newest]} IS NOT DISTINCT FROM ?" if self.newest else by_key
        either = [" OR ".join([f"({each})"] * _SAMPLE) for each in (as_new, by_key)]
        [found] = self.tx.query(
            f"SELECT count(*) AS stored, count(*) FILTER (WHERE {either[0]}) AS equal FROM {self.layout.name} WHERE {either[1]}",
            [row[name] for chosen in (names, self.table.key) for row in sample for name in chosen],
        ).to_pylist()
        return _Sample(found["stored"], found["equal"])

    def _copy_new(self, rows: pa.Table) -> pa.Table:
        """Copy the rows whose keys are not stored into the table; give the others. Where none is stored, nothing is looked up."""
        if self.tx.copy_if_new(self.layout.name, rows, self.table):
            return rows.slice(0, 0)
        with self.tx.loaded("keys", _numbered(rows.select(list(self.table.key))), self.table) as fresh:
            found = self.tx.query(
                f"SELECT fresh.{sql.quote(_POSITION)} FROM {fresh} AS fresh"
                f" WHERE EXISTS (SELECT 1 FROM {self.layout.name} AS stored WHERE {self._same('stored', 'fresh')})"
            )
        is_new = np.ones(rows.num_rows, bool)
        is_new[_positions(found)] = False
        self.tx.copy(self.layout.name, rows.filter(pa.array(is_new)), self.table)
        return rows.filter(pa.array(~is_new))

    def _merge_other(self, rows: pa.Table) -> MergeCounts:
        """Merge rows most of which are stored as they are: they are compared first, and only those that are not are staged again."""
        with self.tx.loaded("chunk", _numbered(rows), self.table) as fresh:
            one = self.layout.quote(self.table.key[0])
            found = self.tx.query(
                f"SELECT fresh.{sql.quote(_POSITION)} FROM {fresh} AS fresh LEFT JOIN {self.layout.name} AS stored"
                f" ON {self._same('stored', 'fresh')} WHERE stored.{one} IS NULL OR {self._differs('fresh')}"
            )
        others = rows.take(pa.array(np.sort(_positions(found))))
        merged = self._merge_staged(others) if others.num_rows else MergeCounts()
        return merged + MergeCounts(unchanged=rows.num_rows - others.num_rows)

    def _merge_staged(self, rows: pa.Table) -> MergeCounts:
        with self.tx.loaded("chunk", rows, self.table) as fresh:
            has_values = rows.num_columns > len(self.table.key)
            changed = self.tx.execute(self._update(fresh)) if has_values else 0
            new = self.tx.execute(self._insert(fresh, has_values=has_values)) if changed < rows.num_rows else 0
        return MergeCounts(new, changed, rows.num_rows - new - changed)

    def _update(self, rows: str) -> str:
        """Give the statement that changes stored rows which differ from staged ones."""
        return (
            f"UPDATE {self.layout.name} AS stored SET {self._assignments('fresh')} FROM {rows} AS fresh"
            f" WHERE {self._same('stored', 'fresh')} AND {self._differs('fresh')}"
        )

    def _insert(self, rows: str, *, has_values: bool) -> str:
        """Give the statement that adds what is missing; a row that another session adds at this moment is updated."""
        name, quote = self.layout.name, self.layout.quote
        columns = [quote(each) for each in self.rows.column_names]
        values = [f"jsonb_strip_nulls(fresh.{each})" if each == quote(MORE) else f"fresh.{each}" for each in columns]
        changes = f"UPDATE SET {self._assignments('excluded')} WHERE {self._differs('excluded')}"
        return (
            f"INSERT INTO {name} AS stored ({', '.join(columns)}) SELECT {', '.join(values)} FROM {rows} AS fresh"
            f" WHERE NOT EXISTS (SELECT 1 FROM {name} AS known WHERE {self._same('known', 'fresh')})"
            f" ON CONFLICT ({', '.join(map(quote, self.table.key))}) DO {changes if has_values else 'NOTHING'}"
        )

    def _same(self, one: str, other: str) -> str:
        quoted = map(self.layout.quote, self.table.key)
        return " AND ".join(f"{one}.{name} = {other}.{name}" for name in quoted)

    def _assignments(self, fresh: str) -> str:
        quote = self.layout.quote
        written = [name for name in self.rows.column_names if name not in self.table.key]
        return ", ".join(
            f"{quote(name)} = {self._merged_more(fresh) if name == MORE else f'{fresh}.{quote(name)}'}"
            for name in written
        )

    def _differs(self, fresh: str) -> str:
        """Say that the stored row is another one and not newer; where the time moved, no other column is looked at."""
        quote = self.layout.quote
        content = [name for name in self.rows.column_names if name not in (*self.table.key, *self.volatile)]
        content.sort(key=lambda name: (name != self.newest, name == MORE))
        differs = " OR ".join(
            f"{self._merged_more(fresh)} IS DISTINCT FROM coalesce(stored.{quote(MORE)}, '{{}}')"
            if name == MORE
            else f"stored.{quote(name)} IS DISTINCT FROM {fresh}.{quote(name)}"
            for name in content
        )
        newest = quote(self.newest) if self.newest else ""
        not_older = f" AND (stored.{newest} > {fresh}.{newest}) IS NOT TRUE" if newest else ""
        return f"({differs or 'FALSE'}){not_older}"

    def _merged_more(self, fresh: str) -> str:
        name = self.layout.quote(MORE)
        return f"jsonb_strip_nulls(coalesce(stored.{name}, '{{}}') || coalesce({fresh}.{name}, '{{}}'))"


def _numbered(rows: pa.Table) -> pa.Table:
    return rows.append_column(_POSITION, pa.array(np.arange(rows.num_rows)))


def _positions(found: pa.Table) -> np.ndarray:
    return np.array(found[_POSITION].to_pylist(), np.int64)


def render_delete(name: str, columns: Sequence[str], rows: str) -> str:
    """Give the statement that deletes the rows of these keys."""
    return f"DELETE FROM {name} AS stored USING {rows} AS gone WHERE {sql.equal_on(columns, 'stored', 'gone')}"
