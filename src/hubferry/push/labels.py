"""Types of link between two objects: found by label text, and read from the other end.

HubSpot lists the types of each direction without saying which two belong together. Pairs seen on records tell; so does a
list that leaves no other choice. Neither text nor neighbouring ids alone do: two labels may bear each other's texts. What
cannot be known is `None`, and the planner then never guesses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from hubferry.hubspot.associations import fetch_labels
from hubferry.hubspot.client import Client
from hubferry.push.steps import TypeRef

USER_DEFINED = "USER_DEFINED"
_Possible = dict[tuple[str, int], set[tuple[str, int]]]


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

    def __init__(
        self,
        from_object: str,
        to_object: str,
        there: tuple[TypeRef, ...],
        back: tuple[TypeRef, ...],
        seen: tuple[dict[tuple[str, int], TypeRef], ...] = (),
        possible: tuple[_Possible, ...] = (),
        planned: dict[str, TypeRef] | None = None,
        made: frozenset[str] = frozenset(),
    ) -> None:
        self.from_object, self.to_object = from_object, to_object
        self.there, self.back = tuple(sorted(there, key=_key)), tuple(sorted(back, key=_key))
        first: dict[tuple[str, int], TypeRef] = {}
        self._seen = seen or (first, first if from_object == to_object else {})
        """Counterparts seen on records, of this direction's types and of the other's."""
        second: _Possible = {}
        self._possible = possible or (second, second if from_object == to_object else {})
        """What a type's counterpart may still be, in both directions."""
        self._planned = {} if planned is None else planned
        """Labels that are still to be made, by their folded texts."""
        self._made = made
        """Labels that a plan made itself: they do not make it stale."""
        self._turned: Labels | None = None

    @property
    def fingerprint(self) -> str:
        """Give a hash of both directions."""
        known = [[each for each in types if each.label not in self._made] for types in (self.there, self.back)]
        return hashlib.sha256(repr(known).encode()).hexdigest()

    @property
    def default(self) -> TypeRef | None:
        """Give the unlabelled type."""
        return next((each for each in self.there if each.label is None and each.category == "HUBSPOT_DEFINED"), None)

    def turned(self) -> Labels:
        """Give the other direction, always the same object; what one learns, the other knows."""
        if self._turned is None:
            self._turned = Labels(
                self.to_object,
                self.from_object,
                self.back,
                self.there,
                self._seen[::-1],
                self._possible[::-1],
                self._planned,
                self._made,
            )
            self._turned._turned = self
        return self._turned

    def find(self, label: str | None, *, create: bool = False) -> TypeRef:
        """Give the type of a label text (None: unlabelled); raise UnknownLabelError.

        `create`: a label that neither direction has is given as one to be made.
        """
        if label is None:
            if self.default is None:
                raise UnknownLabelError(f"{self.from_object} and {self.to_object} cannot be linked without a label")
            return self.default
        exact = [each for each in self.there if each.label == label]
        found = exact or [each for each in self.there if _folded(each.label) == _folded(label)]
        if len(found) == 1:
            return found[0]
        if create and not found and not any(_folded(each.label) == _folded(label) for each in self.back):
            text = label.strip()
            return self._planned.setdefault(_folded(text), TypeRef(USER_DEFINED, -1 - len(self._planned), text))
        known = ", ".join(repr(each.label) for each in self.there if each.label) or "none is defined"
        what = "is the text of several labels" if found else "is not a label"
        raise UnknownLabelError(f"{label!r} {what} from {self.from_object} to {self.to_object}; labels: {known}")

    def named(self, category: str, type_id: int) -> TypeRef:
        """Give a type by its ids, with its present label."""
        known = (*self.there, *self._planned.values())
        return next(
            (each for each in known if (each.category, each.type_id) == (category, type_id)),
            TypeRef(category, type_id, None),
        )

    def learn(self, there: Iterable[TypeRef], back: Iterable[TypeRef]) -> None:
        """Note what one pair of records, read from both ends, tells of which types belong together.

        A type stands on the pair exactly where its counterpart does; what is left over for only one type is its counterpart.
        """
        near = {_key(each) for each in there if each.label is not None}
        far = {_key(each) for each in back if each.label is not None}
        for category in {category for category, _ in near | far}:
            ours, theirs = ({key for key in keys if key[0] == category} for keys in (near, far))
            known = ({_key(each) for each in types if each.label is not None} for types in (self.there, self.back))
            if len(ours) == len(theirs) and all(a <= b for a, b in zip((ours, theirs), known, strict=True)):
                self._narrow(0, category, ours, theirs)
                self._narrow(1, category, theirs, ours)
        self._solve()

    def _narrow(self, way: int, category: str, ours: set[tuple[str, int]], theirs: set[tuple[str, int]]) -> None:
        near, far = (self.there, self.back)[:: 1 - 2 * way]
        every = {_key(each) for each in far if each.category == category and each.label is not None}
        for each in near:
            if each.category == category and each.label is not None:
                left = self._possible[way].get(_key(each), every)
                self._possible[way][_key(each)] = left & theirs if _key(each) in ours else left - theirs

    def _solve(self) -> None:
        """Note the only counterparts that are left; another type cannot have them."""
        for way in (0, 1):
            for key, left in list(self._possible[way].items()):
                if len(left) != 1 or key in self._seen[way]:
                    continue
                (other,) = left
                near, far = (self, self.turned())[:: 1 - 2 * way]
                self._seen[way][key], self._seen[1 - way][other] = far.named(*other), near.named(*key)
                for rival, theirs in self._possible[way].items():
                    if rival != key:
                        self._possible[way][rival] = theirs - {other}
                self._possible[1 - way][other] = {key}
                return self._solve()
        return None

    def inverse(self, each: TypeRef) -> TypeRef | None:
        """Give the same type as the other end reads it, None when that cannot be known."""
        seen = self._seen[0].get(_key(each))
        if seen is not None:
            return seen
        if each.type_id < 0:
            return each  # one that is still to be made reads alike from both ends
        kind = [one for one in self.back if (one.category, one.label is None) == (each.category, each.label is None)]
        if len(kind) == 1:
            return kind[0]
        # Of several, the one of the same text whose id is next to it, where no other id is: three facts that agree.
        beside = [one for one in kind if abs(one.type_id - each.type_id) == 1]
        alone = len(beside) == 1 and beside[0].label == each.label and self.from_object != self.to_object
        return beside[0] if alone else None

    def may_be_inverse(self, one: TypeRef, other: TypeRef) -> bool:
        """Tell whether `other`, of the other direction, could be the same type as `one`."""
        known, back = self.inverse(one), self.turned().inverse(other)
        if known is not None or back is not None:
            return known == other or back == one
        return (one.category, one.label is None) == (other.category, other.label is None)


def _folded(text: str | None) -> str:
    return (text or "").strip().casefold()


def _key(each: TypeRef) -> tuple[str, int]:
    return each.category, each.type_id
