"""Plans the links of all syncs of a run together, after their records: keys become records, pairs are compared once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from hubferry.hubspot.client import Client
from hubferry.push.draft import Draft
from hubferry.push.encode import canonical
from hubferry.push.labels import Labels
from hubferry.push.link_reading import fetch_current
from hubferry.push.links import Ask, Pair, PairDiff, build_link_row, diff_pair, pair_key
from hubferry.push.mapping import LinkField
from hubferry.push.matching import is_domain
from hubferry.push.observed import fetch_observed
from hubferry.push.portal import Portal
from hubferry.push.record_planner import LinkedRow, RecordPlanner
from hubferry.push.rows import Problem, Wish, link_detail
from hubferry.push.steps import CreateLabel, End, InvalidEntry, LinkStep, SetLinks, TypeRef
from hubferry.state.ledger import LedgerReader, LinkRow

Row = tuple[str, str]
"""Sync and row key."""


def plan_links(portal: Portal, ledger: LedgerReader, draft: Draft, planners: Sequence[RecordPlanner]) -> None:
    """Compare what the rows ask for with the links of their records, over all syncs at once."""
    plan = _LinkPlan(portal, ledger, draft, {each.mapping.name: each for each in planners})
    if any(planner.mapping.links for planner in planners):
        plan.collect()
        plan.compare()
        plan.settle()


@dataclass
class _LinkPlan:
    portal: Portal
    ledger: LedgerReader
    draft: Draft
    planners: dict[str, RecordPlanner]
    asks: list[tuple[Ask, LinkField]] = field(default_factory=list)
    busy: set[Row] = field(default_factory=set)
    """Rows with a link that is planned or invalid: they are not done."""
    frozen: set[tuple[str, str, str]] = field(default_factory=set)
    """Sync, row and other object where a wish could not be read: nothing is removed there."""
    labels: set[tuple[frozenset[str], str]] = field(default_factory=set)
    """Labels that the plan makes: objects and text."""
    current: dict[tuple[str, str], dict[tuple[str, str], set[tuple[str, int]]]] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        """Give the portal's client."""
        return self.portal.client

    def collect(self) -> None:
        """Turn wishes into asks; what cannot be one is set aside with its reason."""
        found = self._find_keys()
        for planner, linked, wish in self._wishes():
            planner.counts.links += 1
            link = planner.mapping.links[wish.field]
            end, problem = None, wish.problem
            if problem is None:
                end, problem = found.end(link, wish.key, linked.end)
            if end is None or problem is not None:
                self._set_aside(planner, linked, link, problem or _unknown_key(link, wish.key))
            else:
                ask = Ask(planner.mapping.name, linked.row.key, linked.end, end, wish.types)
                self.asks.append((ask, link))

    def _wishes(self) -> Iterator[tuple[RecordPlanner, LinkedRow, Wish]]:
        for planner in self.planners.values():
            for linked in planner.linked:
                for wish in linked.row.wishes:
                    yield planner, linked, wish

    def _find_keys(self) -> _Keys:
        """Read the records that keys name, but for those that a row of this run names itself."""
        keys = _Keys.of_rows(self.planners.values())
        asked: dict[tuple[str, str], set[str]] = defaultdict(set)
        fields: dict[tuple[str, str], LinkField] = {}
        for planner, _, wish in self._wishes():
            link = planner.mapping.links[wish.field]
            if wish.problem is not None or link.by is None:
                continue
            if is_domain(link.by, link.to):
                for record_id in self.portal.index_values(link.to, link.by).find(wish.key):
                    keys.add(link, wish.key, End(link.to, record_id))
            elif not keys.knows(link, wish.key):
                asked[link.to, link.by.name].add(wish.key)
                fields[link.to, link.by.name] = link
        for which, values in asked.items():
            link = fields[which]
            for value, record in fetch_observed(self.client, link.to, values, (), id_property=link.by).items():
                keys.add(link, value, End(link.to, record.record_id))
        return keys

    def _set_aside(self, planner: RecordPlanner, linked: LinkedRow, link: LinkField, problem: Problem) -> None:
        name, key = planner.mapping.name, linked.row.key
        entry = InvalidEntry(row_key=key, detail=problem.detail, reason=problem.message, advice=problem.advice)
        self.draft.add(name, entry)
        planner.counts.links_invalid += 1
        self.busy.add((name, key))
        self.frozen.add((name, key, link.to))

    def compare(self) -> None:
        """Read what stands there and diff each pair once."""
        claims = [row for planner in self.planners.values() for row in self._claims_of(planner)]
        self._read({(ask.from_, ask.to) for ask, _ in self.asks}, claims)
        self._check_record_ids()
        pairs = self._pairs(claims)
        self._add_other_claims(pairs)
        self._read_back(pairs.values())
        for pair in pairs.values():
            self._learn(pair)
        for pair in pairs.values():
            pair.current = frozenset(self._types(pair.labels, pair.from_, pair.to))
            pair.current_back = frozenset(self._types(pair.labels.turned(), pair.to, pair.from_))
            self._plan_pair(pair, diff_pair(pair))

    def _claims_of(self, planner: RecordPlanner) -> list[LinkRow]:
        """Give what the rows that were looked at asked for before, where the sync still has such a column."""
        objects = {link.to for link in planner.mapping.links}
        if not objects:
            return []
        keys = [linked.row.key for linked in planner.linked]
        if planner.mapping.sync.block.mode == "mirror" and not planner.keyless:
            keys += [row.row_key for row in self.ledger.query_all(planner.mapping.name) if self._has_left(planner, row)]
        rows = self.ledger.query_links(planner.mapping.name, keys)
        return [row for row in rows if row.to_object in objects and row.from_object == planner.mapping.object]

    @staticmethod
    def _has_left(planner: RecordPlanner, row: object) -> bool:
        """A mirrored row that left and whose record stays loses its links; an archived record loses them by itself."""
        return getattr(row, "row_key", "") not in planner.seen and not getattr(row, "created", False)

    def _read(self, ends: Iterable[tuple[End, End]], claims: Iterable[LinkRow]) -> None:
        wanted: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for one, other in ends:
            if one.record_id is not None and other.record_id is not None:
                wanted[one.object, other.object].add((one.record_id, other.record_id))
        for row in claims:
            wanted[row.from_object, row.to_object].add((row.from_id, row.to_id))
        for objects, pairs in wanted.items():
            self.current.setdefault(objects, {}).update(fetch_current(self.client, *objects, pairs))

    def _check_record_ids(self) -> None:
        """A record id that no link shows is looked up: it may be wrong, or merged away."""
        doubtful: dict[str, set[str]] = defaultdict(set)
        for ask, link in self.asks:
            shown = self.current.get((ask.from_.object, ask.to.object), {})
            if link.by is None and ask.to.record_id and (ask.from_.record_id, ask.to.record_id) not in shown:
                doubtful[link.to].add(ask.to.record_id)
        if not doubtful:
            return
        found = {name: fetch_observed(self.client, name, ids, ()) for name, ids in doubtful.items()}
        for name, records in found.items():
            merged = {asked: each.record_id for asked, each in records.items() if asked.lstrip("0") != each.record_id}
            self.draft.follow_merges(name, merged)
        asks, moved = [], set()
        for ask, link in self.asks:
            record_id = ask.to.record_id
            if link.by is not None or record_id not in doubtful[link.to]:
                asks.append((ask, link))
            elif record_id not in found[link.to]:
                self._set_aside_ask(ask, link, _unknown_key(link, record_id))
            elif (
                survivor := found[link.to][record_id].record_id
            ) == ask.from_.record_id and link.to == ask.from_.object:
                self._set_aside_ask(ask, link, _self_link(link, record_id))
            else:
                ask = replace(ask, to=End(link.to, survivor))  # noqa: PLW2901
                asks.append((ask, link))
                moved |= {(ask.from_, ask.to)} if survivor != record_id else set()
        self.asks = asks
        self._read(moved, ())

    def _set_aside_ask(self, ask: Ask, link: LinkField, problem: Problem) -> None:
        planner = self.planners[ask.sync]
        linked = next(each for each in planner.linked if each.row.key == ask.row_key)
        self._set_aside(planner, linked, link, problem)

    def _pairs(self, claims: Sequence[LinkRow]) -> dict[object, Pair]:
        pairs: dict[object, Pair] = {}
        cleanup = self._cleanup_objects()
        wanted: set[tuple[str, str, object, tuple[str, int]]] = set()
        for ask, link in self.asks:
            key = pair_key(ask.from_, ask.to)
            pair = pairs.setdefault(key, Pair(ask.from_, ask.to, link.labels))
            pair.asks.append(ask)
            wanted |= {(ask.sync, ask.row_key, key, (each.category, each.type_id)) for each in ask.types}
        for row in claims:
            ends = End(row.from_object, row.from_id), End(row.to_object, row.to_id)
            key = pair_key(*ends)
            if (row.sync, row.row_key, row.to_object) in self.frozen:
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
            for name, planner in self.planners.items()
            for link in planner.mapping.links
            if link.cleanup_default
        }

    def _labels(self, row: LinkRow) -> Labels:
        links = self.planners[row.sync].mapping.links
        return next(link.labels for link in links if link.to == row.to_object)

    def _add_other_claims(self, pairs: dict[object, Pair]) -> None:
        """Every sync's claims count, also of rows that this run did not look at."""
        ends: dict[str, set[str]] = defaultdict(set)
        for pair in pairs.values():
            if pair.from_.record_id is not None:
                ends[pair.from_.object].add(pair.from_.record_id)
        for object_name, ids in ends.items():
            for row in self.ledger.query_links_at(object_name, ids):
                pair_ = pairs.get(pair_key(End(row.from_object, row.from_id), End(row.to_object, row.to_id)))
                if pair_ is not None and row not in pair_.claims:
                    pair_.claims.append(row)

    def _learn(self, pair: Pair) -> None:
        """Where both ends were read, the two texts of one label show."""
        there = self._types(pair.labels, pair.from_, pair.to)
        pair.labels.learn(there, self._types(pair.labels.turned(), pair.to, pair.from_))

    def _read_back(self, pairs: Iterable[Pair]) -> None:
        """Read pairs from their other end too, where somebody's claim is seen from there."""
        far = {
            (pair.to, pair.from_)
            for pair in pairs
            for row in pair.claims
            if (row.from_object, row.from_id) == (pair.to.object, pair.to.record_id)
        }
        asked = {(ask.from_, ask.to) for ask, _ in self.asks}
        self._read(far - asked, ())

    def _types(self, labels: Labels, one: End, other: End) -> list[TypeRef]:
        shown = self.current.get((one.object, other.object), {})
        return [labels.named(*each) for each in shown.get((one.record_id or "", other.record_id or ""), ())]

    def _plan_pair(self, pair: Pair, diff: PairDiff) -> None:
        sync = pair.asks[0].sync if pair.asks else pair.dropping[0].sync
        counts = self.planners[sync].counts
        for ask in pair.asks:
            own = self.planners[ask.sync].counts
            own.links_planned += bool(diff.steps)
            own.links_unchanged += not diff.steps
        counts.links_added += diff.added
        losing = self.planners[pair.dropping[0].sync].counts if pair.dropping else counts
        losing.links_removed += diff.removed  # under the guard of the sync whose links they are
        counts.links_held += diff.held
        if diff.steps:
            self.busy |= {(each.sync, each.row_key) for each in pair.asks} | {
                (r.sync, r.row_key) for r in pair.dropping
            }
            for step in diff.steps:
                self._add_labels(sync, step)
                self.draft.add(sync, step)
        else:
            rows = [build_link_row(each, diff.from_, diff.to) for each in diff.claims]
            self.draft.adopt_links(rows, [build_link_row(each, diff.from_, diff.to) for each in diff.released])

    def _add_labels(self, sync: str, step: LinkStep) -> None:
        """Have the plan make the labels that a step needs and HubSpot does not have, each once."""
        for each in step.types if isinstance(step, SetLinks) else ():
            ends = frozenset({step.from_.object, step.to.object})
            if each.type_id < 0 and each.label is not None and (ends, each.label) not in self.labels:
                self.labels.add((ends, each.label))
                label = CreateLabel(
                    row_key=step.row_key, from_object=step.from_.object, to_object=step.to.object, label=each.label
                )
                self.draft.add(sync, label)
                self.planners[sync].counts.labels_created += 1

    def settle(self) -> None:
        """Rows whose record and links hold everything are noted as done; the next push does not look at them."""
        for name, planner in self.planners.items():
            rows = []
            for linked in planner.linked:
                row = linked.settled
                if row is not None:
                    rows.append(replace(row, row_hash="") if (name, linked.row.key) in self.busy else row)
            self.draft.adopt(rows)


