"""Reads the rows of a sync from the warehouse, once, in batches, each with the number of rows that share its key."""

from __future__ import annotations

from collections.abc import Iterator

from hubferry.config.model import Sync
from hubferry.errors import ConfigError, SourceError
from hubferry.push.mapping import SyncMapping
from hubferry.push.rows import COPIES, FIELD, KEY, LINK, RECORD
from hubferry.warehouse.interface import Row, Warehouse

BATCH_ROWS = 5_000


def render_source(sync: Sync, warehouse: Warehouse) -> str:
    """Give the SELECT of a sync's source: the rows that meet its `where`, all without one."""
    selected = _render_selected(sync, warehouse)
    if sync.block.where is None:
        return selected
    return f"SELECT * FROM ({selected}) AS chosen WHERE (\n{sync.block.where.strip()}\n)"


def _render_selected(sync: Sync, warehouse: Warehouse) -> str:
    block = sync.block
    if block.query is not None:
        return block.query.strip().rstrip(";")
    parts = (block.source or "").split(".")
    if len(parts) == 2:
        return f"SELECT * FROM {warehouse.name(parts[0], parts[1])}"
    return f"SELECT * FROM {'.'.join(warehouse.quote(part) for part in parts)}"


def query_source_columns(sync: Sync, warehouse: Warehouse) -> tuple[str, ...]:
    """Give the names of the source's columns; a source that cannot be read is a SourceError that names the sync's file."""
    path = "query" if sync.block.query is not None else "source"
    try:
        return tuple(column.name for column in warehouse.describe_source(render_source(sync, warehouse)))
    except SourceError as error:
        raise SourceError(f"{sync.file}:{sync.line(path) or 1}: sync {sync.name!r}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"sync {sync.name!r}: {error}", file=sync.file, line=sync.line(path)) from error


def query_rows(mapping: SyncMapping, warehouse: Warehouse) -> Iterator[list[Row]]:
    """Read every row of the source in batches, under the short names that `rows` knows."""
    quote = warehouse.quote
    picked = [f"{quote(mapping.sync.block.key)} AS {KEY}"]
    if mapping.record_id_column is not None:
        picked.append(f"{quote(mapping.record_id_column)} AS {RECORD}")
    picked += [f"{field.sql} AS {FIELD}{i}" for i, field in enumerate(mapping.fields) if field.sql is not None]
    picked += [f"{quote(link.column)} AS {LINK}{i}" for i, link in enumerate(mapping.links)]
    inner = f"SELECT {', '.join(picked)} FROM ({render_source(mapping.sync, warehouse)}) AS source"
    sql = f"SELECT *, count(*) OVER (PARTITION BY {KEY}) AS {COPIES} FROM ({inner}) AS picked"
    try:
        for batch in warehouse.query_batches(sql, rows=BATCH_ROWS):
            yield batch.to_pylist()
    except SourceError as error:
        raise SourceError(f"sync {mapping.name!r} ({mapping.sync.file}): {error}") from error
