"""How often what moves no cursor is looked at: archived records, merges, links, late rows, calculated values. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

AUTO_CALLS = 200
"""What costs no more is done in every run."""
_PERIODS = {"daily": timedelta(days=1), "weekly": timedelta(days=7), "monthly": timedelta(days=28)}
_SLACK = timedelta(minutes=30)
"""A run that starts a little earlier than yesterday's still does the day's work."""


def is_due(sweep: str, last: datetime | None, now: datetime, *, calls: int) -> bool:
    """Say whether a sweep that costs so many calls is to be done now; one that was never done always is."""
    if last is None or sweep == "every_run" or (sweep == "auto" and calls <= AUTO_CALLS):
        return True
    return now - last >= _PERIODS["daily" if sweep == "auto" else sweep] - _SLACK


def has_come_round(period: str, last: datetime | None, now: datetime) -> bool:
    """Say whether something done so often is due again; what was never done begins to count now."""
    return period in _PERIODS and last is not None and now - last >= _PERIODS[period] - _SLACK
