"""The portal that the judges read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import urllib3

from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings


@pytest.fixture(scope="module")
def portal() -> Iterator[Emulator]:
    """A portal of today: connectors ask until their own now."""
    with Emulator(Settings(contacts=60, limits=False, clock="real")) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def truth(portal: Emulator) -> Callable[[str], set[str]]:
    """Give the ids of what is live of a stream."""

    def ids(name: str) -> set[str]:
        with urllib3.PoolManager() as pool:
            lines = pool.request("GET", f"{portal.control_url}/truth/{name}").data.splitlines()
        rows = [json.loads(line) for line in lines]
        return {str(row.get("id") or row.get("listId")) for row in rows if row["state"] == "live"}

    return ids
