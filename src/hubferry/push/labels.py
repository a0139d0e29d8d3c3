"""Types of link between two objects: found by label text, and read from the other end.

HubSpot lists the types of each direction without saying which two belong together. What can be known is used (equal texts,
ids made in one go, pairs seen on records); what cannot is `None`, and the planner then never guesses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from hubferry.hubspot.associations import fetch_labels
from hubferry.hubspot.client import Client
from hubferry.push.steps import TypeRef

USER_DEFINED = "USER_DEFINED"


class UnknownLabelError(ValueError):
    """A label that the pair of objects does not have, or has more than once; the text names the valid ones."""


def fetch_label_types(client: Client, from_object: str, to_object: str) -> tuple[tuple[TypeRef, ...], ...]:
    """Give the types of both directions."""
    there = tuple(
        TypeRef(each.category, each.type_id, each.label) for each in fetch_labels(client, from_object, to_object)
    )
    if from_object == to_object:
        return there, there
    back = tuple(
        TypeRef(each.category, each.type_id, each.label) for each in fetch_labels(client, to_object, from_object)
    )
    return there, back


class Labels:
    """The types of one direction, and their counterparts in the other as far as they are known."""

    def __init__(self, from_object: str, to_object: str, there: tuple[TypeRef, ...], back: tuple[TypeRef, ...]) -> None:
        self.from_object, self.to_object = from_object, to_object
        self.there, self.back = tuple(sorted(there, key=_key)), tuple(sorted(back, key=_key))
        self._seen: dict[tuple[str, int], TypeRef] = {}
        """Counterparts seen on records."""

    @property
    def fingerprint(self) -> str:
        """Give a hash of both directions."""
        return hashlib.sha256(repr((self.there, self.back)).encode()).hexdigest()

    @property
    def default(self) -> TypeRef | None:
        """Give the unlabelled type."""
        return next((each for each in self.there if each.label is None and each.category == "HUBSPOT_DEFINED"), None)

    def turned(self) -> Labels:
        """Give the other direction; what one learns, the other knows."""
        other = Labels(self.to_object, self.from_object, self.back, self.there)
        if self.from_object == self.to_object:
            other._seen = self._seen
        return other

    def find(self, label: str | None) -> TypeRef:
        """Give the type of a label text (None: unlabelled); raise UnknownLabelError."""
        if label is None:
            if self.default is None:
                raise UnknownLabelError(f"{self.from_object} and {self.to_object} cannot be linked without a label")
            return self.default
        exact = [each for each in self.there if each.label == label]
        found = exact or [each for each in self.there if (each.label or "").casefold() == label.strip().casefold()]
        if len(found) == 1:
            return found[0]
        known = ", ".join(repr(each.label) for each in self.there if each.label) or "none is defined"
        what = "is the text of several labels" if found else "is not a label"
        raise UnknownLabelError(f"{label!r} {what} from {self.from_object} to {self.to_object}; labels: {known}")

    def named(self, category: str, type_id: int) -> TypeRef:
        """Give a type by its ids, with its present label."""
        return next(
            (each for each in self.there if (each.category, each.type_id) == (category, type_id)),
            TypeRef(category, type_id, None),
        )

    def learn(self, there: Iterable[TypeRef], back: Iterable[TypeRef]) -> None:
        """Note which two types belong together, from one pair of records read from both ends."""
        mine = [each for each in there if each.category == USER_DEFINED]
        theirs = [each for each in back if each.category == USER_DEFINED]
        if len(mine) == len(theirs) == 1:
            self._seen[_key(mine[0])] = theirs[0]
            if self.from_object == self.to_object:
                self._seen[_key(theirs[0])] = mine[0]

    def inverse(self, each: TypeRef) -> TypeRef | None:
        """Give the same type as the other end reads it, None when that cannot be known."""
        if _key(each) in self._seen:
            return self._seen[_key(each)]
        if each.label is None:
            return next((one for one in self.back if one.label is None and one.category == each.category), None)
        return self._own_inverse(each) if self.from_object == self.to_object else self._other_inverse(each)

    def _other_inverse(self, each: TypeRef) -> TypeRef | None:
        same = [one for one in self.back if (one.label, one.category) == (each.label, each.category)]
        if same:
            return same[0] if len(same) == 1 else None
        texts = {one.label for one in self.there}
        beside = [one for one in self.back if one.label not in texts and _beside(one, each)]
        return beside[0] if len(beside) == 1 else None

    def _own_inverse(self, each: TypeRef) -> TypeRef | None:
        beside = [one for one in self.there if one.label and _beside(one, each)]
        if each.category == USER_DEFINED:
            return None if beside else each
        return beside[0] if len(beside) == 1 else None

    def may_be_inverse(self, one: TypeRef, other: TypeRef) -> bool:
        """Tell whether two types of one object could be the two texts of one label."""
        for each, counterpart in ((one, other), (other, one)):
            known = self.inverse(each) if each is one else self.turned().inverse(each)
            if known is not None:
                return known == counterpart
        return other == one or _beside(one, other)


def _key(each: TypeRef) -> tuple[str, int]:
    return each.category, each.type_id


def _beside(one: TypeRef, other: TypeRef) -> bool:
    """HubSpot makes the two ids of a paired label in one go."""
    return one.category == other.category and abs(one.type_id - other.type_id) == 1
