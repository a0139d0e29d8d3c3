"""What `forked` runs for the tests of kills: one pull in small chunks."""

from __future__ import annotations

from hubferry.clock import SystemClock
from hubferry.config.model import PullBlock
from hubferry.hubspot.client import Client
from hubferry.pull import chunks
from hubferry.pull.run import run_pull
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse

BLOCK = PullBlock.model_validate(
    {
        "streams": {
            "contacts": {"properties": ["email", "lifecyclestage", "lastmodifieddate"]},
            "deals": {"properties": ["dealname", "amount"]},
            "owners": None,
        }
    }
)


def main(base_url: str, path: str) -> None:
    """Pull contacts, deals, their links and owners."""
    chunks.SMALLEST = chunks.CELLS = 100
    warehouse = DuckDBWarehouse(path)
    with Client(token=Secret("pat-test"), base_url=base_url) as client:
        report = run_pull(client=client, warehouse=warehouse, state=StateStore(warehouse, SystemClock()), pull=BLOCK)
    for each in (*report.streams, *report.associations):
        assert each.state == "done", each


def main_exports(base_url: str, path: str) -> None:
    """Look at all contacts by an export."""
    settings = {"properties": ["email", "lifecyclestage", "lastmodifieddate"], "reader": "exports"}
    block = PullBlock.model_validate({"streams": {"contacts": settings}})
    warehouse = DuckDBWarehouse(path)
    with Client(token=Secret("pat-test"), base_url=base_url) as client:
        state = StateStore(warehouse, SystemClock())
        report = run_pull(client=client, warehouse=warehouse, state=state, pull=block, full_refresh=True)
    assert [each.state for each in report.streams] == ["done"], report
