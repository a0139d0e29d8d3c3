"""One row of a sync, tried: what HubSpot holds of it, and exactly what would be sent. Reads HubSpot; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from hubferry.config.model import API_VERSION, Sync
from hubferry.errors import UnknownNameError
from hubferry.hubspot.associations import LinkInput, LinkType, build_links_request
from hubferry.hubspot.client import Client
from hubferry.hubspot.memberships import are_lists, build_joins_request
from hubferry.hubspot.writers import build_request
from hubferry.push.diff import diff_row
from hubferry.push.identity import Found, Resolver
from hubferry.push.mapping import LinkField, SyncMapping, build_mapping
from hubferry.push.matching import is_domain
from hubferry.push.observed import fetch_observed
from hubferry.push.portal import Portal
from hubferry.push.results import Parent, SentStep
from hubferry.push.rows import DesiredRow, InvalidRow, Problem, Wish, build_row
from hubferry.push.send_records import build_group, build_input
from hubferry.push.source import query_row, query_source_columns
from hubferry.push.steps import CreateRecord, End, HoldRow, RecordStep, TypeRef
from hubferry.state.ledger import LedgerReader
from hubferry.warehouse.interface import Warehouse

TO_COME = "(id of the new record)"
LinkInputs = tuple[LinkField, list[LinkInput]]
"""An entry of the sync, and the pairs that the row asks for by it."""


@dataclass(frozen=True)
class TrialRequest:
    """One call as it would be sent."""

    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one row would do."""

    row_key: str
    record_id: str | None = None
    step: RecordStep | None = None
    """None: HubSpot holds everything already, or the row cannot be sent."""
    requests: tuple[TrialRequest, ...] = ()
    problems: tuple[Problem, ...] = ()


def try_row(sync: Sync, key: str | None, *, client: Client, warehouse: Warehouse, ledger: LedgerReader | None) -> Trial:
    """Try the row of a key, or the first; raise UnknownNameError where the source has no such row.

    Its key counts as unique: whether another row has it is not looked at. Links with a source of their own are left out.
    """
    portal = Portal(client)
    mapping = _without_tables(build_mapping(sync, portal, query_source_columns(sync, warehouse)))
    values = query_row(mapping, warehouse, key)
    if values is None:
        raise UnknownNameError("row of the source", key or "")
    row = build_row(mapping, values, 1)
    if isinstance(row, InvalidRow):
        return Trial(row_key=row.key, problems=row.problems)
    known = ledger.query_rows(sync.name, [row.key]) if ledger else {}
    identity = Resolver(portal, mapping).fetch_identities([row], known)[0]
    step = diff_row(identity, mapping).step
    record_id = identity.record.record_id if isinstance(identity, Found) else None
    links = list(_fetch_link_inputs(portal, mapping, row, record_id))
    problems = tuple(each for each in _problems(row, step)) + tuple(each for each in links if isinstance(each, Problem))
    inputs = [each for each in links if not isinstance(each, Problem)]
    requests = (*_record_requests(step, inputs), *_link_requests(mapping, inputs))
    return Trial(row_key=row.key, record_id=record_id, step=step, requests=requests, problems=problems)


def _without_tables(mapping: SyncMapping) -> SyncMapping:
    return replace(mapping, links=tuple(link for link in mapping.links if link.column is not None))


def _problems(row: DesiredRow, step: RecordStep | None) -> Iterator[Problem]:
    yield from (wish.problem for wish in row.wishes if wish.problem is not None)
    if isinstance(step, HoldRow):
        yield Problem("row", step.reason, step.advice)


def _record_requests(step: RecordStep | None, inputs: Sequence[LinkInputs]) -> Iterator[TrialRequest]:
    if step is None or isinstance(step, HoldRow):
        return
    object_name, kind, _ = build_group(step)
    parent = _find_parent(inputs) if isinstance(step, CreateRecord) and step.searched else None
    path, body = build_request(object_name, kind, [build_input(SentStep(1, "", step, parent=parent))])
    yield TrialRequest("POST", path.format(version=API_VERSION), body)


def _find_parent(inputs: Sequence[LinkInputs]) -> Parent | None:
    """Give what a create without a unique value links its record to in the same write."""
    found = [
        Parent(End(link.to, each.to_id), kind)
        for link, some in inputs
        for each in some
        for kind in (TypeRef(one.category, one.type_id, one.label) for one in each.types)
        if kind.is_unlabelled and not are_lists(link.to)
    ]
    return min(found, key=lambda each: each.place, default=None)


def _link_requests(mapping: SyncMapping, inputs: Sequence[LinkInputs]) -> Iterator[TrialRequest]:
    """Give the calls that set the row's links where none is there yet; the labels that a pair has already come on top."""
    for link, some in inputs:
        if are_lists(link.to):
            yield from _join_requests(some)
            continue
        for chunk in _chunks(some):
            path, body = build_links_request(mapping.object, link.to, chunk)
            yield TrialRequest("POST", path.format(version=API_VERSION), body)


def _fetch_link_inputs(
    portal: Portal, mapping: SyncMapping, row: DesiredRow, record_id: str | None
) -> Iterator[LinkInputs | Problem]:
    """Give the pairs that the row asks for, by entry of the sync, and why others cannot be."""
    for index, link in enumerate(mapping.links):
        wishes = [each for each in row.wishes if each.field == index and each.problem is None]
        found = _fetch_targets(portal, link, wishes)
        inputs = []
        for wish in wishes:
            if wish.key not in found:
                detail = f"link {link.to} {wish.key}"
                yield Problem(
                    detail, "HubSpot has no such record", "It is tried again by every push until there is one."
                )
                continue
            types = tuple(LinkType(each.category, each.type_id, each.label) for each in wish.types)
            inputs.append(LinkInput(record_id or TO_COME, found[wish.key], types))
        yield link, inputs


def _join_requests(inputs: Sequence[LinkInput]) -> Iterator[TrialRequest]:
    for each in inputs:
        path, body = build_joins_request(each.to_id, [each.from_id])
        yield TrialRequest("PUT", path.format(version=API_VERSION), body)


def _fetch_targets(portal: Portal, link: LinkField, wishes: list[Wish]) -> dict[str, str]:
    keys = [wish.key for wish in wishes]
    if are_lists(link.to):
        lists = portal.fetch_lists(link.to)
        names = (
            {name.casefold(): list_id for list_id, name in lists.items()} if link.by else {each: each for each in lists}
        )
        return {key: names[key.casefold()] for key in keys if key.casefold() in names}
    if link.by is not None and is_domain(link.by, link.to):
        ids = {key: portal.index_values(link.to, link.by).find(key) for key in keys}
        return {key: found[0] for key, found in ids.items() if len(found) == 1}
    observed = fetch_observed(portal.client, link.to, keys, (), id_property=link.by)
    return {key: each.record_id for key, each in observed.items()}


def _chunks(inputs: list[LinkInput]) -> Iterator[list[LinkInput]]:
    source = iter(inputs)
    while chunk := list(islice(source, 100)):
        yield chunk
