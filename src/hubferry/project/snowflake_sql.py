"""The one SQL file that makes a project run inside a Snowflake account, with no other machine.

It holds the project's files, and no secret: the token goes into a Snowflake secret by hand, once. Running the file again makes
everything as it says anew, keeps tables, secret and package, and loses nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import hubferry
from hubferry.config import load
from hubferry.config.model import Project as ProjectFiles
from hubferry.config.model import ScheduleBlock
from hubferry.config.references import PRIVATE_TOKEN, REFERENCE
from hubferry.errors import ConfigError, LiteralSecretError
from hubferry.project.facade import Project
from hubferry.project.hosted import FILES

PACKAGES = ("cronsim", "msgspec", "numpy", "pandas", "pyarrow", "pydantic", "pyyaml", "ruamel.yaml", "urllib3")
"""What the procedures need beside Python and Snowpark, from the account's artifact repository, in the versions that are
installed where the SQL is written."""
SNOWPARK = "snowflake-snowpark-python"
REPOSITORY = "snowflake.snowpark.pypi_shared_repository"
RUNTIME = "3.12"
PULL = "pull"
"""The job that pulls, as schedules name it."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = "hubspot_token"  # noqa: S105  a name
_TIMEOUT_MS = 14_400_000
_PROCEDURES = {
    "pull": ("streams ARRAY DEFAULT NULL, full_refresh BOOLEAN DEFAULT FALSE", "ARRAY, BOOLEAN"),
    "plan": ("syncs ARRAY DEFAULT NULL", "ARRAY"),
    "apply": ("plan_id VARCHAR", "VARCHAR"),
    "push": ("syncs ARRAY DEFAULT NULL", "ARRAY"),
    "status": ("", ""),
}
"""Procedure -> its arguments, and their types."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """Names in the account. Roles, schema and integration are made where they are missing."""

    database: str
    warehouse: str
    schema: str = "hubferry_app"
    owner: str = "hubferry"
    """The role that owns and runs everything."""
    operator: str = "hubferry_operator"
    """The role that may call the procedures, and read nothing."""
    reader: str = "hubferry_reader"
    """The role that may read the pulled tables."""
    integration: str = "hubferry_hubspot"
    environment: str | None = None

    def __post_init__(self) -> None:
        """Refuse names that would have to be quoted: they stand in SQL and in a procedure's text."""
        for name in (self.database, self.warehouse, self.owner):
            if not _PLAIN.fullmatch(name):
                raise ConfigError(
                    f"{name!r} cannot stand in the SQL as it is: inside Snowflake, database, warehouse and role are named by"
                    " letters, digits and _."
                )

    @property
    def package(self) -> str:
        """The file of the package, on the stage."""
        return f"hubferry-{hubferry.__version__}.zip"


@dataclass(frozen=True)
class Rendered:
    """The SQL, and what it makes run by itself."""

    sql: str
    package: str
    """The name of the package's file on the stage."""
    jobs: tuple[str, ...]
    """The jobs that have a task: `pull`, and syncs."""


def render_snowflake(project: Project) -> Rendered:
    """Give the SQL that makes a project run inside Snowflake.

    Raises ConfigError where its warehouse is not Snowflake or no virtual warehouse is named, and where a setting that is no
    secret is taken from the environment, for there is none inside Snowflake; LiteralSecretError for a token in a file.
    """
    files, texts = project.files, _read_texts(project)
    block = files.file.warehouse.snowflake
    if block is None or block.warehouse is None:
        raise ConfigError(
            "the project does not say where it is to run inside Snowflake: write warehouse.snowflake with database and"
            " warehouse into hubferry.yml."
        )
    if urlsplit(files.file.hubspot.base_url).scheme != "https":
        raise ConfigError(
            "hubspot.base_url names an emulator on this machine, which Snowflake cannot reach: leave it out."
        )
    owner = {"owner": block.role} if block.role else {}
    place = Inside(database=block.database, warehouse=block.warehouse, environment=files.environment, **owner)
    variable = _check_texts(project, texts)
    jobs = _jobs(files)
    parts = (
        _render_head(place),
        _render_roles(place),
        _render_network(files, place),
        _render_tables(files, place),
        _render_files(place, texts),
        *(_render_procedure(name, place, variable) for name in _PROCEDURES),
        _render_calls(place),
        "\n".join(_render_tasks(jobs, place)),
    )
    sql = "\n\n".join(part.strip("\n") for part in parts) + "\n"
    return Rendered(sql, place.package, tuple(_order(jobs)))


