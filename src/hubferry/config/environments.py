"""`environments:` laid over the files: settings of the chosen one replace those of the files, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubferry.config.lines import Parsed
from hubferry.errors import UnknownNameError

VARIABLE = "HUBFERRY_ENV"
"""The environment variable that chooses where no `--env` is given."""
_ORIGINS = ("model", "query", "source")
"""Where a sync's rows come from: one of these, so that naming one takes the place of the others."""


def lay_over(parsed: Parsed, name: str | None, *, file: str) -> Parsed:
    """Give hubferry.yml as the environment of that name wants it, or as it stands for None; `environments` stays as it is.

    The line of a setting is the line where its value was written. Raises UnknownNameError for a name that is not there.
    """
    if name is None:
        return parsed
    known = parsed.data.get("environments") or {}
    if name not in known:
        raise UnknownNameError("environment", name, known=sorted(known), file=file)
    over = {key: value for key, value in (known[name] or {}).items() if key != "syncs"}
    return Parsed(build_merged(parsed.data, over), _build_lines(parsed.lines, f"environments.{name}."))


def sync_overrides(parsed: Parsed, name: str | None) -> Mapping[str, Mapping[str, Any]]:
    """Give sync -> the settings that the environment has for it."""
    if name is None:
        return {}
    chosen = parsed.data["environments"][name] or {}
    return {sync: over or {} for sync, over in (chosen.get("syncs") or {}).items()}


def build_merged(base: Mapping[str, Any], over: Mapping[str, Any], *, path: str = "") -> dict[str, Any]:
    """Give `base` with the settings of `over`: blocks are merged, and anything else is replaced."""
    merged = dict(base)
    if not path and set(over) & set(_ORIGINS):
        merged = {name: value for name, value in base.items() if name not in _ORIGINS}
    for name, value in over.items():
        here, below = merged.get(name), f"{path}.{name}" if path else name
        engine_differs = below == "warehouse" and isinstance(here, dict) and set(here) != set(value or {})
        if isinstance(here, dict) and isinstance(value, dict) and not engine_differs:
            merged[name] = build_merged(here, value, path=below)
        else:
            merged[name] = value
    return merged


def _build_lines(lines: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {**lines, **{path.removeprefix(prefix): line for path, line in lines.items() if path.startswith(prefix)}}
