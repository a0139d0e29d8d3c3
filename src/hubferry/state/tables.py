"""hubferry's own tables, each with a line of explanation: the warehouse schema, the reference page and the code read this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hubferry.types import Column, ColumnType, Table

SCHEMA = "hubferry"
VERSION = 2
"""Version of the state; a newer one in the warehouse is refused. Before 2 one run held a portal, whole."""


@dataclass(frozen=True)
class StateColumn:
    """One column and what it says."""

    name: str
    type: ColumnType
    doc: str


@dataclass(frozen=True)
class StateTable:
    """One table of hubferry's own, with its explanation."""

    name: str
    doc: str
    columns: tuple[StateColumn, ...]
    key: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """Give the table as the warehouse takes it."""
        columns = tuple(Column(column.name, column.type) for column in self.columns)
        return Table(SCHEMA, self.name, columns, self.key)


CURSORS = StateTable(
    "cursors",
    "How far each stream has been read; moved in the transaction that wrote the rows it covers.",
    (
        StateColumn("portal_id", "integer", "the HubSpot account"),
        StateColumn(
            "stream",
            "string",
            "the stream, or a reader's own name for a part of it; of a schema that is not the portal's first one, `schema/` before it",
        ),
        StateColumn("value", "timestamp", "everything changed in HubSpot up to this time is in the table"),
        StateColumn(
            "scan",
            "json",
            "an unfinished scan: its id, its start, and the id ranges still to read; of links, what is known of inverse types;"
            " of a feed, that slices are still to read",
        ),
        StateColumn(
            "swept",
            "json",
            "when archived records, merges, links and the whole were last looked at, by kind; of events also from when on they were read",
        ),
        StateColumn("run_id", "string", "the run that moved it last"),
        StateColumn("updated_at", "timestamp", "when it was moved, by this machine's clock"),
    ),
    key=("portal_id", "stream"),
)

DEFINITIONS = StateTable(
    "definitions",
    "What an object's properties and their options were when they were written last: they are written again when they changed.",
    (
        StateColumn("schema", "string", "the warehouse schema of the tables `properties` and `property_options`"),
        StateColumn("object", "string", "the object"),
        StateColumn("digest", "string", "hash of all that was written of them"),
        StateColumn("options", "integer", "how many options there were"),
        StateColumn("run_id", "string", "the run that wrote them"),
    ),
    key=("schema", "object"),
)

LEASES = StateTable(
    "leases",
    "Which runs hold a portal, or parts of it; a commit of one that no longer holds its own is rolled back.",
    (
        StateColumn("portal_id", "integer", "the HubSpot account"),
        StateColumn("epoch", "integer", "grows by one with every owner, so that a former owner's commits are refused"),
        StateColumn("run_id", "string", "the run that holds it; NULL: it let go"),
        StateColumn("parts", "json", "the streams and links that it holds; NULL: the whole portal"),
        StateColumn(
            "share", "double", "its share of the portal's limits, 0 to 1; 0: it waits for the others to take less"
        ),
        StateColumn("host", "string", "the owner's host name"),
        StateColumn("machine", "string", "the owner's boot and process namespace: where its pid means something"),
        StateColumn("pid", "integer", "the owner's process"),
        StateColumn(
            "process_started", "string", "when that process started, so that a recycled pid is not taken for it"
        ),
        StateColumn("since", "timestamp", "when the run took the portal, by the warehouse's clock"),
        StateColumn("beat", "timestamp", "the owner's last sign of life, by the warehouse's clock"),
    ),
    key=("portal_id", "epoch"),
)

META = StateTable(
    "meta",
    "One row: the version of these tables.",
    (
        StateColumn("name", "string", "always `state`"),
        StateColumn("version", "integer", "version of hubferry's tables"),
        StateColumn("shape", "string", "hash of their definitions, so that they are looked at only when those changed"),
        StateColumn("updated_at", "timestamp", "when this version was written"),
    ),
    key=("name",),
)

PARENTS = StateTable(
    "parents",
    "How far streams that are read for each of something (the members of each list) have been read.",
    (
        StateColumn("portal_id", "integer", "the HubSpot account"),
        StateColumn("stream", "string", "the stream, as in `cursors`"),
        StateColumn("parent", "string", "what it was read for: a list, a form, an event"),
        StateColumn("mark", "string", "what HubSpot said of it then: while that stays, nothing of it changed"),
        StateColumn("value", "timestamp", "everything of it up to this time is in the table"),
        StateColumn("run_id", "string", "the run that read it"),
    ),
    key=("portal_id", "stream", "parent"),
)

