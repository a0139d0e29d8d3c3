"""Which streams there are: those that are always there, and one for each custom object of the portal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec

from hubferry import objects
from hubferry.config.model import PullBlock
from hubferry.errors import HubferryError, ScopeError, UnknownNameError
from hubferry.hubspot.client import Client
from hubferry.objects import CrmObject
from hubferry.streams.crm import ALL_CUSTOM, custom_stream
from hubferry.streams.definition import Stream
from hubferry.streams.registry import BY_NAME, STREAMS


class _Schema(msgspec.Struct):
    name: str
    objectTypeId: str  # noqa: N815


class _Schemas(msgspec.Struct):
    results: list[_Schema]


@dataclass(frozen=True)
class Catalog:
    """The streams that a project can name."""

    streams: tuple[Stream, ...] = STREAMS
    unread: HubferryError | None = None
    """Why the portal's custom objects are not known, where they were asked for."""

    @cached_property
    def by_name(self) -> Mapping[str, Stream]:
        """Give each stream by its name."""
        return {stream.name: stream for stream in self.streams}

    @cached_property
    def by_object(self) -> Mapping[str, Stream]:
        """Give the stream of each CRM object's live records by the object's name."""
        return {each.object.name: each for each in self.streams if each.object and each.reader == "records"}

    @property
    def custom(self) -> tuple[Stream, ...]:
        """The streams of custom objects."""
        return tuple(each for each in self.streams if is_custom(each.name))

    def find_object(self, name: str) -> CrmObject | None:
        """Give an object by its name, custom ones among them."""
        stream = self.by_object.get(name)
        return stream.object if stream is not None else None

    def path_name(self, object_name: str) -> str:
        """Give what paths call an object."""
        found = self.find_object(object_name)
        return found.path_name if found is not None else object_name

    def expand(self, pull: PullBlock) -> PullBlock:
        """Give the project's block with every custom object by its name, in place of the wildcard."""
        if not any(is_custom(name) for name in pull.streams):
            return pull
        everyone = pull.streams.get(ALL_CUSTOM)
        chosen = {each.name: everyone for each in self.custom} if ALL_CUSTOM in pull.streams else {}
        named = {name: block for name, block in pull.streams.items() if name != ALL_CUSTOM}
        if self.unread is not None:
            named = {name: block for name, block in named.items() if not is_custom(name)}
        return pull.model_copy(update={"streams": {**chosen, **named}})


def is_custom(name: str) -> bool:
    """Say whether a stream's name is one of custom objects."""
    return name.startswith(objects.CUSTOM)


def find_stream(name: str) -> Stream:
    """Give a stream by its name without asking the portal: of a custom object all but its type id.

    Raises UnknownNameError for a name that is no stream's and none of a custom object.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    if is_custom(name) and name != ALL_CUSTOM:
        return custom_stream(objects.build_custom(name.removeprefix(objects.CUSTOM), ""))
    raise UnknownNameError("stream", name, known=tuple(BY_NAME))


def find_object_stream(object_name: str) -> Stream | None:
    """Give the stream of an object's live records without asking the portal; None where no stream reads the object."""
    return find_stream(object_name) if is_custom(object_name) else Catalog().by_object.get(object_name)


def needs_portal(pull: PullBlock) -> bool:
    """Say whether the project names custom objects, which only the portal knows."""
    return any(is_custom(name) for name in pull.streams) or any(
        is_custom(other) for block in pull.streams.values() if block for other in block.associations or ()
    )


def fetch_catalog(client: Client, pull: PullBlock) -> Catalog:
    """Give the streams of this portal; its custom objects are asked for only where the project names some."""
    if not needs_portal(pull):
        return Catalog()
    try:
        return Catalog((*STREAMS, *fetch_custom_streams(client)))
    except ScopeError as error:
        return Catalog(unread=error)


def fetch_custom_streams(client: Client) -> tuple[Stream, ...]:
    """Ask which custom objects the portal has, and give a stream for each."""
    found = client.fetch("/crm-object-schemas/{version}/schemas", type=_Schemas, params=_NARROW).value
    return tuple(custom_stream(each) for each in _objects(found.results))


_NARROW = (("includePropertyDefinitions", "false"), ("includeAssociationDefinitions", "false"))


def _objects(schemas: Iterable[_Schema]) -> list[CrmObject]:
    """Give the custom objects among the schemas: HubSpot also lists library objects, which have streams already."""
    custom = (objects.build_custom(each.name, each.objectTypeId) for each in schemas)
    return sorted((each for each in custom if each.is_custom), key=lambda each: each.name)
