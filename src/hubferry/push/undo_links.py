"""The links of an undo: what a run added goes, what it took off comes back, and what others put or claim there stays. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hubferry.push.labels import USER_DEFINED
from hubferry.push.link_reading import SentLinks, Types, type_keys
from hubferry.push.links import PairKey, build_link_row, pair_key
from hubferry.push.steps import Claim, End, HoldLinks, RemoveLabels, RemoveLinks, SetLinks, TypeRef
from hubferry.state.ledger import LinkRow

UNLINK_ADVICE = "Take the link off in HubSpot if it is not wanted."


@dataclass
class UndonePair:
    """All that one run did to a pair, in the direction of its steps."""

    sync: str
    row_key: str
    from_: End
    to: End
    number: int
    before: Types
    """What was there before the run."""
    after: Types
    """What the run left there."""
    names: dict[tuple[str, int], TypeRef] = field(default_factory=dict)
    made: dict[Claim, None] = field(default_factory=dict)
    """Claims that the run made."""
    given_up: dict[Claim, None] = field(default_factory=dict)
    """Claims that the run gave up."""

    def note(self, step: SetLinks | RemoveLabels | RemoveLinks) -> None:
        """Follow one step of the run."""
        match step:
            case SetLinks():
                self.after = {each for each in self.after if each[0] != USER_DEFINED} | type_keys(step.types)
            case RemoveLabels():
                self.after = self.after - type_keys(step.types)
            case RemoveLinks():
                self.after = set()
        types = () if isinstance(step, RemoveLinks) else step.types
        self.names |= {(each.category, each.type_id): each for each in (*types, *step.old)}
        if not isinstance(step, RemoveLinks):
            self.made |= dict.fromkeys(step.claims)
        self.given_up |= dict.fromkeys(step.released)


def build_pairs(links: Iterable[SentLinks], archived: set[tuple[str, str]]) -> dict[PairKey, UndonePair]:
    """Collect the steps of a run by pair; pairs of records that the undo archives go with them."""
    pairs: dict[PairKey, UndonePair] = {}
    for each in links:
        step = each.step
        if isinstance(step, HoldLinks) or any(end in archived for end in zip(each.objects, each.pair, strict=True)):
            continue
        key, old = pair_key(step.from_, step.to), type_keys(step.old)
        pair = pairs.get(key)
        if pair is None:
            pair = UndonePair(each.sent.sync, step.row_key, step.from_, step.to, each.sent.number, old, set(old))
            pairs[key] = pair
        pair.note(step)
    return pairs


@dataclass(frozen=True)
class PairBack:
    """What takes a pair back: a step, or None; and why something stays, where something does."""

    step: SetLinks | RemoveLabels | RemoveLinks | None = None
    added: int = 0
    removed: int = 0
    stays: str | None = None


def diff_back(pair: UndonePair, current: Types, claims: Sequence[LinkRow]) -> PairBack:
    """Give the inverse of a run for a pair that has these types now; `claims` are all of the ledger for it."""
    made = {_identity(build_link_row(each, pair.from_, pair.to)) for each in pair.made}
    others = [row for row in claims if _identity(row) not in made]
    forward = [row for row in others if (row.from_object, row.from_id) == (pair.from_.object, pair.from_.record_id)]
    if len(forward) < len(others):
        return PairBack(stays="another row asks for it from the other end")
    kept = {(row.category, row.type_id) for row in forward}
    gone = ((pair.after - pair.before) & current) - kept
    back = (pair.before - pair.after) - current
    foreign = {each for each in current - gone - pair.before if each[0] != "HUBSPOT_DEFINED"}
    if back:
        return PairBack(_set(pair, current, gone, back), len(back), len(gone))
    if not gone:
        return PairBack()
    if not pair.before and not foreign and not kept:
        step = RemoveLinks(
            from_=pair.from_,
            to=pair.to,
            row_key=pair.row_key,
            old=_named(pair, current),
            released=tuple(pair.made),
        )
        return PairBack(step, removed=len(gone))
    labels = {each for each in gone if pair.names[each].label is not None}
    stays = "others put labels on the link, so it stays" if labels != gone or not pair.before else None
    return PairBack(_remove(pair, current, labels) if labels else None, removed=len(labels), stays=stays)


def _set(pair: UndonePair, current: Types, gone: Types, back: Types) -> SetLinks:
    """A write replaces the labels of the portal: those that stay are sent with those that come back."""
    labels = {each for each in current if each[0] == USER_DEFINED} - gone
    return SetLinks(
        from_=pair.from_,
        to=pair.to,
        row_key=pair.row_key,
        types=_named(pair, labels | back),
        old=_named(pair, current),
        claims=tuple(pair.given_up),
        released=tuple(pair.made),
        dropped=_named(pair, {each for each in gone if each[0] == USER_DEFINED}),
    )


def _remove(pair: UndonePair, current: Types, labels: Types) -> RemoveLabels:
    return RemoveLabels(
        from_=pair.from_,
        to=pair.to,
        row_key=pair.row_key,
        types=_named(pair, labels),
        old=_named(pair, current),
        claims=tuple(pair.given_up),
        released=tuple(pair.made),
    )


def _named(pair: UndonePair, keys: Types) -> tuple[TypeRef, ...]:
    return tuple(pair.names.get(each, TypeRef(*each)) for each in sorted(keys))


def _identity(row: LinkRow) -> tuple[object, ...]:
    return row.sync, row.from_object, row.from_id, row.to_object, row.to_id, row.category, row.type_id
