"""A portal and a project, as an orchestrator's user has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration_world import BARE, TOKEN, World

from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings


@pytest.fixture(scope="module")
def portal() -> Iterator[Emulator]:
    tokens = {TOKEN: None, BARE: frozenset({"crm.objects.owners.read"})}
    settings = Settings(contacts=30, companies=0, deals=0, limits=False, clock="real", tokens=tokens)
    with Emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def world(tmp_path: Path, portal: Emulator, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("INTEGRATION_TOKEN", TOKEN)
    made = World(tmp_path, portal)
    made.write()
    return made
