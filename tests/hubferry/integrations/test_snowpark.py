"""Snowflake from within, on Snowpark's own Session; `make test-integrations` installs it.

Outside an account a Session puts files by PUT, so that this shows what the stand-in of procedure_session.py cannot: that Snowpark
takes our stage locations and arguments, and that its connection answers as ours does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

snowpark = pytest.importorskip(
    "snowflake.snowpark", reason="Snowpark is not installed here: make test-integrations has it"
)

from snowflake.connector.cursor import SnowflakeCursor  # noqa: E402

from engines import snowflake_settings  # noqa: E402
from hubferry.types import Column, Table  # noqa: E402
from hubferry.warehouse.arrow import table_from_rows  # noqa: E402
from hubferry.warehouse.snowflake.account import connect  # noqa: E402
from hubferry.warehouse.snowflake.hosted import HostedWarehouse  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # Snowpark warns of itself
PEOPLE = Table("crm", "people", (Column("id", "string"), Column("at", "timestamp"), Column("tree", "json")), ("id",))


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostedWarehouse]:
    """A database of fakesnow, which does not know the quotation marks that Snowpark puts around a stage."""
    execute = SnowflakeCursor.execute

    def without_marks(self: Any, statement: str, *args: Any, **options: Any) -> Any:
        return execute(self, re.sub(r"^(\s*PUT\s+'[^']*'\s+)'(@[^']*)'", r"\1\2", statement), *args, **options)

    monkeypatch.setattr(SnowflakeCursor, "execute", without_marks)
    settings = snowflake_settings("hubferry_test_snowpark")
    with connect(settings, "tests") as connection:
        connection.cursor().execute(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
        session = snowpark.Session.builder.configs({"connection": connection}).create()
        yield HostedWarehouse(session, settings.database)


def test_rows_go_in_by_put_stream_and_come_back_as_they_were(warehouse: HostedWarehouse) -> None:
    rows = [{"id": str(number), "tree": '{"a":null}'} for number in range(3_000)]
    warehouse.ensure_table(PEOPLE)

    with warehouse.transaction() as tx:
        tx.merge(PEOPLE, table_from_rows(PEOPLE, rows))

    found = warehouse.query(f"SELECT count(*) AS n FROM {warehouse.name('crm', 'people')} WHERE id <> ?", ("0",))
    assert found.to_pylist() == [{"n": 2_999}]
    assert (warehouse.statements["PUT_STREAM"], warehouse.statements["PUT"]) == (1, 0)


def test_a_source_is_described_and_read_in_batches(warehouse: HostedWarehouse) -> None:
    sql = "SELECT 1 AS one, 'a' AS two"

    columns = [(each.name, each.type) for each in warehouse.describe_source(sql)]

    assert columns == [("one", "integer"), ("two", "string")]
    assert [batch.to_pylist() for batch in warehouse.query_batches(sql)] == [[{"one": 1, "two": "a"}]]
