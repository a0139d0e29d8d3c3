"""A portal, a warehouse and pulls between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hubferry.config.model import PullBlock
from hubferry.hubspot.client import Client
from hubferry.pull.run import PullReport, run_pull
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator
from truth import ALL_OBJECTS, ALL_PAIRS, SOME_PROPERTIES, assert_equal_to_truth, call_control


@dataclass
class World:
    """One portal on a virtual clock, and a warehouse that is pulled into."""

    emulator: Emulator
    clock: VirtualClock
    client: Client
    warehouse: DuckDBWarehouse
    state: StateStore

    def pull(
        self,
        *streams: str,
        settings: dict[str, Any] | None = None,
        fivetran_schema: str | None = None,
        **options: Any,
    ) -> PullReport:
        """Pull these streams, or all three; `settings` are blocks by stream.

        A block that names no properties gets a few of each type: tables of hundreds of columns cost seconds a test.
        """
        blocks = {
            name: SOME_PROPERTIES.get(name, {}) | ((settings or {}).get(name) or {}) for name in streams or ALL_OBJECTS
        }
        block = PullBlock(streams=blocks, fivetran_schema=fivetran_schema)
        with self.warehouse.session():  # opened once: the tests are about rows, and the crash tests open it as users do
            return run_pull(client=self.client, warehouse=self.warehouse, state=self.state, pull=block, **options)

    def mutate(self, seed: int = 1, **counts: Any) -> dict[str, Any]:
        """Change the portal."""
        return dict(json.loads(self.control("POST", "/mutate", {"seed": seed, **counts})))

    def control(self, method: str, path: str, body: object = None) -> bytes:
        """Call the control server."""
        return call_control(self.emulator.control_url, method, path, body)

    def check(self, *objects: str, pairs: bool = True) -> None:
        """Fail where tables and portal differ."""
        names = objects or ALL_OBJECTS
        kept = [pair for pair in ALL_PAIRS if pairs and set(pair) <= set(names)]
        assert_equal_to_truth(self.warehouse, self.emulator.control_url, objects=names, pairs=kept)

    def check_pairs(self, *pairs: tuple[str, str]) -> None:
        """Fail where stored links and portal differ."""
        assert_equal_to_truth(self.warehouse, self.emulator.control_url, objects=(), pairs=pairs)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Query the warehouse; `hubspot.x` and `hubferry.x` are tables of it."""
        return list(self.warehouse.query(sql).to_pylist())


@pytest.fixture
def world(tmp_path: Path, portal_factory: Callable[..., Emulator]) -> Iterator[Callable[..., World]]:
    """Make worlds: `world(contacts=200)` takes the options of an emulator."""
    with ExitStack() as opened:

        def make(token: str = "pat-test", **options: Any) -> World:
            clock = VirtualClock()
            emulator = portal_factory(shared_clock=clock, **{"contacts": 120, **options})
            client = Client(token=Secret(token), base_url=emulator.base_url, clock=clock)
            opened.enter_context(client)
            warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
            opened.enter_context(warehouse.busy())  # the file may stay open between steps, as between those of a run
            return World(emulator, clock, client, warehouse, StateStore(warehouse, clock))

        yield make


def written(report: PullReport) -> int:
    """Count the rows that a pull wrote."""
    parts = (*report.streams, *report.associations)
    return sum(each.inserted + each.updated + each.deleted for each in parts)
