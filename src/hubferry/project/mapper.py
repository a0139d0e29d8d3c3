"""What the field mapper knows: columns and sample rows of a source, properties of an object, which fit which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from hubferry import objects
from hubferry.config.model import Sync
from hubferry.errors import SourceError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Property
from hubferry.objects import CrmObject
from hubferry.project.sync_draft import FieldDraft, SyncDraft
from hubferry.push import encode
from hubferry.push.encode import InvalidValueError
from hubferry.push.mapping import LIST_NAME, LISTS
from hubferry.push.matching import RECORD_ID, is_domain, is_unique
from hubferry.push.portal import Portal
from hubferry.push.source import read_batch, render_select
from hubferry.push.trial import Trial, try_row
from hubferry.state.ledger import LedgerReader
from hubferry.state.store import StateReader
from hubferry.state.tables import SCHEMA
from hubferry.types import Column
from hubferry.warehouse.interface import Warehouse

SAMPLE_ROWS = 200
CLOSE_ENOUGH = 0.84
_SYNONYMS = {
    "emailaddress": "email",
    "mail": "email",
    "givenname": "firstname",
    "surname": "lastname",
    "familyname": "lastname",
    "phonenumber": "phone",
    "telephone": "phone",
    "zipcode": "zip",
    "postcode": "zip",
    "postalcode": "zip",
    "companyname": "company",
    "revenue": "annualrevenue",
    "employees": "numberofemployees",
}
_NUMBERS, _DATES, _BOOLEANS = {"integer", "double"}, {"date", "timestamp"}, {"boolean"}
_TAKES: Mapping[str, set[str]] = {
    "number": _NUMBERS,
    "bool": _BOOLEANS,
    "date": _DATES,
    "datetime": _DATES,
}
"""Property type -> column types that always fit; a text may."""


@dataclass(frozen=True, kw_only=True)
class PropertyInfo:
    """One property that may be written, as the mapper shows it."""

    name: str
    label: str
    type: str
    field_type: str
    required: bool
    unique: bool
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """A source: its columns and first rows, or why it cannot be read."""

    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    error: str = ""

    def type_of(self, column: str) -> str:
        """Give a column's type, empty where there is none of that name."""
        return next((each.type for each in self.columns if each.name.casefold() == column.casefold()), "")


