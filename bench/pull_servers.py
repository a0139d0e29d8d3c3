"""What a pull into a server takes: rows a second, peak memory of the pulling process, and Snowflake's statements of a chunk.

`python bench/pull_servers.py [postgres|snowflake] [CONTACTS] [PROPERTIES]`. PostgreSQL is the server that HUBFERRY_TEST_POSTGRES
names; Snowflake is a fakesnow in a process of its own, spoken to over HTTP by Snowflake's connector. Held: less than 600 MB,
and one number of statements whatever a chunk holds.
"""

from __future__ import annotations

import os
import resource
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubferry.clock import SystemClock
from hubferry.config.model import PullBlock
from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import fetch_properties
from hubferry.pull.run import run_pull
from hubferry.state import leases
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.snowflake import account
from hubferry.warehouse.snowflake.warehouse import SnowflakeTransaction, SnowflakeWarehouse
from pull import emulator

HELD_MB = 600
SERVE = Path(__file__).parents[1] / "tests" / "fakesnow_server.py"


class CountedSnowflake(SnowflakeWarehouse):
    """Counts the statements of each transaction that loaded a file of rows: of a chunk."""

    def __init__(self, settings: account.Settings) -> None:
        super().__init__(settings)
        self.chunks: Counter[tuple[tuple[str, int], ...]] = Counter()
        self._made = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[SnowflakeTransaction]:
        """Open a transaction, and note how many statements it took."""
        self._made.counts = Counter()
        with super().transaction() as tx:
            yield tx
        if self._made.counts["PUT"]:
            self.chunks[tuple(sorted(self._made.counts.items()))] += 1

    def _count(self, statement: str) -> None:
        super()._count(statement)
        if (counts := getattr(self._made, "counts", None)) is not None:
            counts[statement.split(None, 1)[0].upper()] += 1


@contextmanager
def snowflake() -> Iterator[CountedSnowflake]:
    """Give a database of a fakesnow."""
    serving = subprocess.Popen(
        [sys.executable, str(SERVE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    leases._BEAT_SECONDS = leases._SHARED_BEAT_SECONDS = (
        3_600.0  # fakesnow refuses the second writer of a row, where Snowflake has it wait
    )
    try:
        assert serving.stdout is not None
        port, database = int(serving.stdout.readline()), "hubferry_bench"
        login = {"account": "fakesnow", "user": "fake", "password": Secret("snow"), "protocol": "http"}
        settings = account.Settings(database=database, host="127.0.0.1", port=port, **login)  # type: ignore[arg-type]
        with account.connect(settings, "hubferry bench") as connection:
            connection.cursor().execute(f"CREATE DATABASE IF NOT EXISTS {database}")
        yield CountedSnowflake(settings)
    finally:
        serving.kill()
        serving.communicate()


@contextmanager
def postgres() -> Iterator[Any]:
    """Give a database of the server."""
    import psycopg  # noqa: PLC0415
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    from hubferry.warehouse.postgres.server import Settings  # noqa: PLC0415
    from hubferry.warehouse.postgres.warehouse import PostgresWarehouse  # noqa: PLC0415

    address = os.environ.get("HUBFERRY_TEST_POSTGRES")
    if not address:
        sys.exit("HUBFERRY_TEST_POSTGRES names no server")
    name = f"hubferry_bench_{secrets.token_hex(4)}"
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield PostgresWarehouse(Settings(url=Secret(make_conninfo(address, dbname=name))))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def measure(engine: str, contacts: int, properties: int) -> None:
    """Pull twice and print."""
    with emulator(contacts) as base_url, {"postgres": postgres, "snowflake": snowflake}[engine]() as warehouse:
        with Client(token=Secret("pat-bench"), base_url=base_url, burst_limit=1_000_000) as client:
            names = sorted(each.name for each in fetch_properties(client, "contacts"))[:properties]
            block = PullBlock.model_validate({"streams": {"contacts": {"properties": names, "associations": []}}})
            for what in ("first load", "re-read"):
                began, state = time.monotonic(), StateStore(warehouse, SystemClock())
                report = run_pull(client=client, warehouse=warehouse, state=state, pull=block, full_refresh=True)
                stream, passed = report.streams[0], time.monotonic() - began
                print(
                    f"{engine}: {what} of {stream.read:,} x {properties}: {passed:.1f} s, {stream.read / passed:,.0f} rows/s"
                )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{engine}: peak memory of this process {peak:,.0f} MB, held {HELD_MB} MB: {'yes' if peak < HELD_MB else 'NO'}"
        )
        if isinstance(warehouse, CountedSnowflake):
            for kinds, times in warehouse.chunks.most_common():
                print(f"{engine}: {times} transactions of {sum(dict(kinds).values())} statements: {dict(kinds)}")


def main(engine: str = "", contacts: int = 20_000, properties: int = 60) -> None:
    """Measure one engine, or each in a process of its own."""
    if engine:
        measure(engine, contacts, properties)
        return
    for each in ("postgres", "snowflake"):
        subprocess.run([sys.executable, __file__, each, str(contacts), str(properties)], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:2], *(int(each) for each in sys.argv[2:]))
