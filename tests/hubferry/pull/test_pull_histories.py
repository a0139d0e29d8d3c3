"""Random histories: a portal that changes all the time, faults, kills at random moments. After the last run tables equal the portal.

60 run by `make test`, 300 by `make test-heavy`, and as many as wanted by hand:
`HUBFERRY_HISTORIES=5000 pytest -m heavy tests/hubferry/pull/test_pull_histories.py`. A failure prints its seed;
`HUBFERRY_FIRST_HISTORY=<seed> HUBFERRY_HISTORIES=1` runs that one alone, and `HUBFERRY_HISTORY=<seed>` one of `make test`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from forked import run_forked
from hubferry.state.crash import POINTS
from hubferry.streams.definition import Stream
from hubferry.streams.registry import BY_NAME
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.mutate import Mutation, MutationError, mutate
from hubspot_emulator.server import Emulator
from stream_truth import diff_stream, diff_versions
from truth import ALL_OBJECTS, ALL_PAIRS, assert_equal_to_truth, call_control

SCRIPT = Path(__file__).parent / "pull_of_history.py"
REACHED = tuple(point for point in POINTS if not point.startswith("push."))
FAULT_SHARE = 0.05
MOST_CHANGES = 6
"""Of those made while one pull runs."""
FAULTS: tuple[dict[str, Any], ...] = (
    {"phase": "before", "do": {"status": 500, "body": {"status": "error", "message": "internal error"}}},
    {"phase": "before", "do": {"status": 429, "body": {"status": "error", "errorType": "RATE_LIMIT"}}},
    {"phase": "before", "do": {"kind": "reset"}},
    {"phase": "after", "do": {"kind": "reset"}},
    {"phase": "after", "do": {"kind": "html"}},
    {"phase": "mid_body", "do": {"kind": "truncate"}},
)
PROPERTIES: dict[str, list[str]] = {
    "contacts": ["email", "firstname", "lifecyclestage", "lastmodifieddate", "hs_additional_emails"],
    "companies": ["name", "domain", "annualrevenue", "hs_lastmodifieddate"],
    "deals": ["dealname", "amount", "dealstage", "closedate"],
}

SHORT = (("contacts",), ("companies",), ("contacts", "deals"))
LONG = (ALL_OBJECTS, ("contacts", "deals"), ("contacts", "companies"))
"""What the streams of a history are drawn from, of those in `make test` and of the others."""
BESIDE: dict[str, dict[str, Any]] = {
    "owners": {"storage": "append"},
    "tickets": {"properties": ["subject", "hs_lastmodifieddate"], "associations": [], "sweep": "every_run"},
    "subscription_changes": {"start": "2026-11-01"},
    "subscription_statuses": {},
    "email_events": {"start": "2026-11-01"},
    "property_history": {},
}
"""Streams that are read beside those of a history, with their settings."""
FEW = (("owners",), ("tickets",), ("subscription_changes", "subscription_statuses"))
MANY_BESIDE = (*FEW, ("property_history",), ("email_events", "owners"))


class History:
    """One portal, one warehouse, and what happens to them, all drawn from a seed."""

    def __init__(
        self,
        seed: int,
        emulator: Emulator,
        clock: VirtualClock,
        path: Path,
        *,
        short: bool,
    ) -> None:
        self.rng = Random(f"history {seed}")
        self.emulator, self.clock, self.path = emulator, clock, path
        self.objects = self.rng.choice(SHORT if short else LONG)
        self.beside = (
            self.rng.choice(FEW if short else MANY_BESIDE) if self.rng.random() < (0.3 if short else 0.8) else ()
        )
        blocks = {name: self.draw_settings(name) for name in self.objects}
        self.pull_block = {"streams": {**blocks, **{name: BESIDE[name] for name in self.beside}}}
        self.kept = [name for name, block in blocks.items() if block["storage"] == "append"]

    def draw_settings(self, name: str) -> dict[str, Any]:
        """Draw how a stream is read."""
        strategy = self.rng.choice(["incremental", "incremental", "full_refresh"])
        storage = "append" if name != "deals" and self.rng.random() < 0.3 else "merge"
        return {"properties": PROPERTIES[name], "strategy": strategy, "sweep": "every_run", "storage": storage}

    def control(self, method: str, path: str, body: object = None) -> None:
        """Call the control server."""
        call_control(self.emulator.control_url, method, path, body)

    def change(self) -> None:
        """Change the portal a little; one that has too few records for it only grows."""
        names = ("creates", "edits", "archives", "merges", "associations")
        counts = {name: self.rng.randint(0, 3) for name in names}
        counts["activity"] = 3 if self.beside else 0
        portal, seed = self.emulator.portal, self.rng.randrange(1 << 30)
        try:
            mutate(portal, Mutation(seed=seed, **counts))
        except MutationError:
            mutate(portal, Mutation(seed=seed, creates=5))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change the portal all the time while the block runs."""
        ended = threading.Event()

        def go_on() -> None:
            for _ in range(MOST_CHANGES):
                if ended.wait(0.1):
                    return
                self.change()

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def pull(self, *, crash: str = "", **more: Any) -> int:
        """Pull once, in a process of its own."""
        asked = {
            "base_url": self.emulator.base_url,
            "control_url": self.emulator.control_url,
            "now": self.clock.time(),
            "path": str(self.path),
            "pull": self.pull_block,
            **more,
        }
        ended = run_forked(SCRIPT, asked, environ={"HUBFERRY_CRASH": crash} if crash else {})
        sys.stderr.write(ended.said)  # shown where the test fails
        return ended.code

    def draw_end(self) -> dict[str, Any]:
        """Draw how a pull is killed: at a crash point, after some time, or not at all."""
        kind = self.rng.randrange(3)
        if kind == 0:
            return {"crash": f"{self.rng.choice(REACHED)}:{self.rng.randint(1, 8)}"}
        return {"kill_after": self.rng.uniform(0.05, 0.6)} if kind == 1 else {}

    def run(self, turns: int) -> None:
        """Let things happen; then pull once in peace, and compare."""
        rules = [
            {
                "match": {"path": "/crm/*"},
                "when": {"probability": FAULT_SHARE / len(FAULTS), "seed": self.rng.randrange(1 << 30)},
                **fault,
            }
            for fault in FAULTS
        ]
        self.control("POST", "/faults", rules)
        for _ in range(turns):
            with self.changing():
                self.pull(options={"full_refresh": self.rng.random() < 0.15}, **self.draw_end())
            self.clock.advance(self.rng.choice([1, 30, 400, 7200]))
        self.control("DELETE", "/faults")
        self.clock.advance(60)
        assert self.pull() == 0, "the last pull, in peace, was not done"
        pairs = [pair for pair in ALL_PAIRS if set(pair) <= set(self.objects)]
        warehouse, url = DuckDBWarehouse(self.path), self.emulator.control_url
        with warehouse.session():
            merged = [name for name in self.objects if name not in self.kept]
            assert_equal_to_truth(warehouse, url, objects=merged, pairs=pairs)
            streams = [BY_NAME[name] for name in (*self.kept, *self.beside)]
            found = [each for stream in streams for each in self.differences(warehouse, stream)]
            for name in self.objects:  # nobody is erased in a history
                table = warehouse.name("hubspot", name)
                gone = warehouse.query(f"SELECT id FROM {table} WHERE _hubferry_deleted_reason = 'erased'").to_pylist()
                found += [f"{name} {row['id']}: passes for erased" for row in gone]
        assert not found, "\n".join(found[:40])

    def differences(self, warehouse: DuckDBWarehouse, stream: Stream) -> list[str]:
        """Compare a stream whose versions are kept, or that is read beside the others."""
        append = stream.name in self.kept or BESIDE.get(stream.name, {}).get("storage") == "append"
        found = diff_stream(warehouse, self.emulator.control_url, stream, append=append)
        return [*found, *(diff_versions(warehouse, stream) if append else ())]


