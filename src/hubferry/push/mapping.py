"""A sync checked against the portal: every property, object and label it names exists and can do what is asked.

A mistake is a ConfigError with the sync's file and line and the valid names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec

from hubferry.config.model import AssociationBlock, FieldBlock, LinksBlock, Scalar, Sync
from hubferry.errors import UnknownNameError
from hubferry.hubspot.memberships import MEMBER, lists_of
from hubferry.hubspot.properties import FIELD_TYPES, Property
from hubferry.objects import CrmObject
from hubferry.push.labels import Labels
from hubferry.push.matching import (
    HUBFERRY_KEY,
    RECORD_ID,
    Matching,
    build_matching,
    find_property,
    is_domain,
    is_unique,
    mistake,
    unique_names,
)
from hubferry.push.portal import Portal
from hubferry.push.steps import TypeRef

PROPERTY_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One property and where its value comes from."""

    property: Property
    column: str | None = None
    sql: str | None = None
    """An expression over the source; without it and `column`: `constant`."""
    constant: Scalar | None = None
    on_null: str = "ignore"
    multi: str = "replace"
    policy: str = "warehouse_wins"
    creates_options: bool = False
    creates: bool = False
    """HubSpot does not have the property yet: the plan makes it."""
    stages: Mapping[str, Property] = field(default_factory=dict)
    """Where it is a record's stage: the property with the stages of one pipeline alone, by pipeline."""
    pipeline: str | None = None
    """Where it is a record's stage: the property that holds the pipeline."""


@dataclass(frozen=True, kw_only=True)
class LinkField:
    """One column of links, or a source of its own: keys that are values of a property of an object, and types they may name."""

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


LISTS = "lists"
"""What `to` of an association says for lists of the sync's object."""
LIST_NAME = Property(name="name", label="Name", type="string", field_type="text")


@dataclass(frozen=True, kw_only=True)
class SyncMapping:
    """One sync, ready to read rows with."""

    sync: Sync
    kind: CrmObject
    properties: Mapping[str, Property]
    """Of the object, by name."""
    fields: tuple[Field, ...]
    """A stage comes after its pipeline."""
    links: tuple[LinkField, ...]
    matching: Matching
    key_column: str
    record_id_column: str | None

    @property
    def name(self) -> str:
        """Give the sync's name."""
        return self.sync.name

    @property
    def object(self) -> str:
        """Give the object's name as paths, steps and the ledger have it: a custom object's is its type id."""
        return self.kind.path_name

    @property
    def match(self) -> Property | None:
        """Give the property that rows are matched by; None: by record id, or by the ledger alone."""
        return self.matching.property

    @property
    def keyless(self) -> bool:
        """Whether nothing but the ledger says which record a row is, so that a create cannot be repeated."""
        return self.matching.kind == "keyless"

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by property."""
        return {each.property.name: each for each in self.fields}

    @cached_property
    def read_names(self) -> tuple[str, ...]:
        """The properties to read of a record so that a row can be compared with it."""
        names = {each.property.name for each in self.fields} | ({self.match.name} if self.match else set())
        made = {each.property.name for each in self.fields if each.creates}
        return tuple(sorted(names - made - ({HUBFERRY_KEY} if self.matching.makes_property else set())))

    @cached_property
    def policies(self) -> tuple[tuple[str, str], ...]:
        """The properties of which the source does not decide alone, with their policy."""
        chosen = ((each.property.name, each.policy) for each in self.fields if each.policy != "warehouse_wins")
        return tuple(sorted(chosen))

    @property
    def fingerprint(self) -> str:
        """Give a hash of everything that decides what the rows mean: definition, properties, labels."""
        parts = [
            self.sync.block.model_dump_json(by_alias=True),
            self.sync.model_sql or "",
            *(self._describe(each) for each in sorted(self.fields, key=lambda each: each.property.name)),
            *(f"{link.to} {link.by!r} {link.labels.fingerprint}" for link in self.links),
        ]
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()

    @property
    def encoding(self) -> str:
        """Give a hash of everything that decides how a row is encoded, options that a plan makes among it."""
        known = sorted((repr(each.property), repr(sorted(each.stages.items()))) for each in self.fields)
        return hashlib.sha256(msgspec.json.encode([self.fingerprint, known])).hexdigest()

    def _describe(self, each: Field) -> str:
        """Say what a field's property is; what the plan itself makes of it (properties, options) is left out."""
        prop, block = each.property, self.sync.block.fields.get(each.property.name)
        if prop.name == HUBFERRY_KEY or (isinstance(block, FieldBlock) and block.create is not None):
            return f"{prop.name} {prop.type} {prop.has_unique_value}"
        return repr(replace(prop, options=()) if each.creates_options else prop)


