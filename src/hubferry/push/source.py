"""Reads the rows of a sync from the warehouse, once, in batches, each with the number of rows that share its key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
import pyarrow as pa

from hubferry.config.model import LinksBlock, Sync
from hubferry.errors import ConfigError, SourceError, UnknownNameError, WarehouseError
from hubferry.push.link_source import LinkTable
from hubferry.push.mapping import SyncMapping
from hubferry.push.rows import COPIES, DIGEST, FIELD, KEY, LINK, RECORD, row_key
from hubferry.warehouse.arrow import OUTSIDE_OF_YEARS
from hubferry.warehouse.aside import put_aside
from hubferry.warehouse.interface import Row, Warehouse

BATCH_ROWS = 5_000
OTHER, LABEL = "o", "l"
"""Names of the columns that a source of links selects, beside KEY."""


def render_source(sync: Sync, warehouse: Warehouse) -> str:
    """Give the SELECT of a sync's source: the rows that meet its `where`, all without one."""
    selected = _render_selected(sync, warehouse)
    if sync.block.where is None:
        return selected
    return f"SELECT * FROM ({selected}) AS chosen WHERE (\n{sync.block.where.strip()}\n)"


def _render_selected(sync: Sync, warehouse: Warehouse) -> str:
    written = sync.model_sql if sync.block.model is not None else sync.block.query
    return render_select(sync.block.source, written, warehouse)


def render_select(source: str | None, query: str | None, warehouse: Warehouse) -> str:
    """Give the SELECT of a table's name, or of a query."""
    if query is not None:
        return f"{query.strip().rstrip(';')}\n"  # its last line may be a comment
    parts = (source or "").split(".")
    if len(parts) == 2:
        return f"SELECT * FROM {warehouse.name(parts[0], parts[1])}"
    return f"SELECT * FROM {'.'.join(warehouse.quote(part) for part in parts)}"


