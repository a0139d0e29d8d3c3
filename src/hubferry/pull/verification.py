"""Proves tables against HubSpot, and repairs them where that is asked for.

Ids and modified dates of all records are compared, which is cheap, and the values of a sample or of all. Lists are read
and compared whole; of events those of the last days, or all; of the versions of properties those of a sample of records, or
of all; archived records as long as HubSpot keeps them. What it does not say twice is said to be not verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pyarrow as pa

from hubferry.config.model import PullBlock
from hubferry.errors import GuardError, HubferryError
from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.hubspot.records import Record
from hubferry.pull import chunks
from hubferry.pull.archived import ArchivedPull
from hubferry.pull.catalog import fetch_catalog
from hubferry.pull.children import ChildrenPull
from hubferry.pull.comparison import Comparison, Differences, Rows, render_flags
from hubferry.pull.history import HistoryPull
from hubferry.pull.pages import PagePull
from hubferry.pull.people import PeoplePull
from hubferry.pull.pulling import Pulling, Tally
from hubferry.pull.records import RecordPull
from hubferry.pull.run import choose_streams
from hubferry.pull.session import open_session
from hubferry.pull.windows import WindowPull
from hubferry.state.store import StateStore
from hubferry.streams.definition import OWN_COLUMNS, Stream, build_table
from hubferry.types import Progress, Quiet
from hubferry.warehouse.interface import Warehouse

SAMPLE = 1_000
"""Records whose values are compared, where not all are."""
RECENT = timedelta(days=30)
"""Events as old are compared, where not all are."""
_QUIET = Quiet()
_UNREAD = "it was not read to its end yet, which `hubferry pull` does"


@dataclass
class TableReport:
    """What was found of one stream's table."""

    name: str
    verified: bool = True
    """False: `reason` or `error` says why not."""
    reason: str | None = None
    """Why there was nothing to compare."""
    listed: int = 0
    """Records that HubSpot has."""
    missing: tuple[str, ...] = ()
    """Records that the table lacks, or shows as deleted."""
    outdated: tuple[str, ...] = ()
    """Records of which the table has an older state."""
    gone: tuple[str, ...] = ()
    """Rows that are live in the table and no records any more."""
    since: datetime | None = None
    """Events: only those since then were compared; None: everything was."""
    compared: int = 0
    """Records whose values were compared."""
    columns: dict[str, int] = field(default_factory=dict)
    """Columns with values that differ although the modified date is the same, with how many: calculated ones, most often."""
    newer: int = 0
    """Records that changed since the table was last read: the next pull brings them."""
    repaired: int = 0
    """Rows that were written or marked."""
    calls: int = 0
    error: HubferryError | None = None

    @property
    def differences(self) -> int:
        """Count what is not as HubSpot has it."""
        return len(self.missing) + len(self.outdated) + len(self.gone) + sum(self.columns.values())

    def take(self, found: Differences) -> None:
        """Add what a comparison found."""
        self.missing += tuple(found.missing)
        self.outdated += tuple(found.outdated)
        self.gone += tuple(found.gone)
        self.newer += found.newer
        for name, count in found.columns.items():
            self.columns[name] = self.columns.get(name, 0) + count

    @property
    def exit_code(self) -> int:
        """0: equal, or repaired; 3: a guard stopped the repair; else 1."""
        if isinstance(self.error, GuardError):
            return GuardError.exit_code
        return 1 if self.error is not None or (self.differences and not self.repaired) else 0


def verify_tables(
    *,
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    pull: PullBlock,
    select: Sequence[str] = (),
    sample: int | None = SAMPLE,
    repair: bool = False,
    allow_deletes: bool = False,
    wait_seconds: float = 0,
    progress: Progress = _QUIET,
) -> tuple[TableReport, ...]:
    """Compare the tables of these streams with HubSpot; `sample` None: the values of all records."""
    catalog = fetch_catalog(client, pull)
    streams = choose_streams(pull, select, (), catalog)
    with open_session(
        "verify",
        client=client,
        warehouse=warehouse,
        state=state,
        pull=pull,
        catalog=catalog,
        detail={"streams": [each.name for each in streams], "repair": repair},
        progress=progress,
        wait_seconds=wait_seconds,
        allow_deletes=allow_deletes,
    ) as pulling:
        reports = tuple(_verify(pulling, stream, sample, repair=repair) for stream in streams)
    counts = {"listed": sum(each.listed for each in reports), "differences": sum(each.differences for each in reports)}
    state.finish_run(pulling.run_id, "failed" if any(each.error for each in reports) else "done", counts)
    return reports


