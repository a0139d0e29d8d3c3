"""The quickstart, typed as it stands: every `sh` block, from the folder that the reader is in."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from forked import run_forked

PAGE = Path(__file__).parent.parent / "docs" / "quickstart.md"
PORT = "8765"
CONTACTS = "--contacts 2000"


def commands() -> Iterator[str]:
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL):
        yield from (line for line in block.splitlines() if line.strip())


def free_port() -> str:
    """Find a port below those that the system hands out by itself."""
    for port in random.sample(range(20_000, 30_000), 50):
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)):
                return str(port)
    raise AssertionError("no port is free")


def test_every_command_of_the_quickstart_works(tmp_path: Path) -> None:
    """Changed are the port, which another test or person may use, and the number of contacts, which proves nothing.

    The first command starts as a shell starts it, the others in processes that are forked.
    """
    port, here = free_port(), tmp_path
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    said: dict[str, str] = {}
    portal: subprocess.Popen[str] | None = None
    try:
        for command in commands():
            if command.startswith("cd "):
                here = here / command.removeprefix("cd ")
            elif command.startswith("hubferry emulator"):
                line = command.replace(PORT, port).replace(CONTACTS, "--contacts 100").split()
                assert "100" in line
                line += ["--control-port", "0"]
                portal = subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, text=True)
                assert portal.stdout is not None
                assert port in portal.stdout.readline()
            elif command == "hubferry init crm --demo":
                subprocess.run(command.split(), cwd=here, env=environ, check=True)
                file = here / "crm" / "hubferry.yml"
                file.write_text(file.read_text().replace(PORT, port))
            else:
                program, *words = command.split()
                assert program == "hubferry"
                ended = run_forked("hubferry.cli.app", words, folder=here)
                assert ended.code == 0, f"{command}: {ended.said}"
                said[command] = ended.stdout
    finally:
        if portal is not None:
            portal.terminate()
            portal.communicate()

    assert "2 planned = 2 applied" in said["hubferry apply plan.json"]
    assert "0 planned = 0 applied" in said["hubferry push contacts"]
