"""`hubferry ui`: the page, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from hubferry.cli.options import HERE, Environment, Folder


def ui(
    port: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=65535, help="The port; none: 8420, or one that is free.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address and open no browser.")] = False,
    project: Folder = HERE,
    env: Environment = None,
) -> int:
    """Open the project as a page in a browser.

    On this machine only (127.0.0.1). The address that it prints opens the page once; Ctrl-C ends it.
    """
    with start_page(project, env, port=port, no_browser=no_browser) as page:
        try:
            return page.wait()
        except KeyboardInterrupt:  # the page got it too, from the terminal; SIGTERM it gets from us
            page.terminate()
            page.wait()
            return 0


def start_page(project: Path, env: str | None, *, port: int | None, no_browser: bool) -> subprocess.Popen[bytes]:
    """Start the page; it ends when it is terminated."""
    command = [sys.executable, "-m", "hubferry.web", str(project)]
    command += ["--port", str(port)] if port else []
    command += ["--env", env] if env else []
    command += ["--no-browser"] if no_browser else []
    return subprocess.Popen(command)  # noqa: S603  our own interpreter and module


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry ui --project crm")(ui)
