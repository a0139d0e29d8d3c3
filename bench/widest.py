"""What the widest tables cost DuckDB: memory of merging 500 rows into them, CPU of opening their file (held figure: 600 MB at 2,000 columns).

Each width in a process of its own: 500 rows are merged when new, when equal and when changed; a tenth of the values are
filled. Then another process opens the file and reads one row. `--columns` takes other widths; a pull makes tables of 2,000.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from hubferry.types import Column, Table
from hubferry.warehouse.duckdb import DuckDBWarehouse

HELD_MEGABYTES = 600
ROWS = 500


def wide_table(columns: int) -> Table:
    """Give a table of so many properties beside its key and time."""
    properties = (Column(f"property_{k}", "string") for k in range(columns))
    return Table("bench", "wide", (Column("id", "string"), Column("updated_at", "timestamp"), *properties), ("id",))


def records(columns: int, *, version: int) -> pa.Table:
    """Make records of which a tenth of the values are filled; another version has other values and a later time."""
    filled = [
        pa.array([f"value {version} {k} {row}" if (k + row) % 10 == 0 else None for row in range(ROWS)], pa.string())
        for k in range(columns)
    ]
    ids = pa.array([str(row) for row in range(ROWS)])
    times = pa.array([1_770_000_000_000_000 + version] * ROWS, pa.timestamp("us", "UTC"))
    return pa.table([ids, times, *filled], names=[each.name for each in wide_table(columns).columns])


def merge(path: Path, columns: int) -> None:
    """Merge rows that are new, equal and changed."""
    warehouse, table = DuckDBWarehouse(path), wide_table(columns)
    warehouse.ensure_table(table)
    for version in (0, 0, 1):
        with warehouse.transaction() as tx:
            tx.merge(table, records(columns, version=version), newest="updated_at")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def read(path: Path) -> None:
    """Open the file and read one row."""
    cpu = time.process_time()
    warehouse = DuckDBWarehouse(path)
    warehouse.query(f"SELECT * FROM {warehouse.name('bench', 'wide')} WHERE id = '7'")
    print(f"{time.process_time() - cpu:.2f}")


def measure(*arguments: str) -> str:
    """Run a part of this file in a process of its own; give what it printed, or the last line of how it failed."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() or f"failed: {done.stderr.strip().splitlines()[-1]}"


def measure_all(widths: Sequence[int]) -> None:
    """Print a line for each width."""
    for columns in widths:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/wide.duckdb"
            peak = measure("--columns", str(columns), "--merge", path)
            if not peak.isdigit():
                print(f"{columns:,} columns: {peak}", flush=True)
                continue
            share = f"{int(peak) / HELD_MEGABYTES:.2f} of what is held"
            print(f"{columns:,} columns: {peak} MB, {share}; {measure('--read', path)} s of CPU to open and read a row")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--merge", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.merge:
        merge(options.merge, options.columns[0])
    elif options.read:
        read(options.read)
    else:
        measure_all(options.columns)


if __name__ == "__main__":
    main()
