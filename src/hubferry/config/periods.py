"""How often something is done beside every run. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

Period = Literal["never", "daily", "weekly", "monthly"]
LENGTHS = {"daily": timedelta(days=1), "weekly": timedelta(days=7), "monthly": timedelta(days=28)}
SLACK = timedelta(minutes=30)
"""A run that starts a little earlier than yesterday's still does the day's work."""


def has_come_round(period: str, last: datetime | None, now: datetime) -> bool:
    """Say whether something done so often is due again; what was never done begins to count now."""
    return period in LENGTHS and last is not None and now - last >= LENGTHS[period] - SLACK
