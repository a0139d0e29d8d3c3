"""Sessions of a Snowflake account, and its errors in hubferry's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubferry.errors import ConfigError, WarehouseError
from hubferry.types import Secret

try:
    import snowflake.connector
    from snowflake.connector import errors
except ImportError as error:  # pragma: no cover  tested in an environment without it
    raise ConfigError("Snowflake needs a driver that is not installed: pip install 'hubferry[snowflake]'") from error

DriverError = errors.Error
LOCK_SECONDS = 360
"""Longer than the five minutes after which Snowflake ends an idle transaction of a session that holds others up."""
_PARAMETERS = {
    "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
    "DATE_INPUT_FORMAT": "AUTO",
    "LOCK_TIMEOUT": LOCK_SECONDS,
    "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
    "TIMESTAMP_INPUT_FORMAT": "AUTO",
    "TIMEZONE": "UTC",
}
"""What must not be what an account or a user set: dates and times are cast from ISO texts, quoted names are kept as they are."""
_SESSION_ENDED = frozenset({390110, 390111, 390112, 390113, 390114, 390115})
"""Snowflake ended the session, or the token that the driver renews it by; a new log-in helps (the driver's network.py)."""
_ADVICE = {
    606: "Name one with `warehouse:` that the role may use (GRANT USAGE ON WAREHOUSE ..).",
    608: "Resume it (ALTER WAREHOUSE .. RESUME), set AUTO_RESUME, or grant the role OPERATE.",
    2003: "Check the name, and what the role may see (docs/guides/snowflake.md lists the grants).",
    2043: "Check the name, and what the role may see (docs/guides/snowflake.md lists the grants).",
    3001: "Grant the role what docs/guides/snowflake.md lists, or use another role.",
    90073: "A resource monitor holds the warehouse: raise its quota, wait for the next interval, or use another warehouse.",
    250001: "Check account, user and how you log in; `connections.toml` is read with `connection:`.",
    390100: "Check user and password.",
    390144: "Check that the public key is set on the user (ALTER USER .. SET RSA_PUBLIC_KEY).",
    **dict.fromkeys(_SESSION_ENDED, "Run again: a run logs in anew."),
    390318: "The OAuth token has expired: get a new one.",
    625: "Another session holds the rows for longer than we wait; run again when it is done.",
}
_HOLDS_VALUES = (100_000, 101_000)
"""Errors of data quote the values."""


@dataclass(frozen=True)
class Settings:
    """Which account, who we are, and where we work; what is None is left to `connection` or to Snowflake's defaults."""

    database: str
    account: str | None = None
    user: str | None = None
    role: str | None = None
    warehouse: str | None = None
    connection: str | None = None
    """The name of a connection of connections.toml."""
    authenticator: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    private_key: Secret | None = None
    """PEM text."""
    private_key_file: Path | None = None
    private_key_passphrase: Secret | None = None
    host: str | None = None
    port: int | None = None
    protocol: str | None = None
    network_timeout: int = 600


def connect(settings: Settings, tag: str) -> Any:
    """Open a session whose statements carry the tag."""
    named = {
        "account": settings.account,
        "user": settings.user,
        "role": settings.role,
        "warehouse": settings.warehouse,
        "database": settings.database,
        "connection_name": settings.connection,
        "host": settings.host,
        "port": settings.port,
        "protocol": settings.protocol,
    }
    options = {name: value for name, value in named.items() if value is not None} | credentials(settings)
    with translating():
        return snowflake.connector.connect(
            **options,
            application="hubferry",
            autocommit=True,
            paramstyle="qmark",
            login_timeout=60,
            network_timeout=settings.network_timeout,
            platform_detection_timeout_seconds=0.0,  # else it asks the clouds' metadata servers where it runs
            session_parameters={**_PARAMETERS, "QUERY_TAG": tag},
        )


def credentials(settings: Settings) -> dict[str, Any]:
    """Give what the connector needs to log in."""
    found: dict[str, Any] = {}
    if settings.authenticator is not None:
        found["authenticator"] = settings.authenticator
    if settings.password is not None:
        found["password"] = settings.password.reveal()
    if settings.token is not None:
        found |= {"authenticator": settings.authenticator or "oauth", "token": settings.token.reveal()}
    if settings.private_key is not None or settings.private_key_file is not None:
        found["private_key"] = _load_key(settings)
    return found


def _load_key(settings: Settings) -> bytes:
    """Give the private key as the connector takes it."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  comes with the connector

    try:
        text = settings.private_key.reveal().encode() if settings.private_key else _read_key(settings.private_key_file)
        secret = settings.private_key_passphrase
        key = serialization.load_pem_private_key(text, secret.reveal().encode() if secret else None)
    except (OSError, TypeError, ValueError):
        raise ConfigError(
            "the private key for Snowflake cannot be read: it is PEM text (BEGIN PRIVATE KEY), and where it is encrypted"
            " `private_key_passphrase` names the passphrase"
        ) from None
    der, pkcs8 = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return key.private_bytes(der, pkcs8, serialization.NoEncryption())


def _read_key(path: Path | None) -> bytes:
    assert path is not None
    return path.expanduser().read_bytes()


def is_alive(connection: Any) -> bool:
    """Ask whether the session still answers."""
    try:
        connection.cursor().execute("SELECT 1")
    except errors.Error:
        return False
    return True


def is_lost(error: WarehouseError) -> bool:
    """Say whether a session was lost, so that what reads only may be tried on another one."""
    cause = error.__cause__
    if isinstance(cause, errors.Error) and cause.errno in _SESSION_ENDED:
        return True
    return isinstance(cause, errors.OperationalError | errors.InterfaceError) and not isinstance(
        cause, errors.ProgrammingError
    )


@contextmanager
def translating(kind: type[WarehouseError] = WarehouseError) -> Iterator[None]:
    """Say Snowflake's errors in hubferry's words."""
    try:
        yield
    except errors.Error as error:
        raise kind(_say(error)) from error


def _say(error: Any) -> str:
    number = error.errno or 0
    line = " ".join(str(error.raw_msg or error.msg or error).split()) or type(error).__name__
    if _HOLDS_VALUES[0] <= number < _HOLDS_VALUES[1]:
        line = re.sub(r"['\"].*['\"]|['\"].*", "'***'", line)
    advice = _ADVICE.get(number, "")
    if isinstance(error, errors.OperationalError) and not advice:
        advice = "What was not committed is rolled back; run again once Snowflake can be reached."
    return f"Snowflake: {line[:500].rstrip('.')}{f'. {advice}' if advice else ''}"
