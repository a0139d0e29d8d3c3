"""What can be known before a run: names, token, scopes, quotas left, warehouse rights. Writes nothing to HubSpot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from hubferry import objects
from hubferry.config.load import PROJECT_FILE
from hubferry.config.model import Project as ProjectFiles
from hubferry.config.model import Sync
from hubferry.errors import HubferryError, ScopeError, UnknownNameError
from hubferry.hubspot import account
from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.exported import SCOPE
from hubferry.objects import build_custom
from hubferry.project.values import CheckItem, CheckReport, StreamInfo
from hubferry.pull.catalog import fetch_custom_streams, is_custom
from hubferry.push.matching import HUBFERRY_KEY
from hubferry.push.rival_syncs import find_shared
from hubferry.state import renaming
from hubferry.state.store import StateReader
from hubferry.state.tables import META
from hubferry.streams.crm import ALL_CUSTOM
from hubferry.streams.definition import Stream
from hubferry.streams.registry import BY_NAME, STREAMS
from hubferry.warehouse.interface import Warehouse

Granted = frozenset[str] | None
"""The token's scopes; None: this kind of token cannot be asked."""

_CUSTOM_SCOPES = build_custom("", "").read_scopes
_SCHEMAS = BY_NAME["object_schemas"]
_EXPORTS = (frozenset({SCOPE}),)
_UNASKABLE = "this kind of token does not tell its scopes; the first call that lacks one will name it"


def check_stream_names(files: ProjectFiles) -> None:
    """Refuse a stream of hubferry.yml that does not exist, with its line."""
    known = [*(stream.name for stream in STREAMS), ALL_CUSTOM]
    for name in files.file.pull.streams:
        if name not in known and not is_custom(name):  # which custom objects there are only the portal knows
            line = files.lines.get(f"pull.streams.{name}")
            raise UnknownNameError("stream", name, known=known, file=PROJECT_FILE, line=line)


def check_selection(files: ProjectFiles, names: Sequence[str]) -> None:
    """Refuse a stream that the command names and the project did not choose."""
    for name in names:
        of_all = is_custom(name) and ALL_CUSTOM in files.file.pull.streams
        is_tag = name.startswith("tag:")
        if name not in files.file.pull.streams and not of_all and not is_tag:
            raise UnknownNameError("stream of this project", name, known=list(files.file.pull.streams))


def fetch_granted(client: Client) -> Granted:
    """Ask which scopes the token has."""
    return account.fetch_scopes(client)


def fetch_streams(client: Client, granted: Granted) -> tuple[Stream, ...]:
    """Give every stream of the portal; its custom objects' only where the token may see them."""
    if granted is not None and not any(each <= granted for each in _SCHEMAS.scopes):
        return STREAMS
    try:
        return (*STREAMS, *fetch_custom_streams(client))
    except ScopeError:
        return STREAMS


def build_streams(files: ProjectFiles, granted: Granted, streams: Sequence[Stream] = STREAMS) -> tuple[StreamInfo, ...]:
    """Describe streams as this project would read them."""
    return tuple(_describe(stream, files, granted) for stream in streams)


def _describe(stream: Stream, files: ProjectFiles, granted: Granted) -> StreamInfo:
    pull = files.file.pull
    named = [name for name in (stream.name, *([ALL_CUSTOM] if is_custom(stream.name) else [])) if name in pull.streams]
    block = pull.streams[named[0]] if named else None
    return StreamInfo(
        name=stream.name,
        table=f"{pull.schema_}.{stream.name}",
        chosen=bool(named),
        strategy=(block.strategy if block else None) or stream.strategy,
        storage=block.storage if block else "merge",
        key=stream.key,
        cursor=stream.cursor,
        scopes=tuple(tuple(sorted(each)) for each in stream.scopes),
        may_read=None if granted is None else _suffices(stream.scopes, granted),
    )


def check(files: ProjectFiles, *, client: Callable[[], Client], state: StateReader) -> CheckReport:
    """Look at everything; what fails is an item with advice, and the rest is looked at all the same."""
    items = [check_warehouse(state.warehouse)]
    portal_id: int | None = None
    try:
        portal = client()
        details = account.fetch_account(portal)
        portal_id = details.portal_id
        items.append(CheckItem("token", True, f"portal {portal_id}, {details.account_type}, {details.time_zone}"))
        items.append(_check_quota(portal, files))
        items += _check_scopes(files, fetch_granted(portal))
        items += _check_renamed(files, state, portal_id) if items[0].passed else ()
    except HubferryError as error:
        items.append(CheckItem("token", False, str(error)))
    items += _check_rivals(files)
    return CheckReport(tuple(items), portal_id)


def _check_renamed(files: ProjectFiles, state: StateReader, portal_id: int) -> Iterator[CheckItem]:
    """Name syncs that were pushed and have no file any more: of a renamed one, links and records would be nobody's to remove."""
    known = renaming.query_names(state.warehouse, portal_id) if state.version() else {}
    for name in sorted(known.keys() - files.syncs.keys()):
        yield CheckItem(
            f"sync {name}",
            None,
            f"it wrote {known[name].rows:,} rows and {known[name].links:,} links, and syncs/ has no such file",
            f"If the file was renamed: hubferry rename {name} NEWNAME",
        )


