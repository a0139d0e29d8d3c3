"""What a push of a very large table holds in memory: rows that the ledger knows, of which one in a hundred changed.

`python bench/push_memory.py [ROWS]` makes a portal with the contacts that change, a source of all rows, and a ledger that knows
them, all that in a process of its own; then pushes, which reads every row of the source, asks HubSpot about the changed ones,
and writes those. Prints the peak memory of the process that pushes, to be held under 600 MB whatever the number of rows, and
the calls.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from hubferry.clock import SystemClock
from hubferry.config.model import Sync, SyncBlock
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import RecordShape
from hubferry.push.apply import run_push
from hubferry.push.mapping import build_mapping
from hubferry.push.portal import Portal
from hubferry.push.rows import DesiredRow, build_row
from hubferry.push.source import query_rows, query_source_columns
from hubferry.state.push_tables import LEDGER
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.duckdb import DuckDBWarehouse
from pull import emulator

EVERY = 100
"""One row in so many changes."""
TEXTS = ("firstname", "lastname", "phone", "city", "zip", "jobtitle", "company")


def main(rows: int = 1_000_000) -> int:
    """Measure and print; 1 where the memory is not held."""
    with emulator(rows // EVERY) as base_url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.duckdb"
        filling = multiprocessing.get_context("spawn").Process(target=prepare, args=(base_url, path, rows))
        filling.start()
        filling.join()
        with portal(base_url) as client:
            warehouse, started, cpu = DuckDBWarehouse(path), time.monotonic(), time.process_time()
            state, before = StateStore(warehouse, SystemClock()), peak_mb()
            report = run_push(syncs=[build_sync()], client=client, warehouse=warehouse, state=state)
            calls, seconds, cpu = client.usage.counted, time.monotonic() - started, time.process_time() - cpu
    counts, outcome, peak = report.plan.counts["people"], report.rows["people"], peak_mb()
    print(f"{counts.rows:,} rows, {counts.unchanged:,} unchanged, {outcome.applied:,} written, exit {report.exit_code}")
    print(f"{calls:,} calls, floor {2 * -(-outcome.applied // 100):,}; {seconds:.0f} s, {cpu:.0f} s of CPU")
    print(f"peak memory {peak:,} MB (held: 600), {before:,} MB before the push began")
    return 0 if peak < 600 and outcome.applied and not report.exit_code else 1


def portal(base_url: str) -> Client:
    """Give a client without limits."""
    return Client(token=Secret("pat-bench"), base_url=base_url, burst_limit=1_000_000)


def peak_mb() -> int:
    """Give the most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def build_sync() -> Sync:
    """Give the sync that is pushed."""
    block = {"source": "main.people", "key": "id", "object": "contacts", "mode": "update"}
    fields = {"hs_object_id": "record"} | {name: name for name in TEXTS}
    return Sync(name="people", file="people.yml", block=SyncBlock.model_validate(block | {"fields": fields}))


def prepare(base_url: str, path: Path, rows: int) -> None:
    """Make the source and the ledger, then change some rows of the source."""
    with portal(base_url) as client:
        pages = Scan(client, "contacts", RecordShape(("hs_object_id",))).pages()
        contacts = sorted({record.id for page in pages for record in page.records}, key=int)
        warehouse = DuckDBWarehouse(path)
        StateStore(warehouse, SystemClock()).migrate()
        fill(path, contacts, rows)
        with warehouse.session():
            remember(client, warehouse, build_sync())
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"UPDATE main.people SET firstname = 'Changed' WHERE id % {EVERY} = 0")


def fill(path: Path, contacts: list[str], rows: int) -> None:
    """Make the source: the rows that will change are the portal's contacts, the others are records that nobody asks about."""
    table = pa.table({"place": range(len(contacts)), "record": contacts})
    columns = ", ".join(f"'{name} ' || i AS {name}" for name in TEXTS)
    with duckdb.connect(str(path)) as connection:
        connection.register("known", table)
        connection.execute(
            f"CREATE TABLE main.people AS SELECT i AS id, coalesce(k.record, CAST(10000000000 + i AS VARCHAR)) AS record,"
            f" {columns} FROM range({rows}) t(i) LEFT JOIN known k ON i = k.place * {EVERY} ORDER BY i"
        )


def remember(client: Client, warehouse: DuckDBWarehouse, sync: Sync) -> None:
    """Have the ledger know every row, as a push that wrote them all would."""
    mapping = build_mapping(sync, Portal(client), query_source_columns(sync, warehouse))
    stamp = {"portal_id": fetch_account(client).portal_id, "run_id": "bench", "written_at": datetime.now(UTC)}
    for batch in query_rows(mapping, warehouse):
        built = [build_row(mapping, values, 1) for values in batch]
        known = [
            {
                "sync": sync.name,
                "row_key": row.key,
                "object": "contacts",
                "record_id": row.record_id,
                "row_hash": row.hash,
            }
            | {"sent": "{}", "stored": "{}", "created": False, **stamp}
            for row in built
            if isinstance(row, DesiredRow)
        ]
        with warehouse.transaction() as tx:
            tx.append(LEDGER.table, table_from_rows(LEDGER.table, known))


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:])))
