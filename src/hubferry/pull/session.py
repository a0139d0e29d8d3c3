"""One run on a portal's tables, from its row and its lease to how it ended: what pull, verify and purge have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hubferry.config.model import PullBlock
from hubferry.errors import HubferryError, InterruptedRunError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.pull.catalog import Catalog
from hubferry.pull.dropped import forget_dropped
from hubferry.pull.pulling import Pulling
from hubferry.state.leases import Lease
from hubferry.state.store import StateStore
from hubferry.types import Progress
from hubferry.warehouse.interface import Warehouse


@contextmanager
def open_session(
    kind: str,
    *,
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    pull: PullBlock,
    catalog: Catalog,
    detail: Mapping[str, Any],
    progress: Progress,
    wait_seconds: float = 0,
    full_refresh: bool = False,
    allow_deletes: bool = False,
    parts: Collection[str] | None = None,
) -> Iterator[Pulling]:
    """Start a run, hold the portal for it, and note where it fails; the caller notes how it ends otherwise.

    `parts`: the streams and links that it touches, where others may be read by other runs at the same time; on an engine
    that lets one process in at a time it holds the portal all the same.
    """
    portal_id, run_id = fetch_account(client).portal_id, state.new_run_id()
    with warehouse.busy(f"run {run_id}"):  # a run is many calls in a row
        state.migrate()
        state.start_run(kind, portal_id, detail, run_id=run_id)
        try:
            held = parts if warehouse.many_processes else None
            with (
                state.acquire(portal_id, run_id=run_id, wait_seconds=wait_seconds, parts=held) as lease,
                _divided(client, lease),
            ):
                with lease.transaction() as tx:
                    state.claim_schema(tx, pull.schema_, portal_id, client.now())
                pulling = Pulling(
                    client=client,
                    warehouse=warehouse,
                    state=state,
                    lease=lease,
                    block=catalog.expand(pull),
                    run_id=run_id,
                    portal_id=portal_id,
                    progress=progress,
                    catalog=catalog,
                    full_refresh=full_refresh,
                    allow_deletes=allow_deletes,
                    prefix=state.prefix(portal_id, pull.schema_),
                )
                forget_dropped(pulling)
                with pulling.stop.on_signals(client):
                    yield pulling
        except BaseException as error:
            interrupted = isinstance(error, (InterruptedRunError, KeyboardInterrupt))
            state.finish_run(run_id, "interrupted" if interrupted else "failed", {}, words_of(error))
            raise


@contextmanager
def _divided(client: Client, lease: Lease) -> Iterator[None]:
    """Have the client keep to the lease's share of the portal's limits until the block ends."""
    lease.divide_limits(client.divide_limits)
    client.before_call = lease.keep_share
    try:
        yield
    finally:
        client.before_call = None
        client.divide_limits(1.0)


def words_of(error: BaseException) -> str:
    """Say what went wrong; of errors that are not ours only the kind, because their words may hold values."""
    return str(error) if isinstance(error, HubferryError) else type(error).__name__
