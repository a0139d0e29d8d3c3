"""Finds the `?` that stand for values in SQL: not those in quotes, names and comments."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\?""",
    re.DOTALL,
)


def replace(sql: str, render: Callable[[int], str]) -> str:
    """Put `render(n)` in place of the nth `?`, counted from 0."""
    numbers = iter(range(len(sql)))
    return _TOKEN.sub(lambda found: render(next(numbers)) if found[0] == "?" else found[0], sql)


def numbered(sql: str) -> str:
    """Write `$1`, `$2` .. in place of `?`."""
    return replace(sql, lambda number: f"${number + 1}")
