"""What a first push of links costs in calls: pairs of contacts and companies that are not linked yet, named by record ids.

`python bench/links.py [PAIRS]` prints the calls of plan and apply beside the floor: every row's record read (100 a call), every
named record read (100 a call), the links of every row read (1,000 a call) for the plan and once more just before they are
written, and every pair written (2,000 a call).
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa

from hubferry.clock import SystemClock
from hubferry.config.model import Sync, SyncBlock
from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import RecordShape
from hubferry.push.apply import run_push
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from pull import emulator

EACH = 10
"""Links a contact."""


def fetch_ids(client: Client, object_name: str) -> list[str]:
    """Give the record ids of an object."""
    pages = Scan(client, object_name, RecordShape(("hs_object_id",))).pages()
    return sorted({record.id for page in pages for record in page.records}, key=int)


def fill(path: Path, contacts: list[str], companies: list[str]) -> None:
    """Have the source name EACH companies for every contact, spread over all companies."""
    links = [
        [companies[(place * EACH + each) % len(companies)] for each in range(EACH)] for place in range(len(contacts))
    ]
    table = pa.table({"id": contacts, "firms": pa.array(links, pa.list_(pa.string()))})
    with duckdb.connect(str(path)) as connection:
        connection.register("rows", table)
        connection.execute("CREATE TABLE main.people AS SELECT * FROM rows")


def main(pairs: int = 1_000_000) -> None:
    """Measure and print."""
    with emulator(pairs // EACH) as base_url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.duckdb"
        with Client(token=Secret("pat-bench"), base_url=base_url, burst_limit=1_000_000) as client:
            contacts, companies = (fetch_ids(client, name) for name in ("contacts", "companies"))
            fill(path, contacts, companies)
            block = {
                "source": "main.people",
                "key": "id",
                "object": "contacts",
                "mode": "update",
                "fields": {"hs_object_id": "id"},
                "associations": [{"to": "companies", "column": "firms"}],
            }
            warehouse = DuckDBWarehouse(path)
            sync = Sync(name="links", file="links.yml", block=SyncBlock.model_validate(block))
            calls, started, cpu = client.usage.counted, time.monotonic(), time.process_time()
            report = run_push(
                syncs=[sync], client=client, warehouse=warehouse, state=StateStore(warehouse, SystemClock())
            )
            calls = client.usage.counted - calls
            seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    asked, made = report.plan.counts["links"], report.links["links"].applied
    floor = len(contacts) // 100 + min(len(companies), pairs) // 100 + 2 * len(contacts) // 1_000 + made // 2_000
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{asked.links:,} pairs asked for, {made:,} made, exit {report.exit_code}")
    print(f"{calls:,} calls, floor {floor:,}: {calls / floor:.3f} x")
    print(f"{seconds:.0f} s, {cpu:.0f} s of CPU, peak memory {memory:,} MB")


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
