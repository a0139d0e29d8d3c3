"""What somebody who helps needs to know of a project: versions, settings, checks, runs. No secret, and no value of a record."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from pydantic import BaseModel

from hubferry.config import references
from hubferry.config.block import find_secrets
from hubferry.config.model import Project as ProjectFiles
from hubferry.errors import HubferryError
from hubferry.project.values import CheckReport
from hubferry.state.store import Run, StateReader, StreamRun

PACKAGES = ("hubferry", "duckdb", "pyarrow", "msgspec", "pydantic", "urllib3", "psycopg", "snowflake-connector-python")
WRITTEN_BY_USERS = frozenset({"query", "where", "sql", "constant"})
"""Settings of a sync that may hold values of records: only their length is told."""
RUNS = 20


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Everything but secrets and values, ready to be sent to somebody who helps."""

    versions: Mapping[str, str | None]
    environment: str | None
    settings: Mapping[str, Any]
    syncs: Mapping[str, Any]
    check: Any
    """What `check` said, or the error that kept it from it."""
    state_version: int | None
    runs: tuple[Mapping[str, Any], ...]
    stream_runs: tuple[Mapping[str, Any], ...]
    """Of the latest pull."""
    tables: Mapping[str, int]
    """Rows of hubferry's own tables."""


def build_diagnosis(files: ProjectFiles, state: StateReader, check: Callable[[], CheckReport]) -> Diagnosis:
    """Look at everything; what cannot be looked at is told by its error."""
    runs = _try(lambda: state.runs(RUNS), [])
    latest = next((run for run in runs if run.kind == "pull"), None)
    return Diagnosis(
        versions=dict(_versions()),
        environment=files.environment,
        settings=_settings(files.file),
        syncs={name: _settings(sync.block) for name, sync in files.syncs.items()},
        check=_try(lambda: asdict(check()), None),
        state_version=_try(state.version, None),
        runs=tuple(_describe_run(run) for run in runs),
        stream_runs=tuple(_describe(each) for each in _try(lambda: state.stream_runs(latest.run_id), []))
        if latest
        else (),
        tables=_try(state.counts, {}),
    )


def hide_secrets(text: str, environ: Mapping[str, str], files: ProjectFiles) -> str:
    """Replace what the project's references stand for, and anything shaped like a token: the last look before it is written."""
    for path in find_secrets(type(files.file)):
        reference = _at(files.file, path)
        found = references.REFERENCE.fullmatch(reference.strip()) if isinstance(reference, str) else None
        value = environ.get(found[1], "") if found else ""
        if len(value) >= 4:
            text = text.replace(value, "(hidden)")
    return references.PRIVATE_TOKEN.sub("(hidden)-", text)


def _at(block: BaseModel, path: str) -> Any:
    here: Any = block
    for part in path.split("."):
        here = next((getattr(here, n) for n, i in type(here).model_fields.items() if (i.alias or n) == part), None)
        if here is None:
            return None
    return here


def _try(look: Callable[[], Any], otherwise: Any) -> Any:
    """Look, and give the error's words where that fails and nothing else is asked for."""
    try:
        return look()
    except HubferryError as error:
        return otherwise if otherwise is not None else f"{type(error).__name__}: {error}"


def _versions() -> Iterator[tuple[str, str | None]]:
    yield "python", sys.version.split()[0]
    yield "system", platform.platform()
    for name in PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, None


def _settings(block: BaseModel) -> Mapping[str, Any]:
    """Give the settings as they are written; references stay references."""
    hidden: Mapping[str, Any] = _hide(block.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return hidden


def _hide(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _hide(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hide(inner) for inner in value]
    if name in WRITTEN_BY_USERS and value is not None:
        return f"({len(str(value))} characters)"
    return value


def _describe_run(run: Run) -> Mapping[str, Any]:
    told = _describe(run)
    return {name: value for name, value in told.items() if name not in ("host", "detail")}


def _describe(row: Run | StreamRun) -> Mapping[str, Any]:
    return {name: value for name, value in asdict(row).items() if value is not None}
