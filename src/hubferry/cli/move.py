"""`hubferry move`: take everything along to another warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet
from hubferry.cli.output import Output
from hubferry.cli.progress import show_progress
from hubferry.cli.session import open_project
from hubferry.errors import UsageError


def move(
    from_duckdb: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="The DuckDB file that was the warehouse.")
    ] = None,
    from_env: Annotated[
        str, typer.Option("--from-env", metavar="NAME", help="The environment whose warehouse it was.")
    ] = "",
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Copy tables, cursors and ledger from another warehouse into the project's, and verify each by count and hash.

    Change `warehouse:` in hubferry.yml first. The old warehouse stays as it is; an interrupted move is begun again.
    """
    out = Output("move", output, quiet)
    if (from_duckdb is None) == (not from_env):
        raise UsageError("name the warehouse to move from: --from FILE, or --from-env NAME")
    with open_project(project, env) as opened, show_progress(out) as progress:
        moved = opened.move(duckdb=from_duckdb, environment=from_env, progress=progress)
    rows = [(f"{each.schema}.{each.table}", f"{each.rows:,}", each.content_hash) for each in moved]
    out.table(("table", "rows", "hash, equal on both sides"), rows)
    out.line(f"\n{len(moved)} tables, {sum(each.rows for each in moved):,} rows. The old warehouse was not changed.")
    out.result(moved)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: hubferry move --from warehouse.duckdb")(move)