def build_mapping(sync: Sync, portal: Portal, columns: Sequence[str]) -> SyncMapping:
    """Check a sync against the portal and the columns of its source."""
    block = sync.block
    kind = portal.find_object(block.object_, file=sync.file, line=sync.line("object"))
    if not kind.writable:
        raise mistake(sync, "object", f"HubSpot lets nobody write {kind.name}.")
    properties = dict(portal.fetch_properties(kind.path_name))
    key = _require_column(sync, "key", block.key, columns)
    matching = build_matching(sync, kind, properties)
    fields = {
        path: each if isinstance(each, FieldBlock) else FieldBlock(column=each) for path, each in block.fields.items()
    }
    if matching.property is not None and matching.property.name == HUBFERRY_KEY:
        properties.setdefault(HUBFERRY_KEY, matching.property)
        fields.setdefault(HUBFERRY_KEY, FieldBlock(column=block.key))
    record_id = fields.pop(RECORD_ID, None)
    builder = _FieldBuilder(sync, kind, properties, columns, portal)
    built = [builder.build(name, each) for name, each in fields.items()]
    links = [_link(sync, index, link, kind.path_name, portal, columns) for index, link in enumerate(block.associations)]
    return SyncMapping(
        sync=sync,
        kind=kind,
        properties=properties | {each.property.name: each.property for each in built},
        fields=tuple(sorted(built, key=lambda each: bool(each.stages))),
        links=tuple(links),
        matching=matching,
        key_column=key,
        record_id_column=_record_id_column(sync, matching, record_id, columns),
    )


def _record_id_column(sync: Sync, matching: Matching, named: FieldBlock | None, columns: Sequence[str]) -> str | None:
    if matching.kind not in {"record_id", "keyless"}:
        return None
    if named is not None and named.column:
        return _require_column(sync, f"fields.{RECORD_ID}", named.column, columns)
    return _require_column(sync, "key", sync.block.key, columns) if matching.kind == "record_id" else None


@dataclass(frozen=True)
class _FieldBuilder:
    sync: Sync
    kind: CrmObject
    properties: Mapping[str, Property]
    columns: Sequence[str]
    portal: Portal

    def build(self, name: str, block: FieldBlock) -> Field:
        """Check one entry of `fields`."""
        path = f"fields.{name}"
        makes = block.create is not None and name not in self.properties
        prop = self._new(path, name, block) if makes else find_property(self.sync, path, name, self.properties)
        self._check(path, prop, block)
        column = _require_column(self.sync, path, block.column, self.columns) if block.column is not None else None
        prop = self.portal.complete(self.kind, prop)
        is_stage = self.kind.pipeline is not None and name == self.kind.pipeline[1]
        return Field(
            property=prop,
            column=column,
            sql=block.sql,
            constant=block.constant,
            on_null=block.on_null,
            multi=block.multi,
            policy=block.policy,
            creates_options=block.on_unknown_option == "create",
            creates=makes,
            stages=self._stages(prop) if is_stage else {},
            pipeline=self.kind.pipeline[0] if is_stage and self.kind.pipeline else None,
        )

    def _new(self, path: str, name: str, block: FieldBlock) -> Property:
        """Give the property as the plan will make it."""
        assert block.create is not None
        if not PROPERTY_NAME.fullmatch(name):
            said = f"HubSpot takes no property named {name!r}: lower-case letters, digits and _, a letter first."
            raise mistake(self.sync, path, said)
        label = name.replace("_", " ").capitalize()
        return Property(name=name, label=label, type=block.create, field_type=FIELD_TYPES[block.create])

    def _stages(self, prop: Property) -> Mapping[str, Property]:
        pipelines = self.portal.fetch_pipelines(self.kind.path_name)
        return {each.option.value: replace(prop, options=each.stages) for each in pipelines}

    def _check(self, path: str, prop: Property, block: FieldBlock) -> None:
        said = f"property {prop.name!r} of {self.kind.name}"
        if prop.read_only or prop.calculated:
            why = "calculated" if prop.calculated else "read-only"
            raise mistake(self.sync, path, f"{said} is {why}: HubSpot refuses values for it.")
        if block.multi != "replace" and not is_multiple(prop):
            raise mistake(self.sync, path, f"{said} is no multi-select; `multi: {block.multi}` needs one.")
        if block.on_unknown_option == "create" and (prop.type != "enumeration" or prop.external_options):
            raise mistake(self.sync, path, f"{said} has no options of its own that could be added to.")


