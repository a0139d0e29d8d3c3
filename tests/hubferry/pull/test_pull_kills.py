"""A pull that is killed anywhere is resumed by the next one, and the tables equal the portal."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from forked import run_forked
from hubferry.state.crash import POINTS
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator
from truth import assert_equal_to_truth, call_control

REACHED = tuple(point for point in POINTS if not point.startswith("push."))
SCRIPT = Path(__file__).parent / "pull_run.py"


def run(emulator: Emulator, warehouse: Path, crash: str | None = None) -> int:
    """Pull in a process of its own; give how it ended."""
    done = run_forked(SCRIPT, emulator.base_url, str(warehouse), environ={"HUBFERRY_CRASH": crash} if crash else {})
    assert done.code in {0, -signal.SIGKILL}, done.stderr
    return done.code


@pytest.mark.parametrize("point", REACHED)
def test_a_pull_killed_at_each_point_is_resumed_without_loss(
    point: str, tmp_path: Path, portal_factory: Callable[..., Emulator]
) -> None:
    clock, path = VirtualClock(), tmp_path / "warehouse.duckdb"
    emulator = portal_factory(contacts=330, companies=0, deals=40, activity=False, limits=False, shared_clock=clock)
    warehouse = DuckDBWarehouse(path)

    first = [run(emulator, path, f"{point}:{nth}") for nth in (1, 2)]
    run(emulator, path)
    clock.advance(3600)
    call_control(
        emulator.control_url,
        "POST",
        "/mutate",
        {"seed": 5, "object": "contacts", "edits": 40, "creates": 10, "merges": 5, "archives": 8},
    )
    second = run(emulator, path, f"{point}:1")
    run(emulator, path)

    assert -signal.SIGKILL in first, f"{point} is never reached by a first pull"
    assert second == -signal.SIGKILL or point == "pull.before_sweep"  # a scan's, and this is an incremental pull
    assert_equal_to_truth(warehouse, emulator.control_url, objects=("contacts", "deals"), pairs=[("contacts", "deals")])


def test_a_scan_killed_amid_its_chunks_reads_only_what_is_left(
    tmp_path: Path, portal_factory: Callable[..., Emulator]
) -> None:
    emulator = portal_factory(
        contacts=900, companies=0, deals=0, activity=False, limits=False, shared_clock=VirtualClock()
    )
    path = tmp_path / "warehouse.duckdb"
    run(emulator, path, "pull.chunk_merged:6")
    call_control(emulator.control_url, "DELETE", "/requests")

    run(emulator, path)

    rows = DuckDBWarehouse(path).query(
        "SELECT s.read FROM hubferry.stream_runs s WHERE s.stream = 'contacts' AND s.state = 'done'"
    )
    assert 0 < rows["read"][0].as_py() < 600
    assert_equal_to_truth(DuckDBWarehouse(path), emulator.control_url, objects=("contacts",))
