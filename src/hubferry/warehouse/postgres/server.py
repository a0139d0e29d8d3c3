"""Connections to a PostgreSQL server, and its errors in hubferry's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hubferry.errors import ConfigError, WarehouseError
from hubferry.types import Secret

try:
    import psycopg
    from psycopg.conninfo import make_conninfo
    from psycopg.types.string import TextLoader
except ImportError as error:  # pragma: no cover  tested in an environment without it
    raise ConfigError("PostgreSQL needs a driver that is not installed: pip install 'hubferry[postgres]'") from error

Connection = psycopg.Connection[tuple[object, ...]]
IDLE_TRANSACTION_SECONDS = 60
"""The server ends a transaction whose client was silent for so long (a stopped process), so that its locks go."""
LOCK_SECONDS = 90
_CONNECT_SECONDS = 15
_ENCODING = "UTF8"
_VALUES_IN_MESSAGE = ("22", "23")
"""Classes of errors whose messages quote values: data exceptions and broken constraints."""


@dataclass(frozen=True)
class Settings:
    """Where the server is and who we are; what is None is left to libpq (PGHOST, .pgpass, services ..)."""

    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    password: Secret | None = None
    sslmode: str | None = None
    url: Secret | None = None
    """In place of all others."""


def connect(settings: Settings, label: str) -> Connection:
    """Open a connection; statements commit themselves unless BEGIN says otherwise."""
    named = {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.database,
        "user": settings.user,
        "password": settings.password.reveal() if settings.password else None,
        "sslmode": settings.sslmode,
        "application_name": label,
        "client_encoding": _ENCODING,  # binary COPY sends our bytes as they are, whatever the role or PGCLIENTENCODING say
        "connect_timeout": _CONNECT_SECONDS,
        "keepalives_idle": 30,
    }
    options = {name: value for name, value in named.items() if value is not None}
    target = make_conninfo(settings.url.reveal() if settings.url else "", **options)
    with translating(secret=settings.password):
        connection = psycopg.connect(
            target,
            autocommit=True,
            prepare_threshold=None,  # a prepared `SELECT *` fails once a column was added
            cursor_factory=psycopg.RawCursor,
        )
    if (encoding := connection.info.parameter_status("server_encoding")) != _ENCODING:
        connection.close()
        raise WarehouseError(
            f"PostgreSQL: the database keeps texts as {encoding}, which cannot hold every text. Use one with ENCODING 'UTF8'."
        )
    for kind in ("json", "jsonb"):
        connection.adapters.register_loader(kind, TextLoader)
    connection.execute(
        f"SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 1; SET lock_timeout = '{LOCK_SECONDS}s';"
        f" SET idle_in_transaction_session_timeout = '{IDLE_TRANSACTION_SECONDS}s'; SET client_min_messages = 'warning'"
    )
    return connection


def is_alive(connection: Connection) -> bool:
    """Ask whether the server still answers."""
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


@contextmanager
def translating(kind: type[WarehouseError] = WarehouseError, *, secret: Secret | None = None) -> Iterator[None]:
    """Say PostgreSQL's errors in hubferry's words."""
    try:
        yield
    except psycopg.Error as error:
        raise _translated(error, kind, secret) from error


def _translated(error: psycopg.Error, kind: type[WarehouseError], secret: Secret | None) -> WarehouseError:
    state = error.sqlstate or ""
    line = next(iter((error.diag.message_primary or str(error)).splitlines()), type(error).__name__)
    if secret:
        line = line.replace(secret.reveal(), "***")
    if state.startswith(_VALUES_IN_MESSAGE) and state != "23505":
        line = re.sub(r":? ?\".*", ": ***", line, flags=re.DOTALL)
    if isinstance(error, psycopg.DataError) and not state:  # the driver's own: it cannot read a value, and shows it
        line = re.sub(r" '.*", " ***", line, flags=re.DOTALL)
    return kind(f"PostgreSQL: {line}{_advice(error, state)}")


def _advice(error: psycopg.Error, state: str) -> str:
    if state == "54000" and "row is too big" in str(error):
        return (
            ". A row's filled columns must fit into 8 KB without long texts: choose fewer `properties` of the stream."
        )
    if state == "42501":
        return ". Grant the role what docs/guides/postgres.md lists, or use another role."
    if state in ("25P03", "57P01", "57P02", "57P03") or (isinstance(error, psycopg.OperationalError) and not state):
        return ". What was not committed was rolled back; run again once the server can be reached."
    if state in ("55P03", "40P01"):
        return ". Another session holds rows or tables that this run needs; run again when it is done."
    return ""
