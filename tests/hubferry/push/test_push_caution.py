"""What keeps a plan from being applied without a person: an empty source, reviews, canaries."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.cli.app import main
from hubferry.errors import GuardError, ReviewError
from hubferry.push.apply import run_push
from hubferry.push.plan import query_plan


def push(world: Any, **options: Any) -> Any:
    with world.warehouse.session():
        return run_push(syncs=world.syncs, client=world.client, warehouse=world.warehouse, state=world.state, **options)


@pytest.mark.parametrize(
    ("mode", "setting", "stops"),
    [("mirror", None, True), ("mirror", "allow", False), ("upsert", None, False), ("upsert", "stop", True)],
)
def test_a_source_that_became_empty_stops_a_mirror(
    world: Any, make_sync: Any, mode: str, setting: str | None, stops: bool
) -> None:
    guards = {"max_archives": 10} | ({"empty_source": setting} if setting else {})
    world.syncs = [make_sync(mode=mode, guards=guards)]
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"))
    world.push()
    world.people()

    if stops:
        with pytest.raises(GuardError, match="empty_source allows 0, the plan has 2"):
            world.push()
    else:
        world.push()

    live = [each for each in world.truth().values() if each["state"] == "live"]
    assert len(live) == (0 if mode == "mirror" and not stops else 2)


@pytest.mark.parametrize(
    ("review", "first", "second"), [("never", True, True), ("destructive", True, False), ("always", False, False)]
)
def test_a_review_keeps_a_plan_for_a_person(world: Any, make_sync: Any, review: str, first: bool, second: bool) -> None:
    fields = {"email": "email", "firstname": {"column": "firstname", "on_null": "clear"}}
    world.syncs = [make_sync(fields=fields, review=review)]
    for name, goes in (("Ann", first), (None, second)):  # a create, then a value cleared
        world.people((1, "a@x.com", name))
        writes = world.writes()
        if goes:
            push(world)
            continue
        with pytest.raises(ReviewError, match="hubferry apply plan-") as caught:
            push(world)
        assert world.writes() == writes
        world.apply(world.plan())
        assert caught.value.exit_code == 3

    assert not world.contact("a@x.com")["properties"].get("firstname")


def test_nothing_to_do_needs_no_review(world: Any, make_sync: Any) -> None:
    world.syncs = [make_sync(review="always")]
    world.people((1, "a@x.com", "Ann"))
    world.apply(world.plan())

    assert push(world).exit_code == 0


def test_a_canary_that_hubspot_takes_lets_the_rest_go_on(world: Any) -> None:
    world.people(*((number, f"p{number}@x.com", "P") for number in range(250)))

    report = push(world, canary=20)

    assert (report.exit_code, report.rows["contacts"].applied) == (0, 250)
    assert world.calls("/batch/upsert") == 1 + 3  # 20, then 230


def test_a_canary_that_hubspot_refuses_stops_the_rest_and_the_plan_can_be_gone_on_with(world: Any) -> None:
    world.people(
        (1, "a@x.invalid-tld-of-nobody", "Ann"), *((number, f"p{number}@x.com", "P") for number in range(2, 100))
    )

    with pytest.raises(GuardError, match="1 of the first 5 records") as caught:
        push(world, canary=5)

    assert len(world.truth()) == 4
    plan_id = str(caught.value).split("hubferry apply ")[1]
    report = world.apply(query_plan(world.state, plan_id))
    assert (report.rows["contacts"].applied, report.rows["contacts"].rejected) == (98, 1)
    assert len(world.truth()) == 98


def test_creates_that_nothing_guards_are_canaries_too(world: Any, make_sync: Any) -> None:
    fields = {"hs_note_body": "firstname", "hs_timestamp": "email"}
    note = {"object": "notes", "match": "hs_object_id", "allow_keyless_create": True, "fields": fields}
    world.syncs = [make_sync("notes", **note)]
    world.people(*((number, "2026-01-02T03:04:05Z", f"Said {number}") for number in range(30)))
    refusal = {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}
    world.fault("/notes/batch/create", {"status": 400, "body": refusal}, match={"body": 'Said 2"'})

    with pytest.raises(GuardError, match="1 of the first 5 records"):
        push(world, canary=5)

    assert len(world.truth("notes")) == 4


def test_the_option_of_the_command(world: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-test")
    world.people((1, "a@x.invalid-tld-of-nobody", "Ann"), (2, "b@x.com", "Bob"))

    code = main(["push", "contacts", "--canary", "1", "--project", str(world.write_project()), "--quiet"])

    assert code == 3
    assert "--canary" not in capsys.readouterr().err
    assert len(world.truth()) == 0
