"""`hubferry emulator`, and the emulator as a child process of ours. Started by name, never imported: no code is shared."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Literal

import typer

from hubferry.errors import EmulatorError


@dataclass(frozen=True)
class Portal:
    """Where a running emulator answers."""

    base_url: str
    control_url: str


def emulator(
    port: Annotated[int, typer.Option(help="Where the API answers; 0: any free port.")] = 8765,
    control_port: Annotated[
        int | None, typer.Option(help="Where the control server answers; default: port + 1.")
    ] = None,
    contacts: Annotated[int, typer.Option(min=0, help="Contacts to generate.")] = 20_000,
    companies: Annotated[int | None, typer.Option(min=0, help="Companies; default: a fifth of the contacts.")] = None,
    deals: Annotated[int | None, typer.Option(min=0, help="Deals; default: a quarter of the contacts.")] = None,
    hard_values: Annotated[
        bool, typer.Option("--hard-values", help="Some contacts have values that break careless readers.")
    ] = False,
    hostile_names: Annotated[
        bool, typer.Option("--hostile-names", help="Contacts have properties whose names HubSpot would refuse.")
    ] = False,
    import_file: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="JSON lines whose records the portal has.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A JSON list of fault rules, in force from the start.")
    ] = None,
    no_activity: Annotated[bool, typer.Option("--no-activity", help="Records and links only.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same portal.")] = 1,
    db: Annotated[Path | None, typer.Option(help="SQLite file that keeps the portal; default: memory.")] = None,
    latency_ms: Annotated[float, typer.Option(min=0, help="Time that every answer takes at least.")] = 0,
    tier: Annotated[str | None, typer.Option(help="The account tier whose limits hold.")] = None,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="Refuse no call, send no limit headers.")] = False,
    index_lag_seconds: Annotated[float, typer.Option(min=0, help="How long search does not see a write.")] = 0,
    clock: Annotated[
        Literal["real", "virtual"], typer.Option(help="virtual: time moves only by POST /clock.")
    ] = "real",
    token: Annotated[
        list[str] | None, typer.Option(metavar="TOKEN[=SCOPE,..]", help="Accept this token; default: any pat- token.")
    ] = None,
) -> int:
    """Run a HubSpot portal on this machine."""
    given = {
        "--port": port,
        "--control-port": control_port,
        "--contacts": contacts,
        "--companies": companies,
        "--deals": deals,
        "--import": import_file,
        "--faults": faults,
        "--seed": seed,
        "--db": db,
        "--latency-ms": latency_ms,
        "--tier": tier,
        "--index-lag-seconds": index_lag_seconds,
        "--clock": clock,
    }
    arguments = [f"{name}={value}" for name, value in given.items() if value is not None]
    flags = {
        "--hard-values": hard_values,
        "--hostile-names": hostile_names,
        "--no-activity": no_activity,
        "--no-limits": no_limits,
    }
    arguments += [name for name, wanted in flags.items() if wanted] + [f"--token={each}" for each in token or ()]
    with subprocess.Popen(_command(arguments)) as process:  # noqa: S603  our own package
        return _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the portal; pass an interruption on, so that it ends cleanly."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0


@contextmanager
def start_emulator(arguments: Sequence[str], *, keep_open: IO[str]) -> Iterator[Portal]:
    """Run an emulator on free ports for the length of the block; it ends with this process, however that ends.

    `keep_open` is a file that the emulator holds, too, so that a lock on it lasts until both are gone.
    """
    command = _command(["--port=0", "--control-port=0", "--until-stdin-closes", *arguments])
    pipe = subprocess.PIPE
    held = (keep_open.fileno(),)
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, pass_fds=held) as process:  # noqa: S603
        try:
            yield _read_portal(process)
        finally:
            if process.stdin:
                process.stdin.close()
            process.wait()


def _read_portal(process: subprocess.Popen[str]) -> Portal:
    """Read the line by which the emulator tells that it answers, and where."""
    line = process.stdout.readline().strip() if process.stdout else ""
    words = line.split()
    urls = [word.rstrip(",") for word in words if word.startswith("http://")]
    if len(urls) != 2:
        code = process.wait() if not line else process.poll()
        raise EmulatorError(
            f"the emulator did not start (exit code {code}). Run `hubferry emulator --port 0` to see why."
        )
    return Portal(base_url=urls[0], control_url=urls[1])


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "hubspot_emulator", *arguments]


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry emulator --port 8765 --contacts 20000")(emulator)
