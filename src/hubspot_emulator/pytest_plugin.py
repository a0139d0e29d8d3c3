"""Fixtures for pytest: `hubspot_emulator`, a portal of its own for a test, and `hubspot_emulator_factory` for several.

pytest finds this module by its entry point; nothing of the emulator is imported before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hubspot_emulator.server import Emulator

Factory = Callable[..., "Emulator"]
_MARKER = "hubspot_emulator(**settings): the portal of the `hubspot_emulator` fixture, as in contacts=50, tier='free'"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that strict markers accept it."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def hubspot_emulator_factory() -> Iterator[Factory]:
    """Start portals by their settings, `hubspot_emulator_factory(contacts=50)`; all stop when the test ends.

    `shared_clock=` is a clock that the client holds too, every other word a field of `hubspot_emulator.settings.Settings`, `knobs` among them.
    """
    from hubspot_emulator.server import Emulator  # noqa: PLC0415 - pytest loads this module in every run
    from hubspot_emulator.settings import Settings  # noqa: PLC0415

    def start(*, settings: Settings | None = None, shared_clock: Any = None, **fields: Any) -> Emulator:
        return running.enter_context(Emulator(settings or Settings(**fields), clock=shared_clock))

    with ExitStack() as running:
        yield start


@pytest.fixture
def hubspot_emulator(request: pytest.FixtureRequest, hubspot_emulator_factory: Factory) -> Emulator:
    """Give a running portal: `base_url` stands for https://api.hubapi.com, any token that begins with `pat-` is good.

    200 contacts, a virtual clock, everything repeatable, unless the marker `hubspot_emulator` says otherwise.
    """
    fields: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("hubspot_emulator"))):  # the nearest wins
        fields |= mark.kwargs
    return hubspot_emulator_factory(**fields)
