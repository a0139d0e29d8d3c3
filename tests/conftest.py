"""What every test has: no network but loopback, and emulated portals that stop when the test ends."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hubspot_emulator.clock import Clock
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

PortalFactory = Callable[..., Emulator]

# A busy machine is slow; that says nothing of an example.
settings.register_profile(
    "shared_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("shared_machine")


def _refuse_unless_loopback(address: object) -> None:
    if not isinstance(address, tuple):
        return  # a Unix socket
    host = str(address[0])
    try:
        is_loopback = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        pytest.fail(f"a test tried to connect to {host}: tests use loopback only", pytrace=True)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that opens a connection to another machine, but those that `make test-snowflake` runs on an account."""
    if "HUBFERRY_TEST_SNOWFLAKE" in os.environ:
        return
    for name in ("connect", "connect_ex"):
        original = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, _original: Any = original) -> Any:
            _refuse_unless_loopback(address)
            return _original(self, address)

        monkeypatch.setattr(socket.socket, name, guarded)


@pytest.fixture
def portal_factory() -> Iterator[PortalFactory]:
    """Start emulated portals: `portal_factory(contacts=50, tier="free")`, or a Settings; `shared_clock` is one that the client holds too."""
    with ExitStack() as running:

        def start(settings: Settings | None = None, *, shared_clock: Clock | None = None, **options: Any) -> Emulator:
            made = settings or Settings(**options)
            return running.enter_context(Emulator(made, clock=shared_clock))

        yield start
