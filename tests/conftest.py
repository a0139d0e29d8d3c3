"""What every test has: no network but loopback, and emulated portals that stop when the test ends."""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hubspot_emulator.clock import VIRTUAL_START, Clock, VirtualClock
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

PortalFactory = Callable[..., Emulator]

# A busy machine is slow; that says nothing of an example.
settings.register_profile(
    "shared_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("shared_machine")


def pytest_collection() -> None:
    """Let the collector of garbage not look at what lasts as long as the tests: a third of a million objects."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage from now on."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Let Python end as it does; nanobind tells of what it finds then."""
    gc.unfreeze()


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


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], Path]:
    """Give the file of a portal as these settings generate it, which is done once: to copy it takes a tenth of that."""
    files: dict[str, Path] = {}

    def find(made: Settings) -> Path:
        key = repr(replace(made, tokens={}, limits=True, latency_ms=0.0, db=None))
        if key not in files:
            path = tmp_path_factory.mktemp("generated") / "portal.db"
            with Emulator(replace(made, db=str(path))):
                files[key] = path
        return files[key]

    return find


@pytest.fixture
def portal_factory(generated: Callable[[Settings], Path]) -> Iterator[PortalFactory]:
    """Start emulated portals: `portal_factory(contacts=50, tier="free")`, or a Settings; `shared_clock` is one that the client holds too."""
    with ExitStack() as running:

        def start(settings: Settings | None = None, *, shared_clock: Clock | None = None, **options: Any) -> Emulator:
            made, clock = settings or Settings(**options), shared_clock or VirtualClock()
            if _is_generated_alike(made, clock):
                folder = running.enter_context(tempfile.TemporaryDirectory())
                made = replace(made, db=shutil.copy(generated(made), folder))
            return running.enter_context(Emulator(made, clock=shared_clock))

        yield start


def _is_generated_alike(made: Settings, clock: Clock) -> bool:
    """Say whether such a portal is the same each time, and needs nothing that its file does not keep."""
    plain = made.knobs is None and not made.index_lag_seconds and made.clock == "virtual"
    own_files = made.db or made.import_file or made.faults_file
    return plain and not own_files and clock.time() == VIRTUAL_START
