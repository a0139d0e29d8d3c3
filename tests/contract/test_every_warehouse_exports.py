"""On every engine a table is compared with the file of an export, and rows that are equal are found equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engines import ENGINES, keep_leases_still
from hubferry.config.model import PullBlock
from hubferry.hubspot.client import Client
from hubferry.pull.run import run_pull
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from truth import SOME_PROPERTIES, assert_equal_to_truth, call_control

TYPES = {"hs_analytics_num_visits": "decimal(38,9)"}
BLOCK = PullBlock.model_validate(
    {"streams": {"contacts": {**SOME_PROPERTIES["contacts"], "types": TYPES, "reader": "exports"}}}
)


@pytest.mark.parametrize(
    "engine", [pytest.param(each, marks=[pytest.mark.heavy] if each == "snowflake" else []) for each in ENGINES]
)
def test_a_file_of_an_export_finds_what_differs_and_nothing_else(
    engine: str, tmp_path: Path, portal_factory: Callable[..., Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_leases_still(monkeypatch, engine)
    clock = VirtualClock()
    portal = portal_factory(contacts=30, companies=0, deals=0, knobs=Knobs(rollups_follow=True), shared_clock=clock)
    with (
        ENGINES[engine](tmp_path) as warehouse,
        Client(token=Secret("pat-test"), base_url=portal.base_url, clock=clock) as client,
    ):
        state = StateStore(warehouse, clock)
        run_pull(client=client, warehouse=warehouse, state=state, pull=BLOCK)
        clock.advance(3600)
        changes = {"seed": 6, "object": "contacts", "edits": 4, "creates": 2, "merges": 1, "archives": 1}
        call_control(portal.control_url, "POST", "/mutate", changes)

        report = run_pull(client=client, warehouse=warehouse, state=state, pull=BLOCK, full_refresh=True).streams[0]

        assert (report.state, report.reader, report.notes) == ("done", "exports", ())
        assert_equal_to_truth(warehouse, portal.control_url, objects=("contacts",))
