"""When a job is due: pure, from its schedule and what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hubferry.config.model import ScheduleBlock
from hubferry.project import Job

AGAIN = ("paused", "busy")
"""States of a job that is tried again before its next time."""


def find_due(name: str, schedule: ScheduleBlock, jobs: Mapping[str, Job], *, since: datetime) -> datetime | None:
    """Give when a job is due, which may be past; None: when the job that it waits for is done.

    `since` is when serving began: what a job that never ran missed before is not made up for. However many times were
    missed after its last run, it is due once.
    """
    row = jobs.get(name)
    if row is not None and row.state in AGAIN and row.not_before is not None:
        return row.not_before
    reference = since if row is None else row.started_at
    if schedule.cron is not None:
        return schedule.next_after(reference)
    other = jobs.get(schedule.after or "")
    return other.done_at if other is not None and other.done_at is not None and other.done_at > reference else None
