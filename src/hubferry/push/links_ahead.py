"""What stands on the pairs of the link steps ahead, read again where the plan looked a while ago.

In calls as full as can be, whatever the pages that are written at a time: a record's links are read once for all its steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from hubferry.hubspot.associations import READ_INPUTS
from hubferry.hubspot.client import Client
from hubferry.push.draft import load_step
from hubferry.push.link_reading import SentLinks, Types, fetch_current, fetch_current_of, resolve_ends
from hubferry.push.results import SentStep
from hubferry.push.send_records import FRESH_SECONDS
from hubferry.push.steps import End
from hubferry.state.ledger import LedgerReader
from hubferry.state.plans import PAGE, StoredStep

STEPS_AHEAD = 10 * PAGE
"""Steps among which full calls are looked for: more would be a minute old before they are written."""
Objects = tuple[str, str]
Pair = tuple[str, str]
Steps = dict[str, list[tuple[int, Pair]]]
"""Steps with their pairs, by the record whose links are read."""


class _Ends(msgspec.Struct):
    """Of a link step what names its pair."""

    from_: End
    to: End


_ENDS = msgspec.json.Decoder(_Ends)


class StepsAhead(Iterator[list[StoredStep]]):
    """Steps page by page; those after a page can be looked at before they are taken."""

    def __init__(self, steps: Iterator[StoredStep], *, page: int = PAGE) -> None:
        self._steps, self._page, self._waiting = steps, page, list[StoredStep]()

    def __next__(self) -> list[StoredStep]:
        page, self._waiting = self.peek(self._page), self._waiting[self._page :]
        if not page:
            raise StopIteration
        return page

    def peek(self, number: int) -> list[StoredStep]:
        """Give so many of the steps that follow, all that are left if there are fewer."""
        self._waiting += islice(self._steps, max(0, number - len(self._waiting)))
        return self._waiting[:number]


@dataclass
class LinksAhead:
    """One per apply."""

    client: Client
    ledger: LedgerReader
    steps_ahead: int = STEPS_AHEAD
    records_a_call: int = READ_INPUTS
    _seen: dict[int, Types] = field(default_factory=dict)
    _looked: dict[int, float] = field(default_factory=dict)
    """When a step was looked at, by its number, also where a record of it does not exist."""

    def look(self, page: Sequence[StoredStep], following: Callable[[int], Sequence[StoredStep]]) -> None:
        """Read what stands on the pairs of a page, unless that was done with an earlier one, and on those of steps that follow."""
        now = self.client.present().timestamp()
        first = page[0].number
        self._looked = {each: at for each, at in self._looked.items() if each >= first and now - at <= FRESH_SECONDS}
        self._seen = {each: types for each, types in self._seen.items() if each in self._looked}
        if all(each.number in self._looked for each in page if _has_pair(each)):
            return
        steps = [*page, *following(max(0, self.steps_ahead - len(page)))]
        for objects, found in self._sort(steps).items():
            chosen = self._choose(found, page[-1].number, goes_on=len(steps) >= self.steps_ahead)
            pairs = {pair for each in chosen for _, pair in found[each]}
            current = fetch_current(self.client, *objects, pairs)
            for number, pair in (step for each in chosen for step in found[each]):
                self._seen[number], self._looked[number] = current.get(pair, set()), now

    def types_of(self, links: Sequence[SentLinks]) -> Mapping[int, Types]:
        """Give what stands on pairs, by step number: as it was seen less than a minute ago, else as it is now."""
        now = self.client.present().timestamp()
        if all(now - self._looked.get(each.sent.number, 0.0) <= FRESH_SECONDS for each in links) and all(
            each.sent.number in self._seen for each in links
        ):
            return self._seen
        return fetch_current_of(self.client, links)

    def _sort(self, steps: Sequence[StoredStep]) -> dict[Objects, Steps]:
        """Give the pairs that were not looked at, by their objects and the record whose links are read."""
        found: dict[Objects, Steps] = defaultdict(lambda: defaultdict(list))
        due = (each for each in steps if _has_pair(each) and each.number not in self._looked)
        while some := list(islice(due, PAGE)):
            unnamed: list[SentStep] = []
            for each in some:
                ends = _ENDS.decode(each.step)  # the whole of a step takes much more time and room than its pair
                if ends.from_.record_id is None or ends.to.record_id is None:
                    unnamed.append(SentStep(each.number, each.sync, load_step(each)))
                else:
                    pair = ends.from_.record_id, ends.to.record_id
                    found[ends.from_.object, ends.to.object][pair[0]].append((each.number, pair))
            self._name(unnamed, found)
        return found

    def _name(self, unnamed: Sequence[SentStep], found: dict[Objects, Steps]) -> None:
        """Add the steps whose records were made by this run; those without have been looked at."""
        links, without = resolve_ends(self.ledger, unnamed)
        for each in links:
            found[each.objects][each.pair[0]].append((each.sent.number, each.pair))
        self._looked |= dict.fromkeys((each.number for each in without), self.client.present().timestamp())

    def _choose(self, found: Steps, page_end: int, *, goes_on: bool) -> list[str]:
        """Leave records that would not fill a call to a later look, where more steps follow; those of the page are read now."""
        records = sorted(found, key=lambda each: min(found[each]))
        full = len(records) - len(records) % self.records_a_call
        if not goes_on or not full or any(min(found[each])[0] <= page_end for each in records[full:]):
            return records
        return records[:full]


def _has_pair(stored: StoredStep) -> bool:
    return stored.kind != "hold_links"
