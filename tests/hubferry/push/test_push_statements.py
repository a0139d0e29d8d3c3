"""What a push of one row asks of the warehouse: on Snowflake every statement is a round trip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from hubferry.warehouse.duckdb import DuckDBTransaction, DuckDBWarehouse

PLACES = ((DuckDBWarehouse, "query"), (DuckDBTransaction, "query"), (DuckDBTransaction, "execute"))


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each statement was run, but for a source that is streamed."""
    seen = Counter[str]()

    def counting(run: Callable[..., Any]) -> Callable[..., Any]:
        def counted(owner: Any, sql: str, *args: Any, **options: Any) -> Any:
            seen[sql] += 1
            return run(owner, sql, *args, **options)

        return counted

    for owner, name in PLACES:
        monkeypatch.setattr(owner, name, counting(getattr(owner, name)))
    return seen


def test_a_push_of_one_row_asks_each_thing_once(world: Any, statements: Counter[str]) -> None:
    world.people(*((key, f"p{key}@x.com", "Ann") for key in range(3)))
    world.push()
    world.sql("UPDATE main.people SET firstname = 'Bob' WHERE id = 1")
    statements.clear()

    report = world.push()

    assert report.rows["contacts"].applied == 1
    assert statements.total() <= 66
    steps = [sql for sql in statements.elements() if "plan_steps" in sql and sql.startswith("SELECT")]
    assert len(steps) == 5  # two of what is open, then where steps are, the one to write, and what became of all
