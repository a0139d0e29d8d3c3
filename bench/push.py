"""What a push costs: calls, seconds and memory, against the floor that HubSpot's limits set (100 records a call, 19 calls a second).

Runs the emulator as a process and pushes rows of a DuckDB table into an empty portal, each figure with its ratio:
a first load by upsert (with the limits on and 500 ms of latency unless told otherwise), a full plan, a push with 1 % changed.
`--rows 1000000 --no-limits` shows that memory does not grow; `--poison 5` has HubSpot refuse so many rows, whole batches at a time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from hubferry.clock import SystemClock
from hubferry.config.model import Sync, SyncBlock
from hubferry.hubspot.client import Client
from hubferry.push.apply import PushReport, run_push
from hubferry.push.plan import Plan, build_plan
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse

CALLS_A_SECOND, UNLIMITED = 19, 1_000_000
SERVE = """
import json, sys, time
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings
settings, knobs = json.loads(sys.argv[1])
with Emulator(Settings(contacts=0, companies=0, deals=0, knobs=Knobs(**knobs), **settings)) as portal:
    print(portal.base_url, flush=True)
    time.sleep(86_400)
"""
FIELDS = {name: name for name in ("email", "firstname", "lastname", "phone", "city", "zip", "jobtitle", "company")}


def main() -> int:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--latency-ms", type=float, default=500)
    parser.add_argument("--no-limits", action="store_true")
    parser.add_argument("--poison", type=int, default=0)
    options = parser.parse_args()
    with emulator(options) as base_url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        burst = UNLIMITED if options.no_limits else 190
        with Client(token=Secret("pat-na1-bench"), base_url=base_url, burst_limit=burst) as client:
            return Bench(client, path, options.rows, options.poison).run()


@contextmanager
def emulator(options: argparse.Namespace) -> Iterator[str]:
    """Run an emulator in a process of its own; give its address."""
    knobs = {"update_with_trace_ids_is_partial": False} if options.poison else {}
    settings = {"latency_ms": options.latency_ms} if not options.no_limits else {"limits": False}
    command = [sys.executable, "-c", SERVE, json.dumps([settings, knobs])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


class Bench:
    """One warehouse and one portal."""

    def __init__(self, client: Client, path: Path, rows: int, poison: int) -> None:
        self.client, self.path, self.rows, self.poison = client, path, rows, poison
        self.warehouse = DuckDBWarehouse(path)
        self.state = StateStore(self.warehouse, SystemClock())
        block = {
            "source": "main.people",
            "key": "id",
            "object": "contacts",
            "mode": "upsert",
            "match": "email",
            "fields": FIELDS,
        }
        self.syncs = [Sync(name="people", file="syncs/people.yml", block=SyncBlock.model_validate(block))]

    def run(self) -> int:
        """Print every figure; 1 where one is not held."""
        self._fill()
        pages = -(-self.rows // 100)
        changed = self.rows // 100
        held = [
            self._measure("first load by upsert, seconds", self._push, 2 * pages, 1.15, timed=True),
            self._measure("full plan, calls", self._plan, pages, 1.2),
        ]
        self._sql(f"UPDATE main.people SET firstname = 'Changed' WHERE id % 100 = 7 AND id <= {self.rows}")
        held.append(self._measure("push with 1 % changed, calls", self._push, 2 * -(-changed // 100), 1.3))
        if self.poison:
            held.append(self._poison(pages))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {peak:.0f} MB (held: 600)")
        return 0 if all(held) and peak < 600 else 1

    def _poison(self, pages: int) -> bool:
        """Updates that HubSpot refuses whole: all rows change, and a few to a value that no rule of ours foresees."""
        self._sql(
            "UPDATE main.people SET lastname = 'L2'",
            f"UPDATE main.people SET email = 'p' || id || '@x.invalid' WHERE id <= {self.poison}",
        )
        before = self.client.usage.counted
        report = self._push()
        assert isinstance(report, PushReport)
        extra, allowed = self.client.usage.counted - before - 2 * pages, 15 * self.poison + pages // 10
        rejected = report.rows["people"].rejected
        print(f"{self.poison} poisoned rows: {rejected} rejected, {extra} calls more than the floor (held: {allowed})")
        return rejected == self.poison and extra <= allowed

    def _measure(
        self, what: str, act: Callable[[], Plan | PushReport], floor: int, held: float, *, timed: bool = False
    ) -> bool:
        calls, cpu, started = self.client.usage.counted, time.process_time(), time.monotonic()
        act()
        calls, cpu, seconds = self.client.usage.counted - calls, time.process_time() - cpu, time.monotonic() - started
        limited = self.client.burst_limit < UNLIMITED
        found, least = (seconds, floor / CALLS_A_SECOND) if timed and limited else (calls, floor)
        print(
            f"{what}: {found:,.1f}, floor {least:,.1f}, ratio {found / least:.3f} (held: {held});"
            f" {calls:,} calls, {seconds:.1f} s, {cpu:.1f} s of CPU",
            flush=True,
        )
        return found <= held * least

    def _push(self) -> PushReport:
        with self.warehouse.session():
            return run_push(syncs=self.syncs, client=self.client, warehouse=self.warehouse, state=self.state)

    def _plan(self) -> Plan:
        with self.warehouse.session():
            return build_plan(syncs=self.syncs, client=self.client, warehouse=self.warehouse, state=self.state)

    def _fill(self) -> None:
        columns = ", ".join(f"'{name} ' || i AS {name}" for name in FIELDS if name != "email")
        self._sql(
            f"CREATE TABLE main.people AS SELECT i AS id, 'p' || i || '@example.com' AS email, {columns}"
            f" FROM range(1, {self.rows + 1}) t(i)"
        )

    def _sql(self, *statements: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)


if __name__ == "__main__":
    sys.exit(main())
