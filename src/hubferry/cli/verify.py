"""`hubferry verify` and `drift`: is what was written there?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet, Limit, complete_sync
from hubferry.cli.output import Output, plural
from hubferry.cli.progress import show_progress
from hubferry.cli.session import open_project
from hubferry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hubferry.project import Project, TableReport, VerifyReport

Syncs = Annotated[list[str] | None, typer.Argument(metavar="SYNC", autocompletion=complete_sync, help="Syncs by name.")]


def verify(
    sync: Syncs = None,
    pushed: Annotated[
        list[str] | None, typer.Option("--push", metavar="SYNC", help="A sync, where a stream has the same name.")
    ] = None,
    pulled: Annotated[
        bool, typer.Option("--pull", help="Prove tables against HubSpot: the streams named, or all.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="With --pull: compare the values of all records, not of a sample.")
    ] = False,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=0, help="With --pull: compare the values of so many records.")
    ] = 1000,
    repair: Annotated[bool, typer.Option("--repair", help="With --pull: write what is otherwise.")] = False,
    limit: Limit = 100,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Read back what a sync wrote, or with --pull what tables hold, and say what is otherwise.

    Of a sync every record and link is read by id: equal, normalised, ignored by HubSpot, or changed since, and by whom. Of
    a table of records the ids and modified dates of all are compared with HubSpot's, and the values of a sample; of a list
    everything, of events the last 30 days, or all with --all, and of property_history the versions of a sample of records.
    """
    out = Output("verify", output, quiet)
    if pulled:
        names = [*(sync or ()), *(pushed or ())]
        with open_project(project, env) as opened, show_progress(out) as progress:
            tables = opened.verify_pull(names, sample=None if every else sample, repair=repair, progress=progress)
        return _show_tables(out, tables, limit)
    with open_project(project, env) as opened:
        return _verify(out, opened, [*(sync or ()), *(pushed or ())], limit, recorded=True)


def drift(
    sync: Syncs = None,
    limit: Limit = 100,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Say what became different in HubSpot since the last push.

    The same comparison as verify, without a run: nothing is recorded.
    """
    out = Output("drift", output, quiet)
    with open_project(project, env) as opened:
        return _verify(out, opened, sync or (), limit, recorded=False)


def _verify(out: Output, project: Project, syncs: list[str] | tuple[str, ...], limit: int, *, recorded: bool) -> int:
    if not syncs:
        raise UsageError(f"name a sync: hubferry {out.command} SYNC. Known: {', '.join(project.sync_names) or 'none'}.")
    with show_progress(out) as progress:
        reports = [project.verify(name, recorded=recorded, progress=progress) for name in syncs]
    for report in reports:
        _show(out, report, limit)
    out.result([{**vars(report), "exit_code": report.exit_code} for report in reports])
    return max(report.exit_code for report in reports)


def _show(out: Output, report: VerifyReport, limit: int) -> None:
    out.line(f"{report.sync}: {plural(report.records, 'record')} read back in {plural(report.calls, 'call')}")
    for kind, counts in (("values", report.values), ("links", report.links)):
        if counts:
            out.line(f"  {kind}: " + ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items())))
    for each in report.findings[:limit]:
        who = f", by {each.by} at {each.at}" if each.by else ""
        out.line(f"  {each.object} {each.record_id}  row {each.row_key}  {each.what}: {each.verdict}{who}")
        out.line(
            f"    the record is {each.now}"
            if each.what == "record"
            else f"    sent {each.sent!r}, HubSpot has {each.now!r}"
        )
    if len(report.findings) > limit:
        out.line(f"  ... and more: --limit {len(report.findings)}")


def _show_tables(out: Output, reports: Sequence[TableReport], limit: int) -> int:
    """Say of each table whether it is as HubSpot has it."""
    for each in reports:
        if each.error is not None:
            out.problem(each.error)
            continue
        if not each.verified:
            out.line(f"{each.name}: not verified: {each.reason}")
            continue
        said = "repaired" if each.repaired else f"{each.differences:,} differences" if each.differences else "equal"
        since = f" since {each.since:%Y-%m-%d}" if each.since else ""
        out.line(
            f"{each.name}: {said}; {each.listed:,} ids and dates{since} compared, values of {each.compared:,} of them,"
            f" in {plural(each.calls, 'call')}"
        )
        for what, ids in (("missing", each.missing), ("outdated", each.outdated), ("gone in HubSpot", each.gone)):
            if ids:
                more = f" and {len(ids) - limit:,} more" if len(ids) > limit else ""
                out.line(f"  {len(ids):,} {what}: {', '.join(ids[:limit])}{more}")
        for column, count in sorted(each.columns.items()):
            out.line(f"  {count:,} values of {column} differ at the same modified date")
        if each.newer:
            out.line(f"  {each.newer:,} changed since the last pull, which the next one brings")
    out.result([{**vars(each), "exit_code": each.exit_code} for each in reports])
    return max((each.exit_code for each in reports), default=0)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: hubferry verify contacts")(verify)
    app.command(epilog="Example: hubferry drift contacts --output json")(drift)
