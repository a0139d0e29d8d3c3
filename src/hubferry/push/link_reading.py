"""Links as HubSpot holds them now, and what they say about link steps of unknown outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import msgspec

from hubferry.hubspot.associations import fetch_labels, fetch_links
from hubferry.hubspot.client import Client
from hubferry.hubspot.memberships import are_lists, fetch_memberships
from hubferry.hubspot.rejections import Rejection
from hubferry.push.links import build_link_row
from hubferry.push.results import Result, SentStep, rejected
from hubferry.push.steps import Claim, End, HoldLinks, LinkStep, RemoveLabels, RemoveLinks, SetLinks, TypeRef
from hubferry.state.ledger import LedgerReader, LinkRow

Types = set[tuple[str, int]]
"""Category and type id."""


def fetch_current(
    client: Client, from_object: str, to_object: str, pairs: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Types]:
    """Give the types of each of these pairs that is linked; of one object, also as the other end reads them where it was read.

    1,000 records a call.
    """
    kept = {*pairs, *(_turned(pairs) if from_object == to_object else ())}
    return fetch_types(client, (from_object, to_object), {one for one, _ in pairs}, kept)


def fetch_types(
    client: Client, objects: tuple[str, str], ids: Collection[str], kept: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Types]:
    """Read all links of these records to another object (1,000 records a call) or to lists (100); give the types of the pairs in `kept`."""
    current: dict[tuple[str, str], Types] = {}
    from_object, to_object = objects
    if are_lists(to_object):
        read = fetch_memberships(client, from_object, sorted(ids))
    else:
        read = fetch_links(client, from_object, to_object, sorted(ids))
    for links in read:
        for link in links:
            pair = (link.from_id, link.to_id)
            if pair in kept:
                current.setdefault(pair, set()).add((link.category, link.type_id))
    return current


def _turned(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((other, one) for one, other in pairs)


@dataclass(frozen=True)
class SentLinks:
    """A link step whose two records are known."""

    sent: SentStep
    step: LinkStep
    """With record ids at both ends."""

    @property
    def objects(self) -> tuple[str, str]:
        """Give the two objects."""
        return self.step.from_.object, self.step.to.object

    @property
    def pair(self) -> tuple[str, str]:
        """Give the two record ids."""
        return self.step.from_.record_id or "", self.step.to.record_id or ""

    def applied(self) -> Result:
        """Give the result of a step that was carried out, with what the ledger keeps."""
        step = self.step
        claims: tuple[Claim, ...] = () if isinstance(step, RemoveLinks | HoldLinks) else step.claims
        released: tuple[Claim, ...] = () if isinstance(step, HoldLinks) else step.released
        return Result(
            number=self.sent.number,
            sync=self.sent.sync,
            step=self.sent.step,
            state="applied",
            record_id=step.from_.record_id,
            claims=tuple(self._row(each) for each in claims),
            released=tuple(self._row(each) for each in released),
            link=step,
        )

    def rejected(self, why: Rejection) -> Result:
        """Give the result of a step that HubSpot refused."""
        return replace(rejected(self.sent, why), link=self.step)

    def _row(self, claim: Claim) -> LinkRow:
        return build_link_row(claim, self.step.from_, self.step.to)


def resolve_ends(ledger: LedgerReader, steps: Sequence[SentStep]) -> tuple[list[SentLinks], list[SentStep]]:
    """Put record ids where a plan could name only rows, whose records are in the ledger now; give those without, too."""
    rows: dict[str, set[str]] = defaultdict(set)
    resolved, unnamed, without = list[SentLinks](), list[SentStep](), list[SentStep]()
    for each in steps:
        step = _link_step(each)
        missing = [end for end in (step.from_, step.to) if end.record_id is None]
        for end in missing:
            rows[end.sync or ""].add(end.row_key or "")
        if missing:
            unnamed.append(each)
        else:
            resolved.append(SentLinks(each, step))
    known = {
        (sync, key): row.record_id for sync, keys in rows.items() for key, row in ledger.query_rows(sync, keys).items()
    }
    for each in unnamed:
        step = _link_step(each)
        from_, to = (_with_id(end, known) for end in (step.from_, step.to))
        if from_ is None or to is None:
            without.append(each)
        else:
            resolved.append(SentLinks(each, msgspec.structs.replace(step, from_=from_, to=to)))
    return sorted(resolved, key=lambda each: each.sent.number), without


def resolve_types(client: Client, links: Sequence[SentLinks]) -> tuple[list[SentLinks], list[SentStep]]:
    """Put type ids where a plan could name only labels that it made itself; give the links whose label is not there, too."""
    known: dict[tuple[str, str], dict[str, TypeRef]] = {}
    resolved, without = [], []
    for each in links:
        step = each.step
        if not isinstance(step, SetLinks) or all(kind.type_id >= 0 for kind in step.types):
            resolved.append(each)
            continue
        forward, back = (_fetch_texts(client, ends, known) for ends in (each.objects, each.objects[::-1]))
        try:
            claims = [
                msgspec.structs.replace(claim, type=_with_type_id(claim.type, forward if claim.forward else back))
                for claim in step.claims
            ]
            types = [_with_type_id(kind, forward) for kind in step.types]
        except LookupError:
            without.append(each.sent)
        else:
            resolved.append(
                SentLinks(each.sent, msgspec.structs.replace(step, types=tuple(types), claims=tuple(claims)))
            )
    return resolved, without


def _fetch_texts(
    client: Client, ends: tuple[str, str], known: dict[tuple[str, str], dict[str, TypeRef]]
) -> dict[str, TypeRef]:
    if ends not in known:
        found = fetch_labels(client, *ends)
        known[ends] = {each.label: TypeRef(each.category, each.type_id, each.label) for each in found if each.label}
    return known[ends]


def _with_type_id(each: TypeRef, texts: Mapping[str, TypeRef]) -> TypeRef:
    return each if each.type_id >= 0 else texts[each.label or ""]


def _link_step(each: SentStep) -> LinkStep:
    assert isinstance(each.step, SetLinks | RemoveLabels | RemoveLinks | HoldLinks)
    return each.step


def _with_id(end: End, known: Mapping[tuple[str, str], str]) -> End | None:
    if end.record_id is not None:
        return end
    record_id = known.get((end.sync or "", end.row_key or ""))
    return msgspec.structs.replace(end, record_id=record_id) if record_id else None


def fetch_current_of(client: Client, links: Sequence[SentLinks]) -> dict[int, Types]:
    """Give, by step number, the types that stand on each pair now."""
    by_objects: dict[tuple[str, str], list[SentLinks]] = defaultdict(list)
    for each in links:
        by_objects[each.objects].append(each)
    found: dict[int, Types] = {}
    for objects, some in by_objects.items():
        current = fetch_current(client, *objects, {each.pair for each in some})
        found |= {each.sent.number: current.get(each.pair, set()) for each in some}
    return found


def find_link_results(client: Client, ledger: LedgerReader, steps: Sequence[SentStep]) -> dict[int, Result]:
    """Give, by number, the results of those link steps that HubSpot shows as carried out."""
    links, _ = resolve_types(client, resolve_ends(ledger, steps)[0])
    current = fetch_current_of(client, links)
    return {
        each.sent.number: each.applied() for each in links if _is_done(each.step, current.get(each.sent.number, set()))
    }


def _is_done(step: LinkStep, current: Types) -> bool:
    match step:
        case SetLinks():
            return type_keys(step.types) <= current and not type_keys(step.dropped) & current
        case RemoveLabels():
            return not type_keys(step.types) & current
        case RemoveLinks():
            return not current
        case HoldLinks():
            return False
        case _:
            assert_never(step)


def type_keys(types: Iterable[TypeRef]) -> Types:
    """Give types without their labels, which may be renamed."""
    return {(each.category, each.type_id) for each in types}