def _verify(pulling: Pulling, stream: Stream, sample: int | None, *, repair: bool) -> TableReport:
    report, calls = TableReport(stream.name), pulling.begin(stream.name)
    try:
        if not stream.steady:
            report.verified, report.reason = (
                False,
                "it says how things stood at a moment, which HubSpot does not say again",
            )
        elif stream.reader == "records":
            _verify_records(pulling, stream, report, sample, repair=repair)
        elif stream.reader == "history":
            _verify_history(pulling, stream, report, sample, repair=repair)
        elif stream.reader == "archived":
            _verify_archived(pulling, stream, report, repair=repair)
        else:
            _verify_listed(pulling, stream, report, every=sample is None, repair=repair)
    except HubferryError as error:
        report.verified, report.error = False, error
    report.calls = pulling.calls() - calls
    pulling.progress.finish(stream.name)
    return report


def _verify_records(pulling: Pulling, stream: Stream, report: TableReport, sample: int | None, *, repair: bool) -> None:
    tally = Tally()
    records = RecordPull(pulling, stream, tally)
    records.prepare()
    if records.cursor.value is None:
        report.verified, report.reason = False, _UNREAD
        return
    sweep = records.sweep()
    report.listed = sweep.read
    # What changed after the cursor, less the lookback, the next pull brings: it is not wrong yet.
    settled = records.cursor.value - timedelta(minutes=pulling.block.lookback_minutes)
    old = {each for each, at in {**sweep.missing, **sweep.differing}.items() if at is not None and at <= settled}
    report.missing = tuple(each for each in sweep.missing if each in old)
    report.outdated = tuple(each for each in sweep.differing if each in old)
    report.newer = len(sweep.missing) + len(sweep.differing) - len(old)
    whereabouts = records.writer.find(sweep.unlisted)
    report.gone = (*whereabouts.merged, *whereabouts.gone, *(each.id for each in whereabouts.archived))
    wrong = _compare_values(pulling, records, report, sample)
    if repair:
        sweep.repair(records.cursor.value, max(1, sweep.read))
        for start in range(0, len(wrong), records.writer.chunk_size):
            records.writer.write(wrong[start : start + records.writer.chunk_size])
        report.repaired = tally.merged.inserted + tally.merged.updated + tally.deleted


def _verify_listed(pulling: Pulling, stream: Stream, report: TableReport, *, every: bool, repair: bool) -> None:
    """Compare a list, or events, with what HubSpot says now; repairing reads it once more as a full refresh does."""
    cursor = pulling.cursor(stream.name)
    if cursor.value is None or cursor.scan is not None:
        report.verified, report.reason = False, _UNREAD
        return
    overlap = timedelta(hours=stream.window.overlap_hours if stream.window else 0)
    settled = cursor.value - max(overlap, timedelta(minutes=pulling.block.lookback_minutes))
    tally = Tally()
    parts: Iterable[Rows]
    if stream.reader == "windows":
        report.since = None if every else cursor.value - RECENT
        parts = WindowPull(pulling, stream, tally).fetch_all(report.since)
    else:
        parts = _LISTS[stream.reader](pulling, stream, tally).fetch_all()
    comparison = Comparison(pulling, stream, pulling.storage_of(stream).current, settled=settled)
    found = comparison.run(parts, since=report.since)
    report.listed = report.compared = found.listed
    report.take(found)
    if repair and report.differences:
        again = Tally()
        _LISTS.get(stream.reader, WindowPull)(replace(pulling, full_refresh=True), stream, again).run()
        report.repaired = again.merged.inserted + again.merged.updated + again.deleted


def _verify_history(pulling: Pulling, stream: Stream, report: TableReport, sample: int | None, *, repair: bool) -> None:
    """Compare versions with those that HubSpot has; it forgets old ones, which the table keeps."""
    tally = Tally()
    history, again = HistoryPull(pulling, stream, tally), Tally()
    objects = history.find_objects()
    if any(history.cursor(each).value is None or history.cursor(each).scan is not None for each in objects):
        report.verified, report.reason = False, _UNREAD
        return
    for each in objects:
        cursor, ids = history.cursor(each), history.fetch_ids(each)
        report.listed += len(ids)
        if sample is not None and sample < len(ids):
            ids = Random(pulling.run_id).sample(ids, sample)  # noqa: S311  a sample, no secret
        report.compared += len(ids)
        assert cursor.value is not None
        comparison = Comparison(
            pulling,
            stream,
            build_table(pulling.schema, stream),
            settled=cursor.value - timedelta(minutes=pulling.block.lookback_minutes),
            named_by=("object", "record_id", "property", "timestamp"),
        )
        parts: Iterator[Rows] = (({}, versions) for versions in history.fetch_versions(each, ids))
        found = comparison.run(parts, since=None)
        report.take(found)
        if repair and (found.missing or found.outdated or found.columns):
            HistoryPull(pulling, stream, again).write_again(each, ids)
    report.repaired = again.merged.inserted + again.merged.updated


