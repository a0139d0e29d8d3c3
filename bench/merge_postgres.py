"""What a merge into PostgreSQL costs, as a ratio to a bare binary COPY of the same rows (held figure: 2.5).

The server is the one that HUBFERRY_TEST_POSTGRES names; the bare COPY sends the same bytes into a table without a key.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from hubferry.types import Secret, Table
from hubferry.warehouse.interface import MergeCounts
from hubferry.warehouse.postgres import binary
from hubferry.warehouse.postgres.server import Settings
from hubferry.warehouse.postgres.warehouse import PostgresWarehouse
from merge import WIDTH, scattered, source_table, write_source

SCHEMA = "hubferry_bench"


def seconds_of_copy(warehouse: PostgresWarehouse, address: str, table: Table, records: pa.Table) -> tuple[float, float]:
    """Measure a bare COPY of bytes made before, and the making of the bytes."""
    plain = Table(SCHEMA, "plain", table.columns)
    warehouse.ensure_table(plain)
    began = time.perf_counter()
    blocks = list(binary.encode(records))
    encoding = time.perf_counter() - began
    columns = ", ".join(map(warehouse.quote, records.column_names))
    with psycopg.connect(address) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(f"COPY {SCHEMA}.plain ({columns}) FROM STDIN (FORMAT binary)") as copy:
            for block in blocks:
                copy.write(block)
        connection.commit()
        return time.perf_counter() - began, encoding


def merge_all(warehouse: PostgresWarehouse, table: Table, records: pa.Table, chunk: int) -> tuple[float, MergeCounts]:
    """Merge the records chunk by chunk, a transaction each."""
    counts, began = MergeCounts(), time.perf_counter()
    for offset in range(0, records.num_rows, chunk):
        with warehouse.transaction() as tx:
            counts += tx.merge(table, records.slice(offset, chunk), newest="updated_at")
    return time.perf_counter() - began, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--chunk", type=int, default=20_000)
    options = parser.parse_args()
    address = os.environ.get("HUBFERRY_TEST_POSTGRES")
    if not address:
        print("merge into PostgreSQL: not measured, HUBFERRY_TEST_POSTGRES names no server")
        return
    warehouse = PostgresWarehouse(Settings(url=Secret(address)))
    table = Table(SCHEMA, "records", source_table().columns, ("id",))
    with tempfile.TemporaryDirectory() as folder, warehouse.busy("bench"):
        source = Path(folder, "source.parquet")
        write_source(source, options.rows)
        records = pq.read_table(source)
        try:
            bare, encoding = seconds_of_copy(warehouse, address, table, records)
            print(f"bare binary COPY of {options.rows:,} x {WIDTH}: {bare:.1f} s; making its bytes: {encoding:.1f} s")
            warehouse.ensure_table(table)
            for title, chunks in (
                ("first load", records),
                ("nothing changed, scattered", scattered(records, changed=False)),
                ("every row changed, scattered", scattered(records, changed=True)),
            ):
                seconds, counts = merge_all(warehouse, table, chunks, options.chunk)
                print(f"{title}: {seconds:.1f} s, ratio {seconds / bare:.2f}; {counts}", flush=True)
        finally:
            with warehouse.transaction() as tx:
                tx.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


if __name__ == "__main__":
    main()
