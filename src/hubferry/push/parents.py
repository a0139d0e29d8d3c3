"""The record that a new one is linked to by the very write that makes it, where no unique value guards the create.

HubSpot shows a link at once and its search only later: a create whose answer was lost is found among the parent's links.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hubferry.hubspot.associations import fetch_links
from hubferry.hubspot.client import Client
from hubferry.hubspot.memberships import are_lists
from hubferry.push.draft import load_step
from hubferry.push.links import build_link_row
from hubferry.push.results import Parent, SentStep
from hubferry.push.steps import End, SetLinks, Step
from hubferry.state.ledger import LinkRow
from hubferry.state.plans import PlanReader

MOST_LINKED = 2_000
"""Links of one parent that are looked at, the newest records first."""
Place = tuple[int, str, str]
"""Number, sync and row key of a step."""


def query_parents(reader: PlanReader, plan_id: str, creates: Iterable[Place]) -> dict[int, Parent]:
    """Give, by number, the parents of creates: of the unlabelled links that the plan makes for a row, the first by object and id."""
    numbers: dict[str, dict[str, int]] = defaultdict(dict)
    for number, sync, row_key in creates:
        numbers[sync][row_key] = number
    found: dict[int, Parent] = {}
    for sync, keys in numbers.items():
        for stored in reader.query_links_of(plan_id, sync, keys):
            parent, number = build_parent(load_step(stored)), keys[stored.row_key]
            if parent is not None and (number not in found or parent.place < found[number].place):
                found[number] = parent
    return found


def build_parent(step: Step) -> Parent | None:
    """Give the parent that a link names: a record that exists, linked to a row's new one without a label."""
    if not isinstance(step, SetLinks) or step.from_.record_id is not None or step.to.record_id is None:
        return None
    if are_lists(step.to.object) or (step.from_.row_key != step.row_key):
        return None
    plain = next((each for each in step.types if each.is_unlabelled and each.type_id > 0), None)
    if plain is None:
        return None
    return Parent(step.to, plain, tuple(each for each in step.claims if each.forward and each.type == plain))


def with_parents(reader: PlanReader, plan_id: str, steps: Sequence[SentStep]) -> list[SentStep]:
    """Give creates of an earlier run with their parents."""
    parents = query_parents(reader, plan_id, ((each.number, each.sync, each.step.row_key) for each in steps))
    return [replace(each, parent=parents.get(each.number)) for each in steps]


def build_claims(each: SentStep, object_name: str, record_id: str) -> tuple[LinkRow, ...]:
    """Give what the ledger keeps of the link that a create made with its record."""
    if each.parent is None:
        return ()
    return tuple(build_link_row(claim, End(object_name, record_id), each.parent.end) for claim in each.parent.claims)


def fetch_children(client: Client, object_name: str, parents: Iterable[Parent]) -> Mapping[End, set[str]]:
    """Give the records of an object that these parents are linked to, the newest ones; 1,000 parents a call."""
    ends: dict[str, dict[str, End]] = defaultdict(dict)
    for each in parents:
        ends[each.end.object][each.end.record_id or ""] = each.end
    found: dict[End, set[str]] = defaultdict(set)
    for parent_object, by_id in ends.items():
        for links in fetch_links(client, parent_object, object_name, by_id):
            for link in links:
                found[by_id[link.from_id]].add(link.to_id)
    return {end: set(sorted(ids, key=int)[-MOST_LINKED:]) for end, ids in found.items()}
