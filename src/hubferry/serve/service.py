"""The server's loop: run what is due, one job after the other, remember how it went, and tell who wants to know.

The project's files are read anew before each job, so that an edit holds from the next run on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hubferry.config.load import PULL
from hubferry.config.model import ScheduleBlock
from hubferry.errors import FencedError, HubferryError, InterruptedRunError, PortalBusyError, QuotaError
from hubferry.project import AssociationReport, Job, Project, StreamReport
from hubferry.serve import alerts, schedule
from hubferry.serve.alerts import Alert, DeliveryError
from hubferry.types import Clock

BUSY_AGAIN = timedelta(minutes=1)
PAUSED_AGAIN = timedelta(minutes=15)
"""When a paused job is tried again where HubSpot does not say."""
LONGEST_NAP = timedelta(seconds=30)
"""Between two looks at the files."""
STATES = {0: "done", 1: "partial", 2: "failed", 3: "guard", 4: "paused", 5: "busy", 130: "interrupted"}
UNTOLD = ("busy", "interrupted", "running")


@dataclass
class Service:
    """Jobs of one project under one environment."""

    open_project: Callable[[], Project]
    clock: Clock
    say: Callable[[str], None]
    since: datetime
    """A job that never ran is due at its first time after this."""
    _cut_short: set[str] | None = field(init=False, default=None)

    def run(self, *, stopping: Callable[[], bool]) -> None:
        """Serve until `stopping` says so, which is asked every second; raise InterruptedRunError where a run was stopped."""
        while not stopping():
            due, look = self.step(), self._now() + LONGEST_NAP
            until = look if due is None else min(due, look)
            while not stopping() and self._now() < until:
                self.clock.sleep(1.0)

    def step(self) -> datetime | None:
        """Run every job that is due, and give when the next one is; None: nothing is scheduled that could be told."""
        with self._explained():
            ran: set[str] = set()
            while (name := self._next_due(ran)) is not None:
                ran.add(name)
                self._run_job(name)
            return self._next_time()
        return None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what keeps the server from its work (a mistake in a file, a locked warehouse), and go on."""
        try:
            yield
        except InterruptedRunError:
            raise
        except HubferryError as error:
            self.say(str(error))

    def _next_due(self, ran: set[str]) -> str | None:
        with self.open_project() as project:
            jobs = project.jobs()
            if self._cut_short is None:  # what a server that was killed left running
                self._cut_short = {name for name, row in jobs.items() if row.state in ("running", "interrupted")}
            self._tell_late(project, jobs)
            for name, when in schedules(project).items():
                due = schedule.find_due(name, when, jobs, since=self.since)
                again = name in self._cut_short
                if name not in ran and (again or (due is not None and due <= self._now())):
                    return name
        return None

    def _next_time(self) -> datetime | None:
        with self.open_project() as project:
            jobs = project.jobs()
            found = [schedule.find_due(n, s, jobs, since=self.since) for n, s in schedules(project).items()]
        return min((each for each in found if each is not None), default=None)

    def _run_job(self, name: str) -> None:
        with self.open_project() as project:
            before = project.jobs().get(name)
            started = Job(environment=project.environment or "", job=name, state="running", started_at=self._now())
            if before is not None:
                started = replace(started, done_at=before.done_at, told=before.told)
            if not project.claim_job(started, before=None if before is None else before.started_at):
                return  # another server was quicker
            if self._cut_short:
                self._cut_short.discard(name)
            self.say(f"{name}: started")
            ended = self._execute(project, started)
            project.record_job(ended)
            self.say(f"{name}: {ended.state}" + (f", {ended.error}" if ended.error else ""))
            self._tell(project, ended)
        if ended.state == "interrupted":
            raise InterruptedRunError("the server was asked to stop; what was committed is kept")

    def _execute(self, project: Project, job: Job) -> Job:
        """Run a job and give its row as it ended."""
        try:
            ended = self._pull(project, job) if job.job == PULL else self._push(project, job)
        except HubferryError as error:
            state = "busy" if isinstance(error, (PortalBusyError, FencedError)) else STATES[error.exit_code]
            ended = replace(job, state=state, error=str(error), not_before=self._again(state, error))
        except Exception as error:  # noqa: BLE001  the worker's edge: one job's mistake does not end the others
            ended = replace(
                job, state="failed", error=f"hubferry failed with {type(error).__name__}, a mistake of its own"
            )
        now = self._now()
        return replace(ended, finished_at=now, done_at=now if ended.state == "done" else ended.done_at)

    def _pull(self, project: Project, job: Job) -> Job:
        report = project.pull()
        state = STATES[report.exit_code]
        parts: tuple[StreamReport | AssociationReport, ...] = (*report.streams, *report.associations)
        problems = [each for each in parts if each.state != "done"]
        error = next((each.error for each in problems if each.error is not None), None)
        return replace(
            job,
            state=state,
            run_id=report.run_id,
            rows_open=len(problems),
            error=None if error is None else str(error),
            not_before=self._again(state, error),
        )

    def _push(self, project: Project, job: Job) -> Job:
        report = project.push([job.job])
        return replace(job, state=STATES[report.exit_code], run_id=report.run_id, rows_open=report.rows_open)

    def _again(self, state: str, error: HubferryError | None) -> datetime | None:
        if state == "busy":
            return self._now() + BUSY_AGAIN
        if state != "paused":
            return None
        said = error.resumes_at if isinstance(error, QuotaError) else None
        return said or self._now() + PAUSED_AGAIN

    def _tell_late(self, project: Project, jobs: Mapping[str, Job]) -> None:
        """Deliver what could not be delivered before."""
        for job in jobs.values():
            self._tell(project, job)

    def _tell(self, project: Project, job: Job) -> None:
        """Tell of a state that changed; remembered as told only once every receiver took it."""
        block = project.files.file.alerts
        few = job.state == "partial" and job.job != PULL and job.rows_open <= block.tolerated_rows
        state, was = "done" if few else job.state, job.told or "done"
        if job.state in UNTOLD or state == was:
            return
        alert = Alert(
            job=job.job,
            state=state,
            was=was,
            at=f"{job.finished_at or job.started_at:%Y-%m-%dT%H:%M:%SZ}",
            environment=job.environment or None,
            run_id=job.run_id,
            rows_open=job.rows_open,
            error=job.error,
        )
        try:
            self._deliver(project, alert)
        except DeliveryError as error:
            self.say(f"{job.job}: nobody could be told that it is {state}: {error}")
            return
        project.record_job(replace(job, told=state))

    def _deliver(self, project: Project, alert: Alert) -> None:
        block = project.files.file.alerts
        if block.webhook is not None:
            url = project.secret("alerts.webhook.url", block.webhook.url)
            key = block.webhook.secret and project.secret("alerts.webhook.secret", block.webhook.secret)
            alerts.deliver_webhook(alert, url, key or None, int(self.clock.time()))
        if block.email is not None:
            password = block.email.password and project.secret("alerts.email.password", block.email.password)
            alerts.deliver_email(alert, block.email, password or None)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), UTC)


def schedules(project: Project) -> dict[str, ScheduleBlock]:
    """Give the schedule of every job that has one, the pull first."""
    found = {PULL: project.files.file.pull.schedule}
    found |= {name: sync.block.schedule for name, sync in project.files.syncs.items() if name != PULL}
    return {name: each for name, each in found.items() if each is not None}
