"""What was pulled, table by table: columns with their labels, pages of rows by key, values that did not fit their type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hubferry.config.model import Project as ProjectFiles
from hubferry.errors import UnknownNameError
from hubferry.pull.catalog import find_stream
from hubferry.streams.definition import OWN_COLUMNS, Stream
from hubferry.warehouse.interface import Warehouse

PAGE_ROWS = 50
_DELETED, _UNPARSED = "_hubferry_deleted_at", "_hubferry_unparsed"


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """One column, and the property that it holds."""

    name: str
    type: str
    label: str = ""
    """HubSpot's, where the column holds a property."""
    property_type: str = ""
    is_own: bool = False
    """Kept by hubferry."""


@dataclass(frozen=True, kw_only=True)
class StreamTable:
    """One stream's table, in numbers and columns; `columns` is empty where it does not exist yet."""

    stream: str
    name: str
    key: tuple[str, ...]
    columns: tuple[TableColumn, ...] = ()
    rows: int = 0
    deleted: int = 0
    """Rows of records that are archived, merged away or gone."""
    unparsed: int = 0
    """Rows with a value that did not fit its column's type."""

    @property
    def live(self) -> int:
        """Count rows of records that live."""
        return self.rows - self.deleted


@dataclass(frozen=True, kw_only=True)
class RowPage:
    """Some rows in the order of their key, and where the next page begins (None: this is the last)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    next: str | None = None


@dataclass(frozen=True)
class Unparsed:
    """One value that did not fit its column's type, as HubSpot sent it."""

    key: str
    column: str
    text: str


