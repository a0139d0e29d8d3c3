"""What a merge into PostgreSQL costs, as a ratio to a bare binary COPY of the same rows (held figure: 2.5).

The server is the one that HUBFERRY_TEST_POSTGRES names; the bare COPY sends the same bytes into a table without a key.
Where the server is on this machine, the CPU seconds of its process are printed beside this one's, which are to be trusted
while others use the machine. What the least statements cost, from bytes made before, is printed last: that find what differs
where nothing does (COPY into a temporary table, one comparison by key), and that replace every row without a single check
(COPY into a temporary table and UPDATE by key, and DELETE by key and COPY).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg.conninfo import conninfo_to_dict

from hubferry.types import Secret, Table
from hubferry.warehouse.interface import MergeCounts
from hubferry.warehouse.postgres import binary
from hubferry.warehouse.postgres.server import Settings
from hubferry.warehouse.postgres.warehouse import PostgresWarehouse
from merge import CHUNK, WIDTH, scattered, source_table, write_source

SCHEMA = "hubferry_bench"


@dataclass
class Cost:
    """What a block took."""

    seconds: float = 0.0
    client: float = 0.0
    """CPU seconds of this process."""
    server: float | None = None
    """CPU seconds of the server's process, where it is on this machine."""

    def __str__(self) -> str:
        server = "" if self.server is None else f", {self.server:.1f} s of the server's"
        return f"{self.seconds:.1f} s, {self.client:.1f} s of this process's CPU{server}"

    def ratio(self, bare: Cost) -> str:
        """Say how many times as much it is as another, by the clock and in the server's CPU."""
        cpu = ""
        if self.server is not None and bare.server:
            cpu = f" ({self.server / bare.server:.2f} in the server's CPU)"
        return f"ratio {self.seconds / bare.seconds:.2f}{cpu}"


@contextmanager
def measured(process: int | None) -> Iterator[Cost]:
    """Measure a block; `process` is the server's that works for it, None where it is on another machine."""
    cost, before = Cost(), server_cpu(process)
    began, client = time.perf_counter(), time.process_time()
    yield cost
    cost.seconds, cost.client = time.perf_counter() - began, time.process_time() - client
    cost.server = server_cpu(process) - before if process else None


