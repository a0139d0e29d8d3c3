"""Compares the table of a list, of lists each of something, of events or of versions with what HubSpot says now. Writes nothing.

Everything is read as a full refresh reads it: such lists have no cheaper proof than themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from hubferry.pull.pulling import Pulling
from hubferry.pull.results import build_rows
from hubferry.streams.definition import OWN_COLUMNS, Raw, Stream
from hubferry.types import Table
from hubferry.warehouse.interface import Warehouse

PART = 10_000
"""Results that are compared at once."""

Rows = tuple[Mapping[str, str], Sequence[Raw]]
"""Columns that are the same in all of them, and results."""


@dataclass
class Differences:
    """What was found; rows are named by the columns that a Comparison names them by, joined by `/`."""

    listed: int = 0
    missing: list[str] = field(default_factory=list)
    """Results that the table lacks, or shows as deleted."""
    outdated: list[str] = field(default_factory=list)
    """Rows that have another date of their last change."""
    columns: dict[str, int] = field(default_factory=dict)
    """Columns that differ in rows of the same date, or without one, with how many."""
    gone: list[str] = field(default_factory=list)
    """Live rows that HubSpot does not list."""
    newer: int = 0
    """Differences that the next pull brings: results that changed after `settled`."""


class Comparison:
    """One table being compared; results come in any order."""

    def __init__(
        self, pulling: Pulling, stream: Stream, table: Table, *, settled: datetime, named_by: Sequence[str] = ()
    ) -> None:
        """`named_by`: columns that tell a person which row it is, where its key does not."""
        self._pulling, self._stream, self._table, self._settled = pulling, stream, table, settled
        self._named_by = tuple(named_by) or table.key
        self._seen: list[pa.Table] = []
        self.found = Differences()

    def run(self, parts: Iterable[Rows], *, since: datetime | None) -> Differences:
        """Compare all; rows that date from before `since` are not missed in HubSpot's answers."""
        for scope, raws in _join(parts, whole=len(self._stream.passes) > 1):
            self._pulling.stop.check()
            self.add(build_rows(self._table, raws, scope, self._pulling.stamp()).rows)
            self._pulling.tell(self._stream.name, done=self.found.listed)
        for names in (self.found.missing, self.found.outdated):
            names[:] = dict.fromkeys(names)  # an event on the border of two slices is in both
        if self._stream.deletes and since is None:
            self.found.gone = self._query_gone()
        return self.found

    def add(self, rows: pa.Table) -> None:
        """Compare these rows, as they should be, with those of the table."""
        self.found.listed += len(rows)
        if self._stream.deletes:
            self._seen.append(rows.select(list(self._table.key)))
        dates = self._dates(rows)
        compared = [name for name in rows.column_names if name not in {*OWN_COLUMNS, *self._table.key}]
        for row in self._query_differing(rows, compared):
            name_of_row = _render(row, self._named_by)
            changed = dates.get(_render(row, self._table.key))
            if changed is not None and changed > self._settled:
                self.found.newer += 1
            elif row["lost"]:
                self.found.missing.append(name_of_row)
            elif row.get(f"c_{self._stream.cursor}"):
                self.found.outdated.append(name_of_row)
            else:
                for name in compared:
                    if row[f"c_{name}"]:
                        self.found.columns[name] = self.found.columns.get(name, 0) + 1

    def _dates(self, rows: pa.Table) -> dict[str, datetime]:
        """Give when each result changed last, where it says so."""
        column = self._stream.cursor
        if column is None or column not in rows.column_names:
            return {}
        keys = rows.select([*dict.fromkeys([*self._table.key, column])]).to_pylist()
        return {_render(row, self._table.key): row[column] for row in keys if row[column] is not None}

    def _query_differing(self, rows: pa.Table, compared: Sequence[str]) -> list[dict[str, object]]:
        warehouse, key = self._pulling.warehouse, self._table.key
        quote, stored = warehouse.quote, warehouse.name(self._table.schema, self._table.name)
        flags = render_flags(warehouse, self._table, compared)
        lost = f"(t.{quote(key[0])} IS NULL OR t.{quote('_hubferry_deleted_at')} IS NOT NULL)"
        columns = [
            *(f"l.{quote(name)} AS {quote(name)}" for name in dict.fromkeys([*key, *self._named_by])),
            f"CASE WHEN {lost} THEN 1 ELSE 0 END AS lost",
            *(f"{flag} AS {quote('c_' + name)}" for name, flag in flags.items()),
        ]
        same = " AND ".join(f"t.{quote(name)} = l.{quote(name)}" for name in key)
        with warehouse.transaction() as tx, tx.register("listed", rows) as listed:
            found = tx.query(
                f"SELECT {', '.join(columns)} FROM {listed} AS l LEFT JOIN {stored} AS t ON {same}"
                f" WHERE ({lost} OR {' + '.join(flags.values()) or '0'} > 0)"
                f" AND t.{quote('_hubferry_deleted_reason')} IS DISTINCT FROM 'erased'"  # which is not to come back
            )
        return list(found.to_pylist())

    def _query_gone(self) -> list[str]:
        warehouse, key = self._pulling.warehouse, self._table.key
        quote, stored = warehouse.quote, warehouse.name(self._table.schema, self._table.name)
        columns = ", ".join(f"t.{quote(name)}" for name in key)
        nothing = build_rows(self._table, (), {}, self._pulling.stamp()).rows.select(list(key))
        same = " AND ".join(f"l.{quote(name)} = t.{quote(name)}" for name in key)
        keys = pa.concat_tables([nothing, *self._seen]).combine_chunks()
        with warehouse.transaction() as tx, tx.register("listed", keys) as listed:
            found = tx.query(
                f"SELECT {columns} FROM {stored} AS t WHERE t.{quote('_hubferry_deleted_at')} IS NULL"
                f" AND NOT EXISTS (SELECT 1 FROM {listed} AS l WHERE {same}) ORDER BY {columns}"
            )
        return [_render(row, key) for row in found.to_pylist()]


def render_flags(warehouse: Warehouse, table: Table, names: Iterable[str]) -> dict[str, str]:
    """Give SQL for each column that is 1 where `t`, a row of the table, and `l`, one that was registered, differ in it."""
    kinds = {column.name: column.type for column in table.columns}
    flags = {}
    for name in names:
        stored, read = f"t.{warehouse.quote(name)}", f"l.{warehouse.quote(name)}"
        read = warehouse.as_json(read) if kinds.get(name) == "json" else read  # registered JSON is text
        flags[name] = f"CASE WHEN {stored} IS DISTINCT FROM {read} THEN 1 ELSE 0 END"
    return flags


def _join(parts: Iterable[Rows], *, whole: bool) -> Iterator[Rows]:
    """Give fewer and larger parts; a list that is read in several passes as a whole, because of a result the last one holds."""
    scope: Mapping[str, str] = {}
    waiting: list[Raw] = []
    for each, raws in parts:
        if waiting and (each != scope or (len(waiting) >= PART and not whole)):
            yield scope, waiting
            waiting = []
        scope = each
        waiting += raws
    if waiting:
        yield scope, waiting


def _render(row: Mapping[str, object], key: Sequence[str]) -> str:
    return "/".join(str(row[name]) for name in key)
