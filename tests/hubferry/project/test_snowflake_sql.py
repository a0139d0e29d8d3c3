"""The SQL file that makes a project run inside Snowflake: every statement read, who may do what, no secret, and run twice."""

from __future__ import annotations

import ast
import io
import logging
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from snowflake.connector.util_text import split_statements
from sqlglot import expressions

from hubferry.errors import ConfigError, LiteralSecretError
from hubferry.project import Project, render_snowflake, write_package

TOKEN = "pat-na1-0f0f0f0f-planted"
PROJECT = {
    "hubspot": {"token": "${CRM_TOKEN}"},
    "warehouse": {
        "snowflake": {"account": "a-b", "private_key": "${KEY}", "database": "ANALYTICS", "warehouse": "LOADING"}
    },
    "pull": {"schedule": "*/15 * * * *", "streams": {"contacts": None}},
}
SYNC = {"source": "marts.people", "key": "n", "object": "contacts", "match": "email", "fields": {"email": "email"}}
LIMITS = {
    r"CREATE ROLE ": "roles",
    r"GRANT (DATABASE )?ROLE ": "grants of roles",
    r"GRANT SELECT ON (ALL|FUTURE) TABLES ": "grants on all tables of a schema",
    r"GRANT USAGE ON PROCEDURE \S+\.apply\(": "a procedure called apply",
    r"GRANT MONITOR ON TASK ": "grants on tasks",
    r"CREATE SCHEMA \S.* WITH MANAGED ACCESS": "managed access",
    r"CREATE OR ALTER NETWORK RULE ": "network rules",
    r"CREATE SECRET ": "secrets",
    r"CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION ": "external access integrations",
    r"(CREATE OR REPLACE|ALTER|DROP) TASK ": "tasks",
}
"""What sqlglot takes for a command without reading it: everything else must be read."""
Render = Callable[..., str]


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """Render a project: hubferry.yml laid over PROJECT, and syncs by name."""

    def run(syncs: dict[str, dict[str, Any]] | None = None, *, environment: str | None = None, **blocks: Any) -> str:
        (tmp_path / "syncs").mkdir(exist_ok=True)
        (tmp_path / "hubferry.yml").write_text(yaml.safe_dump(PROJECT | blocks))
        for name, block in (syncs if syncs is not None else {"people": SYNC}).items():
            (tmp_path / "syncs" / f"{name}.yml").write_text(yaml.safe_dump(block))
        with Project.open(tmp_path, {"CRM_TOKEN": TOKEN, "NAME": "Ada"}, environment=environment) as project:
            return render_snowflake(project).sql

    return run


def statements(sql: str) -> list[str]:
    """Give the statements as Snowflake's own connector splits a file."""
    found = (text.strip().rstrip(";") for text, _ in split_statements(io.StringIO(sql), remove_comments=True))
    return [text for text in found if text]


def test_a_project_of_another_warehouse_or_of_an_emulator_is_refused(render: Render) -> None:
    with pytest.raises(ConfigError, match=r"write warehouse\.snowflake"):
        render(warehouse={"duckdb": {}})
    with pytest.raises(ConfigError, match="database and warehouse into"):
        render(warehouse={"snowflake": {"database": "ANALYTICS"}})
    with pytest.raises(ConfigError, match="emulator"):
        render(hubspot={"base_url": "http://127.0.0.1:1"})
    with pytest.raises(ConfigError, match="letters, digits and _"):
        render(warehouse={"snowflake": {"database": "A; DROP DATABASE B", "warehouse": "W"}})


def test_what_the_environment_would_say_is_refused_for_there_is_none_inside(render: Render) -> None:
    with pytest.raises(ConfigError, match=r"no environment but CRM_TOKEN.*people\.yml:.*NAME"):
        render({"people": SYNC | {"where": "name = '${NAME}'"}})


