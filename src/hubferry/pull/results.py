"""Results of lists as one Arrow chunk of their table: one row a key, typed columns, nothing of a result left out. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from hubferry.errors import UnexpectedAnswerError
from hubferry.pull import values
from hubferry.pull.chunks import UNPARSED, Stamp, constants, stamp_columns
from hubferry.streams.definition import OTHER, OWN_COLUMNS, TOMBSTONE_COLUMNS, Raw
from hubferry.types import ColumnType, Table
from hubferry.warehouse.arrow import arrow_type


@dataclass(frozen=True)
class ResultChunk:
    """Rows to merge."""

    rows: pa.Table
    unparsed: int = 0
    """Values that did not fit their column."""


def build_rows(table: Table, raws: Iterable[Raw], scope: Mapping[str, str], stamp: Stamp) -> ResultChunk:
    """Build the chunk of these results; of those with one key the last. `scope` are the same columns in all of them."""
    types = {column.name: column.type for column in table.columns if column.name not in {*OWN_COLUMNS, OTHER, *scope}}
    by_key: dict[tuple[str | None, ...], Mapping[str, Any]] = {}
    others: dict[tuple[str | None, ...], str | None] = {}
    for raw in raws:
        found, rest = _take(types, raw)
        key = tuple(_text(found[name], types[name]) for name in table.key if name not in scope)
        if None in key:
            raise UnexpectedAnswerError(f"table {table.name!r}: HubSpot sent a result without its key {table.key}.")
        by_key[key] = found
        others[key] = render_json(rest) if rest else None
    columns: dict[str, pa.Array] = {
        name: pa.repeat(pa.scalar(value, pa.string()), len(by_key)) for name, value in scope.items()
    }
    unfit: list[dict[str, str]] = [{} for _ in by_key]
    for name, kind in types.items():
        columns[name] = _build(name, kind, [found[name] for found in by_key.values()], unfit)
    columns[OTHER] = pa.array(others.values(), pa.string())
    columns |= constants(TOMBSTONE_COLUMNS, {}, len(by_key)) | stamp_columns(stamp, len(by_key))
    columns[UNPARSED] = pa.array([render_json(each) if each else None for each in unfit], pa.string())
    return ResultChunk(pa.table(columns), sum(len(each) for each in unfit))


def read_moment(raw: Raw, column: str) -> datetime | None:
    """Give the time that a result has for a column."""
    value = raw.get(_camel(column), raw.get(column))
    typed, _ = values.build_column([_text(value, "timestamp")], "timestamp")
    moment: datetime | None = typed[0].as_py()
    return moment


def render_json(value: object) -> str:
    """Render JSON so that equal values are equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _take(types: Mapping[str, ColumnType], raw: Raw) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a result into its columns' values and the rest."""
    rest = dict(raw)
    found = {}
    for name in types:
        key = _camel(name)
        found[name] = rest.pop(key if key in rest else name, None)
    return found, {key: value for key, value in rest.items() if value is not None}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def _build(name: str, kind: ColumnType, found: Sequence[Any], unfit: Sequence[dict[str, str]]) -> pa.Array:
    if kind == "strings":
        lists = [None if each is None else [_text(item, "string") for item in _as_list(each)] for each in found]
        return pa.array(lists, arrow_type(kind))
    texts = [_text(each, kind) for each in found]
    typed, misfits = values.build_column(texts, kind)
    for place, is_unfit in enumerate(misfits.to_pylist() if misfits is not None else ()):
        if is_unfit:
            unfit[place][name] = texts[place] or ""
    return typed


def _as_list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: object, kind: ColumnType) -> str | None:
    """Give a JSON value as HubSpot would write it as a property's text."""
    if value is None:
        return None
    if kind == "json":
        return render_json(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else render_json(value)