@dataclass(frozen=True)
class Tables:
    """Reads the tables of a project's streams."""

    files: ProjectFiles
    warehouse: Warehouse

    def describe(self, stream: str, *, counted: bool = True) -> StreamTable:
        """Give columns and counts of a stream's table; without `counted`, columns only."""
        found, schema = find_stream(stream), self._schema
        columns = self.warehouse.query_columns(schema, found.name)
        table = StreamTable(stream=stream, name=f"{schema}.{found.name}", key=found.key)
        if not columns:
            return table
        quote, names = self.warehouse.quote, {each.name for each in columns}
        parts = ["count(*) AS n"]
        parts += [f"count({quote(name)}) AS {alias}" for name, alias in _COUNTED.items() if name in names]
        sql = f"SELECT {', '.join(parts)} FROM {self.warehouse.name(schema, found.name)}"
        counts = self.warehouse.query(sql).to_pylist()[0] if counted else {"n": 0}
        labels = self._labels(found)
        return StreamTable(
            stream=stream,
            name=table.name,
            key=found.key,
            columns=tuple(
                TableColumn(
                    name=each.name,
                    type=each.type,
                    label=labels.get(each.name, ("", ""))[0],
                    property_type=labels.get(each.name, ("", ""))[1],
                    is_own=each.name in OWN_COLUMNS,
                )
                for each in columns
            ),
            rows=counts["n"],
            deleted=counts.get("deleted", 0),
            unparsed=counts.get("unparsed", 0),
        )

    def rows(
        self, table: StreamTable, *, columns: Sequence[str] = (), after: str | None = None, limit: int = PAGE_ROWS
    ) -> RowPage:
        """Give a page of rows in the order of their key, from the key that an earlier page named as its next."""
        found, known = find_stream(table.stream), [each.name for each in table.columns]
        if not known:
            return RowPage(columns=(), rows=())
        for name in columns:
            if name not in known:
                raise UnknownNameError("column", name, known=known)
        shown = tuple(dict.fromkeys((*found.key, *(columns or known))))
        return self._page(found, shown, "", after, limit)

    def row(self, table: StreamTable, key: str) -> dict[str, Any] | None:
        """Give every column of one row, by its record id."""
        found = find_stream(table.stream)
        if not table.columns:
            return None
        quote = self.warehouse.quote
        sql = f"SELECT * FROM {self.warehouse.name(self._schema, found.name)} WHERE {quote(found.key[-1])} = ?"
        rows: list[dict[str, Any]] = self.warehouse.query(sql, (key,)).to_pylist()
        return rows[0] if rows else None

    def unparsed(self, table: StreamTable, *, after: str | None = None, limit: int = PAGE_ROWS) -> RowPage:
        """Give a page of rows that hold values which did not fit, each with those values as HubSpot sent them."""
        found = find_stream(table.stream)
        if not table.unparsed:
            return RowPage(columns=(), rows=())
        quoted = self.warehouse.quote(_UNPARSED)
        return self._page(found, (*found.key, _UNPARSED), f"{quoted} IS NOT NULL", after, limit)

    def fill_rates(self, table: StreamTable) -> dict[str, float]:
        """Give of each column the share of live rows that have a value; reads the whole table."""
        found, columns = find_stream(table.stream), [each.name for each in table.columns]
        if not columns:
            return {}
        quote = self.warehouse.quote
        counts = ", ".join(f"count({quote(name)}) AS c{place}" for place, name in enumerate(columns))
        where = f" WHERE {quote(_DELETED)} IS NULL" if _DELETED in columns else ""
        sql = f"SELECT count(*) AS n, {counts} FROM {self.warehouse.name(self._schema, found.name)}{where}"
        row = self.warehouse.query(sql).to_pylist()[0]
        return {name: row[f"c{place}"] / row["n"] if row["n"] else 0.0 for place, name in enumerate(columns)}

    @property
    def _schema(self) -> str:
        return self.files.file.pull.schema_

    def _labels(self, stream: Stream) -> dict[str, tuple[str, str]]:
        if stream.object is None:  # its definitions are written before its first row
            return {}
        quote, name = self.warehouse.quote, self.warehouse.name(self._schema, "properties")
        sql = (
            f"SELECT {quote('column_name')} AS c, {quote('label')} AS l, {quote('type')} AS t FROM {name}"
            f" WHERE {quote('object')} = ? AND {quote(_DELETED)} IS NULL AND {quote('column_name')} IS NOT NULL"
        )
        rows = self.warehouse.query(sql, (stream.object.name,)).to_pylist()
        return {row["c"]: (row["l"] or "", row["t"] or "") for row in rows}

    def _page(self, stream: Stream, columns: tuple[str, ...], where: str, after: str | None, limit: int) -> RowPage:
        """Read by key, never by offset: the thousandth page costs what the first does."""
        quote, key = self.warehouse.quote, stream.key
        conditions, params = [where] if where else [], list[object]()
        if after is not None:
            condition, params = _beyond([quote(name) for name in key], _decode(after, len(key)))
            conditions.append(condition)
        sql = (
            f"SELECT {', '.join(quote(name) for name in columns)}"
            f" FROM {self.warehouse.name(self._schema, stream.name)}"
            f"{' WHERE ' + ' AND '.join(conditions) if conditions else ''}"
            f" ORDER BY {', '.join(quote(name) for name in key)} LIMIT {int(limit) + 1}"
        )
        found = [tuple(row.values()) for row in self.warehouse.query(sql, params).to_pylist()]
        rows = tuple(found[:limit])
        last = [str(value) for value in rows[-1][: len(key)]] if len(found) > limit else None
        return RowPage(columns=columns, rows=rows, next=msgspec.json.encode(last).decode() if last else None)


_COUNTED = {_DELETED: "deleted", _UNPARSED: "unparsed"}


def _decode(text: str, parts: int) -> list[str]:
    """Read the key that a page named as its next; what is none begins at the beginning."""
    try:
        return msgspec.json.decode(text, type=list[str])[:parts]
    except msgspec.DecodeError:
        return []


def _beyond(names: Sequence[str], values: Sequence[str]) -> tuple[str, list[object]]:
    """Say that a key of several columns comes after another."""
    conditions, params = [], list[object]()
    for place in range(min(len(names), len(values))):
        equal = [f"{name} = ?" for name in names[:place]]
        conditions.append(f"({' AND '.join([*equal, f'{names[place]} > ?'])})")
        params += values[: place + 1]
    return f"({' OR '.join(conditions)})" if conditions else "TRUE", params
