"""Airflow 3: `PullOperator` and `PushOperator`. XCom gets ids, states and numbers; never a record's value or a secret.

There is no extra: hubferry is installed into Airflow's environment, under Airflow's own constraints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

try:
    from airflow.sdk import BaseHook, BaseOperator
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError as error:  # pragma: no cover  tested in an environment without it
    raise ImportError(
        "hubferry.integrations.airflow needs Airflow 3: install hubferry into Airflow's environment"
    ) from error

from hubferry.errors import HubferryError
from hubferry.integrations import reports
from hubferry.project import Project

UNFINISHED = "unfinished"
"""The key under which XCom gets the numbers of a run that did not end as it should, so that the task failed."""
KEPT_PLAN = "kept_plan_id"
"""The key under which XCom gets the id of a plan that was kept for a person."""


class HubferryOperator(BaseOperator):
    """What both operators have in common: which project, under which environment, with which secrets."""

    template_fields: Sequence[str] = ("folder", "environment")

    def __init__(
        self,
        *,
        folder: str,
        environment: str | None = None,
        secrets: Mapping[str, str] | None = None,
        wait_seconds: float = 600,
        **kwargs: Any,
    ) -> None:
        """Name the folder that holds hubferry.yml, readable where the task runs.

        `secrets`: variable of hubferry.yml -> Airflow connection whose password it is, as in `{"HUBSPOT_TOKEN": "hubspot"}`;
        what is not named comes from the worker's environment. Another run on the portal is waited for up to `wait_seconds`.
        """
        super().__init__(**kwargs)
        self.folder, self.environment = folder, environment
        self.secrets, self.wait_seconds = dict(secrets or {}), wait_seconds

    @contextmanager
    def _open(self, context: Mapping[str, Any]) -> Iterator[Project]:
        """Open the project, and say hubferry's errors as Airflow's: what only a person can mend is not tried again."""
        found = {name: BaseHook.get_connection(connection).password for name, connection in self.secrets.items()}
        environ = dict(os.environ) | {name: value for name, value in found.items() if value}
        try:
            with Project.open(self.folder, environ, environment=self.environment or None) as project:
                yield project
        except HubferryError as error:
            if (plan_id := getattr(error, "plan_id", None)) is not None:
                context["ti"].xcom_push(key=KEPT_PLAN, value=plan_id)
            kind = AirflowException if reports.may_retry(error) else AirflowFailException
            raise kind(f"{type(error).__name__}: {error}") from error


class PullOperator(HubferryOperator):
    """Make the warehouse's tables equal to HubSpot; fails where a stream was not done, after all others were."""

    template_fields: Sequence[str] = (*HubferryOperator.template_fields, "select", "exclude")

    def __init__(
        self, *, select: Sequence[str] = (), exclude: Sequence[str] = (), full_refresh: bool = False, **kwargs: Any
    ) -> None:
        """Choose streams (by name, or by `tag:word`); none: all that hubferry.yml names."""
        super().__init__(**kwargs)
        self.select, self.exclude, self.full_refresh = list(select), list(exclude), full_refresh

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Pull, and give the numbers of the run, stream by stream."""
        with self._open(context) as project:
            report = project.pull(
                select=self.select,
                exclude=self.exclude,
                full_refresh=self.full_refresh,
                wait_seconds=self.wait_seconds,
            )
        summary = reports.summarise_pull(report)
        if unfinished := reports.find_unfinished(report):
            context["ti"].xcom_push(key=UNFINISHED, value=summary)
            errors = [each.error for each in unfinished if each.error]
            kind = AirflowException if not errors or any(map(reports.may_retry, errors)) else AirflowFailException
            raise kind(f"run {report.run_id} did not do everything.\n{reports.describe_failures(report)}")
        return summary


class PushOperator(HubferryOperator):
    """Plan and apply syncs as one run, under their guards; over a guard nothing is written and the plan is kept."""

    template_fields: Sequence[str] = (*HubferryOperator.template_fields, "syncs")

    def __init__(
        self,
        *,
        syncs: Sequence[str] = (),
        full: bool = False,
        canary: int | None = None,
        tolerated_rows: int = 0,
        **kwargs: Any,
    ) -> None:
        """Name the syncs; none: all of the project.

        `full` compares every row with HubSpot, `canary` writes so many records first. The task fails where more than
        `tolerated_rows` rows and links are invalid, rejected or unknown; the others are written all the same.
        """
        super().__init__(**kwargs)
        self.syncs, self.full, self.canary, self.tolerated_rows = list(syncs), full, canary, tolerated_rows

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Push, and give the numbers of the run: its plan, and what became of every row."""
        with self._open(context) as project:
            report = project.push(self.syncs, full=self.full, canary=self.canary, wait_seconds=self.wait_seconds)
        summary = reports.summarise_push(report)
        if report.rows_open > self.tolerated_rows:
            context["ti"].xcom_push(key=UNFINISHED, value=summary)
            raise AirflowFailException(
                f"run {report.run_id}: {report.rows_open:,} rows and links are invalid, rejected or unknown."
                f" `hubferry rejected {report.plan.syncs[0]}` lists them with reasons."
            )
        return summary
