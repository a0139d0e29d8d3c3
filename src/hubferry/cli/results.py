"""What `--output json` gives, command by command: the types of the results, and the JSON Schemas made from them.

Imported by tests and docs, never by a command: the types bring pyarrow with them.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec

from hubferry.errors import HubferryError
from hubferry.project import (
    CheckItem,
    Estimate,
    Job,
    MovedTable,
    Plan,
    PullReport,
    PurgeReport,
    PushReport,
    Rejected,
    Run,
    RunSteps,
    Status,
    StreamInfo,
    StreamRun,
    TableReport,
    VerifyReport,
    Version,
)


@dataclass(frozen=True)
class WithExitCode:
    """The fields of a report, and the code that the command ends with."""

    report: type
    many: bool = False
    other: type | None = None
    """What it gives instead with an option."""


class CheckResult(TypedDict):
    """What `check` looked at."""

    passed: bool
    portal_id: int | None
    items: list[CheckItem]


class DoctorResult(TypedDict):
    """The file that was written, and which checks failed."""

    file: str
    not_right: list[str]


class RowsResult(TypedDict):
    """Rows that a person gave an order for; `skip`: once, always, or None for those that are looked at anew."""

    sync: str
    rows: list[str]
    skip: str | None


class HoldResult(TypedDict, total=False):
    """Whether a sync is on hold now; `reason`: why it was."""

    sync: str
    held: bool
    reason: str | None


class InitResult(TypedDict):
    """What was written, and where to."""

    folder: str
    files: list[str]


class RenderResult(TypedDict):
    """The SQL file and the package that were written, and the jobs that will run by themselves."""

    file: str
    package: str
    jobs: list[str]


class ResolveResult(TypedDict):
    """The row, and the record that it is; None: the next push makes one."""

    sync: str
    key: str
    record: str | None


class RecordResult(TypedDict):
    """One record: which rows it is, what was written to it, what was pulled of it."""

    object: str
    id: str
    rows: list[LedgerEntry]
    writings: list[WritingEntry]
    values: dict[str, Any] | None
    links: list[dict[str, Any]]
    versions: dict[str, list[Version]]


class LedgerEntry(TypedDict):
    """A row of a sync that the record is."""

    sync: str
    row_key: str
    created: bool
    stored: dict[str, str | None]


class WritingEntry(TypedDict):
    """One step that was done, or tried, to the record."""

    at: str
    plan: str
    sync: str
    state: str
    reason: str | None
    step: dict[str, Any]


class RenameResult(TypedDict):
    """A sync under its new name, and how much of it was kept."""

    sync: str
    was: str
    rows: int
    links: int


class ShowResult(TypedDict):
    """A run and what it did to each stream, or what became of each step of its plan."""

    run: Run
    streams: list[StreamRun]
    steps: RunSteps | None


RESULTS: dict[str, Any] = {
    "apply": WithExitCode(PushReport),
    "check": CheckResult,
    "doctor": DoctorResult,
    "drift": WithExitCode(VerifyReport, many=True),
    "hold": HoldResult,
    "init": InitResult,
    "move": list[MovedTable],
    "plan": Plan,
    "pull": PullReport | list[Estimate],
    "purge": PurgeReport,
    "push": WithExitCode(PushReport),
    "record": RecordResult,
    "rejected": list[Rejected],
    "rename": RenameResult,
    "resolve": ResolveResult,
    "resume": HoldResult,
    "resync": RowsResult,
    "retry": WithExitCode(PushReport),
    "runs": list[Run],
    "serve": list[Job],
    "show": ShowResult,
    "skip": RowsResult,
    "snowflake": RenderResult,
    "status": Status,
    "streams": list[StreamInfo],
    "undo": Plan,
    "verify": WithExitCode(VerifyReport, many=True, other=TableReport),
}
"""Command -> the type of `data`. `undo --yes` gives what `apply` gives, `verify --pull` a list of what was found of each table."""
ERROR = {
    "type": "object",
    "required": ["type", "message", "exit_code", "facts"],
    "properties": {
        "type": {"type": "string"},
        "message": {"type": "string"},
        "exit_code": {"type": "integer"},
        "facts": {"type": "object"},
    },
}


def build_schema(command: str) -> dict[str, Any]:
    """Give the JSON Schema of all that a command may say on stdout: one envelope for results, one for errors."""
    data = _build_data(RESULTS[command])
    definitions = data.pop("$defs", {})
    done = {
        "type": "object",
        "required": ["ok", "command", "data"],
        "properties": {"ok": {"const": True}, "command": {"const": command}, "data": data},
    }
    failed = {"type": "object", "required": ["ok", "error"], "properties": {"ok": {"const": False}, "error": ERROR}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"hubferry {command} --output json",
        "anyOf": [done, failed],
        "$defs": definitions,
    }


def render_schema(command: str) -> str:
    """Give one JSON Schema as the text of its file."""
    return json.dumps(build_schema(command), indent=2, ensure_ascii=False) + "\n"


def _build_data(result: Any) -> dict[str, Any]:
    if not isinstance(result, WithExitCode):
        return msgspec.json.schema(result, schema_hook=_describe)
    kinds = [kind for kind in (result.report, result.other) if kind is not None]
    built = [msgspec.json.schema(kind, schema_hook=_describe) for kind in kinds]
    definitions: dict[str, Any] = {}
    for kind, each in zip(kinds, built, strict=True):
        definitions |= each["$defs"]
        shape = definitions[kind.__name__]
        shape["properties"]["exit_code"] = {"type": "integer"}
        shape["required"] = [*shape.get("required", ()), "exit_code"]
    if not result.many:
        return built[0]
    references = [{"$ref": each["$ref"]} for each in built]
    items = references[0] if len(references) == 1 else {"anyOf": references}
    return {"type": "array", "items": items, "$defs": definitions}


def _describe(kind: type) -> dict[str, Any]:
    if issubclass(kind, HubferryError):
        return ERROR
    if issubclass(kind, Counter):
        return {"type": "object", "additionalProperties": {"type": "integer"}}
    raise NotImplementedError(kind)
