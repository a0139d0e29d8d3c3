"""A portal, a DuckDB file and a client, for pushing."""

from __future__ import annotations

from push_world import make_sync, timed_world, world, world_type

__all__ = ["make_sync", "timed_world", "world", "world_type"]
