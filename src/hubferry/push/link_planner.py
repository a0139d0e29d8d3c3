"""Plans the links of all syncs of a run together, after their records: keys become records, pairs are compared once.

What the rows ask for is in a `LinkStore`, and pairs are compared slice by slice: memory grows with neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from hubferry.hubspot.client import Client
from hubferry.hubspot.memberships import are_lists
from hubferry.push.draft import Draft
from hubferry.push.encode import canonical
from hubferry.push.labels import Labels
from hubferry.push.link_reading import fetch_current, fetch_types
from hubferry.push.link_store import LinkStore, Slice, StoredAsk
from hubferry.push.links import Ask, Pair, PairDiff, build_link_row, diff_pair, ident, pair_key
from hubferry.push.mapping import LinkField
from hubferry.push.matching import is_domain
from hubferry.push.observed import fetch_observed
from hubferry.push.portal import Portal
from hubferry.push.record_planner import RecordPlanner
from hubferry.push.rows import Problem, link_detail
from hubferry.push.standing import hold_link
from hubferry.push.steps import CreateLabel, End, InvalidEntry, LinkStep, SetLinks, TypeRef
from hubferry.state.ledger import LedgerReader, LinkRow
from hubferry.state.row_states import RowState, query_link_states

Row = tuple[str, str]
"""Sync and row key."""
Present = dict[tuple[str, str], dict[tuple[str, str], set[tuple[str, int]]]]
"""By two objects and two record ids: the types that stand on the pair."""


def plan_links(
    portal: Portal, ledger: LedgerReader, draft: Draft, planners: Sequence[RecordPlanner], store: LinkStore
) -> None:
    """Compare what the rows ask for with the links of their records, over all syncs at once."""
    plan = _LinkPlan(portal, ledger, draft, {each.mapping.name: each for each in planners}, store)
    if any(planner.mapping.links for planner in planners):
        plan.collect()
        plan.read()
        for part in store.slices():
            _Comparison(plan, part.present).compare(part)
            draft.lease.renew()
        plan.settle()


@dataclass
class _LinkPlan:
    portal: Portal
    ledger: LedgerReader
    draft: Draft
    planners: dict[str, RecordPlanner]
    store: LinkStore
    frozen: set[tuple[str, str, str]] = field(default_factory=set)
    """Sync, row and other object where a wish could not be read: nothing is removed there."""
    labels: set[tuple[frozenset[str], str]] = field(default_factory=set)
    """Labels that the plan makes: objects and text."""

    @cached_property
    def states(self) -> Mapping[str, Mapping[str, RowState]]:
        """By sync: its links that HubSpot refused; none where a person wants them tried."""
        return {
            name: query_link_states(self.draft.lease.warehouse, self.ledger.portal_id, name)
            for name, planner in self.planners.items()
            if planner.only is None
        }

    @property
    def client(self) -> Client:
        """Give the portal's client."""
        return self.portal.client

    def collect(self) -> None:
        """Turn wishes into asks; what cannot be one is set aside with its reason. Then note what was asked for before."""
        keys = _Keys(self.portal, self.store, self._entries())
        keys.find()
        for row, wish in self.store.wishes():
            planner = self.planners[row.sync]
            planner.counts.links += 1
            link = planner.mapping.links[wish.field]
            end, problem = None, wish.problem
            if problem is None:
                end, problem = keys.end(link, wish.key, row.end)
            if end is None or problem is not None:
                self.set_aside(row.sync, row.row_key, link, problem or _unknown_key(link, wish.key))
            else:
                ask = Ask(row.sync, row.row_key, row.end, end, wish.types)
                self.store.add_ask(wish.field, ask, by_id=link.by is None)
        for planner in self.planners.values():
            for claims in self._claims_of(planner):
                self.store.add_claims(claims)

    def _entries(self) -> dict[tuple[str, str], LinkField]:
        """Give an entry that names another object by a property, by both."""
        links = [link for planner in self.planners.values() for link in planner.mapping.links]
        return {(link.to, link.by.name): link for link in links if link.by is not None}

    def set_aside(self, sync: str, row_key: str, link: LinkField, problem: Problem) -> None:
        """List a link that cannot be; the row's other links go on."""
        entry = InvalidEntry(row_key=row_key, detail=problem.detail, reason=problem.message, advice=problem.advice)
        self.draft.add(sync, entry)
        self.planners[sync].counts.links_invalid += 1
        self.store.set_busy([(sync, row_key)])
        self.frozen.add((sync, row_key, link.to))

    def _claims_of(self, planner: RecordPlanner) -> Iterator[list[LinkRow]]:
        """Give what the rows that were looked at asked for before, where the sync still has such a column."""
        name, objects = planner.mapping.name, {link.to for link in planner.mapping.links}
        if not objects:
            return
        for keys in (*self.store.row_keys(name), *self._left_keys(planner)):
            rows = self.ledger.query_links(name, keys)
            yield [row for row in rows if row.to_object in objects and row.from_object == planner.mapping.object]

    def _left_keys(self, planner: RecordPlanner) -> Iterator[list[str]]:
        """A mirrored row that left and whose record stays loses its links; an archived record loses them by itself.

        A plan of some rows does not know which ones left: it does not place those that it does not look at.
        """
        if planner.mapping.sync.block.mode != "mirror" or planner.keyless or planner.only is not None:
            return
        for keys in planner.rows.query_left(self.ledger.portal_id):
            known = self.ledger.query_rows(planner.mapping.name, keys).values()
            yield [row.row_key for row in known if not row.created]

    def read(self) -> None:
        """Read what stands on the pairs, and look up record ids that no link shows: they may be wrong, or merged away."""
        moved: dict[tuple[str, str], str | None] = {}
        for each in self.store.readings():
            shown = fetch_types(self.client, each.objects, each.ids, each.kept)
            self.store.add_present(each.objects, shown)
            moved |= self._look_up(each.objects[1], {pair[1] for pair in each.by_id if pair not in shown})
            self.draft.lease.renew()
        for to, ids in self.store.ids_of_new():
            moved |= self._look_up(to, set(ids))
        wanted: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for (to, record_id), survivor in moved.items():
            for stored in self.store.take_asks(to, record_id):
                ask = self._correct(stored, survivor)
                if ask is not None and ask.from_.record_id is not None and ask.to.record_id is not None:
                    wanted[ask.from_.object, to].add((ask.from_.record_id, ask.to.record_id))
        for objects, pairs in wanted.items():
            self.store.add_present(objects, fetch_current(self.client, *objects, pairs))

    def _look_up(self, object_name: str, record_ids: set[str]) -> dict[tuple[str, str], str | None]:
        """Give those of these ids that are not a living record's own: with the survivor's id, or None."""
        asked = self.store.take_unchecked(object_name, record_ids)
        if are_lists(object_name):
            known = self.portal.fetch_lists(object_name)
            return {(object_name, each): None for each in asked if each not in known}
        found = fetch_observed(self.client, object_name, asked, ())
        merged = {each: record.record_id for each, record in found.items() if each.lstrip("0") != record.record_id}
        self.draft.follow_merges(object_name, merged)
        survivors = {each: found[each].record_id if each in found else None for each in asked}
        return {(object_name, each): survivor for each, survivor in survivors.items() if survivor != each}

    def _correct(self, stored: StoredAsk, survivor: str | None) -> Ask | None:
        """Have an ask name the record that survived; without one, or where it is the row's own, it is set aside."""
        ask = stored.ask
        link, record_id = self.planners[ask.sync].mapping.links[stored.field], ask.to.record_id or ""
        if survivor is None:
            self.set_aside(ask.sync, ask.row_key, link, _unknown_key(link, record_id))
        elif survivor == ask.from_.record_id and link.to == ask.from_.object:
            self.set_aside(ask.sync, ask.row_key, link, _self_link(link, record_id))
        else:
            ask = replace(ask, to=End(link.to, survivor))
            self.store.add_ask(stored.field, ask, by_id=True)
            return ask
        return None

    def settle(self) -> None:
        """Rows whose record and links hold everything are noted as done; the next push does not look at them."""
        for rows in self.store.settled():
            self.draft.adopt([replace(row, row_hash="") if busy else row for row, busy in rows])


