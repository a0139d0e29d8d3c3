"""What a stream is: one warehouse table, read from one HubSpot endpoint, as a frozen value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from hubferry.objects import CrmObject
from hubferry.types import Column, ColumnType, Table

Raw = Mapping[str, Any]
"""One result of a page as HubSpot sent it, decoded."""

TOMBSTONE_COLUMNS: Mapping[str, ColumnType] = {
    "_hubferry_deleted_at": "timestamp",
    "_hubferry_deleted_reason": "string",
    "_hubferry_merged_into": "string",
}
RUN_COLUMNS: Mapping[str, ColumnType] = {"_hubferry_synced_at": "timestamp", "_hubferry_run_id": "string"}
VOLATILE = tuple(RUN_COLUMNS)
"""Columns that say when a row was written; a row that differs in nothing else is not written again."""
RECORD_COLUMNS: Mapping[str, ColumnType] = {
    "id": "string",
    "created_at": "timestamp",
    "updated_at": "timestamp",
    "archived": "boolean",
}
OTHER = "other"
"""The column of what a result holds beside the stream's columns, as JSON: what HubSpot adds is not lost."""
Reader = Literal["records", "pages", "children", "people", "windows", "history", "archived"]
"""records: a CRM object by scan or changes, whichever is less. pages: a list, whole, or what of it changed. children: a
list for each of something. people: what HubSpot says of each e-mail address that is known. windows: a feed of events, by
slices of time. history: versions of properties. archived: records that HubSpot keeps for 90 days after they were deleted."""
OWN_COLUMNS: Mapping[str, ColumnType] = {**TOMBSTONE_COLUMNS, **RUN_COLUMNS, "_hubferry_unparsed": "json"}


Paging = Literal["after", "offset", "more", "none"]
"""How an answer names the next page: `paging.next.after`; `offset` or `after` beside `hasMore`; or it is the only one."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One list of HubSpot's."""

    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None
    """Sent by POST, with the next page's place in it; None: GET."""
    results: str | None = "results"
    """The key of the results; None: the answer is the only result."""
    paging: Paging = "after"


@dataclass(frozen=True, kw_only=True)
class Recent:
    """How only what changed is read, where that takes fewer calls than everything."""

    request: Request
    column: str
    """When a row changed last."""
    since: str | None = None
    """The parameter that takes a time in milliseconds; None: results come newest first and are read until they are known."""
    page: int
    """Results of a page."""
    silent: bool = False
    """Without a scope HubSpot answers nothing instead of refusing: an empty answer is not believed unless the list itself may be read."""


@dataclass(frozen=True, kw_only=True)
class Detail:
    """A call for each result, joined to what the list says of it."""

    path: str
    """With the result's own keys in braces."""
    params: tuple[tuple[str, str], ...] = ()
    moved: str
    """The column that changes when details do: only then they are read again."""


@dataclass(frozen=True, kw_only=True)
class Parents:
    """What a list is read for, once each: `{parent}` in its path."""

    source: Literal["lists", "objects", "pairs"] = "lists"
    """lists: results of `requests`; objects: those of `objects` and every custom one; pairs: of objects, those whose links
    are kept, in both directions, as `from/to`."""
    requests: tuple[Request, ...] = ()
    key: str = ""
    """The parent's key in its own list."""
    objects: tuple[str, ...] = ()
    columns: tuple[str, ...]
    """The columns of a row that name its parent: one, or one for each object of a pair."""
    mark: tuple[str, ...] = ()
    """Keys of a parent, with dots, that change when its children do; none: each is read each time."""
    size: str | None = None
    """The key of a parent, with dots, that counts its children: an empty answer is not believed where HubSpot counts some."""
    newest_first: str | None = None
    """The column by which children come newest first: reading stops where they are known."""
    refused: tuple[str, ...] = ()
    """What HubSpot says (category or part of a message) of parents that have no such list."""


@dataclass(frozen=True, kw_only=True)
class People:
    """E-mail addresses that a list is read for, once each: `{person}` in its path. Those of contacts, and those of a feed."""

    column: str
    """The column of a row that holds the address."""
    feed: str
    """The stream that tells of changes: only people whom it named anew are read again."""
    feed_column: str
    """Its column with the address."""
    batch: Request
    """Reads many at once, `inputs` being addresses; a portal without the scope is asked one by one."""
    batch_results: str
    """The key of one address' results there."""
    kinds: Request
    """Of what each person has a row; one more, and everybody is read again."""
    kind_column: str


@dataclass(frozen=True, kw_only=True)
class Window:
    """How a feed of events is read in slices of time."""

    start: str = "startTimestamp"
    end: str = "endTimestamp"
    """The parameters of a slice, both ends included, in milliseconds."""
    moment: str
    """The key of an event that says when it was."""
    overlap_hours: float
    """Events may be told late by so much."""


