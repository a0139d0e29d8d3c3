"""What could write to the wrong record, lose one, or call something done that is not."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.config.model import PullBlock
from hubferry.errors import FencedError, GuardError, QuotaError, SourceError, StalePlanError, TokenError
from hubferry.hubspot.client import Client
from hubferry.hubspot.writers import RecordInput, send_batch
from hubferry.pull.run import run_pull
from hubferry.push.plan import query_plan, query_steps
from hubferry.push.rows import row_key
from hubferry.state.ledger import follow_merges
from hubferry.types import Secret

DAILY = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "daily limit"}


def live(world: Any, object_name: str = "contacts") -> list[dict[str, Any]]:
    return [each for each in world.truth(object_name).values() if each["state"] == "live"]


def set_name(world: Any, name: str, row: int = 1) -> None:
    world.sql(f"UPDATE main.people SET firstname = '{name}' WHERE id = {row}")


def merge(world: Any, survivor: str, loser: str) -> str:
    body = {"primaryObjectId": survivor, "objectIdToMerge": loser}
    return str(world.call("POST", "/crm/v3/objects/contacts/merge", body)["id"])


# --- mirror


@pytest.fixture
def mirrored(world: Any, make_sync: Any) -> Any:
    """One contact that a mirror made, and leave to archive."""
    world.syncs = [make_sync(mode="mirror", guards={"max_archives": 10, "empty_source": "allow"})]
    world.people((1, "a@x.com", "Ann"))
    world.push()
    return world


def test_mirror_keeps_a_record_whose_row_got_another_key(mirrored: Any) -> None:
    record_id = mirrored.contact("a@x.com")["id"]
    mirrored.sql("UPDATE main.people SET id = 10")

    mirrored.push()
    kept = mirrored.truth()[record_id]["state"]
    mirrored.sql("DELETE FROM main.people")
    mirrored.push()

    assert kept == "live"
    assert mirrored.truth()[record_id]["state"] == "archived"


def test_mirror_archives_nothing_while_a_row_has_no_key(mirrored: Any) -> None:
    mirrored.sql("UPDATE main.people SET id = NULL")

    report = mirrored.push()

    assert report.plan.counts["contacts"].left_held == 1
    assert {"no key" in each.message for each in mirrored.rejected() if each.state == "skipped"} == {True}
    assert len(live(mirrored)) == 1


def test_mirror_never_archives_what_its_record_was_merged_into(mirrored: Any) -> None:
    loser, theirs = mirrored.contact("a@x.com")["id"], mirrored.add_contact(email="theirs@x.com")
    survivor = merge(mirrored, theirs, loser)
    mirrored.sql("DELETE FROM main.people")

    mirrored.push()

    assert mirrored.truth()[survivor]["state"] == "live"


def test_mirror_keeps_a_record_that_another_sync_writes_too(mirrored: Any, make_sync: Any) -> None:
    mirrored.sql("CREATE TABLE main.more AS SELECT * FROM main.people")
    mirrored.syncs.append(make_sync("more", source="main.more"))
    mirrored.push()
    mirrored.sql("DELETE FROM main.people")

    mirrored.push()

    assert len(live(mirrored)) == 1


# --- which record a row is


def test_a_row_and_a_new_one_with_the_same_match_value_are_both_invalid(world: Any) -> None:
    """Else the new row is upserted onto the record that the other one turns into it."""
    world.people((1, "a@x.com", "Ann"))
    world.push()
    world.sql("UPDATE main.people SET email = 'b@x.com'", "INSERT INTO main.people VALUES (2, 'b@x.com', 'Bob')")

    report = world.push()

    assert report.plan.counts["contacts"].invalid == 2
    assert [each["properties"]["firstname"] for each in live(world)] == ["Ann"]


def test_a_sync_turned_to_another_object_starts_anew(world: Any, make_sync: Any) -> None:
    """Ids of one object mean other records in another."""
    world.add_property("code", hasUniqueValue=True)
    world.add_property("code", "companies", hasUniqueValue=True, groupName="companyinformation")
    world.sql("CREATE TABLE main.things AS SELECT 1 AS id, 'c1' AS code")
    block = {"source": "main.things", "match": "code", "fields": {"code": "code"}}
    world.syncs = [make_sync(**block)]
    world.push()

    theirs = world.call("POST", "/crm/v3/objects/companies", {"properties": {"name": "Firm", "code": "c1"}})["id"]
    world.syncs = [make_sync(object="companies", **block)]
    world.push()

    assert world.sql("SELECT object, record_id FROM hubferry.ledger") == [("companies", theirs)]


def test_a_record_that_was_deleted_for_good_is_not_made_again_unasked(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    world.call("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": world.contact("a@x.com")["id"]})

    world.push(full=True)

    assert live(world) == []
    assert [each.state for each in world.rejected()] == ["skipped"]


def test_mode_create_never_takes_over_a_record_that_another_made_while_its_answer_was_lost(
    world: Any, make_sync: Any
) -> None:
    """The create was refused, because the record was there; its answer was lost, so it was looked up."""
    world.syncs = [make_sync(mode="create")]
    world.people((1, "a@x.com", "Ours"))
    plan = world.plan()
    theirs = world.add_contact(email="a@x.com", firstname="Theirs")
    world.advance(5)
    world.lose_answers("/batch/create")

    report = world.apply(plan)
    set_name(world, "Ours too")
    world.push(full=True)

    assert report.rows["contacts"].rejected == 1
    assert world.truth()[theirs]["properties"]["firstname"] == "Theirs"
    assert world.sql("SELECT count(*) FROM hubferry.ledger WHERE created") == [(0,)]


def test_a_merge_is_followed_by_pull_and_push_updates_the_survivor(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    pull = {"client": world.client, "warehouse": world.warehouse, "state": world.state, "select": ["contacts"]}
    run_pull(pull=PullBlock(streams={"contacts": None}), **pull)
    loser = world.contact("a@x.com")["id"]
    survivor = merge(world, world.add_contact(email="b@x.com"), loser)
    run_pull(pull=PullBlock(streams={"contacts": None}), **pull)

    followed = world.sql("SELECT record_id, created FROM hubferry.ledger")
    creates = len(world.creates())
    set_name(world, "New")
    world.push()

    assert followed == [(survivor, False)]
    assert len(world.creates()) == creates
    assert world.truth()[survivor]["properties"]["firstname"] == "New"


def test_ledger_ids_follow_a_chain_of_merges(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.push()
    loser = world.contact("a@x.com")["id"]

    with world.warehouse.transaction() as tx:
        follow_merges(tx, world.warehouse, 62515, "contacts", {"7": "8", loser: "7"})

    assert world.sql("SELECT record_id, row_hash FROM hubferry.ledger") == [("8", "")]


# --- plans


@pytest.mark.parametrize("wait", [0, 120])
def test_of_two_plans_of_a_sync_only_one_is_applied(world: Any, wait: int) -> None:
    world.add_contact(email="a@x.com", firstname="Old")
    world.people((1, "a@x.com", "First"))
    older = world.plan()
    set_name(world, "Second")
    newer = world.plan()
    world.apply(newer)
    world.advance(wait)

    with pytest.raises(StalePlanError, match="another plan of its syncs was applied"):
        world.apply(older)

    assert world.contact("a@x.com")["properties"]["firstname"] == "Second"


def test_plans_of_two_syncs_applied_at_once_do_not_overwrite_each_other(world: Any, make_sync: Any) -> None:
    """Both looked at the record before either was applied; the second one looks again, however young it is."""
    world.add_contact(email="a@x.com", firstname="Old")
    world.people((1, "a@x.com", "First"))
    world.sql("CREATE TABLE main.more AS SELECT 1 AS id, 'a@x.com' AS email, 'Second' AS firstname")
    one, other = [make_sync()], [make_sync("more", source="main.more")]
    world.syncs = one
    first = world.plan()
    world.syncs = other
    second = world.plan()
    world.syncs = one
    world.apply(first)
    world.syncs = other

    report = world.apply(second)

    assert report.rows["more"].skipped == 1
    assert world.contact("a@x.com")["properties"]["firstname"] == "First"


def test_a_plan_gone_on_with_still_lists_what_was_rejected_before(world: Any) -> None:
    rows = [(number, f"p{number}@x.com", "P") for number in range(150)]
    rows[7] = (7, "p7@x.invalid-tld-of-nobody", "P")
    world.people(*rows)
    plan = world.plan()
    world.refuse("/batch/upsert", 429, DAILY, nth=2)
    with pytest.raises(QuotaError):
        world.apply(plan)
    world.clear_faults()
    world.new_client()

    report = world.apply(plan)

    outcome = report.rows["contacts"]
    assert (outcome.applied, outcome.rejected) == (149, 1)
    assert [each.row_key for each in world.rejected()] == ["7"]


def test_a_token_that_is_revoked_in_the_middle_pauses_and_the_next_run_ends_it(world: Any) -> None:
    world.people(*((number, f"p{number}@x.com", "P") for number in range(250)))
    revoked = {"status": 401, "body": {"status": "error", "category": "INVALID_AUTHENTICATION"}}
    world.fault("/batch/upsert", revoked, when={"nth": list(range(2, 20))})

    with pytest.raises(TokenError):
        world.push()
    paused = world.state.runs(1)[0].state
    world.clear_faults()
    report = world.push()

    assert paused == "paused"
    assert report.plan.counts["contacts"].rows == 250
    assert len(world.creates()) == len(live(world)) == 250
    assert world.plan().changes == 0


def test_the_least_time_of_a_plan_is_by_the_configured_limit(world: Any) -> None:
    world.people(*((number, f"p{number}@x.com", "P") for number in range(101)))
    world.client.close()
    world.client = Client(token=Secret("pat-test"), base_url=world.portal.base_url, burst_limit=5)

    plan = world.plan()

    assert plan.cost.apply_calls == 2
    assert plan.cost.seconds == 2 * 10 / 5


# --- guards


def assert_guarded(world: Any, guard: str, words: str) -> None:
    """Nothing is written, exit code 3, and the plan stays for people to look at."""
    before = world.writes()
    with pytest.raises(GuardError, match=words) as caught:
        world.push()
    assert caught.value.exit_code == 3
    assert world.writes() == before
    plan_id = str(caught.value).split()[1]
    stored = query_plan(world.state, plan_id)
    assert stored.state == "ready"
    assert [each.guard for each in stored.guards if not each.passed] == [guard]
    assert list(query_steps(world.state, plan_id))


def test_guard_max_clears(world: Any, make_sync: Any) -> None:
    world.add_contact(email="a@x.com", firstname="Ann")
    world.people((1, "a@x.com", None))
    fields = {"email": "email", "firstname": {"column": "firstname", "on_null": "clear"}}
    world.syncs = [make_sync(fields=fields, guards={"max_clears": 0})]

    assert_guarded(world, "max_clears", "max_clears allows 0, the plan has 1")


def test_guard_max_creates(world: Any, make_sync: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.syncs = [make_sync(guards={"max_creates": 0})]

    assert_guarded(world, "max_creates", "max_creates allows 0, the plan has 1")


def test_guard_max_archives(mirrored: Any, make_sync: Any) -> None:
    mirrored.sql("DELETE FROM main.people")
    mirrored.syncs = [make_sync(mode="mirror", guards={"empty_source": "allow"})]

    assert_guarded(mirrored, "max_archives", "max_archives allows 0, the plan has 1")


def test_guard_max_changed_share_is_of_all_matched_rows_also_where_few_are_looked_at(
    world: Any, make_sync: Any
) -> None:
    world.syncs = [make_sync(guards={"max_changed_share": 0.25})]
    world.people(*((number, f"p{number}@x.com", "P") for number in range(400)))
    world.push()
    world.sql("UPDATE main.people SET firstname = 'Q' WHERE id < 100")
    world.push()  # 100 of 400, and no more than 100 are looked at
    world.sql("UPDATE main.people SET firstname = 'R' WHERE id < 101")

    assert_guarded(world, "max_changed_share", "max_changed_share allows 0.25, the plan has 0.2525")


def test_guard_max_links_removed_is_that_of_the_sync_whose_links_they_are(world: Any, make_sync: Any) -> None:
    firm = world.add_company(name="Firm")
    world.people((1, "a@x.com", f'["{firm}"]'), columns="id INTEGER, email VARCHAR, firms JSON")
    block = {"fields": {"email": "email"}, "associations": [{"to": "companies", "column": "firms"}]}
    world.syncs = [make_sync(guards={"max_links_removed": 0}, **block)]
    world.push()
    world.sql("UPDATE main.people SET firms = NULL")

    assert_guarded(world, "max_links_removed", "max_links_removed allows 0, the plan has 1")


# --- rows that HubSpot refuses


def test_one_poisoned_row_of_a_hundred_is_rejected_alone_in_few_calls(world: Any) -> None:
    rows = [(number, f"p{number}@x.com", "P") for number in range(100)]
    rows[37] = (37, "p37@x.invalid-tld-of-nobody", "P")
    world.people(*rows)

    report = world.push()

    outcome = report.rows["contacts"]
    assert (outcome.applied, outcome.rejected) == (99, 1)
    (rejected,) = world.rejected()
    assert rejected.row_key == "37"
    assert rejected.message
    assert rejected.advice
    assert len(live(world)) == 99
    assert world.calls("/batch/upsert") == 1


def test_a_batch_refused_as_a_whole_is_taken_apart_to_its_poisoned_row(world: Any) -> None:
    records = [world.add_contact(email=f"p{number}@x.com") for number in range(100)]
    world.people(*((number, f"p{number}@x.com", "P") for number in range(100)))
    plan = world.plan()
    words = {"status": "error", "category": "VALIDATION_ERROR", "message": "no", "correlationId": "c-1"}
    world.fault("/batch/update", {"status": 400, "body": words}, match={"body": f'"{records[63]}"'})

    report = world.apply(plan)

    outcome = report.rows["contacts"]
    assert (outcome.applied, outcome.rejected) == (99, 1)
    assert [(each.row_key, each.correlation_id) for each in world.rejected()] == [("63", "c-1")]
    assert world.calls("/batch/update") <= 2 * 7 + 1
    assert sum(each["properties"].get("firstname") == "P" for each in live(world)) == 99


# --- sources


def test_a_key_that_has_no_text_is_a_sentence() -> None:
    with pytest.raises(SourceError, match="cannot name rows"):
        row_key(b"x")


def test_keys_that_look_alike_as_text_are_invalid(world: Any) -> None:
    """Two moments in one millisecond: one key of the ledger, so neither can be told from the other."""
    world.sql(
        "CREATE TABLE main.people AS SELECT TIMESTAMP '2026-01-01 00:00:00.0001' AS id, 'a@x.com' AS email, 'A' AS firstname"
        " UNION ALL SELECT TIMESTAMP '2026-01-01 00:00:00.0002', 'b@x.com', 'B'"
    )

    report = world.push()

    assert report.plan.counts["contacts"].invalid == 2
    assert live(world) == []


def test_no_error_of_a_source_holds_a_value(world: Any, make_sync: Any) -> None:
    rows = ", ".join(f"({number}, 'p{number}@x.com', '1')" for number in range(30_000))
    world.sql(f"CREATE TABLE main.people AS SELECT * FROM (VALUES {rows}) t(id, email, firstname)")
    world.sql("UPDATE main.people SET firstname = 'O''Secret and very secret' WHERE id = 29999")
    world.syncs = [make_sync(fields={"email": "email", "firstname": {"sql": "CAST(firstname AS INTEGER)"}})]

    with pytest.raises(SourceError) as caught:
        world.plan()

    assert "ecret" not in str(caught.value)
    assert "ecret" not in str(world.sql("SELECT error FROM hubferry.runs"))


# --- the lease


def test_a_run_that_lost_the_portal_while_it_waited_sends_nothing_more(world: Any) -> None:
    """The lease is asked before every attempt of a write, also one after a wait."""
    world.refuse("/batch/upsert", 503, {}, nth=1)
    asked: list[int] = []

    def ask_lease() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise FencedError("another run took the portal")

    world.client.before_write = ask_lease
    row = RecordInput(trace_id="1", id="a@x.com", id_property="email", properties={"firstname": "A"})
    with pytest.raises(FencedError):
        send_batch(world.client, "contacts", "upsert", [row])

    assert world.calls("/batch/upsert") == 1
    assert live(world) == []


def test_a_push_has_the_client_ask_its_lease(world: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    seen: list[object] = []
    exchange = world.client._transport.exchange

    def watching(method: str, target: str, body: bytes | None) -> Any:
        if target.endswith("/batch/upsert"):
            seen.append(world.client.before_write)
        return exchange(method, target, body)

    world.client._transport.exchange = watching
    world.push()

    assert [getattr(each, "__name__", None) for each in seen] == ["require"]
    assert world.client.before_write is None


def test_rows_that_have_an_outcome_keep_it_when_the_quota_ends_a_second_attempt(world: Any) -> None:
    """Taken apart, the first row lands; the second one raced with another creator, and is sent once more."""
    refused = {"status": "error", "category": "CONFLICT", "message": "exists"}
    for nth, status, body in ((1, 409, refused), (3, 409, refused), (4, 429, DAILY)):
        world.fault("/batch/upsert", {"status": status, "body": body}, when={"nth": nth})
    rows = [RecordInput(trace_id=each, id=f"{each}@x.com", id_property="email", properties={}) for each in ("a", "b")]

    outcome = send_batch(world.client, "contacts", "upsert", rows)

    assert (list(outcome.applied), outcome.unknown) == (["a"], ("b",))
    assert isinstance(outcome.error, QuotaError)
