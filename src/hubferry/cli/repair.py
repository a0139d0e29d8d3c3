"""`hubferry undo`, `hold` and `resume`: take a run back, and keep a sync from running."""

from __future__ import annotations

from typing import Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet, Wait, complete_sync
from hubferry.cli.output import Output
from hubferry.cli.progress import show_progress
from hubferry.cli.push import show_plan, show_push
from hubferry.cli.session import open_project
from hubferry.errors import UsageError

SyncName = Annotated[str, typer.Argument(metavar="SYNC", autocompletion=complete_sync, help="A sync by name.")]


def undo(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run of a push or apply, by its id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Apply the inverse at once, without looking at it first.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many steps of each kind to show.")] = 5,
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Plan the inverse of a run; what somebody changed since stays.

    Nothing is written until you apply it. Then its syncs are on hold until `hubferry resume`, or the next push would write
    it all again.
    """
    out = Output("undo", output, quiet)
    with open_project(project, env) as opened:
        made = opened.undo(run, wait_seconds=wait)
        show_plan(out, opened, made, limit=limit)
        out.line("\nNo plan takes back e-mails that were sent and workflows that ran.")
        if yes:
            with show_progress(out) as progress:
                report = opened.apply(made.id, wait_seconds=wait, progress=progress)
            show_push(out, report)
            return report.exit_code
    target = made.id + ("" if project == HERE else f" --project {project}")
    out.line(f"Nothing was written to HubSpot. To take the run back: hubferry apply {target}")
    out.result(made)
    return 0


def hold(
    sync: SyncName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for those who wonder later.")] = "",
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Keep a sync from being pushed until it is resumed."""
    out = Output("hold", output, quiet)
    with open_project(project, env) as opened:
        opened.hold(sync, reason=reason)
    out.line(f"{sync} is on hold. To let it go on: hubferry resume {sync}")
    out.result({"sync": sync, "held": True})


def resume(
    sync: SyncName,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Let a sync go on that was on hold."""
    out = Output("resume", output, quiet)
    with open_project(project, env) as opened:
        reason = opened.resume(sync)
    out.line(f"{sync} goes on; it was on hold: {reason}." if reason else f"{sync} was not on hold.")
    out.result({"sync": sync, "held": False, "reason": reason})


def retry(
    sync: SyncName,
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Push only the rows that could not be done.

    A row that HubSpot refuses is tried again by the next push, then after 1, 4 and 16 hours, then only when it changes; this
    tries it now.
    """
    out = Output("retry", output, quiet)
    with open_project(project, env) as opened, show_progress(out) as progress:
        report = opened.retry(sync, wait_seconds=wait, progress=progress)
    show_push(out, report)
    return report.exit_code


def skip(
    sync: SyncName,
    rows: Annotated[list[str], typer.Argument(metavar="KEY", help="Keys of the rows.")],
    always: Annotated[bool, typer.Option("--always", help="For good, not only until the row changes.")] = False,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Leave rows alone until they change, or for good."""
    out = Output("skip", output, quiet)
    with open_project(project, env) as opened:
        opened.skip(sync, rows, always=always)
    out.line(f"{len(rows):,} rows of {sync} are skipped {'for good' if always else 'until they change'}.")
    out.result({"sync": sync, "rows": rows, "skip": "always" if always else "once"})


def resync(
    sync: SyncName,
    rows: Annotated[list[str] | None, typer.Argument(metavar="KEY", help="Keys of the rows; none: all.")] = None,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Have the next push compare rows with HubSpot anew.

    Rows that were refused or skipped are tried again, too.
    """
    out = Output("resync", output, quiet)
    with open_project(project, env) as opened:
        opened.resync(sync, rows or ())
    out.line(f"The next push compares {'all rows' if not rows else f'{len(rows):,} rows'} of {sync} with HubSpot.")
    out.result({"sync": sync, "rows": rows or [], "skip": None})


def resolve(
    sync: SyncName,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The row's key.")],
    record: Annotated[str | None, typer.Option("--record", metavar="ID", help="The record that was made.")] = None,
    resend: Annotated[bool, typer.Option("--resend", help="None was made: let the next push make it.")] = False,
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Say what became of a create whose answer was lost.

    Only for records that no unique property guards: look in HubSpot whether the record is there.
    """
    out = Output("resolve", output, quiet)
    if (record is None) != resend:
        raise UsageError("say either which record was made, `--record ID`, or that none was, `--resend`.")
    with open_project(project, env) as opened:
        opened.resolve(sync, key, record_id=record, wait_seconds=wait)
    done = f"is record {record} from now on" if record else "is created by the next push"
    out.line(f"row {key} of {sync} {done}.")
    out.result({"sync": sync, "key": key, "record": record})


def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The name that the sync's file had.")],
    new: Annotated[str, typer.Argument(metavar="NEW", autocompletion=complete_sync, help="The name it has now.")],
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Keep what was written under a sync's old name.

    Which record each row is, and which links and records are the sync's own to remove, is kept under the name of its file.
    What was pushed before can then not be undone any more.
    """
    out = Output("rename", output, quiet)
    with open_project(project, env) as opened:
        moved = opened.rename(old, new, wait_seconds=wait)
    out.line(f"{moved.rows:,} rows and {moved.links:,} links of {old} are {new}'s from now on.")
    out.result({"sync": new, "was": old, "rows": moved.rows, "links": moved.links})


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: hubferry undo 20261123T101112345-ab12cd")(undo)
    app.command(epilog="Example: hubferry retry contacts")(retry)
    app.command(epilog="Example: hubferry skip contacts 1042 --always")(skip)
    app.command(epilog="Example: hubferry resync contacts 1042")(resync)
    app.command(epilog="Example: hubferry hold contacts --reason 'names are wrong'")(hold)
    app.command(epilog="Example: hubferry resume contacts")(resume)
    app.command(epilog="Example: hubferry resolve notes 17 --record 512001")(resolve)
    app.command(epilog="Example: hubferry rename people contacts")(rename)
