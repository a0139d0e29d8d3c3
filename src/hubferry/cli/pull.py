"""`hubferry pull`: HubSpot into the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet, Wait, complete_stream
from hubferry.cli.output import Output, plural
from hubferry.cli.progress import show_progress
from hubferry.cli.session import open_project
from hubferry.errors import HubferryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hubferry.project import Estimate, PullReport


_COUNTS = {
    "read": "read",
    "inserted": "new",
    "updated": "changed",
    "unchanged": "unchanged",
    "deleted": "deleted",
    "unparsed": "unparsed",
    "late": "late",
    "calls": "calls",
    "floor_calls": "least calls",
    "waited_seconds": "summed wait s",
}
_ALWAYS = {"read", "calls", "floor_calls"}
"""Counts that are shown also where all are 0: the table is to fit a terminal."""


def pull(
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="STREAM", autocompletion=complete_stream, help="Only this stream; repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="STREAM", autocompletion=complete_stream, help="Not this stream; repeatable."),
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Read everything again, and mark what is gone.")
    ] = False,
    allow_deletes: Annotated[
        bool, typer.Option("--allow-deletes", help="Mark records as gone also where very many are.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what it would take: reader, calls, time, share of the day; write nothing."),
    ] = False,
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Read HubSpot into the warehouse.

    The first time everything, then what changed since. LEAST CALLS are the fewest that could have read so many records;
    SUMMED WAIT S is how long calls waited for HubSpot's limits, added up over calls that waited at the same time, so that it
    may be more than the run took.
    """
    out = Output("pull", output, quiet)
    if dry_run:
        with open_project(project, env) as opened:
            return _show_estimates(
                out, opened.estimate(select=select or (), exclude=exclude or (), full_refresh=full_refresh)
            )
    with open_project(project, env) as opened, show_progress(out) as progress:
        report = opened.pull(
            select=select or (),
            exclude=exclude or (),
            full_refresh=full_refresh,
            allow_deletes=allow_deletes,
            wait_seconds=wait,
            progress=progress,
        )
    show_pull(out, report)
    return report.exit_code


def show_pull(out: Output, report: PullReport) -> None:
    """Say what a pull did."""
    shown = [name for name in _COUNTS if name in _ALWAYS or any(getattr(each, name) for each in report.streams)]
    out.table(
        ("stream", "state", "reader", *(_COUNTS[name] for name in shown)),
        [(each.name, each.state, each.reader, *(getattr(each, name) for name in shown)) for each in report.streams],
    )
    for note in (note for each in report.streams for note in each.notes):
        out.line(note)
    for each in report.associations:
        state = "" if each.state == "done" else f"{each.state}; "
        out.line(f"{each.name}: {state}{each.inserted:,} new, {each.deleted:,} removed, {each.unchanged:,} unchanged")
    day = f", {_percent(report.share_of_day)} of the account's day" if report.share_of_day is not None else ""
    out.line(
        f"\n{report.run_id}: {plural(report.calls, 'call')} and {plural(report.searches, 'search', 'searches')} in {report.seconds:.1f} s{day}"
    )
    for problem in _problems(report):
        out.problem(problem)
    out.result(report)


def _show_estimates(out: Output, found: Sequence[Estimate]) -> int:
    """Say what a pull would take."""
    out.table(
        ("stream", "reader", "calls", "least s", "of the day", "reckoned from"),
        [(each.name, each.reader, each.calls, each.seconds, _percent(each.share_of_day), each.basis) for each in found],
    )
    shares = [each.share_of_day for each in found if each.share_of_day is not None]
    day = f", {_percent(sum(shares))} of the account's day" if shares else ""
    seconds = sum(each.seconds for each in found)
    out.line(
        f"\nat least {plural(sum(each.calls for each in found), 'call')} and {seconds:,.1f} s at HubSpot's limits{day}"
    )
    for each in found:
        if each.error is not None:
            out.problem(each.error)
    out.result(found)
    return 1 if any(each.error is not None for each in found) else 0


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _problems(report: PullReport) -> list[HubferryError]:
    """Give each error once: what pauses a run stands in the report of every stream that is left."""
    errors = [each.error for each in report.streams] + [each.error for each in report.associations]
    return list({str(error): error for error in errors if error is not None}.values())


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry pull --select contacts --select deals")(pull)