REFRESH_KEYS = StateTable(
    "refresh_keys",
    "Which records an unfinished full refresh has seen; emptied when it ends, after rows that it did not see are dealt with.",
    (
        StateColumn("portal_id", "integer", "the HubSpot account"),
        StateColumn("stream", "string", "the stream, as in `cursors`"),
        StateColumn("refresh_id", "string", "the refresh, as in `scan` of the stream's cursor"),
        StateColumn("id", "string", "the record"),
    ),
)

RUNS = StateTable(
    "runs",
    "Every execution of pull, plan, apply and push.",
    (
        StateColumn("run_id", "string", "start time and a random part, so that ids sort by time"),
        StateColumn("kind", "string", "pull, plan, apply, push or verify"),
        StateColumn("portal_id", "integer", "the HubSpot account"),
        StateColumn(
            "state", "string", "running, done, failed, paused, interrupted, or died (found dead by a later run)"
        ),
        StateColumn("started_at", "timestamp", "when it started, by this machine's clock"),
        StateColumn("finished_at", "timestamp", "when it ended; NULL while it runs"),
        StateColumn("host", "string", "the host it ran on"),
        StateColumn("machine", "string", "that host's boot and process namespace"),
        StateColumn("pid", "integer", "its process"),
        StateColumn("process_started", "string", "when that process started"),
        StateColumn("detail", "json", "what it was asked to do"),
        StateColumn("counts", "json", "what it did, in numbers"),
        StateColumn("error", "string", "why it ended early"),
    ),
    key=("run_id",),
)

SCHEMAS = StateTable(
    "schemas",
    "Which portal's records a warehouse schema holds; a pull of another portal into it is refused.",
    (
        StateColumn("schema", "string", "the schema"),
        StateColumn("portal_id", "integer", "the HubSpot account"),
        StateColumn("claimed_at", "timestamp", "when it was first pulled into, by HubSpot's clock"),
    ),
    key=("schema",),
)

STREAM_RUNS = StateTable(
    "stream_runs",
    "What a run did to each stream.",
    (
        StateColumn("run_id", "string", "the run"),
        StateColumn("stream", "string", "the stream"),
        StateColumn("portal_id", "integer", "the HubSpot account"),
        StateColumn("state", "string", "running, done, failed, blocked or paused"),
        StateColumn(
            "reader", "string", "how it was read: scan, changes, pages, children, people, windows, history or archived"
        ),
        StateColumn("read", "integer", "records read"),
        StateColumn("inserted", "integer", "rows inserted"),
        StateColumn("updated", "integer", "rows updated"),
        StateColumn("unchanged", "integer", "rows that were equal already"),
        StateColumn("deleted", "integer", "rows marked as deleted"),
        StateColumn("unparsed", "integer", "values that did not fit their column's type"),
        StateColumn("late", "integer", "records that HubSpot's search showed too late"),
        StateColumn("calls", "integer", "HubSpot calls made"),
        StateColumn(
            "waited_seconds", "double", "how long calls waited for a limit, added up over those that waited at once"
        ),
        StateColumn("floor_calls", "integer", "the fewest calls that could have done it"),
        StateColumn("started_at", "timestamp", "when the stream was begun"),
        StateColumn("finished_at", "timestamp", "when it ended; NULL while it runs"),
        StateColumn("error", "string", "why it failed, is blocked or paused"),
    ),
    key=("run_id", "stream"),
)

MOVED = Table(
    SCHEMA,
    "moved",
    (
        Column("table_schema", "string"),
        Column("table_name", "string"),
        Column("rows_moved", "integer"),
        Column("content_hash", "string"),
    ),
    ("table_schema", "table_name"),
)
"""Where a move goes: what it made, and once that is done, how many rows of which content. No part of the state."""

TABLES = (CURSORS, DEFINITIONS, LEASES, META, PARENTS, REFRESH_KEYS, RUNS, SCHEMAS, STREAM_RUNS)


def render_tables(tables: Iterable[StateTable] = TABLES) -> str:
    """Render a section of Markdown a table, by name."""
    return "\n".join(line for table in sorted(tables, key=lambda table: table.name) for line in _section(table))


def _section(table: StateTable) -> list[str]:
    key = ", ".join(f"`{name}`" for name in table.key) or "none (rows are only added)"
    rows = [f"| `{column.name}` | {column.type} | {column.doc} |" for column in table.columns]
    head = ["| column | type | what it says |", "|---|---|---|"]
    return [f"## `{SCHEMA}.{table.name}`", "", table.doc, f"Key: {key}.", "", *head, *rows, ""]
