"""`where` narrows a source before anything else looks at it."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.errors import SourceError


def test_rows_that_do_not_meet_the_condition_are_as_if_they_were_not_there(world: Any, make_sync: Any) -> None:
    world.people((1, "a@x.com", "A"), (2, "b@x.com", "B"), (2, "c@x.com", "C"))
    world.syncs = [make_sync(where="firstname <> 'C' -- the second row of key 2")]

    report = world.push()

    assert report.rows["contacts"].applied == 2
    assert {each["properties"]["email"] for each in world.truth().values()} == {"a@x.com", "b@x.com"}


def test_a_condition_that_the_warehouse_cannot_read_names_the_sync(world: Any, make_sync: Any) -> None:
    world.people((1, "a@x.com", "A"))
    world.syncs = [make_sync(where="no_such_column = 1")]

    with pytest.raises(SourceError, match="sync 'contacts'"):
        world.plan()
