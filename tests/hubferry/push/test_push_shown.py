"""What `hubferry show` says of a push, and `hubferry record` of a record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubferry.cli.app import main


@pytest.fixture
def pushed(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One row was written, one refused."""
    world.people((1, "a@x.com", "Ann"), (2, "p7@x.invalid-tld-of-nobody", "Bob"))
    world.report = world.push()
    world.folder = str(world.write_project())
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-test")
    return world


def test_show_tells_what_became_of_each_step_and_why(pushed: Any, capsys: Any) -> None:
    assert main(["show", pushed.report.run_id, "--project", pushed.folder]) == 0
    text = capsys.readouterr().out
    main(["show", "latest", "--project", pushed.folder, "--output", "json"])
    steps = json.loads(capsys.readouterr().out)["data"]["steps"]

    assert "not done:" in text
    assert "Correct the e-mail address in the source" in text
    assert [(each["kind"], each["state"], each["count"]) for each in steps["counts"]] == [
        ("create", "applied", 1),
        ("create", "rejected", 1),
    ]


def test_record_tells_which_row_it_is_and_what_was_written(pushed: Any, capsys: Any) -> None:
    record_id = pushed.contact("a@x.com")["id"]
    assert main(["record", "contacts", record_id, "--project", pushed.folder]) == 0
    text = capsys.readouterr().out
    main(["record", "contacts", "404404", "--project", pushed.folder])

    assert "row 1 of contacts, which made the record" in text
    assert "firstname: -> 'Ann'" in text
    assert "knows nothing of it" in capsys.readouterr().out
