"""What `forked` runs for the tests of state: loads rows chunk by chunk with its cursor, and may be killed anywhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from hubferry.clock import SystemClock
from hubferry.state.cursors import Cursor, save_cursor
from hubferry.state.store import StateStore
from hubferry.types import Column, Table
from hubferry.warehouse import duckdb as duckdb_warehouse
from hubferry.warehouse.arrow import table_from_rows

PORTAL = 42
ROWS = Table("crm", "rows", (Column("id", "string"), Column("chunk", "integer")), ("id",))
START = datetime(2026, 1, 1, tzinfo=UTC)


class Killing:
    """Counts statements, and kills this process before one of them."""

    def __init__(self, at: int | None) -> None:
        self.at, self.count = at, 0

    def step(self) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def killing_transaction(killing: Killing) -> type[duckdb_warehouse.DuckDBTransaction]:
    class KillingTransaction(duckdb_warehouse.DuckDBTransaction):
        def query(self, sql: str, params: Sequence[object] = ()) -> Any:
            killing.step()
            return super().query(sql, params)

        def execute(self, sql: str, params: Sequence[object] = ()) -> int:
            killing.step()
            return super().execute(sql, params)

    return KillingTransaction


class KillingWarehouse(duckdb_warehouse.DuckDBWarehouse):
    """A DuckDB warehouse whose statements may be the last."""

    killing = Killing(None)

    @contextmanager
    def transaction(self) -> Any:
        with super().transaction() as tx:
            yield killing_transaction(self.killing)(self, tx._connection)
            self.killing.step()  # between the last statement and COMMIT
        self.killing.step()  # between COMMIT and whatever follows


def load(warehouse: duckdb_warehouse.DuckDBWarehouse, chunks: int) -> None:
    """Resume after the cursor and load the chunks that are left, each with its cursor in one transaction."""
    state = StateStore(warehouse, SystemClock())
    state.migrate()
    warehouse.ensure_table(ROWS)
    run_id = state.start_run("pull", PORTAL, {})
    with state.acquire(PORTAL, run_id=run_id) as lease:
        cursor = state.cursor(PORTAL, "rows") or Cursor(scan=0)
        for number in range(cursor.scan, chunks):
            rows = [{"id": f"{number}-{row}", "chunk": number} for row in range(3)]
            with lease.transaction() as tx:
                tx.merge(ROWS, table_from_rows(ROWS, rows))
                save_cursor(
                    tx,
                    warehouse,
                    PORTAL,
                    "rows",
                    Cursor(value=START + timedelta(minutes=number), scan=number + 1, run_id=run_id),
                )
    state.finish_run(run_id, "done", {"rows": chunks * 3})


def main(path: str, chunks: int, kill_at_statement: int | None = None) -> None:
    """Load, and print the number of statements that it took."""
    KillingWarehouse.killing = Killing(kill_at_statement)
    load(KillingWarehouse(path), chunks)
    print(KillingWarehouse.killing.count)
