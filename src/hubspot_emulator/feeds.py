"""What the older e-mail calls share: feeds from the latest entry backwards, whose offsets are opaque and age (HS-52)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubspot_emulator import parsing
from hubspot_emulator.http import ApiError, ApiRequest
from hubspot_emulator.samples import DAY_MS

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

FIRST = (1 << 62, "")
"""Before everything: later than any entry."""


def content_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    """Give what e-mail events, e-mail campaigns and the timeline need."""
    return (frozenset({"content"}),)


def encode_offset(portal: Portal, moment_ms: int, key: str) -> str:
    """Encode the last entry of a page and when the page was given."""
    text = f"{portal.now_ms()}:{moment_ms}:{key}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_offset(portal: Portal, request: ApiRequest) -> tuple[int, str]:
    """Give the entry that the page has to follow; an offset that is too old, or none of ours, is refused."""
    given = parsing.one(request, "offset")
    if given is None:
        return FIRST
    try:
        padded = given + "=" * (-len(given) % 4)
        issued, moment, key = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split(":", 2)
        age = portal.now_ms() - int(issued)
        position = (int(moment), key)
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, f"Invalid offset {given!r}: pass on what the last page gave, unchanged") from error
    if portal.knobs.feed_offset_seconds and age > portal.knobs.feed_offset_seconds * 1000:
        raise ApiError(400, f"The offset {given!r} has expired: start the scan again")
    return position


def oldest(portal: Portal, days: int) -> int:
    """Give the moment before which a feed that keeps so many days (0: all) holds nothing any more."""
    return portal.now_ms() - days * DAY_MS if days else 0


def moment(request: ApiRequest, name: str, default: int) -> int:
    """Read a time given in milliseconds."""
    given = parsing.one(request, name)
    if given is None:
        return default
    if not given.isdecimal() or len(given) > 18:
        raise ApiError(400, f"{name} must be a time in milliseconds, not {given}")
    return int(given)


def limit(request: ApiRequest, *, default: int, most: int) -> int:
    """Read a page size; one that is too large is cut."""
    given = parsing.one(request, "limit")
    if given is None:
        return default
    if not given.isdecimal() or int(given) < 1:
        raise ApiError(400, f"limit must be a whole number from 1, not {given}")
    return min(int(given), most)
