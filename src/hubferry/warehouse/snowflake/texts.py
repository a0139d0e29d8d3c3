"""Rows as text for Snowflake: every value travels as VARCHAR and is cast in SQL, so that nothing depends on how files are read."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from hubferry.types import ColumnType

FEW_CELLS = 2_000
FEW_BYTES = 64_000
"""No more than these go into the statement itself, as one parameter; more go by a file."""


def column_type(kind: pa.DataType) -> ColumnType:
    """Give the column type of an Arrow type."""
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    checks = (
        ("integer", pa.types.is_integer),
        ("double", pa.types.is_floating),
        ("boolean", pa.types.is_boolean),
        ("date", pa.types.is_date),
        ("timestamp", pa.types.is_timestamp),
        ("strings", pa.types.is_list),
    )
    return next((name for name, fits in checks if fits(kind)), "string")


def build_texts(rows: pa.Table) -> pa.Table:
    """Give the rows with every column as text, under the names C0, C1 .."""
    columns = {f"C{number}": _as_text(column) for number, column in enumerate(rows.columns)}
    return pa.table(columns) if columns else rows


def render_json(texts: pa.Table) -> str:
    """Give rows of texts as one JSON value: a list of lists."""
    return json.dumps(list(zip(*(column.to_pylist() for column in texts.columns), strict=True)), ensure_ascii=False)


def is_few(texts: pa.Table) -> bool:
    """Say whether rows may go into a statement."""
    cells, size = int(texts.num_rows * texts.num_columns), int(texts.nbytes)
    return cells <= FEW_CELLS and size <= FEW_BYTES


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_timestamp(kind):
        moved = values.cast(pa.timestamp("us", "UTC"))
        return pc.binary_join_element_wise(pc.strftime(moved, "%Y-%m-%d %H:%M:%S"), "+00:00", "")
    if pa.types.is_list(kind):
        made = [None if each is None else json.dumps(each, ensure_ascii=False) for each in values.to_pylist()]
        return pa.chunked_array([pa.array(made, pa.string())])
    if pa.types.is_decimal(kind):
        made = [None if each is None else f"{each:f}" for each in values.to_pylist()]
        return pa.chunked_array([pa.array(made, pa.string())])
    return values.cast(pa.string())