def _read_texts(project: Project) -> dict[str, str]:
    """Give the files of a project by name: those that are read, and no others."""
    named = [load.PROJECT_FILE]
    named += [sync.file for sync in project.files.syncs.values()]
    named += [
        f"{load.MODEL_FOLDER}/{sync.block.model}.sql" for sync in project.files.syncs.values() if sync.block.model
    ]
    return {name: (project.folder / name).read_text(encoding="utf-8-sig") for name in dict.fromkeys(named)}


def _check_texts(project: Project, texts: Mapping[str, str]) -> str:
    """Give the variable of the token; refuse a token in a file, and files that could not be read inside."""
    for name, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if PRIVATE_TOKEN.search(line):
                raise LiteralSecretError(
                    "a secret stands in the file and would go into the SQL: take it out.", file=name, line=number
                )
    token = REFERENCE.fullmatch(project.files.file.hubspot.token.strip())
    assert token is not None  # the project was read, so that it is a reference
    with tempfile.TemporaryDirectory(prefix="hubferry-") as folder:
        for name, text in texts.items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_text(text, encoding="utf-8")
        try:
            load.load_project(Path(folder), {token[1]: "-"}, project.files.environment)
        except ConfigError as error:
            raise ConfigError(
                f"inside Snowflake there is no environment but {token[1]}, so that the project could not be read: {error}"
            ) from error
    return token[1]


def _jobs(files: ProjectFiles) -> dict[str, ScheduleBlock | None]:
    jobs: dict[str, ScheduleBlock | None] = {PULL: files.file.pull.schedule}
    return jobs | {name: sync.block.schedule for name, sync in files.syncs.items() if name != PULL}


def _render_head(place: Inside) -> str:
    under = f", environment {' '.join(place.environment.split())}" if place.environment else ""
    return f"""
-- hubferry {hubferry.__version__}: this project{under} inside Snowflake, as `hubferry snowflake render` wrote it.
-- Read it, then run it whole as a user who has USERADMIN, SECURITYADMIN and ACCOUNTADMIN. It may be run again at any time.
--
-- Two things are done by hand, in this order, after the first run:
--   1 the package, once a version:  snow stage copy {place.package} @{place.database}.{place.schema}.package --overwrite
--   2 the token, once:  ALTER SECRET {place.database}.{place.schema}.{_SECRET} SET SECRET_STRING = '..';
-- Then run the file again: the procedures need the package to be there.
"""


def _render_roles(place: Inside) -> str:
    return f"""
-- 1 Roles: {place.owner} owns and runs, {place.operator} may call, {place.reader} may read what was pulled.
USE ROLE USERADMIN;
CREATE ROLE IF NOT EXISTS {place.owner};
CREATE ROLE IF NOT EXISTS {place.operator};
CREATE ROLE IF NOT EXISTS {place.reader};
USE ROLE SECURITYADMIN;
GRANT ROLE {place.owner} TO ROLE SYSADMIN;
GRANT ROLE {place.operator} TO ROLE SYSADMIN;
GRANT ROLE {place.reader} TO ROLE SYSADMIN;
GRANT USAGE ON WAREHOUSE {place.warehouse} TO ROLE {place.owner};
GRANT USAGE, CREATE SCHEMA ON DATABASE {place.database} TO ROLE {place.owner};
GRANT USAGE ON DATABASE {place.database} TO ROLE {place.operator};
GRANT USAGE ON DATABASE {place.database} TO ROLE {place.reader};
USE ROLE ACCOUNTADMIN;
GRANT EXECUTE TASK ON ACCOUNT TO ROLE {place.owner};
GRANT DATABASE ROLE SNOWFLAKE.PYPI_REPOSITORY_USER TO ROLE {place.owner};
USE ROLE {place.owner};
USE WAREHOUSE {place.warehouse};
CREATE SCHEMA IF NOT EXISTS {place.database}.{place.schema} WITH MANAGED ACCESS;
"""


