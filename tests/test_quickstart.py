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

PAGE = Path(__file__).parent.parent / "docs" / "quickstart.md"
PORT = "8765"


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
    """The port is the one thing that is changed: another test or person may use the usual one."""
    port, here = free_port(), tmp_path
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    said: dict[str, str] = {}
    portal: subprocess.Popen[str] | None = None
    try:
        for command in commands():
            if command.startswith("cd "):
                here = here / command.removeprefix("cd ")
            elif command.startswith("hubferry emulator"):
                line = [*command.replace(PORT, port).split(), "--control-port", "0"]
                portal = subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, text=True)
                assert portal.stdout is not None
                assert port in portal.stdout.readline()
            else:
                ended = subprocess.run(
                    command.split(), cwd=here, env=environ, capture_output=True, text=True, check=False
                )
                assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
                said[command] = ended.stdout
                if command == "hubferry init crm --demo":
                    file = here / "crm" / "hubferry.yml"
                    file.write_text(file.read_text().replace(PORT, port))
    finally:
        if portal is not None:
            portal.terminate()
            portal.communicate()

    assert "2 planned = 2 applied" in said["hubferry apply plan.json"]
    assert "0 planned = 0 applied" in said["hubferry push contacts"]
