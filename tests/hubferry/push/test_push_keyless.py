"""Records without a unique property: companies by domain, a key of ours, adoption, and creates that nothing guards."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.errors import ConfigError
from hubferry.push.resolve import resolve_unknown

FIRMS = {"source": "main.firms", "object": "companies", "fields": {"domain": "domain", "name": "name"}}


def firms(world: Any, *rows: tuple[int, str, str]) -> None:
    world.sql("CREATE OR REPLACE TABLE main.firms (id INTEGER, domain VARCHAR, name VARCHAR)")
    for row in rows:
        world.sql(f"INSERT INTO main.firms VALUES {row}")


def live(world: Any, kind: str = "companies") -> list[dict[str, Any]]:
    return [each for each in world.truth(kind).values() if each["state"] == "live"]


def test_companies_are_matched_by_domain_in_any_spelling_and_twins_are_named(world: Any, make_sync: Any) -> None:
    world.add_company(name="Old", domain="acme.com")
    twins = [world.add_company(name=f"Twin {number}", domain="twin.com") for number in (1, 2)]
    firms(world, (1, "https://www.ACME.com/de", "Acme"), (2, "twin.com", "Twin"), (3, "new.com", "New"))
    world.syncs = [make_sync("firms", match="domain", **FIRMS)]

    report = world.push()

    assert (report.rows["firms"].applied, report.rows["firms"].rejected) == (2, 1)
    assert all(twin in world.rejected("firms")[0].message for twin in twins)
    assert sorted(each["properties"]["name"] for each in live(world)) == ["Acme", "New", "Twin 1", "Twin 2"]
    before = world.writes()
    world.push(full=True)
    assert world.writes() == before


def test_a_key_of_ours_is_a_step_of_the_plan_and_records_are_adopted_once(world: Any, make_sync: Any) -> None:
    record_id = world.add_company(name="Old", domain="acme.com")
    firms(world, (1, "acme.com", "Acme"), (2, "new.com", "New"))
    world.syncs = [make_sync("firms", match="hubferry_key", **FIRMS)]
    with pytest.raises(ConfigError, match="adopt_by"):
        world.plan()
    world.syncs = [make_sync("firms", match="hubferry_key", adopt_by="domain", **FIRMS)]

    plan = world.plan()
    report = world.apply(plan)

    assert plan.counts["firms"].properties_added == 1
    assert world.call("GET", "/crm/v3/properties/companies/hubferry_key")["hasUniqueValue"]
    assert report.exit_code == 0
    found = {each["properties"]["hubferry_key"]: each for each in live(world)}
    assert found["1"]["id"] == record_id
    assert found["1"]["properties"]["name"] == "Acme"
    assert found["2"]["properties"]["name"] == "New"
    assert world.plan().changes == 0


def test_the_first_run_on_a_key_that_no_record_holds_says_what_it_adopts(world: Any, make_sync: Any) -> None:
    world.add_property("code", hasUniqueValue=True)
    world.add_contact(email="a@x.com")
    world.sql("CREATE TABLE main.people AS SELECT 'c1' AS id, 'a@x.com' AS email")
    block = {"match": "code", "fields": {"code": "id", "email": "email"}}
    world.syncs = [make_sync(**block)]
    with pytest.raises(ConfigError, match="adopt_by"):
        world.push()

    world.syncs = [make_sync(adopt_by="email", **block)]
    world.push()

    assert [each["properties"]["code"] for each in live(world, "contacts")] == ["c1"]


def test_mirror_archives_records_it_was_told_to_own(world: Any, make_sync: Any) -> None:
    theirs = world.add_contact(email="a@x.com")
    for owns, state in (("created", "live"), ("matched", "archived")):
        world.syncs = [make_sync(owns=owns, mode="mirror", guards={"max_archives": 5, "empty_source": "allow"})]
        world.people((1, "a@x.com", "Ann"))
        world.push()
        world.sql("DELETE FROM main.people")
        world.push()
        assert world.truth()[theirs]["state"] == state


def test_create_never_changes_a_record_that_it_delivered(world: Any, make_sync: Any) -> None:
    world.syncs = [make_sync(mode="create")]
    world.people((1, "a@x.com", "Ann"))
    world.push()
    world.people((1, "a@x.com", "Anna"))

    report = world.push(full=True)

    assert report.plan.counts["contacts"].unchanged == 1
    assert world.contact("a@x.com")["properties"]["firstname"] == "Ann"


@pytest.fixture
def notes(timed_world: Any, make_sync: Any) -> Any:
    """Notes, which nothing guards, in a portal whose time the client moves by waiting."""
    world = timed_world
    world.sql(
        "CREATE TABLE main.notes AS SELECT i AS id, 'Said ' || i AS body, '2026-01-02T03:04:05Z' AS at FROM range(3) t(i)"
    )
    fields = {"hs_note_body": "body", "hs_timestamp": "at"}
    settings = {"source": "main.notes", "object": "notes", "match": "hs_object_id", "allow_keyless_create": True}
    world.syncs = [make_sync("notes", fields=fields, **settings)]
    return world


def bodies(world: Any) -> list[str]:
    return sorted(each["properties"]["hs_note_body"] for each in live(world, "notes"))


def test_a_keyless_create_whose_answer_is_lost_is_found_and_not_made_again(notes: Any) -> None:
    notes.lose_answers("/notes/batch/create")

    report = notes.push()

    assert report.rows["notes"].applied == 3
    assert bodies(notes) == ["Said 0", "Said 1", "Said 2"]
    before = notes.writes()
    assert notes.push(full=True).exit_code == 0
    assert notes.writes() == before


def test_a_keyless_create_that_is_not_found_stays_unknown_until_somebody_says(notes: Any) -> None:
    notes.fault("/notes/batch/create", {"status": 502, "body": {}}, times=1)

    report = notes.push()
    again = notes.push()

    assert (report.rows["notes"].unknown, again.rows["notes"].unknown) == (3, 3)
    assert bodies(notes) == []
    assert "hubferry resolve notes 0" in notes.rejected("notes")[0].advice
    by_hand = notes.call(
        "POST",
        "/crm/v3/objects/notes",
        {"properties": {"hs_note_body": "Typed in", "hs_timestamp": "2026-01-02T03:04:05Z"}},
    )["id"]
    with notes.warehouse.session():
        resolve_unknown("notes", "0", record_id=by_hand, client=notes.client, state=notes.state)
        for key in ("1", "2"):
            resolve_unknown("notes", key, client=notes.client, state=notes.state)
    notes.push()
    assert bodies(notes) == ["Said 0", "Said 1", "Said 2"]
    assert notes.plan().changes == 0
