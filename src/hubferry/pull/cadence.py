"""How often what moves no cursor is looked at: archived records, merges, links, late rows, calculated values. Pure."""

from __future__ import annotations

from datetime import datetime

from hubferry.config.periods import LENGTHS, SLACK

AUTO_CALLS = 200
"""What costs no more is done in every run."""


def is_due(sweep: str, last: datetime | None, now: datetime, *, calls: int) -> bool:
    """Say whether a sweep that costs so many calls is to be done now; one that was never done always is."""
    if last is None or sweep == "every_run" or (sweep == "auto" and calls <= AUTO_CALLS):
        return True
    return now - last >= LENGTHS["daily" if sweep == "auto" else sweep] - SLACK
