"""The options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Format = Literal["text", "json"]

Folder = Annotated[Path, typer.Option("--project", metavar="DIR", help="The folder that holds hubferry.yml.")]
Environment = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        envvar="HUBFERRY_ENV",
        help="The environment of hubferry.yml to use; none: the file as it stands.",
    ),
]
AsFormat = Annotated[
    Format, typer.Option("--output", help="text for people; json: one JSON value on stdout, everything else on stderr.")
]
IsQuiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only results and errors.")]
Wait = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for another run on the same portal.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many rows to show.")]

HERE = Path()


def complete_sync(ctx: typer.Context, incomplete: str) -> list[str]:
    """Name the syncs of the project that begin so, for a shell; no file is read."""
    folder = Path(ctx.params.get("project") or HERE) / "syncs"
    return sorted(file.stem for file in folder.glob("*.yml") if file.stem.startswith(incomplete))


def complete_stream(ctx: typer.Context, incomplete: str) -> list[str]:
    """Name the streams of the project that begin so, for a shell; nothing where the files have a mistake."""
    from hubferry.cli.session import open_project  # noqa: PLC0415
    from hubferry.errors import HubferryError  # noqa: PLC0415

    try:
        chosen = open_project(Path(ctx.params.get("project") or HERE), None).files.file.pull.streams
    except HubferryError:
        return []
    return sorted(name for name in chosen if name.startswith(incomplete))
