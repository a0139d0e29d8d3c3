"""What `forked` runs for the tests of histories: one pull, on the portal's clock, which may be killed after some time."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from hubferry.config.model import PullBlock
from hubferry.hubspot.client import Client
from hubferry.pull import chunks
from hubferry.pull.run import run_pull
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse


class PortalClock:
    """The portal's virtual clock, moved by waiting."""

    def __init__(self, control_url: str, now: float) -> None:
        self._now, self._address = now, urlsplit(control_url).netloc
        self._lock = threading.Lock()

    def time(self) -> float:
        """Give seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Give seconds that never go back."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move the portal's clock instead of waiting."""
        with self._lock:
            connection = HTTPConnection(self._address)
            connection.request("POST", "/clock", json.dumps({"advance_seconds": seconds}))
            connection.getresponse().read()
            connection.close()
            self._now += seconds


def main(asked: dict[str, Any]) -> int:
    """Pull once: `{"base_url", "control_url", "now", "path", "pull", "kill_after"?, "options"?}`; give the exit code."""
    if asked.get("kill_after") is not None:
        kill_later(asked["kill_after"])
    chunks.SMALLEST = chunks.CELLS = 40
    clock = PortalClock(asked["control_url"], asked["now"])
    warehouse = DuckDBWarehouse(asked["path"])
    with Client(token=Secret("pat-test"), base_url=asked["base_url"], clock=clock) as client:
        report = run_pull(
            client=client,
            warehouse=warehouse,
            state=StateStore(warehouse, clock),
            pull=PullBlock.model_validate(asked["pull"]),
            **asked.get("options", {}),
        )
    for each in (*report.streams, *report.associations):
        if each.error is not None:
            sys.stderr.write(f"{each.name}: {each.error}\n")
    return report.exit_code


def kill_later(seconds: float) -> None:
    """Kill this process after so long."""

    def wait_and_kill() -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), 9)

    threading.Thread(target=wait_and_kill, daemon=True).start()
