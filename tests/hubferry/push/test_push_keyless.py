"""Records without a unique property: companies by domain, a key of ours, adoption, and creates that nothing guards."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.errors import ConfigError
from hubferry.hubspot.client import Client
from hubferry.push.resolve import resolve_unknown
from hubferry.push.trial import try_row
from push_world import build_sync, push_in_process

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


# --- with a parent: the record that a new one is linked to by the write that makes it

NOTHING_FOUND = {"status": 200, "body": {"total": 0, "results": []}}


@pytest.fixture
def linked_notes(notes: Any) -> Any:
    """The notes, each of a contact that exists; the search of notes shows nothing, however long one waits."""
    contacts = [notes.add_contact(email=f"p{number}@x.com") for number in range(3)]
    notes.sql(
        "ALTER TABLE main.notes ADD COLUMN about VARCHAR[]",
        *(f"UPDATE main.notes SET about = ['{each}'] WHERE id = {number}" for number, each in enumerate(contacts)),
    )
    block = notes.syncs[0].block.model_dump(by_alias=True, exclude_unset=True)
    block |= {"associations": [{"to": "contacts", "column": "about"}]}
    notes.syncs = [build_sync("notes", **block)]
    notes.fault("/notes/search", NOTHING_FOUND)
    return notes


def about(world: Any) -> dict[str, set[str]]:
    """What each note is linked to, by its body."""
    return {
        each["properties"]["hs_note_body"]: {str(link["toId"]) for link in each["associations"]}
        for each in live(world, "notes")
    }


def test_a_lost_keyless_create_is_found_among_its_parents_links_whatever_search_shows(linked_notes: Any) -> None:
    world = linked_notes
    contacts = sorted(world.truth(), key=int)
    world.lose_answers("/notes/batch/create")
    before = world.client.now()

    report = world.push()

    assert (report.rows["notes"].applied, report.links["notes"].applied) == (3, 3)
    assert about(world) == {f"Said {number}": {each} for number, each in enumerate(contacts)}
    assert (world.client.now() - before).total_seconds() < 60, "nobody waits for what is found at once"
    written = world.writes()
    assert world.push(full=True).exit_code == 0
    assert world.writes() == written


def test_a_link_made_with_its_record_is_ours_though_the_run_is_killed_between(linked_notes: Any) -> None:
    world = linked_notes
    world.clear_faults()
    assert push_in_process(world, crash="push.results_committed:1") != 0
    linked = about(world)

    world.push()
    world.sql("UPDATE main.notes SET about = NULL")
    world.push()

    assert all(linked.values()), "the write that made the notes linked them"
    assert about(world) == {f"Said {number}": set() for number in range(3)}
    assert len(world.creates()) == 3 + 3


def test_a_parent_that_is_gone_costs_the_link_and_not_the_record(linked_notes: Any) -> None:
    world = linked_notes
    plan = world.plan()
    gone = sorted(world.truth(), key=int)[1]
    world.call("DELETE", f"/crm/v3/objects/contacts/{gone}")

    report = world.apply(plan)

    assert (report.rows["notes"].applied, report.links["notes"].applied, report.links["notes"].rejected) == (3, 2, 1)
    assert about(world)["Said 1"] == set()


def test_what_a_trial_shows_of_such_a_create_is_what_is_sent(
    linked_notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, received, send = linked_notes, list[Any](), Client.send
    shown = try_row(world.syncs[0], "1", client=world.client, warehouse=world.warehouse, ledger=None).requests[0]

    def listening(self: Client, method: str, path: str, **options: Any) -> Any:
        received.extend(options["body"]["inputs"] if path.endswith("notes/batch/create") else ())
        return send(self, method, path, **options)

    monkeypatch.setattr(Client, "send", listening)
    world.push()

    (ours,) = [each for each in received if each["properties"]["hs_note_body"] == "Said 1"]
    assert ours["associations"]
    assert {**shown.body["inputs"][0], "objectWriteTraceId": ""} == {**ours, "objectWriteTraceId": ""}