@dataclass
class Mapper:
    """Looks at source and portal; one per process, so that definitions are not asked for at every key press."""

    warehouse: Warehouse
    state: StateReader
    client: Callable[[], Client]
    _properties: dict[str, tuple[Property, ...]] = field(default_factory=dict)
    _labels: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def sources(self) -> tuple[str, ...]:
        """List the tables and views that can be a source: all but hubferry's own."""
        sql = (
            "SELECT table_schema AS s, table_name AS t FROM information_schema.tables"
            " WHERE lower(table_schema) NOT IN (?, 'information_schema', 'pg_catalog') ORDER BY 1, 2"
        )
        return tuple(f"{row['s']}.{row['t']}" for row in self.warehouse.query(sql, (SCHEMA,)).to_pylist())

    def objects(self) -> tuple[str, ...]:
        """List the objects that rows can become."""
        return tuple(each.name for each in objects.OBJECTS if each.writable)

    def source(self, draft: SyncDraft) -> SourceInfo:
        """Read columns and first rows of a draft's source; makes no call."""
        if not (draft.source.strip() or draft.query.strip()):
            return SourceInfo()
        try:
            selected = self._select(draft)
            columns = self.warehouse.describe_source(selected)
            found = next(
                self.warehouse.query_batches(
                    f"SELECT * FROM ({selected}) AS sample LIMIT {SAMPLE_ROWS}", rows=SAMPLE_ROWS
                ),
                None,
            )
            rows = read_batch(found) if found else []
        except (SourceError, ValueError) as error:
            return SourceInfo(error=str(error))
        return SourceInfo(columns=columns, rows=tuple(tuple(row.values()) for row in rows))

    def properties(self, name: str) -> tuple[PropertyInfo, ...]:
        """Give the properties of an object that can be written, by name."""
        kind = self._kind(name)
        return tuple(
            PropertyInfo(
                name=each.name,
                label=each.label,
                type=each.type,
                field_type=each.field_type,
                required=each.name in kind.required,
                unique=is_unique(each, kind.name),
                options=tuple((option.value, option.label) for option in each.options if not option.hidden),
            )
            for each in sorted(self._fetch(name), key=lambda each: each.name)
            if not (each.read_only or each.calculated or each.hidden)
        )

    def definitions(self, name: str) -> tuple[tuple[str, str, str], ...]:
        """Give name, label and type of every property of an object, also of those that can only be read."""
        return tuple(
            (each.name, each.label, each.type) for each in sorted(self._fetch(name), key=lambda each: each.name)
        )

    def link_kinds(self, to: str) -> tuple[tuple[str, str], ...]:
        """Give what the keys of links to an object can be: the property, and how the choice reads."""
        if to == LISTS:
            return (RECORD_ID, "List by id"), (LIST_NAME.name, "List by name")
        kind = self._kind(to)
        name = kind.singular.capitalize()
        unique = [each.name for each in self.properties(to) if each.unique and each.name != RECORD_ID]
        unique += [each.name for each in self._fetch(to) if is_domain(each, kind.name)]
        by_alternate = [(each, f"{name} Association by Alternate ID(s): {each}") for each in unique]
        return ((RECORD_ID, f"{name} Association by Record ID(s)"), *by_alternate)

    def labels(self, from_object: str, to_object: str) -> tuple[str, ...]:
        """Give the labels that links between two objects can bear."""
        if to_object == LISTS:
            return ()
        if (from_object, to_object) not in self._labels:
            found = Portal(self.client()).fetch_labels(
                self._kind(from_object).path_name, self._kind(to_object).path_name
            )
            self._labels[from_object, to_object] = tuple(sorted({each.label for each in found.there if each.label}))
        return self._labels[from_object, to_object]

    def forget(self) -> None:
        """Ask HubSpot anew for definitions next time."""
        self._properties.clear()
        self._labels.clear()

    def suggest(self, draft: SyncDraft, source: SourceInfo) -> SyncDraft:
        """Give the draft with a field for each column whose name and type point at one property that is not taken yet."""
        taken = {each.property for each in draft.fields}
        used = {each.value.casefold() for each in draft.fields if each.origin == "column"} | {
            each.column.casefold() for each in draft.links
        }
        candidates = [each for each in self.properties(draft.object) if each.name not in taken]
        for column in source.columns:
            if column.name.casefold() in used:
                continue
            best = max(candidates, key=lambda each, name=column.name: _likeness(name, each), default=None)  # type: ignore[misc]
            if best is not None and _likeness(column.name, best) >= CLOSE_ENOUGH and fit(column.type, best) != "wrong":
                draft = draft.with_field(FieldDraft(property=best.name, value=column.name))
                candidates.remove(best)
        return draft

    def complain(self, draft: SyncDraft, source: SourceInfo) -> dict[str, str]:
        """Say by property what HubSpot would not take of the first rows, in words; properties without trouble are left out."""
        properties = {each.name: each for each in self._fetch(draft.object)}
        mapped = [
            each
            for each in draft.fields
            if each.origin == "column" and each.property in properties and source.type_of(each.value)
        ]
        if not mapped:
            return {}
        places = {column.name.casefold(): place for place, column in enumerate(source.columns)}
        found = {}
        for each in mapped:
            values = [row[places[each.value.casefold()]] for row in source.rows]
            if said := _refusals(values, properties[each.property]):
                found[each.property] = f"of the first {len(values)} rows, {said}"
        return found

    def try_row(self, sync: Sync, key: str | None) -> Trial:
        """Try one row: what HubSpot holds of it, and exactly what would be sent. Writes nothing."""
        client = self.client()
        ledger = LedgerReader(self.warehouse, fetch_account(client).portal_id) if self.state.version() else None
        return try_row(sync, key, client=client, warehouse=self.warehouse, ledger=ledger)

    def _kind(self, name: str) -> CrmObject:
        """Give the facts of an object; only the portal knows its own."""
        return objects.find(name) or Portal(self.client()).find_object(name)

    def _fetch(self, name: str) -> tuple[Property, ...]:
        if name not in self._properties:
            found = Portal(self.client()).fetch_properties(self._kind(name).path_name)
            self._properties[name] = tuple(found.values())
        return self._properties[name]

    def _select(self, draft: SyncDraft) -> str:
        selected = render_select(draft.source.strip() or None, draft.query.strip() or None, self.warehouse)
        return (
            f"SELECT * FROM ({selected}) AS chosen WHERE (\n{draft.where.strip()}\n)"
            if draft.where.strip()
            else selected
        )


def fit(column_type: str, prop: PropertyInfo) -> str:
    """Say whether a column's values can be a property's: `right`, `maybe` (texts are read value by value), or `wrong`."""
    if not column_type:
        return "wrong"
    if prop.type in _TAKES:
        kind = "double" if column_type.startswith("decimal") else column_type
        return (
            "right"
            if kind in _TAKES[prop.type]
            else "maybe"
            if (kind in {"string", "integer"} and prop.type != "number") or kind == "string"
            else "wrong"
        )
    if prop.type == "enumeration":
        return "right" if column_type in {"string", "strings", "boolean"} else "maybe"
    return "wrong" if column_type in {"strings", "json"} else "right"


def _refusals(values: Sequence[Any], prop: Property) -> str:
    reasons: Counter[str] = Counter()
    for value in values:
        if not encode.is_empty(value):
            try:
                encode.encode(value, prop)
            except InvalidValueError as error:
                reasons[str(error)] += 1
    said = [f"{count}: {reason}" for reason, count in reasons.most_common(2)]
    return "; ".join(said)


def _likeness(column: str, prop: PropertyInfo) -> float:
    name = _plain(column)
    wanted = _SYNONYMS.get(name, name)
    if wanted == _plain(prop.name):
        return 1.0
    if wanted == _plain(prop.label):
        return 0.97
    return max(_ratio(wanted, each) for each in _names(prop))


def _names(prop: PropertyInfo) -> Iterator[str]:
    yield _plain(prop.name)
    yield _plain(prop.label)


def _ratio(one: str, other: str) -> float:
    """Compare, quickly where the lengths tell already."""
    matcher = SequenceMatcher(None, one, other)
    return (
        matcher.ratio() * 0.95
        if matcher.real_quick_ratio() >= CLOSE_ENOUGH and matcher.quick_ratio() >= CLOSE_ENOUGH
        else 0.0
    )


def _plain(name: str) -> str:
    return "".join(each for each in name.casefold() if each.isalnum())
