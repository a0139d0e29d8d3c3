"""Pairs of objects whose links are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubferry.config.model import PullBlock, StreamBlock
from hubferry.errors import UnknownNameError
from hubferry.pull.catalog import Catalog
from hubferry.pull.pulling import Pulling
from hubferry.streams.definition import Stream


@dataclass(frozen=True)
class Pair:
    """Two objects, in the order of their names, whose links are kept."""

    one: str
    other: str
    sweep: str = "auto"

    @property
    def name(self) -> str:
        """What reports and cursors call it."""
        return f"{self.one}-{self.other}"


def choose_pairs(pull: PullBlock, streams: Sequence[Stream], catalog: Catalog | None = None) -> tuple[Pair, ...]:
    """Give the pairs of objects whose links belong to these streams: named in the project, or both ends being pulled."""
    known = catalog or Catalog()
    pulled = {each.object.name for each in known.by_object.values() if each.object and each.name in pull.streams}
    pairs: dict[tuple[str, str], Pair] = {}
    for stream in (each for each in streams if each.object is not None and each.reader == "records"):
        assert stream.object is not None
        block = pull.streams[stream.name] or StreamBlock()
        named = block.associations
        for other in stream.associations if named is None else named:
            if known.find_object(other) is None:
                names = tuple(known.by_object)
                raise UnknownNameError("object in associations", other, known=names)
            if named is not None or other in pulled:
                ends = min(stream.object.name, other), max(stream.object.name, other)
                pairs.setdefault(ends, Pair(*ends, sweep=block.sweep_links or block.sweep))
    return tuple(pairs.values())


def pulled_streams(pulling: Pulling) -> tuple[Stream, ...]:
    """Give the streams that the project names."""
    return tuple(each for each in pulling.catalog.streams if each.name in pulling.block.streams)
