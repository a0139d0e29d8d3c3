"""Every guide, typed as it stands: its files are written, its SQL is run, its commands end as the page says.

In a guide, `yaml` blocks that begin with a comment naming a file are that file (of hubferry.yml: settings laid over it), `sql`
blocks run in the warehouse, `sh` blocks are typed by the reader. A command that does not end with 0 says so in a comment.
Blocks called `bash` need what no test has (an account, a registry); what may stand in them is listed here.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from hubferry.cli.app import main
from hubferry.config.environments import build_merged
from hubspot_emulator.server import Emulator

GUIDES = Path(__file__).parent.parent / "docs" / "guides"
PAGES = sorted(GUIDES.glob("*.md"))
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

    def follow(self, kind: str, text: str) -> None:
        if kind == "yaml":
            self.write(text)
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
        words = [self.name(word) for word in shlex.split(command)]
        assert words[0] == "hubferry", f"no test can type: {line}"
        said = re.search(r"ends with (\d+)", remark)
        assert main(words[1:]) == int(said[1] if said else 0), line

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
    file = reader.folder / "hubferry.yml"
    file.write_text(file.read_text().replace("http://127.0.0.1:8765", portal.base_url))

    for kind, text in blocks(page):
        reader.follow(kind, text)

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
