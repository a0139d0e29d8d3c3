"""Carries data between HubSpot and a data warehouse, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubferry.errors import HubferryError
    from hubferry.project import Project

__all__ = ["HubferryError", "Project", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import on demand: `hubferry --help` needs no warehouse."""
    if name == "Project":
        from hubferry.project import Project  # noqa: PLC0415

        return Project
    if name == "HubferryError":
        from hubferry.errors import HubferryError  # noqa: PLC0415

        return HubferryError
    raise AttributeError(f"module 'hubferry' has no attribute {name!r}")
