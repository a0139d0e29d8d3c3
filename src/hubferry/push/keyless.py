"""Creates that no unique value guards: a lost one is looked for, and never just sent again.

A record that was made with a link is among its parent's links at once. Search shows what it has, never what it lacks: its
index lags. So a hit counts when a batch read confirms it, no hit proves nothing, and what is not found within ten minutes
stays unknown until somebody says what became of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from hubferry import objects
from hubferry.hubspot.client import Client
from hubferry.push.encode import is_alike
from hubferry.push.observed import Observed, fetch_observed_by_name
from hubferry.push.parents import build_claims, fetch_children
from hubferry.push.results import Result, SentStep
from hubferry.push.steps import CreateRecord, End
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerReader

WINDOW = timedelta(minutes=10)
FIRST_WAIT, LONGEST_WAIT = 5.0, 15.0
PAGE, MOST_PAGES = 200, 50
"""Records of one search, and searches of one look: more new records than that in ten minutes are somebody's mass import."""


class _Hit(msgspec.Struct):
    id: str


class _Hits(msgspec.Struct):
    total: int = 0
    results: list[_Hit] = []


def has_records(client: Client, object_name: str, property_name: str | None = None) -> bool:
    """Tell whether there is any record, or any that has a value of this property."""
    filters = [{"propertyName": property_name, "operator": "HAS_PROPERTY"}] if property_name else []
    return _search(client, object_name, filters, limit=1).total > 0


def fetch_created(client: Client, ledger: LedgerReader, steps: Sequence[SentStep]) -> dict[int, Result]:
    """Look once for the records of creates whose answers were lost; give, by number, those that were found.

    First among what their parents are linked to, where they have one, then by search.
    """
    found: dict[int, Result] = {}
    by_object: dict[str, list[SentStep]] = defaultdict(list)
    for each in steps:
        assert isinstance(each.step, CreateRecord)
        by_object[each.step.object].append(each)
    for object_name, sent in by_object.items():
        linked = _fetch_linked(client, ledger, object_name, sent)
        taken = {each.record_id for each in linked.values()}
        left = [each for each in sent if each.number not in linked]
        found |= linked
        if left:
            since = min(each.intended_at for each in left if each.intended_at is not None)
            records = _fetch_new(client, ledger, object_name, _search_since(client, object_name, since), left)
            found |= _assign(left, [each for each in records if each.record_id not in taken])
    return found


def _fetch_linked(
    client: Client, ledger: LedgerReader, object_name: str, steps: Sequence[SentStep]
) -> dict[int, Result]:
    """Look among what their parents are linked to; a record is one create's only."""
    by_parent: dict[End, list[SentStep]] = defaultdict(list)
    for each in steps:
        if each.parent is not None:
            by_parent[each.parent.end].append(each)
    if not by_parent:
        return {}
    children = fetch_children(client, object_name, (each.parent for each in steps if each.parent is not None))
    records = _fetch_new(client, ledger, object_name, set().union(*children.values()), steps)
    found: dict[int, Result] = {}
    for end, sent in by_parent.items():
        taken = {each.record_id for each in found.values()}
        mine = children.get(end, set()) - {each for each in taken if each is not None}
        for number, result in _assign(sent, [each for each in records if each.record_id in mine]).items():
            (each,) = [one for one in sent if one.number == number]
            found[number] = replace(result, claims=build_claims(each, object_name, result.record_id or ""))
    return found


def _fetch_new(
    client: Client, ledger: LedgerReader, object_name: str, ids: set[str], steps: Sequence[SentStep]
) -> list[Observed]:
    """Read those of these records that are nobody's row yet, by id."""
    names = {name for each in steps if isinstance(each.step, CreateRecord) for name in each.step.properties}
    known = {row.record_id for row in ledger.query_rows_at(object_name, ids)}
    records = fetch_observed_by_name(client, object_name, ids - known, names)
    return sorted(records.values(), key=lambda each: int(each.record_id))


def await_created(client: Client, ledger: LedgerReader, lease: Lease, steps: Sequence[SentStep]) -> dict[int, Result]:
    """Look again and again until all are found, or ten minutes after they were sent."""
    found: dict[int, Result] = {}
    left, wait = list(steps), FIRST_WAIT
    until = max(each.intended_at for each in steps if each.intended_at is not None) + WINDOW
    while True:
        found |= fetch_created(client, ledger, left)
        left = [each for each in left if each.number not in found]
        if not left or client.now() >= until:
            return found
        client.wait(wait)
        lease.renew()
        wait = min(2 * wait, LONGEST_WAIT)


def _assign(sent: Sequence[SentStep], records: Sequence[Observed]) -> dict[int, Result]:
    """Match records to creates by everything that was sent. Equal creates are anybody's; more records than creates, nobody's."""
    alike: dict[bytes, list[SentStep]] = defaultdict(list)
    for each in sent:
        assert isinstance(each.step, CreateRecord)
        alike[msgspec.json.encode(sorted(each.step.properties.items()))].append(each)
    found: dict[int, Result] = {}
    for group in alike.values():
        step = group[0].step
        assert isinstance(step, CreateRecord)
        fitting = [record for record in records if _fits(step, record, group[0].intended_at)]
        if len(fitting) <= len(group):
            for each, record in zip(group, fitting, strict=False):
                found[each.number] = _applied(each, record)
    return found


def _fits(step: CreateRecord, record: Observed, since: datetime | None) -> bool:
    made = since is not None and record.created_at is not None and record.created_at >= since.replace(microsecond=0)
    return made and all(is_alike(text, record.values.get(name)) for name, text in step.properties.items())


def _applied(each: SentStep, record: Observed) -> Result:
    assert isinstance(each.step, CreateRecord)
    stored = {name: record.values.get(name) for name in each.step.properties}
    return Result(
        number=each.number,
        sync=each.sync,
        step=each.step,
        state="applied",
        record_id=record.record_id,
        stored=stored,
        created=True,
    )


def _search_since(client: Client, object_name: str, since: datetime) -> set[str]:
    """Give the ids of records made since, paged by id."""
    known = objects.find(object_name)
    created = known.created if known else "hs_createdate"
    moment = str(int(since.timestamp()) * 1000)
    ids: set[str] = set()
    last = "0"
    for _ in range(MOST_PAGES):
        filters = [
            {"propertyName": created, "operator": "GTE", "value": moment},
            {"propertyName": "hs_object_id", "operator": "GT", "value": last},
        ]
        page = [each.id for each in _search(client, object_name, filters, limit=PAGE).results]
        ids |= set(page)
        if len(page) < PAGE:
            break
        last = max(page, key=int)
    return ids


def _search(client: Client, object_name: str, filters: Sequence[Mapping[str, Any]], *, limit: int) -> _Hits:
    body = {
        "filterGroups": [{"filters": filters}] if filters else [],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["hs_object_id"],
        "limit": limit,
    }
    path = f"/crm/objects/{{version}}/{object_name}/search"
    return client.fetch(path, type=_Hits, body=body, search=True).value
