"""Snowflake from within: what the stored procedures of `hubferry snowflake render` call.

Each takes the session that Snowflake hands to a procedure, and gives ids, states and numbers: no value of a record, no secret.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hubferry.errors import HubferryError
from hubferry.integrations import reports
from hubferry.project import Project, open_hosted

WAIT_SECONDS = 600.0
"""How long a procedure waits for another run on the portal."""


class ProcedureError(Exception):
    """What Snowflake shows of a call that failed: what happened and what to do next, no value and no secret."""


@dataclass(frozen=True)
class Place:
    """Where the project is, and what opens it."""

    database: str
    schema: str
    """Of the table of the project's files."""
    secrets: Mapping[str, str]
    """Variable of hubferry.yml -> its value."""
    environment: str | None = None

    def __repr__(self) -> str:
        """Say where, and no secret."""
        return f"Place({self.database}.{self.schema})"


def pull(session: Any, place: Place, select: Sequence[str] | None = None, full_refresh: bool = False) -> dict[str, Any]:
    """Pull all streams of the project, or those named; raises ProcedureError where one was not done, after all others were."""
    with _opened(session, place) as project:
        report = project.pull(select=select or (), full_refresh=bool(full_refresh), wait_seconds=WAIT_SECONDS)
        if reports.find_unfinished(report):
            raise ProcedureError(f"run {report.run_id} did not do everything.\n{reports.describe_failures(report)}")
    return reports.summarise_pull(report)


def plan(session: Any, place: Place, syncs: Sequence[str] | None = None) -> dict[str, Any]:
    """Store what a push would do, and give its id and numbers; its steps are rows of hubferry.plan_steps."""
    with _opened(session, place) as project:
        return reports.summarise_plan(project.plan(syncs or project.sync_names, wait_seconds=WAIT_SECONDS))


def apply(session: Any, place: Place, plan_id: str) -> dict[str, Any]:
    """Write exactly what a stored plan says, under its guards; raises ProcedureError where rows could not be done."""
    with _opened(session, place) as project:
        return _told(project.apply(plan_id, wait_seconds=WAIT_SECONDS))


def push(session: Any, place: Place, syncs: Sequence[str] | None = None) -> dict[str, Any]:
    """Plan and apply as one run under the guards of the syncs, as a task does; raises ProcedureError where rows could not be done."""
    with _opened(session, place) as project:
        return _told(project.push(syncs or (), wait_seconds=WAIT_SECONDS))


def status(session: Any, place: Place) -> dict[str, Any]:
    """Give the latest run of each kind, up to when each stream was read, and how many rows of each sync are open."""
    with _opened(session, place) as project:
        found = project.status()
    return {
        "portal_ids": list(found.portal_ids),
        "last_runs": {
            kind: {
                "run_id": run.run_id,
                "state": run.state,
                "started_at": run.started_at.isoformat(),
                "finished_at": run.finished_at.isoformat() if run.finished_at else None,
            }
            for kind, run in found.last_runs.items()
        },
        "cursors": {name: each.isoformat() if each else None for name, each in found.cursors.items()},
        "rows_open": dict(found.rejected),
    }


def _told(report: Any) -> dict[str, Any]:
    if report.rows_open:
        raise ProcedureError(
            f"run {report.run_id}: {report.rows_open:,} rows and links are invalid, rejected or unknown; all others were"
            " written. They are in hubferry.rejected, with reasons."
        )
    return reports.summarise_push(report)


@contextmanager
def _opened(session: Any, place: Place) -> Iterator[Project]:
    """Open the project, and say every error without values: Snowflake keeps and shows what a procedure raises."""
    try:
        with open_hosted(
            session,
            database=place.database,
            schema=place.schema,
            secrets=place.secrets,
            environment=place.environment,
        ) as project:
            yield project
    except ProcedureError:
        raise
    except HubferryError as error:
        raise ProcedureError(f"{type(error).__name__}: {error}") from None
    except Exception as error:  # noqa: BLE001  the worker's edge: a foreign message may hold a token or a record
        frames = "".join(traceback.format_tb(error.__traceback__))
        raise ProcedureError(
            f"hubferry failed with {type(error).__name__}, a mistake of its own, at\n{frames}"
        ) from None
