"""Chunks of hundreds of rows, of which engines tell by other ways than of a few what is new, moved, equal or older."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engines import ENGINES
from hubferry.types import Column, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import MergeCounts, Warehouse

ROWS, NEW = 600, 500
PEOPLE = Table(
    "crm",
    "crowd",
    (
        Column("id", "string"),
        Column("updated_at", "timestamp"),
        Column("name", "string"),
        Column("score", "double"),
        Column("tree", "json"),
        Column("tags", "strings"),
        Column("run", "string"),
    ),
    ("id",),
)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=ENGINES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


def person(number: int, *, minutes: int = 0, name: str | None = "Ada", run: str = "1") -> dict[str, Any]:
    return {
        "id": str(number),
        "updated_at": START + timedelta(minutes=minutes),
        "name": name,
        "score": number / 7,
        "tree": '{"b": 1, "a": null}' if number % 50 == 0 else None,
        "tags": ["x", None] if number % 3 == 0 else None,
        "run": run,
    }


def merge(warehouse: Warehouse, rows: list[dict[str, Any]], table: Table = PEOPLE) -> MergeCounts:
    chunk = table_from_rows(table, rows).select(list(rows[0]))
    with warehouse.transaction() as tx:
        return tx.merge(table, chunk, newest="updated_at", volatile=("run",))


def stored(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    rows = warehouse.query(f"SELECT id, updated_at, name, score, run FROM {warehouse.name('crm', 'crowd')}").to_pylist()
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: tuple(row.values())[1:] for row in rows}


def test_a_large_chunk_writes_what_is_new_or_changed_and_nothing_else(warehouse: Warehouse) -> None:
    seed = 20261126
    first = [person(number, minutes=5) for number in range(ROWS)]
    second = [
        *(person(number, minutes=5, run="2") for number in range(100)),  # equal but for what is volatile
        *(person(number, minutes=5, name=None, run="2") for number in range(100, 200)),  # other content, same time
        *(person(number, minutes=4, name="Old", run="2") for number in range(200, 300)),
        *(person(number, minutes=6, name="New", run="2") for number in range(300, 400)),
        *(person(number, run="2") for number in range(ROWS, ROWS + NEW)),
    ]
    Random(seed).shuffle(second)
    warehouse.ensure_table(PEOPLE)

    with warehouse.busy():
        assert merge(warehouse, first) == MergeCounts(inserted=ROWS)
        assert merge(warehouse, second) == MergeCounts(NEW, 200, 200), seed
        assert merge(warehouse, second) == MergeCounts(unchanged=len(second)), seed

    expected = {row["id"]: row for row in first}
    expected |= {row["id"]: row for row in second if not 200 <= int(row["id"]) < 300 and int(row["id"]) >= 100}
    assert stored(warehouse) == {
        key: (row["updated_at"], row["name"], row["score"], row["run"]) for key, row in expected.items()
    }


def test_columns_that_a_large_chunk_lacks_keep_their_values(warehouse: Warehouse) -> None:
    warehouse.ensure_table(PEOPLE)
    merge(warehouse, [person(number) for number in range(ROWS)])
    moved = [{"id": str(number), "updated_at": START + timedelta(minutes=9)} for number in range(ROWS)]

    assert merge(warehouse, moved) == MergeCounts(updated=ROWS)

    assert {row[1] for row in stored(warehouse).values()} == {"Ada"}
    assert {row[0] for row in stored(warehouse).values()} == {START + timedelta(minutes=9)}
