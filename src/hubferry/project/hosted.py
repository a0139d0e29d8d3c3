"""A project inside Snowflake: its files are rows of a table, its warehouse is the session that a stored procedure is handed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubferry.errors import ConfigError
from hubferry.project.facade import Project
from hubferry.types import Clock
from hubferry.warehouse.interface import Warehouse

FILES = "project_files"
"""The table of the project's files: `name` and `text`."""


@contextmanager
def open_hosted(
    session: Any,
    *,
    database: str,
    schema: str,
    secrets: Mapping[str, str],
    environment: str | None = None,
    clock: Clock | None = None,
) -> Iterator[Project]:
    """Open the project whose files are in `schema`, on the session that Snowflake hands to a procedure.

    `secrets`: variable of hubferry.yml -> its value. Raises ConfigError where the files are not there or cannot be meant.
    """
    from hubferry.warehouse.snowflake.hosted import HostedWarehouse  # noqa: PLC0415  the driver is an extra

    warehouse = HostedWarehouse(session, database)
    with tempfile.TemporaryDirectory(prefix="hubferry-") as folder:
        _write_files(warehouse, schema, Path(folder))
        with Project.open(folder, secrets, environment=environment, clock=clock, warehouse=warehouse) as project:
            yield project


def _write_files(warehouse: Warehouse, schema: str, folder: Path) -> None:
    found = warehouse.query(f"SELECT name, text FROM {warehouse.name(schema, FILES)} ORDER BY name").to_pylist()
    if not found:
        raise ConfigError(
            f"{warehouse.name(schema, FILES)} is empty. Run the file that `hubferry snowflake render` wrote, whole."
        )
    for row in found:
        path = (folder / row["name"]).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ConfigError(f"the project has no file {row['name']!r}: it would be outside its folder.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["text"], encoding="utf-8")
