"""Quoting, and the SQL that every engine understands. Identifiers enter SQL only through `quote`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hubferry.types import Column, Table


def quote(identifier: str) -> str:
    """Quote one identifier by the SQL standard; raise ValueError for what no engine can name."""
    if not identifier or "\0" in identifier:
        raise ValueError(f"not a name that SQL can hold: {identifier!r}")
    return '"' + identifier.replace('"', '""') + '"'


def full_name(*parts: str) -> str:
    """Quote a name of several parts: catalog, schema, table."""
    return ".".join(quote(part) for part in parts)


def literal(text: str) -> str:
    """Write a text that we made (an id, a hash, the name of a sync) as a literal; raise ValueError for what engines read apart."""
    if "\\" in text or "\0" in text:
        raise ValueError(f"a text that engines write differently: {text!r}")
    return "'" + text.replace("'", "''") + "'"


def column_list(names: Iterable[str], *, of: str | None = None) -> str:
    """List quoted columns, each with the prefix `of` where given."""
    prefix = f"{of}." if of else ""
    return ", ".join(f"{prefix}{quote(name)}" for name in names)


def equal_on(names: Sequence[str], left: str, right: str) -> str:
    """Join two row sources on equal columns."""
    return " AND ".join(f"{left}.{quote(name)} = {right}.{quote(name)}" for name in names)


def differ_in(names: Sequence[str], left: str, right: str) -> str:
    """Say that two rows differ in one of the columns, NULL being equal to NULL."""
    return " OR ".join(f"{left}.{quote(name)} IS DISTINCT FROM {right}.{quote(name)}" for name in names) or "FALSE"


def case_twins(columns: Iterable[str]) -> list[tuple[str, str]]:
    """Find names that differ by case only, which some engines cannot tell apart."""
    seen: dict[str, str] = {}
    return [(seen[name.casefold()], name) for name in columns if seen.setdefault(name.casefold(), name) != name]


def missing_columns(table: Table, existing: Iterable[Column]) -> list[Column]:
    """Give the columns of `table` that a stored table lacks."""
    known = {column.name.casefold() for column in existing}
    return [column for column in table.columns if column.name.casefold() not in known]


def missing_exactly(table: Table, existing: Iterable[Column]) -> list[Column]:
    """Give the columns of `table` that a stored table lacks, where names that differ by case are two names."""
    known = {column.name for column in existing}
    return [column for column in table.columns if column.name not in known]
