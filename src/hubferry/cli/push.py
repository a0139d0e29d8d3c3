"""`hubferry plan`, `apply`, `push` and `rejected`: the warehouse into HubSpot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet, Limit, Wait, complete_sync
from hubferry.cli.output import Output, plural, render_json
from hubferry.cli.progress import show_progress
from hubferry.cli.session import open_project

if TYPE_CHECKING:
    from hubferry.project import Outcome, Plan, Project, PushReport

Syncs = Annotated[
    list[str] | None,
    typer.Argument(metavar="SYNC", autocompletion=complete_sync, help="Syncs by name; none: all of the project."),
]


def plan(
    sync: Annotated[
        list[str],
        typer.Argument(metavar="SYNC", autocompletion=complete_sync, help="One sync or more, planned as one run."),
    ],
    out_file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the plan to a file.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many steps of each kind to show.")] = 5,
    changed_only: Annotated[
        bool, typer.Option("--changed-only", help="Compare only rows that changed since the last push.")
    ] = False,
    row: Annotated[
        list[str] | None,
        typer.Option("--row", metavar="KEY", help="Only the row of this key, to try one; may be repeated."),
    ] = None,
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Only the rows that could not be done; `hubferry retry` writes them at once."),
    ] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 10 where there are changes.")
    ] = False,
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Show what a push would change, field by field.

    HubSpot itself is read; nothing is written to it.
    """
    out = Output("plan", output, quiet)
    with open_project(project, env) as opened:
        with show_progress(out) as progress:
            made = opened.plan(
                sync, full=not changed_only, rows=row or (), retry=retry, wait_seconds=wait, progress=progress
            )
        if out_file is not None:
            opened.export_plan(made.id, out_file)
        show_plan(out, opened, made, limit=limit)
    target = str(out_file or made.id) + ("" if project == HERE else f" --project {project}")
    follow = (
        f"To apply exactly this: hubferry apply {target}"
        if made.passed
        else "Where this is meant, raise the guard in the sync and plan again."
    )
    out.line(f"\nNothing was written to HubSpot. {follow}")
    out.result(made)
    return 10 if detailed_exitcode and made.changes else 0


def apply(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan's file, or its id.")],
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Apply exactly that plan; a stale one is refused.

    A plan is stale where its sync or HubSpot's properties moved since.
    """
    out = Output("apply", output, quiet)
    with open_project(project, env) as opened, show_progress(out) as progress:
        report = opened.apply(plan, wait_seconds=wait, progress=progress)
    show_push(out, report)
    return report.exit_code


def push(
    sync: Syncs = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every row with HubSpot, not only changed ones.")
    ] = False,
    canary: Annotated[
        int | None,
        typer.Option(
            "--canary", metavar="N", min=1, help="Write N records first; the rest only if HubSpot takes them."
        ),
    ] = None,
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Plan and apply, under the guards of each sync.

    Over a guard nothing is written, and the plan is kept for you to look at.
    """
    out = Output("push", output, quiet)
    with open_project(project, env) as opened, show_progress(out) as progress:
        report = opened.push(sync or (), full=full, canary=canary, wait_seconds=wait, progress=progress)
    show_push(out, report)
    return report.exit_code


def rejected(
    sync: Annotated[str, typer.Argument(metavar="SYNC", autocompletion=complete_sync, help="A sync by name.")],
    limit: Limit = 100,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """List what could not be done, with reasons.

    Rows, columns and links of the sync's last run that were invalid, refused, skipped or are unknown, each with a fix.
    """
    out = Output("rejected", output, quiet)
    found = open_project(project, env).rejected(sync, limit=limit)
    for each in found:
        detail = f" {each.detail}" if each.detail else ""
        out.line(f"row {each.row_key}{detail}  {each.state} ({each.step}): {each.message}")
        out.line(f"    {each.advice}")
    out.line(f"{len(found):,} of {sync} could not be done." if found else f"Everything of {sync} was done.")
    out.result(found)


def show_plan(out: Output, project: Project, made: Plan, *, limit: int) -> None:
    """Show a plan: numbers, then its first steps of each kind."""
    from hubferry.cli import plan_text  # noqa: PLC0415  imports the steps, and with them pyarrow

    for text in plan_text.render_plan(made):
        out.line(text)
    steps = list(plan_text.query_sections(project, made.id, limit=limit))
    for text in steps:
        out.line(f"  {text}")
    if steps:
        out.line(f"  Every step: SELECT * FROM hubferry.plan_steps WHERE plan_id = '{made.id}', or a larger --limit")


def show_push(out: Output, report: PushReport) -> None:
    """Say what became of every planned row and link."""
    for kind, outcomes in (("rows", report.rows), ("links", report.links)):
        for name, outcome in outcomes.items():
            counts = report.plan.counts[name]
            invalid = counts.invalid if kind == "rows" else counts.links_invalid
            if outcome.planned or invalid or kind == "rows":
                beside = f"; {invalid:,} invalid, not sent" if invalid else ""
                out.line(f"{name}, {kind}: {_equation(outcome)}{beside}")
    out.line(f"{report.run_id}: {plural(report.calls, 'call')} in {report.seconds:.1f} s")
    if report.exit_code:
        out.note(f"Not everything was done: {', '.join(f'hubferry rejected {name}' for name in report.open_by_sync)}")
    out.result({**_plain(report), "exit_code": report.exit_code})


def _equation(outcome: Outcome) -> str:
    parts = (f"{getattr(outcome, name):,} {name}" for name in ("applied", "rejected", "skipped", "unknown"))
    return f"{outcome.planned:,} planned = {' + '.join(parts)}"


def _plain(report: PushReport) -> dict[str, object]:
    import msgspec  # noqa: PLC0415

    decoded: dict[str, object] = msgspec.json.decode(render_json(report))
    return decoded


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: hubferry plan contacts --out plan.json")(plan)
    app.command(epilog="Example: hubferry apply plan.json")(apply)
    app.command(epilog="Example: hubferry push contacts")(push)
    app.command(epilog="Example: hubferry rejected contacts")(rejected)
