"""`hubferry purge`: a record forgotten everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet, Wait
from hubferry.cli.output import Output
from hubferry.cli.session import open_project


def purge(
    object_: Annotated[str, typer.Argument(metavar="OBJECT", help="The record's object, e.g. contacts.")],
    record_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    wait: Wait = 0,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> int:
    """Take everything that a record said out of all tables, at once, in every schema that the portal was pulled into.

    Its rows, their versions, its history, and what push keeps of it are emptied; that there was a record stays. Nothing is
    written to HubSpot.
    """
    out = Output("purge", output, quiet)
    with open_project(project, env) as opened:
        report = opened.purge(object_, record_id, wait_seconds=wait)
    row = f"its row was emptied in {', '.join(report.schemas)}" if report.stored else "it had no row"
    out.line(f"{report.object} {report.record_id}: {row}, and with it history, versions and what push kept of it")
    if report.lives:
        out.line(f"HubSpot still has it: the next pull of {report.object} brings it back, unless it is deleted there.")
    out.result(report)
    return 0


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry purge contacts 151")(purge)
