"""What one pull does, in order: run row, lease, each stream, then the links between them.

A stream writes its definitions first, then chunks of rows, each in one transaction with the cursor that covers it, so that
a run that is killed anywhere is resumed by the next one and no cursor is ever ahead of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic

from hubferry.config.model import PullBlock, StreamBlock
from hubferry.errors import (
    ConfigError,
    FencedError,
    HubferryError,
    InterruptedRunError,
    QuotaError,
    ScopeError,
    TokenError,
    UnknownNameError,
    UnreachableError,
)
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.pull import dropped
from hubferry.pull.archived import ArchivedPull
from hubferry.pull.catalog import Catalog, fetch_catalog, is_custom
from hubferry.pull.children import ChildrenPull
from hubferry.pull.fivetran_views import merge_views
from hubferry.pull.history import HistoryPull
from hubferry.pull.links import LinkPull, LinkTally, links_table
from hubferry.pull.pages import PagePull
from hubferry.pull.pairs import Pair, choose_pairs
from hubferry.pull.people import PeoplePull
from hubferry.pull.pulling import Pulling, Tally
from hubferry.pull.records import RecordPull
from hubferry.pull.report import AssociationReport, PullReport, State, StreamReport
from hubferry.pull.session import open_session, words_of
from hubferry.pull.unused import find_unused
from hubferry.pull.windows import WindowPull
from hubferry.state.cursors import Cursor
from hubferry.state.store import StateStore, StreamRun
from hubferry.streams.crm import ALL_CUSTOM
from hubferry.streams.definition import Reader, Stream
from hubferry.types import Progress, Quiet
from hubferry.warehouse.interface import Warehouse

__all__ = ["AssociationReport", "PullReport", "StreamReport", "choose_pairs", "choose_streams", "run_pull"]

_QUIET = Quiet()
_PAUSES = (QuotaError, TokenError, UnreachableError)
"""Errors that every further call would meet, too: the run ends, its state is kept."""
_ENDS = (FencedError, InterruptedRunError)
_TAG = "tag:"
"""What a tag is selected by."""
_LAST: tuple[Reader, ...] = ("archived", "history", "people")
"""Readers that use what the others wrote in the same run."""


def run_pull(
    *,
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    pull: PullBlock,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    allow_deletes: bool = False,
    wait_seconds: float = 0,
    progress: Progress = _QUIET,
) -> PullReport:
    """Make the warehouse's tables equal to HubSpot as of now; what was interrupted is resumed.

    A stream that fails or is blocked does not stop the others; its report says why. Raises PortalBusyError where another
    run holds the portal, InterruptedRunError after SIGINT or SIGTERM.
    """
    choose_streams(pull, select, exclude)
    started = monotonic()
    calls, searches = client.usage.counted + client.usage.searches, client.usage.searches
    catalog = fetch_catalog(client, pull)
    pull, lost = _without_lost(client, state, catalog, pull)
    streams = choose_streams(pull, select, exclude, catalog)
    with warehouse.busy():  # until the run has said how it ended
        with open_session(
            "pull",
            client=client,
            warehouse=warehouse,
            state=state,
            pull=pull,
            catalog=catalog,
            detail={"streams": [each.name for each in streams], "full": full_refresh},
            progress=progress,
            wait_seconds=wait_seconds,
            full_refresh=full_refresh,
            allow_deletes=allow_deletes,
            parts=_parts(catalog.expand(pull), streams, catalog),
        ) as pulling:
            unread = *_report_unread(catalog, pull, select, exclude), *_report_lost(lost, select, exclude)
            reports = (*_pull_streams(pulling, streams), *unread)
            links = tuple(_pull_links(pulling, streams, reports))
            if pull.fivetran_schema is not None:
                merge_views(pulling, pull.fivetran_schema)
        report = PullReport(
            run_id=pulling.run_id,
            streams=reports,
            associations=links,
            calls=client.usage.counted + client.usage.searches - calls,
            searches=client.usage.searches - searches,
            seconds=monotonic() - started,
            share_of_day=_share_of_day(client, client.usage.counted - (calls - searches)),
        )
        _finish(state, report)
    return report


def _parts(pull: PullBlock, streams: Sequence[Stream], catalog: Catalog) -> set[str]:
    """Name what a run writes: its streams, the links it reads, and the views over all of them."""
    links = {f"associations {pair.name}" for pair in choose_pairs(pull, streams, catalog)}
    return {each.name for each in streams} | links | ({"views"} if pull.fivetran_schema is not None else set())


def _share_of_day(client: Client, calls: int) -> float | None:
    daily = client.usage.daily
    return calls / daily.limit if daily is not None and daily.limit else None


def choose_streams(
    pull: PullBlock, select: Sequence[str] = (), exclude: Sequence[str] = (), catalog: Catalog | None = None
) -> tuple[Stream, ...]:
    """Give the streams of this run, in the order of the project but for those that use what others wrote.

    Raises UnknownNameError for one that does not exist or is not in the project; without a catalog, custom objects are
    left out, because only the portal knows them.
    """
    if not pull.streams:
        raise ConfigError("hubferry.yml names no stream. Add some under pull.streams; `hubferry streams` lists them.")
    known = catalog or Catalog()
    chosen = known.expand(pull).streams
    hidden = catalog is None or catalog.unread is not None
    _check_tags(pull, (*select, *exclude))
    for name in (*chosen, *select, *exclude):
        if name == ALL_CUSTOM or (is_custom(name) and hidden) or name.startswith(_TAG):
            continue
        if name not in known.by_name:
            raise UnknownNameError("stream", name, known=tuple(known.by_name))
        if name not in chosen:
            raise UnknownNameError("stream of this project", name, known=tuple(chosen))
    tagged = {name: {_TAG + tag for tag in block.tags} for name, block in chosen.items() if block is not None}
    names = [
        name for name in chosen if name in known.by_name and _is_wanted({name, *tagged.get(name, ())}, select, exclude)
    ]
    return tuple(sorted((known.by_name[name] for name in names), key=lambda stream: stream.reader in _LAST))


def _is_wanted(names: set[str], select: Sequence[str], exclude: Sequence[str]) -> bool:
    """Say whether a stream is part of the run, by its name and tags; the wildcard stands for every custom object."""
    names = names | ({ALL_CUSTOM} if any(is_custom(name) for name in names) else set())
    return (not select or bool(names & set(select))) and not names & set(exclude)


def _check_tags(pull: PullBlock, names: Sequence[str]) -> None:
    """Raise UnknownNameError for a tag that no stream bears."""
    known = {tag for block in pull.streams.values() if block is not None for tag in block.tags}
    for name in names:
        if name.startswith(_TAG) and name.removeprefix(_TAG) not in known:
            raise UnknownNameError("tag of a stream", name.removeprefix(_TAG), known=tuple(sorted(known)))


def _report_unread(
    catalog: Catalog, pull: PullBlock, select: Sequence[str], exclude: Sequence[str]
) -> Iterator[StreamReport]:
    """Report the streams of custom objects that cannot be pulled because the portal does not tell which there are."""
    if catalog.unread is not None:
        for name, block in pull.streams.items():
            tags = {_TAG + tag for tag in block.tags} if block is not None else set()
            if is_custom(name) and _is_wanted({name, *tags}, select, exclude):
                yield StreamReport(name=name, state="blocked", error=catalog.unread)


def _without_lost(
    client: Client, state: StateStore, catalog: Catalog, pull: PullBlock
) -> tuple[PullBlock, tuple[str, ...]]:
    """Take out custom objects that were pulled before and are in HubSpot no more; give their names, too."""
    blocks = pull.streams
    named = {*blocks, *(other for block in blocks.values() if block for other in block.associations or ())}
    missing = {name for name in named if is_custom(name) and name != ALL_CUSTOM and name not in catalog.by_name}
    if not missing or catalog.unread is not None:
        return pull, ()
    lost = missing & set(state.cursors(fetch_account(client).portal_id, pull.schema_))
    kept: dict[str, StreamBlock | None] = {}
    for name, block in blocks.items():
        if name not in lost:
            others = None if block is None else block.associations
            kept[name] = block
            if block is not None and others is not None and not lost.isdisjoint(others):
                left = tuple(each for each in others if each not in lost)
                kept[name] = block.model_copy(update={"associations": left})
    return pull.model_copy(update={"streams": kept}), tuple(sorted(lost))


def _report_lost(lost: Sequence[str], select: Sequence[str], exclude: Sequence[str]) -> Iterator[StreamReport]:
    """Report custom objects that HubSpot has no more: one that was deleted there does not stop the other streams."""
    for name in lost:
        if _is_wanted({name}, select, exclude):
            error = ConfigError(
                f"stream {name!r}: HubSpot has no custom object of this name any more. Its table stays as it is; take it out"
                " of hubferry.yml, where associations may name it, too."
            )
            yield StreamReport(name=name, state="failed", error=error)


def _pull_streams(pulling: Pulling, streams: Sequence[Stream]) -> Iterator[StreamReport]:
    """Pull one stream after the other, until one meets what would stop every other, too."""
    paused: HubferryError | None = None
    for stream in streams:
        if paused is not None:
            yield StreamReport(name=stream.name, state="paused", error=paused)
            continue
        report = _pull_stream(pulling, stream)
        if report.state == "paused":
            paused = report.error
        yield report


def _pull_stream(pulling: Pulling, stream: Stream) -> StreamReport:
    tally, calls, began = Tally(), pulling.begin(stream.name), pulling.client.now()
    tally.notes += [dropped.NOTE.format(stream.name)] if stream.name in pulling.dropped else []
    if unused := find_unused(stream, pulling.block_of(stream)):
        tally.notes.append(f"Of the settings of {stream.name} these do nothing to it: {', '.join(unused)}.")
    waited = pulling.client.usage.waited
    state: State = "done"
    error: HubferryError | None = None
    try:
        dropped.refuse_view(pulling, stream.name)
        _READERS[stream.reader](pulling, stream, tally).run()
    except _ENDS:
        raise
    except HubferryError as caught:
        state, error = _state_of(caught), caught
    report = StreamReport(
        name=stream.name,
        state=state,
        reader=tally.reader,
        choice=tally.choice,
        read=tally.read,
        inserted=tally.merged.inserted,
        updated=tally.merged.updated,
        unchanged=tally.merged.unchanged,
        deleted=tally.deleted,
        unparsed=tally.unparsed,
        late=tally.late,
        calls=pulling.calls() - calls,
        waited_seconds=round(pulling.client.usage.waited - waited, 3),
        notes=tuple(tally.notes),
        floor_calls=tally.floor_calls,
        error=error,
    )
    _record(pulling, report, began)
    pulling.progress.finish(stream.name, note=state)
    return report


_Pull = RecordPull | PagePull | ChildrenPull | PeoplePull | WindowPull | HistoryPull | ArchivedPull
_READERS: Mapping[Reader, type[_Pull]] = {
    "records": RecordPull,
    "pages": PagePull,
    "children": ChildrenPull,
    "people": PeoplePull,
    "windows": WindowPull,
    "history": HistoryPull,
    "archived": ArchivedPull,
}


def _pull_links(
    pulling: Pulling, streams: Sequence[Stream], reports: Sequence[StreamReport]
) -> Iterator[AssociationReport]:
    """Pull the links of one pair after the other, from those ends whose records have been read."""
    paused = next((each.error for each in reports if each.state == "paused"), None)
    cursors = pulling.state.cursors(pulling.portal_id, pulling.schema)
    for pair in choose_pairs(pulling.block, streams, pulling.catalog):
        streams_of = {each: pulling.stream_of(each) for each in (pair.one, pair.other)}
        sides = [each for each, name in streams_of.items() if name is not None and _was_read(cursors, name)]
        if paused is None and sides:
            report = _pull_pair(pulling, pair, sides)
            paused = report.error if report.state == "paused" else None
            yield report
        elif paused is not None:
            yield AssociationReport(name=pair.name, state="paused", error=paused)


def _was_read(cursors: Mapping[str, Cursor], stream: str) -> bool:
    return stream in cursors and cursors[stream].value is not None


def _pull_pair(pulling: Pulling, pair: Pair, sides: Sequence[str]) -> AssociationReport:
    task = f"associations {pair.name}"
    tally, calls = LinkTally(), pulling.begin(task)
    state: State = "done"
    error: HubferryError | None = None
    try:
        dropped.refuse_view(pulling, links_table(pulling.schema).name)
        LinkPull(pulling, pair, tally).run(sides)
    except _ENDS:
        raise
    except HubferryError as caught:
        state, error = _state_of(caught), caught
    pulling.progress.finish(task, note=state)
    return AssociationReport(
        name=pair.name,
        state=state,
        kind=tally.kind,
        read=tally.read,
        inserted=tally.merged.inserted,
        updated=tally.merged.updated,
        unchanged=tally.merged.unchanged,
        deleted=tally.deleted,
        calls=pulling.calls() - calls,
        error=error,
    )


def _state_of(error: HubferryError) -> State:
    if isinstance(error, ScopeError):
        return "blocked"
    return "paused" if isinstance(error, _PAUSES) else "failed"


def _record(pulling: Pulling, report: StreamReport, began: datetime) -> None:
    row = StreamRun(
        run_id=pulling.run_id,
        stream=report.name,
        portal_id=pulling.portal_id,
        state=report.state,
        reader=report.reader,
        read=report.read,
        inserted=report.inserted,
        updated=report.updated,
        unchanged=report.unchanged,
        deleted=report.deleted,
        unparsed=report.unparsed,
        late=report.late,
        calls=report.calls,
        waited_seconds=report.waited_seconds,
        floor_calls=report.floor_calls,
        started_at=began,
        finished_at=pulling.client.now(),
        error=None if report.error is None else str(report.error),
    )
    with pulling.lease.transaction() as tx:
        pulling.state.record_stream_run(tx, row)


def _finish(state: StateStore, report: PullReport) -> None:
    """Say in the run's row how it went: done only when every stream is."""
    parts: tuple[StreamReport | AssociationReport, ...] = (*report.streams, *report.associations)
    error = next((each.error for each in parts if each.error is not None), None)
    states = {each.state for each in parts}
    outcome = "paused" if "paused" in states else "done" if states <= {"done"} else "failed"
    counts = {name: sum(getattr(each, name) for each in parts) for name in ("read", "inserted", "updated", "deleted")}
    state.finish_run(
        report.run_id, outcome, {**counts, "calls": report.calls}, None if error is None else words_of(error)
    )