@dataclass
class _Comparison:
    """Some pairs, with all there is about them."""

    plan: _LinkPlan
    present: Present
    claimed: list[LinkRow] = field(default_factory=list)
    released: list[LinkRow] = field(default_factory=list)
    busy: set[Row] = field(default_factory=set)

    def compare(self, part: Slice) -> None:
        """Diff each pair once: steps into the plan, and what needs no write into the ledger."""
        pairs = self._pairs(part)
        self._add_other_claims(pairs)
        self._read_back(pairs.values(), {(each.ask.from_, each.ask.to) for each in part.asks})
        for pair in pairs.values():
            self._see(pair)
        for pair in pairs.values():
            self._plan_pair(pair, self._held_back(pair, diff_pair(pair)))
        self.plan.draft.adopt_links(self.claimed, self.released)
        self.plan.store.set_busy(self.busy)

    def _pairs(self, part: Slice) -> dict[object, Pair]:
        pairs: dict[object, Pair] = {}
        cleanup = self._cleanup_objects()
        wanted: set[tuple[str, str, object, tuple[str, int]]] = set()
        for each in part.asks:
            ask = each.ask
            key = pair_key(ask.from_, ask.to)
            link = self.plan.planners[ask.sync].mapping.links[each.field]
            pair = pairs.setdefault(key, Pair(ask.from_, ask.to, link.labels))
            pair.asks.append(ask)
            wanted |= {(ask.sync, ask.row_key, key, (kind.category, kind.type_id)) for kind in ask.types}
        for row in part.claims:
            ends = End(row.from_object, row.from_id), End(row.to_object, row.to_id)
            key = pair_key(*ends)
            if (row.sync, row.row_key, row.to_object) in self.plan.frozen:
                continue
            if (row.sync, row.row_key, key, (row.category, row.type_id)) in wanted:
                continue
            pair = pairs.setdefault(key, Pair(*ends, self._labels(row)))
            pair.dropping.append(row)
            pair.cleanup_default = pair.cleanup_default or (row.sync, row.to_object) in cleanup
        return pairs

    def _cleanup_objects(self) -> set[Row]:
        return {
            (name, link.to)
            for name, planner in self.plan.planners.items()
            for link in planner.mapping.links
            if link.cleanup_default
        }

    def _labels(self, row: LinkRow) -> Labels:
        links = self.plan.planners[row.sync].mapping.links
        return next(link.labels for link in links if link.to == row.to_object)

    def _add_other_claims(self, pairs: dict[object, Pair]) -> None:
        """Every sync's claims count, also of rows that this run did not look at."""
        ends: dict[str, set[str]] = defaultdict(set)
        for pair in pairs.values():
            if pair.from_.record_id is not None:
                ends[pair.from_.object].add(pair.from_.record_id)
        for object_name, ids in ends.items():
            for row in self.plan.ledger.query_links_at(object_name, ids):
                pair_ = pairs.get(pair_key(End(row.from_object, row.from_id), End(row.to_object, row.to_id)))
                if pair_ is not None and row not in pair_.claims:
                    pair_.claims.append(row)

    def _see(self, pair: Pair) -> None:
        """Say what stands on a pair; where both ends were read, the two texts of one label show."""
        pair.current = frozenset(self._types(pair.labels, pair.from_, pair.to))
        pair.current_back = frozenset(self._types(pair.labels.turned(), pair.to, pair.from_))
        if pair.current or pair.current_back:
            pair.labels.learn(pair.current, pair.current_back)

    def _read_back(self, pairs: Iterable[Pair], asked: Collection[tuple[End, End]]) -> None:
        """Read pairs from their other end too, where somebody's claim is seen from there."""
        far: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for pair in pairs:
            seen = any((row.from_object, row.from_id) == (pair.to.object, pair.to.record_id) for row in pair.claims)
            if seen and (pair.to, pair.from_) not in asked and pair.from_.record_id and pair.to.record_id:
                far[pair.to.object, pair.from_.object].add((pair.to.record_id, pair.from_.record_id))
        for objects, some in far.items():
            self.present.setdefault(objects, {}).update(fetch_current(self.plan.client, *objects, some))

    def _types(self, labels: Labels, one: End, other: End) -> list[TypeRef]:
        shown = self.present.get((one.object, other.object), {})
        return [labels.named(*each) for each in shown.get((one.record_id or "", other.record_id or ""), ())]

    def _held_back(self, pair: Pair, diff: PairDiff) -> PairDiff:
        """A pair that HubSpot refused a short while ago is not tried again yet."""
        states = self.plan.states.get(pair.asks[0].sync if pair.asks else pair.dropping[0].sync)
        held = hold_link(diff.steps, states, self.plan.draft.stamp.at) if states else None
        return diff if held is None else PairDiff(diff.from_, diff.to, steps=[held], held=1)

    def _plan_pair(self, pair: Pair, diff: PairDiff) -> None:
        sync = pair.asks[0].sync if pair.asks else pair.dropping[0].sync
        counts = self.plan.planners[sync].counts
        for ask in pair.asks:
            own = self.plan.planners[ask.sync].counts
            own.links_planned += bool(diff.steps)
            own.links_unchanged += not diff.steps
        counts.links_added += diff.added
        losing = self.plan.planners[pair.dropping[0].sync].counts if pair.dropping else counts
        losing.links_removed += diff.removed  # under the guard of the sync whose links they are
        counts.links_held += diff.held
        if diff.steps:
            self.busy |= {(each.sync, each.row_key) for each in pair.asks} | {
                (r.sync, r.row_key) for r in pair.dropping
            }
            for step in diff.steps:
                self._add_labels(sync, step)
                self.plan.draft.add(sync, step)
        else:
            self.claimed += [build_link_row(each, diff.from_, diff.to) for each in diff.claims]
            self.released += [build_link_row(each, diff.from_, diff.to) for each in diff.released]

    def _add_labels(self, sync: str, step: LinkStep) -> None:
        """Have the plan make the labels that a step needs and HubSpot does not have, each once."""
        for each in step.types if isinstance(step, SetLinks) else ():
            ends = frozenset({step.from_.object, step.to.object})
            if each.type_id < 0 and each.label is not None and (ends, each.label) not in self.plan.labels:
                self.plan.labels.add((ends, each.label))
                label = CreateLabel(
                    row_key=step.row_key, from_object=step.from_.object, to_object=step.to.object, label=each.label
                )
                self.plan.draft.add(sync, label)
                self.plan.planners[sync].counts.labels_created += 1


