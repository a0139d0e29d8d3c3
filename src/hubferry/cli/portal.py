"""`hubferry check`, `streams` and `status`: what the portal allows, and where the project stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet
from hubferry.cli.output import Output, style
from hubferry.cli.session import open_project

_MOST_SCOPES = 3
"""So many alternatives are readable in a line of a table; more are a list of everything that has pipelines."""


def check(project: Folder = HERE, env: Environment = None, output: AsFormat = "text", quiet: IsQuiet = False) -> int:
    """Check token, scopes, quotas and warehouse.

    Every scope that a chosen stream or sync needs and the token lacks is named. Whether the warehouse can be written is found
    out by writing: hubferry's schema is made there, with one small table.
    """
    out = Output("check", output, quiet)
    with open_project(project, env) as opened:
        report = opened.check()
    marks = {True: style("ok", "green"), False: style("NO", "red"), None: style("??", "yellow")}
    for item in report.items:
        out.line(f"{marks[item.passed]}  {item.name}: {item.detail}")
        if item.advice:
            out.line(f"      {item.advice}")
    out.result({"passed": report.passed, "portal_id": report.portal_id, "items": report.items})
    return 0 if report.passed else 1


def streams(
    project: Folder = HERE,
    env: Environment = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask HubSpot what the token may read.")] = False,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """List every stream, and whether you may read it.

    Shows table, strategy, key, cursor and the scope that is needed.
    """
    out = Output("streams", output, quiet)
    with open_project(project, env) as opened:
        found = opened.streams(ask_portal=not offline)
    columns = ("stream", "chosen", "table", "strategy", "key", "cursor", "scope", "may read")
    rows = [
        (
            each.name,
            each.chosen,
            each.table,
            each.strategy,
            ", ".join(each.key),
            each.cursor,
            _render_scopes(each.scopes),
            "?" if each.may_read is None else each.may_read,
        )
        for each in sorted(found, key=lambda each: not each.chosen)
    ]
    out.table(columns, rows, optional=("table", "key", "cursor"))
    out.result(found)


def _render_scopes(alternatives: Sequence[Sequence[str]]) -> str:
    """Name the scopes of which one set is needed; where there are many sets, the first and how many more."""
    named = [" + ".join(scopes) for scopes in alternatives]
    return " or ".join(named) if len(named) <= _MOST_SCOPES else f"{named[0]} or one of {len(named) - 1} others"


def status(project: Folder = HERE, env: Environment = None, output: AsFormat = "text", quiet: IsQuiet = False) -> None:
    """Say how far each stream is read, and what is left."""
    out = Output("status", output, quiet)
    found = open_project(project, env).status()
    if not found.last_runs:
        out.line("Nothing has run yet. Try: hubferry pull")
    for kind, run in sorted(found.last_runs.items()):
        out.line(f"last {kind}: {run.state}, {run.started_at:%Y-%m-%d %H:%M:%S}, {run.run_id}")
    rows = [
        (name, f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "first read under way")
        for name, moment in sorted(found.cursors.items())
    ]
    if rows:
        out.line()
        out.table(("stream", "equal to HubSpot as of (UTC)"), rows)
    for name, count in found.rejected.items():
        if count:
            out.line(f"\n{name}: {count:,} rows or links could not be done; see `hubferry rejected {name}`")
    out.result(found)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: hubferry check --project crm")(check)
    app.command(epilog="Example: hubferry streams")(streams)
    app.command(epilog="Example: hubferry status --output json")(status)
