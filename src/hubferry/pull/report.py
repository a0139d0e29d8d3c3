"""What a pull did, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hubferry.errors import GuardError, HubferryError

State = Literal["done", "failed", "blocked", "paused"]


@dataclass(frozen=True, kw_only=True)
class StreamReport:
    """What a pull did to one stream."""

    name: str
    state: State
    reader: str | None = None
    """scan or changes, as the planner chose; pages, children, people, windows, history or archived; None where nothing was read."""
    choice: str | None = None
    """Why that reader: the calls and seconds of each."""
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    unparsed: int = 0
    """Values that do not fit their column's type; they are in `_hubferry_unparsed`."""
    late: int = 0
    """Records that HubSpot's search showed too late, found by comparing ids and dates of all."""
    calls: int = 0
    """HubSpot calls of the stream, searches among them."""
    waited_seconds: float = 0.0
    """How long calls waited for a limit, added up over those that waited at once."""
    notes: tuple[str, ...] = ()
    """What a person should know of it, in sentences."""
    floor_calls: int = 0
    """The fewest calls that reading as many records takes."""
    error: HubferryError | None = None


@dataclass(frozen=True, kw_only=True)
class AssociationReport:
    """What a pull did to the links of one pair of objects."""

    name: str
    state: State
    kind: Literal["changed", "sweep"] = "changed"
    """changed: links of changed records; sweep: of every record."""
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    calls: int = 0
    error: HubferryError | None = None


@dataclass(frozen=True, kw_only=True)
class PullReport:
    """What a pull did."""

    run_id: str
    streams: tuple[StreamReport, ...]
    associations: tuple[AssociationReport, ...] = ()
    calls: int = 0
    searches: int = 0
    seconds: float = 0.0
    share_of_day: float | None = None
    """Part of the account's daily calls that it used, 0 to 1; None where HubSpot does not say how many there are."""

    @property
    def exit_code(self) -> int:
        """0, or that of what went wrong, links counted: 4 paused, 3 stopped by a guard, 1 failed or blocked."""
        parts: tuple[StreamReport | AssociationReport, ...] = (*self.streams, *self.associations)
        return max((_exit_code(each) for each in parts), default=0)


def _exit_code(part: StreamReport | AssociationReport) -> int:
    if part.state == "done":
        return 0
    if part.state == "paused":
        return 4
    return GuardError.exit_code if isinstance(part.error, GuardError) else 1
