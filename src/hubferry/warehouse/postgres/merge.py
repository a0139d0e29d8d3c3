"""The one statement that merges rows into a PostgreSQL table: INSERT .. ON CONFLICT, on the key that every table has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubferry.warehouse import sql
from hubferry.warehouse.postgres.layout import MORE, Layout


@dataclass(frozen=True)
class Merge:
    """One chunk on its way into one table."""

    layout: Layout
    key: Sequence[str]
    given: Sequence[str]
    """The chunk's columns of the table itself, key included; those in the column for the rest are in MORE."""
    rows: str
    newest: str | None
    volatile: Sequence[str]
    has_more: bool

    def render(self) -> str:
        """Give the statement; it returns how many rows were inserted and updated."""
        quote = self.layout.quote
        columns = [*map(quote, self.given), *([quote(MORE)] if self.has_more else [])]
        written = [quote(name) for name in self.given if name not in self.key]
        assignments = [f"{name} = excluded.{name}" for name in written]
        if self.has_more:
            assignments.append(f"{quote(MORE)} = {self._merged_more()}")
        action = (
            f"DO UPDATE SET {', '.join(assignments)} WHERE {self._differs()}{self._not_older()}"
            if assignments
            else "DO NOTHING"
        )
        names = ", ".join(columns)
        return (
            f"WITH written AS (INSERT INTO {self.layout.name} AS stored ({names}) SELECT {names} FROM {self.rows} AS fresh"
            f" ON CONFLICT ({', '.join(map(quote, self.key))}) {action} RETURNING (xmax = 0) AS inserted)"
            " SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written"
        )

    def _differs(self) -> str:
        quote = self.layout.quote
        content = [quote(name) for name in self.given if name not in (*self.key, *self.volatile)]
        differs = [f"stored.{name} IS DISTINCT FROM excluded.{name}" for name in content]
        if self.has_more:
            differs.append(f"{self._merged_more()} IS DISTINCT FROM coalesce(stored.{quote(MORE)}, '{{}}')")
        return f"({' OR '.join(differs) or 'FALSE'})"

    def _merged_more(self) -> str:
        name = self.layout.quote(MORE)
        return f"jsonb_strip_nulls(coalesce(stored.{name}, '{{}}') || coalesce(excluded.{name}, '{{}}'))"

    def _not_older(self) -> str:
        if self.newest is None:
            return ""
        newest = self.layout.quote(self.newest)
        return f" AND (stored.{newest} > excluded.{newest}) IS NOT TRUE"


def render_delete(name: str, columns: Sequence[str], rows: str) -> str:
    """Give the statement that deletes the rows of these keys."""
    return f"DELETE FROM {name} AS stored USING {rows} AS gone WHERE {sql.equal_on(columns, 'stored', 'gone')}"
