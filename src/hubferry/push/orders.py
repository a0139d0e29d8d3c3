"""What a person says about single rows: leave them alone, or look at them anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hubferry.config.model import Sync
from hubferry.errors import UnknownNameError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.push.rejected import query_rejected
from hubferry.push.source import has_key
from hubferry.state import ledger
from hubferry.state.row_states import (
    RowState,
    delete_link_states,
    delete_row_states,
    delete_sync_states,
    merge_row_states,
)
from hubferry.state.store import StateStore


def skip_rows(sync: Sync, keys: Sequence[str], *, always: bool, client: Client, state: StateStore) -> None:
    """Have plans leave these rows alone: until they change, or always; raise UnknownNameError for a key that no row has."""
    state.migrate()
    portal_id, now = fetch_account(client).portal_id, datetime.fromtimestamp(state.clock.time(), UTC)
    skip = "always" if always else "once"
    _require_rows(sync, keys, portal_id, state)
    with state.warehouse.transaction() as tx:
        merge_row_states(
            tx, portal_id, (RowState(sync=sync.name, row_key=key, skip=skip) for key in dict.fromkeys(keys)), now
        )


def resync_rows(sync: Sync, keys: Sequence[str], *, client: Client, state: StateStore) -> None:
    """Have the next push compare these rows with HubSpot anew, refused and skipped ones too; none given: all of the sync.

    Raises UnknownNameError for a key that no row has.
    """
    state.migrate()
    portal_id, name = fetch_account(client).portal_id, sync.name
    _require_rows(sync, keys, portal_id, state)
    with state.warehouse.transaction() as tx:
        if keys:
            ledger.clear_hashes(tx, state.warehouse, portal_id, ((name, key) for key in keys))
            delete_row_states(tx, portal_id, ((name, key) for key in keys))
            delete_link_states(tx, state.warehouse, portal_id, name)
        else:
            ledger.clear_sync_hashes(tx, state.warehouse, portal_id, name)
            delete_sync_states(tx, state.warehouse, portal_id, name)


def _require_rows(sync: Sync, keys: Sequence[str], portal_id: int, state: StateStore) -> None:
    """Refuse a key that neither an earlier push nor the source knows: an order for it would never be of any use."""
    if not keys:
        return
    known = set(ledger.LedgerReader(state.warehouse, portal_id).query_rows(sync.name, keys))
    known |= {each.row_key for each in query_rejected(state, sync.name, portal_id=portal_id, keys=keys)}
    for key in keys:
        if key not in known and not has_key(sync, state.warehouse, key):
            raise UnknownNameError("row of the source", key)