@dataclass
class _Keys:
    """Records by the values of the properties that name them: of this run's rows, and of HubSpot."""

    ends: dict[tuple[str, str, object], tuple[End, ...]] = field(default_factory=dict)
    """More than one: the value names none of them."""

    @classmethod
    def of_rows(cls, planners: Iterable[RecordPlanner]) -> _Keys:
        """Know the rows of this run, new ones included."""
        keys = cls()
        for planner in planners:
            for linked in planner.linked:
                for name in planner.keyed:
                    value = canonical(linked.row.values.get(name), planner.mapping.properties[name])
                    if value is not None:
                        keys._add((planner.mapping.object, name, value), linked.end)
        return keys

    def knows(self, link: LinkField, value: str) -> bool:
        """Whether a row of this run has the value."""
        return self._key(link, value) in self.ends

    def add(self, link: LinkField, value: str, end: End) -> None:
        """Learn a record that HubSpot has."""
        self._add(self._key(link, value), end)

    def _add(self, key: tuple[str, str, object], end: End) -> None:
        known = self.ends.get(key, ())
        if not any(pair_key(end, end) == pair_key(each, each) for each in known):
            self.ends[key] = (*known, end)

    def end(self, link: LinkField, value: str, own: End) -> tuple[End | None, Problem | None]:
        """Give the record that a key names, or why there is none."""
        ends = (End(link.to, value),) if link.by is None else self.ends.get(self._key(link, value), ())
        if not ends:
            return None, _unknown_key(link, value)
        if len(ends) > 1:
            return None, _ambiguous_key(link, value, ends)
        if pair_key(ends[0], ends[0]) == pair_key(own, own):
            return None, _self_link(link, value)
        return ends[0], None

    @staticmethod
    def _key(link: LinkField, value: str) -> tuple[str, str, object]:
        assert link.by is not None
        return link.to, link.by.name, canonical(value, link.by)


def _ambiguous_key(link: LinkField, key: str, ends: Sequence[End]) -> Problem:
    found = ", ".join(each.record_id or f"the new one of row {each.row_key}" for each in ends)
    by = link.by.name if link.by else "hs_object_id"
    advice = "Merge them in HubSpot, correct the source, or name the record by its id (`by: hs_object_id`)."
    return Problem(link_detail(link.to, key), f"several records of {link.to} have this {by}: {found}", advice)


def _unknown_key(link: LinkField, key: str) -> Problem:
    by = link.by.name if link.by else "hs_object_id"
    advice = "Create that record first, or correct the key in the source."
    return Problem(link_detail(link.to, key), f"no record of {link.to} has this {by}", advice)


def _self_link(link: LinkField, key: str) -> Problem:
    advice = "Take the record's own key out of its links."
    return Problem(link_detail(link.to, key), "a record cannot be linked to itself", advice)
