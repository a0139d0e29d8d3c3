"""Snowflake's types as ColumnTypes and back, and its results as our Arrow types."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from hubferry.errors import SourceError
from hubferry.types import DECIMAL, Column, ColumnType
from hubferry.warehouse.arrow import arrow_type
from hubferry.warehouse.snowflake.names import unfold

INTEGER_DIGITS = 19
NAMES: dict[ColumnType, str] = {
    "boolean": "BOOLEAN",
    "date": "DATE",
    "double": "FLOAT",
    "integer": f"NUMBER({INTEGER_DIGITS},0)",
    "json": "VARIANT",
    "string": "VARCHAR",
    "strings": "ARRAY",
    "timestamp": "TIMESTAMP_TZ(6)",
}
_BY_NAME: dict[str, ColumnType] = {
    "ARRAY": "strings",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "FLOAT": "double",
    "OBJECT": "json",
    "TIMESTAMP_LTZ": "timestamp",
    "TIMESTAMP_NTZ": "timestamp",
    "TIMESTAMP_TZ": "timestamp",
    "VARIANT": "json",
}
_BY_CODE = [
    "FIXED",
    "FLOAT",
    "TEXT",
    "DATE",
    "TIMESTAMP_NTZ",
    "VARIANT",
    "TIMESTAMP_LTZ",
    "TIMESTAMP_TZ",
    "TIMESTAMP_NTZ",
    "OBJECT",
    "ARRAY",
    "BINARY",
    "TIME",
    "BOOLEAN",
]
"""The connector's codes of types, in order."""


def render(column_type: ColumnType) -> str:
    """Give Snowflake's name of a column type."""
    match = DECIMAL.fullmatch(column_type)
    return f"NUMBER({match[1]},{match[2]})" if match else NAMES[column_type]


def parse(kind: str, precision: int | None, scale: int | None) -> ColumnType:
    """Give the nearest column type; whole numbers of any precision are integers, what is not known is text."""
    if kind in ("NUMBER", "FIXED"):
        return f"decimal({precision},{scale})" if scale else "integer"
    return _BY_NAME.get(kind, "string")


def parse_stored(kind: str, precision: int | None, scale: int | None) -> ColumnType:
    """Give the column type of a table's column: whole numbers of another precision than our integers' are decimals."""
    if kind == "NUMBER" and not scale and precision not in (None, INTEGER_DIGITS):
        return f"decimal({precision},0)"
    return parse(kind, precision, scale)


def describe(description: Sequence[Any]) -> list[Column]:
    """Give the columns of a result from the connector's description of it."""
    return [
        Column(
            unfold(each.name),
            parse(_BY_CODE[each.type_code] if each.type_code < len(_BY_CODE) else "TEXT", each.precision, each.scale),
        )
        for each in description
    ]


def render_value(expression: str, column_type: ColumnType) -> str:
    """Give SQL that reads a text of ours, as `texts` makes them, as a value of a type."""
    if column_type == "json":
        return f"PARSE_JSON({expression})"
    if column_type == "strings":
        return f"CAST(PARSE_JSON({expression}) AS ARRAY)"
    return expression if column_type == "string" else f"CAST({expression} AS {render(column_type)})"


def build_table(columns: Sequence[Column], found: pa.Table, *, wide: bool = False) -> pa.Table:
    """Give a result under our names and types; with `wide`, whole numbers that fit no 64 bits as decimals."""
    arrays = [_convert(column, found.column(at), wide=wide) for at, column in enumerate(columns)]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])


def _convert(column: Column, values: pa.ChunkedArray, *, wide: bool = False) -> pa.ChunkedArray:
    wanted = arrow_type(column.type)
    if values.type == wanted:
        return values
    try:
        if pa.types.is_list(wanted):
            return pa.chunked_array([pa.array(map(_parse_list, values.to_pylist()), wanted)])
        if pa.types.is_string(wanted) and not pa.types.is_large_string(values.type):
            texts = [None if each is None else _text(each) for each in values.to_pylist()]
            return pa.chunked_array([pa.array(texts, wanted)])
        if pa.types.is_timestamp(wanted) and pa.types.is_timestamp(values.type):
            return values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(wanted)  # without a zone: UTC
        return values.cast(wanted)
    except pa.ArrowInvalid as error:
        if wide and pa.types.is_decimal(values.type):
            return values
        raise SourceError(
            f"column {column.name!r} holds a value that does not fit {column.type}; cast it to VARCHAR in the source"
        ) from error


def _parse_list(value: str | None) -> list[str | None] | None:
    if value is None:
        return None
    return [None if each is None else each if isinstance(each, str) else json.dumps(each) for each in json.loads(value)]


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
