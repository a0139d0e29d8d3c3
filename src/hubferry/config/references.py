"""`${NAME}`: values that come from the environment, and the rule that a secret never stands in a file."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from hubferry.errors import ConfigError, LiteralSecretError
from hubferry.types import Secret

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
PRIVATE_TOKEN = re.compile(r"\bpat-[a-z0-9]+-[0-9a-f]{8}-", re.IGNORECASE)
"""How HubSpot's private app tokens begin."""


def read_environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment, completed by the `.env` file of the project; the environment wins."""
    file = folder / ".env"
    if not file.is_file():
        return dict(environ)
    lines = (line.strip().removeprefix("export ") for line in file.read_text(encoding="utf-8-sig").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): _unquote(value.strip()) for name, equals, value in pairs if equals} | dict(environ)


def resolve_secret(reference: str, environ: Mapping[str, str], *, file: str, line: int | None) -> Secret:
    """Give the secret that `${NAME}` stands for."""
    match = REFERENCE.fullmatch(reference.strip())
    if match is None:
        raise LiteralSecretError(_LITERAL, file=file, line=line)
    return Secret(_lookup(match[1], environ, file, line))


def substitute(
    data: Any,
    environ: Mapping[str, str],
    *,
    file: str,
    lines: Mapping[str, int],
    secrets: Container[str] = (),
    path: str = "",
) -> Any:
    """Replace every `${NAME}` in the texts of a file by its value; the settings at `secrets` keep their references."""
    if isinstance(data, dict):
        inner = ((key, f"{path}.{key}" if path else key, value) for key, value in data.items())
        return {
            key: substitute(value, environ, file=file, lines=lines, secrets=secrets, path=below)
            for key, below, value in inner
        }
    if isinstance(data, list):
        return [
            substitute(value, environ, file=file, lines=lines, secrets=secrets, path=f"{path}.{number}")
            for number, value in enumerate(data)
        ]
    if not isinstance(data, str):
        return data
    line = lines.get(path)
    refuse_literals(data, file=file, lines=lines, secrets=secrets, path=path)
    return data if path in secrets else REFERENCE.sub(lambda match: _lookup(match[1], environ, file, line), data)


def refuse_literals(data: Any, *, file: str, lines: Mapping[str, int], secrets: Container[str], path: str = "") -> None:
    """Raise LiteralSecretError where a token stands in `data`, or anything but a reference at one of the paths `secrets`."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            below = f"{path}.{key}" if path else str(key)
            refuse_literals(value, file=file, lines=lines, secrets=secrets, path=below)
    elif isinstance(data, str) and (
        PRIVATE_TOKEN.search(data) or (path in secrets and not REFERENCE.fullmatch(data.strip()))
    ):
        raise LiteralSecretError(_LITERAL, file=file, line=lines.get(path))


_LITERAL = (
    "a secret stands in the file. Take it out, make a new one if the file was ever shared, write a reference such as"
    " `token: ${HUBSPOT_TOKEN}` and put the secret in the environment or in .env, which git ignores."
)


def _lookup(name: str, environ: Mapping[str, str], file: str, line: int | None) -> str:
    value = environ.get(name, "")
    if not value:
        raise ConfigError(
            f"the environment variable {name} is not set. Run `export {name}=...`, or write `{name}=...` in"
            " the file .env beside hubferry.yml.",
            file=file,
            line=line,
        )
    return value


def _unquote(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
