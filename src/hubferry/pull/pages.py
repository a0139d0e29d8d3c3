"""Pulls one stream that is read whole each time: owners, pipelines. Its tables are written in one transaction."""

from __future__ import annotations

from typing import Any

from hubferry.hubspot.readers.pages import fetch_pages
from hubferry.pull import snapshots
from hubferry.pull.pulling import Pulling
from hubferry.pull.records import Tally
from hubferry.state.crash import crashpoint
from hubferry.state.cursors import Cursor, save_cursor
from hubferry.streams.definition import RUN_COLUMNS, TOMBSTONE_COLUMNS, Raw, Stream, build_side_table
from hubferry.types import Column, Table


def build_table(schema: str, stream: Stream) -> Table:
    """Build the table of a stream of pages."""
    columns = {**stream.columns, **TOMBSTONE_COLUMNS, **RUN_COLUMNS}
    return Table(schema, stream.name, tuple(Column(*each) for each in columns.items()), stream.key)


def pull_pages(pulling: Pulling, stream: Stream, tally: Tally) -> None:
    """Read every pass of the list, then make the tables equal to it."""
    assert stream.parse is not None
    table = build_table(pulling.schema, stream)
    for each in (table, *(build_side_table(pulling.schema, side) for side in stream.side_tables)):
        pulling.warehouse.ensure_table(each)
    started = pulling.client.now()
    results = _fetch_all(pulling, stream, tally)
    stamp = pulling.stamp()
    with pulling.lease.transaction() as tx:
        rows = [stream.parse(each) for each in results]
        live = tx.query(
            f"SELECT count(*) AS n FROM {pulling.warehouse.name(table.schema, table.name)}"
            f" WHERE {pulling.warehouse.quote('_hubferry_deleted_at')} IS NULL"
        )["n"][0].as_py()
        counts, gone = snapshots.merge_snapshot(tx, pulling.warehouse, table, rows, {}, stamp)
        snapshots.check_vanished(stream.name, gone, live, allowed=pulling.allow_deletes)
        for side in stream.side_tables:
            side_rows = [row for each in results for row in side.parse(each)]
            side_table = build_side_table(pulling.schema, side)
            snapshots.merge_snapshot(tx, pulling.warehouse, side_table, side_rows, side.scope, stamp)
        crashpoint("pull.chunk_merged")
        cursor = Cursor(value=started, run_id=pulling.run_id, updated_at=stamp.now)
        save_cursor(tx, pulling.portal_id, stream.name, cursor)
    tally.merged, tally.deleted = counts, gone


def _fetch_all(pulling: Pulling, stream: Stream, tally: Tally) -> list[Raw]:
    """Read every pass; these lists are short."""
    tally.reader, calls = "pages", pulling.calls()
    results: list[Raw] = []
    for params in stream.passes:
        for page in fetch_pages(pulling.client, stream.path, type=dict[str, Any], params=params):
            crashpoint("pull.page_fetched")
            pulling.stop.check()
            results += page
            tally.read = len(results)
            pulling.tell(stream.name, done=tally.read)
    tally.floor_calls = pulling.calls() - calls
    return results
