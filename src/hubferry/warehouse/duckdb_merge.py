"""How rows are merged into a DuckDB table: sort out what is equal already, delete the rest by row number, insert it.

`MERGE` and a join over all columns are many times slower where the matches are scattered over a large table
(docs/performance.md). Wide columns of stored rows are read only where the cheap ones cannot decide: rows whose `newest`
moved are changed for certain, rows without a stored twin are new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubferry.types import Table
from hubferry.warehouse import sql
from hubferry.warehouse.interface import MergeCounts, Transaction

POSITION = "hubferry position"
"""The column that numbers the rows of a chunk."""
_AT = sql.quote(POSITION)
_ROW = sql.quote("hubferry row")
_MATCHED, _CHANGED, _KEPT = ('"hubferry matched"', '"hubferry changed"', '"hubferry kept"')


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
        total, matches = self._match()
        if not matches:
            columns = sql.column_list(self.given)
            self.tx.execute(f"INSERT INTO {self.name} ({columns}) SELECT {columns} FROM {self.rows}")
            return MergeCounts(inserted=total)
        self._decide()
        self._keep()
        updated = self.tx.execute(f"DELETE FROM {self.name} WHERE rowid IN (SELECT {_ROW} FROM {_CHANGED})")
        written = self._insert()
        return MergeCounts(written - updated, updated, total - written)

    def _match(self) -> tuple[int, int]:
        """Find the stored row of each key, and say what is known of it without reading wide columns."""
        verdict = "'compare'"
        if self.newest:
            newest = sql.quote(self.newest)
            moved = "'compare'" if self.newest in self.volatile else "'changed'"
            verdict = (
                f"CASE WHEN stored.{newest} > fresh.{newest} THEN 'older'"
                f" WHEN stored.{newest} IS DISTINCT FROM fresh.{newest} THEN {moved} ELSE 'compare' END"
            )
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE {_MATCHED} AS SELECT fresh.{_AT}, stored.rowid AS {_ROW},"
            f" CASE WHEN stored.rowid IS NULL THEN 'new' ELSE {verdict} END AS verdict"
            f" FROM {self.rows} AS fresh LEFT JOIN {self.name} AS stored ON {sql.equal_on(self.table.key, 'fresh', 'stored')}"
        )
        counts = self.tx.query(f"SELECT count(*) AS total, count({_ROW}) AS matches FROM temp.{_MATCHED}").to_pylist()[
            0
        ]
        return counts["total"], counts["matches"]

    def _decide(self) -> None:
        """List the rows to write: new, moved, and of the others those that differ."""
        content = [name for name in self.given if name not in (*self.table.key, *self.volatile)]
        compare = f"SELECT {_ROW} FROM temp.{_MATCHED} WHERE verdict = 'compare'"
        columns = sql.column_list(content)
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE {_CHANGED} AS"
            f" SELECT {_AT}, {_ROW} FROM temp.{_MATCHED} WHERE verdict IN ('new', 'changed')"
            f" UNION ALL SELECT matched.{_AT}, matched.{_ROW} FROM temp.{_MATCHED} AS matched"
            f" JOIN {self.rows} AS fresh ON fresh.{_AT} = matched.{_AT}"
            f" JOIN (SELECT rowid AS {_ROW}{', ' if content else ''}{columns} FROM {self.name} WHERE rowid IN ({compare})) AS stored"
            f" ON stored.{_ROW} = matched.{_ROW}"
            f" WHERE {sql.differ_in(content, 'fresh', 'stored')}"
        )

    def _keep(self) -> None:
        """Set aside the stored values of columns that the chunk lacks."""
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE {_KEPT} AS SELECT rowid AS {_ROW}"
            + "".join(f", {sql.quote(name)}" for name in self._lacking())
            + f" FROM {self.name} WHERE {'TRUE' if self._lacking() else 'FALSE'}"
            f" AND rowid IN (SELECT {_ROW} FROM temp.{_CHANGED})"
        )

    def _insert(self) -> int:
        lacking = self._lacking()
        columns = sql.column_list((*self.given, *lacking))
        values = ", ".join(
            [f"fresh.{sql.quote(name)}" for name in self.given] + [f"kept.{sql.quote(name)}" for name in lacking]
        )
        return self.tx.execute(
            f"INSERT INTO {self.name} ({columns}) SELECT {values} FROM {self.rows} AS fresh"
            f" JOIN temp.{_CHANGED} AS changed ON changed.{_AT} = fresh.{_AT}"
            f" LEFT JOIN temp.{_KEPT} AS kept ON kept.{_ROW} = changed.{_ROW}"
        )

    def _lacking(self) -> list[str]:
        return [column.name for column in self.table.columns if column.name not in self.given]
