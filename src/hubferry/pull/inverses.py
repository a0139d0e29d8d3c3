"""Which type id a link has in the other direction: derived where that is certain, else learned from links read both ways.

HubSpot gives each direction of a type an id of its own and never says which two belong together; labels may be paired under
different texts. So texts are not trusted: only where one type alone is left on either side, or where several pairs of
records that carry a single unknown type show the same one from the other end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hubferry.hubspot.associations import Link, LinkType

TypeKey = tuple[str, int]
SAMPLES = 3
"""Pairs of records that must agree on an inverse: labels may change between the two reads."""
_HUBSPOT = "HUBSPOT_DEFINED"


class Inverses:
    """What is known of the inverses of one direction's types.

    `known` is from earlier runs: ids never change their meaning. `back` are the types of the other direction, whose texts
    may have been changed since.
    """

    def __init__(self, back: Iterable[LinkType], known: Mapping[TypeKey, TypeKey] | None = None) -> None:
        self.back = tuple(back)
        self.known: dict[TypeKey, TypeKey] = dict(known or {})
        self._labels = {(each.category, each.type_id): each.label for each in self.back}

    def derive(self, there: Sequence[LinkType]) -> None:
        """Pair the default types, the Primary ones, and a single one that is left of a category on both sides."""
        for label in (None, "Primary"):
            self._pair_single(
                [each for each in there if _is(each, label)], [each for each in self.back if _is(each, label)]
            )
        for category in {each.category for each in there}:
            self._pair_single(_open(there, category, self.known), _open(self.back, category, self.known.values()))

    def unknown(self, links: Iterable[Link]) -> set[TypeKey]:
        """Give the types among these links whose inverse is not known."""
        return {(each.category, each.type_id) for each in links} - self.known.keys()

    def samples(self, links: Sequence[Link]) -> dict[TypeKey, list[tuple[str, str]]]:
        """Choose pairs of records from which an unknown inverse can be learned: they carry one unknown type only."""
        chosen: dict[TypeKey, list[tuple[str, str]]] = {}
        for pair, types in _types_of(links).items():
            unknown = types - self.known.keys()
            if len(unknown) == 1:
                found = chosen.setdefault(unknown.pop(), [])
                if len(found) < SAMPLES:
                    found.append(pair)
        return chosen

    def learn(self, samples: Mapping[TypeKey, Sequence[tuple[str, str]]], read_back: Iterable[Link]) -> None:
        """Take an inverse as known where every sample shows it, and no other type shows the same one."""
        types = _types_of(read_back)
        taken = set(self.known.values())
        found: dict[TypeKey, TypeKey] = {}
        for key, pairs in samples.items():
            shown = [frozenset(types.get((to_id, from_id), set()) - taken) for from_id, to_id in pairs]
            if len(set(shown)) == 1 and len(shown[0]) == 1:
                found[key] = next(iter(shown[0]))
        once = [inverse for inverse in found.values() if list(found.values()).count(inverse) == 1]
        self.known |= {key: inverse for key, inverse in found.items() if inverse in once and inverse[0] == key[0]}

    def invert(self, link: Link) -> Link | None:
        """Give the link as the other record has it; None where that is not known."""
        key = self.known.get((link.category, link.type_id))
        return None if key is None else Link(link.to_id, link.from_id, *key, self._labels.get(key))

    def _pair_single(self, there: Sequence[LinkType], back: Sequence[LinkType]) -> None:
        if len(there) == len(back) == 1:
            self.known[there[0].category, there[0].type_id] = (back[0].category, back[0].type_id)


def _open(types: Iterable[LinkType], category: str, taken: Iterable[TypeKey]) -> list[LinkType]:
    known = set(taken)
    return [each for each in types if each.category == category and (each.category, each.type_id) not in known]


def _is(each: LinkType, label: str | None) -> bool:
    return each.category == _HUBSPOT and each.label == label


def _types_of(links: Iterable[Link]) -> dict[tuple[str, str], set[TypeKey]]:
    found: dict[tuple[str, str], set[TypeKey]] = {}
    for each in links:
        found.setdefault((each.from_id, each.to_id), set()).add((each.category, each.type_id))
    return found
