"""`hubferry serve`: run what the files schedule, until it is stopped."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Collection
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet
from hubferry.cli.output import Output, render_json
from hubferry.cli.session import open_project
from hubferry.cli.ui import start_page
from hubferry.clock import SystemClock
from hubferry.errors import ConfigError

if TYPE_CHECKING:
    from hubferry.project import Project
    from hubferry.serve.service import Service


def serve(
    once: Annotated[
        bool, typer.Option("--once", help="Run what is due now, and end: for a scheduler that starts containers.")
    ] = False,
    ui_port: Annotated[
        int | None, typer.Option("--ui-port", metavar="N", min=1, max=65535, help="Show the page there, on 127.0.0.1.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=65535, help="Answer OpenMetrics scrapes there, on 127.0.0.1.")
    ] = None,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Run pulls and pushes by the schedules of the project's files.

    One job at a time; what was missed while nobody served runs once. Alerts tell of states that change.
    Edits of the files hold from the next run on. SIGTERM and Ctrl-C end it at a safe point.
    """
    from hubferry.serve.metrics import serve_metrics  # noqa: PLC0415  start-up

    out = Output("serve", output, quiet)
    service, named = _build_service(out, lambda: open_project(project, env), once=once)
    with ExitStack() as beside:
        if ui_port is not None:
            page = beside.enter_context(start_page(project, env, port=ui_port, no_browser=True))
            beside.callback(page.terminate)
        if metrics_port is not None:
            port = beside.enter_context(serve_metrics(service.open_project, metrics_port))
            out.note(f"metrics: http://127.0.0.1:{port}/metrics")
        if once:
            service.step()
        else:
            _run(service)
    with open_project(project, env) as opened:
        jobs = {name: row for name, row in opened.jobs().items() if name in named}
    out.result(list(jobs.values()))
    return 1 if once and any(row.state != "done" for row in jobs.values()) else 0


def _build_service(out: Output, open_it: Callable[[], Project], *, once: bool) -> tuple[Service, Collection[str]]:
    """Build the server and name its jobs; raise ConfigError where there are none."""
    from hubferry.serve.service import Service, schedules  # noqa: PLC0415  start-up

    with open_it() as opened:
        named = schedules(opened)
    if not named:
        raise ConfigError(
            'nothing has a schedule. Write e.g. `schedule: "0 6 * * *"` under pull in hubferry.yml or in a sync,'
            " or `schedule: {after: pull}`."
        )
    for name, each in named.items():
        out.note(f"{name}: after {each.after}" if each.after else f"{name}: {each.cron} ({each.timezone})")
    now = datetime.now(UTC)
    since = now - timedelta(days=400) if once else now  # once: a job that never ran is due
    return Service(open_project=open_it, clock=SystemClock(), say=_speaker(out), since=since), named.keys()


def _run(service: Service) -> None:
    """Serve until somebody asks it to end."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    service.run(stopping=lambda: bool(stopped))


def _speaker(out: Output) -> Callable[[str], None]:
    """Give a voice: a line of text, or of JSON on stderr, with the time."""

    def say(text: str) -> None:
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        sys.stderr.write(f"{render_json({'at': at, 'message': text}) if out.format == 'json' else f'{at} {text}'}\n")
        sys.stderr.flush()

    return say


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry serve --project crm")(serve)
