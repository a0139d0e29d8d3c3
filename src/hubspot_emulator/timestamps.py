"""HubSpot's way of writing a moment: UTC, three digits of milliseconds, or none where they are zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=65536)
def render_ms(moment_ms: int) -> str:
    """Render epoch milliseconds."""
    moment = (_EPOCH + timedelta(milliseconds=moment_ms)).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment_ms % 1000 else "seconds") + "Z"


def render_ms_full(moment_ms: int) -> str:
    """Render epoch milliseconds with the fraction even where it is zero."""
    return (_EPOCH + timedelta(milliseconds=moment_ms)).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_ms(text: str) -> int:
    """Read ISO-8601 or epoch milliseconds; ValueError for anything else. A text without an offset is UTC."""
    if text.lstrip("-").isdigit() and "-" not in text[1:]:
        return int(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
