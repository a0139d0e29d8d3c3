"""The block `warehouse` of hubferry.yml: which engine, and how it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hubferry.config.block import Block, SecretReference

MEMORY = ":memory:"
"""DuckDB's name for a database without a file."""
MOTHERDUCK = ("md:", "motherduck:")
"""How the names of MotherDuck's databases begin."""


class DuckDBBlock(Block):
    """DuckDB: one file on this machine, memory of one process, or MotherDuck."""

    path: str = "warehouse.duckdb"
    """The file, relative to the project's folder; `md:NAME` is a database of MotherDuck (built to its documentation, not yet run there); `:memory:`, from Python alone, ends with its process."""
    motherduck_token: SecretReference = ""
    """`${NAME}`: MotherDuck's token; without it DuckDB looks for its own, in MOTHERDUCK_TOKEN."""
    memory_limit: str = "512MB"
    """How much memory DuckDB may take before it uses the disk."""

    @model_validator(mode="after")
    def _check_path(self) -> Self:
        """Refuse a token in the path, where errors and logs would show it."""
        if "token" in self.path.partition("?")[2].lower():
            raise ValueError("path holds a token. Write `motherduck_token: ${MOTHERDUCK_TOKEN}` in its place")
        return self


class PostgresBlock(Block):
    """PostgreSQL: a database of a server. What is left out is libpq's to find: PGHOST, PGPASSWORD, .pgpass, a service."""

    url: SecretReference = ""
    """`${NAME}`: a connection string that says everything, in place of the settings below."""
    host: str | None = None
    """The server's name or address, or the folder of its socket."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The server's port."""
    database: str | None = None
    """The database; hubferry makes its schemas in it."""
    user: str | None = None
    """The role to connect as."""
    password: SecretReference = ""
    """`${NAME}`: the environment variable that holds the role's password."""
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = None
    """How much the connection must be encrypted and the server proven."""


class SnowflakeBlock(Block):
    """Snowflake: a database of an account. `connection` takes what is left out from a connection of connections.toml."""

    database: str
    """The database; hubferry makes its schemas in it."""
    account: str | None = None
    """The account's identifier: `organisation-account`."""
    user: str | None = None
    """The user to log in as."""
    role: str | None = None
    """The role to work as; without it the user's default."""
    warehouse: str | None = None
    """The virtual warehouse that runs the statements; without it the user's default."""
    connection: str | None = None
    """A connection of Snowflake's own connections.toml."""
    authenticator: Literal["snowflake", "externalbrowser", "oauth", "snowflake_jwt"] | None = None
    """How to log in, where the secrets below do not say it: `externalbrowser` opens your browser."""
    password: SecretReference = ""
    """`${NAME}`: a password or a programmatic access token."""
    token: SecretReference = ""
    """`${NAME}`: an OAuth token."""
    private_key: SecretReference = ""
    """`${NAME}`: the private key of a key pair, as PEM text."""
    private_key_file: str | None = None
    """A file that holds it, relative to the project's folder."""
    private_key_passphrase: SecretReference = ""
    """`${NAME}`: the passphrase of an encrypted private key."""
    host: str | None = None
    """Where Snowflake answers, for a private link or a Snowflake to test with."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its port."""
    protocol: Literal["https", "http"] | None = None
    """`http` for a Snowflake to test with on this machine only."""

    @model_validator(mode="after")
    def _check_protocol(self) -> Self:
        """Send secrets over plain HTTP to this machine only."""
        if self.protocol == "http" and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("protocol http is for a Snowflake to test with on this machine: host must be 127.0.0.1")
        return self


class WarehouseBlock(Block):
    """Which warehouse; at most one, and a DuckDB file without one."""

    duckdb: DuckDBBlock | None = None
    """A file on this machine."""
    postgres: PostgresBlock | None = None
    """A PostgreSQL server."""
    snowflake: SnowflakeBlock | None = None
    """A Snowflake account."""

    @model_validator(mode="before")
    @classmethod
    def _choose(cls, data: Any) -> Any:
        """Take the DuckDB file where no warehouse is named."""
        named = [name for name in cls.model_fields if isinstance(data, Mapping) and name in data]
        if len(named) > 1:
            raise ValueError(f"write one warehouse, not {' and '.join(named)}")
        return data if named or not isinstance(data, Mapping) else {**data, "duckdb": {}}
