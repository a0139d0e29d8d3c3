"""`hubferry snowflake render`: the project as something that runs inside a Snowflake account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet
from hubferry.cli.output import Output
from hubferry.cli.session import open_project


def snowflake(
    action: Annotated[Literal["render"], typer.Argument(metavar="render", help="Write the SQL file.")],  # noqa: ARG001
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="The SQL file to write.")] = Path(
        "hubferry-inside.sql"
    ),
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Write one SQL file that runs the project inside Snowflake.

    Roles, the way out to HubSpot, procedures and tasks; no secret. Beside it the package, to be put on the stage.
    """
    from hubferry.project import render_snowflake, write_package  # noqa: PLC0415  they bring pyarrow with them

    out = Output("snowflake", output, quiet)
    with open_project(project, env) as opened:
        rendered = render_snowflake(opened)
    package = file.with_name(rendered.package)
    file.write_text(rendered.sql, encoding="utf-8")
    write_package(package)
    out.line(f"wrote {file}: read it, and run it; its first lines say what is done by hand")
    out.line(f"wrote {package}: the package for the stage")
    jobs = ", ".join(rendered.jobs)
    out.line(f"by itself run: {jobs}" if jobs else "nothing runs by itself: the project has no schedule")
    out.result({"file": str(file), "package": str(package), "jobs": list(rendered.jobs)})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: hubferry snowflake render --out hubferry-inside.sql")(snowflake)