def server_cpu(process: int | None) -> float:
    """Give the CPU seconds of a process."""
    if process is None:
        return 0.0
    found = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(found[11]) + int(found[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """One table, merged and copied into."""

    def __init__(self, address: str, records: pa.Table, chunk: int) -> None:
        self.warehouse = PostgresWarehouse(Settings(url=Secret(address)))
        self._address, self._records, self._chunk = address, records, chunk
        self._columns = ", ".join(map(self.warehouse.quote, records.column_names))
        self._is_near = conninfo_to_dict(address).get("host") in ("127.0.0.1", "localhost", "::1")
        self.table = Table(SCHEMA, "records", source_table().columns, ("id",))

    def copy_all(self) -> tuple[Cost, float]:
        """Measure a bare COPY of bytes made before, and the making of the bytes."""
        self.warehouse.ensure_table(Table(SCHEMA, "plain", self.table.columns))
        began = time.perf_counter()
        blocks = list(binary.encode(self._records))
        encoding = time.perf_counter() - began
        with psycopg.connect(self._address) as connection:
            with measured(self._near(connection.info.backend_pid)) as cost:
                self._copy(connection, f"{SCHEMA}.plain", blocks)
                connection.commit()
            return cost, encoding

    def merge_all(self, records: pa.Table) -> tuple[Cost, MergeCounts]:
        """Merge records chunk by chunk, a transaction each."""
        counts = MergeCounts()
        found = self.warehouse.query("SELECT pg_backend_pid() AS pid")["pid"][
            0
        ].as_py()  # kept while the warehouse is busy
        with measured(self._near(found)) as cost:
            for offset in range(0, records.num_rows, self._chunk):
                with self.warehouse.transaction() as tx:
                    counts += tx.merge(self.table, records.slice(offset, self._chunk), newest="updated_at")
        return cost, counts

    def replace_all(self, records: pa.Table, *, by_update: bool) -> Cost:
        """Measure statements that replace every row without a check, each chunk's bytes made before."""
        name, least = f"{SCHEMA}.least", Table(SCHEMA, "least", self.table.columns, ("id",))
        self.warehouse.ensure_table(least)
        slices = [
            records.slice(offset, self._chunk).sort_by("id") for offset in range(0, records.num_rows, self._chunk)
        ]
        wholes = [list(binary.encode(each)) for each in slices]
        keys = [list(binary.encode(each.select(["id"]))) for each in slices]
        names = [self.warehouse.quote(each) for each in records.column_names if each != "id"]
        update = (
            f"UPDATE {name} AS stored SET {', '.join(f'{each} = fresh.{each}' for each in names)} FROM staged AS fresh"
        )
        delete = f"DELETE FROM {name} AS stored USING staged AS fresh"
        with psycopg.connect(self._address, autocommit=True) as connection:
            self._copy(connection, name, binary.encode(self._records))
            connection.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off")
            with measured(self._near(connection.info.backend_pid)) as cost:
                for key, whole in zip(keys, wholes, strict=True):
                    connection.execute(f"BEGIN; CREATE TEMPORARY TABLE staged (LIKE {name}) ON COMMIT DROP")
                    self._copy(connection, "staged", whole if by_update else key, None if by_update else "id")
                    connection.execute(f"{update if by_update else delete} WHERE stored.id = fresh.id")
                    if not by_update:
                        self._copy(connection, name, whole)
                    connection.execute("COMMIT")
            connection.execute(f"DROP TABLE {name}")
        return cost

    def compare_all(self, records: pa.Table) -> Cost:
        """Measure one comparison of each chunk with what is stored, each chunk's bytes made before."""
        slices = (records.slice(at, self._chunk).sort_by("id") for at in range(0, records.num_rows, self._chunk))
        wholes = [list(binary.encode(each)) for each in slices]
        names = [self.warehouse.quote(each) for each in records.column_names if each != "id"]
        differs = " OR ".join(f"stored.{each} IS DISTINCT FROM fresh.{each}" for each in names)
        stored = f"{SCHEMA}.records"
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off")
            with measured(self._near(connection.info.backend_pid)) as cost:
                for whole in wholes:
                    connection.execute(f"BEGIN; CREATE TEMPORARY TABLE staged (LIKE {stored}) ON COMMIT DROP")
                    self._copy(connection, "staged", whole)
                    joined = f"staged AS fresh LEFT JOIN {stored} AS stored ON stored.id = fresh.id"
                    connection.execute(f"SELECT count(*) FROM {joined} WHERE stored.id IS NULL OR {differs}")
                    connection.execute("COMMIT")
        return cost

    def _copy(
        self, connection: psycopg.Connection[Any], table: str, blocks: Iterable[bytes], columns: str | None = None
    ) -> None:
        statement = f"COPY {table} ({columns or self._columns}) FROM STDIN (FORMAT binary)"
        with connection.cursor().copy(statement) as copying:
            for block in blocks:
                copying.write(block)

    def _near(self, process: int) -> int | None:
        return process if self._is_near else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--chunk", type=int, default=CHUNK)
    options = parser.parse_args()
    address = os.environ.get("HUBFERRY_TEST_POSTGRES")
    if not address:
        print("merge into PostgreSQL: not measured, HUBFERRY_TEST_POSTGRES names no server")
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source.parquet")
        write_source(source, options.rows)
        records = pq.read_table(source)
    bench = Bench(address, records, options.chunk)
    with bench.warehouse.busy("bench"):
        try:
            measure(bench, records)
        finally:
            with bench.warehouse.transaction() as tx:
                tx.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def measure(bench: Bench, records: pa.Table) -> None:
    """Print every figure."""
    bare, encoding = bench.copy_all()
    print(f"bare binary COPY of {records.num_rows:,} x {WIDTH}: {bare}; making its bytes: {encoding:.1f} s", flush=True)
    bench.warehouse.ensure_table(bench.table)
    same, changed = scattered(records, changed=False), scattered(records, changed=True)

    def merge(title: str, rows: pa.Table) -> None:
        cost, counts = bench.merge_all(rows)
        print(f"{title}: {cost}, {cost.ratio(bare)}; {counts}", flush=True)

    merge("first load", records)
    merge("nothing changed, scattered", same)
    cost = bench.compare_all(same)
    print(f"  COPY into a temporary table and one comparison alone: {cost}, {cost.ratio(bare)}", flush=True)
    merge("every row changed, scattered", changed)
    for title, by_update in (("COPY into a temporary table, UPDATE", True), ("DELETE, COPY", False)):
        cost = bench.replace_all(changed, by_update=by_update)
        print(f"  every row replaced without a check, {title}: {cost}, {cost.ratio(bare)}", flush=True)


if __name__ == "__main__":
    main()