def _render_network(files: ProjectFiles, place: Inside) -> str:
    host = urlsplit(files.file.hubspot.base_url).hostname
    schema = f"{place.database}.{place.schema}"
    return f"""
-- 2 The way out: HubSpot's API and nothing else, with one secret. Running this again keeps the secret's value.
CREATE OR ALTER NETWORK RULE {schema}.hubspot_api TYPE = HOST_PORT VALUE_LIST = ('{host}') MODE = EGRESS;
CREATE SECRET IF NOT EXISTS {schema}.{_SECRET} TYPE = GENERIC_STRING SECRET_STRING = '';
USE ROLE ACCOUNTADMIN;
CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION {place.integration}
  ALLOWED_NETWORK_RULES = ({schema}.hubspot_api)
  ALLOWED_AUTHENTICATION_SECRETS = ({schema}.{_SECRET})
  ENABLED = TRUE;
GRANT USAGE ON INTEGRATION {place.integration} TO ROLE {place.owner};
USE ROLE {place.owner};
"""


def _render_tables(files: ProjectFiles, place: Inside) -> str:
    pulled = f"{place.database}.{files.file.pull.schema_}"
    sources = sorted({source for sync in files.syncs.values() if (source := sync.block.source)})
    reads = "".join(f"\n--   {' '.join(source.split())}" for source in sources) or "\n--   only what their queries name"
    return f"""
-- 3 The package, the pulled tables, and who may read them. {place.owner} reads the sources of syncs: grant it, by hand,
-- USAGE on their schemas and SELECT on them:{reads}
CREATE STAGE IF NOT EXISTS {place.database}.{place.schema}.package;
CREATE SCHEMA IF NOT EXISTS {pulled};
CREATE SCHEMA IF NOT EXISTS {place.database}.hubferry;
GRANT USAGE ON SCHEMA {pulled} TO ROLE {place.reader};
GRANT SELECT ON ALL TABLES IN SCHEMA {pulled} TO ROLE {place.reader};
USE ROLE SECURITYADMIN;
GRANT SELECT ON FUTURE TABLES IN SCHEMA {pulled} TO ROLE {place.reader};
USE ROLE {place.owner};
"""


def _render_files(place: Inside, texts: Mapping[str, str]) -> str:
    table = f"{place.database}.{place.schema}.{FILES}"
    rows = ",\n".join(f"  ({_literal(name)}, {_literal(text)})" for name, text in sorted(texts.items()))
    return f"""
-- 4 The project's files. What is pulled and pushed is what stands here.
CREATE TABLE IF NOT EXISTS {table} (name VARCHAR NOT NULL, text VARCHAR NOT NULL);
INSERT OVERWRITE INTO {table} (name, text) VALUES
{rows};
"""


def _render_procedure(name: str, place: Inside, variable: str) -> str:
    arguments, _ = _PROCEDURES[name]
    given = [each.split()[0] for each in arguments.split(", ") if each]
    pinned = [f"'{each}=={metadata.version(each)}'" for each in PACKAGES]
    packages = ", ".join([f"'{SNOWPARK}'", *pinned])
    schema = f"{place.database}.{place.schema}"
    return f"""
-- 5 {schema}.{name}
CREATE OR REPLACE PROCEDURE {schema}.{name}({arguments})
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '{RUNTIME}'
  ARTIFACT_REPOSITORY = {REPOSITORY}
  PACKAGES = ({packages})
  IMPORTS = ('@{schema}.package/{place.package}')
  HANDLER = 'run'
  EXTERNAL_ACCESS_INTEGRATIONS = ({place.integration})
  SECRETS = ('{_SECRET}' = {schema}.{_SECRET})
  EXECUTE AS OWNER
AS $$
import _snowflake
from hubferry.integrations import snowflake as inside

def run({", ".join(["session", *given])}):
    secrets = {{{variable!r}: _snowflake.get_generic_secret_string({_SECRET!r})}}
    place = inside.Place({place.database!r}, {place.schema!r}, secrets, {place.environment!r})
    return inside.{name}({", ".join(["session", "place", *given])})
$$;
"""


