"""What `--output json` gives keeps the published schema of its command."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest

from hubferry.cli import results
from hubferry.cli.app import main
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.server import Emulator

SYNC = """\
query: SELECT 'C-1' AS number, 'ada@x.com' AS email UNION ALL SELECT 'C-2', 'no address'
key: number
object: contacts
match: email
fields: {email: email}
"""
COMMANDS = (
    "init crm --demo",
    "move --from old.duckdb",
    "check",
    "streams",
    "pull --dry-run",
    "pull --select owners",
    "purge contacts 1",
    "plan people",
    "push people",
    "rejected people",
    "verify people",
    "verify owners --pull",
    "drift people",
    "record contacts 1 --who email",
    "status",
    "runs",
    "show latest",
    "undo RUN",
    "apply latest-plan",
    "skip people C-2",
    "resync people",
    "retry people",
    "resolve people C-1 --resend",
    "hold people",
    "resume people",
    "rename people persons",
    "doctor",
    "serve --once",
    "snowflake render --env inside",
)
INSIDE = """
environments:
  inside:
    hubspot: {base_url: https://api.hubapi.com}
    warehouse: {snowflake: {database: ANALYTICS, warehouse: LOADING}}
"""


def test_each_result_is_of_the_schema_of_its_command(
    tmp_path: Path,
    portal_factory: Callable[..., Emulator],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    portal = portal_factory(contacts=0, companies=0, deals=0)
    monkeypatch.chdir(tmp_path)

    said: dict[str, Any] = {}
    opened = ExitStack()
    for command in COMMANDS:
        words = command.replace("RUN", said.get("push", {}).get("data", {}).get("run_id", "")).split()
        if words[0] == "rename":
            Path("syncs/people.yml").rename("syncs/persons.yml")
        main([*words, "--output", "json", *(["--base-url", portal.base_url] if words[0] == "init" else [])])
        said[words[0]] = json.loads(capsys.readouterr().out)
        if words[0] == "init":
            monkeypatch.chdir("crm")
            duckdb.connect("old.duckdb").close()
            opened.enter_context(DuckDBWarehouse("warehouse.duckdb").busy())  # what is asked here is what they say
            with Path("hubferry.yml").open("a") as file:
                file.write(INSIDE)
            Path("syncs/people.yml").write_text(SYNC + "schedule: '0 6 * * *'\n")
    opened.close()

    for name, value in said.items():
        jsonschema.validate(value, results.build_schema(name), cls=jsonschema.Draft202012Validator)
    assert {name for name, value in said.items() if not value["ok"]} == {"apply", "resolve"}
    assert set(said) == set(results.RESULTS)


def test_every_command_that_can_say_json_has_a_schema() -> None:
    import typer  # noqa: PLC0415

    from hubferry.cli.app import app  # noqa: PLC0415

    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    speaking = {name for name, command in commands.items() if any(each.name == "output" for each in command.params)}

    assert speaking == set(results.RESULTS), "add it to hubferry.cli.results.RESULTS and to COMMANDS here"
