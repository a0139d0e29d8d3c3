"""One pair of records: what the rows of all syncs ask for, against what stands there and what our ledger claims. Pure.

A write of a pair replaces all its portal-defined labels, so a pair has one input a run, with the complete set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hubferry.push.labels import USER_DEFINED, Labels
from hubferry.push.steps import Claim, End, HoldLinks, LinkStep, RemoveLabels, RemoveLinks, SetLinks, TypeRef
from hubferry.state.ledger import LinkRow


@dataclass(frozen=True)
class Ask:
    """One link that a row asks for; `types` in the direction from the row's record."""

    sync: str
    row_key: str
    from_: End
    to: End
    types: tuple[TypeRef, ...]


@dataclass
class Pair:
    """Two records, seen from `from_`."""

    from_: End
    to: End
    labels: Labels
    current: frozenset[TypeRef] = frozenset()
    """The types that stand there, as `from_` reads them."""
    current_back: frozenset[TypeRef] = frozenset()
    """The same as `to` reads them; only where `to` asks for something, too."""
    asks: list[Ask] = field(default_factory=list)
    claims: list[LinkRow] = field(default_factory=list)
    """Of every sync."""
    dropping: list[LinkRow] = field(default_factory=list)
    """Those whose rows were looked at and ask for them no more."""
    cleanup_default: bool = False

    def turned(self) -> Pair:
        """Give the same pair seen from the other end."""
        return replace(
            self,
            from_=self.to,
            to=self.from_,
            labels=self.labels.turned(),
            current=self.current_back,
            current_back=self.current,
        )


@dataclass
class PairDiff:
    """What a pair needs: steps, or only a note in the ledger."""

    from_: End
    to: End
    """The direction that the steps and claims are in."""
    steps: list[LinkStep] = field(default_factory=list)
    claims: tuple[Claim, ...] = ()
    released: tuple[Claim, ...] = ()
    added: int = 0
    removed: int = 0
    held: int = 0


def diff_pair(pair: Pair) -> PairDiff:
    """Decide what is written to a pair, and what the ledger keeps of it."""
    view = _View(pair)
    if view.unreadable and not (turned := _View(pair.turned())).unreadable:
        view = turned
    return _diff_view(view)


def _diff_view(view: _View) -> PairDiff:
    pair = view.pair
    diff = PairDiff(
        pair.from_,
        pair.to,
        claims=tuple(view.build_claims()),
        released=tuple(view.claim(row) for row in view.dropped),
    )
    missing = view.wanted - pair.current
    if missing:
        _set(view, missing, diff)
    elif pair.dropping:
        _remove(view, diff)
    if view.unreadable:
        diff.steps.append(_hold(view, "its label's other text is not known yet", "Push again after this run."))
        diff.held += 1
    return diff


def _set(view: _View, missing: frozenset[TypeRef], diff: PairDiff) -> None:
    pair = view.pair
    left = {each for each in view.gone - _of_portal(pair.current) if not each.is_unlabelled}
    portal_labels = {each for each in pair.current if each.category == USER_DEFINED}
    dropped = view.gone & portal_labels
    diff.steps.append(
        SetLinks(
            from_=pair.from_,
            to=pair.to,
            row_key=view.row_key,
            types=_ordered(view.wanted | (portal_labels - view.gone)),
            old=_ordered(pair.current),
            claims=diff.claims,
            released=tuple(each for each in diff.released if view.in_view(each) not in left),
            dropped=_ordered(dropped),
        )
    )
    diff.added, diff.removed = len(missing), len(dropped)
    if (
        left
    ):  # labels that HubSpot defines are not replaced by a write; each step notes in the ledger what it does itself
        released = tuple(each for each in diff.released if view.in_view(each) in left)
        _remove_labels(view, frozenset(left), diff, claims=(), released=released)


def _remove(view: _View, diff: PairDiff) -> None:
    pair = view.pair
    labels = frozenset(each for each in view.gone if not each.is_unlabelled)
    if view.wanted or view.kept or not pair.current or not (pair.cleanup_default or view.drops_default):
        if labels:
            _remove_labels(view, labels, diff)
    elif not view.labels_left:
        step = RemoveLinks(
            from_=pair.from_, to=pair.to, row_key=view.row_key, old=_ordered(pair.current), released=diff.released
        )
        diff.steps.append(step)
        diff.removed += max(1, len(labels))
    elif labels:
        diff.released = tuple(each for each in diff.released if not each.type.is_unlabelled)
        _remove_labels(view, labels, diff)
    elif view.drops_default:
        diff.released = tuple(each for each in diff.released if not each.type.is_unlabelled)
        advice = "The link stays while the pair has labels that others made; take them off in HubSpot to let it go."
        diff.steps.append(_hold(view, "other labels are on the pair", advice))
        diff.held += 1


