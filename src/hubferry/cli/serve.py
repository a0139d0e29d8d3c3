"""`hubferry serve`: run what the files schedule, until it is stopped."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet
from hubferry.cli.output import Output, render_json
from hubferry.cli.session import open_project
from hubferry.cli.ui import start_page
from hubferry.clock import SystemClock
from hubferry.errors import ConfigError


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
    from hubferry.serve.service import Service, schedules  # noqa: PLC0415  start-up

    out = Output("serve", output, quiet)
    with open_project(project, env) as opened:
        named = schedules(opened)
    if not named:
        raise ConfigError(
            'nothing has a schedule. Write e.g. `schedule: "0 6 * * *"` under pull in hubferry.yml or in a sync,'
            " or `schedule: {after: pull}`."
        )
    now = datetime.now(UTC)
    service = Service(
        open_project=lambda: open_project(project, env),
        clock=SystemClock(),
        say=_speaker(out),
        since=now - timedelta(days=400) if once else now,
    )
    for name, each in named.items():
        out.note(f"{name}: after {each.after}" if each.after else f"{name}: {each.cron} ({each.timezone})")
    with ExitStack() as opened_too:
        if ui_port is not None:
            page = opened_too.enter_context(start_page(project, env, port=ui_port, no_browser=True))
            opened_too.callback(page.terminate)
        if metrics_port is not None:
            port = opened_too.enter_context(serve_metrics(service.open_project, metrics_port))
            out.note(f"metrics: http://127.0.0.1:{port}/metrics")
        if once:
            service.step()
        else:
            stopped: list[int] = []
            signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
            signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
            service.run(stopping=lambda: bool(stopped))
    with open_project(project, env) as opened:
        jobs = {name: row for name, row in opened.jobs().items() if name in named}
    out.result(list(jobs.values()))
    return 1 if once and any(row.state != "done" for row in jobs.values()) else 0


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
