"""ColumnTypes as Arrow types, and chunks made fit for every engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hubferry.types import DECIMAL, ColumnType, Table

_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "double": pa.float64(),
    "integer": pa.int64(),
    "json": pa.string(),
    "string": pa.string(),
    "strings": pa.list_(pa.string()),
    "timestamp": pa.timestamp("us", tz="UTC"),
}

OUTSIDE_OF_YEARS = "a date or time is outside of the years 1 to 9999, or infinity, in one of the columns {}; make it NULL, or cast it to text"
"""Of a source's values that Python has no date for."""


def arrow_type(column_type: ColumnType) -> pa.DataType:
    """Give the Arrow type of a column type."""
    if match := DECIMAL.fullmatch(column_type):
        return pa.decimal128(int(match[1]), int(match[2]))
    return _TYPES[column_type]


def arrow_schema(table: Table) -> pa.Schema:
    """Give the Arrow schema of a table, columns in its order."""
    return pa.schema([(column.name, arrow_type(column.type)) for column in table.columns])


def table_from_rows(table: Table, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Build a chunk of `table` from rows; a column that a row lacks is NULL."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(table))


def clean_chunk(table: Table, chunk: pa.Table) -> pa.Table:
    """Give the chunk with `table`'s types, in its column order, and text that every engine can store.

    In text, NUL and bytes that are not UTF-8 (lone surrogates) become U+FFFD, the replacement character; all else stays.
    Raises ValueError for a column that `table` lacks and for a value that does not fit its type.
    """
    given = set(chunk.column_names)  # once: Arrow makes the list anew each time it is asked
    strangers = given - {column.name for column in table.columns}
    if strangers:
        raise ValueError(f"table {table.name!r} has no column {', '.join(map(repr, sorted(strangers)))}")
    fields = [(column.name, arrow_type(column.type)) for column in table.columns if column.name in given]
    columns = [(name, chunk.column(name), wanted) for name, wanted in fields]
    plain = {name for name, values, wanted in columns if values.type == wanted == pa.string()}
    is_clean = _is_clean([part for name, values, _ in columns if name in plain for part in values.chunks])
    return pa.table(
        {
            name: values if is_clean and name in plain else _clean(name, values, wanted)
            for name, values, wanted in columns
        }
    )


def clean_texts(rows: pa.Table) -> pa.Table:
    """Give rows with text as tables hold it, so that what is compared with a table is equal to what was stored of it."""
    texts = [name for name, kind in zip(rows.column_names, rows.schema.types, strict=True) if kind == pa.string()]
    lists = [name for name, kind in zip(rows.column_names, rows.schema.types, strict=True) if kind == _TEXTS]
    if not lists and _is_clean([part for name in texts for part in rows.column(name).chunks]):
        return rows
    cleaned = {name: _clean(name, rows.column(name), rows.schema.field(name).type) for name in (*texts, *lists)}
    return pa.table({name: cleaned.get(name, rows.column(name)) for name in rows.column_names})


def refuse_bad_keys(table: Table, chunk: pa.Table, newest: str | None = None) -> None:
    """Raise ValueError where a chunk cannot be merged: a column of the key is missing, a key is NULL or there twice."""
    for name in (*table.key, *((newest,) if newest else ())):
        if name not in chunk.column_names:
            raise ValueError(f"merge into {table.name!r}: the chunk lacks the column {name!r}")
    if not table.key:
        raise ValueError(f"merge into {table.name!r}: the table has no key")
    keys = chunk.select(list(table.key))
    nulls = keys.num_rows - keys.drop_null().num_rows
    counts = keys.group_by(list(table.key)).aggregate([([], "count_all")])["count_all"]
    repeated = pc.sum(pc.greater(counts, 1)).as_py() or 0
    for problem, count in (("nulls", nulls), ("repeated", repeated)):
        if count:
            raise ValueError(
                f"merge into {table.name!r}: {count} keys of the chunk are {problem} ({', '.join(table.key)})"
            )


def sort_by_key(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Give the rows in the order of their keys; the table itself where they are."""
    order = pc.sort_indices(rows.select(list(key)), [(name, "ascending") for name in key]).to_numpy()
    return rows if np.array_equal(order, np.arange(rows.num_rows)) else rows.take(order)


def differing(one: pa.Table, other: pa.Table) -> pa.Array:
    """Say for each row whether two tables of the same columns differ in it; NULL equals NULL, and NaN equals NaN."""
    found = np.zeros(one.num_rows, bool)
    for name in one.column_names:
        fresh = one[name].combine_chunks()
        stored = other[name].cast(fresh.type).combine_chunks()
        if not fresh.equals(stored):  # whole columns at once: most are
            found |= _differ(fresh, stored)
    return pa.array(found)


def _differ(fresh: pa.Array, stored: pa.Array) -> np.ndarray:
    if pa.types.is_list(fresh.type):
        pairs = zip(fresh.to_pylist(), stored.to_pylist(), strict=True)
        return np.fromiter((here != there for here, there in pairs), bool, len(fresh))
    unequal = pc.fill_null(pc.not_equal(fresh, stored), False)
    if pa.types.is_floating(fresh.type):
        unequal = pc.and_not(unequal, pc.fill_null(pc.and_(pc.is_nan(fresh), pc.is_nan(stored)), False))
    answer: np.ndarray = pc.or_(unequal, pc.xor(fresh.is_null(), stored.is_null())).to_numpy(zero_copy_only=False)
    return answer


_TEXTS = pa.list_(pa.string())
_ESCAPES = re.compile(r"\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\u\w{4}|\\.", re.DOTALL)
"""One escape of JSON text; the two halves of a character outside the first 65,536 are one."""
_UNFIT = re.compile(r"\\u(?:0000|[dD][89a-fA-F]\w\w)")


def clean_json(table: Table, chunk: pa.Table) -> pa.Table:
    """Give the chunk with JSON that PostgreSQL can hold: escapes of NUL and of lone surrogates become U+FFFD, as they do in text."""
    for column in table.columns:
        if column.type != "json" or column.name not in chunk.column_names:
            continue
        values = chunk.column(column.name)
        if pc.any(pc.match_substring(values, "\\u")).as_py():
            cleaned = [None if each is None else _ESCAPES.sub(_fit_escape, each) for each in values.to_pylist()]
            at = chunk.column_names.index(column.name)
            chunk = chunk.set_column(at, column.name, pa.array(cleaned, pa.string()))
    return chunk


def _fit_escape(found: re.Match[str]) -> str:
    return r"\ufffd" if _UNFIT.fullmatch(found[0]) else found[0]


def _is_clean(texts: list[pa.StringArray]) -> bool:
    """Say whether no text holds NUL or broken UTF-8: nearly always so, and seen at once in all columns put together."""
    try:
        joined = pa.concat_arrays(texts) if texts else pa.array([], pa.string())
        joined.validate(full=True)
    except pa.ArrowInvalid:  # or more than two gigabytes, which are looked at column by column
        return False
    _, offsets, data = joined.buffers()
    if data is None or not len(joined):
        return True
    end = int(np.frombuffer(offsets, np.int32)[joined.offset + len(joined)])
    return bool(np.frombuffer(data, np.uint8)[:end].all())


def _clean(name: str, values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_list(wanted) or pa.types.is_string(wanted):
        return pa.chunked_array([_clean_text(part, wanted) for part in values.chunks], type=wanted)
    try:
        return values if values.type == wanted else values.cast(wanted)
    except pa.ArrowInvalid as error:
        raise ValueError(f"column {name!r}: a value does not fit {wanted}") from error


def _clean_text(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    if values.null_count == len(values):
        return pa.nulls(len(values), wanted)
    if pa.types.is_list(wanted):
        items = _clean_text(values.values, pa.string()) if not pa.types.is_null(values.type) else None
        return values.cast(wanted) if items is None else _with_items(values, items, wanted)
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        raw = values.cast(pa.binary()).to_pylist()
        values = pa.array([None if item is None else item.decode("utf-8", "replace") for item in raw], pa.string())
    values = values if values.type == wanted else values.cast(wanted)
    if pc.any(pc.match_substring(values, "\0")).as_py():
        values = pc.replace_substring(values, "\0", "\ufffd")
    return values


def _with_items(values: pa.Array, items: pa.Array, wanted: pa.DataType) -> pa.Array:
    mask = values.is_null() if values.null_count else None
    return pa.ListArray.from_arrays(values.offsets, items, type=wanted, mask=mask)
