"""A run is taken back from the values it found; what others touched since stays, and is listed."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.cli.app import main
from hubferry.errors import HeldError, RunError
from hubferry.push.apply import PushReport
from hubferry.push.holds import resume_syncs
from hubferry.push.plan import Plan
from hubferry.push.undo import build_undo

PEOPLE = "id INTEGER, email VARCHAR, firstname VARCHAR, lastname VARCHAR, contact_number VARCHAR, others JSON"
FIELDS = {
    "email": "email",
    "firstname": {"column": "firstname", "on_null": "clear"},
    "lastname": "lastname",
    "contact_number": "contact_number",
}


@pytest.fixture
def before(world: Any, make_sync: Any) -> Any:
    """Two contacts of the portal that a push changes, one that it makes, and links among them."""
    world.add_label("contacts", "contacts", "Colleague")
    world.old = {
        name: world.add_contact(email=f"{name}@x.com", firstname="Old", lastname="Name", contact_number=number)
        for name, number in (("a", "1"), ("b", "2"))
    }
    world.link("contacts", world.old["a"], "contacts", world.old["b"], "Colleague")
    world.people(
        (1, "a@x.com", "New", "Name", "1", '{"2": "Friend", "3": "Friend"}'),
        (2, "b@x.com", None, "Other", "2", None),
        (3, "c@x.com", "C", "C", "3", None),
        columns=PEOPLE,
    )
    entry = {"to": "contacts", "column": "others", "by": "contact_number"}
    world.syncs = [make_sync(fields=FIELDS, associations=[entry])]
    return world


def push(world: Any) -> PushReport:
    report: PushReport = world.push()
    world.advance(60)
    return report


def undo(world: Any, run_id: str) -> Plan:
    return build_undo(run_id, client=world.client, warehouse=world.warehouse, state=world.state)


def values(world: Any, name: str) -> tuple[str | None, str | None]:
    found = world.contact(f"{name}@x.com")["properties"]
    return found.get("firstname") or None, found.get("lastname") or None


def left(world: Any, plan: Plan) -> dict[str, str]:
    """What the plan does not take back, with the reason."""
    steps = (each.step for each in world.steps(plan))
    return {each.detail: each.reason for each in steps if type(each).__name__ == "InvalidEntry"}


def test_an_undo_is_shown_first_and_brings_everything_back(before: Any) -> None:
    run = push(before)
    a, b, c = (before.contact(f"{name}@x.com")["id"] for name in "abc")
    assert before.labels_between(a, b) == {"Friend", "Colleague", None}
    writes = before.writes()

    plan = undo(before, run.run_id)
    assert before.writes() == writes
    report = before.apply(plan)

    assert report.exit_code == 0
    assert (values(before, "a"), values(before, "b")) == (("Old", "Name"), ("Old", "Name"))
    assert before.truth()[c]["state"] == "archived"
    assert before.labels_between(a, b) == {"Colleague", None}
    assert before.sql("SELECT count(*) FROM hubferry.links") == [(0,)]
    counts = plan.counts["contacts"]
    assert (counts.updates, counts.archives, counts.links_removed) == (2, 1, 1)


def test_an_undone_sync_is_on_hold_until_it_is_resumed_and_then_writes_again(before: Any) -> None:
    run = push(before)
    before.apply(undo(before, run.run_id))

    with pytest.raises(HeldError, match="hubferry resume contacts"):
        before.push()
    reasons = resume_syncs(["contacts"], client=before.client, state=before.state)
    again = before.push()

    assert run.run_id in reasons["contacts"]
    assert again.rows["contacts"].applied == 3
    assert values(before, "a") == ("New", "Name")
    assert before.labels_between(before.old["a"], before.old["b"]) == {"Friend", "Colleague", None}


def test_an_undo_leaves_what_policies_decide_by(world: Any, make_sync: Any) -> None:
    fields = {"email": "email", "firstname": "firstname", "lastname": {"column": "lastname", "policy": "hubspot_wins"}}
    world.syncs = [make_sync(fields=fields)]
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, lastname VARCHAR"
    for name in ("One", "Two"):
        world.people((1, "a@x.com", name, "Ours"), columns=columns)
        report = push(world)
    world.apply(undo(world, report.run_id))
    resume_syncs(["contacts"], client=world.client, state=world.state)

    world.people((1, "a@x.com", "Three", "Next"), columns=columns)
    world.push()

    assert values(world, "a") == ("Three", "Next")


def test_what_somebody_changed_since_stays_and_is_listed(before: Any) -> None:
    run = push(before)
    before.change(before.old["a"], firstname="Theirs")

    plan = undo(before, run.run_id)
    before.apply(plan)

    assert "somebody changed it since" in left(before, plan)["firstname"]
    assert values(before, "a") == ("Theirs", "Name")
    assert values(before, "b") == ("Old", "Name")


@pytest.mark.parametrize("touch", ["change", "link"])
def test_a_record_we_made_stays_where_others_changed_or_linked_it(before: Any, touch: str) -> None:
    run = push(before)
    made = before.contact("c@x.com")["id"]
    if touch == "change":
        before.change(made, jobtitle="Boss")
    else:
        before.link("contacts", made, "companies", before.add_company(name="Firm"))

    plan = undo(before, run.run_id)
    before.apply(plan)

    reason = left(before, plan)[f"record {made}"]
    assert ("jobtitle was changed since" in reason) if touch == "change" else ("linked to companies" in reason)
    assert before.truth()[made]["state"] == "live"
    assert before.labels_between(before.old["a"], made) == set()  # our link goes all the same


def test_labels_that_others_added_stay_with_their_link(before: Any) -> None:
    run = push(before)
    a, c = before.old["a"], before.contact("c@x.com")["id"]
    before.link("contacts", a, "contacts", c, "Friend", "Colleague")

    before.apply(undo(before, run.run_id))

    assert before.truth()[c]["state"] == "live"
    assert before.labels_between(a, c) == {"Colleague", None}


def test_removed_links_and_labels_come_back_and_are_ours_again(before: Any) -> None:
    push(before)
    before.sql("UPDATE main.people SET others = NULL")
    run = push(before)
    a, b, c = (before.contact(f"{name}@x.com")["id"] for name in "abc")
    assert before.labels_between(a, b) == {"Colleague", None}

    before.apply(undo(before, run.run_id))

    assert before.labels_between(a, b) == {"Friend", "Colleague", None}
    assert before.labels_between(a, c) == {"Friend", None}
    assert before.sql("SELECT count(*) FROM hubferry.links WHERE added AND label = 'Friend'") == [(2,)]


def test_only_the_latest_run_of_a_record_is_taken_back(before: Any) -> None:
    first = push(before)
    before.sql("UPDATE main.people SET lastname = 'Third' WHERE id = 2")
    second = push(before)

    plan = undo(before, first.run_id)
    before.apply(plan)

    assert f"undo {second.run_id} first" in left(before, plan)["row"]
    assert values(before, "a") == ("Old", "Name")
    assert values(before, "b") == (None, "Third")


def test_archived_records_are_listed_as_not_to_be_undone(before: Any, make_sync: Any) -> None:
    guards = {"max_archives": 5}
    before.syncs = [make_sync(fields={"email": "email"}, mode="mirror", guards=guards)]
    push(before)
    before.sql("DELETE FROM main.people WHERE id = 3")
    run = push(before)

    plan = undo(before, run.run_id)

    (reason,) = left(before, plan).values()
    assert "cannot bring an archived record back" in reason
    assert plan.changes == 0


def test_a_run_that_wrote_nothing_to_hubspot_is_refused(before: Any) -> None:
    before.plan()

    with pytest.raises(RunError, match="only pushes can be undone"):
        undo(before, before.state.runs(1)[0].run_id)
    with pytest.raises(RunError, match="hubferry runs"):
        undo(before, "20200101T000000000-abcdef")


def test_the_commands_show_apply_and_resume(before: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-test")
    folder = ["--project", str(before.write_project()), "--quiet"]
    run = push(before)

    assert main(["undo", run.run_id, *folder]) == 0
    shown = capsys.readouterr().out
    assert main(["undo", run.run_id, "--yes", *folder]) == 0
    held = main(["push", "contacts", *folder])
    assert main(["resume", "contacts", *folder]) == 0
    assert main(["hold", "contacts", "--reason", "lunch", *folder]) == 0
    assert main(["resume", "contacts", *folder]) == 0

    assert "'New' -> 'Old'" in shown
    assert "workflows that ran" in shown
    assert held == 3
    assert "it was on hold: lunch" in capsys.readouterr().out
    assert values(before, "a") == ("Old", "Name")


def test_a_link_of_ours_whose_ids_are_another_objects_excuses_no_link_of_others(world: Any, make_sync: Any) -> None:
    """Ids are an object's own: our company may bear the id of a contact that others linked."""
    firms = [world.add_company(name=f"Firm {number}") for number in range(2)]
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"))
    world.sql(f"CREATE TABLE main.firms AS SELECT {firms[0]} AS id, 'Firm' AS name, ['b@x.com'] AS staff")
    staff = [{"to": "contacts", "column": "staff", "by": "email"}]
    block = {"source": "main.firms", "object": "companies", "mode": "update", "match": "hs_object_id"}
    world.syncs = [make_sync(), make_sync("firms", fields={"name": "name"}, associations=staff, **block)]
    report = push(world)
    ann, bob = (world.contact(f"{name}@x.com")["id"] for name in "ab")
    assert ann == firms[0], "or this test says nothing"
    world.link("contacts", ann, "contacts", bob)

    world.apply(undo(world, report.run_id))

    assert {each["state"] for each in world.truth().values()} == {"live"}
