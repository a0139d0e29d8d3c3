"""Opens the warehouse that a project names. The engines' modules are imported only when they are chosen."""

# ruff: noqa: PLC0415
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hubferry.clock import SystemClock
from hubferry.config.model import DuckDBBlock, PostgresBlock, WarehouseBlock
from hubferry.types import Clock, Secret
from hubferry.warehouse.interface import Warehouse

Resolve = Callable[[str, str], Secret]
"""Gives the secret of a setting from its path in hubferry.yml and the reference that stands there."""


def open_warehouse(
    block: WarehouseBlock, folder: str | Path, *, clock: Clock | None = None, resolve: Resolve | None = None
) -> Warehouse:
    """Give the warehouse of a project; a relative path is relative to `folder`. Nothing is opened yet."""
    if block.postgres is not None:
        return _open_postgres(block.postgres, resolve)
    from hubferry.warehouse.duckdb import DuckDBWarehouse

    chosen = block.duckdb or DuckDBBlock()
    return DuckDBWarehouse(Path(folder, chosen.path), memory_limit=chosen.memory_limit, clock=clock or SystemClock())


def _open_postgres(block: PostgresBlock, resolve: Resolve | None) -> Warehouse:
    from hubferry.warehouse.postgres.server import Settings
    from hubferry.warehouse.postgres.warehouse import PostgresWarehouse

    return PostgresWarehouse(
        Settings(
            url=_resolved(resolve, "warehouse.postgres.url", block.url),
            host=block.host,
            port=block.port,
            database=block.database,
            user=block.user,
            password=_resolved(resolve, "warehouse.postgres.password", block.password),
            sslmode=block.sslmode,
        )
    )


def _resolved(resolve: Resolve | None, path: str, reference: str) -> Secret | None:
    return resolve(path, reference) if reference and resolve else None
