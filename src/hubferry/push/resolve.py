"""Says what became of a create whose answer was lost and whose record was not found: a person looked."""

from __future__ import annotations

from dataclasses import replace

from hubferry.errors import UnknownNameError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.push.draft import UNGUARDED_KINDS, load_step
from hubferry.push.encode import is_alike
from hubferry.push.observed import fetch_observed
from hubferry.push.results import Result, SentStep, record_results, skipped
from hubferry.push.steps import CreateRecord
from hubferry.state.ledger import Stamp
from hubferry.state.plans import PlanReader
from hubferry.state.store import StateStore


def resolve_unknown(
    sync: str, row_key: str, *, record_id: str | None = None, client: Client, state: StateStore, wait_seconds: float = 0
) -> None:
    """Take a record as the row's, or, without one, have the next push create it; nothing is written to HubSpot.

    Raises UnknownNameError where no create of that row is unknown, or HubSpot has no such record.
    """
    portal_id = fetch_account(client).portal_id
    run_id = state.start_run("resolve", portal_id, {"sync": sync, "row": row_key, "record": record_id})
    try:
        with state.acquire(portal_id, run_id=run_id, wait_seconds=wait_seconds) as lease:
            plan_id, sent = _query_lost(state, portal_id, sync, row_key)
            result = _build_result(client, sent, record_id)
            record_results(state.warehouse, lease, Stamp(portal_id, run_id, client.now()), plan_id, [result])
    except BaseException as error:
        state.finish_run(run_id, "failed", {}, str(error) or type(error).__name__)
        raise
    state.finish_run(run_id, "done", {})


def _query_lost(state: StateStore, portal_id: int, sync: str, row_key: str) -> tuple[str, SentStep]:
    found = PlanReader(state.warehouse).query_open(portal_id, "unknown", kinds=UNGUARDED_KINDS)
    lost = [(plan_id, stored, at) for plan_id, stored, at in found if stored.sync == sync]
    for plan_id, stored, at in lost:
        if stored.row_key == row_key:
            return plan_id, SentStep(stored.number, stored.sync, load_step(stored), at)
    raise UnknownNameError(f"unknown create of sync {sync}", row_key, known=[each.row_key for _, each, _ in lost])


def _build_result(client: Client, sent: SentStep, record_id: str | None) -> Result:
    step = sent.step
    assert isinstance(step, CreateRecord)
    if record_id is None:
        again = "said by hand to be missing in HubSpot; made anew by the next push"
        return replace(skipped(sent, again, "Push again."), state="skipped")
    record = fetch_observed(client, step.object, [record_id], step.properties).get(record_id)
    if record is None:
        raise UnknownNameError(f"record of {step.object}", record_id)
    return Result(
        number=sent.number,
        sync=sent.sync,
        step=step,
        state="applied",
        record_id=record.record_id,
        stored={name: text for name, text in record.values.items() if is_alike(step.properties.get(name, ""), text)},
        created=False,
        due=True,
    )
