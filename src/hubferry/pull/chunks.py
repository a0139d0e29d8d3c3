"""Records as one Arrow chunk of their table: one row a key, typed columns, what does not fit set aside as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from hubferry.hubspot.records import Record, RecordShape
from hubferry.pull import values
from hubferry.pull.schema import MERGED_IDS, MORE, RecordTable
from hubferry.streams.definition import RUN_COLUMNS, TOMBSTONE_COLUMNS
from hubferry.types import ColumnType
from hubferry.warehouse.arrow import arrow_type

CELLS = 2_000_000
"""Values in one chunk: few enough for memory, enough that neither a transaction's fixed cost counts nor that DuckDB reads the
whole table for rows that may be equal wherever they are (docs/performance.md)."""
SMALLEST, LARGEST = 500, 50_000
"""Rows of a chunk, however wide or narrow they are."""
UNPARSED = "_hubferry_unparsed"
_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stamp:
    """Who writes, and when: HubSpot's time."""

    run_id: str
    now: datetime


@dataclass(frozen=True)
class Chunk:
    """Rows to merge."""

    rows: pa.Table
    unparsed: int = 0
    """Values that did not fit their column."""
    merged: tuple[tuple[str, str], ...] = ()
    """(id that was merged away, id of the record that it went into)."""


def chunk_size(table: RecordTable) -> int:
    """How many rows a chunk of this table has."""
    return max(SMALLEST, min(LARGEST, CELLS // max(1, len(table.requested))))


def keep_newest(records: Iterable[Record]) -> list[Record]:
    """Keep one record an id: the newest, of equal ones the one read last."""
    read = list(records)
    if len({record.id for record in read}) == len(read):
        return read
    kept: dict[str, Record] = {}
    for record in read:
        known = kept.get(record.id)
        if known is None or _updated(record) >= _updated(known):
            kept[record.id] = record
    return list(kept.values())


def _updated(record: Record) -> datetime:
    moment: datetime | None = _times([record.updatedAt])[0].as_py()
    return moment or _UNDATED


def build_chunk(table: RecordTable, shape: RecordShape, records: Sequence[Record], stamp: Stamp) -> Chunk:
    """Build the chunk of these records, each id once; archived ones are tombstones with their values."""
    ids = pa.array([record.id for record in records], pa.string())
    columns: dict[str, pa.Array] = {
        "id": ids,
        "created_at": _times(record.createdAt for record in records),
        "updated_at": _times(record.updatedAt for record in records),
        "archived": pa.array([record.archived for record in records], pa.bool_()),
    }
    texts = shape.columns(records)
    unfit: dict[str, pa.Array] = {}
    for each in table.properties:
        columns[each.column], misfits = values.build_column(texts[each.property], each.type)
        if misfits is not None:
            unfit[each.property] = misfits
    if table.rest:
        columns[MORE] = _build_more({name: texts[name] for name in table.rest}, len(records))
    columns |= _build_tombstones(records)
    columns |= stamp_columns(stamp, len(records))
    columns[UNPARSED], count = _build_unparsed(texts, unfit, len(records))
    return Chunk(pa.table(columns), count, tuple(merged_pairs(records, texts.get(MERGED_IDS, []))))


def stamp_columns(stamp: Stamp, length: int) -> dict[str, pa.Array]:
    """Build the columns that say who wrote a row, and when."""
    return constants(RUN_COLUMNS, {"_hubferry_synced_at": stamp.now, "_hubferry_run_id": stamp.run_id}, length)


def constants(types: Mapping[str, ColumnType], given: Mapping[str, object], length: int) -> dict[str, pa.Array]:
    """Build columns that hold one value each; NULL where none is given."""
    return {
        name: pa.repeat(pa.scalar(given.get(name), arrow_type(column_type)), length)
        for name, column_type in types.items()
    }


def _build_tombstones(records: Sequence[Record]) -> dict[str, pa.Array]:
    if not any(record.archived for record in records):
        return constants(TOMBSTONE_COLUMNS, {}, len(records))
    reasons = ["archived" if record.archived else None for record in records]
    return {
        "_hubferry_deleted_at": _times(
            (record.archivedAt or record.updatedAt) if record.archived else None for record in records
        ),
        "_hubferry_deleted_reason": pa.array(reasons, pa.string()),
        "_hubferry_merged_into": pa.nulls(len(records), pa.string()),
    }


def _build_more(texts: Mapping[str, Sequence[str | None]], length: int) -> pa.Array:
    """Give the values of properties that have no column of their own, as JSON; what has no value is left out."""
    rows = ({name: values[place] for name, values in texts.items() if values[place]} for place in range(length))
    return pa.array([json.dumps(row, ensure_ascii=False, sort_keys=True) if row else None for row in rows], pa.string())


def _times(texts: Iterable[str | None]) -> pa.Array:
    return values.build_column(list(texts), "timestamp")[0]


def _build_unparsed(
    texts: Mapping[str, Sequence[str | None]], unfit: Mapping[str, pa.Array], length: int
) -> tuple[pa.Array, int]:
    """Keep each value that does not fit its column, as HubSpot sent it."""
    rows: dict[int, dict[str, str | None]] = {}
    for name, misfits in unfit.items():
        for place, is_unfit in enumerate(misfits.to_pylist()):
            if is_unfit:
                rows.setdefault(place, {})[name] = texts[name][place]
    if not rows:
        return pa.nulls(length, pa.string()), 0
    rendered = [
        json.dumps(rows[place], ensure_ascii=False, sort_keys=True) if place in rows else None
        for place in range(length)
    ]
    return pa.array(rendered, pa.string()), sum(len(row) for row in rows.values())


def merged_pairs(records: Sequence[Record], merged: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    """Give (id that was merged away, id of the record that it went into) by what the records say of it."""
    for record, text in zip(records, merged, strict=False):
        if text:
            yield from ((loser.strip(), record.id) for loser in text.split(";") if loser.strip() not in {"", record.id})
