"""Sends the link steps of a chunk: whole label sets first, then labels off, then links off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from hubferry.errors import HubferryError
from hubferry.hubspot.associations import (
    LinkInput,
    LinkOutcome,
    LinkType,
    send_labels_archive,
    send_links,
    send_links_archive,
)
from hubferry.hubspot.client import Client
from hubferry.hubspot.memberships import are_lists, send_joins, send_leaves
from hubferry.push.link_reading import (
    SentLinks,
    Types,
    find_link_results,
    resolve_ends,
    resolve_types,
    type_keys,
)
from hubferry.push.links_ahead import LinksAhead, StepsAhead
from hubferry.push.results import Result, SentStep, skipped, unknown
from hubferry.push.send_records import FRESH_SECONDS, MOVED_ADVICE
from hubferry.push.steps import HoldLinks, LinkStep, RemoveLabels, RemoveLinks, SetLinks
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerReader
from hubferry.state.plans import StoredStep
from hubferry.warehouse.interface import Warehouse

Send = Callable[[Client, str, str, Sequence[LinkInput]], LinkOutcome]
ORDER: tuple[tuple[type, Send], ...] = (
    (SetLinks, send_links),
    (RemoveLabels, send_labels_archive),
    (RemoveLinks, send_links_archive),
)
MEMBERSHIPS: dict[type, Send] = {SetLinks: send_joins, RemoveLinks: send_leaves}
"""The same for links to lists, which have no labels."""


@dataclass
class LinkSender:
    """Writes links; one per apply."""

    client: Client
    warehouse: Warehouse
    lease: Lease
    observed_at: float
    _ahead: LinksAhead = field(init=False)

    def __post_init__(self) -> None:
        self._ahead = LinksAhead(self.client, self._ledger())

    def look_ahead(self, page: Sequence[StoredStep], following: StepsAhead) -> None:
        """Look again at the pairs of a page, and of pages that follow it, where the plan looked a while ago."""
        if self._is_stale():
            self._ahead.look(page, following.peek)

    def send(self, chunk: Sequence[SentStep]) -> tuple[list[Result], HubferryError | None]:
        """Give every result there is, and the error that stopped the rest, if one did."""
        ledger = self._ledger()
        results = [
            skipped(each, each.step.reason, each.step.advice, state=each.step.outcome)
            for each in chunk
            if isinstance(each.step, HoldLinks)
        ]
        links, without = resolve_ends(ledger, [each for each in chunk if not isinstance(each.step, HoldLinks)])
        advice = "See why the row's record was not written; the link follows when it is."
        results += [skipped(each, "a record of the link was not created", advice) for each in without]
        links, unlabelled = resolve_types(self.client, links)
        advice = "See why the label was not created; the link follows when it is."
        results += [skipped(each, "its label is not there", advice) for each in unlabelled]
        ready, refused = self._sort_out(links)
        results += refused
        for kind, send in ORDER:
            groups: dict[tuple[str, str], list[SentLinks]] = defaultdict(list)
            for each in ready:
                if isinstance(each.step, kind):
                    groups[each.objects].append(each)
            for objects, some in groups.items():
                call = MEMBERSHIPS[kind] if are_lists(objects[1]) else send
                answered, failure = self._send_group(call, objects, some, ledger)
                results += answered
                if failure is not None:
                    return results, failure
        return results, None

    def _sort_out(self, links: Sequence[SentLinks]) -> tuple[list[SentLinks], list[Result]]:
        """Leave out pairs that moved since the plan, and a pair that two steps turned out to be about."""
        stale = self._is_stale()
        current = self._ahead.types_of(links) if stale else {}
        ready, refused = [], list[Result]()
        seen: set[tuple[type, frozenset[tuple[str, str]]]] = set()
        for each in links:
            one, other = zip(each.objects, each.pair, strict=True)
            key = (type(each.step), frozenset({one, other}))
            if key in seen or one == other:
                reason = "both rows turned out to be one record, or another step wrote this pair"
                refused.append(skipped(each.sent, reason, MOVED_ADVICE))
            elif stale and _moved(each.step, current[each.sent.number]):
                refused.append(skipped(each.sent, "its labels changed in HubSpot after the plan", MOVED_ADVICE))
            else:
                ready.append(each)
            seen.add(key)
        return ready, refused

    def _is_stale(self) -> bool:
        return self.client.present().timestamp() - self.observed_at > FRESH_SECONDS

    def _ledger(self) -> LedgerReader:
        return LedgerReader(self.warehouse, self.lease.portal_id)

    def _send_group(
        self, send: Send, objects: tuple[str, str], links: Sequence[SentLinks], ledger: LedgerReader
    ) -> tuple[list[Result], HubferryError | None]:
        """Send links of one direction; what has no known outcome is read back, and sent once more if it is not there."""
        results, lost, failure = self._send_once(send, objects, links)
        if lost and failure is None:
            done = find_link_results(self.client, ledger, [each.sent for each in lost])
            again, lost, failure = self._send_once(
                send, objects, [each for each in lost if each.sent.number not in done]
            )
            results += [*done.values(), *again]
            if lost and failure is None:
                done = find_link_results(self.client, ledger, [each.sent for each in lost])
                results += [done.get(each.sent.number) or unknown(each.sent) for each in lost]
        return results, failure

    def _send_once(
        self, send: Send, objects: tuple[str, str], links: Sequence[SentLinks]
    ) -> tuple[list[Result], list[SentLinks], HubferryError | None]:
        inputs = {each.pair: each for each in links}
        if not inputs:
            return [], [], None
        try:
            self.lease.require()
            outcome = send(self.client, *objects, [_input(each) for each in links])
        except HubferryError as error:
            return [], list(links), error
        results = [inputs[each.from_id, each.to_id].applied() for each in outcome.applied]
        results += [inputs[each.from_id, each.to_id].rejected(why) for each, why in outcome.rejected.items()]
        return results, [inputs[each.from_id, each.to_id] for each in outcome.unknown], outcome.error


def _input(each: SentLinks) -> LinkInput:
    one, other = each.pair
    step = each.step
    match step:
        case SetLinks() | RemoveLabels():
            return LinkInput(one, other, tuple(LinkType(kind.category, kind.type_id) for kind in step.types))
        case RemoveLinks():
            return LinkInput(one, other)
        case HoldLinks():
            raise TypeError("a link on hold is not sent")
        case _:
            assert_never(step)


def _moved(step: LinkStep, current: Types) -> bool:
    """Tell whether labels came or went; what HubSpot defines moves by itself (Primary) and survives a write."""
    if isinstance(step, HoldLinks):
        return False
    if isinstance(step, RemoveLinks) and current - type_keys(step.old):
        return True  # whatever came would go with the link
    return any(category != "HUBSPOT_DEFINED" for category, _ in type_keys(step.old) ^ current)
