"""How a push reads its source."""

from __future__ import annotations

from typing import Any

from hubferry.push.mapping import build_mapping
from hubferry.push.portal import Portal
from hubferry.push.source import BATCH_ROWS, query_rows, query_source_columns


def test_the_warehouse_is_let_go_before_the_first_rows_are_planned(world: Any) -> None:
    """Else DuckDB would keep in memory what the plan writes, until the last row of the source is read."""
    names = "'p' || i || '@x.com' AS email, 'Ann' AS firstname"
    world.sql(f"CREATE TABLE main.people AS SELECT i AS id, {names} FROM range({BATCH_ROWS + 1}) AS r(i)")
    (sync,) = world.syncs
    mapping = build_mapping(sync, Portal(world.client), query_source_columns(sync, world.warehouse))
    batches = query_rows(mapping, world.warehouse)

    first = next(batches)

    world.sql("UPDATE main.people SET firstname = 'Bob'", "CHECKPOINT")  # opens the file anew, which nobody holds
    assert len(first) + sum(map(len, batches)) == BATCH_ROWS + 1
