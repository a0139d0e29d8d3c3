"""What a command says: results on stdout as text or as one JSON value, everything else on stderr. Tables without a library."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from hubferry.cli.options import Format
from hubferry.errors import HubferryError

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


@dataclass(frozen=True)
class Output:
    """One command's voice."""

    command: str
    format: Format = "text"
    quiet: bool = False

    def line(self, text: str = "") -> None:
        """Say one line of the result, in text mode."""
        if self.format == "text":
            sys.stdout.write(f"{text}\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show rows under their column names, in text mode."""
        for text in render_table(columns, rows, width=_width(sys.stdout)):
            self.line(text)

    def note(self, text: str) -> None:
        """Say what goes on, on stderr, unless quiet."""
        if not self.quiet:
            sys.stderr.write(f"{text}\n")

    def problem(self, error: HubferryError) -> None:
        """Say on stderr what went wrong while the rest went on, also when quiet."""
        sys.stderr.write(f"{style('error:', 'red', sys.stderr)} {error}\n")

    def result(self, data: object) -> None:
        """Give the result, in JSON mode, in the one envelope that every command has."""
        if self.format == "json":
            sys.stdout.write(render_json({"ok": True, "command": self.command, "data": data}) + "\n")


def render_json(value: object, *, indent: int = 0) -> str:
    """Give a value of ours as JSON text."""
    import msgspec  # noqa: PLC0415  start-up: most calls show text

    encoded = msgspec.json.encode(value, enc_hook=_encode)
    return (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()


def render_error(error: HubferryError) -> str:
    """Give an error in the one shape that every command has: type, message, exit code, and its facts."""
    return render_json({"ok": False, "error": describe_error(error)})


def describe_error(error: HubferryError) -> dict[str, Any]:
    """Give the parts of an error that a program can use."""
    facts = {name: value for name, value in vars(error).items() if isinstance(value, (str, int, float, tuple, list))}
    return {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code, "facts": facts}


def style(text: str, name: str, stream: TextIO | None = None) -> str:
    """Colour a text where the terminal shows colours and the user wants them."""
    return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if has_colour(stream or sys.stdout) else text


def has_colour(stream: TextIO) -> bool:
    """Say whether colours reach a person: a terminal, and no NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def render_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, width: int | None = None) -> list[str]:
    """Align rows under their column names; the widest column gives way where `width` is narrower."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    excess = sum(widths) + 2 * (len(widths) - 1) - (width or sys.maxsize)
    if excess > 0:
        widest = widths.index(max(widths))
        widths[widest] = max(widths[widest] - excess, 12)
    right = [all(_is_number(row[place]) for row in rows) for place in range(len(columns))] if rows else []
    return [
        _align(row, widths, right or [False] * len(columns)) for row in ([name.upper() for name in columns], *cells)
    ]


def _align(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cut = [text if len(text) <= width else text[: width - 1] + "…" for text, width in zip(row, widths, strict=True)]
    padded = (
        text.rjust(width) if to_right else text.ljust(width)
        for text, width, to_right in zip(cut, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("\n", " ")


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _width(stream: TextIO) -> int | None:
    return shutil.get_terminal_size().columns if stream.isatty() else None


def _encode(value: object) -> object:
    if isinstance(value, HubferryError):
        return describe_error(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
