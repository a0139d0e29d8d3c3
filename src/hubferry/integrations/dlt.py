"""dlt (extra `dlt`): the streams of a project as a source, for those who want another of dlt's destinations.

The project's own warehouse comes first: a pull makes its tables equal to HubSpot, then rows that changed since the last load
go on to the destination. The promise is weaker there: dlt commits rows and its state one after the other, so a row arrives at
least once, and is merged by its key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

try:
    import dlt
except ImportError as error:  # pragma: no cover  tested in an environment without it
    raise ImportError("hubferry.integrations.dlt needs dlt: pip install 'hubferry[dlt]'") from error

from hubferry.errors import ConfigError, RunError, UnknownNameError
from hubferry.integrations import reports
from hubferry.project import Project

OVERLAP = timedelta(hours=1)
"""Rows written so long before the newest one that was loaded are loaded again."""
_SYNCED, _DELETED = "_hubferry_synced_at", "_hubferry_deleted_at"
_EVERY_CUSTOM = "custom_*"


def build_source(
    folder: str | Path,
    *,
    environment: str | None = None,
    streams: Sequence[str] = (),
    remove_deleted: bool = False,
    overlap: timedelta = OVERLAP,
    wait_seconds: float = 600,
    name: str = "hubspot",
) -> Any:
    """Give a dlt source with a resource for each stream of hubferry.yml, or those named; loading it pulls first.

    Each resource merges by the stream's key. Records that HubSpot no longer has stay as rows with `_hubferry_deleted_at`, or,
    with `remove_deleted`, go. A stream that could not be pulled raises RunError: nothing is loaded then, and what was pulled
    goes along the next time. Raises ConfigError where the files cannot be meant.
    """
    with Project.open(folder, environment=environment) as project:
        named = [each for each in project.files.file.pull.streams if each != _EVERY_CUSTOM]
        keys = {each.name: each.key for each in project.streams(ask_portal=False)}
        chosen = list(streams or named)
        for each in chosen:
            if each not in named:
                raise UnknownNameError("stream of this project", each, known=named)
        if not chosen:
            raise ConfigError("the project names no stream under pull.streams: there is nothing to load.")
    loading = _Loading(Path(folder).resolve(), environment, chosen, overlap, wait_seconds)

    def rows(stream: str) -> Iterator[Any]:  # dlt writes on functions, which it cannot on methods
        yield from loading.rows(stream)

    @dlt.source(name=name)
    def hubspot() -> Iterator[Any]:
        for stream in chosen:
            yield dlt.resource(
                rows,
                name=stream,
                primary_key=keys.get(stream, ("id",)),
                write_disposition="merge",
                columns={_DELETED: {"hard_delete": True}} if remove_deleted else None,
            )(stream)

    return hubspot()


class _Loading:
    """One load: the pull before it, and the rows of each stream behind it."""

    def __init__(
        self, folder: Path, environment: str | None, streams: Sequence[str], overlap: timedelta, wait_seconds: float
    ) -> None:
        self._folder, self._environment, self._streams = folder, environment, tuple(streams)
        self._overlap, self._wait_seconds = overlap, wait_seconds
        self._loaded: set[str] | None = None
        """The streams that took rows since the last pull; None: nothing was pulled yet."""

    def rows(self, stream: str) -> Iterator[Any]:
        """Give the rows of a stream that were written since the last load, in batches; all of them the first time."""
        with Project.open(self._folder, environment=self._environment) as project:
            self._pull(project, stream)
            state = dlt.current.resource_state()
            newest = datetime.fromisoformat(state["synced_at"]) if "synced_at" in state else None
            block = project.files.file.pull.streams[stream]
            table = f"{stream}__current" if block is not None and block.storage == "append" else stream
            for batch in _query(project, table, newest - self._overlap if newest else None):
                yield dlt.mark.with_hints(batch, dlt.mark.make_hints(columns=_hints(project, table)))
                written = pc.max(batch[_SYNCED]).as_py() if batch.num_rows else None
                newest = max(filter(None, (newest, written)), default=None)
            if newest is not None:
                state["synced_at"] = newest.isoformat()

    def _pull(self, project: Project, stream: str) -> None:
        """Pull once a load: before the first stream, and again where a stream comes for the second time."""
        if self._loaded is None or stream in self._loaded:
            report = project.pull(select=self._streams, wait_seconds=self._wait_seconds)
            if reports.find_unfinished(report):
                raise RunError(f"run {report.run_id} did not do everything.\n{reports.describe_failures(report)}")
            self._loaded = set()
        self._loaded.add(stream)


def _query(project: Project, table: str, since: datetime | None) -> Iterator[pa.Table]:
    """Read a table's rows, those written since a moment or all, in types that every destination has."""
    schema = project.files.file.pull.schema_
    where = f" WHERE {project.warehouse.quote(_SYNCED)} >= ?" if since else ""
    sql = f"SELECT * FROM {project.table_name(schema, table)}{where}"
    for batch in project.warehouse.query_batches(sql, (since,) if since else ()):
        yield _without_lists(pa.Table.from_batches([batch]))


def _hints(project: Project, table: str) -> dict[str, Any]:
    """Say which columns are JSON: in our Arrow they are text."""
    found = project.warehouse.query_columns(project.files.file.pull.schema_, table)
    return {each.name: {"data_type": "json"} for each in found if each.type in ("json", "strings")}


def _without_lists(rows: pa.Table) -> pa.Table:
    """Give lists as the text of JSON: few destinations have columns of lists."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_list(field.type):
            texts = [None if each is None else json.dumps(each, ensure_ascii=False) for each in rows[at].to_pylist()]
            rows = rows.set_column(at, field.name, pa.array(texts, pa.string()))
    return rows
