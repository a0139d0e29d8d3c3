"""The command line: every command, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import FrameType

import typer

import hubferry
from hubferry.cli import (
    emulator,
    files,
    move,
    portal,
    pull,
    purge,
    push,
    record,
    repair,
    runs,
    serve,
    snowflake,
    ui,
    verify,
)
from hubferry.cli.demo import story
from hubferry.cli.output import render_error, style
from hubferry.errors import HubferryError, InternalError, InterruptedRunError, UsageError

app = typer.Typer(
    name="hubferry",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Carries data between HubSpot and a data warehouse, both ways.",
    epilog="Example: hubferry init crm, then hubferry check --project crm",
)


@app.command(epilog="Example: hubferry version")
def version() -> None:
    """Say which version this is."""
    sys.stdout.write(f"hubferry {hubferry.__version__}\n")


for module in (
    files,
    portal,
    pull,
    purge,
    push,
    verify,
    repair,
    runs,
    record,
    move,
    snowflake,
    serve,
    ui,
    emulator,
    story,
):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; never raises."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    as_json = "--output=json" in given or ("--output", "json") in pairwise(given)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(given, prog_name="hubferry", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:  # how the command was written
        return _report(UsageError(f"{error.format_message()} Run `hubferry --help`."), as_json=as_json)
    except BrokenPipeError:  # the reader went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except HubferryError as error:
        return _report(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001  the last handler: a trace helps nobody who sees it by surprise
        return _report(_write_trace(error), as_json=as_json)
    if code == 130:
        return _report(InterruptedRunError(_INTERRUPTED), as_json=as_json)
    return code if isinstance(code, int) else 0


_INTERRUPTED = "interrupted. What was committed is kept: run the same command again and it goes on from there."


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _report(error: HubferryError, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(render_error(error) + "\n")
    sys.stderr.write(f"{style('error:', 'red', sys.stderr)} {error}\n")
    return error.exit_code


def _write_trace(error: Exception) -> InternalError:
    """Write where it happened, without the values: a message of a foreign library may hold a token or a record."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    chain = error.__cause__ or error.__context__
    cause = f"after {type(chain).__name__}\n" + "".join(traceback.format_tb(chain.__traceback__)) if chain else ""
    text = f"hubferry {hubferry.__version__}, Python {sys.version.split()[0]}, {sys.platform}\n{frames}{type(error).__name__}\n{cause}"
    with tempfile.NamedTemporaryFile(
        "w", prefix="hubferry-trace-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    return InternalError(type(error).__name__, Path(file.name))


if __name__ == "__main__":
    sys.exit(main())
