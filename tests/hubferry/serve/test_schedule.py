"""When a job is due: by the clock of its zone, once for all that was missed, and never twice for one time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hubferry.config.model import ScheduleBlock
from hubferry.project import Job
from hubferry.serve.schedule import find_due

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def job(name: str = "pull", **values: Any) -> Job:
    return Job(**{"environment": "", "job": name, "state": "done", "started_at": NOON} | values)


def due(schedule: ScheduleBlock, *rows: Job, since: datetime = NOON) -> datetime | None:
    return find_due("pull", schedule, {row.job: row for row in rows}, since=since)


def test_a_job_that_never_ran_waits_for_its_next_time() -> None:
    assert due(ScheduleBlock(cron="0 * * * *")) == NOON + HOUR


def test_what_was_missed_is_due_once_however_often_it_was_missed() -> None:
    schedule = ScheduleBlock(cron="0 * * * *")

    assert due(schedule, job(started_at=NOON - 50 * HOUR)) == NOON - 49 * HOUR
    assert due(schedule, job(started_at=NOON + timedelta(minutes=7))) == NOON + HOUR


def test_a_time_is_that_of_its_zone_on_both_sides_of_a_clock_change() -> None:
    six = ScheduleBlock(cron="0 6 * * *", timezone="Europe/Berlin")

    assert six.next_after(datetime(2026, 3, 28, 0, tzinfo=UTC)) == datetime(2026, 3, 28, 5, tzinfo=UTC)
    assert six.next_after(datetime(2026, 3, 29, 0, tzinfo=UTC)) == datetime(2026, 3, 29, 4, tzinfo=UTC)


def test_a_time_that_a_clock_change_leaves_out_is_not_lost() -> None:
    half_past_two = ScheduleBlock(cron="30 2 * * *", timezone="Europe/Berlin")

    assert half_past_two.next_after(datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize(("done_at", "expected"), [(None, None), (NOON, None), (NOON + HOUR, NOON + HOUR)])
def test_a_job_that_waits_for_another_is_due_when_that_one_is_done_after_it_ran(
    done_at: datetime | None, expected: datetime | None
) -> None:
    assert due(ScheduleBlock(after="people"), job(), job("people", done_at=done_at)) == expected


@pytest.mark.parametrize("state", ["paused", "busy"])
def test_a_paused_or_busy_job_is_tried_again_before_its_next_time(state: str) -> None:
    again = NOON + timedelta(minutes=1)

    assert due(ScheduleBlock(cron="0 6 * * *"), job(state=state, not_before=again)) == again
