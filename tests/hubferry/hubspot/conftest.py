"""A client of an emulated portal; both hold one virtual clock, so that waiting costs no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from hubferry.hubspot.client import Client
from hubferry.types import Secret
from hubspot_emulator.server import Emulator

CANARY = "pat-na1-canary-7f3a"
ClientFactory = Callable[..., Client]


@pytest.fixture
def client_of() -> Iterator[ClientFactory]:
    """Build clients of a portal, closed when the test ends."""
    with ExitStack() as opened:

        def build(portal: Emulator, **options: Any) -> Client:
            options = {"token": Secret(CANARY), "base_url": portal.base_url, "clock": portal.clock} | options
            return opened.enter_context(Client(**options))

        yield build
