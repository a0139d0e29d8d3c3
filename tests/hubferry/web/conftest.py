"""One project and its page for all tests that only look; those that change something make their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web_world import World, running_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("web")) as made:
        yield made
