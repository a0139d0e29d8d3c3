"""HubSpot's way of writing a moment: UTC, three digits of milliseconds, or none where they are zero (HS-11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=16_384)
def _day(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()[:10]


def render_ms(moment_ms: int) -> str:
    """Render epoch milliseconds."""
    day, rest = divmod(moment_ms, 86_400_000)
    second, fraction = divmod(rest, 1000)
    minute, second = divmod(second, 60)
    clock = f"{_day(day)}T{minute // 60:02}:{minute % 60:02}:{second:02}"
    return f"{clock}.{fraction:03}Z" if fraction else f"{clock}Z"


def parse_ms(text: str) -> int:
    """Read ISO-8601 or epoch milliseconds; ValueError for anything else. A text without an offset is UTC."""
    if text.lstrip("-").isdigit() and "-" not in text[1:]:
        return int(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
