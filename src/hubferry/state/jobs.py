"""What `hubferry serve` remembers of each scheduled job: when it ran last, how that ended, and what was told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from hubferry.state.rows import merge_row
from hubferry.state.tables import SCHEMA, StateColumn, StateTable
from hubferry.warehouse.interface import Transaction, Warehouse

JOBS = StateTable(
    "jobs",
    "What `hubferry serve` runs by schedule: how the last run of each job ended, and what was told of it.",
    (
        StateColumn("environment", "string", "the environment it was served under; empty: none"),
        StateColumn("job", "string", "pull, or the name of a sync"),
        StateColumn("state", "string", "running, done, partial, failed, guard, paused, busy, or interrupted"),
        StateColumn("started_at", "timestamp", "when its last run started"),
        StateColumn("finished_at", "timestamp", "when that ended; NULL while it runs"),
        StateColumn("done_at", "timestamp", "when a run ended with everything done, for the jobs that wait for it"),
        StateColumn("not_before", "timestamp", "of a paused or busy job: when it is tried again"),
        StateColumn("run_id", "string", "the run, where it came so far"),
        StateColumn(
            "rows_open", "integer", "rows that were invalid, rejected or unknown, or streams that were not done"
        ),
        StateColumn("error", "string", "what went wrong"),
        StateColumn("told", "string", "the state that people were told last"),
    ),
    key=("environment", "job"),
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One scheduled job, as its row says."""

    environment: str
    job: str
    state: str
    started_at: datetime
    finished_at: datetime | None = None
    done_at: datetime | None = None
    not_before: datetime | None = None
    run_id: str | None = None
    rows_open: int = 0
    error: str | None = None
    told: str | None = None

    def ended(self, **values: Any) -> Job:
        """Give the row of the same job with these values."""
        return replace(self, **values)


def query_jobs(warehouse: Warehouse, environment: str) -> dict[str, Job]:
    """Give every job that was ever served under an environment, by name."""
    with warehouse.session():
        if not warehouse.query_columns(SCHEMA, JOBS.name):
            return {}
        columns = ", ".join(warehouse.quote(column.name) for column in JOBS.columns)
        sql = f"SELECT {columns} FROM {warehouse.name(SCHEMA, JOBS.name)} WHERE environment = ?"
        rows: list[Mapping[str, Any]] = warehouse.query(sql, (environment,)).to_pylist()
    return {row["job"]: Job(**row) for row in rows}


def claim_job(tx: Transaction, warehouse: Warehouse, job: Job, *, before: datetime | None) -> bool:
    """Note that a job starts, unless another server started it since it was looked at: `before` is the start seen then."""
    if before is None:
        merge_job(tx, warehouse, job)
        return True
    sql = (
        f"UPDATE {warehouse.name(SCHEMA, JOBS.name)} SET state = ?, started_at = ?, finished_at = NULL, not_before = NULL"
        " WHERE environment = ? AND job = ? AND started_at = ?"
    )
    return tx.execute(sql, (job.state, job.started_at, job.environment, job.job, before)) == 1


def merge_job(tx: Transaction, warehouse: Warehouse, job: Job) -> None:
    """Note how a job ended, or what was told of it."""
    merge_row(tx, warehouse, JOBS, asdict(job))
