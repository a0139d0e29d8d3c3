"""What a run that died left open: each intent is looked up in HubSpot, never assumed and never just sent again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import assert_never

from hubferry.hubspot.associations import fetch_labels
from hubferry.hubspot.client import Client
from hubferry.push import keyless
from hubferry.push.draft import UNGUARDED_KINDS, load_step
from hubferry.push.link_reading import find_link_results
from hubferry.push.observed import Observed, fetch_observed_by_name
from hubferry.push.parents import with_parents
from hubferry.push.results import Result, SentStep, record_results, unknown
from hubferry.push.steps import (
    AddOptions,
    ArchiveRecord,
    ConflictEntry,
    CreateLabel,
    CreateProperty,
    CreateRecord,
    HoldLinks,
    HoldRow,
    InvalidEntry,
    RemoveLabels,
    RemoveLinks,
    SetLinks,
    Step,
    UpdateRecord,
)
from hubferry.state import plans
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerReader, Stamp
from hubferry.state.plans import PlanReader
from hubferry.warehouse.interface import Warehouse


def settle_open_intents(client: Client, warehouse: Warehouse, lease: Lease, stamp: Stamp) -> None:
    """Look up what earlier runs intended: what was carried out is recorded, the rest may be tried again."""
    open_: dict[str, list[SentStep]] = defaultdict(list)
    reader = PlanReader(warehouse)
    for plan_id, stored, at in reader.query_open(lease.portal_id):
        open_[plan_id].append(SentStep(stored.number, stored.sync, load_step(stored), at))
    for plan_id, steps in open_.items():
        ledger = LedgerReader(warehouse, lease.portal_id)
        searched = with_parents(reader, plan_id, [each for each in steps if is_searched(each.step)])
        done = fetch_outcomes(client, ledger, [each for each in steps if not is_searched(each.step)])
        if searched:
            found = keyless.await_created(client, ledger, lease, searched)
            done |= found | {each.number: unknown(each) for each in searched if each.number not in found}
        record_results(warehouse, lease, stamp, plan_id, list(done.values()))
        undone = [(plan_id, each.number) for each in steps if each.number not in done]
        with lease.transaction() as tx:
            plans.delete_journal(tx, undone)


def settle_unknown_creates(
    client: Client, warehouse: Warehouse, lease: Lease, stamp: Stamp
) -> dict[str, frozenset[str]]:
    """Look once more for records whose creates were lost in earlier runs; give, by sync, the rows that stay unknown."""
    lost: dict[str, list[SentStep]] = defaultdict(list)
    reader = PlanReader(warehouse)
    for plan_id, stored, at in reader.query_open(lease.portal_id, "unknown", kinds=UNGUARDED_KINDS):
        lost[plan_id].append(SentStep(stored.number, stored.sync, load_step(stored), at))
    left: dict[str, frozenset[str]] = {}
    ledger = LedgerReader(warehouse, lease.portal_id)
    for plan_id, steps in lost.items():
        found = keyless.fetch_created(client, ledger, with_parents(reader, plan_id, steps))
        record_results(warehouse, lease, stamp, plan_id, list(found.values()))
        for each in steps:
            if each.number not in found:
                left[each.sync] = left.get(each.sync, frozenset()) | {each.step.row_key}
    return left


def is_searched(step: Step) -> bool:
    """Tell whether a step is a create that no unique value guards."""
    return isinstance(step, CreateRecord) and step.searched


def fetch_outcomes(client: Client, ledger: LedgerReader, steps: Sequence[SentStep]) -> dict[int, Result]:
    """Give, by number, the results of those steps that HubSpot shows as carried out."""
    results: dict[int, Result] = {}
    by_object: dict[tuple[str, str], list[SentStep]] = defaultdict(list)
    links: list[SentStep] = []
    labels: list[SentStep] = []
    for each in steps:
        match each.step:
            case CreateRecord():
                by_object[each.step.object, each.step.match].append(each)
            case UpdateRecord() | ArchiveRecord():
                by_object[each.step.object, ""].append(each)
            case CreateLabel():
                labels.append(each)
            case SetLinks() | RemoveLabels() | RemoveLinks():
                links.append(each)
            case HoldRow() | HoldLinks() | InvalidEntry() | ConflictEntry() | CreateProperty() | AddOptions():
                continue  # what defines something is sent again: it says what it wants, and looks first
            case _:
                assert_never(each.step)
    for (object_name, match), sent in by_object.items():
        results |= _fetch_records(client, ledger, object_name, match, sent)
    results |= _fetch_labels(client, labels)
    results |= find_link_results(client, ledger, links)
    return results


def _fetch_labels(client: Client, steps: Sequence[SentStep]) -> dict[int, Result]:
    """Give the results of those labels that are there, whoever made them."""
    found: dict[tuple[str, str], set[str | None]] = {}
    results: dict[int, Result] = {}
    for each in steps:
        assert isinstance(each.step, CreateLabel)
        ends = each.step.from_object, each.step.to_object
        if ends not in found:
            found[ends] = {kind.label for kind in fetch_labels(client, *ends)}
        if each.step.label in found[ends]:
            results[each.number] = Result(number=each.number, sync=each.sync, step=each.step, state="applied")
    return results


def _fetch_records(
    client: Client, ledger: LedgerReader, object_name: str, match: str, sent: Sequence[SentStep]
) -> dict[int, Result]:
    asked = {asked_key(each.step) for each in sent}
    names = {name for each in sent for name in written_names(each.step)}
    found = fetch_observed_by_name(client, object_name, asked, names, id_property=match or None)
    results = (_judge(each, found.get(asked_key(each.step)), ledger) for each in sent)
    return {result.number: result for result in results if result is not None}


def asked_key(step: Step) -> str:
    """Give the record id or unique value that a step is about."""
    match step:
        case CreateRecord():
            return step.value
        case UpdateRecord() | ArchiveRecord():
            return step.record_id
        case _:
            raise TypeError(f"a {type(step).__name__} has no record of its own")


def written_names(step: Step) -> Iterable[str]:
    """Give the properties that a step writes."""
    match step:
        case CreateRecord():
            return step.properties.keys()
        case UpdateRecord():
            return [change.property for change in step.changes]
        case _:
            return ()


def _judge(each: SentStep, record: Observed | None, ledger: LedgerReader) -> Result | None:
    step = each.step
    if isinstance(step, ArchiveRecord):
        return None if record else Result(number=each.number, sync=each.sync, step=step, state="applied")
    if record is None or not isinstance(step, CreateRecord | UpdateRecord):
        return None
    made = isinstance(step, CreateRecord) and is_younger(record.created_at, each.intended_at)
    if not _holds(step, record.values, made=made):
        return None
    known = ledger.query_rows(each.sync, [step.row_key]).get(step.row_key)
    as_sent = {name: text for name, text in record.values.items() if (text or "") == (_new(step).get(name) or "")}
    return Result(
        number=each.number,
        sync=each.sync,
        step=step,
        state="applied",
        record_id=record.record_id,
        stored=as_sent,
        due=len(as_sent) < len(record.values),
        created=made or bool(known and known.created and known.record_id == record.record_id),
    )


def is_younger(created_at: datetime | None, moment: datetime | None) -> bool:
    """Tell whether a record was made after an intent; both times are HubSpot's, the intent's cut to seconds."""
    return moment is not None and created_at is not None and created_at >= moment.replace(microsecond=0)


def _holds(step: CreateRecord | UpdateRecord, values: Mapping[str, str | None], *, made: bool) -> bool:
    """A plain create cannot be sent again, so a record with its unique value made since is it, whatever HubSpot made of the rest.

    An older one is somebody else's: sending again has HubSpot refuse, and says so. Upserts and updates can be sent again:
    a value that HubSpot normalised costs one more call, and nothing else.
    """
    if isinstance(step, CreateRecord) and not step.upsert:
        return made
    return all((values.get(name) or "") == text for name, text in _new(step).items())


def _new(step: CreateRecord | UpdateRecord) -> Mapping[str, str]:
    if isinstance(step, CreateRecord):
        return step.properties
    return {change.property: change.new for change in step.changes}