def query_source_columns(sync: Sync, warehouse: Warehouse) -> tuple[str, ...]:
    """Give the names of the source's columns; a source that cannot be read is a SourceError that names the sync's file."""
    path = next(name for name in ("query", "model", "source") if getattr(sync.block, name) is not None)
    try:
        return tuple(column.name for column in warehouse.describe_source(render_source(sync, warehouse)))
    except SourceError as error:
        raise SourceError(f"{sync.file}:{sync.line(path) or 1}: sync {sync.name!r}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"sync {sync.name!r}: {error}", file=sync.file, line=sync.line(path)) from error


def query_encoding(mapping: SyncMapping, warehouse: Warehouse) -> str | None:
    """Give a hash of everything that decides how a row is encoded, the types of its columns among it.

    None where the warehouse cannot tell which rows changed: their keys are neither texts nor whole numbers, or links are
    not in them.
    """
    if any(link.source is not None for link in mapping.links):
        return None
    with naming(mapping):
        picked = warehouse.describe_source(_render_picked(mapping, warehouse))
    if next(column.type for column in picked if column.name == KEY) not in {"string", "integer"}:
        return None
    types = sorted((column.name, str(column.type)) for column in picked)  # a time and its text have one digest
    return hashlib.sha256(msgspec.json.encode([mapping.encoding, types])).hexdigest()


def render_digests(mapping: SyncMapping, warehouse: Warehouse) -> str:
    """Give the SELECT of each row's key as text, the digest of all else, and how many rows have the key."""
    return (
        f"SELECT CAST({KEY} AS VARCHAR) AS row_key, {_render_digest(mapping, warehouse)} AS digest,"
        f" count(*) OVER (PARTITION BY {KEY}) AS copies FROM ({_render_picked(mapping, warehouse)}) AS picked"
    )


def _render_digest(mapping: SyncMapping, warehouse: Warehouse) -> str:
    return warehouse.digest([name for name in _picked(mapping, warehouse) if name != KEY])


def query_rows(
    mapping: SyncMapping,
    warehouse: Warehouse,
    links: Mapping[int, LinkTable] | None = None,
    *,
    digests: bool = False,
    without: str | None = None,
) -> Iterator[list[Row]]:
    """Read the rows of the source in batches, under the short names that `rows` knows, links of other sources joined to it.

    The query has ended before the first one is given.

    `digests`: each with the digest of what it holds; `without`: a SELECT of the keys, as texts, of rows that are left out.
    """
    digest = f", {_render_digest(mapping, warehouse)} AS {DIGEST}" if digests else ""
    sql = f"SELECT *, count(*) OVER (PARTITION BY {KEY}) AS {COPIES}{digest} FROM ({_render_picked(mapping, warehouse)}) AS picked"
    if without is not None:
        placed = f"SELECT 1 FROM ({without}) AS p WHERE p.row_key = CAST(counted.{KEY} AS VARCHAR)"
        sql = f"SELECT * FROM ({sql}) AS counted WHERE NOT EXISTS ({placed})"
    try:
        for batch in put_aside(warehouse.query_batches(sql, rows=BATCH_ROWS)):
            rows = read_batch(batch)
            for index, table in (links or {}).items():
                for row in rows:
                    row[f"{LINK}{index}"] = table.take(row_key(row[KEY]))
            yield rows
    except SourceError as error:
        raise _said_of(mapping, error) from error


def query_row(mapping: SyncMapping, warehouse: Warehouse, key: str | None) -> Row | None:
    """Read the row of a key, or some row; whether another one has its key is not looked at. None: the source has no such row."""
    where, params = ("", []) if key is None else (f" WHERE CAST({KEY} AS VARCHAR) = ?", [key])
    sql = f"SELECT *, 1 AS {COPIES} FROM ({_render_picked(mapping, warehouse)}) AS picked{where} LIMIT 1"
    try:
        found = [row for batch in warehouse.query_batches(sql, params) for row in read_batch(batch)]
    except SourceError as error:
        raise _said_of(mapping, error) from error
    return found[0] if found else None


def read_batch(batch: pa.RecordBatch) -> list[Row]:
    """Give rows of a source; raise SourceError where a date is one that Python does not have."""
    try:
        return list(batch.to_pylist())
    except (OverflowError, ValueError) as error:
        named = ", ".join(repr(name) for name in batch.schema.names if not _is_readable(batch[name]))
        raise SourceError(OUTSIDE_OF_YEARS.format(named)) from error


def _is_readable(values: pa.Array) -> bool:
    try:
        values.to_pylist()
    except (OverflowError, ValueError):
        return False
    return True


@contextmanager
def naming(mapping: SyncMapping) -> Iterator[None]:
    """Have an error of SQL that holds a sync's source say of which sync it is: a run may be of many."""
    try:
        yield
    except WarehouseError as error:
        if type(error) not in {WarehouseError, SourceError}:
            raise  # a lock, or a lost lease: not about the source
        raise _said_of(mapping, error) from error


def _said_of(mapping: SyncMapping, error: WarehouseError) -> WarehouseError:
    """Say of which sync an error is, and of which of its columns, where it has the names that the query gives them."""
    names = {KEY: mapping.key_column, RECORD: mapping.record_id_column}
    names |= {f"{FIELD}{i}": each.column or each.sql for i, each in enumerate(mapping.fields)}
    names |= {f"{LINK}{i}": each.column for i, each in enumerate(mapping.links)}
    said = re.sub(r"'(\w+)'", lambda found: repr(names.get(found[1]) or found[1]), str(error))
    return type(error)(f"sync {mapping.name!r} ({mapping.sync.file}): {said}")


def has_key(sync: Sync, warehouse: Warehouse, key: str) -> bool:
    """Tell whether the source has a row of this key, by the key as text."""
    column = next(
        (name for name in query_source_columns(sync, warehouse) if name.casefold() == sync.block.key.casefold()), None
    )
    if column is None:
        return False
    sql = f"SELECT 1 AS n FROM ({render_source(sync, warehouse)}) AS source WHERE CAST({warehouse.quote(column)} AS VARCHAR) = ? LIMIT 1"
    return any(batch.num_rows for batch in warehouse.query_batches(sql, [key]))


def _render_picked(mapping: SyncMapping, warehouse: Warehouse) -> str:
    """Give the SELECT of what a sync needs of its source, under the short names."""
    picked = ", ".join(f"{value} AS {name}" for name, value in _picked(mapping, warehouse).items())
    return f"SELECT {picked} FROM ({render_source(mapping.sync, warehouse)}) AS source"


def _picked(mapping: SyncMapping, warehouse: Warehouse) -> dict[str, str]:
    """Give what is selected, by its short name."""
    quote = warehouse.quote
    picked = {KEY: quote(mapping.key_column)}
    if mapping.record_id_column is not None:
        picked[RECORD] = quote(mapping.record_id_column)
    for i, field in enumerate(mapping.fields):
        if field.column is not None:
            picked[f"{FIELD}{i}"] = quote(field.column)
        elif field.sql is not None:
            picked[f"{FIELD}{i}"] = f"({field.sql})"
    return picked | {
        f"{LINK}{i}": quote(link.column) for i, link in enumerate(mapping.links) if link.column is not None
    }


def query_link_tables(mapping: SyncMapping, warehouse: Warehouse) -> dict[int, LinkTable]:
    """Read the links that have a source of their own, whole, by the position of their entry."""
    return {
        index: _query_link_table(mapping, index, link.source, warehouse)
        for index, link in enumerate(mapping.links)
        if link.source is not None
    }


def _query_link_table(mapping: SyncMapping, index: int, block: LinksBlock, warehouse: Warehouse) -> LinkTable:
    sync, path, quote, table = mapping.sync, f"associations.{index}.links", warehouse.quote, LinkTable()
    selected = render_select(block.source, block.query, warehouse)
    label = quote(block.label) if block.label is not None else "NULL"
    sql = f"SELECT {quote(block.row)} AS {KEY}, {quote(block.key)} AS {OTHER}, {label} AS {LABEL} FROM ({selected}) AS links"
    try:
        columns = tuple(column.name for column in warehouse.describe_source(selected))
        for name in filter(None, (block.row, block.key, block.label)):
            if name.casefold() not in {each.casefold() for each in columns}:
                raise UnknownNameError("column", name, known=columns, file=sync.file, line=sync.line(path))
        for batch in warehouse.query_batches(sql, rows=BATCH_ROWS):
            for row in read_batch(batch):
                table.add(row[KEY], row[OTHER], row[LABEL])
    except SourceError as error:
        raise SourceError(f"{sync.file}:{sync.line(path) or 1}: sync {sync.name!r}: {error}") from error
    return table
