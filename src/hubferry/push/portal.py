"""Definitions of one portal, each fetched once a run: objects, properties, pipelines, owners, labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property

from hubferry import objects
from hubferry.errors import UnknownNameError
from hubferry.hubspot.client import Client
from hubferry.hubspot.memberships import fetch_static_lists, owner_of
from hubferry.hubspot.owners import fetch_owner_options
from hubferry.hubspot.pipelines import Pipeline, fetch_pipelines
from hubferry.hubspot.properties import Option, Property, fetch_properties
from hubferry.hubspot.schemas import fetch_custom_objects
from hubferry.objects import CrmObject
from hubferry.push.labels import Labels, fetch_label_types
from hubferry.push.value_index import ValueIndex


class Portal:
    """What a portal defines, asked for as it is needed."""

    def __init__(self, client: Client, made_labels: Collection[tuple[str, str, str]] = ()) -> None:
        self.client, self._made_labels = client, frozenset(made_labels)
        self._properties: dict[str, Mapping[str, Property]] = {}
        self._pipelines: dict[str, tuple[Pipeline, ...]] = {}
        self._labels: dict[tuple[str, str], Labels] = {}
        self._lists: dict[str, Mapping[str, str]] = {}
        self._indexes: dict[tuple[str, str], ValueIndex] = {}

    @cached_property
    def _custom(self) -> Mapping[str, CrmObject]:
        return fetch_custom_objects(self.client)

    @cached_property
    def owners(self) -> tuple[Option, ...]:
        """Every owner: id, labelled by the e-mail address."""
        return fetch_owner_options(self.client)

    def find_object(self, name: str, *, file: str | None = None, line: int | None = None) -> CrmObject:
        """Give the facts of an object of HubSpot's or the portal's own; raise UnknownNameError where there is none."""
        known = objects.find(name) or self._custom.get(name)
        if known is None:
            names = (*objects.BY_NAME, *sorted({each.name for each in self._custom.values()}))
            raise UnknownNameError("object", name, known=names, file=file, line=line)
        return known

    def fetch_properties(self, object_name: str) -> Mapping[str, Property]:
        """Give the object's properties by name."""
        if object_name not in self._properties:
            found = fetch_properties(self.client, object_name)
            self._properties[object_name] = {prop.name: prop for prop in found if not prop.archived}
        return self._properties[object_name]

    def fetch_pipelines(self, object_name: str) -> tuple[Pipeline, ...]:
        """Give the object's pipelines."""
        if object_name not in self._pipelines:
            self._pipelines[object_name] = fetch_pipelines(self.client, object_name)
        return self._pipelines[object_name]

    def complete(self, kind: CrmObject, prop: Property) -> Property:
        """Give a property with the options that HubSpot keeps elsewhere: owners, pipelines, stages."""
        if is_owner(prop):
            return replace(prop, options=self.owners, external_options=True)
        if kind.pipeline is None or prop.name not in kind.pipeline or prop.options:
            return prop
        pipelines = self.fetch_pipelines(kind.path_name)
        if prop.name == kind.pipeline[0]:
            options = tuple(each.option for each in pipelines)
        else:
            options = tuple(stage for each in pipelines for stage in each.stages)
        return replace(prop, options=options, external_options=True)

    def index_values(self, object_name: str, prop: Property) -> ValueIndex:
        """Give which records hold which value of a property that is not unique: one list scan, when it is first asked."""
        key = (object_name, prop.name)
        return self._indexes.setdefault(key, ValueIndex(self.client, object_name, prop))

    def fetch_lists(self, to: str) -> Mapping[str, str]:
        """Give the lists that links to `lists of <object>` may name, those whose members are set by call: id and name."""
        if to not in self._lists:
            self._lists[to] = fetch_static_lists(self.client, owner_of(to))
        return self._lists[to]

    def fetch_labels(self, from_object: str, to_object: str) -> Labels:
        """Give the types of link from one object to another, and how they read from the other end."""
        pair = (from_object, to_object)
        if pair not in self._labels:
            there, back = fetch_label_types(self.client, from_object, to_object)
            made = frozenset(label for *ends, label in self._made_labels if set(ends) == set(pair))
            self._labels[pair] = Labels(from_object, to_object, there, back, made=made)
            self._labels[pair[::-1]] = self._labels[pair].turned()
        return self._labels[pair]


def is_owner(prop: Property) -> bool:
    """Tell whether a property holds an owner: HubSpot says so of some, and of deals' `hubspot_owner_id` it does not."""
    return prop.referenced_object_type == "OWNER" or prop.name == "hubspot_owner_id"
