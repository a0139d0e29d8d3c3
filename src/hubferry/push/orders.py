"""What a person says about single rows: leave them alone, or look at them anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.state import ledger
from hubferry.state.row_states import (
    RowState,
    delete_link_states,
    delete_row_states,
    delete_sync_states,
    merge_row_states,
)
from hubferry.state.store import StateStore


def skip_rows(sync: str, keys: Sequence[str], *, always: bool, client: Client, state: StateStore) -> None:
    """Have plans leave these rows alone: until they change, or always."""
    state.migrate()
    portal_id, now = fetch_account(client).portal_id, datetime.fromtimestamp(state.clock.time(), UTC)
    skip = "always" if always else "once"
    with state.warehouse.transaction() as tx:
        merge_row_states(
            tx, portal_id, (RowState(sync=sync, row_key=key, skip=skip) for key in dict.fromkeys(keys)), now
        )


def resync_rows(sync: str, keys: Sequence[str], *, client: Client, state: StateStore) -> None:
    """Have the next push compare these rows with HubSpot anew, refused and skipped ones too; none given: all of the sync."""
    state.migrate()
    portal_id = fetch_account(client).portal_id
    with state.warehouse.transaction() as tx:
        if keys:
            ledger.clear_hashes(tx, state.warehouse, portal_id, ((sync, key) for key in keys))
            delete_row_states(tx, portal_id, ((sync, key) for key in keys))
            delete_link_states(tx, state.warehouse, portal_id, sync)
        else:
            ledger.clear_sync_hashes(tx, state.warehouse, portal_id, sync)
            delete_sync_states(tx, state.warehouse, portal_id, sync)
