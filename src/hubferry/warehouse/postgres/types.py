"""PostgreSQL's types as ColumnTypes and back."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from hubferry.types import DECIMAL, ColumnType
from hubferry.warehouse import arrow

NAMES: dict[ColumnType, str] = {
    "boolean": "boolean",
    "date": "date",
    "double": "double precision",
    "integer": "bigint",
    "json": "jsonb",
    "string": 'text COLLATE "C"',  # sorted by code point on every server, as the other engines do
    "strings": "text[]",
    "timestamp": "timestamp with time zone",
}
_BY_OID: dict[int, ColumnType] = {
    16: "boolean",
    20: "integer",
    21: "integer",
    23: "integer",
    26: "integer",
    114: "json",
    700: "double",
    701: "double",
    1009: "strings",
    1015: "strings",
    1082: "date",
    1114: "timestamp",
    1184: "timestamp",
    2249: "json",  # a row that has no named type
    3802: "json",
}
_NUMERIC = 1700
_JSON, _JSONB = 114, 3802
_NAIVE_TIMESTAMP = 1114
_VARCHAR_ARRAY = 1015
_EXACT = {16, 20, 701, 1009, 1082, 1184, 25}
_LARGEST_PRECISION = 38
JSON_OIDS = (_JSON, _JSONB)


def render(column_type: ColumnType) -> str:
    """Give PostgreSQL's name of a column type."""
    match = DECIMAL.fullmatch(column_type)
    return f"numeric({match[1]},{match[2]})" if match else NAMES[column_type]


def render_arrow(kind: pa.DataType) -> str:
    """Give PostgreSQL's name for an Arrow type."""
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})"
    if pa.types.is_null(kind) or pa.types.is_string(kind):
        return NAMES["string"]
    if pa.types.is_integer(kind):
        return NAMES["integer"]
    for column_type in ("boolean", "date", "double", "strings", "timestamp"):
        if arrow.arrow_type(column_type).equals(kind) or (column_type == "timestamp" and pa.types.is_timestamp(kind)):
            return NAMES[column_type]
    raise ValueError(f"rows of type {kind} cannot be registered")


@dataclass(frozen=True)
class Described:
    """One column of a result as the server describes it."""

    name: str
    oid: int
    modifier: int
    category: str = ""
    """Of pg_type: A arrays, C composites ..; only asked for types that are not in the table above."""

    @property
    def type(self) -> ColumnType:
        """The nearest column type; what is not known here is read as text."""
        if self.oid == _NUMERIC:
            return self._decimal()
        if self.oid in _BY_OID:
            return _BY_OID[self.oid]
        return "json" if self.category in ("A", "C") else "string"

    @property
    def is_ours(self) -> bool:
        """Whether the server's type is the one that `render` gives for `type`."""
        return self.oid in (*_EXACT, _JSONB) or (self.oid == _NUMERIC and self.type != "string")

    def _decimal(self) -> ColumnType:
        if self.modifier < 4:
            return "string"  # numbers of any size: as text nothing is lost
        precision, scale = (self.modifier - 4) >> 16, (self.modifier - 4) & 0x7FF
        scale = scale - 0x800 if scale & 0x400 else scale
        return f"decimal({precision},{scale})" if 0 <= scale <= precision <= _LARGEST_PRECISION else "string"

    def select(self, value: str) -> str:
        """Give SQL that reads the column as `type` says."""
        if self.oid in _EXACT or (self.oid == _NUMERIC and self.type != "string"):
            return value
        if self.oid == _NAIVE_TIMESTAMP:
            return f"{value} AT TIME ZONE 'UTC'"
        if self.type == "json":
            return f"CAST({value if self.oid in JSON_OIDS else f'to_jsonb({value})'} AS text)"
        return f"CAST({value} AS {'text' if self.type == 'string' else NAMES[self.type]})"
