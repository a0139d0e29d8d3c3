"""`hubferry runs` and `show`: what ran, and what it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubferry.cli.files import write_private
from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet, Limit
from hubferry.cli.output import Output, render_json
from hubferry.cli.session import open_project

if TYPE_CHECKING:
    from hubferry.project import RunSteps


def runs(
    project: Folder = HERE,
    env: Environment = None,
    limit: Limit = 20,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """List the latest runs, newest first."""
    out = Output("runs", output, quiet)
    found = open_project(project, env).runs(limit)
    rows = [
        (
            each.run_id,
            each.kind,
            each.state,
            f"{each.started_at:%Y-%m-%d %H:%M:%S}",
            f"{(each.finished_at - each.started_at).total_seconds():.1f}" if each.finished_at else "",
            ", ".join(f"{name} {count:,}" for name, count in each.counts.items() if count),
        )
        for each in found
    ]
    out.table(("run", "kind", "state", "started", "seconds", "counts"), rows, optional=("seconds",))
    if not rows:
        out.note("Nothing has run yet. Try: hubferry pull")
    out.result(found)


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or `latest`.")] = "latest",
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Show one run: what it did to each stream, or what became of each step of its plan."""
    out = Output("show", output, quiet)
    with open_project(project, env) as opened:
        found, streams = opened.show(run)
        steps = opened.plans.steps_of_run(found)
    out.line(
        f"{found.run_id}: {found.kind}, {found.state}, portal {found.portal_id}, {found.started_at:%Y-%m-%d %H:%M:%S}"
    )
    for name, count in found.counts.items():
        if count:
            out.line(f"  {name.replace('_', ' ')}: {count:,}")
    if found.error:
        out.line(f"  {found.error}")
    if streams:
        columns = ("stream", "state", "reader", "read", "new", "changed", "unchanged", "deleted", "calls")
        rows = [
            (s.stream, s.state, s.reader, s.read, s.inserted, s.updated, s.unchanged, s.deleted, s.calls)
            for s in streams
        ]
        out.line()
        out.table(columns, rows, optional=("reader", "unchanged"))
    if steps is not None:
        _show_steps(out, steps)
    out.result({"run": found, "streams": streams, "steps": steps})


def _show_steps(out: Output, steps: RunSteps) -> None:
    out.line(f"\n{steps.plan}, {steps.state}")
    out.table(("sync", "step", "state", "count"), [(s.sync, s.kind, s.state, s.count) for s in steps.counts])
    if steps.causes:
        out.line("\nnot done:")
    for each in steps.causes:
        out.line(f"  {each.count:,} x {each.reason}")
        out.line(f"    {each.advice}")


def doctor(
    file: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The file to write; only you can read it.")
    ] = Path("hubferry-doctor.json"),
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Write what somebody who helps needs to know.

    Versions, settings, what `check` says, the latest runs. No secret and no value of a record: look before you send it.
    """
    out = Output("doctor", output, quiet)
    with open_project(project, env) as opened:
        found = opened.diagnose()
        text = opened.hide_secrets(render_json(found, indent=2))
    write_private(file, text + "\n")
    failed = (
        [each["name"] for each in found.check["items"] if each["passed"] is False]
        if isinstance(found.check, dict)
        else []
    )
    out.line(
        f"wrote {file}: {len(found.runs)} runs, {len(found.syncs)} syncs"
        + (f"; not right: {', '.join(failed)}" if failed else "")
    )
    if isinstance(found.check, str):
        out.line(found.check)
    out.result({"file": str(file), "not_right": failed})


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: hubferry runs --limit 5")(runs)
    app.command(epilog="Example: hubferry show latest")(show)
    app.command(epilog="Example: hubferry doctor --out report.json")(doctor)
