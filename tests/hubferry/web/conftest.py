"""One project and its page for all tests that only look; those that change something make their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web_world import EVIL, World, running_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("web")) as made, made.project.warehouse.busy():
        yield made


@pytest.fixture
def evil_contact(world: World) -> Iterator[str]:
    """The id of a contact whose last name is a script."""
    warehouse = world.project.warehouse
    row = warehouse.query("SELECT id, lastname FROM hubspot.contacts ORDER BY id LIMIT 1").to_pylist()[0]

    def rename(name: str) -> None:
        with warehouse.transaction() as tx:
            tx.execute("UPDATE hubspot.contacts SET lastname = ? WHERE id = ?", (name, row["id"]))

    rename(EVIL)
    yield str(row["id"])
    rename(row["lastname"])