def _of_portal(types: frozenset[TypeRef]) -> frozenset[TypeRef]:
    return frozenset(each for each in types if each.category == USER_DEFINED)


def _remove_labels(
    view: _View,
    labels: frozenset[TypeRef],
    diff: PairDiff,
    *,
    claims: tuple[Claim, ...] | None = None,
    released: tuple[Claim, ...] | None = None,
) -> None:
    pair = view.pair
    diff.steps.append(
        RemoveLabels(
            from_=pair.from_,
            to=pair.to,
            row_key=view.row_key,
            types=_ordered(labels),
            old=_ordered(pair.current),
            claims=diff.claims if claims is None else claims,
            released=diff.released if released is None else released,
        )
    )
    diff.removed += len(labels)


def _hold(view: _View, reason: str, advice: str) -> HoldLinks:
    return HoldLinks(from_=view.pair.from_, to=view.pair.to, row_key=view.row_key, reason=reason, advice=advice)


def _ordered(types: frozenset[TypeRef] | set[TypeRef]) -> tuple[TypeRef, ...]:
    return tuple(sorted(types, key=lambda each: (each.category, each.type_id)))


class _View:
    """A pair with everything turned to its own direction."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self._back = pair, pair.labels.turned()
        self.unreadable = False
        self.wanted = frozenset(self._wanted())
        dropping = set(pair.dropping)
        rest = [row for row in pair.claims if row not in dropping]
        asked = {(ask.sync, ask.row_key) for ask in pair.asks}
        self.kept = [row for row in rest if (row.sync, row.row_key) not in asked]
        """Claims of rows that were not looked at, or of other syncs: they stand."""
        turned = [(row, self.turn(self.type_of(row), forward=self.is_forward(row))) for row in pair.dropping]
        doubtful = {each for row, each in turned if each is not None and row.added and self._may_be_claimed(each)}
        self.dropped = [row for row, each in turned if each is not None and each not in doubtful]
        self.unreadable = self.unreadable or len(self.dropped) < len(turned)
        self.released_types = frozenset(each for row, each in turned if each is not None and row.added) - doubtful
        self.gone = frozenset(each for each in self.released_types & pair.current if not self._is_claimed(each))
        self.drops_default = any(each.is_unlabelled for each in self.released_types)

    @property
    def row_key(self) -> str:
        """Name a row for listings."""
        return self.pair.asks[0].row_key if self.pair.asks else self.pair.dropping[0].row_key

    @property
    def labels_left(self) -> bool:
        """Whether a label is on the pair that is not ours to remove now."""
        before = {(each[0], each[1]) for row in self.pair.claims for each in row.before if self.is_forward(row)}
        known = any(self.is_forward(row) for row in self.pair.claims)
        for each in self.pair.current - self.gone:
            if each.is_unlabelled:
                continue
            # What HubSpot itself put beside our write, as Primary, is no label of anybody's.
            if each.category != "HUBSPOT_DEFINED" or not known or (each.category, each.type_id) in before:
                return True
        return False

    def is_forward(self, row: LinkRow) -> bool:
        """Tell whether a claim's row is at our `from_`."""
        end = self.pair.from_
        return (row.from_object, row.from_id) == (end.object, end.record_id)

    def type_of(self, row: LinkRow) -> TypeRef:
        """Give a claim's type in its row's direction, with its present label."""
        labels = self.pair.labels if self.is_forward(row) else self._back
        return labels.named(row.category, row.type_id)

    def turn(self, each: TypeRef, *, forward: bool) -> TypeRef | None:
        """Give a type of a row as `from_` reads it."""
        return each if forward else self._back.inverse(each)

    def _forward(self, ask: Ask) -> bool:
        return ask.from_ == self.pair.from_ or ident(ask.from_) == ident(self.pair.from_)

    def _wanted(self) -> Iterator[TypeRef]:
        wanted = {each for ask in self.pair.asks if self._forward(ask) for each in ask.types}
        yield from wanted
        for ask in self.pair.asks:
            if self._forward(ask):
                continue
            for each in ask.types:
                turned = self._back.inverse(each)
                if turned is not None:
                    yield turned
                elif each in self.pair.current_back:
                    continue  # it stands there already: a write from our end keeps it under whatever text it has here
                elif not (each in wanted and self._is_of_one_object):  # if it is not symmetric, the next plan sees that
                    self.unreadable = True

    @property
    def _is_of_one_object(self) -> bool:
        return self.pair.from_.object == self.pair.to.object

    def _is_claimed(self, each: TypeRef) -> bool:
        """Tell whether somebody still asks for a type."""
        kept = (self.turn(self.type_of(row), forward=self.is_forward(row)) for row in self.kept)
        return each in self.wanted or each in kept

    def _may_be_claimed(self, each: TypeRef) -> bool:
        """Tell whether a type stands that others, seen from the other end, perhaps ask for: it stays until that is known."""
        if each not in self.pair.current or each.label is None or self._is_claimed(each):
            return False
        kept = (self.type_of(row) for row in self.kept if not self.is_forward(row))
        asked = (one for ask in self.pair.asks if not self._forward(ask) for one in ask.types)
        unknown = (one for one in (*kept, *asked) if self._back.inverse(one) is None)
        return any(self._back.may_be_inverse(one, each) for one in unknown)

    def in_view(self, claim: Claim) -> TypeRef | None:
        """Give a claim's type as `from_` reads it."""
        return self.turn(claim.type, forward=claim.forward)

    def build_claims(self) -> Iterator[Claim]:
        """Give the claims that are new or change: of the asks, and of those that inherit a type from a row that let it go."""
        known = {(row.sync, self.is_forward(row), self.type_of(row)): row for row in self.pair.claims}
        for ask in self.pair.asks:
            forward = self._forward(ask)
            for each in ask.types:
                old = known.get((ask.sync, forward, each))  # also of another key: a row's key may change
                turned = self.turn(each, forward=forward)
                if turned is None and each not in self.pair.current_back:
                    continue  # not written by this run, or not known to be: whose it is shows afterwards
                added = (old is not None and old.added) or self._is_new(turned) or self._inherits(turned)
                if old is None or old.added != added or old.row_key != ask.row_key:
                    yield Claim(ask.sync, ask.row_key, forward, each, added, self._before(forward=forward))
        for row in self.kept:
            turned = self.turn(self.type_of(row), forward=self.is_forward(row))
            if not row.added and self._inherits(turned):
                yield self.claim(row, added=True)

    def _is_new(self, turned: TypeRef | None) -> bool:
        return turned is not None and turned not in self.pair.current

    def _inherits(self, turned: TypeRef | None) -> bool:
        return turned is not None and turned in self.released_types

    def claim(self, row: LinkRow, *, added: bool | None = None) -> Claim:
        """Give a row of the ledger as a claim of a step."""
        before = tuple(TypeRef(*each) for each in row.before)
        forward = self.is_forward(row)
        return Claim(row.sync, row.row_key, forward, self.type_of(row), row.added if added is None else added, before)

    def _before(self, *, forward: bool) -> tuple[TypeRef, ...]:
        """Give what stood on the pair before our first write, in a row's direction."""
        for row in self.pair.claims:
            if self.is_forward(row) == forward:
                return tuple(TypeRef(*each) for each in row.before)
        if forward:
            return _ordered(self.pair.current)
        turned = (self.pair.labels.inverse(each) for each in self.pair.current)
        return tuple(each for each in turned if each is not None)


def ident(end: End) -> tuple[str, str]:
    """Name a record by object and id; one that is still to be made by the row it is of."""
    return end.object, end.record_id if end.record_id is not None else f"+{end.sync}\0{end.row_key}"


PairKey = tuple[tuple[str, str], tuple[str, str]]
"""Two ends, each an object and an id, in an order of their own."""


def pair_key(one: End, other: End) -> PairKey:
    """Give the same key for a pair from either end."""
    first, second = sorted((ident(one), ident(other)))
    return first, second


def build_link_row(claim: Claim, from_: End, to: End) -> LinkRow:
    """Give a claim as a row of the ledger; both records are known by now."""
    one, other = (from_, to) if claim.forward else (to, from_)
    return LinkRow(
        sync=claim.sync,
        row_key=claim.row_key,
        from_object=one.object,
        from_id=one.record_id or "",
        to_object=other.object,
        to_id=other.record_id or "",
        category=claim.type.category,
        type_id=claim.type.type_id,
        label=claim.type.label,
        added=claim.added,
        before=tuple((each.category, each.type_id, each.label) for each in claim.before),
    )
