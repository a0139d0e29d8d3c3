"""The warehouse file as its owner uses it, beside hubferry in the same process.

DuckDB lets one process open a file once, with one configuration, and that takes it 20 ms; hubferry's own is shared here.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import duckdb

from hubferry.clock import SystemClock
from hubferry.warehouse.duckdb_file import DuckDBFile


def owner_of(path: Path) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """Lend a connection to a file; where hubferry has it open here, that is not opened again."""
    return DuckDBFile.for_path(path).connection(memory_limit="512MB", clock=SystemClock())
