"""Values that every layer speaks: time, secrets, columns, tables, progress. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

ColumnType = str
"""`string`, `integer`, `double`, `boolean`, `timestamp` (UTC, microseconds), `date`, `json`, `strings` (list of text) or `decimal(p,s)`."""

COLUMN_TYPES = frozenset({"string", "integer", "double", "boolean", "timestamp", "date", "json", "strings"})
DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")


class Clock(Protocol):
    """Time, so that tests can move it. Cursors never come from here: they come from HubSpot's `Date` header."""

    def time(self) -> float:
        """Give seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Give seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Secret:
    """A text that shows itself to nobody who does not ask by `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True)
class Column:
    """One column of a warehouse table."""

    name: str
    type: ColumnType

    def __post_init__(self) -> None:
        if self.type not in COLUMN_TYPES and not DECIMAL.fullmatch(self.type):
            raise ValueError(f"column {self.name!r}: unknown type {self.type!r}")


@dataclass(frozen=True)
class Table:
    """One warehouse table: where it is, its columns in order, and the columns that identify a row (none: append only)."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name!r}: a column name is repeated")
        if not set(self.key) <= set(names):
            raise ValueError(f"table {self.name!r}: key not among its columns")


class Progress(Protocol):
    """Where a run tells how far it is; the CLI draws bars, tests listen, everybody else ignores."""

    def advance(self, task: str, *, done: int, total: int | None = None, calls: int = 0, share: float = 0.0) -> None:
        """Say that `done` of `total` records of `task` (a stream or a step of a sync) are through.

        `calls` counts HubSpot calls of the task so far, `share` is the part of the ten-second limit in use (0 to 1).
        """
        ...

    def finish(self, task: str, *, note: str = "") -> None:
        """Say that `task` ended."""
        ...


class Quiet:
    """A Progress that tells nobody."""

    def advance(self, task: str, *, done: int, total: int | None = None, calls: int = 0, share: float = 0.0) -> None:
        """Do nothing."""

    def finish(self, task: str, *, note: str = "") -> None:
        """Do nothing."""
