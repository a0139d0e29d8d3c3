"""The engines that tests run on, each empty: a DuckDB file, a database of a PostgreSQL server, a fakesnow over HTTP.

`HUBFERRY_TEST_POSTGRES` is the address of a PostgreSQL server where we may make databases; without it those tests are skipped.
What PostgreSQL and Snowflake are sent is parsed as their dialect when the test ends (dialects.py).
"""

from __future__ import annotations

import atexit
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import dialects
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
        with dialects.recorded_postgres() as sent, warehouse.busy():
            yield warehouse
        sent.check()


_SERVE = Path(__file__).parent / "fakesnow_server.py"


@cache
def snowflake_server() -> tuple[str, int]:
    """Start one fakesnow for this process, as a process of its own on loopback, and give where it listens."""
    running = subprocess.Popen(
        [sys.executable, str(_SERVE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    _RUNNING.append(running)
    atexit.register(_end)
    assert running.stdout
    return "127.0.0.1", int(running.stdout.readline())


_RUNNING: list[subprocess.Popen[bytes]] = []


def _end() -> None:
    for running in _RUNNING:
        running.kill()
        running.communicate()


@contextmanager
def snowflake_engine(folder: Path) -> Iterator[Warehouse]:
    """Give a database of its own, of a fakesnow spoken to over HTTP by Snowflake's own connector, or of a real account."""
    pytest.importorskip("fakesnow")
    from hubferry.warehouse.snowflake.account import connect  # noqa: PLC0415
    from hubferry.warehouse.snowflake.warehouse import SnowflakeWarehouse  # noqa: PLC0415

    settings = snowflake_settings(f"hubferry_test_{secrets.token_hex(4)}")
    with connect(settings, "hubferry tests") as connection:
        connection.cursor().execute(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
    warehouse = SnowflakeWarehouse(settings)
    with dialects.recorded_snowflake() as sent, warehouse.busy():
        yield warehouse
    sent.check()
    if is_real_snowflake():
        with connect(settings, "hubferry tests") as connection:
            connection.cursor().execute(f"DROP DATABASE {settings.database}")


@contextmanager
def hosted_engine(folder: Path) -> Iterator[Warehouse]:
    """Give a database of fakesnow as a stored procedure has it: by the one session that it is handed."""
    pytest.importorskip("fakesnow")
    from hubferry.warehouse.snowflake.hosted import HostedWarehouse  # noqa: PLC0415

    with procedure_session() as (session, database):
        warehouse = HostedWarehouse(session, database)
        with warehouse.busy():
            yield warehouse


@contextmanager
def procedure_session() -> Iterator[tuple[Any, str]]:
    """Give what Snowflake hands to a stored procedure, and the name of a database of its own."""
    from hubferry.warehouse.snowflake.account import connect  # noqa: PLC0415
    from procedure_session import ProcedureSession  # noqa: PLC0415

    settings = snowflake_settings(f"hubferry_test_{secrets.token_hex(4)}")
    with connect(settings, "hubferry tests") as connection, dialects.recorded_snowflake() as sent:
        connection.cursor().execute(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
        yield ProcedureSession(connection), settings.database
        if is_real_snowflake():
            connection.cursor().execute(f"DROP DATABASE {settings.database}")
    sent.check()


def keep_leases_still(patch: pytest.MonkeyPatch, engine: str) -> None:
    """Let no thread of a lease beat: fakesnow refuses the second writer of a row, where Snowflake has it wait."""
    from hubferry.state import leases  # noqa: PLC0415

    if engine == "snowflake" and not is_real_snowflake():
        for name in ("_BEAT_SECONDS", "_SHARED_BEAT_SECONDS"):
            patch.setattr(leases, name, leases.LEASE_SECONDS * 0.9)


def is_real_snowflake() -> bool:
    """Say whether the tests run on an account, as `make test-snowflake` has it."""
    return "HUBFERRY_TEST_SNOWFLAKE" in os.environ


def snowflake_settings(database: str) -> Any:
    """Give where Snowflake is: the account of the SNOWFLAKE_* variables, or a fakesnow."""
    from hubferry.warehouse.snowflake.account import Settings  # noqa: PLC0415

    if is_real_snowflake():
        named = {
            name: os.environ.get(f"SNOWFLAKE_{name.upper()}") for name in ("user", "role", "warehouse", "password")
        }
        key, secret = os.environ.get("SNOWFLAKE_PRIVATE_KEY_FILE"), named.pop("password")
        return Settings(
            database=database,
            account=os.environ["SNOWFLAKE_ACCOUNT"],
            password=Secret(secret) if secret else None,
            private_key_file=Path(key) if key else None,
            **named,
        )
    host, port = snowflake_server()
    login = {"account": "fakesnow", "user": "fake", "password": Secret("snow")}
    return Settings(database=database, host=host, port=port, protocol="http", network_timeout=1, **login)


ENGINES: dict[str, Opened] = {"duckdb": duckdb_engine, "postgres": postgres_engine, "snowflake": snowflake_engine}
HOSTED: dict[str, Opened] = {"hosted": hosted_engine}
"""Snowflake from within; the contract of every warehouse alone runs on it, and what is of its own."""
