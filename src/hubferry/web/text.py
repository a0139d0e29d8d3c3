"""How values are written on a page: numbers, times, cells, and the tone of a state. Everything is escaped by the templates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from hubferry.web import charts

TONES: Mapping[str, str] = {
    "applied": "ok",
    "applying": "info",
    "blocked": "bad",
    "died": "bad",
    "done": "ok",
    "equal": "ok",
    "failed": "bad",
    "held": "warn",
    "interrupted": "warn",
    "invalid": "odd",
    "paused": "warn",
    "pending": "plain",
    "ready": "info",
    "rejected": "bad",
    "running": "info",
    "skipped": "warn",
    "superseded": "plain",
    "unknown": "odd",
}
GLYPHS: Mapping[str, str] = {"ok": "✓", "info": "●", "warn": "!", "bad": "✕", "odd": "?", "plain": "—"}
LONGEST_CELL = 160


def tone(state: str) -> str:
    """Give the tone of a state: what its colour means."""
    return TONES.get(state, "plain")


def glyph(state: str) -> str:
    """Give the sign that says the same as the colour."""
    return GLYPHS[tone(state)]


def number(value: float | None) -> str:
    """Write a number with separators."""
    if value is None:
        return "—"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def share(value: float | None) -> str:
    """Write a part of a whole."""
    if value is None:
        return "—"
    percent = value * 100
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def seconds(value: float | timedelta | None) -> str:
    """Write a length of time."""
    if value is None:
        return "—"
    total = value.total_seconds() if isinstance(value, timedelta) else value
    if total < 60:
        return f"{total:.1f} s"
    minutes, rest = divmod(round(total), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def moment(value: datetime | None) -> str:
    """Write a time, in UTC as every time of hubferry."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if value else "—"


def ago(value: datetime | None) -> str:
    """Write how long ago something was."""
    if value is None:
        return "never"
    past = max(0.0, (datetime.now(UTC) - value.astimezone(UTC)).total_seconds())
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if past >= size:
            count = int(past // size)
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"


def cell(value: Any) -> str:
    """Write a value of a table, cut where it is long."""
    text = whole(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"


def whole(value: Any) -> str:
    """Write a value of a table, all of it."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date | str):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"  # HubSpot's numbers: a count reads as one
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def segment(value: object) -> str:
    """Write a name as one part of an address."""
    return quote(str(value), safe="")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": ago,
    "cell": cell,
    "glyph": glyph,
    "moment": moment,
    "number": number,
    "seconds": seconds,
    "segment": segment,
    "share": share,
    "tone": tone,
    "whole": whole,
}
GLOBALS: dict[str, Any] = {"charts": charts, "plural": plural}
