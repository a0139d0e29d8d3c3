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
