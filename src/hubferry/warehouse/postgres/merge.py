"""How rows are merged into a PostgreSQL table: new ones go straight in, the rest is staged, and only what differs is touched.

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
"""Keys that are looked up first: where one of them is stored, so are many, and new rows are not looked for beforehand."""
_BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
_AS_BEFORE = "SET LOCAL enable_hashjoin = DEFAULT; SET LOCAL enable_mergejoin = DEFAULT; SET LOCAL jit = DEFAULT"


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
            others = self._copy_new(rows) if self._fits() and self._seems_new(rows) else rows
            added = MergeCounts(inserted=rows.num_rows - others.num_rows)
            return added + (self._merge_staged(others) if others.num_rows else MergeCounts())

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

    def _seems_new(self, rows: pa.Table) -> bool:
        places = np.linspace(0, rows.num_rows - 1, _SAMPLE).astype(np.int64)
        sample = rows.select(list(self.table.key)).take(places).to_pylist()
        one = " AND ".join(f"{self.layout.quote(name)} = ?" for name in self.table.key)
        found = self.tx.query(
            f"SELECT EXISTS (SELECT 1 FROM {self.layout.name} WHERE {' OR '.join([f'({one})'] * len(sample))}) AS found",
            [value for each in sample for value in each.values()],
        )
        return not found["found"][0].as_py()

    def _copy_new(self, rows: pa.Table) -> pa.Table:
        """Copy the rows whose keys are not stored into the table; give the others."""
        places = pa.array(np.arange(rows.num_rows))
        keys = rows.select(list(self.table.key)).append_column(_POSITION, places)
        with self.tx.loaded("keys", keys, self.table) as fresh:
            found = self.tx.query(
                f"SELECT fresh.{sql.quote(_POSITION)} FROM {fresh} AS fresh"
                f" WHERE EXISTS (SELECT 1 FROM {self.layout.name} AS stored WHERE {self._same('stored', 'fresh')})"
            )
        is_new = np.ones(rows.num_rows, bool)
        is_new[np.array(found[_POSITION].to_pylist(), np.int64)] = False
        self.tx.copy(self.layout.name, rows.filter(pa.array(is_new)), self.table)
        return rows.filter(pa.array(~is_new))

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


def render_delete(name: str, columns: Sequence[str], rows: str) -> str:
    """Give the statement that deletes the rows of these keys."""
    return f"DELETE FROM {name} AS stored USING {rows} AS gone WHERE {sql.equal_on(columns, 'stored', 'gone')}"
