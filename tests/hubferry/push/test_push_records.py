"""Rows become records: created, updated, left alone, set aside, refused, and all accounted for."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from hubferry.errors import (
    ConfigError,
    GuardError,
    PlanError,
    PlanFileError,
    QuotaError,
    SourceError,
    StalePlanError,
    UnknownNameError,
)
from hubferry.push.counts import SyncCounts
from hubferry.push.planfile import merge_plan_file, write_plan_file
from hubferry.push.steps import CreateRecord, HoldRow, UpdateRecord


def kinds(world: Any, plan: Any) -> list[str]:
    return [type(each.step).__name__ for each in world.steps(plan)]


@pytest.mark.parametrize(
    ("block", "line", "words"),
    [
        ({"fields": {"email": "email", "firstnam": "firstname"}}, 7, "Did you mean 'firstname'"),
        ({"fields": {"email": "email", "firstname": "frist"}}, 9, "source column 'frist'"),
        ({"fields": {"email": "email", "hs_object_source": "firstname"}}, 7, "read-only"),
        ({"match": "firstname"}, 6, "not unique"),
        ({"match": "hs_object_id"}, 6, "mode: update"),
        ({"key": "nr"}, 3, "source column 'nr'"),
    ],
)
def test_a_sync_that_names_what_cannot_be_is_a_sentence_with_file_and_line(
    world: Any, make_sync: Any, block: dict[str, Any], line: int, words: str
) -> None:
    world.people((1, "a@x.com", "A"))
    world.syncs = [make_sync(**block)]

    with pytest.raises(ConfigError, match=words) as caught:
        world.plan()

    assert str(caught.value).startswith(f"syncs/contacts.yml:{line}: ")
    assert isinstance(caught.value, UnknownNameError) or "sync 'contacts'" in str(caught.value)


def test_a_missing_source_is_named_with_file_and_line(world: Any) -> None:
    with pytest.raises(SourceError, match=r"syncs/contacts\.yml:2: sync 'contacts'"):
        world.plan()


def test_rows_that_cannot_be_sent_are_listed_and_the_rest_goes_on(world: Any, make_sync: Any) -> None:
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, stage VARCHAR"
    world.people(
        (1, " A@X.com ", "Ann", "Open Deal"),
        (2, "no address", "Bob", None),
        (3, "c@x.com", "Cy", "Nonsense"),
        (None, "d@x.com", "Di", None),
        (5, "e@x.com", "Ed", None),
        (5, "f@x.com", "Flo", None),
        columns=columns,
    )
    world.syncs = [make_sync(fields={"email": "email", "firstname": "firstname", "hs_lead_status": "stage"})]

    report = world.push()

    listed = {(each.row_key, each.detail): each for each in world.rejected()}
    assert set(listed) == {("2", "email"), ("3", "hs_lead_status"), ("(row 4)", "id"), ("5", "id")}
    assert "'OPEN_DEAL'" in listed["3", "hs_lead_status"].message
    counts = report.plan.counts["contacts"]
    assert (counts.rows, counts.unchanged, counts.planned, counts.invalid) == (6, 0, 1, 5)
    assert report.exit_code == 1
    assert world.contact("a@x.com")["properties"]["hs_lead_status"] == "OPEN_DEAL"
    assert len(world.creates()) == 1


def test_a_plan_shows_old_and_new_and_planning_again_after_it_shows_nothing(world: Any, make_sync: Any) -> None:
    record_id = world.add_contact(email="a@x.com", firstname="Old", lastname="Gone", phone="1")
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, lastname VARCHAR, phone VARCHAR"
    world.people((1, "a@x.com", "New", None, None), (2, "b@x.com", "Bea", None, None), columns=columns)
    fields = {
        "email": "email",
        "firstname": "firstname",
        "lastname": {"column": "lastname", "on_null": "clear"},
        "phone": "phone",
    }
    world.syncs = [make_sync(fields=fields)]

    plan = world.plan()
    report = world.apply(plan)

    update, create = (each.step for each in world.steps(plan))
    assert isinstance(update, UpdateRecord)
    assert {(c.property, c.old, c.new) for c in update.changes} == {
        ("firstname", "Old", "New"),
        ("lastname", "Gone", ""),
    }
    assert isinstance(create, CreateRecord)
    assert plan.counts["contacts"].clears == 1
    assert report.rows["contacts"].applied == 2
    properties = world.truth()[record_id]["properties"]
    assert (properties["firstname"], properties.get("lastname") or None, properties["phone"]) == ("New", None, "1")
    assert kinds(world, world.plan()) == []
    calls = world.client.usage.counted
    assert world.push().plan.cost.plan_calls == 0
    assert world.client.usage.counted - calls <= 4


def test_a_push_reads_only_rows_that_differ_from_the_ledger(world: Any) -> None:
    world.people(*((number, f"p{number}@x.com", "P") for number in range(250)))
    world.push()
    world.sql("UPDATE main.people SET firstname = 'Q' WHERE id = 7")

    report = world.push()

    assert report.plan.cost.plan_calls <= 2
    assert report.plan.counts["contacts"].unchanged == 249
    assert world.contact("p7@x.com")["properties"]["firstname"] == "Q"


def test_a_full_plan_finds_what_others_changed(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    world.change(world.contact("a@x.com")["id"], firstname="Else")

    assert world.plan(full=False).changes == 0
    assert world.plan(full=True).changes == 1


def test_a_changed_e_mail_is_an_update_of_the_same_record(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    record_id = world.contact("a@x.com")["id"]

    world.sql("UPDATE main.people SET email = 'new@x.com'")
    world.push()

    assert world.contact("new@x.com")["id"] == record_id
    assert len(world.creates()) == 1


def test_a_row_whose_match_value_belongs_to_another_record_is_rejected_with_both_ids(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    ours, theirs = world.contact("a@x.com")["id"], world.add_contact(email="b@x.com")

    world.sql("UPDATE main.people SET email = 'b@x.com'")
    report = world.push()

    (listed,) = world.rejected()
    assert (listed.state, report.rows["contacts"].rejected) == ("rejected", 1)
    assert ours in listed.message
    assert theirs in listed.message
    assert listed.advice.startswith("If records"), (
        "two rows may have swapped their values: merging their records would be wrong"
    )


def test_two_rows_on_one_record_are_both_invalid(world: Any) -> None:
    world.add_contact(email="a@x.com")
    world.people((1, "a@x.com", "Ann"), (2, "A@x.com", "Bob"), (3, "new@x.com", "C"), (4, "NEW@x.com", "D"))

    report = world.push()

    assert {each.row_key for each in world.rejected()} == {"1", "2", "3", "4"}
    assert report.plan.counts["contacts"].invalid == 4
    assert world.writes() == 1


def test_a_secondary_e_mail_finds_its_contact_and_leaves_the_primary(world: Any) -> None:
    record_id = world.add_contact(email="main@x.com", hs_additional_emails="second@x.com")
    world.people((1, "second@x.com", "Ann"))

    world.push()

    properties = world.truth()[record_id]["properties"]
    assert (properties["email"], properties["firstname"]) == ("main@x.com", "Ann")
    assert world.plan().changes == 0


@pytest.mark.parametrize(("on_archived", "live"), [("skip", 0), ("recreate", 1)])
def test_a_record_archived_in_hubspot_is_skipped_or_made_anew(
    world: Any, make_sync: Any, on_archived: str, live: int
) -> None:
    world.syncs = [make_sync(on_archived=on_archived)]
    world.people((1, "a@x.com", "Ann"))
    world.push()
    world.call("DELETE", f"/crm/v3/objects/contacts/{world.contact('a@x.com')['id']}")

    world.push(full=True)

    assert sum(each["state"] == "live" for each in world.truth().values()) == live
    assert [each.state for each in world.rejected()] == ["skipped"] * (1 - live)


def test_a_row_that_could_not_be_done_stays_listed_until_it_can(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    world.call("DELETE", f"/crm/v3/objects/contacts/{world.contact('a@x.com')['id']}")
    world.push(full=True)

    world.push()

    assert [(each.row_key, each.state) for each in world.rejected()] == [("1", "skipped")]


def test_a_run_that_the_quota_ends_is_paused_and_resumes(world: Any) -> None:
    world.people(*((number, f"p{number}@x.com", "P") for number in range(250)))
    world.refuse("/batch/upsert", 429, {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY"}, nth=2)

    with pytest.raises(QuotaError):
        world.push()
    paused = world.state.runs(1)[0].state
    world.clear_faults()
    world.new_client()
    report = world.push()

    assert paused == "paused"
    assert report.rows["contacts"].applied == report.rows["contacts"].planned
    assert len(world.creates()) == 250
    assert world.plan().changes == 0


def test_a_merged_record_is_followed_to_its_survivor(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    loser, primary = world.contact("a@x.com")["id"], world.add_contact(email="b@x.com")
    merged = world.call(
        "POST", "/crm/v3/objects/contacts/merge", {"primaryObjectId": primary, "objectIdToMerge": loser}
    )

    world.sql("UPDATE main.people SET firstname = 'New'")
    world.push()

    assert world.truth()[str(merged["id"])]["properties"]["firstname"] == "New"
    assert len([each for each in world.truth().values() if each["state"] == "live"]) == 1


def test_mode_update_leaves_rows_without_record_alone_and_says_so(world: Any, make_sync: Any) -> None:
    world.add_contact(email="a@x.com")
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"))
    world.syncs = [make_sync(mode="update")]

    report = world.push()

    assert (report.rows["contacts"].applied, report.rows["contacts"].skipped) == (1, 1)
    assert world.rejected()[0].row_key == "2"


def test_mode_create_never_touches_a_record_that_exists(world: Any, make_sync: Any) -> None:
    record_id = world.add_contact(email="a@x.com", firstname="Theirs")
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"))
    world.syncs = [make_sync(mode="create")]

    world.push()
    world.push()

    assert world.truth()[record_id]["properties"]["firstname"] == "Theirs"
    assert world.contact("b@x.com")["properties"]["firstname"] == "Bob"
    assert len(world.creates()) == 2


def test_rows_by_record_id_are_updated_and_unknown_ids_listed(world: Any, make_sync: Any) -> None:
    record_id = world.add_company(name="Old")
    world.sql(
        f"CREATE TABLE main.firms AS SELECT {record_id}::BIGINT AS id, 'New' AS name UNION ALL SELECT 99999999, 'X'"
    )
    world.syncs = [
        make_sync(source="main.firms", object="companies", mode="update", match="hs_object_id", fields={"name": "name"})
    ]

    report = world.push()

    assert world.truth("companies")[record_id]["properties"]["name"] == "New"
    assert (report.rows["contacts"].applied, report.rows["contacts"].skipped) == (1, 1)
    assert world.plan().changes == 0


def test_mirror_archives_only_what_it_made_and_only_under_its_guard(world: Any, make_sync: Any) -> None:
    theirs = world.add_contact(email="a@x.com")
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"), (3, "c@x.com", "Cid"))
    world.syncs = [make_sync(mode="mirror")]
    world.push()
    ours = world.contact("b@x.com")["id"]
    world.sql("DELETE FROM main.people WHERE id < 3")

    with pytest.raises(GuardError, match="max_archives allows 0, the plan has 1"):
        world.push()
    guarded = world.truth()[ours]["state"]
    world.syncs = [make_sync(mode="mirror", guards={"max_archives": 5})]
    world.push()

    assert guarded == "live"
    assert world.truth()[ours]["state"] == "archived"
    assert world.truth()[theirs]["state"] == "live"


def test_a_value_that_hubspot_stores_otherwise_is_not_sent_again(world: Any, make_sync: Any) -> None:
    """A lifecycle stage never goes back: HubSpot answers 200 and keeps the later one."""
    world.add_contact(email="a@x.com", lifecyclestage="customer")
    world.sql("CREATE TABLE main.people AS SELECT 1 AS id, 'a@x.com' AS email, 'lead' AS stage")
    world.syncs = [make_sync(fields={"email": "email", "lifecyclestage": "stage"})]

    world.push()
    again = world.plan()

    assert world.contact("a@x.com")["properties"]["lifecyclestage"] == "customer"
    assert (again.changes, again.counts["contacts"].settled) == (0, 1)


def test_guards_stop_before_anything_is_written(world: Any, make_sync: Any) -> None:
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"))
    world.syncs = [make_sync(guards={"max_creates": 1})]

    with pytest.raises(GuardError, match="max_creates allows 1, the plan has 2"):
        world.push()

    assert world.writes() == 0


def test_a_plan_is_refused_when_its_sync_was_changed(world: Any, make_sync: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    plan = world.plan()
    world.syncs = [make_sync(fields={"email": "email"})]

    with pytest.raises(StalePlanError, match="nothing was written"):
        world.apply(plan)

    assert world.writes() == 0


def test_a_plan_is_applied_once(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    plan = world.plan()
    world.apply(plan)

    with pytest.raises(PlanError, match="applied already"):
        world.apply(plan)
    with pytest.raises(PlanError, match="no plan 'nonsense'"):
        world.apply(type("P", (), {"id": "nonsense"}))


def test_a_record_that_moved_after_the_plan_is_skipped_and_the_rest_goes_on(world: Any) -> None:
    moved, other = world.add_contact(email="a@x.com"), world.add_contact(email="b@x.com")
    world.people((1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"), (3, "c@x.com", "Cy"))
    plan = world.plan()
    world.change(moved, firstname="Theirs")
    world.add_contact(email="c@x.com", firstname="Theirs")
    world.advance(120)

    report = world.apply(plan)

    assert (report.rows["contacts"].applied, report.rows["contacts"].skipped) == (1, 2)
    assert world.truth()[moved]["properties"]["firstname"] == "Theirs"
    assert world.truth()[other]["properties"]["firstname"] == "Bob"
    assert "firstname" in world.rejected()[0].message


def test_a_plan_travels_as_a_file_that_cannot_be_changed(world: Any, tmp_path: Path) -> None:
    world.people((1, "a@x.com", "Ann"), (2, "nonsense", "B"))
    plan = world.plan()
    path = tmp_path / "plan.json"
    write_plan_file(world.state, plan.id, path)
    world.sql("DELETE FROM hubferry.plans", "DELETE FROM hubferry.plan_steps")

    assert merge_plan_file(world.state, path) == plan.id
    assert merge_plan_file(world.state, path) == plan.id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert world.apply(plan).rows["contacts"].applied == 1
    for damaged in (path.read_bytes().replace(b"Ann", b"Eve"), path.read_bytes()[:-80], b"", b"{}\n"):
        path.write_bytes(damaged)
        with pytest.raises(PlanFileError):
            merge_plan_file(world.state, path)


def test_poisoned_rows_are_rejected_alone(world: Any, make_sync: Any) -> None:
    """HubSpot alone knows that a stage is not one of the pipeline; our check cannot see it."""
    rows = [(number, f"p{number}@x.com", "P") for number in range(150)]
    rows[70] = (70, "p70@x.invalid-tld-of-nobody", "P")
    world.people(*rows)

    report = world.push()

    outcome = report.rows["contacts"]
    assert outcome.applied + outcome.rejected == outcome.planned == 150
    assert {each.row_key for each in world.rejected()} <= {"70"}


def test_a_conflict_is_held_and_listed_again_by_the_next_plan(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    world.add_contact(email="b@x.com")
    world.sql("UPDATE main.people SET email = 'b@x.com'")
    world.push()

    plan = world.plan(full=False)

    assert [type(each.step) for each in world.steps(plan)] == [HoldRow]
    assert plan.changes == 0


def test_a_plan_that_does_not_add_up_raises() -> None:
    with pytest.raises(AssertionError, match="accounted for"):
        SyncCounts(rows=2, unchanged=1).check("contacts")
