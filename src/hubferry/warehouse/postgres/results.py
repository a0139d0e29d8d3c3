"""What PostgreSQL answers, as Arrow."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa

from hubferry.errors import SourceError
from hubferry.warehouse import placeholders
from hubferry.warehouse.arrow import arrow_type
from hubferry.warehouse.postgres.server import Connection
from hubferry.warehouse.postgres.types import Described

Lengthen = Callable[[str], str]


def build_table(cursor: psycopg.Cursor[Any], lengthen: Lengthen) -> pa.Table:
    """Give a whole result; types that are not ours come as text, numbers without a bound as they are."""
    columns = [Described(lengthen(each.name), each.type_code, _modifier(each)) for each in cursor.description or ()]
    found = cursor.fetchall() if columns else []
    values = zip(*found, strict=True) if found else ([] for _ in columns)
    arrays = [_build_array(column, list(each)) for column, each in zip(columns, values, strict=True)]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])


def build_batch(columns: Sequence[Described], rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    """Give one batch of a result whose columns were cast to our types."""
    types = [arrow_type(column.type) for column in columns]
    arrays = [
        _build_decimals(column, values, kind) if pa.types.is_decimal(kind) else pa.array(values, kind)
        for column, values, kind in zip(columns, zip(*rows, strict=True), types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])


def describe(connection: Connection, query: str, lengthen: Lengthen, *, has_params: bool = False) -> list[Described]:
    """Give the columns of one SELECT without running it; raise SourceError for anything else."""
    statement = re.sub(r"[\s;]+\Z", "", query)
    wrapped = f"SELECT * FROM (\n{placeholders.numbered(statement) if has_params else statement}\n) AS source"
    prepared = connection.pgconn.prepare(b"", wrapped.encode())
    if prepared.status != psycopg.pq.ExecStatus.COMMAND_OK:
        said = prepared.error_field(psycopg.pq.DiagnosticField.MESSAGE_PRIMARY) or prepared.error_message
        raise SourceError(f"PostgreSQL: {said.decode(errors='replace')}")
    result = connection.pgconn.describe_prepared(b"")
    names = [lengthen((result.fname(at) or b"").decode()) for at in range(result.nfields)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(f"the source returns several columns named {', '.join(map(repr, repeated))}; name them apart")
    found = [Described(name, result.ftype(at), result.fmod(at)) for at, name in enumerate(names)]
    return _with_categories(connection, found)


def _with_categories(connection: Connection, columns: Sequence[Described]) -> list[Described]:
    rows = connection.execute(
        "SELECT oid::bigint, typcategory::text FROM pg_type WHERE oid = ANY($1)", [[each.oid for each in columns]]
    ).fetchall()
    categories: dict[Any, Any] = dict(rows)  # type: ignore[arg-type]
    return [Described(each.name, each.oid, each.modifier, categories.get(each.oid, "")) for each in columns]


def _modifier(column: psycopg.Column) -> int:
    if column.precision is None:
        return -1
    return ((column.precision << 16) | ((column.scale or 0) & 0x7FF)) + 4


def _build_decimals(column: Described, values: Sequence[Decimal | None], kind: pa.DataType | None) -> pa.Array:
    """Build a column of numbers; NaN and Infinity are in no decimal of Arrow's."""
    if any(each is not None and not each.is_finite() for each in values):
        raise SourceError(f"column {column.name!r} holds a NaN or Infinity; cast it to double precision or text")
    return pa.array(values, kind)


def _build_array(column: Described, values: list[Any]) -> pa.Array:
    if column.oid == 1700:
        return _build_decimals(column, values, pa.null() if all(each is None for each in values) else None)
    kind = arrow_type(column.type)
    if pa.types.is_string(kind):
        values = [each if each is None or isinstance(each, str) else str(each) for each in values]
    return pa.array(values, kind)
