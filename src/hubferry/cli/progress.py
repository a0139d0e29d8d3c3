"""How far a run is: bars on a terminal (records, calls, share of the limit in use), one line a task elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hubferry.cli.output import Output, plural
from hubferry.types import Progress, Quiet


@contextmanager
def show_progress(out: Output) -> Iterator[Progress]:
    """Give a Progress that fits the place: bars, lines, or nothing when quiet."""
    if out.quiet:
        yield Quiet()
    elif sys.stderr.isatty():
        from hubferry.cli.bars import Bars, Fitted  # noqa: PLC0415  rich is slow to import, and needed for bars only

        with Fitted() as bars:
            yield Bars(bars)
    else:
        yield Lines(out)


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
        asked = f", {plural(calls, 'call')}" if calls else ""
        self._out.note(f"{task}: {done:,}{asked}{f' ({note})' if note else ''}")
