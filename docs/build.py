# ruff: noqa: INP001  a script, not a package
"""Writes docs/reference from the code: `make docs`. A test compares the pages with what this would write.

The emulator's page is written by hand; its own test holds it to the code.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hubferry import errors
from hubferry.cli import results
from hubferry.cli.app import app
from hubferry.config import model, schema
from hubferry.project.checks import STREAMS
from hubferry.state import tables
from hubferry.state.store import ALL_TABLES
from hubferry.streams.definition import OWN_COLUMNS

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/build.py from the code. Change the code, then run `make docs`. -->\n"

OWN_MEANINGS = {
    "_hubferry_deleted_at": "when the record was found archived, merged away or gone; NULL: it lives",
    "_hubferry_deleted_reason": "`archived`, `merged`, `gone` or `erased`",
    "_hubferry_merged_into": "the record that it was merged into",
    "_hubferry_run_id": "the run that wrote this content",
    "_hubferry_synced_at": "when this content was written; an unchanged record keeps it",
    "_hubferry_unparsed": "values that do not fit their column's type, as HubSpot sent them; the column is NULL",
}


def build_pages() -> dict[str, str]:
    """Give every generated page: path below docs/reference -> text."""
    pages = {
        "cli.md": "\n".join(_cli()),
        "config.md": "\n".join(_config()),
        "errors.md": "\n".join(_errors()),
        "streams.md": "\n".join(_streams()),
        "tables.md": "\n".join(_tables()),
    }
    made = {name: f"{NOTE}\n{text.rstrip()}\n" for name, text in pages.items()}
    made |= {f"schema/{name}": schema.render_schema(name) for name in schema.SCHEMAS}
    return made | {f"schema/output/{name}.schema.json": results.render_schema(name) for name in results.RESULTS}


def commands() -> dict[str, Any]:
    """Give every command of the command line by name."""
    return dict(sorted(typer.main.get_command(app).commands.items()))  # type: ignore[attr-defined]


def _cli() -> Iterator[str]:
    yield "# Commands\n"
    yield "Options stand after the command: `hubferry runs --project crm`.\n"
    yield "With `--output json` a command says one JSON value on stdout, by the schema of its name in [schema/output](schema/output).\n"
    yield "| exit code | means |\n|---|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    for name, command in commands().items():
        context = command.make_context(
            f"hubferry {name}", [], resilient_parsing=True, max_content_width=100, terminal_width=100
        )
        yield f"\n## hubferry {name}\n\n```text\n{command.get_help(context).rstrip()}\n```"


EXIT_CODES = {
    0: "done",
    1: "done, with rejected or unknown rows, a failed or blocked stream, or differences found",
    2: "usage, configuration or internal error",
    3: "stopped by a guard",
    4: "paused (quota, token, HubSpot out of reach); running again resumes",
    5: "another run holds the portal, or another process the warehouse",
    10: "`plan --detailed-exitcode` only: there are changes",
    130: "interrupted; running again resumes",
}


def _config() -> Iterator[str]:
    yield "# Settings\n"
    yield "`${NAME}` in any value is the environment variable NAME, or a line `NAME=...` of the file `.env` beside hubferry.yml."
    yield "Secrets are written in no other way: a token in a file is an error."
    yield "An unknown setting is an error with its line and the nearest valid name."
    yield "Editors complete and check both files by [hubferry.schema.json](schema/hubferry.schema.json) and [sync.schema.json](schema/sync.schema.json), which `hubferry init` also writes."
    blocks = {"hubferry.yml": model.ProjectFile, "syncs/NAME.yml": model.SyncBlock}
    for title, block in blocks.items():
        yield f"\n## {title}\n"
        yield from _block(block, "", set())


def _block(block: type[BaseModel], path: str, told: set[type[BaseModel]]) -> Iterator[str]:
    """Render one block's settings, then the blocks inside it that were not told yet."""
    told.add(block)
    if path:
        yield f"\n### {path}\n"
        yield f"{_first_line(block)}\n"
    yield "| setting | value | default | meaning |\n|---|---|---|---|"
    inner: list[tuple[str, type[BaseModel]]] = []
    for name, info in block.model_fields.items():
        shown = info.alias or name
        found = _inner(info.annotation)
        inner += [(f"{path}.{shown}".lstrip("."), found)] if found else []
        default = "required" if info.default is PydanticUndefined else _plain(info.default)
        yield f"| `{shown}` | {_kind(info.annotation)} | {default} | {(info.description or '').replace(chr(10), ' ')} |"
    for below, found in inner:
        if found not in told:
            yield from _block(found, below, told)


