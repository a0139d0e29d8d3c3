"""What a server knows, as OpenMetrics: jobs, cursors, rows that are open. Read from the warehouse at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hubferry.errors import ConfigError, HubferryError
from hubferry.project import Job, Project

if TYPE_CHECKING:
    from prometheus_client.core import Metric

STATES = ("running", "done", "partial", "failed", "guard", "paused", "busy", "interrupted")
_TIMES = {
    "hubferry_job_started_seconds": ("When the job's last run started.", "started_at"),
    "hubferry_job_finished_seconds": ("When the job's last run ended.", "finished_at"),
    "hubferry_job_done_seconds": ("When the job last ended with everything done.", "done_at"),
}


class Metrics:
    """A collector for prometheus_client."""

    def __init__(self, open_project: Callable[[], Project]) -> None:
        self._open = open_project

    def collect(self) -> Iterator[Metric]:
        """Give every metric; where the warehouse cannot be read now, only that it could not."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415  an extra

        try:
            with self._open() as project:
                found = [*_job_metrics(project.jobs()), *_project_metrics(project)]
        except HubferryError:
            found = []
        yield GaugeMetricFamily(
            "hubferry_readable", "Whether the project and its warehouse could be read.", bool(found)
        )
        yield from found


def _job_metrics(jobs: dict[str, Job]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, StateSetMetricFamily  # noqa: PLC0415  an extra

    state = StateSetMetricFamily("hubferry_job_state", "How the job's last run ended.", labels=["job"])
    rows = GaugeMetricFamily("hubferry_job_open_rows", "Rows or streams that were not done.", labels=["job"])
    for name, job in jobs.items():
        state.add_metric([name], {each: each == job.state for each in STATES})
        rows.add_metric([name], job.rows_open)
    yield state
    yield rows
    for name, (doc, column) in _TIMES.items():
        times = GaugeMetricFamily(name, doc, labels=["job"])
        for each in jobs.values():
            if (at := getattr(each, column)) is not None:
                times.add_metric([each.job], at.timestamp())
        yield times


def _project_metrics(project: Project) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415  an extra

    status = project.status()
    cursor = GaugeMetricFamily(
        "hubferry_stream_cursor_seconds",
        "Everything changed in HubSpot up to this time is in the stream's table.",
        labels=["stream"],
    )
    for name, at in status.cursors.items():
        if at is not None:
            cursor.add_metric([name], at.timestamp())
    listed = GaugeMetricFamily(
        "hubferry_sync_open_rows", "Rows, columns and links that `hubferry rejected` lists.", labels=["sync"]
    )
    for name, count in status.rejected.items():
        listed.add_metric([name], count)
    yield cursor
    yield listed


@contextmanager
def serve_metrics(open_project: Callable[[], Project], port: int) -> Iterator[int]:
    """Answer scrapes on loopback until the block ends, and give the port; raise ConfigError where the extra is missing."""
    try:
        from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415  an extra
    except ImportError:
        raise ConfigError("metrics need an extra: pip install 'hubferry[metrics]'.") from None
    registry = CollectorRegistry()
    registry.register(Metrics(open_project))
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise ConfigError(
            f"port {port} cannot be listened on: {error.strerror}. Name another: --metrics-port N."
        ) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
