"""The procedures of `hubferry snowflake render`, called as Snowflake would: with a session of its kind (procedure_session.py), from
the package's zip, with no package but those that the procedures name, on the files as the rendered SQL stores them.
"""

from __future__ import annotations

import io
import json
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration_world import BARE, EMAIL, TOKEN, World

pytest.importorskip("fakesnow")

from snowflake.connector.util_text import split_statements

from engines import snowflake_settings
from hubferry.project import Project, render_snowflake, write_package
from hubferry.project.snowflake_sql import PACKAGES
from hubferry.warehouse.snowflake.account import connect

TESTS = Path(__file__).parents[2]
STORED = ("CREATE SCHEMA", "CREATE TABLE", "INSERT OVERWRITE")
"""What of the rendered SQL fakesnow can run; the rest is read statement by statement in test_snowflake_sql.py."""


@dataclass
class Inside:
    """An account with the project's files in it."""

    package: Path
    settings: Any

    def run(self, sql: str) -> list[Any]:
        with connect(self.settings, "tests") as connection:
            found: list[Any] = connection.cursor().execute(sql).fetchall()
        return found

    def call(self, *calls: tuple[Any, ...], token: str = TOKEN) -> tuple[list[Any], str]:
        """Call procedures one after the other; give what they gave, and everything that was said."""
        settings = self.settings
        login = {"host": settings.host, "port": settings.port, "protocol": "http", "database": settings.database}
        login |= {"account": settings.account, "user": settings.user, "password": settings.password.reveal()}
        facts = {"tests": str(TESTS), "packages": PACKAGES, "database": settings.database, "token": token}
        facts |= {"login": login, "calls": calls}
        script = Path(__file__).parent / "inside_process.py"
        done = subprocess.run(
            [sys.executable, str(script), str(self.package), json.dumps(facts)],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout), done.stdout + done.stderr


@pytest.fixture
def inside(world: World, tmp_path: Path) -> Inside:
    """Render the project, and store its files by the statements of the SQL."""
    settings = snowflake_settings(f"hubferry_test_{secrets.token_hex(4)}")
    world.write(streams=("owners",))
    sql = rendered(world, settings.database)
    with connect(settings, "tests") as connection:
        connection.cursor().execute(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
        for text, _ in split_statements(io.StringIO(sql), remove_comments=True):
            if text.startswith(STORED):
                connection.cursor().execute(
                    text.replace(" WITH MANAGED ACCESS", "").replace("INSERT OVERWRITE", "INSERT")
                )
    package = tmp_path / "hubferry.zip"
    write_package(package)
    return Inside(package, settings)


def rendered(world: World, database: str) -> str:
    """Render the project as for HubSpot itself, then have its files name the emulator."""
    file = world.folder / "hubferry.yml"
    said = yaml.safe_load(file.read_text())
    address = said["hubspot"].pop("base_url")
    said["warehouse"] = {"snowflake": {"database": database, "warehouse": "LOADING"}}
    file.write_text(yaml.safe_dump(said))
    with Project.open(world.folder, {"INTEGRATION_TOKEN": TOKEN}) as project:
        sql = render_snowflake(project).sql
    return sql.replace("token: ${INTEGRATION_TOKEN}", f"token: ${{INTEGRATION_TOKEN}}\n  base_url: {address}")


@pytest.mark.heavy
def test_the_procedures_pull_plan_apply_and_tell_with_no_state_elsewhere(inside: Inside, world: World) -> None:
    calls = (
        ("pull", None, False),
        ("plan", ["people"]),
        ("apply", "LATEST"),
        ("plan", None),
        ("push", None),
        ("status",),
    )

    told, said = inside.call(*calls)

    pulled, planned, applied, again, pushed, status = told
    assert pulled["streams"]["owners"]["state"] == "done"
    assert inside.run("SELECT count(*) FROM hubspot.owners") == [(pulled["streams"]["owners"]["inserted"],)]
    assert planned["counts"]["people"]["creates"] == 1
    assert applied["rows"]["people"]["applied"] == 1
    assert again["changes"] == 0
    assert pushed["rows"]["people"]["planned"] == 0
    assert {kind: run["state"] for kind, run in status["last_runs"].items()} == dict.fromkeys(
        ("pull", "plan", "apply", "push"), "done"
    )
    assert status["rows_open"] == {"people": 0}
    assert TOKEN not in said
    assert EMAIL not in said


@pytest.mark.heavy
def test_what_goes_wrong_is_said_without_secrets_or_values(inside: Inside) -> None:
    inside.run(
        "UPDATE hubferry_app.project_files SET text = replace(text, 'owners: null', 'owners: null\n    contacts: null')"
    )

    told, said = inside.call(
        ("pull", ["contacts"], False), ("apply", "no-such-plan"), ("pull", ["contcts"], False), token=BARE
    )

    messages = [each["raised"] for each in told]
    assert "contacts: blocked: " in messages[0]
    assert "no-such-plan" in messages[1]
    assert "UnknownNameError" in messages[2]
    assert BARE not in said
