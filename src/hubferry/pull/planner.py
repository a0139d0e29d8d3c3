"""Which reader takes the least time at HubSpot's limits. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

LIST_PAGE, SEARCH_PAGE = 100, 200
SEARCHES_PER_SECOND = 4.0
CLOSE_SHARE, CLOSE_SECONDS = 0.2, 10.0
"""Readers that differ by less are equally fast; calls decide then, because the account's other apps need them."""
SCARCE_SHARE = 0.1
"""A reader that takes more than this part of the calls left today is taken only where it is also the one of fewer calls."""


@dataclass(frozen=True)
class Cost:
    """What a reader would take."""

    reader: Literal["scan", "changes"]
    calls: int
    seconds: float


@dataclass(frozen=True)
class Choice:
    """The reader to take, and what was compared."""

    chosen: Cost
    other: Cost

    def render(self) -> str:
        """Say both figures."""
        return " against ".join(
            f"{cost.reader} {cost.calls:,} calls, {cost.seconds:.1f} s" for cost in (self.chosen, self.other)
        )


def choose_reader(
    *, records: int, changed: int, calls_per_second: float, calls_per_page: int = 1, calls_left: int | None = None
) -> Choice:
    """Choose between reading all `records` by list and the `changed` ones by search; the faster, unless calls are scarce."""
    pages = ceil(max(1, records) / LIST_PAGE) * calls_per_page
    searches = max(1, ceil(changed / SEARCH_PAGE))
    scan = Cost("scan", pages, pages / calls_per_second)
    changes = Cost("changes", searches, searches / SEARCHES_PER_SECOND)
    fast, slow = sorted((scan, changes), key=lambda cost: cost.seconds)
    gap = slow.seconds - fast.seconds
    scarce = calls_left is not None and fast.calls > SCARCE_SHARE * calls_left
    if scarce or gap < CLOSE_SECONDS or gap < CLOSE_SHARE * slow.seconds:
        fast, slow = sorted((scan, changes), key=lambda cost: (cost.calls, cost.reader != "changes"))
    return Choice(fast, slow)


def floor_calls(reader: str, read: int) -> int:
    """Give the fewest calls that reading so many records takes; of `exports`, of those that are read by id besides."""
    return ceil(read / (SEARCH_PAGE if reader == "changes" else LIST_PAGE))
