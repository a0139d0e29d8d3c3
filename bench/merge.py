"""What a merge into DuckDB costs, as a ratio to CREATE TABLE AS of the same Parquet file (held figure: 3.5).

Chunks are as large as a pull's, and come shuffled, so that every chunk's matches are scattered over the whole table.
`--held` keeps the file open over all chunks, as one transaction after another of a busy process; without it the file is
opened and let go for each. Ratios are by the clock and, to be trusted while others use the machine, in CPU.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hubferry.pull.chunks import CELLS
from hubferry.types import Column, Table
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubferry.warehouse.interface import MergeCounts

WIDTH = 60
CHUNK = CELLS // WIDTH
MEMORY_LIMIT = "512MB"


def write_source(path: Path, rows: int) -> None:
    """Write records of 60 properties, three quarters of them text, in the order of HubSpot's list."""
    values = ", ".join(
        f"'value ' || hash(i * {k + 1}) % 100000 AS p{k}" if k % 4 else f"((i * {k + 1}) % 1000)::DOUBLE AS p{k}"
        for k in range(WIDTH)
    )
    made = f"SELECT (10000000 + i * 37)::VARCHAR AS id, TIMESTAMPTZ '2026-01-01' + INTERVAL (i) SECOND AS updated_at, {values}"
    duckdb.connect().execute(f"COPY ({made} FROM range({rows}) AS made(i)) TO '{path}'")


def source_table() -> Table:
    """Give the table that the source fills."""
    properties = (Column(f"p{k}", "string" if k % 4 else "double") for k in range(WIDTH))
    return Table("bench", "records", (Column("id", "string"), Column("updated_at", "timestamp"), *properties), ("id",))


def seconds_of_ctas(source: Path, folder: Path) -> tuple[float, float]:
    """Measure the yardstick, written back to the file, by the clock and in CPU."""
    with duckdb.connect(str(folder / "yardstick.duckdb"), config={"memory_limit": MEMORY_LIMIT}) as connection:
        began, cpu = time.perf_counter(), time.process_time()
        connection.execute(f"CREATE TABLE records AS SELECT * FROM '{source}'")
        connection.execute("CHECKPOINT")
        return time.perf_counter() - began, time.process_time() - cpu


def scattered(records: pa.Table, *, changed: bool) -> pa.Table:
    """Shuffle the records; where asked, each has one new value and a later time."""
    order = list(range(records.num_rows))
    random.Random(7).shuffle(order)
    records = records.take(pa.array(order))
    if changed:
        text = pc.binary_join_element_wise(records["p1"], "changed", " ")
        later = pc.add(records["updated_at"], pa.scalar(31_536_000_000_000, pa.duration("us")))
        records = records.set_column(records.column_names.index("p1"), "p1", text)
        records = records.set_column(records.column_names.index("updated_at"), "updated_at", later)
    return records


def merge_all(warehouse: DuckDBWarehouse, records: pa.Table, chunk: int) -> tuple[float, MergeCounts]:
    """Merge the records chunk by chunk, a transaction each."""
    table, counts, began = source_table(), MergeCounts(), time.perf_counter()
    for offset in range(0, records.num_rows, chunk):
        with warehouse.transaction() as tx:
            counts += tx.merge(table, records.slice(offset, chunk), newest="updated_at")
    return time.perf_counter() - began, counts


def seconds_of_small_transaction(folder: Path) -> float:
    """Measure one row in a transaction of its own, the file opened and let go for it."""
    warehouse = DuckDBWarehouse(folder / "small.duckdb")
    table = Table("bench", "small", (Column("id", "integer"),), ("id",))
    warehouse.ensure_table(table)
    began = time.perf_counter()
    for number in range(50):
        with warehouse.transaction() as tx:
            tx.append(table, pa.table({"id": pa.array([number])}))
    return (time.perf_counter() - began) / 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--chunk", type=int, default=CHUNK)
    parser.add_argument("--held", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"one row in a transaction of its own: {seconds_of_small_transaction(folder) * 1000:.0f} ms")
        source = folder / "source.parquet"
        write_source(source, options.rows)
        yardstick, yardstick_cpu = seconds_of_ctas(source, folder)
        made = f"CREATE TABLE AS of {options.rows:,} x {WIDTH}"
        print(f"{made}: {yardstick:.1f} s, {yardstick_cpu:.1f} s of CPU; chunks of {options.chunk:,}", flush=True)
        warehouse = DuckDBWarehouse(folder / "merged.duckdb", memory_limit=MEMORY_LIMIT)
        warehouse.ensure_table(source_table())
        records = pq.read_table(source)
        with warehouse.session() if options.held else nullcontext():
            for title, chunks in (
                ("first load", records),
                ("nothing changed, scattered", scattered(records, changed=False)),
                ("every row changed, scattered", scattered(records, changed=True)),
            ):
                cpu = time.process_time()
                seconds, counts = merge_all(warehouse, chunks, options.chunk)
                cpu = time.process_time() - cpu
                ratio = f"{seconds / yardstick:.2f} by the clock, {cpu / yardstick_cpu:.2f} in CPU"
                print(f"{title}: {seconds:.1f} s, {cpu:.1f} s of CPU, ratio {ratio}; {counts}", flush=True)
    print(f"peak memory, the Arrow table included: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
