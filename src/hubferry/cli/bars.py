"""Bars on a terminal, one a task. What a line shows follows the terminal's width, also while it is being resized."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from hubferry.cli.output import plural

_WIDE, _MEDIUM = 96, 64


class Fitted(Progress):
    """Progress whose lines fit the terminal: on a narrow one, first the time and the limit go, then the bar and the calls.

    The bars go when the command ends, since its report says the same.
    """

    def __init__(self) -> None:
        self._screen = Console(stderr=True)
        super().__init__(console=self._screen, refresh_per_second=8, transient=True)

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """Draw the lines for the width of now; a line that wraps would be drawn again and again."""
        self.columns = _columns(self._screen.width)
        table = super().make_tasks_table(tasks)
        for column in table.columns:
            column.no_wrap, column.overflow = True, "ellipsis"
        return table


class Bars:
    """A Progress of ours that moves bars."""

    def __init__(self, bars: Fitted) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def advance(self, task: str, *, done: int, total: int | None = None, calls: int = 0, share: float = 0.0) -> None:
        """Move a bar."""
        of_total = f" of {total:,}" if total and total >= done else ""
        self._bars.update(
            self._number(task),
            completed=done,
            total=None if total is None else max(total, done),
            records=f"{done:,}{of_total}",
            calls=plural(calls, "call") if calls else "",
            note=f"{share:.0%} of the limit in use",
        )

    def finish(self, task: str, *, note: str = "") -> None:
        """Fill a bar that is done, stop one that is not; what else there is to say stands behind it."""
        number = self._number(task)
        found = next(each for each in self._bars.tasks if each.id == number)
        if note in {"", "done"}:
            self._bars.update(number, total=max(found.completed, 1), completed=max(found.completed, 1), note="")
            self._bars.update(number, records=f"{found.completed if found.fields['records'] else 0:,.0f}")
        else:
            self._bars.update(number, total=found.total or 1, note=note)
        self._bars.stop_task(number)

    def _number(self, task: str) -> TaskID:
        if task not in self._tasks:
            self._tasks[task] = self._bars.add_task(task, total=None, records="", calls="", note="")
        return self._tasks[task]


class _Name(ProgressColumn):
    """The task's name; the first to be cut where there is no room."""

    def render(self, task: Task) -> Text:
        return Text(task.description, overflow="ellipsis", no_wrap=True)


def _columns(width: int) -> tuple[ProgressColumn | str, ...]:
    records = TextColumn("{task.fields[records]}", justify="right")
    calls = TextColumn("{task.fields[calls]}", justify="right")
    if width < _MEDIUM:
        return _Name(), records
    if width < _WIDE:
        return _Name(), BarColumn(bar_width=10), records, calls
    note = TextColumn("{task.fields[note]}", style="dim")
    return _Name(), BarColumn(bar_width=20), records, calls, TimeElapsedColumn(), note