def _render_calls(place: Inside) -> str:
    schema = f"{place.database}.{place.schema}"
    grants = "\n".join(
        f"GRANT USAGE ON PROCEDURE {schema}.{name}({types}) TO ROLE {place.operator};"
        for name, (_, types) in _PROCEDURES.items()
    )
    return f"""
-- 6 Who may call: plans are applied by people in this role, e.g. CALL {schema}.plan(ARRAY_CONSTRUCT('contacts')), then apply('<its id>').
GRANT USAGE ON SCHEMA {schema} TO ROLE {place.operator};
{grants}
"""


def _render_tasks(jobs: Mapping[str, ScheduleBlock | None], place: Inside) -> Iterator[str]:
    """Give the tasks in an order in which each comes after the one that it waits for."""
    schema = f"{place.database}.{place.schema}"
    scheduled = {name: each for name, each in jobs.items() if each is not None}
    yield "-- 7 When: the schedules of the project. A run that did not do everything fails its task, and what waits for it."
    for name, schedule in scheduled.items():
        if schedule.after is None:
            yield f"ALTER TASK IF EXISTS {schema}.{_task(name)} SUSPEND;"
    for name in jobs:
        if name not in scheduled:
            yield f"DROP TASK IF EXISTS {schema}.{_task(name)};"
    ordered = _order(jobs)
    for name in ordered:
        yield _render_task(name, scheduled[name], place)
    for name in reversed(ordered):
        yield f"ALTER TASK {schema}.{_task(name)} RESUME;"
    if not ordered:
        yield "-- None: the project has no `schedule`, so that nothing runs by itself."
        return
    for name in ordered:
        yield f"GRANT MONITOR ON TASK {schema}.{_task(name)} TO ROLE {place.operator};"


def _render_task(name: str, schedule: ScheduleBlock, place: Inside) -> str:
    schema = f"{place.database}.{place.schema}"
    when = f"SCHEDULE = 'USING CRON {schedule.cron} {schedule.timezone}'" if schedule.cron else ""
    after = f"\n  AFTER {schema}.{_task(schedule.after)}" if schedule.after else ""
    call = f"{schema}.pull()" if name == PULL else f"{schema}.push(ARRAY_CONSTRUCT({_literal(name)}))"
    first = f"\n  {when}" if when else ""
    return f"""CREATE OR REPLACE TASK {schema}.{_task(name)}
  WAREHOUSE = {place.warehouse}{first}
  TIMEZONE = 'UTC'
  USER_TASK_TIMEOUT_MS = {_TIMEOUT_MS}{after}
AS CALL {call};"""


def _order(jobs: Mapping[str, ScheduleBlock | None]) -> list[str]:
    """Give the jobs that have a schedule, each after the one that it waits for."""
    scheduled = {name: each for name, each in jobs.items() if each is not None}
    ordered: list[str] = []
    while len(ordered) < len(scheduled):  # the files were read, so that no job waits for itself or for nothing
        ordered += [name for name, each in scheduled.items() if name not in ordered and each.after in (None, *ordered)]
    return ordered


def _task(name: str) -> str:
    """Give the name of a job's task; a sync's is quoted, for it may hold a hyphen."""
    return "task_pull" if name == PULL else f'"task_push_{name}"'


def _literal(text: str) -> str:
    """Give a text as Snowflake reads it between quotation marks."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
