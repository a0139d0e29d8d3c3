"""Plans as files: one step a line, with a header and a closing hash, readable by the owner only."""

from __future__ import annotations

from pathlib import Path

from hubferry.state.store import StateStore


def write_plan_file(state: StateStore, plan_id: str, path: Path) -> None:
    """Write a stored plan to a file of mode 0600."""
    raise NotImplementedError


def merge_plan_file(state: StateStore, path: Path) -> str:
    """Make the plan of a file a stored one (again) and give its id; raise PlanFileError when the file is damaged."""
    raise NotImplementedError
