"""Portals that imports are sent to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import urllib3
from import_client import Imports

from hubspot_emulator.server import Emulator


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator]) -> Emulator:
    """An empty portal without limits on calls."""
    return portal_factory(contacts=0, limits=False)


@pytest.fixture
def imports(emulator: Emulator, pool: urllib3.PoolManager) -> Imports:
    """Imports of the test's portal."""
    return Imports(emulator, pool)


@pytest.fixture
def make_imports(portal_factory: Callable[..., Emulator], pool: urllib3.PoolManager) -> Callable[..., Imports]:
    """Imports of a portal with these options."""
    return lambda **options: Imports(portal_factory(contacts=0, limits=False, **options), pool)