def _verify_archived(pulling: Pulling, stream: Stream, report: TableReport, *, repair: bool) -> None:
    """Compare the archive with its table, and look for what left it; a row whose record is too old for it is as it should be."""
    cursor = pulling.cursor(stream.name)
    if cursor.value is None:
        report.verified, report.reason = False, _UNREAD
        return
    archive = ArchivedPull(pulling, stream, Tally())
    settled = cursor.value - timedelta(minutes=pulling.block.lookback_minutes)
    comparison = Comparison(pulling, stream, archive.prepare(), settled=settled)
    listed: set[str] = set()
    for rows in archive.fetch_all(listed):
        comparison.add(rows)
    report.take(comparison.found)
    report.listed = report.compared = len(listed)
    report.gone = tuple(archive.find_left(listed))
    if repair and report.differences:
        again = Tally()
        ArchivedPull(pulling, stream, again).run()
        report.repaired = again.merged.inserted + again.merged.updated + again.deleted


_LISTS: Mapping[str, type[PagePull | ChildrenPull | PeoplePull]] = {
    "pages": PagePull,
    "children": ChildrenPull,
    "people": PeoplePull,
}


def _compare_values(pulling: Pulling, records: RecordPull, report: TableReport, sample: int | None) -> list[Record]:
    """Compare the values of records whose dates are equal; give those that differ."""
    wrong: list[Record] = []
    for ids in _draw(pulling, records, sample):
        found = fetch_by_ids(pulling.client, records.path_name, ids, records.writer.shape).found
        read = [record for asked, record in found.items() if record.id == asked]
        pulling.stop.check()
        report.compared += len(read)
        differing = _query_differing(pulling, records, read, report)
        wrong += [each for each in read if each.id in differing]
    return wrong


def _draw(pulling: Pulling, records: RecordPull, sample: int | None) -> Iterator[list[str]]:
    table, quote = records.writer.table, pulling.warehouse.quote
    rows = pulling.warehouse.query(
        f"SELECT id FROM {pulling.warehouse.name(table.schema, table.name)}"
        f" WHERE {quote('_hubferry_deleted_at')} IS NULL ORDER BY id"
    )
    ids: list[str] = rows["id"].to_pylist()
    if sample is not None and sample < len(ids):
        ids = sorted(Random(pulling.run_id).sample(ids, sample))  # noqa: S311  a sample, no secret
    size = records.writer.chunk_size
    yield from (ids[start : start + size] for start in range(0, len(ids), size))


def _query_differing(pulling: Pulling, records: RecordPull, read: Sequence[Record], report: TableReport) -> set[str]:
    """Count, by column, the values that the table has otherwise at the same modified date; give the ids."""
    if not read:
        return set()
    made, table = records.made, records.writer.table
    rows = chunks.build_chunk(made, records.writer.shape, read, pulling.stamp()).rows
    names = [each for each in rows.column_names if each not in {*OWN_COLUMNS, "id", "updated_at"}]
    flags = list(render_flags(pulling.warehouse, table, names).values())
    columns = ", ".join(f"{flag} AS c{number}" for number, flag in enumerate(flags))
    stored = pulling.warehouse.name(table.schema, table.name)
    with pulling.warehouse.transaction() as tx, tx.register("read", rows) as listed:
        found: pa.Table = tx.query(
            f"SELECT l.id AS id, {columns} FROM {listed} AS l JOIN {stored} AS t"
            " ON t.id = l.id AND t.updated_at = l.updated_at"
            f" WHERE {' + '.join(flags)} > 0"
        )
    for number, name in enumerate(names):
        count = sum(found[f"c{number}"].to_pylist())
        if count:
            report.columns[name] = report.columns.get(name, 0) + count
    return set(found["id"].to_pylist())
