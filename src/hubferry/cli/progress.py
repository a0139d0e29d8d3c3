"""How far a run is: bars on a terminal (records, calls, share of the limit in use), one line a task elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hubferry.cli.output import Output
from hubferry.types import Progress, Quiet

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


@contextmanager
def show_progress(out: Output) -> Iterator[Progress]:
    """Give a Progress that fits the place: bars, lines, or nothing when quiet."""
    if out.quiet:
        yield Quiet()
    elif sys.stderr.isatty():
        with _bars() as rich:
            yield Bars(rich)
    else:
        yield Lines(out)


class Bars:
    """One bar a task."""

    def __init__(self, rich: RichProgress) -> None:
        self._rich = rich
        self._tasks: dict[str, TaskID] = {}

    def advance(self, task: str, *, done: int, total: int | None = None, calls: int = 0, share: float = 0.0) -> None:
        """Move a bar."""
        note = f"{calls:,} calls, {share:.0%} of the limit in use"
        self._rich.update(self._task(task), completed=done, total=total, records=f"{done:,}", note=note)

    def finish(self, task: str, *, note: str = "") -> None:
        """Fill a bar."""
        number = self._task(task)
        done = next(each.completed for each in self._rich.tasks if each.id == number)
        self._rich.update(number, total=max(done, 1), completed=max(done, 1))
        if note:
            self._rich.update(number, note=note)

    def _task(self, task: str) -> TaskID:
        if task not in self._tasks:
            self._tasks[task] = self._rich.add_task(task, total=None, records="", note="")
        return self._tasks[task]


class Lines:
    """One line when a task ends: a log keeps it, and nothing is redrawn."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._last: dict[str, tuple[int, int]] = {}

    def advance(self, task: str, *, done: int, total: int | None = None, calls: int = 0, share: float = 0.0) -> None:  # noqa: ARG002
        """Remember how far the task is."""
        self._last[task] = (done, calls)

    def finish(self, task: str, *, note: str = "") -> None:
        """Say how far the task came."""
        done, calls = self._last.get(task, (0, 0))
        self._out.note(f"{task}: {done:,}{f', {calls:,} calls' if calls else ''}{f' ({note})' if note else ''}")


def _bars() -> RichProgress:
    from rich.console import Console  # noqa: PLC0415  slow to import, and needed for bars only
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as RichProgress  # noqa: PLC0415

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[records]}", justify="right"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=Console(stderr=True),
        refresh_per_second=8,
    )
