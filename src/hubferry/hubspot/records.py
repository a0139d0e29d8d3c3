"""Records as they come off the wire: with a struct generated from the property list where there are many of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
_UNFIT_FOR_STRUCTS = re.compile(r'["\\\x00-\x1f]')
"""No field of a msgspec struct can be renamed to these; no HubSpot account is known to have such a name of a property."""


class Record(msgspec.Struct, gc=False):
    """One record. `properties` is a mapping, or, read through a RecordShape, the struct that the shape generated."""

    id: str
    createdAt: str | None = None  # noqa: N815
    updatedAt: str | None = None  # noqa: N815
    archived: bool = False
    archivedAt: str | None = None  # noqa: N815
    properties: Any = None
    associations: dict[str, Any] | None = None
    """Links as a list shows them where it is asked to: some of them, by object."""


class MappingRecord(Record, gc=False):
    """One record whose properties are a mapping of text or None."""

    properties: dict[str, str | None] = {}


class NextPage(msgspec.Struct):
    """Where the next page begins. HubSpot's `link` is not even read: an address that an answer names is never called."""

    after: str


class Paging(msgspec.Struct):
    """The paging of an answer; absent on the last page."""

    next: NextPage | None = None


class Page(msgspec.Struct, Generic[T]):
    """One page of a list or search."""

    results: list[T] = []
    paging: Paging | None = None
    total: int = 0

    @property
    def after(self) -> str | None:
        """What to ask the next page by, None on the last."""
        return self.paging.next.after if self.paging and self.paging.next else None


class RecordShape:
    """A list of property names, and structs and decoders for records that have just these.

    Decoding into a generated struct keeps no property name per record and takes half the time of a mapping.
    """

    def __init__(self, properties: Sequence[str]) -> None:
        self.properties = tuple(dict.fromkeys(properties))
        self._fields = {name: f"p{position}" for position, name in enumerate(self.properties)}

    @cached_property
    def type(self) -> type[Record]:
        """The record type to decode into."""
        if any(map(_UNFIT_FOR_STRUCTS.search, self.properties)):
            return MappingRecord
        values = msgspec.defstruct(
            "Properties",
            [(field, str | None, None) for field in self._fields.values()],
            rename={field: name for name, field in self._fields.items()},
            gc=False,
        )
        return msgspec.defstruct("ShapedRecord", [("properties", values)], bases=(Record,), kw_only=True, gc=False)  # type: ignore[return-value]

    @cached_property
    def pages(self) -> msgspec.json.Decoder[Page[Record]]:
        """The decoder of a page of such records."""
        return msgspec.json.Decoder(Page[self.type])  # type: ignore[name-defined]

    def columns(self, records: Iterable[Record]) -> dict[str, Sequence[str | None]]:
        """Turn records of this shape into one sequence of values per property."""
        if self.type is MappingRecord:
            rows = [record.properties for record in records]
            return {name: [row.get(name) for row in rows] for name in self.properties}
        return build_columns(self.properties, self._fields, records)

    def value(self, record: Record, name: str) -> str | None:
        """Give one property of a record, of this shape or with a mapping."""
        if isinstance(record.properties, Mapping):
            return record.properties.get(name)
        found: str | None = getattr(record.properties, self._fields[name])
        return found

    def extended(self, names: Iterable[str]) -> RecordShape:
        """Give a shape that has these names, too; itself where it has them."""
        missing = [name for name in names if name not in self._fields]
        return RecordShape((*self.properties, *missing)) if missing else self


def build_columns(
    names: Sequence[str], fields: Mapping[str, str], records: Iterable[Record]
) -> dict[str, Sequence[str | None]]:
    """Transpose the properties of records."""
    if not names:
        return {}
    take = attrgetter(*(fields[name] for name in names))
    rows: list[Any] = [take(record.properties) for record in records]
    if len(names) == 1:
        return {names[0]: rows}
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return dict(zip(names, columns, strict=True))
