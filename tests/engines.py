"""The engines that tests run on, each empty: a DuckDB file, a database of a PostgreSQL server, a fakesnow over HTTP.

`HUBFERRY_TEST_POSTGRES` is the address of a PostgreSQL server where we may make databases; without it those tests are skipped.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubferry.warehouse.interface import Warehouse

Opened = Callable[[Path], Any]
POSTGRES = "HUBFERRY_TEST_POSTGRES"


@contextmanager
def duckdb_engine(folder: Path) -> Iterator[Warehouse]:
    """Give a file of its own."""
    yield DuckDBWarehouse(folder / "contract.duckdb")


@contextmanager
def postgres_database() -> Iterator[str]:
    """Make a database on the server that the environment names, give its address, and drop it."""
    address = os.environ.get(POSTGRES)
    if not address:
        pytest.skip(f"no PostgreSQL server: set {POSTGRES}, e.g. to postgresql://user:password@127.0.0.1:5432/postgres")
    psycopg = pytest.importorskip("psycopg")
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    name = f"hubferry_test_{secrets.token_hex(4)}"
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield make_conninfo(address, dbname=name)
        finally:
            with suppress(psycopg.Error):
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgres_engine(folder: Path) -> Iterator[Warehouse]:
    """Give a database of its own."""
    with postgres_database() as address:
        from hubferry.warehouse.postgres.server import Settings  # noqa: PLC0415
        from hubferry.warehouse.postgres.warehouse import PostgresWarehouse  # noqa: PLC0415

        warehouse = PostgresWarehouse(Settings(url=Secret(address)))
        with warehouse.busy():
            yield warehouse


ENGINES: dict[str, Opened] = {"duckdb": duckdb_engine, "postgres": postgres_engine}
