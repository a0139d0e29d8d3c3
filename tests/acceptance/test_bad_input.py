"""Bad input is a sentence with the file, the line and what to do; nothing is lost, and no token is shown."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from acceptance_world import (
    NARROW,
    OBJECTS,
    TOKEN,
    Portal,
    ProjectFolder,
    running_portal,
    write_project,
    write_sync,
)

from forked import Ended

NARROW_TOKEN = "pat-na1-planted-narrow-token"
READING_TOKEN = "pat-na1-planted-reading-token"
WRONG_TOKEN = "pit-na1-planted-wrong-token"
SECRETS = (TOKEN, NARROW_TOKEN, READING_TOKEN, WRONG_TOKEN)
SCOPES = "oauth,crm.objects.contacts.read,crm.objects.deals.read,crm.schemas.contacts.read,crm.schemas.deals.read"
READING_SCOPES = f"{SCOPES},crm.objects.companies.read,crm.schemas.companies.read"
GOOD_ROWS = """\
    ('A-1', 'ada@example.com', 'Ada', []),
    ('A-2', 'grace@example.com', 'Grace', [])"""


@dataclass(frozen=True)
class Case:
    """One kind of bad input: how it is made, what is typed, and what comes of it."""

    name: str
    spoil: Callable[[ProjectFolder], object]
    """Makes the input bad; a number is the line that the message must name."""
    command: tuple[str, ...]
    code: int
    says: tuple[str, ...]
    """What happened, to what, and what to do: each must be said."""
    file: str = ""
    """The file that the message must name, with the line."""
    rejected: tuple[str, ...] = ()
    """What `hubferry rejected contacts` must say."""
    creates: int = 0
    """How many records are made all the same: one bad row does not hold up the others."""
    reads: bool = False
    """The command goes on with the streams that it may read."""


def use_token(token: str) -> Callable[[ProjectFolder], object]:
    return lambda project: (project.path / ".env").write_text(f"PORTAL_TOKEN={token}\n") and None


def replace(name: str, old: str, new: str) -> Callable[[ProjectFolder], object]:
    return lambda project: project.edit(name, old, new)


def move_away(project: ProjectFolder) -> None:
    """Name a host at which nobody answers."""
    file = project.path / "hubferry.yml"
    file.write_text(re.sub(r"base_url: .*", "base_url: http://127.0.0.1:9", file.read_text()))


CASES = (
    Case(
        "unknown property in a sync",
        replace("syncs/contacts.yml", "firstname: first_name", "frstname: first_name"),
        ("plan", "contacts"),
        2,
        ("unknown property 'frstname'", "Did you mean 'firstname'"),
        file="syncs/contacts.yml",
    ),
    Case(
        "unknown stream",
        replace("hubferry.yml", "companies: {", "companeis: {"),
        ("pull",),
        2,
        ("unknown stream 'companeis'", "Did you mean 'companies'"),
        file="hubferry.yml",
    ),
    Case(
        "unknown stream on the command line",
        lambda _project: None,
        ("pull", "--select", "compnies"),
        2,
        ("unknown stream of this project 'compnies'", "Did you mean 'companies'?"),
    ),
    Case(
        "missing scope to read",
        use_token(NARROW_TOKEN),
        ("pull", "--quiet"),
        1,
        ("companies", "needs the scope 'crm.objects.companies.read'", "Add it"),
        reads=True,
    ),
    Case(
        "missing scope to write",
        use_token(READING_TOKEN),
        ("push", "contacts"),
        2,
        ("needs the scope 'crm.objects.contacts.write'", "Add it"),
    ),
    Case("wrong token", use_token(WRONG_TOKEN), ("pull",), 4, ("does not accept the token", "hubferry check")),
    Case(
        "wrong token for a plan",
        use_token(WRONG_TOKEN),
        ("plan", "contacts"),
        4,
        ("does not accept the token", "hubferry check"),
    ),
    Case(
        "NULL key in the source",
        replace("syncs/contacts.yml", "'A-2'", "NULL"),
        ("push", "contacts"),
        1,
        ("1 planned = 1 applied", "1 invalid", "hubferry rejected contacts"),
        rejected=("contact_number", "NULL", "Fill"),
        creates=1,
    ),
    Case(
        "duplicate key in the source",
        replace("syncs/contacts.yml", "'A-2'", "'A-1'"),
        ("push", "contacts"),
        1,
        ("0 planned = 0 applied", "2 invalid", "hubferry rejected contacts"),
        rejected=("A-1", "2 rows have this key", "Make 'contact_number' unique"),
    ),
    Case("unreachable host", move_away, ("pull",), 4, ("127.0.0.1:9", "Check base_url", "running again resumes")),
)


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    tokens = (TOKEN, f"{NARROW_TOKEN}={SCOPES}", f"{READING_TOKEN}={READING_SCOPES}")
    with running_portal("--contacts=120", *(f"--token={each}" for each in tokens)) as running:
        yield running


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory, portal: Portal) -> Path:
    """A project that has pulled, with a sync whose rows are new."""
    made = write_project(tmp_path_factory.mktemp("pulled"), portal.base_url, NARROW)
    write_sync(made, GOOD_ROWS)
    made.succeed("pull")
    return made.path


@pytest.fixture
def project(tmp_path: Path, pulled: Path) -> ProjectFolder:
    """A copy of that project, to be spoiled."""
    shutil.copytree(pulled, tmp_path / "crm")
    return ProjectFolder(tmp_path / "crm")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_a_sentence_that_says_what_to_do(project: ProjectFolder, portal: Portal, case: Case) -> None:
    if case.reads:
        project.succeed("pull")  # what other tests did to the portal is no news to this one
    tables, created = dump(project), len(portal.created_by_requests())
    line = case.spoil(project)

    ended = project.run(*case.command)

    assert ended.code == case.code, ended.said
    assert_told(ended, *case.says)
    if case.file:
        assert f"error: {case.file}:{line}: " in ended.stderr
    if case.rejected:
        assert_told(project.run("rejected", "contacts"), *case.rejected)
    assert dump(project) == tables
    assert len(portal.created_by_requests()) - created == case.creates
    assert_no_token_is_shown(project, ended)


@pytest.mark.parametrize("command", [("pull",), ("plan", "contacts"), ("push", "contacts"), ("status",)], ids=" ".join)
def test_a_locked_warehouse_file_is_named_with_the_process_that_holds_it(
    project: ProjectFolder, portal: Portal, command: tuple[str, ...]
) -> None:
    tables, created = dump(project), len(portal.created_by_requests())

    with holding(project.path / "warehouse.duckdb") as pid:
        ended = project.run(*command)

    assert ended.code == 5, ended.said
    assert_told(ended, "warehouse.duckdb", f"held by process {pid}", "close it there")
    assert dump(project) == tables
    assert len(portal.created_by_requests()) == created
    assert_no_token_is_shown(project, ended)


def test_what_bad_input_stopped_goes_on_once_it_is_mended(project: ProjectFolder, portal: Portal) -> None:
    portal.control("POST", "/mutate", {"seed": 1, "creates": 5, "edits": 10, "archives": 2})
    project.edit("hubferry.yml", "companies: {", "companeis: {")
    assert project.run("pull").code == 2
    project.edit("hubferry.yml", "companeis: {", "companies: {")
    with holding(project.path / "warehouse.duckdb"):
        assert project.run("pull").code == 5

    project.succeed("pull")

    project.assert_equal(portal)


@contextmanager
def holding(file: Path) -> Iterator[int]:
    """Hold the warehouse open in another process; give its id."""
    code = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
        process.communicate()


def dump(project: ProjectFolder) -> dict[str, list[Any]]:
    """Give every pulled row with all its columns, and which streams have been read."""
    queries = {name: f"SELECT * FROM hubspot.{name} ORDER BY ALL" for name in (*OBJECTS, "associations")}
    queries["cursors"] = "SELECT portal_id, stream, value IS NOT NULL FROM hubferry.cursors ORDER BY ALL"
    warehouse = project.warehouse
    with warehouse.session():
        return {name: warehouse.query(sql).to_pylist() for name, sql in queries.items()}


def assert_told(ended: Ended, *parts: str) -> None:
    """Each part is said, in a sentence, and no trace beside it."""
    for part in parts:
        assert part in ended.said, ended.said
    assert "Traceback" not in ended.said
    assert "mistake of its own" not in ended.said


def assert_no_token_is_shown(project: ProjectFolder, ended: Ended) -> None:
    """No output and no file but the one that the user keeps it in, the warehouse among them, holds a token."""
    files = [file for file in project.path.rglob("*") if file.is_file() and file.name != ".env"]
    for secret in SECRETS:
        assert secret not in ended.said
        assert not [file for file in files if secret.encode() in file.read_bytes()]
