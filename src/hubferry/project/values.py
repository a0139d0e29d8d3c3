"""What the facade gives: frozen values that a terminal or a page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hubferry.state.store import Run


@dataclass(frozen=True)
class CheckItem:
    """One thing that was checked; `passed` None: it cannot be known with this kind of token, or a person has to say."""

    name: str
    passed: bool | None
    detail: str
    advice: str = ""


@dataclass(frozen=True)
class CheckReport:
    """Everything `check` looked at."""

    items: tuple[CheckItem, ...]
    portal_id: int | None = None

    @property
    def passed(self) -> bool:
        """Say whether nothing is known to be wrong."""
        return all(item.passed is not False for item in self.items)


@dataclass(frozen=True, kw_only=True)
class StreamInfo:
    """One stream as this project would read it."""

    name: str
    table: str
    chosen: bool
    strategy: str
    key: tuple[str, ...]
    cursor: str | None
    scopes: tuple[tuple[str, ...], ...]
    """Any one of these sets suffices."""
    storage: str = "merge"
    may_read: bool | None = None
    """None: not asked, or not knowable with this kind of token."""


@dataclass(frozen=True)
class Status:
    """Where the project stands: the latest runs, and how far each stream has been read."""

    portal_ids: tuple[int, ...]
    last_runs: Mapping[str, Run]
    """The latest run of each kind."""
    cursors: Mapping[str, datetime | None]
    """Everything changed in HubSpot up to this time is in the stream's table; None: a first read is under way."""
    rejected: Mapping[str, int]
    """Rows, columns and links of each sync that are invalid, rejected, skipped or unknown."""
