"""`hubferry init`: a new project in a folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from hubferry.cli.options import AsFormat, IsQuiet
from hubferry.cli.output import Output
from hubferry.cli.session import open_project


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to write to; it is made where missing.")] = Path(),
    demo: Annotated[bool, typer.Option("--demo", help="Point the project at an emulator on this machine.")] = False,
    duckdb: Annotated[
        str, typer.Option(metavar="FILE", help="The warehouse file, inside the folder.")
    ] = "warehouse.duckdb",
    schema: Annotated[str, typer.Option(help="The schema that pulled tables are in.")] = "hubspot",
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the portal answers; without it HubSpot, or the emulator's usual port."),
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask/--no-ask", help="Ask for what is not said, where a person sits at a terminal.")
    ] = True,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Write a new, commented project.

    hubferry.yml, an example sync, .gitignore, .env.example, and schemas that let your editor complete and check them.
    At a terminal it asks for the portal and the token, and tries the token at once.
    """
    from hubferry.config import starter  # noqa: PLC0415  pydantic is slow to import

    out = Output("init", output, quiet)
    asks = ask and not demo and not quiet and output == "text" and sys.stdin.isatty() and sys.stdout.isatty()
    demo = demo or (asks and _ask_for_emulator())
    files = starter.build_files(demo=demo, duckdb=duckdb, pull_schema=schema, base_url=base_url)
    starter.write_files(folder, files)
    if asks and not demo and _ask_for_token(out, folder):
        files[".env"] = ""
    for name in files:
        out.line(f"wrote {folder / name}")
    where = "" if folder == Path() else f" --project {folder}"
    first = f"put your token into {folder / '.env'} (see .env.example), then"
    if demo:
        first = "`hubferry emulator` in another terminal, then"
    elif ".env" in files:
        first = ""
    out.line(f"\nNext: {first}\n  hubferry check{where}\n  hubferry pull{where}")
    out.result({"folder": str(folder), "files": list(files)})


def _ask_for_emulator() -> bool:
    """Ask which portal the project is for."""
    return not typer.confirm(
        "Have you a HubSpot account? Without one, an emulated portal on this machine is used", default=True
    )


def _ask_for_token(out: Output, folder: Path) -> bool:
    """Ask for the token until HubSpot takes one, and keep it in .env; False: it is to be put there later."""
    sys.stdout.write("The token of a private app or service key (hubferry check names the scopes it needs).\n")
    for _ in range(3):
        token = str(
            typer.prompt("Token (not shown; empty: later)", default="", hide_input=True, show_default=False)
        ).strip()
        if not token:
            return False
        write_private(folder / ".env", f"HUBSPOT_TOKEN={token}\n")
        with open_project(folder, None) as opened:
            report = opened.check()
        refused = next((item for item in report.items if item.name == "token" and item.passed is False), None)
        if refused is None:
            out.line(f"HubSpot takes it: portal {report.portal_id}.")
            return True
        (folder / ".env").unlink()
        out.line(f"That is not right. {refused.detail} {refused.advice}".rstrip())
    return False


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in place of one that is there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        path.chmod(0o600)
        file.write(text)


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry init crm --demo")(init)
