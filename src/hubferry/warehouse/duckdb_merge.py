"""How rows are merged into a DuckDB table: sort out what is equal already, delete the rest by row number, insert it.

`MERGE` and a join over all columns are many times slower where the matches are scattered over a large table
(docs/performance.md). Wide columns of stored rows are read only where the cheap ones cannot decide: rows whose `newest`
moved are changed for certain, rows without a stored twin are new. To plan a statement over hundreds of columns takes longer
than to run it on a few rows, so only what is written is made readable in full width, and values are compared as Arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hubferry.types import Table
from hubferry.warehouse import sql
from hubferry.warehouse.arrow import differing
from hubferry.warehouse.interface import MergeCounts, Transaction

_POSITION, _ROW, _VERDICT = "hubferry position", "hubferry row", "hubferry verdict"
_AT, _STORED = sql.quote(_POSITION), sql.quote(_ROW)
_KEPT = '"hubferry kept"'
_OLDER, _CHANGED, _COMPARE = 0, 1, 2
"""Verdicts on a row with a stored twin; a new one has none."""
_FEW = 20
"""So few numbers are written into a statement: to make them readable as rows costs as much as the statement."""


class Loading(Transaction, Protocol):
    """A transaction that takes rows whose texts are clean as they are."""

    def loaded(self, name: str, rows: pa.Table) -> AbstractContextManager[str]:
        """Make rows readable in SQL under the quoted name it gives, until the block ends."""
        ...


@dataclass(frozen=True)
class Merge:
    """One chunk on its way into one table, inside one transaction."""

    tx: Loading
    table: Table
    name: str
    """The quoted name of the table."""
    chunk: pa.Table
    newest: str | None
    volatile: Sequence[str]

    def run(self) -> MergeCounts:
        """Write what is new or changed, and count."""
        found = self._match()
        total, new = found.num_rows, found[_ROW].null_count
        changed = self._changed(found) if new < total else found.slice(0, 0)
        if changed.num_rows:
            self._delete(changed)
        if new or changed.num_rows:
            fresh = found.filter(pc.is_null(found[_ROW]))
            self._insert(pa.concat_tables([fresh, changed]), replaces=changed.num_rows > 0)
        return MergeCounts(new, changed.num_rows, total - new - changed.num_rows)

    def _match(self) -> pa.Table:
        """Find the stored row of each key, and say what is known of it without reading wide columns."""
        verdict = str(_COMPARE)
        if self.newest:
            newest = sql.quote(self.newest)
            moved = _COMPARE if self.newest in self.volatile else _CHANGED
            verdict = (
                f"CASE WHEN stored.{newest} > fresh.{newest} THEN {_OLDER}"
                f" WHEN stored.{newest} IS DISTINCT FROM fresh.{newest} THEN {moved} ELSE {_COMPARE} END"
            )
        cheap = list(dict.fromkeys((*self.table.key, *((self.newest,) if self.newest else ()))))
        numbered = self.chunk.select(cheap).append_column(_POSITION, pa.array(np.arange(self.chunk.num_rows)))
        with self.tx.loaded("keys", numbered) as rows:
            found = self.tx.query(
                f"SELECT fresh.{_AT}, stored.rowid AS {_STORED}, {verdict} AS {sql.quote(_VERDICT)} FROM {rows} AS fresh"
                f" LEFT JOIN {self.name} AS stored ON {sql.equal_on(self.table.key, 'fresh', 'stored')}"
            )
        return found.sort_by(_POSITION)

    def _changed(self, found: pa.Table) -> pa.Table:
        """Give those that are to be replaced: moved, and of the others those that differ."""
        twins = found.filter(pc.is_valid(found[_ROW]))
        moved = twins.filter(pc.equal(twins[_VERDICT], _CHANGED))
        doubtful = twins.filter(pc.equal(twins[_VERDICT], _COMPARE))
        content = [name for name in self.chunk.column_names if name not in (*self.table.key, *self.volatile)]
        if not doubtful.num_rows or not content:
            return moved
        return pa.concat_tables([moved, doubtful.filter(self._differs(doubtful, content))])

    def _differs(self, found: pa.Table, content: Sequence[str]) -> pa.Array:
        """Say for each whether chunk and stored row differ."""
        with self._stored_rows(found) as rows:
            stored = self.tx.query(
                f"SELECT rowid AS {_STORED}, {sql.column_list(content)} FROM {self.name} WHERE rowid IN {rows}"
            )
        places = pc.index_in(found[_ROW], value_set=stored[_ROW].combine_chunks())
        return differing(_take(self.chunk.select(content), found[_POSITION]), _take(stored.select(content), places))

    def _delete(self, changed: pa.Table) -> None:
        """Delete stored rows, having set aside the values of columns that the chunk lacks."""
        with self._stored_rows(changed) as rows:
            if lacking := self._lacking():
                self.tx.execute(
                    f"CREATE OR REPLACE TEMP TABLE {_KEPT} AS SELECT rowid AS {_STORED}, {sql.column_list(lacking)}"
                    f" FROM {self.name} WHERE rowid IN {rows}"
                )
            self.tx.execute(f"DELETE FROM {self.name} WHERE rowid IN {rows}")

    def _insert(self, written: pa.Table, *, replaces: bool) -> None:
        fresh, given = _take(self.chunk, written[_POSITION]), self.chunk.column_names
        kept = self._lacking() if replaces else []
        columns = sql.column_list((*given, *kept))
        values = ", ".join([sql.column_list(given, of="fresh"), *(f"kept.{sql.quote(name)}" for name in kept)])
        join = f" LEFT JOIN temp.{_KEPT} AS kept ON kept.{_STORED} = fresh.{_STORED}" if kept else ""
        with self.tx.loaded("fresh", fresh.append_column(_ROW, written[_ROW]) if kept else fresh) as rows:
            self.tx.execute(f"INSERT INTO {self.name} ({columns}) SELECT {values} FROM {rows} AS fresh{join}")

    @contextmanager
    def _stored_rows(self, found: pa.Table) -> Iterator[str]:
        """Give the numbers of stored rows as SQL that stands after IN."""
        if found.num_rows <= _FEW:
            yield f"({', '.join(map(str, found[_ROW].to_pylist()))})"
            return
        with self.tx.loaded("numbers", found.select([_ROW])) as rows:
            yield f"(SELECT {_STORED} FROM {rows} AS numbers)"

    def _lacking(self) -> list[str]:
        given = set(self.chunk.column_names)
        return [column.name for column in self.table.columns if column.name not in given]


def _take(rows: pa.Table, places: pa.ChunkedArray) -> pa.Table:
    """Give the rows of these places; the table itself where that is all of them in order."""
    numbers = places.to_numpy()
    if len(numbers) == rows.num_rows and np.array_equal(numbers, np.arange(rows.num_rows)):
        return rows
    return rows.take(places)
