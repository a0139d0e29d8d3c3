"""A sync whose file was given another name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubferry.cli.app import main
from hubferry.errors import UnknownNameError
from hubferry.push.rename import rename_sync


def known_as(world: Any, make_sync: Any, name: str) -> None:
    guards = {"max_archives": 5, "empty_source": "allow"}
    links = [{"to": "companies", "column": "firms"}]
    world.syncs = [make_sync(name, mode="mirror", guards=guards, associations=links)]


def fill(world: Any, *rows: tuple[int, str, list[str]]) -> None:
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, firms JSON"
    world.people(*((key, email, "Ann", json.dumps(firms)) for key, email, firms in rows), columns=columns)


@pytest.mark.parametrize("pushed_first", [False, True])
def test_a_renamed_sync_keeps_its_records_and_links(world: Any, make_sync: Any, pushed_first: bool) -> None:
    """Also where it was pushed under the new name before somebody thought of it."""
    firm = world.add_company(name="Firm")
    known_as(world, make_sync, "people")
    fill(world, (1, "a@x.com", [firm]), (2, "b@x.com", [firm]))
    world.push()
    known_as(world, make_sync, "folk")
    if pushed_first:
        world.push()

    moved = rename_sync("people", "folk", client=world.client, state=world.state)
    before = world.writes()
    world.push()
    unchanged = world.writes() == before
    fill(world, (2, "b@x.com", []))
    world.push()

    assert (moved.rows, moved.links, unchanged) == (2, 2, True)
    states = {each["properties"]["email"]: each["state"] for each in world.truth().values()}
    assert states == {"a@x.com": "archived", "b@x.com": "live"}
    assert world.labels_between(world.contact("b@x.com")["id"], firm, to="companies") == set()
    assert world.sql("SELECT DISTINCT sync FROM hubferry.ledger") == [("folk",)]


def test_a_sync_that_was_never_pushed_cannot_be_renamed(world: Any) -> None:
    with pytest.raises(UnknownNameError, match="nobody"):
        rename_sync("nobody", "contacts", client=world.client, state=world.state)


def test_check_names_a_sync_that_has_no_file_any_more_and_rename_mends_it(
    world: Any, make_sync: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known_as(world, make_sync, "people")
    fill(world, (1, "a@x.com", []))
    world.push()
    known_as(world, make_sync, "folk")
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-test")
    folder = str(world.write_project())

    main(["check", "--project", folder])
    told = capsys.readouterr().out
    code = main(["rename", "people", "folk", "--project", folder])
    main(["check", "--project", folder])

    assert "hubferry rename people" in told
    assert code == 0
    assert "hubferry rename" not in capsys.readouterr().out
