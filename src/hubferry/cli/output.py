"""What a command says: results on stdout as text or as one JSON value, everything else on stderr. Tables without a library."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from hubferry.cli.options import Format
from hubferry.errors import HubferryError

GAP, LEAST_WIDTH, READABLE_WIDTH = 2, 8, 32
"""Blanks between two columns; how narrow one gets at last; and how wide one wants to be before others are left out."""
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

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, optional: Sequence[str] = ()) -> None:
        """Show rows under their column names, in text mode; where the terminal is narrow, without the `optional` columns."""
        width = _width(sys.stdout)
        shown = [place for place in range(len(columns)) if place not in _left_out(columns, rows, optional, width)]
        for text in render_table(
            [columns[place] for place in shown], [[row[place] for place in shown] for row in rows], width=width
        ):
            self.line(text)
        if self.format == "text" and len(shown) < len(columns):
            names = ", ".join(name for place, name in enumerate(columns) if place not in shown)
            self.note(f"Not shown at this width: {names}. --output json has everything.")

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
    """Align rows under their column names; the widest columns give way where `width` is narrower, but for the first: it names the row."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = _measure(columns, rows)
    while sum(widths) + GAP * (len(widths) - 1) > (width or sys.maxsize) and max(widths[1:], default=0) > LEAST_WIDTH:
        widths[widths.index(max(widths[1:]), 1)] -= 1
    right = [all(_is_number(row[place]) for row in rows) for place in range(len(columns))] if rows else []
    return [
        _align(row, widths, right or [False] * len(columns)) for row in ([name.upper() for name in columns], *cells)
    ]


def _measure(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
    return [
        max(map(len, column))
        for column in zip(columns, *([_cell(value) for value in row] for row in rows), strict=True)
    ]


def _left_out(
    columns: Sequence[str], rows: Sequence[Sequence[object]], optional: Sequence[str], width: int | None
) -> set[int]:
    """Say which columns, of those that may, are left out so that the others keep most of what they hold."""
    widths, out = _measure(columns, rows), set[int]()
    for name in optional:
        needed = [min(each, READABLE_WIDTH) for place, each in enumerate(widths) if place not in out]
        if sum(needed) + GAP * (len(needed) - 1) <= (width or sys.maxsize):
            break
        out.add(columns.index(name))
    return out


def plural(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


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
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
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