@dataclass(frozen=True, kw_only=True)
class SideTable:
    """A table that a pages stream fills besides its own, such as the stages of pipelines."""

    name: str
    columns: Mapping[str, ColumnType]
    key: tuple[str, ...]
    scope: Mapping[str, str] = field(default_factory=dict)
    """The column values that tell this stream's rows from other streams' in the same table; `{parent}`: of children."""
    unfold: Callable[[Raw], Iterable[Raw]]
    """What one result holds of this table, without the columns of `scope`."""

    def __post_init__(self) -> None:
        _check_key(f"table {self.name!r}", self.key, self.columns)


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One warehouse table, read from one HubSpot endpoint. Either of a CRM object's records, or of the results of lists."""

    name: str
    doc: str
    """The page of HubSpot's documentation."""
    reader: Reader
    path: str
    scopes: tuple[frozenset[str], ...]
    """Any one of these sets suffices; none: any token may."""
    strategy: Literal["incremental", "full_refresh"] = "incremental"
    key: tuple[str, ...] = ("id",)
    object: CrmObject | None = None
    cursor: str | None = None
    """The property or column that dates a row's last change."""
    columns: Mapping[str, ColumnType] = field(default_factory=dict)
    """Fixed columns, each under HubSpot's key in snake case; an object's properties come besides, from the portal."""
    associations: tuple[str, ...] = ()
    """Objects whose links to this one are kept where the project says nothing."""
    link_columns: Mapping[str, str] = field(default_factory=dict)
    """Columns that list the ids of linked records: column -> object at the other end."""
    params: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None
    results: str | None = "results"
    paging: Paging = "after"
    """As of a Request."""
    passes: tuple[tuple[tuple[str, str], ...], ...] = ((),)
    """Query parameters of each time that the list is read; of a result that comes twice the last one holds."""
    unfold: Callable[[Raw], Iterable[Raw]] | None = None
    """What rows a result holds; must be pure. None: it is one itself."""
    recent: Recent | None = None
    detail: Detail | None = None
    parents: Parents | None = None
    people: People | None = None
    window: Window | None = None
    person: str | None = None
    """The column that holds the e-mail address of whom a row is about, as it is or somewhere in JSON."""
    deletes: bool = True
    """Rows that HubSpot no longer lists become tombstones. False: it forgets what stays true."""
    steady: bool = True
    """False: it tells of the moment, so that a row cannot be compared with what HubSpot says later."""
    side_tables: tuple[SideTable, ...] = ()

    def __post_init__(self) -> None:
        what = f"stream {self.name!r}"
        _check_key(what, self.key, self.columns)
        if (self.reader in {"records", "archived"}) != (self.object is not None):
            raise ValueError(f"{what}: an object is named by a stream of records, and by no other")
        if (self.reader == "children") != (self.parents is not None):
            raise ValueError(f"{what}: a stream of children names their parents, and no other does")
        if (self.reader == "people") != (self.people is not None):
            raise ValueError(f"{what}: a stream of people says how they are asked about, and no other does")
        if (self.reader == "windows") != (self.window is not None):
            raise ValueError(f"{what}: a stream of windows says how they are asked for, and no other does")
        if clash := set(self.columns) & {*OWN_COLUMNS, OTHER}:
            raise ValueError(f"{what}: columns {sorted(clash)} are hubferry's own")
        for column in (each for each in _named_columns(self) if each not in self.columns):
            raise ValueError(f"{what}: {column!r} is not among its columns")

    @property
    def is_server_side(self) -> bool:
        """Whether HubSpot is asked for what changed, or everything is read and compared."""
        return self.reader in {"records", "people", "windows", "history"} or self.recent is not None

    @property
    def has_versions(self) -> bool:
        """Say whether rows change, so that `storage: append` adds something; events, versions and archived records are what they are."""
        return self.reader not in {"windows", "history", "archived"}

    @cached_property
    def request(self) -> Request:
        """Give its own list as a request."""
        return Request(path=self.path, params=self.params, body=self.body, results=self.results, paging=self.paging)


def crm_object(
    found: CrmObject,
    *,
    doc: str,
    name: str | None = None,
    associations: tuple[str, ...] = (),
    link_columns: Mapping[str, str] | None = None,
) -> Stream:
    """Build the stream of a CRM object's records."""
    links = link_columns or {}
    return Stream(
        name=name or found.name,
        doc=doc,
        reader="records",
        path=f"/crm/objects/{{version}}/{found.path_name}",
        scopes=found.read_scopes,
        object=found,
        cursor=found.cursor,
        columns={**RECORD_COLUMNS, **dict.fromkeys(links, "strings")},
        associations=associations,
        link_columns=links,
    )


def build_table(schema: str, stream: Stream) -> Table:
    """Build the warehouse table of a stream that is not of records."""
    columns = {**stream.columns, OTHER: "json", **OWN_COLUMNS}
    return Table(schema, stream.name, tuple(Column(*each) for each in columns.items()), stream.key)


def build_side_table(schema: str, side: SideTable) -> Table:
    """Build the warehouse table of a side table."""
    columns = {**dict.fromkeys(side.scope, "string"), **side.columns, OTHER: "json", **OWN_COLUMNS}
    return Table(schema, side.name, tuple(Column(*each) for each in columns.items()), (*side.scope, *side.key))


def _check_key(what: str, key: tuple[str, ...], columns: Mapping[str, ColumnType]) -> None:
    if missing := set(key) - set(columns):
        raise ValueError(f"{what}: key not among its columns: {sorted(missing)}")


def _named_columns(stream: Stream) -> Iterator[str]:
    """Give the columns that parts of a definition speak of."""
    if stream.recent:
        yield stream.recent.column
    if stream.detail:
        yield stream.detail.moved
    if stream.person:
        yield stream.person
    if stream.people:
        yield from (stream.people.column, stream.people.kind_column)
    if stream.parents:
        yield from stream.parents.columns
        if stream.parents.newest_first:
            yield stream.parents.newest_first
