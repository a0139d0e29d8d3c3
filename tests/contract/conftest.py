"""A portal, a DuckDB file and a client, for pushing."""

from __future__ import annotations

from push_world import make_sync, world, world_type

__all__ = ["make_sync", "world", "world_type"]
