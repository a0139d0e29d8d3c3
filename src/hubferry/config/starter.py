"""The files of a new project, as `hubferry init` writes them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from hubferry.config import load, schema
from hubferry.errors import ConfigError

SCHEMA_FOLDER = ".hubferry"
EMULATOR_URL = "http://127.0.0.1:8765"
_EMULATOR_ENV = "EMULATOR_TOKEN=pat-emulator\n"
"""A name of its own: a real token in HUBSPOT_TOKEN must not go to an emulator."""


def build_files(*, demo: bool, duckdb: str, pull_schema: str, base_url: str | None = None) -> dict[str, str]:
    """Give path -> text of every file of a new project; `demo` points it at an emulator on this machine."""
    load.check_duckdb_name(duckdb, pull_schema)
    url = base_url or (EMULATOR_URL if demo else None)
    line = (
        f"  # The emulator: `hubferry emulator`. Without this line the project talks to HubSpot.\n  base_url: {url}\n\n"
    )
    project = _template("hubferry.yml").replace("{base_url}\n", line if url else "\n")
    project = project.replace("{duckdb}", duckdb).replace("{schema}", pull_schema)
    project = project.replace("${HUBSPOT_TOKEN}", "${EMULATOR_TOKEN}") if demo else project
    files = {
        "hubferry.yml": project,
        "syncs/contacts.yml": _template("contacts.yml"),
        ".gitignore": _template("gitignore"),
        ".env.example": _template("env.example"),
    }
    files |= {f"{SCHEMA_FOLDER}/{name}": schema.render_schema(name) for name in schema.SCHEMAS}
    return files | ({".env": _EMULATOR_ENV} if demo else {})


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write the files of a new project; raise ConfigError, and write nothing, where one of them exists."""
    taken = sorted(name for name in files if (folder / name).exists())
    if taken:
        raise ConfigError(
            f"{str(folder)!r} already holds {', '.join(taken)}; nothing was written. Name a new folder: `hubferry init FOLDER`."
        )
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _template(name: str) -> str:
    return (resources.files("hubferry.config") / "templates" / name).read_text(encoding="utf-8")
