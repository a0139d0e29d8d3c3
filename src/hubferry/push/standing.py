"""Rows and links that are not tried now: those that a person skips, and those that HubSpot refused a short while ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hubferry.push.identity import Held
from hubferry.push.rows import DesiredRow
from hubferry.push.steps import CreateRecord, HoldLinks, LinkStep, RemoveLinks, UpdateRecord
from hubferry.state.ledger import LedgerRow, Stamp
from hubferry.state.row_states import (
    RowState,
    delete_row_states,
    link_state_key,
    merge_row_states,
    query_row_states,
)
from hubferry.warehouse.interface import Transaction, Warehouse

Outcome = tuple[str, CreateRecord | UpdateRecord, str, str]
"""Sync, step, state and reason."""


def hold_link(steps: Sequence[LinkStep], states: Mapping[str, RowState], now: datetime) -> HoldLinks | None:
    """Give what is said in place of these steps of one pair where HubSpot refused them a short while ago."""
    for step in steps:
        state = states.get(_link_key(step))
        if state is None or state.content != link_content(step) or (state.next_at is not None and state.next_at <= now):
            continue
        advice = f"See HubSpot's words, or try it now: hubferry retry {state.sync}"
        return HoldLinks(
            from_=step.from_,
            to=step.to,
            row_key=step.row_key,
            reason=_render_refusal(state),
            advice=advice,
            outcome="rejected",
        )
    return None


def link_content(step: LinkStep) -> str:
    """Say what a step does to its pair: another one is tried at once."""
    types = () if isinstance(step, RemoveLinks | HoldLinks) else step.types
    return f"{type(step).__name__} {sorted((each.category, each.type_id) for each in types)}"


def _link_key(step: LinkStep) -> str:
    one, other = ((end.object, end.record_id or "") for end in (step.from_, step.to))
    return link_state_key(one, other)


def _render_refusal(state: RowState) -> str:
    when = f"next try after {state.next_at:%Y-%m-%d %H:%M} UTC" if state.next_at else "not tried again until it changes"
    return f"{state.reason} (refused {state.attempts} times; {when})"


def hold_row(
    row: DesiredRow, ledger: LedgerRow | None, state: RowState | None, now: datetime, *, retry: bool
) -> Held | None:
    """Give the row as held where it is not to be tried now."""
    if state is None:
        return None
    record_id, sync = ledger.record_id if ledger else None, state.sync
    if state.skip == "always" or (state.skip == "once" and state.content in {"", row.hash}):
        when = "for good" if state.skip == "always" else "until it changes"
        advice = f"To have it written again: hubferry resync {sync} {row.key}"
        return Held(row, ledger, "skipped", f"a person skips this row {when}", advice, record_id)
    if retry or state.skip or state.content != row.hash or (state.next_at is not None and state.next_at <= now):
        return None
    reason = _render_refusal(state)
    advice = f"Correct the row in the source, or try it now: hubferry retry {sync}"
    return Held(row, ledger, "rejected", reason, advice, record_id)


def pin_skips(states: Mapping[str, RowState], rows: Sequence[DesiredRow]) -> list[RowState]:
    """Note which content the rows have that are skipped once: when that changes, they are written again."""
    return [
        replace(state, content=row.hash)
        for row in rows
        if (state := states.get(row.key)) is not None and state.skip == "once" and not state.content
    ]


def record_link_attempts(
    tx: Transaction, warehouse: Warehouse, stamp: Stamp, outcomes: Sequence[tuple[str, LinkStep, str, str]]
) -> None:
    """Count refusals of links, and forget those of links that were written."""
    refused: dict[tuple[str, str], tuple[str, str]] = {}
    for sync, step, state, why in outcomes:
        if state == "rejected":
            refused[sync, _link_key(step)] = (link_content(step), why)
    for sync in {sync for sync, _ in refused}:
        known = query_row_states(warehouse, stamp.portal_id, sync, {key for name, key in refused if name == sync})
        states = (
            known.get(key, RowState(sync=sync, row_key=key)).refused(content, why, stamp.at)
            for (name, key), (content, why) in refused.items()
            if name == sync
        )
        merge_row_states(tx, stamp.portal_id, states, stamp.at)
    written = {(sync, _link_key(step)) for sync, step, state, _ in outcomes if state == "applied"}
    delete_row_states(tx, stamp.portal_id, sorted(written - refused.keys()))


def record_attempts(tx: Transaction, warehouse: Warehouse, stamp: Stamp, outcomes: Sequence[Outcome]) -> None:
    """Count refusals of rows, and forget those of rows that were written."""
    refused = [each for each in outcomes if each[2] == "rejected" and each[1].content]
    for sync in {each[0] for each in refused}:
        mine = [(step, why) for name, step, _, why in refused if name == sync]
        known = query_row_states(warehouse, stamp.portal_id, sync, {step.row_key for step, _ in mine})
        states = (
            known.get(step.row_key, RowState(sync=sync, row_key=step.row_key)).refused(step.content, why, stamp.at)
            for step, why in mine
        )
        merge_row_states(tx, stamp.portal_id, states, stamp.at)
    delete_row_states(
        tx, stamp.portal_id, ((sync, step.row_key) for sync, step, state, _ in outcomes if state == "applied")
    )
