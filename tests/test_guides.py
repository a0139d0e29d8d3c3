"""Every guide, typed as it stands: its files are written, its SQL is run, its commands end as the page says.

In a guide, `yaml` blocks that begin with a comment naming a file are that file (of hubferry.yml: settings laid over it), `sql`
blocks run in the warehouse, `sh` blocks are typed by the reader; a `python` block that begins with a file's name is that file.
A command that does not end with 0 says so in a comment; one that ends with `&` goes on until the page is read.
Blocks called `bash` need what no test has (an account, a registry); what may stand in them is listed here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from hubferry.cli.app import main
from hubferry.config.environments import build_merged
from hubspot_emulator.server import Emulator
from truth import SOME_PROPERTIES

GUIDES = Path(__file__).parent.parent / "docs" / "guides"
PAGES = sorted(GUIDES.glob("*.md"))
SHELL = ("curl ", "hubferry emulator ", "printf ", "pytest ", "python -m hubspot_emulator ")
"""What is typed into a shell of its own, beside what hubferry itself does in this process."""
PORTS = ("8765", "8766", "8775", "8776")
ELSEWHERE = ("export ", "pip install ", "dagster ", "make ", "curl ", "pytest", "dbt ", "docker ", "hubferry move ")
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    yield from BLOCK.findall(page.read_text())


def is_typed(page: Path) -> bool:
    return any(kind == "sh" for kind, _ in blocks(page))


class Reader:
    """Somebody who does what a guide says, in a project of `hubferry init crm --demo`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        self._ports: dict[str, str] = {}

    def follow(self, kind: str, text: str) -> None:
        if kind == "yaml":
            self.write(text)
        elif kind == "python":
            named = re.match(r"# ([\w./-]+\.py)\n", text)
            if named is not None:
                (self.folder / named[1]).write_text(text)
        elif kind == "sql":
            with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
                connection.execute(text)
        elif kind == "sh":
            for line in text.splitlines():
                self.type(line)

    def write(self, text: str) -> None:
        named = re.match(r"# ([\w./-]+\.yml)\n", text)
        if named is None:
            return  # a part, shown to be looked at
        file = self.folder / named[1]
        if named[1] == "hubferry.yml":
            text = yaml.safe_dump(build_merged(yaml.safe_load(file.read_text()), yaml.safe_load(text)))
        file.write_text(text)

    def type(self, line: str) -> None:
        command, _, remark = line.partition("  # ")
        if not command.strip():
            return
        said = re.search(r"ends with (\d+)", remark)
        wanted = int(said[1] if said else 0)
        if command.startswith(SHELL):
            assert self.run(command) == wanted, line
            return
        words = [self.name(word) for word in shlex.split(command)]
        assert words[0] == "hubferry", f"no test can type: {line}"
        assert main(words[1:]) == wanted, line

    def run(self, command: str) -> int:
        """Run a command in a shell, on ports that are free; one that goes on has said by then that it is ready."""
        command = re.sub("|".join(PORTS), lambda found: self.port(found[0]), command)
        paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        goes_on = command.rstrip().endswith("&")
        process = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command.rstrip(" &")],
            cwd=self.folder,
            env=os.environ | {"PATH": paths},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        if goes_on:
            self.running.append(process)
            return 0 if process.stdout.readline().startswith("HubSpot API on http://") else 1
        with process:
            sys.stdout.write(process.stdout.read()[-2_000:])
        return process.returncode

    def port(self, written: str) -> str:
        """Give a free port in place of one that the page has."""
        if written not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                self._ports[written] = str(listening.getsockname()[1])
        return self._ports[written]

    def stop(self) -> None:
        """End what goes on."""
        for process in self.running:
            os.killpg(process.pid, signal.SIGTERM)
            with process:
                pass

    def name(self, word: str) -> str:
        """Give what a reader types for RUN and PLAN: the latest push, and the latest plan."""
        wanted = {
            "RUN": "SELECT run_id FROM hubferry.runs WHERE kind IN ('push', 'apply') ORDER BY started_at DESC LIMIT 1",
            "PLAN": "SELECT plan_id FROM hubferry.plans ORDER BY plan_id DESC LIMIT 1",
        }
        if word not in wanted:
            return word
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            found = connection.execute(wanted[word]).fetchone()
        assert found is not None
        return str(found[0])


def prepare(file: Path, base_url: str) -> None:
    """Name the test's portal, and a few properties of each stream that the guide may say other things of."""
    settings = yaml.safe_load(file.read_text())
    streams = settings["pull"]["streams"]
    streams.update({name: block | (streams[name] or {}) for name, block in SOME_PROPERTIES.items() if name in streams})
    settings["hubspot"]["base_url"] = base_url
    file.write_text(yaml.safe_dump(settings))


@pytest.mark.parametrize("page", [page for page in PAGES if is_typed(page)], ids=lambda page: page.stem)
def test_a_guide_does_what_it_says(
    page: Path,
    tmp_path: Path,
    portal_factory: Callable[..., Emulator],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    portal = portal_factory(contacts=40, companies=10, deals=10, limits=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["init", "crm", "--demo", "--quiet"]) == 0
    monkeypatch.chdir("crm")
    reader = Reader(Path.cwd())
    prepare(reader.folder / "hubferry.yml", portal.base_url)

    try:
        for kind, text in blocks(page):
            reader.follow(kind, text)
    finally:
        reader.stop()

    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_no_test_can_type_is_of_a_known_kind(page: Path) -> None:
    typed = [line for kind, text in blocks(page) if kind == "bash" for line in text.splitlines() if line.strip()]

    assert not [line for line in typed if not line.startswith((*ELSEWHERE, "#", " "))]


def test_every_guide_is_linked_from_the_readme_or_the_manual() -> None:
    index = (GUIDES.parent / "index.md").read_text()

    assert not [page.name for page in PAGES if f"guides/{page.name}" not in index]


def test_every_json_block_is_json() -> None:
    found: list[Any] = [json.loads(text) for page in PAGES for kind, text in blocks(page) if kind == "json"]

    assert all(each is not None for each in found)
