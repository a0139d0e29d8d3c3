"""Syncs that a person, or an undo, put on hold: nothing of them is written until they are resumed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.state.holds import delete_holds, merge_holds, query_holds
from hubferry.state.store import StateStore

BY_HAND = "a person put it on hold"


def hold_syncs(syncs: Sequence[str], *, client: Client, state: StateStore, reason: str = "") -> None:
    """Have push and apply refuse these syncs until they are resumed."""
    state.migrate()
    portal_id, now = fetch_account(client).portal_id, datetime.fromtimestamp(state.clock.time(), UTC)
    with state.warehouse.transaction() as tx:
        merge_holds(tx, portal_id, syncs, reason.strip() or BY_HAND, now)


def resume_syncs(syncs: Sequence[str], *, client: Client, state: StateStore) -> dict[str, str]:
    """Let these syncs go on; give why those that were held were."""
    state.migrate()
    portal_id = fetch_account(client).portal_id
    held = query_holds(state.warehouse, portal_id)
    with state.warehouse.transaction() as tx:
        delete_holds(tx, portal_id, syncs)
    return {name: held[name] for name in syncs if name in held}
