"""Opens the warehouse that a project names. The engines' modules are imported only when they are chosen."""

# ruff: noqa: PLC0415
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hubferry.clock import SystemClock
from hubferry.config.warehouses import DuckDBBlock, PostgresBlock, SnowflakeBlock, WarehouseBlock
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
    if block.snowflake is not None:
        return _open_snowflake(block.snowflake, Path(folder), resolve)
    from hubferry.warehouse.duckdb import DuckDBWarehouse
    from hubferry.warehouse.duckdb_file import is_elsewhere

    chosen = block.duckdb or DuckDBBlock()
    return DuckDBWarehouse(
        chosen.path if is_elsewhere(chosen.path) else Path(folder, chosen.path),
        memory_limit=chosen.memory_limit,
        clock=clock or SystemClock(),
        token=_resolved(resolve, "warehouse.duckdb.motherduck_token", chosen.motherduck_token),
    )


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


def _open_snowflake(block: SnowflakeBlock, folder: Path, resolve: Resolve | None) -> Warehouse:
    from hubferry.warehouse.snowflake.account import Settings
    from hubferry.warehouse.snowflake.warehouse import SnowflakeWarehouse

    def secret(name: str) -> Secret | None:
        return _resolved(resolve, f"warehouse.snowflake.{name}", getattr(block, name))

    return SnowflakeWarehouse(
        Settings(
            database=block.database,
            account=block.account,
            user=block.user,
            role=block.role,
            warehouse=block.warehouse,
            connection=block.connection,
            authenticator=block.authenticator,
            private_key_file=folder / Path(block.private_key_file).expanduser() if block.private_key_file else None,
            host=block.host,
            port=block.port,
            protocol=block.protocol,
            password=secret("password"),
            token=secret("token"),
            private_key=secret("private_key"),
            private_key_passphrase=secret("private_key_passphrase"),
        )
    )


def _resolved(resolve: Resolve | None, path: str, reference: str) -> Secret | None:
    return resolve(path, reference) if reference and resolve else None