@dataclass
class _Keys:
    """Records by the values of the properties that name them: of this run's rows, and of HubSpot."""

    portal: Portal
    store: LinkStore
    entries: Mapping[tuple[str, str], LinkField]

    def find(self) -> None:
        """Read the records that keys name, but for those that a row of this run names itself."""
        self.store.learn_rows()
        for to, name, keys in self.store.wished_keys():
            link = self.entries[to, name]
            assert link.by is not None
            if are_lists(to):
                named = [(name.casefold(), each) for each, name in self.portal.fetch_lists(to).items()]
                found = [(key, each) for key in keys for name, each in named if name == key.casefold()]
            elif is_domain(link.by, to):
                index = self.portal.index_values(to, link.by)
                found = [(key, record_id) for key in keys for record_id in index.find(key)]
            else:
                asked = {key for key in keys if not self.store.find_ends(to, name, self._value(link, key))}
                read = fetch_observed(self.portal.client, to, asked, (), id_property=link.by)
                found = [(key, record.record_id) for key, record in read.items()]
            for key, record_id in found:
                self.store.add_end(to, name, self._value(link, key), End(to, record_id))

    def end(self, link: LinkField, key: str, own: End) -> tuple[End | None, Problem | None]:
        """Give the record that a key names, or why there is none."""
        ends = [End(link.to, key)] if link.by is None else self._find(link, key)
        if not ends:
            return None, _unknown_key(link, key)
        if len(ends) > 1:
            return None, _ambiguous_key(link, key, ends)
        if ident(ends[0]) == ident(own):
            return None, _self_link(link, key)
        return ends[0], None

    def _find(self, link: LinkField, key: str) -> list[End]:
        assert link.by is not None
        return self.store.find_ends(link.to, link.by.name, self._value(link, key))

    @staticmethod
    def _value(link: LinkField, key: str) -> str:
        assert link.by is not None
        return str(canonical(key, link.by))


def _ambiguous_key(link: LinkField, key: str, ends: Sequence[End]) -> Problem:
    found = ", ".join(each.record_id or f"the new one of row {each.row_key}" for each in ends)
    by = link.by.name if link.by else "hs_object_id"
    advice = "Merge them in HubSpot, correct the source, or name the record by its id (`by: hs_object_id`)."
    return Problem(link_detail(link.to, key), f"several records of {link.to} have this {by}: {found}", advice)


def _unknown_key(link: LinkField, key: str) -> Problem:
    if are_lists(link.to):
        by = "name" if link.by else "id"
        advice = (
            "Name a list of this object whose members are set by hand; one with filters decides itself who is in it."
        )
        return Problem(link_detail(link.to, key), f"there is no such static list: {by} {key!r} of {link.to}", advice)
    by = link.by.name if link.by else "hs_object_id"
    advice = "Create that record first, or correct the key in the source."
    return Problem(link_detail(link.to, key), f"no record of {link.to} has this {by}", advice)


def _self_link(link: LinkField, key: str) -> Problem:
    advice = "Take the record's own key out of its links."
    return Problem(link_detail(link.to, key), "a record cannot be linked to itself", advice)
