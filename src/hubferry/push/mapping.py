"""A sync checked against the portal: every property, object and label it names exists and can do what is asked.

A mistake is a ConfigError with the sync's file and line and the valid names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from hubferry import objects
from hubferry.config.model import AssociationBlock, FieldBlock, LinksBlock, Scalar, Sync
from hubferry.errors import ConfigError, UnknownNameError
from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Property, fetch_properties
from hubferry.push.domains import CompanyDomains, fetch_company_domains, is_by_domain
from hubferry.push.labels import Labels, fetch_label_types

RECORD_ID = "hs_object_id"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One property and where its value comes from."""

    property: Property
    sql: str | None
    """SQL over the source; None: `constant`."""
    constant: Scalar | None
    on_null: str
    append: bool


@dataclass(frozen=True, kw_only=True)
class LinkField:
    """One column of links, or a source of its own for them: whose keys are values of which property of which object, and the types it may name."""

    to: str
    column: str | None
    source: LinksBlock | None
    """One row a link, in place of a column."""
    by: Property | None
    """None: record ids."""
    labels: Labels
    cleanup_default: bool
    create_missing_labels: bool = False

    @property
    def origin(self) -> str:
        """Name where the links come from, for people."""
        return self.column or (self.source and self.source.source) or "links"


@dataclass(frozen=True, kw_only=True)
class SyncMapping:
    """One sync, ready to read rows with."""

    sync: Sync
    object: str
    properties: Mapping[str, Property]
    """Of the object, by name."""
    fields: tuple[Field, ...]
    links: tuple[LinkField, ...]
    match: Property | None
    """None: rows name the record id."""
    record_id_column: str | None

    @property
    def name(self) -> str:
        """Give the sync's name."""
        return self.sync.name

    @property
    def fingerprint(self) -> str:
        """Give a hash of everything that decides what the rows mean: definition, properties, labels."""
        used = sorted({field.property.name for field in self.fields} | ({self.match.name} if self.match else set()))
        parts = [
            self.sync.block.model_dump_json(by_alias=True),
            *(repr(self.properties[name]) for name in used),
            *(f"{link.to} {link.by!r} {link.labels.fingerprint}" for link in self.links),
        ]
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class Portal:
    """Definitions of one portal, each fetched once a run."""

    def __init__(self, client: Client, made_labels: Collection[tuple[str, str, str]] = ()) -> None:
        self.client, self._made_labels = client, frozenset(made_labels)
        self._properties: dict[str, Mapping[str, Property]] = {}
        self._labels: dict[tuple[str, str], Labels] = {}
        self._domains: CompanyDomains | None = None

    def fetch_properties(self, object_name: str) -> Mapping[str, Property]:
        """Give the object's properties by name."""
        if object_name not in self._properties:
            found = fetch_properties(self.client, object_name)
            self._properties[object_name] = {prop.name: prop for prop in found if not prop.archived}
        return self._properties[object_name]

    def fetch_labels(self, from_object: str, to_object: str) -> Labels:
        """Give the types of link from one object to another, and how they read from the other end."""
        pair = (from_object, to_object)
        if pair not in self._labels:
            there, back = fetch_label_types(self.client, from_object, to_object)
            made = frozenset(label for *ends, label in self._made_labels if set(ends) == set(pair))
            self._labels[pair] = Labels(from_object, to_object, there, back, made=made)
            self._labels[pair[::-1]] = self._labels[pair].turned()
        return self._labels[pair]

    def fetch_company_domains(self) -> CompanyDomains:
        """Give which companies have which domain."""
        if self._domains is None:
            self._domains = fetch_company_domains(self.client)
        return self._domains


def object_name(name: str) -> str:
    """Give HubSpot's plural name of an object named by plural, singular or type id; other names as they are."""
    for each in objects.OBJECTS:
        if name in {each.name, each.singular, each.type_id}:
            return each.name
    return name


def build_mapping(sync: Sync, portal: Portal, columns: Sequence[str]) -> SyncMapping:
    """Check a sync against the portal and the columns of its source."""
    block = sync.block
    name = object_name(block.object_)
    properties = portal.fetch_properties(name)
    _require_column(sync, "key", block.key, columns)
    fields = {
        path: field if isinstance(field, FieldBlock) else FieldBlock(column=field)
        for path, field in block.fields.items()
    }
    record_id = fields.pop(RECORD_ID, None)
    match = _match(sync, properties)
    return SyncMapping(
        sync=sync,
        object=name,
        properties=properties,
        fields=tuple(_field(sync, path, field, properties, columns) for path, field in fields.items()),
        links=tuple(_link(sync, index, link, name, portal, columns) for index, link in enumerate(block.associations)),
        match=match,
        record_id_column=None if match else (record_id.column if record_id and record_id.column else block.key),
    )