def test_a_token_in_a_comment_is_refused_although_the_project_reads(render: Render, tmp_path: Path) -> None:
    render()
    file = tmp_path / "syncs" / "people.yml"
    file.write_text(file.read_text() + f"# {TOKEN}\n")

    with (
        pytest.raises(LiteralSecretError, match=r"people\.yml:\d+"),
        Project.open(tmp_path, {"CRM_TOKEN": TOKEN}) as project,
    ):
        render_snowflake(project)


def test_the_file_holds_no_secret(render: Render, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"OTHER={TOKEN}\n")

    sql = render()

    assert TOKEN not in sql
    assert re.findall(r"SECRET_STRING = ('[^']*')", sql) == [
        "'..'",
        "''",
    ]  # the comment that says how, and the empty one


def test_every_statement_is_read_by_sqlglot_or_stands_in_the_list(render: Render) -> None:
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    sql = render({"people": SYNC | {"schedule": {"after": "pull"}}, "quiet": SYNC})
    used = set[str]()

    for text in statements(sql):
        (parsed,) = sqlglot.parse(text, dialect="snowflake", error_level=sqlglot.ErrorLevel.RAISE)
        plain = text.replace("IF NOT EXISTS ", "").replace("IF EXISTS ", "")
        limit = next((each for each in LIMITS if re.match(each, plain)), None)
        assert isinstance(parsed, expressions.Command) == (limit is not None), text
        used |= {limit} if limit else set()

    assert used == set(LIMITS), "sqlglot reads it by now, or it is not rendered any more"


def test_running_the_file_again_keeps_tables_secret_and_package(render: Render) -> None:
    keeps = ("ROLE", "SCHEMA", "SECRET", "STAGE", "TABLE")

    created = [text for text in statements(render()) if text.startswith("CREATE")]

    for text in created:
        head = text.split(" (")[0].split("\n")[0]
        if any(re.match(rf"CREATE (\w+ )?{kind} ", head.replace("OR REPLACE ", "OR_REPLACE ")) for kind in keeps):
            assert "IF NOT EXISTS" in head, head
        else:
            assert re.match(r"CREATE OR (REPLACE|ALTER) (NETWORK RULE|EXTERNAL ACCESS|PROCEDURE|TASK) ", head), head
    assert not [text for text in statements(render()) if re.match(r"(DELETE|TRUNCATE|DROP (?!TASK))", text)]


def test_a_procedure_that_is_made_anew_is_granted_anew(render: Render) -> None:
    found = statements(render())

    made = [found.index(text) for text in found if text.startswith("CREATE OR REPLACE PROCEDURE")]
    granted = [found.index(text) for text in found if text.startswith("GRANT USAGE ON PROCEDURE")]
    assert len(made) == len(granted) == 5
    assert max(made) < min(granted)


def test_each_role_may_do_no_more_than_it_needs(render: Render) -> None:
    grants = [text for text in statements(render()) if text.startswith("GRANT")]

    def of(role: str) -> set[str]:
        return {text.partition(" TO ROLE")[0] for text in grants if text.endswith(f"TO ROLE {role}")}

    assert of("hubferry") == {
        "GRANT USAGE ON WAREHOUSE LOADING",
        "GRANT USAGE, CREATE SCHEMA ON DATABASE ANALYTICS",
        "GRANT EXECUTE TASK ON ACCOUNT",
        "GRANT DATABASE ROLE SNOWFLAKE.PYPI_REPOSITORY_USER",
        "GRANT USAGE ON INTEGRATION hubferry_hubspot",
    }
    assert of("hubferry_reader") == {
        "GRANT USAGE ON DATABASE ANALYTICS",
        "GRANT USAGE ON SCHEMA ANALYTICS.hubspot",
        "GRANT SELECT ON ALL TABLES IN SCHEMA ANALYTICS.hubspot",
        "GRANT SELECT ON FUTURE TABLES IN SCHEMA ANALYTICS.hubspot",
    }
    kinds = {re.sub(r"GRANT (\w+) ON (\w+) .*", r"\1 \2", text) for text in of("hubferry_operator")}
    assert kinds == {"USAGE DATABASE", "USAGE SCHEMA", "USAGE PROCEDURE", "MONITOR TASK"}
    assert not [
        text for text in grants if "OWNERSHIP" in text or " ALL " in text.replace("ALL TABLES", "") or "PUBLIC" in text
    ]


