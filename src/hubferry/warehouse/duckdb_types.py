"""DuckDB's types as ColumnTypes and back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hubferry.types import DECIMAL, ColumnType
from hubferry.warehouse import sql

_NAMES: dict[ColumnType, str] = {
    "boolean": "BOOLEAN",
    "date": "DATE",
    "double": "DOUBLE",
    "integer": "BIGINT",
    "json": "JSON",
    "string": "VARCHAR",
    "strings": "VARCHAR[]",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
_NEAREST: dict[str, ColumnType] = {
    "BIGINT": "integer",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double",
    "FLOAT": "double",
    "HUGEINT": "decimal(38,0)",
    "INTEGER": "integer",
    "SMALLINT": "integer",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TINYINT": "integer",
    "UBIGINT": "decimal(20,0)",
    "UHUGEINT": "decimal(38,0)",
    "UINTEGER": "integer",
    "USMALLINT": "integer",
    "UTINYINT": "integer",
}
"""Types not named here, nor nested, are read as text. Timestamps without a zone are taken as UTC."""
_NESTED = re.compile(r"(STRUCT|MAP|UNION|VARIANT|JSON)\b|.*\]$", re.DOTALL)


def render(column_type: ColumnType) -> str:
    """Give DuckDB's name of a column type."""
    return column_type.upper() if DECIMAL.fullmatch(column_type) else _NAMES[column_type]


def parse(kind: str) -> ColumnType:
    """Give the nearest column type of a DuckDB type."""
    if kind in _NEAREST:
        return _NEAREST[kind]
    if re.fullmatch(r"DECIMAL\(\d+, ?\d+\)", kind):
        return kind.lower().replace(" ", "")
    if re.fullmatch(r"VARCHAR\[\d*\]", kind):
        return "strings"
    return "json" if _NESTED.match(kind) else "string"


def select_as(query: str, columns: Sequence[tuple[str, str]]) -> str:
    """Wrap a query so that its columns, given with DuckDB's types, come as `parse` says."""
    values = ", ".join(f"{_as(sql.quote(name), kind)} AS {sql.quote(name)}" for name, kind in columns)
    return f"SELECT {values} FROM (\n{query}\n) AS source"


def _as(value: str, kind: str) -> str:
    wanted = parse(kind)
    if wanted == "json":
        # to_json(NULL) is NULL for a column, and a JSON column stays as it is; the text is what Arrow carries
        return f"CAST({value if kind == 'JSON' else f'to_json({value})'} AS VARCHAR)"
    return value if kind == render(wanted) else f"CAST({value} AS {render(wanted)})"
