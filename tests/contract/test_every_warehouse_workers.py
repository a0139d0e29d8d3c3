"""Two workers on one portal: beside each other where the warehouse lets several processes in, one after the other on DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engines import ENGINES, keep_leases_still
from hubferry.config.model import PullBlock
from hubferry.errors import PortalBusyError
from hubferry.hubspot.client import Client
from hubferry.pull.run import run_pull
from hubferry.state.leases import Lease
from hubferry.state.store import StateStore
from hubferry.state.tables import LEASES, META, SCHEMA
from hubferry.types import Quiet, Secret, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Warehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator

BLOCK = PullBlock.model_validate(
    {"streams": {"contacts": {"properties": ["email"], "associations": []}, "owners": None}}
)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ON_FAKESNOW = [pytest.param(each, marks=[pytest.mark.heavy] if each == "snowflake" else []) for each in ENGINES]


class BesideClock(VirtualClock):
    """The portal's time; while somebody waits, the worker beside it beats."""

    beside: Lease | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.beside is not None:
            self.beside.renew()


class Watch(Quiet):
    """Notes how many calls in ten seconds the client allows itself while streams are read."""

    def __init__(self, client: Client) -> None:
        self._client, self.bursts = client, set[int]()

    def finish(self, task: str, *, note: str = "") -> None:
        self.bursts.add(self._client.burst_limit)


@pytest.fixture(params=ON_FAKESNOW)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    keep_leases_still(monkeypatch, request.param)
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


def test_a_second_worker_reads_other_streams_with_half_of_the_limits(
    warehouse: Warehouse, portal_factory: Callable[..., Emulator]
) -> None:
    clock = BesideClock()
    portal = portal_factory(contacts=30, shared_clock=clock)
    with Client(token=Secret("pat-test"), base_url=portal.base_url, clock=clock) as client, warehouse.session():
        state, shares, watch = StateStore(warehouse, clock), list[float](), Watch(client)

        def pull(*streams: str) -> Any:
            return run_pull(client=client, warehouse=warehouse, state=state, pull=BLOCK, select=streams, progress=watch)

        pull("owners")
        watch.bursts.clear()
        portal_id = state.runs()[0].portal_id
        with state.acquire(portal_id, run_id="another", parts=["contacts"]) as another:
            another.divide_limits(shares.append)
            clock.beside = another
            if not warehouse.many_processes:
                with pytest.raises(PortalBusyError, match=f"portal {portal_id} is held by run another"):
                    pull("owners")
                return
            report = pull("owners")

            assert [each.state for each in report.streams] == ["done"]
            assert (watch.bursts, client.burst_limit) == (
                {95},
                190,
            )  # calls in ten seconds, during the pull and after it
            with pytest.raises(PortalBusyError, match=f"^contacts of portal {portal_id} is held by run another "):
                pull("contacts")
            another.renew()
        assert shares == [1.0, 0.5, 1.0]


def test_leases_of_a_state_before_workers_give_way(warehouse: Warehouse) -> None:
    """Version 1 had one row a portal, and PostgreSQL held it to that."""
    columns = tuple(each for each in LEASES.table.columns if each.name not in {"parts", "share"})
    before = Table(SCHEMA, "leases", columns, ("portal_id",))
    clock = VirtualClock()
    state = StateStore(warehouse, clock)
    with warehouse.session():
        warehouse.ensure_tables([before, META.table])
        with warehouse.transaction() as tx:
            tx.append(
                before, table_from_rows(before, [{"portal_id": 1, "epoch": 7, "since": LONG_AGO, "beat": LONG_AGO}])
            )
            tx.append(META.table, table_from_rows(META.table, [{"name": "state", "version": 1}]))

        state.migrate()

        with state.acquire(1, run_id="one", parts=["contacts"]) as one:
            assert one.epoch == 1
            assert [column.name for column in warehouse.query_columns(SCHEMA, "leases")][:4] == [
                "portal_id",
                "epoch",
                "run_id",
                "parts",
            ]
