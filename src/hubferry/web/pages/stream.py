"""One stream: its runs, its columns with labels, its first rows, and the values that did not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hubferry.errors import UnknownNameError
from hubferry.project import RowPage, StreamActivity, StreamInfo, StreamTable, TableColumn
from hubferry.web import text
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Visit

SHOWN_AT_FIRST = 7
TABS = (("runs", "Runs"), ("columns", "Columns"), ("rows", "Rows"), ("unparsed", "Values that did not fit"))


@dataclass(frozen=True, kw_only=True)
class StreamPage:
    """One stream; each tab has what it needs and nothing else."""

    info: StreamInfo
    activity: StreamActivity
    table: StreamTable
    tab: str
    columns: Sequence[TableColumn] = ()
    search: str = ""
    rows: RowPage | None = None
    picked: Sequence[str] = ()
    fill: Mapping[str, float] = field(default_factory=dict)
    section: str = "streams"
    tabs: Sequence[tuple[str, str]] = TABS

    @property
    def title(self) -> str:
        """Name the stream."""
        return self.info.name

    @property
    def command(self) -> str:
        """Give the command that does the same."""
        return f"hubferry pull --select {self.info.name}"

    @property
    def bars(self) -> list[list[tuple[str, float]]]:
        """Give what each run wrote, as parts of a column."""
        return [
            [("inserted", run.inserted), ("updated", run.updated), ("deleted", run.deleted)]
            for run in self.activity.runs[-16:]
        ]

    @property
    def bar_labels(self) -> list[str]:
        """Say the same in words."""
        return [
            f"{text.moment(run.started_at)}: {run.inserted:,} new, {run.updated:,} changed, {run.deleted:,} gone"
            for run in self.activity.runs[-16:]
        ]

    @property
    def sql(self) -> str:
        """Give the SQL that shows the same rows."""
        return f"SELECT * FROM {self.table.name}"


@dataclass(frozen=True, kw_only=True)
class RowPart:
    """Every column of one row."""

    stream: str
    key: str
    values: Mapping[str, Any]
    labels: Mapping[str, str]
    section: str = "streams"
    command: str = ""

    @property
    def title(self) -> str:
        """Name the row."""
        return f"{self.stream} {self.key}"


@dataclass(frozen=True, kw_only=True)
class PickerPart:
    """The columns that may be shown."""

    stream: str
    columns: Sequence[TableColumn]
    picked: Sequence[str]
    title: str = "Columns to show"
    section: str = "streams"
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class FillPart:
    """The columns with the share of rows that fill them."""

    columns: Sequence[TableColumn]
    fill: Mapping[str, float]


def show(visit: Visit) -> Answer:
    """Show one stream."""
    project, name = visit.project, visit.path["stream"]
    info = next((each for each in project.streams(ask_portal=False) if each.name == name), None)
    if info is None:
        raise UnknownNameError("stream", name, known=[each.name for each in project.streams(ask_portal=False)])
    tab = visit.query.get("tab", "runs")
    tab = tab if tab in dict(TABS) else "runs"
    search = visit.query.get("search").strip()
    with project.session():
        table, activity = project.tables.describe(name), project.activity.stream(name)
        picked = _picked(visit.query.all("column"), table)
        after = visit.query.get("after") or None
        rows = None
        if tab == "rows" and table.columns:
            rows = project.tables.rows(table, columns=picked, after=after)
        elif tab == "unparsed":
            rows = project.tables.unparsed(table, after=after)
    columns = [each for each in table.columns if _matches(each, search)]
    return Page(
        "stream.html",
        StreamPage(
            info=info,
            activity=activity,
            table=table,
            tab=tab,
            columns=columns,
            search=search,
            rows=rows,
            picked=picked,
        ),
    )


def show_row(visit: Visit) -> Answer:
    """Show every column of one row."""
    project, stream, key = visit.project, visit.path["stream"], visit.path["key"]
    with project.session():
        table = project.tables.describe(stream, counted=False)
        row = project.tables.row(table, key)
    if row is None:
        raise UnknownNameError(f"row of {stream}", key)
    labels = {each.name: each.label for each in table.columns}
    return Page("stream_row.html", RowPart(stream=stream, key=key, values=row, labels=labels))


def show_picker(visit: Visit) -> Answer:
    """Offer every column of the table."""
    project, stream = visit.project, visit.path["stream"]
    with project.session():
        table = project.tables.describe(stream, counted=False)
    return Page(
        "stream_picker.html", PickerPart(stream=stream, columns=table.columns, picked=visit.query.all("column"))
    )


def show_fill(visit: Visit) -> Answer:
    """Read the table once and show how full each column is."""
    project, stream = visit.project, visit.path["stream"]
    with project.session():
        table = project.tables.describe(stream, counted=False)
        fill = project.tables.fill_rates(table)
    search = visit.query.get("search").strip()
    columns = [each for each in table.columns if _matches(each, search)]
    return Page("stream_columns.html", FillPart(columns=columns, fill=fill))


def _picked(asked: Sequence[str], table: StreamTable) -> list[str]:
    known = [each.name for each in table.columns]
    picked = [name for name in asked if name in known]
    if picked:
        return picked
    liked = [name for name in _LIKED if name in known]
    rest = [name for name in known if name not in liked and name not in table.key and not name.startswith(("_", "hs_"))]
    return (liked + rest)[:SHOWN_AT_FIRST]


_LIKED = (
    "email",
    "firstname",
    "lastname",
    "name",
    "domain",
    "dealname",
    "amount",
    "dealstage",
    "subject",
    "label",
    "updated_at",
)


def _matches(column: TableColumn, search: str) -> bool:
    words = search.casefold().split()
    described = f"{column.name} {column.label} {column.type}".casefold()
    return all(word in described for word in words)


def register(routes: Routes) -> None:
    """Add this page."""
    routes.get("/streams/{stream}", show)
    routes.get("/streams/{stream}/rows/{key}", show_row)
    routes.get("/streams/{stream}/fill", show_fill)
    routes.get("/streams/{stream}/picker", show_picker)
