"""What a stream is: one warehouse table, read from one HubSpot endpoint, as a frozen value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
OWN_COLUMNS: Mapping[str, ColumnType] = {**TOMBSTONE_COLUMNS, **RUN_COLUMNS, "_hubferry_unparsed": "json"}


@dataclass(frozen=True, kw_only=True)
class SideTable:
    """A table that a pages stream fills besides its own, such as the stages of pipelines."""

    name: str
    columns: Mapping[str, ColumnType]
    key: tuple[str, ...]
    scope: Mapping[str, str]
    """The column values that tell this stream's rows from other streams' in the same table."""
    parse: Callable[[Raw], Iterable[Raw]]
    """The rows that one result gives, without the columns of `scope`."""

    def __post_init__(self) -> None:
        _check_key(f"table {self.name!r}", self.key, self.columns)


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One warehouse table, read from one HubSpot endpoint. Either of a CRM object's records, or of the results of pages."""

    name: str
    doc: str
    """The page of HubSpot's documentation."""
    reader: Literal["records", "pages"]
    """records: a CRM object by scan or changes, whichever is less; pages: everything, each time."""
    path: str
    scopes: tuple[frozenset[str], ...]
    """Any one of these sets suffices."""
    strategy: Literal["incremental", "full_refresh"] = "incremental"
    key: tuple[str, ...] = ("id",)
    object: CrmObject | None = None
    cursor: str | None = None
    """The property that dates a record's last change."""
    columns: Mapping[str, ColumnType] = field(default_factory=dict)
    """Fixed columns; an object's properties come besides, from the portal."""
    associations: tuple[str, ...] = ()
    """Objects whose links to this one are kept where the project says nothing."""
    link_columns: Mapping[str, str] = field(default_factory=dict)
    """Columns that list the ids of linked records: column -> object at the other end."""
    passes: tuple[tuple[tuple[str, str], ...], ...] = ((),)
    """pages: the query parameters of each time that the list is read."""
    parse: Callable[[Raw], Raw] | None = None
    """pages: the row that a result gives; must be pure."""
    side_tables: tuple[SideTable, ...] = ()

    def __post_init__(self) -> None:
        _check_key(f"stream {self.name!r}", self.key, self.columns)
        if (self.reader == "records") != (self.object is not None):
            raise ValueError(f"stream {self.name!r}: an object is named by a stream of records, and by no other")
        if (self.reader == "pages") != (self.parse is not None):
            raise ValueError(f"stream {self.name!r}: a stream of pages has a parse function, and no other has")
        if clash := set(self.columns) & set(OWN_COLUMNS):
            raise ValueError(f"stream {self.name!r}: columns {sorted(clash)} are hubferry's own")


def crm_object(
    found: CrmObject,
    *,
    doc: str,
    associations: tuple[str, ...] = (),
    link_columns: Mapping[str, str] | None = None,
) -> Stream:
    """Build the stream of a CRM object's records."""
    links = link_columns or {}
    return Stream(
        name=found.name,
        doc=doc,
        reader="records",
        path=f"/crm/objects/{{version}}/{found.name}",
        scopes=found.read_scopes,
        object=found,
        cursor=found.cursor,
        columns={**RECORD_COLUMNS, **dict.fromkeys(links, "strings")},
        associations=associations,
        link_columns=links,
    )


def build_side_table(schema: str, side: SideTable) -> Table:
    """Build the warehouse table of a side table."""
    columns = {**dict.fromkeys(side.scope, "string"), **side.columns, **TOMBSTONE_COLUMNS, **RUN_COLUMNS}
    return Table(schema, side.name, tuple(Column(*each) for each in columns.items()), (*side.scope, *side.key))


def _check_key(what: str, key: tuple[str, ...], columns: Mapping[str, ColumnType]) -> None:
    if missing := set(key) - set(columns):
        raise ValueError(f"{what}: key not among its columns: {sorted(missing)}")