def live_through(seed: int, portal_factory: Callable[..., Emulator], path: Path, *, short: bool = False) -> None:
    """Run one history."""
    rng, clock = Random(f"portal {seed}"), VirtualClock()
    knobs = Knobs(
        merge_keeps_primary=rng.random() < 0.5,
        merged_listed_as_archived=rng.random() < 0.3,
        search_short_page_every=rng.choice([0, 3]),
        index_lag_spread=rng.choice([0.0, 1.0]),
        cleared_reads_empty=rng.random() < 0.5,
    )
    emulator = portal_factory(
        contacts=rng.choice([0, 30, 130]),
        companies=25,
        deals=25,
        activity=False,
        index_lag_seconds=rng.choice([0, 20]),
        limits=rng.random() < 0.5,
        knobs=knobs,
        seed=seed,
        shared_clock=clock,
    )
    try:
        History(seed, emulator, clock, path, short=short).run(turns=rng.randint(1, 2 if short else 4))
    except BaseException:
        alone = f"HUBFERRY_HISTORY={seed}" if short else f"HUBFERRY_FIRST_HISTORY={seed} HUBFERRY_HISTORIES=1"
        sys.stderr.write(f"\nhistory of seed {seed}: {alone} runs it alone\n")
        raise


ONE = os.environ.get("HUBFERRY_HISTORY")
MANY = int(os.environ.get("HUBFERRY_HISTORIES", "300"))
FIRST = int(os.environ.get("HUBFERRY_FIRST_HISTORY", "1000"))


@pytest.mark.parametrize("seed", [int(ONE)] if ONE else range(60))
def test_after_any_history_tables_equal_the_portal(
    seed: int, portal_factory: Callable[..., Emulator], tmp_path: Path
) -> None:
    live_through(seed, portal_factory, tmp_path / "warehouse.duckdb", short=True)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(FIRST, FIRST + MANY))
def test_after_many_histories_tables_equal_the_portal(
    seed: int, portal_factory: Callable[..., Emulator], tmp_path: Path
) -> None:
    live_through(seed, portal_factory, tmp_path / "warehouse.duckdb")
