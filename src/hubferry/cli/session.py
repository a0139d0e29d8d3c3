"""A project opened for one command. Imported late: `hubferry --help` needs neither pyarrow nor DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubferry.project import Project


def open_project(folder: Path, environment: str | None) -> Project:
    """Open the project of a folder, under an environment or as its files stand."""
    from hubferry.config.warehouses import MEMORY  # noqa: PLC0415
    from hubferry.errors import ConfigError  # noqa: PLC0415
    from hubferry.project import Project  # noqa: PLC0415

    project = Project.open(folder, environment=environment)
    duckdb = project.files.file.warehouse.duckdb
    if duckdb is not None and duckdb.path == MEMORY:
        raise ConfigError(
            "warehouse.duckdb.path is `:memory:`: what a command reads would be gone when the command ends. Name a file,"
            " or use it from Python, where it lives as long as the project: hubferry.Project.open(folder).pull()."
        )
    return project