def _check_rivals(files: ProjectFiles) -> Iterator[CheckItem]:
    """Name syncs that write the same property: of a record that is in both, the one that writes last would have its way.

    And such as share the property that holds their rows' keys: rows with one key are one record there, whatever they are.
    """
    for one, other in combinations([files.syncs[name] for name in sorted(files.syncs)], 2):
        kind = one.block.object_.removeprefix(objects.CUSTOM)
        if kind != other.block.object_.removeprefix(objects.CUSTOM):
            continue
        if one.block.match == other.block.match == HUBFERRY_KEY:
            places = " and ".join(f"{each.file}:{each.line('match')}" for each in (one, other))
            yield CheckItem(
                f"syncs {one.name}, {other.name}",
                None,
                f"both know {kind} by {HUBFERRY_KEY} ({places}): rows of theirs that have one key are one record",
                "If their keys mean different things, give those of one a prefix in its source.",
            )
        for name in find_shared(one, other):
            places = " and ".join(f"{each.file}:{each.line(f'fields.{name}')}" for each in (one, other))
            yield CheckItem(
                f"syncs {one.name}, {other.name}",
                None,
                f"both write {kind}.{name} ({places}): where a record is in both, each writes the other's value away",
                "Take it out of one, or give it `policy: fill_only` or `hubspot_wins` in one. Planned together, rows that"
                " disagree are set aside.",
            )


def check_warehouse(warehouse: Warehouse) -> CheckItem:
    """Make hubferry's schema with its smallest table where it is not there, and write to it, as the first run would."""
    try:
        with warehouse.session():
            warehouse.ensure_table(META.table)
            with warehouse.transaction() as tx:
                tx.execute(f"UPDATE {warehouse.name(META.table.schema, META.name)} SET version = version")
    except HubferryError as error:
        return CheckItem("warehouse", False, str(error))
    return CheckItem("warehouse", True, f"{warehouse.engine} can be written")


def _check_quota(client: Client, files: ProjectFiles) -> CheckItem:
    daily, reserve = client.usage.daily, files.file.hubspot.daily_reserve
    if daily is None:
        return CheckItem("daily quota", None, "HubSpot does not tell it for this kind of token")
    of_limit = f" of {daily.limit:,}" if daily.limit else ""
    return CheckItem(
        "daily quota",
        daily.remaining > reserve,
        f"{daily.remaining:,}{of_limit} calls left today; the last {reserve:,} are kept for other apps",
        "" if daily.remaining > reserve else "Wait for midnight in the portal's time zone, or lower daily_reserve.",
    )


def _check_scopes(files: ProjectFiles, granted: Granted) -> Iterator[CheckItem]:
    streams = {stream.name: stream for stream in STREAMS}
    for name, block in files.file.pull.streams.items():
        scopes = _CUSTOM_SCOPES if is_custom(name) else streams[name].scopes
        exports = [_EXPORTS] if block is not None and block.reader == "exports" else []
        yield _check_need(f"stream {name}", (scopes, *exports), granted)
    for sync in files.syncs.values():
        yield _check_need(f"sync {sync.name}", _sync_needs(sync), granted)


def _sync_needs(sync: Sync) -> tuple[tuple[frozenset[str], ...], ...]:
    """Name what a sync needs: to read and write its own object and each object that it links to."""
    names = (sync.block.object_, *(each.to for each in sync.block.associations))
    needs: dict[tuple[frozenset[str], ...], None] = {}
    for name in names:
        if name == "lists":
            needs |= dict.fromkeys(((frozenset({"crm.lists.read"}),), (frozenset({"crm.lists.write"}),)))
            continue
        known = objects.find(name)
        custom = (frozenset({"crm.objects.custom.read"}),), (frozenset({"crm.objects.custom.write"}),)
        needs |= dict.fromkeys((known.read_scopes, known.write_scopes) if known else custom)
    return tuple(needs)


def _check_need(name: str, needs: Sequence[Sequence[frozenset[str]]], granted: Granted) -> CheckItem:
    """Check that of each need one of its alternatives is granted."""
    if granted is None:
        return CheckItem(name, None, _UNASKABLE)
    missing = [_alternatives(need, granted) for need in needs if not _suffices(need, granted)]
    if not missing:
        return CheckItem(name, True, "every scope it needs")
    return CheckItem(
        name,
        False,
        f"missing: {', '.join(missing)}",
        "Add it in HubSpot (Settings > Integrations > Private apps > Scopes), then run `hubferry check` again.",
    )


def _suffices(need: Sequence[frozenset[str]], granted: frozenset[str]) -> bool:
    return not need or any(each <= granted for each in need)


def _alternatives(need: Sequence[frozenset[str]], granted: frozenset[str]) -> str:
    return " or ".join(" and ".join(sorted(each - granted)) for each in need)
