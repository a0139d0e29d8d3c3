"""What `forked` runs where a push may be killed: one sync, given as JSON."""

from __future__ import annotations

from hubferry.clock import SystemClock
from hubferry.config.model import Sync
from hubferry.hubspot.client import Client
from hubferry.push.apply import run_push
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse


def main(path: str, base_url: str, sync: str) -> None:
    warehouse = DuckDBWarehouse(path)
    with Client(token=Secret("pat-test"), base_url=base_url) as client:
        run_push(
            syncs=[Sync.model_validate_json(sync)],
            client=client,
            warehouse=warehouse,
            state=StateStore(warehouse, SystemClock()),
        )
