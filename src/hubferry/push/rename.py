"""A sync whose file was given another name: what was written under the old one stays known."""

from __future__ import annotations

from hubferry.errors import UnknownNameError, UsageError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.push import reconcile
from hubferry.push.draft import UNGUARDED_KINDS
from hubferry.state import renaming
from hubferry.state.ledger import Stamp
from hubferry.state.plans import PlanReader
from hubferry.state.renaming import Renamed
from hubferry.state.store import StateStore


def rename_sync(old: str, new: str, *, client: Client, state: StateStore, wait_seconds: float = 0) -> Renamed:
    """Put rows, links and orders of a sync under its new name; what an earlier run left open is looked up first.

    Raises UnknownNameError where nothing is known under the old name.
    """
    state.migrate()
    portal_id = fetch_account(client).portal_id
    run_id = state.start_run("rename", portal_id, {"sync": old, "to": new})
    try:
        with state.acquire(portal_id, run_id=run_id, wait_seconds=wait_seconds) as lease:
            found = _query_known(state, portal_id, old)
            reconcile.settle_open_intents(client, state.warehouse, lease, Stamp(portal_id, run_id, client.now()))
            _check_resolved(state, portal_id, old)
            with lease.transaction() as tx:
                renaming.rename_sync(tx, state.warehouse, portal_id, old, new)
    except BaseException as error:
        state.finish_run(run_id, "failed", {}, str(error) or type(error).__name__)
        raise
    state.finish_run(run_id, "done", {"rows": found.rows, "links": found.links})
    return found


def _query_known(state: StateStore, portal_id: int, old: str) -> Renamed:
    known = renaming.query_names(state.warehouse, portal_id)
    if old not in known:
        raise UnknownNameError("sync that was pushed", old, known=sorted(known))
    return known[old]


def _check_resolved(state: StateStore, portal_id: int, sync: str) -> None:
    """A create whose answer was lost is looked for under the name it was sent with."""
    lost = PlanReader(state.warehouse).query_open(portal_id, "unknown", kinds=UNGUARDED_KINDS)
    keys = [stored.row_key for _, stored, _ in lost if stored.sync == sync]
    if keys:
        raise UsageError(
            f"of {len(keys)} rows of {sync!r} it is not known whether they were created ({', '.join(keys[:5])}). Give the file its"
            f" old name once more, say what became of them with `hubferry resolve {sync} KEY`, then rename it."
        )