def test_the_way_out_leads_to_hubspot_alone(render: Render) -> None:
    sql = render()

    assert re.findall(r"VALUE_LIST = (\(.*?\))", sql) == ["('api.hubapi.com')"]
    assert re.findall(r"ALLOWED_NETWORK_RULES = (\(.*?\))", sql) == ["(ANALYTICS.hubferry_app.hubspot_api)"]


def test_the_files_come_back_as_they_were(render: Render, tmp_path: Path) -> None:
    render({"people": SYNC | {"where": "note <> 'it''s \\n $$'"}})

    sql = render({"people": SYNC | {"where": "note <> 'it''s \\n $$'"}})

    (insert,) = [text for text in statements(sql) if text.startswith("INSERT OVERWRITE")]
    parsed = sqlglot.parse_one(insert, dialect="snowflake")
    rows = {row.expressions[0].this: row.expressions[1].this for row in parsed.find_all(expressions.Tuple)}
    assert rows == {name: (tmp_path / name).read_text() for name in ("hubferry.yml", "syncs/people.yml")}


def test_the_body_of_every_procedure_is_python_that_calls_what_is_there(render: Render) -> None:
    from hubferry.integrations import snowflake as inside  # noqa: PLC0415

    bodies = re.findall(r"^AS \$\$\n(.*?)^\$\$;", render(environment=None), flags=re.MULTILINE | re.DOTALL)

    assert len(bodies) == 5
    for body in bodies:
        (function,) = [each for each in ast.parse(body).body if isinstance(each, ast.FunctionDef)]
        call = function.body[-1].value  # type: ignore[attr-defined]
        entry = getattr(inside, call.func.attr)
        assert [each.arg for each in function.args.args][1:] == [each.id for each in call.args][2:]
        assert len(call.args) == entry.__code__.co_argcount


def test_tasks_follow_the_schedules_and_wait_for_one_another(render: Render) -> None:
    later = SYNC | {"schedule": {"after": "first"}}
    sql = render({"first": SYNC | {"schedule": {"after": "pull"}}, "a-later": later, "never": SYNC})

    made = re.findall(r"CREATE OR REPLACE TASK \S+?hubferry_app\.(\S+)", sql)
    resumed = re.findall(r"ALTER TASK \S+?hubferry_app\.(\S+) RESUME", sql)
    assert made == ["task_pull", '"task_push_first"', '"task_push_a-later"']
    assert resumed == made[::-1]  # what waits is ready before what starts it
    assert re.findall(r"AFTER (\S+)", sql) == [
        "ANALYTICS.hubferry_app.task_pull",
        'ANALYTICS.hubferry_app."task_push_first"',
    ]
    assert 'DROP TASK IF EXISTS ANALYTICS.hubferry_app."task_push_never";' in sql
    assert sql.index("task_pull SUSPEND") < sql.index("CREATE OR REPLACE TASK")


def test_a_project_without_schedules_runs_nothing_by_itself(render: Render) -> None:
    sql = render(pull={"streams": {"contacts": None}})

    assert "CREATE OR REPLACE TASK" not in sql
    assert "DROP TASK IF EXISTS ANALYTICS.hubferry_app.task_pull;" in sql


def test_the_package_is_whole_and_imports_from_the_zip(tmp_path: Path) -> None:
    first, second = tmp_path / "one.zip", tmp_path / "two.zip"

    assert write_package(first) == write_package(second)

    assert first.read_bytes() == second.read_bytes()
    assert not [name for name in zipfile.ZipFile(first).namelist() if "__pycache__" in name or "emulator/" in name]
    code = "import hubferry.integrations.snowflake as found, hubferry.warehouse.snowflake.hosted; print(found.__file__)"
    said = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(first)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith(str(first))
