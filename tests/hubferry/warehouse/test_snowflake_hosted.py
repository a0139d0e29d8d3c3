"""What is of Snowflake from within alone: one session that cannot be closed, files by its file API, threads in turns.

The contract of every warehouse runs on it too (`-k hosted`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest
from snowflake.connector.errors import ProgrammingError

from engines import procedure_session
from hubferry.errors import WarehouseError
from hubferry.types import Column, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.snowflake.hosted import HostedWarehouse

PEOPLE = Table("crm", "people", (Column("id", "string"), Column("name", "string")), ("id",))


@pytest.fixture(scope="module")
def warehouse() -> Iterator[HostedWarehouse]:
    with procedure_session() as (session, database):
        made = HostedWarehouse(session, database)
        made.ensure_table(PEOPLE)
        yield made


def people(count: int, called: str) -> pa.Table:
    return table_from_rows(PEOPLE, [{"id": f"{called} {number}", "name": "Ada"} for number in range(count)])


def count_of(warehouse: HostedWarehouse) -> int:
    return int(warehouse.query(f"SELECT count(*) AS n FROM {warehouse.name('crm', 'people')}")["n"][0].as_py())


def test_the_session_refuses_what_snowflake_refuses_in_a_procedure(warehouse: HostedWarehouse) -> None:
    """The stand-in is as strict as the documentation, or these tests would show nothing."""
    with warehouse._pool.connection() as session:
        for refused in ("PUT file:///tmp/x @s", "CREATE TEMPORARY STAGE s", "ALTER SESSION SET TIMEZONE = 'UTC'"):
            with pytest.raises(ProgrammingError, match="refused in a stored procedure"):
                session.run(refused)


def test_many_rows_go_through_the_file_api_and_nothing_stays_of_it(warehouse: HostedWarehouse) -> None:
    rows, before = count_of(warehouse), warehouse.statements.copy()

    with warehouse.transaction() as tx:
        tx.merge(PEOPLE, people(3_000, "many"))

    used = warehouse.statements - before
    assert (used["PUT_STREAM"], used["PUT"], used["COPY"]) == (1, 0, 1)
    assert count_of(warehouse) == rows + 3_000
    assert warehouse.query_tables("hubferry") == ()


def test_a_transaction_that_fails_leaves_nothing_and_the_session_goes_on(warehouse: HostedWarehouse) -> None:
    before = count_of(warehouse)

    def append_and_fail() -> None:
        with warehouse.transaction() as tx:
            tx.append(PEOPLE, people(1, "lost"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        append_and_fail()

    assert count_of(warehouse) == before


def test_a_second_transaction_of_a_thread_is_refused(warehouse: HostedWarehouse) -> None:
    with (
        pytest.raises(WarehouseError, match="a transaction is open"),
        warehouse.transaction(),
        warehouse.transaction(),
    ):
        pass


def test_threads_take_turns_whole_transactions_long(warehouse: HostedWarehouse) -> None:
    """A run beats its lease by a thread of its own: that must wait, and never fall into a transaction of the run."""
    seen: list[int] = []
    inside = threading.Event()

    def look() -> None:
        inside.wait()
        seen.append(count_of(warehouse))

    before = count_of(warehouse)
    thread = threading.Thread(target=look)
    thread.start()
    with warehouse.transaction() as tx:
        inside.set()
        for number in range(3):
            tx.append(PEOPLE, people(1, f"turn {number}"))
    thread.join()

    assert seen == [before + 3]


def test_another_thread_writes_while_a_source_is_read(warehouse: HostedWarehouse) -> None:
    with warehouse.transaction() as tx:
        tx.append(PEOPLE, people(3, "read"))
    batches = warehouse.query_batches(f"SELECT id FROM {warehouse.name('crm', 'people')}", rows=1)
    next(batches)

    def write() -> None:
        with warehouse.transaction() as tx:
            tx.execute(f"UPDATE {warehouse.name('crm', 'people')} SET name = 'Bob' WHERE id = 'read 1'")

    thread = threading.Thread(target=write)
    thread.start()
    thread.join(timeout=60)

    assert not thread.is_alive()
    assert sum(batch.num_rows for batch in batches) == count_of(warehouse) - 1
