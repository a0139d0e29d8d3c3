"""A project opened for one command. Imported late: `hubferry --help` needs neither pyarrow nor DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubferry.project import Project


def open_project(folder: Path, environment: str | None) -> Project:
    """Open the project of a folder, under an environment or as its files stand."""
    from hubferry.project import Project  # noqa: PLC0415

    return Project.open(folder, environment=environment)
