"""Columns that list the ids of linked records, such as `contact_ids` of deals: kept equal to the table of links."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from hubferry.pull.chunks import stamp_columns
from hubferry.pull.pulling import Pulling
from hubferry.streams.definition import VOLATILE, Stream
from hubferry.warehouse.interface import Transaction


def merge_link_columns(
    tx: Transaction,
    pulling: Pulling,
    links: str,
    sides: Sequence[str],
    pair: tuple[str, str],
    group: frozenset[str] | None,
) -> None:
    """Write the link columns of records whose links were written just now.

    `group` None: of those that have no list yet, and of those that lost a link in this run because its other end went.

    Records that are not live keep the ids that they had while they were.
    """
    for name, target in (pair, pair[::-1]):
        stream = pulling.catalog.by_object.get(name)
        if stream is None or pulling.table_of(name) is None:
            continue
        for column, linked in stream.link_columns.items():
            if linked == target:
                _merge_column(tx, pulling, links, stream, column, target, group, reads_from=name in sides)


def _merge_column(
    tx: Transaction,
    pulling: Pulling,
    links: str,
    stream: Stream,
    column: str,
    target: str,
    group: frozenset[str] | None,
    *,
    reads_from: bool,
) -> None:
    storage = pulling.storage_of(stream)
    quote, name = pulling.warehouse.quote, pulling.warehouse.name(pulling.schema, storage.current.name)
    if not storage.current.columns:
        return
    live = f"SELECT id FROM {name} WHERE {quote('_hubferry_deleted_at')} IS NULL"
    if group is None:
        lost = (
            f"SELECT from_id FROM {links} WHERE from_object = ? AND to_object = ? AND {quote('_hubferry_run_id')} = ?"
            f" AND {quote('_hubferry_deleted_at')} IS NOT NULL"
        )
        found = tx.query(
            f"{live} AND ({quote(column)} IS NULL OR id IN ({lost}))", (stream.name, target, pulling.run_id)
        )
        ids = found["id"].to_pylist()
    else:
        end = "from_id" if reads_from else "to_id"
        with tx.register("group", pa.table({"id": pa.array(sorted(group), pa.string())})) as rows:
            touched = (
                f"SELECT from_id FROM {links} WHERE from_object = ? AND to_object = ? AND {end} IN (SELECT id FROM {rows})"
                f" AND {quote('_hubferry_run_id')} = ?"
            )
            way = (_object(stream), target, pulling.run_id)
            ids = tx.query(f"{live} AND id IN ({touched})", way)["id"].to_pylist()
    if ids:
        since = pulling.stamp()
        lists = _build_lists(tx, pulling, links, (_object(stream), target), column, ids)
        tx.merge(storage.current, lists, volatile=VOLATILE)
        storage.append_written(tx, since)


def _build_lists(
    tx: Transaction, pulling: Pulling, links: str, way: tuple[str, str], column: str, ids: Sequence[str]
) -> pa.Table:
    deleted, stamp = pulling.warehouse.quote("_hubferry_deleted_at"), pulling.stamp()
    lists: dict[str, list[str]] = {each: [] for each in ids}
    with tx.register("owners", pa.table({"id": pa.array(ids, pa.string())})) as rows:
        found = tx.query(
            f"SELECT DISTINCT from_id, to_id FROM {links} WHERE from_object = ? AND to_object = ? AND {deleted} IS NULL"
            f" AND from_id IN (SELECT id FROM {rows})",
            way,
        )
    for from_id, to_id in zip(found["from_id"].to_pylist(), found["to_id"].to_pylist(), strict=True):
        lists[from_id].append(to_id)
    values = [sorted(each, key=lambda to_id: (len(to_id), to_id)) for each in lists.values()]
    made = {"id": pa.array(ids, pa.string()), column: pa.array(values, pa.list_(pa.string()))}
    return pa.table({**made, **stamp_columns(stamp, len(ids))})


def _object(stream: Stream) -> str:
    assert stream.object is not None
    return stream.object.name