def _match(sync: Sync, properties: Mapping[str, Property]) -> Property | None:
    block = sync.block
    if block.match == RECORD_ID:
        if block.mode != "update":
            raise _mistake(
                sync,
                "match",
                f"mode {block.mode!r} may create records, and hs_object_id cannot guard a create against being made twice."
                f" Match by a property with unique values ({_unique_names(properties)}), or use `mode: update`.",
            )
        return None
    prop = _property(sync, "match", block.match, properties)
    if not is_unique(prop, object_name(block.object_)):
        raise _mistake(
            sync,
            "match",
            f"property {prop.name!r} of {block.object_} is not unique in HubSpot, so it cannot decide which record a row is."
            f" Unique here: hs_object_id, {_unique_names(properties)}.",
        )
    if not any(name == prop.name for name in block.fields):
        raise _mistake(
            sync, "match", f"property {prop.name!r} is the match but not among `fields`; add `{prop.name}: <column>`."
        )
    return prop


def is_unique(prop: Property, object_: str) -> bool:
    """Tell whether batch/read and batch/upsert take the property to find a record (contacts' e-mail is so, undeclared)."""
    return prop.has_unique_value or (object_ == "contacts" and prop.name == "email")


def _unique_names(properties: Mapping[str, Property]) -> str:
    names = [prop.name for prop in properties.values() if prop.has_unique_value and not prop.read_only]
    return ", ".join(sorted({*names, *({"email"} if "hs_additional_emails" in properties else ())})) or "none yet"


def _field(
    sync: Sync, name: str, field: FieldBlock, properties: Mapping[str, Property], columns: Sequence[str]
) -> Field:
    path = f"fields.{name}"
    prop = _property(sync, path, name, properties)
    if prop.read_only or prop.calculated:
        why = "calculated" if prop.calculated else "read-only"
        raise _mistake(
            sync, path, f"property {name!r} of {sync.block.object_} is {why}: HubSpot refuses values for it."
        )
    if field.column is not None:
        _require_column(sync, path, field.column, columns)
    quoted = '"' + field.column.replace('"', '""') + '"' if field.column is not None else None
    return Field(
        property=prop,
        sql=quoted or (f"({field.sql})" if field.sql is not None else None),
        constant=field.constant,
        on_null=field.on_null,
        append=field.multi == "append",
    )


def _link(
    sync: Sync, index: int, link: AssociationBlock, from_object: str, portal: Portal, columns: Sequence[str]
) -> LinkField:
    path = f"associations.{index}"
    to = object_name(link.to)
    if link.column is not None:
        _require_column(sync, f"{path}.column", link.column, columns)
    by = None
    if link.by != RECORD_ID:
        by = _property(sync, f"{path}.by", link.by, portal.fetch_properties(to))
        if not is_unique(by, to) and not is_by_domain(to, by):
            raise _mistake(
                sync,
                f"{path}.by",
                f"property {link.by!r} of {to} is not unique in HubSpot, so it cannot name a record."
                f" Unique here: hs_object_id, {_unique_names(portal.fetch_properties(to))}.",
            )
    labels = portal.fetch_labels(from_object, to)
    return LinkField(
        to=to,
        column=link.column,
        source=link.links,
        by=by,
        labels=labels,
        cleanup_default=link.cleanup_default,
        create_missing_labels=link.create_missing_labels,
    )


def _property(sync: Sync, path: str, name: str, properties: Mapping[str, Property]) -> Property:
    if name not in properties:
        raise UnknownNameError("property", name, known=tuple(properties), file=sync.file, line=sync.line(path))
    return properties[name]


def _require_column(sync: Sync, path: str, column: str, columns: Sequence[str]) -> None:
    if column.casefold() not in {each.casefold() for each in columns}:
        raise UnknownNameError("source column", column, known=tuple(columns), file=sync.file, line=sync.line(path))


def _mistake(sync: Sync, path: str, message: str) -> ConfigError:
    return ConfigError(f"sync {sync.name!r}: {message}", file=sync.file, line=sync.line(path))
