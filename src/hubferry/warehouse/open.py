"""Opens the warehouse that a project names."""

from __future__ import annotations

from pathlib import Path

from hubferry.clock import SystemClock
from hubferry.config.model import WarehouseBlock
from hubferry.types import Clock
from hubferry.warehouse.interface import Warehouse


def open_warehouse(block: WarehouseBlock, folder: str | Path, *, clock: Clock | None = None) -> Warehouse:
    """Give the warehouse of a project; a relative path is relative to `folder`. Nothing is opened yet."""
    from hubferry.warehouse.duckdb import DuckDBWarehouse  # noqa: PLC0415  slow to import, and not always needed

    path = Path(folder, block.duckdb.path)
    return DuckDBWarehouse(path, memory_limit=block.duckdb.memory_limit, clock=clock or SystemClock())
