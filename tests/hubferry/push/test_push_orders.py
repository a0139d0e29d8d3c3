"""Refused rows are tried again later and later, and what a person says about a row holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubferry.cli.app import main
from hubferry.errors import UnknownNameError
from hubferry.project.plans import Plans
from hubferry.push.apply import PushReport, run_push
from hubferry.push.orders import resync_rows, skip_rows
from hubferry.push.plan import build_plan

LIMITS = "/crm/associations/v4/definitions/configurations"
BAD = "a@x.invalid-tld-of-nobody"


@pytest.fixture
def refused(world: Any) -> Any:
    """A row that HubSpot refuses, and one that it takes."""
    world.people((1, BAD, "Ann"), (2, "b@x.com", "Bob"))
    return world


def retry(world: Any) -> PushReport:
    with world.warehouse.session():
        return run_push(
            syncs=world.syncs, client=world.client, warehouse=world.warehouse, state=world.state, retry=True
        )


def tries(world: Any) -> int:
    """How often a batch of contacts was sent."""
    return int(world.calls("/batch/upsert"))


def test_a_refused_row_is_tried_at_once_then_later_and_later_and_stays_listed(refused: Any) -> None:
    sent = []
    for hours in (0, 0, 0, 1, 1, 4, 4, 16, 16, 100):
        refused.advance(hours * 3600)
        before = tries(refused)
        report = refused.push()
        sent.append(tries(refused) - before)
        (listed,) = refused.rejected()
        assert (report.exit_code, listed.state, listed.row_key) == (1, "rejected", "1")

    assert sent == [1, 1, 0, 1, 0, 1, 0, 1, 0, 0]
    assert "not tried again until it changes" in listed.message
    assert "hubferry retry contacts" in listed.advice
    refused.sql("UPDATE main.people SET email = 'a@x.com' WHERE id = 1")
    assert refused.push().exit_code == 0
    assert refused.rejected() == []
    assert refused.sql("SELECT count(*) FROM hubferry.row_states") == [(0,)]


def test_retry_pushes_just_what_could_not_be_done_and_now(refused: Any) -> None:
    for _ in range(2):
        refused.push()
    refused.sql(
        "INSERT INTO main.people VALUES (3, 'c@x.com', 'New')", "UPDATE main.people SET firstname = 'B' WHERE id = 2"
    )
    before = tries(refused)

    report = retry(refused)

    counts = report.plan.counts["contacts"]
    assert tries(refused) - before == 1
    assert (counts.rows, counts.unchanged, counts.planned, report.rows["contacts"].rejected) == (2, 1, 1, 1)
    assert [each["properties"]["email"] for each in refused.truth().values()] == ["b@x.com"]
    assert len(refused.rejected()) == 1
    refused.push()
    assert refused.contact("b@x.com")["properties"]["firstname"] == "B"
    assert refused.contact("c@x.com")


def test_a_plan_of_one_row_writes_that_row_alone_and_leaves_the_list_of_the_others(world: Any) -> None:
    world.people((1, BAD, "Ann"), (2, "b@x.com", "Bob"), (3, "c@x.com", "Cid"))
    world.push()
    world.sql("UPDATE main.people SET firstname = 'New'")

    plan = build_plan(
        syncs=world.syncs,
        client=world.client,
        warehouse=world.warehouse,
        state=world.state,
        only={"contacts": ["3"]},
    )
    report = world.apply(plan)

    with pytest.raises(UnknownNameError, match="row of the source 'nobody'"):
        build_plan(
            syncs=world.syncs,
            client=world.client,
            warehouse=world.warehouse,
            state=world.state,
            only={"contacts": ["nobody"]},
        )
    assert plan.only == {"contacts": ("3",)}
    assert report.rows["contacts"].applied == 1
    assert [world.contact(f"{each}@x.com")["properties"]["firstname"] for each in "bc"] == ["Bob", "New"]
    assert [each.row_key for each in world.rejected()] == ["1"]
    (answer,) = Plans(world.state).answers(plan)
    assert (answer.record_id, answer.refusals) == (world.contact("c@x.com")["id"], ())
    assert ("firstname", "New", "New") in answer.values


def test_a_plan_of_one_row_that_is_refused_says_so_and_a_plan_of_what_could_not_be_done_clears_it(refused: Any) -> None:
    made = {"syncs": refused.syncs, "client": refused.client, "warehouse": refused.warehouse, "state": refused.state}
    one = build_plan(**made, only={"contacts": ["1"]})
    refused.apply(one)
    (answer,) = Plans(refused.state).answers(one)
    refused.sql("UPDATE main.people SET email = 'a@x.com' WHERE id = 1")
    again = build_plan(**made, retry=True)
    refused.apply(again)

    assert (answer.record_id, [each.state for each in answer.refusals]) == (None, ["rejected"])
    assert "Property values were not valid" in answer.refusals[0].message
    assert (one.counts["contacts"].rows, again.counts["contacts"].rows, again.only) == (1, 1, None)
    assert [each["properties"]["email"] for each in refused.truth().values()] == ["a@x.com"]
    assert refused.rejected() == []


def test_a_row_skipped_once_is_written_when_it_changes_and_one_skipped_always_is_not(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"), (3, "c@x.com", "Cid"))
    world.push()
    skip_rows(world.syncs[0], ["1"], always=False, client=world.client, state=world.state)
    skip_rows(world.syncs[0], ["2"], always=True, client=world.client, state=world.state)
    names: list[list[str]] = []
    for name in ("First", "Second"):
        world.sql(f"UPDATE main.people SET firstname = '{name}'")
        report = world.push()
        names.append([world.contact(f"{each}@x.com")["properties"]["firstname"] for each in "abc"])
        assert {each.state for each in world.rejected()} == {"skipped"}
        assert report.exit_code == 0
    resync_rows(world.syncs[0], ["2"], client=world.client, state=world.state)
    world.push()

    assert names == [["Ann", "Bob", "First"], ["Second", "Bob", "Second"]]
    assert world.contact("b@x.com")["properties"]["firstname"] == "Second"
    assert world.rejected() == []


def test_resync_compares_every_row_with_hubspot_anew(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"))
    world.push()
    world.change(world.contact("a@x.com")["id"], firstname="Theirs")
    world.push()
    unseen = world.contact("a@x.com")["properties"]["firstname"]

    resync_rows(world.syncs[0], [], client=world.client, state=world.state)
    world.push()

    assert (unseen, world.contact("a@x.com")["properties"]["firstname"]) == ("Theirs", "Ann")


def test_a_mirror_archives_nothing_by_a_retry(world: Any, make_sync: Any) -> None:
    world.syncs = [make_sync(mode="mirror", guards={"max_archives": 5})]
    world.people((1, "a@x.com", "Ann"), (2, BAD, "Bob"))
    world.push()
    world.people((2, BAD, "Bob"))

    retry(world)

    assert world.contact("a@x.com")["state"] == "live"


def test_the_commands(refused: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-test")
    folder = ["--project", str(refused.write_project()), "--output", "json", "--quiet"]

    codes = [
        main([*words, *folder])
        for words in (
            ["push"],
            ["retry", "contacts"],
            ["skip", "contacts", "1", "--always"],
            ["push"],
            ["resync", "contacts"],
        )
    ]

    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert codes == [1, 1, 0, 0, 0]
    assert answers[1]["data"]["rows"]["contacts"]["rejected"] == 1


def test_a_link_too_many_is_refused_and_tried_later_and_later(world: Any, make_sync: Any) -> None:
    """One company a contact is all that the portal allows."""
    one, other = (world.add_company(name=name) for name in ("One", "Other"))
    limit = {"category": "HUBSPOT_DEFINED", "typeId": 279, "maxToObjectIds": 1}
    world.call("POST", f"{LIMITS}/contacts/companies/batch/create", {"inputs": [limit]})
    world.sql(
        f"CREATE TABLE main.people AS SELECT 1 AS id, 'a@x.com' AS email, 'Ann' AS firstname, ['{one}', '{other}'] AS firms"
    )
    world.syncs = [make_sync(associations=[{"to": "companies", "column": "firms"}])]
    sent = []
    for hours in (0, 0, 0, 1):
        world.advance(hours * 3600)
        before = world.calls("/batch/create")
        report = world.push()
        sent.append(world.calls("/batch/create") - before > 0)
        (listed,) = world.rejected()
        assert (report.exit_code, listed.state, report.links["contacts"].rejected) == (1, "rejected", 1)
    assert sent == [True, True, False, True]
    assert "raise the limit in HubSpot" in listed.advice

    world.call(
        "POST",
        f"{LIMITS}/contacts/companies/batch/purge",
        {"inputs": [{"category": limit["category"], "typeId": limit["typeId"]}]},
    )
    retry(world)

    assert world.rejected() == []
    assert world.sql("SELECT count(*) FROM hubferry.row_states") == [(0,)]


def test_a_plan_of_one_row_takes_no_links_from_rows_that_it_does_not_look_at(world: Any, make_sync: Any) -> None:
    """In `mirror` a row that left loses its links; one that is invalid now, and not looked at, did not leave."""
    links = [{"to": "companies", "column": "firm"}]
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, firm JSON"
    firm, (ann, _) = world.add_company(name="Firm"), [world.add_contact(email=f"{each}@x.com") for each in "ab"]
    world.syncs = [make_sync(mode="mirror", associations=links)]
    people = [(1, "a@x.com", "Ann", f'["{firm}"]'), (2, "b@x.com", "Bob", None)]
    world.people(*people, columns=columns)
    world.push()
    assert world.labels_between(ann, firm)
    world.people((1, "nobody", "Ann", f'["{firm}"]'), people[1], columns=columns)

    made = {"syncs": world.syncs, "client": world.client, "warehouse": world.warehouse, "state": world.state}
    plan = build_plan(**made, only={"contacts": ["2"]})
    world.apply(plan)

    assert world.labels_between(ann, firm)
    assert plan.counts["contacts"].links_removed == 0


@pytest.mark.parametrize("order", ["skip", "resync"])
def test_an_order_for_a_row_that_nobody_knows_is_refused(world: Any, make_sync: Any, order: str) -> None:
    """A mistyped key would be skipped, or compared anew, for ever without any effect. One that was never pushed is known."""
    named = make_sync(key="firstname")
    world.people((1, "a@x.com", "Ann"))
    told = {"client": world.client, "state": world.state}

    def give(*keys: str) -> None:
        if order == "skip":
            skip_rows(named, keys, always=True, **told)
        else:
            resync_rows(named, keys, **told)

    give("Ann")
    with pytest.raises(UnknownNameError, match="Anne"):
        give("Ann", "Anne")
