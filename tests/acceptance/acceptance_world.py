"""What the acceptance tests have in common: the emulator and hubferry as processes, and the warehouse file read by DuckDB alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from forked import Ended, run_forked
from truth import assert_equal_to_truth, call_control

OBJECTS = ("contacts", "companies", "deals")
PAIRS = (("deals", "contacts"), ("deals", "companies"), ("contacts", "companies"))
TOKEN = "pat-na1-planted-token"


@dataclass(frozen=True)
class Portal:
    """A running emulator process."""

    base_url: str
    control_url: str

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the control server; give its JSON."""
        answer = call_control(self.control_url, method, path, body)
        return json.loads(answer) if answer else None

    def events(self) -> list[dict[str, Any]]:
        """Give every write since the portal was made."""
        return [json.loads(line) for line in call_control(self.control_url, "GET", "/events").splitlines()]

    def created_by_requests(self) -> list[str]:
        """Give the object of every record that a request made, not the portal's own people."""
        made = [each for each in self.events() if each["what"] == "create"]
        return [each["object"] for each in made if not str(each["request"]).startswith("mutate")]


@contextmanager
def running_portal(*options: str) -> Iterator[Portal]:
    """Run an emulator as a process for the length of the block."""
    command = [
        sys.executable,
        "-m",
        "hubspot_emulator",
        "--port=0",
        "--control-port=0",
        "--until-stdin-closes",
        *options,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            words = process.stdout.readline().replace(",", " ").split()
            base_url, control_url = (word for word in words if word.startswith("http://"))
            yield Portal(base_url, control_url)
        finally:
            process.stdin.close()
            process.wait()


class WarehouseFile:
    """The warehouse as another program sees it; answers what `truth` asks, with nothing of hubferry in between."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def session(self) -> Iterator[None]:
        """Open the file once for the queries of a block, or take the one that is open."""
        if self._connection is not None:
            yield
            return
        with duckdb.connect(str(self.path), read_only=True) as connection:
            self._connection = connection
            try:
                yield
            finally:
                self._connection = None

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        with self.session():
            assert self._connection is not None
            return self._connection.sql(sql, params=list(params)).to_arrow_table()

    @staticmethod
    def name(schema: str, table: str) -> str:
        return f'"{schema}"."{table}"'


@dataclass(frozen=True)
class ProjectFolder:
    """A project's folder, and its commands as a user types them."""

    path: Path

    @property
    def warehouse(self) -> WarehouseFile:
        return WarehouseFile(self.path / "warehouse.duckdb")

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Ended:
        """Run one command in the folder; whatever it says stays."""
        return run_forked("hubferry.cli.app", arguments, environ=environ, folder=self.path)

    def succeed(self, *arguments: str) -> Ended:
        """Run one command that must end well."""
        ended = self.run(*arguments)
        assert ended.code == 0, ended.said
        return ended

    def edit(self, name: str, old: str, new: str) -> int:
        """Replace a text of a file, which must be there; give its line."""
        file = self.path / name
        text = file.read_text()
        assert old in text, f"{name} has no {old!r}"
        file.write_text(text.replace(old, new, 1))
        return text[: text.index(old)].count("\n") + 1

    def assert_equal(self, portal: Portal, *objects: str) -> None:
        """Fail where tables, or links between them, differ from the portal."""
        names = objects or OBJECTS
        pairs = [pair for pair in PAIRS if set(pair) <= set(names)]
        assert_equal_to_truth(self.warehouse, portal.control_url, objects=names, pairs=pairs)  # type: ignore[arg-type]


def write_project(path: Path, base_url: str, streams: str, *, token: str = TOKEN) -> ProjectFolder:
    """Write a project for a portal; `streams` is the YAML below `streams:`."""
    path.mkdir(parents=True, exist_ok=True)
    lines = [f"    {line}" for line in streams.strip().splitlines()]
    (path / "hubferry.yml").write_text(
        "\n".join(
            [
                "hubspot:",
                "  token: ${PORTAL_TOKEN}",
                f"  base_url: {base_url}",
                "warehouse:",
                "  duckdb: {path: warehouse.duckdb}",
                "pull:",
                "  schema: hubspot",
                "  streams:",
                *lines,
                "",
            ]
        )
    )
    (path / ".env").write_text(f"PORTAL_TOKEN={token}\n")
    return ProjectFolder(path)


def write_sync(project: ProjectFolder, rows: str) -> None:
    """Write the sync `contacts`, of rows (contact_number, email, first_name, company_ids)."""
    (project.path / "syncs").mkdir(exist_ok=True)
    (project.path / "syncs" / "contacts.yml").write_text(
        f"""\
query: |
  SELECT * FROM (VALUES
{rows}
  ) AS made(contact_number, email, first_name, company_ids)
key: contact_number
object: contacts
mode: upsert
match: email
fields:
  email: email
  contact_number: contact_number
  firstname: first_name
associations:
  - {{to: companies, column: company_ids, by: hs_object_id}}
guards: {{max_creates: 1000}}
"""
    )


NARROW = """
contacts: {properties: [email, firstname, lastname, contact_number, lifecyclestage]}
companies: {properties: [name, domain, annualrevenue]}
deals: {properties: [dealname, amount, closedate, dealstage]}
"""
"""Few properties, so that the calls are what takes time."""