def _kind(annotation: Any) -> str:  # noqa: PLR0911  a table of types
    """Say in words what may stand there."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(members[0])
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in members)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a block"
    if "Mapping" in str(origin):
        return f"a block of name: {_kind(members[1])}"
    if origin is tuple:
        return f"a list of {_kind(members[0])}"
    if members:
        return " or ".join(dict.fromkeys(_kind(each) for each in members if each is not type(None)))
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
        annotation.__name__, ""
    )


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _inner(each))), None)


def _plain(value: object) -> str:
    if isinstance(value, BaseModel) or value in ({}, ()):
        return ""
    return "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _errors() -> Iterator[str]:
    yield "# Errors\n"
    yield "Every error says what happened, to what, and what to do next."
    yield "`--output json` gives its class, message, exit code and facts.\n"
    yield f"```text\n{errors.__doc__.partition(chr(10) * 2)[2].rstrip()}\n```"
    for each in error_classes():
        yield f"\n## {each.__name__}\n\n{inspect.cleandoc(each.__doc__ or '')}"
        yield f"Exit code {each.exit_code}. What can be done: {each.recovery.value}."


def error_classes() -> list[type[errors.HubferryError]]:
    """Give every error class in the order of the file."""
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.HubferryError)]


def _streams() -> Iterator[str]:
    yield "# Streams\n"
    yield "A stream is one HubSpot endpoint, read into one table of the schema that `pull.schema` names."
    yield "`hubferry streams` shows the same with what your token may read.\n"
    yield "Every stream can be read incrementally (the default) or, with `strategy: full_refresh`, anew each time."
    yield "Where HubSpot can say what changed, only that is read; elsewhere everything is read and only new and changed rows are written."
    yield "Custom objects are the streams `custom_<name>`; `custom_*` chooses all of them, also those that are defined later."
    yield "Archived records of every object are in its own table, marked as deleted.\n"
    yield "| stream | path | changes | key | cursor | scope (one of) | links kept by default |\n|---|---|---|---|---|---|---|"
    for each in STREAMS:
        scopes = "<br>".join(" + ".join(f"`{scope}`" for scope in sorted(found)) for found in each.scopes)
        links = ", ".join(each.associations)
        cursor = f"`{each.cursor}`" if each.cursor else ""
        kind = "server-side" if each.is_server_side else "client-side"
        yield f"| `{each.name}` | `{each.path}` | {kind} | {', '.join(each.key)} | {cursor} | {scopes} | {links} |"
    yield "\n## Tables that come with others\n"
    yield "`pipelines` and `pipeline_stages` hold those of every object whose pipelines are pulled, `properties` and `property_options`"
    yield "those of every object that is pulled, `associations` the links."
    yield "`owner_teams` comes with `owners`, `team_users` with `teams`: one row for each that belongs to a team."
    yield "A result's keys that have no column of their own are in `other`, as JSON."
    yield "\n## Columns that hubferry adds\n\n| column | type | meaning |\n|---|---|---|"
    yield from (f"| `{name}` | {OWN_COLUMNS[name]} | {OWN_MEANINGS[name]} |" for name in sorted(OWN_COLUMNS))


def _tables() -> Iterator[str]:
    yield "# hubferry's own tables\n"
    yield "They are in the schema `hubferry` of the same warehouse, and there is no state anywhere else."
    yield "Query them freely; write to them never.\n"
    yield tables.render_tables(ALL_TABLES)


def _first_line(block: type[BaseModel]) -> str:
    return inspect.cleandoc(block.__doc__ or "").splitlines()[0]


def main() -> None:
    """Write the pages."""
    for name, text in build_pages().items():
        path = REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")


if __name__ == "__main__":
    main()
