"""`python -m hubferry.web FOLDER`: what `hubferry ui` starts. Prints the one-time address on its first line."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from hubferry.errors import HubferryError
from hubferry.project import Project
from hubferry.web.server import PageServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page of a project until it is interrupted."""
    given = _parse(arguments)
    try:
        Project.open(given.folder, environment=given.env).close()  # a mistake in a file is told here, in the terminal
        server = PageServer(given.folder, port=given.port, environment=given.env)
    except HubferryError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    address = server.address
    sys.stdout.write(f"{address}\n")
    sys.stdout.write("Open this address in a browser on this machine; it works once. Ctrl-C ends the page.\n")
    sys.stdout.flush()
    if given.browser:
        webbrowser.open(address)
    server.run()
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hubferry.web")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--env")
    parser.add_argument("--no-browser", dest="browser", action="store_false")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
