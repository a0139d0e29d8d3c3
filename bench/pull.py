"""What a pull costs in CPU: this process alone, the emulator in another, HubSpot's limits off.

`python bench/pull.py [CONTACTS] [PROPERTIES]` prints seconds of CPU per 100,000 records, first load and re-read, their ratio to
the floor (decoding the same pages and nothing else), and the peak memory. Run with 10,000, 100,000 and 1,000,000 it shows cost
against size.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from hubferry.clock import SystemClock
from hubferry.config.model import PullBlock
from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import fetch_properties
from hubferry.hubspot.records import RecordShape
from hubferry.pull.run import run_pull
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse

FLOOR_PAGES = 20


@contextmanager
def emulator(contacts: int) -> Iterator[str]:
    """Run an emulator in a process of its own; give its address."""
    options = ["--port=0", "--control-port=0", f"--contacts={contacts}", "--no-limits"]
    process = subprocess.Popen([sys.executable, "-m", "hubspot_emulator", *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = None
        while found is None:
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def measure_floor(base_url: str, names: list[str]) -> float:
    """Give the CPU seconds that decoding 100,000 records takes."""
    shape, bodies, after = RecordShape(names), [], ""
    with urllib3.PoolManager() as pool:
        for _ in range(FLOOR_PAGES):
            fields = {"limit": "100", "properties": ",".join(names), **({"after": after} if after else {})}
            answer = pool.request(
                "GET",
                f"{base_url}/crm/objects/2026-09/contacts",
                fields=fields,
                headers={"Authorization": "Bearer pat-bench"},
            )
            bodies.append(answer.data)
            after = shape.pages.decode(answer.data).after or ""
            if not after:
                break
    started = time.process_time()
    count = sum(len(shape.pages.decode(body).results) for body in bodies)
    return (time.process_time() - started) / count * 100_000


def main(contacts: int = 100_000, properties: int = 60) -> None:
    """Measure and print."""
    with emulator(contacts) as base_url, tempfile.TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(Path(folder) / "bench.duckdb")
        with Client(token=Secret("pat-bench"), base_url=base_url, burst_limit=1_000_000) as client:
            names = sorted(each.name for each in fetch_properties(client, "contacts"))[:properties]
            floor = measure_floor(base_url, names)
            block = PullBlock.model_validate({"streams": {"contacts": {"properties": names, "associations": []}}})
            print(f"decode only: {floor:.2f} s of CPU per 100,000 records x {properties} properties")
            for what in ("first load", "re-read"):
                cpu, wall = time.process_time(), time.monotonic()
                report = run_pull(
                    client=client,
                    warehouse=warehouse,
                    state=StateStore(warehouse, SystemClock()),
                    pull=block,
                    full_refresh=True,
                ).streams[0]
                cpu = (time.process_time() - cpu) / report.read * 100_000
                print(f"{what}: {cpu:.2f} s, {cpu / floor:.1f} x decode only ({time.monotonic() - wall:.1f} s passed)")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"peak memory of this process: {peak:,.0f} MB")


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
