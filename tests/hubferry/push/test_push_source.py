"""How a push reads its source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines import ENGINES
from hubferry.errors import SourceError, WarehouseError
from hubferry.push.mapping import build_mapping
from hubferry.push.portal import Portal
from hubferry.push.source import BATCH_ROWS, query_row, query_rows, query_source_columns
from hubferry.warehouse.interface import Warehouse


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


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("type_", ["date", "timestamp", "timestamptz"])
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"])
def test_a_date_that_no_year_of_ours_has_ends_the_reading_and_names_sync_and_column(
    world: Any, make_sync: Any, warehouse: Warehouse, moment: str, type_: str
) -> None:
    if warehouse.engine == "duckdb":
        moment = moment.replace(" BC", " (BC)")
    dated = f"SELECT i AS id, 'a@x.com' AS email, CASE WHEN i = 2 THEN CAST('{moment}' AS {type_}) END AS last_seen"
    query = f"{dated} FROM generate_series(1, 3) AS t(i)"
    sync = make_sync(source=None, query=query, fields={"email": "email", "firstname": "last_seen"})
    mapping = build_mapping(sync, Portal(world.client), query_source_columns(sync, warehouse))

    for read in (lambda: list(query_rows(mapping, warehouse)), lambda: query_row(mapping, warehouse, "2")):
        with pytest.raises(SourceError, match=r"sync 'contacts' .*infinity, in one of the columns 'last_seen'") as told:
            read()
        assert moment[:5] not in str(told.value).replace("infinity,", "")


def test_a_list_of_decimals_is_read_as_json(world: Any, make_sync: Any) -> None:
    sync = make_sync(source=None, query="SELECT 1 AS id, 'a@x.com' AS email, [1.5::DECIMAL(5, 2)] AS firstname")
    mapping = build_mapping(sync, Portal(world.client), query_source_columns(sync, world.warehouse))

    [[row]] = query_rows(mapping, world.warehouse)

    assert row["f1"] in {"[1.5]", "[1.50]"}


@pytest.mark.parametrize("full", [True, False])
def test_an_error_of_sql_names_the_sync_that_it_is_of(world: Any, make_sync: Any, full: bool) -> None:
    """A run may be of many syncs, and an expression is looked at by the warehouse alone."""
    fine, where = make_sync("fine", fields={"email": "email"}), "CAST(firstname AS INTEGER) > 0"
    world.people((1, "a@x.com", "1"))
    world.syncs = [fine, make_sync("chosen", where=where, fields={"email": "email"})]
    world.push()
    world.sql("UPDATE main.people SET firstname = 'Ann'")

    with pytest.raises(WarehouseError, match="sync 'chosen' "):
        world.push(full=full)
    world.syncs = [fine, make_sync("made", fields={"email": "email", "lastname": {"sql": "nobody"}})]
    with pytest.raises(WarehouseError, match="sync 'made' "):
        world.push(full=full)
