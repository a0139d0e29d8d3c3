"""How rows are merged into a DuckDB table: sort out what is equal already, delete the rest by row number, insert it.

`MERGE` and a join over all columns are many times slower where the matches are scattered over a large table
(docs/performance.md). Wide columns of stored rows are read only where the cheap ones cannot decide: rows whose `newest`
moved are changed for certain, rows without a stored twin are new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from hubferry.types import Table
from hubferry.warehouse import sql
from hubferry.warehouse.interface import MergeCounts, Transaction

POSITION = "hubferry position"
"""The column that numbers the rows of a chunk."""
_ROW, _VERDICT = "hubferry row", "hubferry verdict"
_AT, _STORED = sql.quote(POSITION), sql.quote(_ROW)
_KEPT = '"hubferry kept"'
_OLDER, _CHANGED, _COMPARE = 0, 1, 2
"""Verdicts on a row with a stored twin; a new one has none."""
_FEW = 20
"""So few numbers are written into a statement: to make them readable as rows costs as much as the statement."""


@dataclass(frozen=True)
class Merge:
    """One chunk on its way into one table, inside one transaction."""

    tx: Transaction
    table: Table
    name: str
    """The quoted name of the table."""
    rows: str
    """The quoted name of the chunk's rows, numbered in the column POSITION."""
    given: Sequence[str]
    """The columns that the chunk has."""
    newest: str | None
    volatile: Sequence[str]

    def run(self) -> MergeCounts:
        """Write what is new or changed, and count."""
        found = self._match()
        total, new = found.num_rows, found[_ROW].null_count
        if new == total:
            columns = sql.column_list(self.given)
            self.tx.execute(f"INSERT INTO {self.name} ({columns}) SELECT {columns} FROM {self.rows}")
            return MergeCounts(inserted=total)
        changed = self._changed(found)
        if changed.num_rows:
            self._delete(changed)
        if new or changed.num_rows:
            fresh = found.filter(pc.is_null(found[_ROW])).select([POSITION, _ROW])
            self._insert(pa.concat_tables([fresh, changed]), total)
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
        return self.tx.query(
            f"SELECT fresh.{_AT}, stored.rowid AS {_STORED}, {verdict} AS {sql.quote(_VERDICT)}"
            f" FROM {self.rows} AS fresh LEFT JOIN {self.name} AS stored ON {sql.equal_on(self.table.key, 'fresh', 'stored')}"
        )

    def _changed(self, found: pa.Table) -> pa.Table:
        """Give position and stored row of those that are to be replaced: moved, and of the others those that differ."""
        twins = found.filter(pc.is_valid(found[_ROW]))
        moved = twins.filter(pc.equal(twins[_VERDICT], _CHANGED)).select([POSITION, _ROW])
        doubtful = twins.filter(pc.equal(twins[_VERDICT], _COMPARE)).select([POSITION, _ROW])
        content = [name for name in self.given if name not in (*self.table.key, *self.volatile)]
        if not doubtful.num_rows or not content:
            return moved
        columns = sql.column_list(content)
        with self._numbers(doubtful) as pairs:
            differing = self.tx.query(
                f"SELECT pairs.{_AT}, pairs.{_STORED} FROM {pairs} AS pairs"
                f" JOIN {self.rows} AS fresh ON fresh.{_AT} = pairs.{_AT}"
                f" JOIN (SELECT rowid AS {_STORED}, {columns} FROM {self.name} WHERE rowid IN (SELECT {_STORED} FROM {pairs} AS wanted))"
                f" AS stored ON stored.{_STORED} = pairs.{_STORED}"
                f" WHERE {sql.differ_in(content, 'fresh', 'stored')}"
            )
        return pa.concat_tables([moved, differing.cast(moved.schema)])

    def _delete(self, changed: pa.Table) -> None:
        """Delete stored rows, having set aside the values of columns that the chunk lacks."""
        with self._numbers(changed) as pairs:
            among = f"rowid IN (SELECT {_STORED} FROM {pairs} AS changed)"
            if lacking := self._lacking():
                self.tx.execute(
                    f"CREATE OR REPLACE TEMP TABLE {_KEPT} AS SELECT rowid AS {_STORED}, {sql.column_list(lacking)}"
                    f" FROM {self.name} WHERE {among}"
                )
            self.tx.execute(f"DELETE FROM {self.name} WHERE {among}")

    def _insert(self, written: pa.Table, total: int) -> None:
        lacking = self._lacking() if written[_ROW].null_count < written.num_rows else []
        columns = sql.column_list((*self.given, *lacking))
        values = ", ".join(
            [f"fresh.{sql.quote(name)}" for name in self.given] + [f"kept.{sql.quote(name)}" for name in lacking]
        )
        statement = f"INSERT INTO {self.name} ({columns}) SELECT {values} FROM {self.rows} AS fresh"
        if written.num_rows == total and not lacking:
            self.tx.execute(statement)
            return
        kept = f" LEFT JOIN temp.{_KEPT} AS kept ON kept.{_STORED} = written.{_STORED}" if lacking else ""
        with self._numbers(written) as pairs:
            self.tx.execute(f"{statement} JOIN {pairs} AS written ON written.{_AT} = fresh.{_AT}{kept}")

    @contextmanager
    def _numbers(self, pairs: pa.Table) -> Iterator[str]:
        """Make pairs of position and stored row readable in SQL."""
        if pairs.num_rows <= _FEW:
            rows = zip(pairs[POSITION].to_pylist(), pairs[_ROW].to_pylist(), strict=True)
            listed = ", ".join(f"({at}, {'NULL' if row is None else row})" for at, row in rows)
            yield f"(SELECT * FROM (VALUES {listed}) AS listed({_AT}, {_STORED}))"
            return
        with self.tx.register("numbers", pairs) as rows_name:
            yield rows_name

    def _lacking(self) -> list[str]:
        return [column.name for column in self.table.columns if column.name not in self.given]
