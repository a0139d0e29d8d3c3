"""Read hubferry.yml and syncs/*.yml of a folder into frozen values; every mistake names file, line and what is valid.

Nothing is opened but these files and `.env`; names that only the portal knows are checked later.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hubferry import objects
from hubferry.config import environments, lines, mistakes, references
from hubferry.config.block import find_secrets
from hubferry.config.model import Project, ProjectFile, Sync, SyncBlock
from hubferry.config.warehouses import MOTHERDUCK
from hubferry.errors import ConfigError, UnknownNameError
from hubferry.types import Secret

PROJECT_FILE = "hubferry.yml"
SYNC_FOLDER = "syncs"
MODEL_FOLDER = "models"
STATE_SCHEMA = "hubferry"
"""Where hubferry keeps its own tables; a pull cannot write there."""

PULL = "pull"
"""The name of the pull among scheduled jobs; the others have the names of their syncs."""

_SYNC_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SCHEMA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CUSTOM_OBJECT = re.compile(rf"(p\d+_\w+|{objects.CUSTOM}\w+|2-\d+)", re.ASCII)
_CUSTOM_HINT = f"A custom object is written {objects.CUSTOM}<name>, p<portal>_<name>, or as its type id, 2-<number>."
Model = TypeVar("Model", bound=BaseModel)
_SECRETS = tuple(find_secrets(ProjectFile))
Signature = tuple[tuple[str, int, int], ...]
"""Name, size and time of change of every file that a project is read from."""


def load_project(folder: Path, environ: Mapping[str, str], environment: str | None = None) -> Project:
    """Read the project of a folder, as the environment of that name wants it; None: as the files stand.

    Of the environments that were not chosen, unknown settings and literal secrets are found too; what their `${NAME}`
    stand for is not asked for.
    """
    path = folder / PROJECT_FILE
    if not path.is_file():
        raise ConfigError(_missing(folder))
    written = _parse(_read(path, PROJECT_FILE), PROJECT_FILE)
    for name in (None, *_environment_names(written)):
        _check_names(environments.lay_over(written, name, file=PROJECT_FILE), ProjectFile, PROJECT_FILE)
    within = [f"environments.{name}.{path}" for name in _environment_names(written) for path in _SECRETS]
    references.refuse_literals(written.data, file=PROJECT_FILE, lines=written.lines, secrets=within)
    parsed = environments.lay_over(written, environment, file=PROJECT_FILE)
    project = _validate(parsed, PROJECT_FILE, ProjectFile, environ, secrets=_SECRETS, unread=("environments",))
    _check_schema(project, parsed.lines)
    syncs = _lay_over_syncs(_load_syncs(folder, environ), written, environment, environ)
    syncs = {name: with_model(folder, sync) for name, sync in syncs.items()}
    _check_order(project, syncs, parsed.lines)
    return Project(folder=str(folder), environment=environment, file=project, syncs=syncs, lines=parsed.lines)


def read_signature(folder: Path) -> Signature:
    """Give what tells whether a file of the project was changed, added or removed since."""
    below = (each for name in (SYNC_FOLDER, MODEL_FOLDER) for each in sorted((folder / name).glob("*")))
    files = [folder / PROJECT_FILE, folder / ".env", *below]
    stats = [(str(each), each.stat()) for each in files if each.is_file()]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def resolve_token(project: Project, environ: Mapping[str, str]) -> Secret:
    """Give the portal's token, which the project holds as a reference only."""
    return resolve_secret(project, "hubspot.token", project.file.hubspot.token, environ)


def resolve_secret(project: Project, path: str, reference: str, environ: Mapping[str, str]) -> Secret:
    """Give the secret that the setting at this path of hubferry.yml refers to."""
    return references.resolve_secret(reference, environ, file=PROJECT_FILE, line=project.lines.get(path))


def check_duckdb_name(path: str, schema: str, *, file: str | None = None, line: int | None = None) -> None:
    """Refuse a DuckDB file named like a schema in it: `hubspot.contacts` would be ambiguous in every query."""
    stem = path.partition("?")[0].rpartition(":")[2] if path.startswith(MOTHERDUCK) else Path(path).stem
    if stem.lower() in (schema.lower(), STATE_SCHEMA):
        raise ConfigError(
            f"the DuckDB database {path!r} has the name of the schema {stem!r} in it, so that `{stem}.contacts` could mean"
            " two things in SQL. Name the file otherwise, e.g. warehouse.duckdb.",
            file=file,
            line=line,
        )