def is_multiple(prop: Property) -> bool:
    """Tell whether a property holds several options."""
    return prop.type == "enumeration" and prop.field_type == "checkbox"


def _link(
    sync: Sync, index: int, link: AssociationBlock, from_object: str, portal: Portal, columns: Sequence[str]
) -> LinkField:
    path = f"associations.{index}"
    if link.to == LISTS:
        return _list_link(sync, path, link, from_object, columns)
    kind = portal.find_object(link.to, file=sync.file, line=sync.line(f"{path}.to"))
    column = _require_column(sync, f"{path}.column", link.column, columns) if link.column is not None else None
    by = None
    if link.by != RECORD_ID:
        properties = portal.fetch_properties(kind.path_name)
        by = find_property(sync, f"{path}.by", link.by, properties)
        if not is_unique(by, kind.name) and not is_domain(by, kind.name):
            raise mistake(
                sync,
                f"{path}.by",
                f"property {link.by!r} of {kind.name} is not unique in HubSpot, so it cannot name a record."
                f" Unique here: hs_object_id, {unique_names(kind, properties)}.",
            )
    return LinkField(
        to=kind.path_name,
        column=column,
        source=link.links,
        by=by,
        labels=portal.fetch_labels(from_object, kind.path_name),
        cleanup_default=link.cleanup_default,
        create_missing_labels=link.create_missing_labels,
    )


def _list_link(sync: Sync, path: str, link: AssociationBlock, from_object: str, columns: Sequence[str]) -> LinkField:
    """A membership in a list is an unlabelled link, and the list is named by its id or its name."""
    if link.by not in {RECORD_ID, LIST_NAME.name}:
        raise mistake(
            sync, f"{path}.by", f"lists are named by their id (leave `by` out) or by `name`, not {link.by!r}."
        )
    for name in ("cleanup_default", "create_missing_labels"):
        if getattr(link, name):
            raise mistake(sync, f"{path}.{name}", f"`{name}` is about labels, and being in a list has none.")
    column = _require_column(sync, f"{path}.column", link.column, columns) if link.column is not None else None
    to, member = lists_of(from_object), (TypeRef(MEMBER.category, MEMBER.type_id),)
    return LinkField(
        to=to,
        column=column,
        source=link.links,
        by=None if link.by == RECORD_ID else LIST_NAME,
        labels=Labels(from_object, to, member, member),
        cleanup_default=False,
    )


def _require_column(sync: Sync, path: str, column: str, columns: Sequence[str]) -> str:
    """Give a column as the source spells it: some engines fold the case of names."""
    if column in columns:
        return column
    found = [each for each in columns if each.casefold() == column.casefold()]
    if len(found) != 1:
        raise UnknownNameError("source column", column, known=tuple(columns), file=sync.file, line=sync.line(path))
    return found[0]


__all__ = ["Field", "LinkField", "Portal", "SyncMapping", "build_mapping", "is_domain", "is_multiple"]
