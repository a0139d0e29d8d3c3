"""An erased record's values are gone wherever the engine keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engines import postgres_engine
from hubferry.pull.chunks import Stamp
from hubferry.pull.tombstones import erase
from hubferry.streams.definition import OWN_COLUMNS, RECORD_COLUMNS
from hubferry.types import Column, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Warehouse
from hubferry.warehouse.postgres.layout import COLUMN_LIMIT

WIDE = Table(
    "crm",
    "contacts",
    (
        *(Column(*each) for each in RECORD_COLUMNS.items()),
        *(Column(f"it's p{number}", "string") for number in range(COLUMN_LIMIT)),
        *(Column(*each) for each in OWN_COLUMNS.items()),
    ),
    ("id",),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with postgres_engine(tmp_path) as opened:
        yield opened


def test_values_beyond_postgresqls_columns_are_erased_too(warehouse: Warehouse) -> None:
    first, last = "it's p0", f"it's p{COLUMN_LIMIT - 1}"
    now = datetime(2026, 11, 23, tzinfo=UTC)
    rows = [{"id": each, "created_at": now, first: "ada", last: "ada"} for each in ("1", "2")]
    warehouse.ensure_table(WIDE)
    with warehouse.transaction() as tx:
        tx.merge(WIDE, table_from_rows(WIDE, rows).select(["id", "created_at", first, last]))

    with warehouse.transaction() as tx:
        erase(tx, warehouse, WIDE, ["1"], Stamp("run", now))

    erased, kept = warehouse.query('SELECT * FROM crm.contacts ORDER BY "id"').to_pylist()
    assert "ada" not in str(erased)
    assert (erased["_hubferry_deleted_reason"], erased["created_at"]) == ("erased", now)
    assert (kept[first], last in kept["_hubferry_more"]) == ("ada", True)
