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


def test_a_push_names_invalid_links_and_the_syncs_of_which_something_is_open(
    world: Any, make_sync: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Also where no link is left to write, and where the first sync of the run has done everything."""
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-test")
    world.people(
        (1, "a@x.com", "Ann", '["nobody@x.com"]'), columns="id INTEGER, email VARCHAR, firstname VARCHAR, who JSON"
    )
    fields = {"email": "email"}
    links = [{"to": "contacts", "column": "who", "by": "email"}]
    world.syncs = [
        make_sync("first", fields={**fields, "firstname": "firstname"}),
        make_sync("second", fields=fields, associations=links),
    ]
    folder = str(world.write_project())
    codes = [main(["push", "--project", folder]) for _ in range(2)]
    said = capsys.readouterr()

    assert codes == [1, 1]
    assert said.out.count("second, links: 0 planned = 0 applied + 0 rejected + 0 skipped + 0 unknown; 1 invalid") == 2
    assert said.err.count("Not everything was done: hubferry rejected second\n") == 2


def test_record_tells_which_row_it_is_and_what_was_written(pushed: Any, capsys: Any) -> None:
    record_id = pushed.contact("a@x.com")["id"]
    assert main(["record", "contacts", record_id, "--project", pushed.folder]) == 0
    text = capsys.readouterr().out
    main(["record", "contacts", "404404", "--project", pushed.folder])

    assert "row 1 of contacts, which made the record" in text
    assert "firstname: -> 'Ann'" in text
    assert "knows nothing of it" in capsys.readouterr().out


def test_a_plan_foretells_the_calls_that_applying_it_takes(world: Any, make_sync: Any) -> None:
    """Links of another object are other calls, and so are labels taken off, links taken off, and each list."""
    firms = [world.add_company(name=f"Firm {number}") for number in range(3)]
    vips = [
        str(
            world.call("POST", "/crm/v3/lists", {"name": name, "objectTypeId": "0-1", "processingType": "MANUAL"})[
                "list"
            ]["listId"]
        )
        for name in ("A", "B")
    ]
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, firms JSON, friends JSON, lists VARCHAR[]"
    links = [
        {"to": "companies", "column": "firms"},
        {"to": "contacts", "column": "friends", "by": "email"},
        {"to": "lists", "column": "lists"},
    ]
    world.syncs = [make_sync(associations=links)]
    one, two, three = (f'{{"{firm}": "Consultant"}}' for firm in firms)
    sources = (
        ((1, "a@x.com", "Ann", one, '{"b@x.com": null}', vips), (2, "b@x.com", "Bob", two, None, vips[:1])),
        ((1, "a@x.com", "Anna", three, None, vips[:1]), (2, "b@x.com", "Bob", one, None, None)),
        ((1, "a@x.com", "Anna", None, None, None), (2, "b@x.com", "Bob", f'{{"{firms[0]}": null}}', None, None)),
    )
    told, made = [], []
    for rows in sources:
        world.people(*rows, columns=columns)
        plan = world.plan()
        told.append(plan.cost.apply_calls)
        made.append(world.apply(plan).calls)

    assert told == made
    assert max(told) > 4, "or there was little to foretell"