def _load_syncs(folder: Path, environ: Mapping[str, str]) -> dict[str, Sync]:
    found: dict[str, Sync] = {}
    for file in sorted((folder / SYNC_FOLDER).glob("*")):
        name = f"{SYNC_FOLDER}/{file.name}"
        if file.suffix == ".yaml":
            raise ConfigError("is not read: rename it to end in .yml.", file=name)
        if file.suffix != ".yml" or file.name.startswith("."):
            continue
        if not _SYNC_NAME.fullmatch(file.stem):
            raise ConfigError("a sync is named by letters, digits, - and _. Rename the file.", file=name)
        found[file.stem] = parse_sync(file.stem, _read(file, name), environ)
    return found


def is_sync_name(name: str) -> bool:
    """Say whether a sync may be named so; its file is named like it."""
    return _SYNC_NAME.fullmatch(name) is not None


def check_project_text(text: str, environ: Mapping[str, str]) -> None:
    """Raise ConfigError, with the line, where hubferry.yml could not be meant with this text."""
    written = _parse(text, PROJECT_FILE)
    _check_names(written, ProjectFile, PROJECT_FILE)
    references.refuse_literals(written.data, file=PROJECT_FILE, lines=written.lines, secrets=_SECRETS)
    project = _validate(written, PROJECT_FILE, ProjectFile, environ, secrets=_SECRETS, unread=("environments",))
    _check_schema(project, written.lines)


def parse_sync(name: str, text: str, environ: Mapping[str, str]) -> Sync:
    """Give the sync that a file of that name would hold with this text."""
    file = f"{SYNC_FOLDER}/{name}.yml"
    if not is_sync_name(name):
        raise ConfigError("a sync is named by letters, digits, - and _. Name it otherwise.", file=file)
    parsed = _parse(text, file)
    _check_names(parsed, SyncBlock, file)
    sync = Sync(name=name, file=file, block=_validate(parsed, file, SyncBlock, environ), lines=parsed.lines)
    _check_objects(sync)
    return sync


def _lay_over_syncs(
    syncs: Mapping[str, Sync], written: lines.Parsed, environment: str | None, environ: Mapping[str, str]
) -> dict[str, Sync]:
    """Give the syncs with the settings that the environment has for them; a mistake there is one of hubferry.yml."""
    found = dict(syncs)
    for name, over in environments.sync_overrides(written, environment).items():
        path = f"environments.{environment}.syncs.{name}"
        if name not in syncs:
            raise UnknownNameError("sync", name, known=tuple(syncs), file=PROJECT_FILE, line=written.lines.get(path))
        sync = syncs[name]
        below = f"{path}."
        where = {
            setting.removeprefix(below): line for setting, line in written.lines.items() if setting.startswith(below)
        } | {"": written.lines[path]}
        merged = lines.Parsed(
            environments.build_merged(sync.block.model_dump(by_alias=True, exclude_unset=True), over), where
        )
        _check_names(merged, SyncBlock, PROJECT_FILE)
        block = _validate(merged, PROJECT_FILE, SyncBlock, environ)
        kept = {setting: line for setting, line in sync.lines.items() if setting not in where}
        found[name] = sync.model_copy(update={"block": block, "lines": kept})
        _check_objects(found[name])
    return found


def _environment_names(written: lines.Parsed) -> tuple[str, ...]:
    named = written.data.get("environments")
    return tuple(name for name, over in named.items() if isinstance(over, dict)) if isinstance(named, dict) else ()


def with_model(folder: Path, sync: Sync) -> Sync:
    """Give a sync with the SELECT of the model that it names, if it names one."""
    name = sync.block.model
    if name is None:
        return sync
    known = sorted(file.stem for file in (folder / MODEL_FOLDER).glob("*.sql"))
    if name not in known:
        raise UnknownNameError("model", name, known=known, file=sync.file, line=sync.line("model"))
    text = _read(folder / MODEL_FOLDER / f"{name}.sql", f"{MODEL_FOLDER}/{name}.sql")
    if not text.strip().rstrip(";"):
        raise ConfigError("is empty: write a SELECT.", file=f"{MODEL_FOLDER}/{name}.sql")
    return sync.model_copy(update={"model_sql": text})


