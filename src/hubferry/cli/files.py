"""`hubferry init`: a new project in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hubferry.cli.options import AsFormat, IsQuiet
from hubferry.cli.output import Output


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to write to; it is made where missing.")] = Path(),
    demo: Annotated[bool, typer.Option("--demo", help="Point the project at an emulator on this machine.")] = False,
    duckdb: Annotated[
        str, typer.Option(metavar="FILE", help="The warehouse file, inside the folder.")
    ] = "warehouse.duckdb",
    schema: Annotated[str, typer.Option(help="The schema that pulled tables are in.")] = "hubspot",
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Write a new, commented project.

    hubferry.yml, an example sync, .gitignore, .env.example, and schemas that let your editor complete and check them.
    """
    from hubferry.config import starter  # noqa: PLC0415  pydantic is slow to import

    out = Output("init", output, quiet)
    files = starter.build_files(demo=demo, duckdb=duckdb, pull_schema=schema)
    starter.write_files(folder, files)
    for name in files:
        out.line(f"wrote {folder / name}")
    where = "" if folder == Path() else f" --project {folder}"
    first = (
        "`hubferry emulator` in another terminal"
        if demo
        else f"put your token into {folder / '.env'} (see .env.example)"
    )
    out.line(f"\nNext: {first}, then\n  hubferry check{where}\n  hubferry pull{where}")
    out.result({"folder": str(folder), "files": list(files)})


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in place of one that is there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        path.chmod(0o600)
        file.write(text)


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry init crm --demo")(init)
