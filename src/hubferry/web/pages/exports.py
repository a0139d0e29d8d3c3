"""Tables as CSV files: rows of a stream, steps of a plan, what could not be done. Read page by page, so that size does not matter."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from hubferry.errors import UnknownNameError
from hubferry.project import Project, StepPage
from hubferry.web import steps, text
from hubferry.web.pages.rejected import STATES
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Download, Visit

PAGE = 5_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would carry out: CRM fields are filled in by strangers."""


def show_rows(visit: Visit) -> Answer:
    """Give every row of a stream's table, all columns or those that are picked."""
    project, stream = visit.project, visit.path["stream"]
    table = project.tables.describe(stream, counted=False)
    known = {each.name for each in table.columns}
    columns = [name for name in visit.query.all("column") if name in known]

    def lines() -> Iterator[Sequence[object]]:
        after: str | None = None
        while True:
            page = project.tables.rows(table, columns=columns, after=after, limit=PAGE)
            if after is None:
                yield page.columns
            yield from page.rows
            if (after := page.next) is None:
                return

    return _download(f"{stream}.csv", lines())


def show_steps(visit: Visit) -> Answer:
    """Give the steps of a plan that a filter shows, one line for each property that changes."""
    project, plan_id = visit.project, visit.path["plan"]
    plan = project.stored_plan(plan_id)
    kinds = next((kinds for name, _, kinds in steps.KINDS if name == visit.query.get("kind")), ())
    sync, search = visit.query.get("sync") or None, visit.query.get("search").strip()

    def read(after: int) -> StepPage:
        return project.plans.page(plan_id, kinds=kinds, sync=sync, search=search, after=after, limit=PAGE)

    def lines() -> Iterator[Sequence[object]]:
        yield (
            "step",
            "sync",
            "what",
            "row",
            "object",
            "record",
            "property",
            "old",
            "changed by",
            "new",
            "reason",
            "what to do",
        )
        after: int | None = 0
        while after is not None:
            page = read(after)
            for planned in page.steps:
                yield from _step_lines(planned.number, planned.sync, steps.view(planned.step))
            after = page.next

    return _download(f"{plan.id}.csv", lines())


def show_rejected(visit: Visit) -> Answer:
    """Give what of a sync could not be done, of every state or of one."""
    project, sync, state = visit.project, visit.query.get("sync"), visit.query.get("state")
    if sync not in project.sync_names:
        raise UnknownNameError("sync", sync, known=project.sync_names)
    return _download(f"{sync}-rejected.csv", _rejected_lines(project, sync, state if state in STATES else None))


def _rejected_lines(project: Project, sync: str, state: str | None) -> Iterator[Sequence[object]]:
    yield "sync", "row", "of it", "state", "step", "why", "category", "correlation id", "what to do", "run"
    after: tuple[str, str] | None = None
    while True:
        rows = project.rejected(sync, limit=PAGE, state=state, after=after)
        for each in rows:
            said = (each.message, each.category, each.correlation_id, each.advice, each.run_id)
            yield each.sync, each.row_key, each.detail, each.state, each.step, *said
        if len(rows) < PAGE:
            return
        after = rows[-1].row_key, rows[-1].detail


def _step_lines(number: int, sync: str, step: steps.StepView) -> Iterator[Sequence[object]]:
    before = (number, sync, step.word, step.row_key, step.object or step.text, step.record_id)
    for change in step.changes or (("", "", ""),):
        name, old, new = change
        yield *before, name, old, step.authors.get(name), new, step.reason, step.advice


def _download(name: str, lines: Iterable[Sequence[object]]) -> Download:
    """Begin at once: what is wrong with the first page is an error's page, not half a file."""
    written = _write(lines)
    return Download(name, chain([next(written, "")], written))


def _write(lines: Iterable[Sequence[object]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for number, line in enumerate(lines):
        writer.writerow([_cell(value) for value in line])
        if number % PAGE == PAGE - 1:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(value: object) -> str:
    """Write one value; a text that a spreadsheet would take for a formula gets an apostrophe, numbers stay."""
    shown = text.whole(value)
    return f"'{shown}" if isinstance(value, str) and shown.startswith(_FORMULA) and not _is_number(shown) else shown


def _is_number(shown: str) -> bool:
    try:
        float(shown)
    except ValueError:
        return False
    return True


def register(routes: Routes) -> None:
    """Add these addresses."""
    routes.get("/streams/{stream}/rows.csv", show_rows)
    routes.get("/plans/{plan}/steps.csv", show_steps)
    routes.get("/rejected.csv", show_rejected)