def _parse(text: str, file: str) -> lines.Parsed:
    parsed = lines.parse_yaml(text, file=file)
    if parsed.data is None:
        raise ConfigError("is empty. `hubferry init FOLDER` writes an example to start from.", file=file)
    if not isinstance(parsed.data, dict):
        raise ConfigError("must hold settings, one `name: value` a line.", file=file, line=1)
    return parsed


def _check_names(parsed: lines.Parsed, model: type[BaseModel], file: str) -> None:
    """Refuse a setting that does not exist, before `${NAME}` are asked for: `tokn:` is the mistake."""
    try:
        model.model_validate(parsed.data, by_alias=True, by_name=False)
    except ValidationError as error:
        if mistakes.names_unknown_setting(error):
            raise mistakes.build_error(error, model, parsed.data, file=file, lines=parsed.lines) from None


def _validate(
    parsed: lines.Parsed,
    file: str,
    model: type[Model],
    environ: Mapping[str, str],
    *,
    secrets: Collection[str] = (),
    unread: tuple[str, ...] = (),
) -> Model:
    """Build the frozen value; the settings of `unread` are left out, references in them are not looked up."""
    read = {name: value for name, value in parsed.data.items() if name not in unread}
    data: Any = references.substitute(read, environ, file=file, lines=parsed.lines, secrets=secrets)
    try:
        return model.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        raise mistakes.build_error(error, model, parsed.data, file=file, lines=parsed.lines) from None


def _read(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text. Save it as UTF-8.", file=file) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}.", file=file) from None


def _missing(folder: Path) -> str:
    if not folder.is_dir():
        return f"there is no folder {str(folder)!r}. `hubferry init {folder}` makes a project there."
    if (folder / "hubferry.yaml").exists():
        return f"{folder / 'hubferry.yaml'} is not read: rename it to {PROJECT_FILE}."
    return (
        f"no {PROJECT_FILE} in {str(folder)!r}. Run `hubferry init {folder}`, or name the project with --project DIR."
    )


def _check_schema(project: ProjectFile, where: Mapping[str, int]) -> None:
    schema, line = project.pull.schema_, where.get("pull.schema")
    if not _SCHEMA_NAME.fullmatch(schema):
        raise ConfigError(
            f"pull.schema is {schema!r}; use letters, digits and _, not beginning with a digit.",
            file=PROJECT_FILE,
            line=line,
        )
    if schema.lower() == STATE_SCHEMA:
        raise ConfigError(
            f"pull.schema cannot be {schema!r}: hubferry keeps its own state there. Use e.g. hubspot.",
            file=PROJECT_FILE,
            line=line,
        )
    if (duckdb := project.warehouse.duckdb) is not None:
        check_duckdb_name(duckdb.path, schema, file=PROJECT_FILE, line=where.get("warehouse.duckdb.path"))


def _check_order(project: ProjectFile, syncs: Mapping[str, Sync], where: Mapping[str, int]) -> None:
    """Refuse a schedule that waits for a job that does not exist, has no schedule, or waits for itself."""
    jobs = {PULL: (project.pull.schedule, PROJECT_FILE, where.get("pull.schedule"))}
    jobs |= {
        name: (sync.block.schedule, sync.file, sync.line("schedule")) for name, sync in syncs.items() if name != PULL
    }
    for name, (schedule, file, line) in jobs.items():
        waits, seen = schedule, [name]
        while waits is not None and waits.after is not None:
            if waits.after not in jobs:
                raise UnknownNameError("job in schedule.after:", waits.after, known=list(jobs), file=file, line=line)
            if waits.after in seen:
                raise ConfigError(f"schedule: {' waits for '.join([*seen, waits.after])}.", file=file, line=line)
            if jobs[waits.after][0] is None:
                raise ConfigError(f"schedule.after: {waits.after} has no schedule itself.", file=file, line=line)
            seen.append(waits.after)
            waits = jobs[waits.after][0]


def _check_objects(sync: Sync) -> None:
    """Refuse an object that is neither HubSpot's nor of the form that custom objects have."""
    named = {"object": sync.block.object_}
    named |= {f"associations.{number}.to": each.to for number, each in enumerate(sync.block.associations)}
    for path, name in named.items():
        if name not in objects.BY_NAME and not _CUSTOM_OBJECT.fullmatch(name):
            line = sync.line(path)
            raise UnknownNameError(
                "object", name, known=list(objects.BY_NAME), hint=_CUSTOM_HINT, file=sync.file, line=line
            )
