"""Two syncs that write the same property: a record on which they disagree is written by neither, and each says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engines import ENGINES
from hubferry.push.rival_syncs import find_shared
from hubferry.state.ledger import LedgerRow, Stamp, merge_ledger
from hubferry.state.plan_rows import Meeting, PlacedRow, PlanRows
from hubferry.state.store import StateStore
from hubferry.warehouse.interface import Warehouse

FIELDS = {"email": "email", "firstname": "firstname"}


@pytest.fixture
def rivals(world: Any, make_sync: Any) -> Any:
    """Syncs `crm` and `shop`, each with a table of its own, both of contacts by e-mail."""
    world.syncs = [make_sync("crm"), make_sync("shop", source="main.shop")]
    return world


def fill(world: Any, table: str, *rows: tuple[int, str, str]) -> None:
    values = ", ".join(f"({key}, '{email}', '{name}')" for key, email, name in rows)
    world.sql(f"CREATE OR REPLACE TABLE main.{table} AS SELECT * FROM (VALUES {values}) AS t(id, email, firstname)")


def listed(world: Any) -> dict[str, list[tuple[str, str]]]:
    return {name: [(each.row_key, each.state) for each in world.rejected(name)] for name in ("crm", "shop")}


def name_of(world: Any, email: str) -> str:
    return str(world.contact(email)["properties"]["firstname"])


@pytest.mark.parametrize("held", ["Ann", "Anna", "Other"])
def test_a_record_on_which_two_syncs_disagree_is_written_by_neither_and_both_say_so(rivals: Any, held: str) -> None:
    """Whichever value HubSpot holds: that of one, of the other, or of neither."""
    rivals.add_contact(email="a@x.com", firstname=held)
    fill(rivals, "people", (1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"))
    fill(rivals, "shop", (7, "a@x.com", "Anna"), (8, "c@x.com", "Cyd"))

    for full in (True, False, True):
        report = rivals.push(full=full)

        assert (report.exit_code, name_of(rivals, "a@x.com")) == (1, held)
        assert listed(rivals) == {"crm": [("1", "invalid")], "shop": [("7", "invalid")]}
    reasons = [each.message for name in ("crm", "shop") for each in rivals.rejected(name)]
    assert reasons == [
        "the sync 'shop' writes another firstname to the same HubSpot record, by its row '7'",
        "the sync 'crm' writes another firstname to the same HubSpot record, by its row '1'",
    ]
    assert (name_of(rivals, "b@x.com"), name_of(rivals, "c@x.com")) == ("Bob", "Cyd")


def test_rows_that_agree_again_are_written_by_the_next_push(rivals: Any) -> None:
    fill(rivals, "people", (1, "a@x.com", "Ann"))
    fill(rivals, "shop", (7, "a@x.com", "Ann"))
    first = rivals.push()
    fill(rivals, "shop", (7, "a@x.com", "Anna"))
    refused = rivals.push()

    fill(rivals, "people", (1, "a@x.com", "Anna"))
    last = rivals.push()

    assert (first.exit_code, refused.exit_code, last.exit_code) == (0, 1, 0)
    assert (name_of(rivals, "a@x.com"), listed(rivals)) == ("Anna", {"crm": [], "shop": []})
    assert rivals.plan(full=True).changes == 0


def test_a_row_that_left_one_source_leaves_the_record_to_the_other(rivals: Any) -> None:
    fill(rivals, "people", (1, "a@x.com", "Ann"))
    fill(rivals, "shop", (7, "a@x.com", "Ann"), (8, "c@x.com", "Cyd"))
    rivals.push()
    fill(rivals, "shop", (7, "a@x.com", "Anna"), (8, "c@x.com", "Cyd"))
    rivals.push()

    fill(rivals, "people", (2, "b@x.com", "Bob"))
    report = rivals.push()

    assert (report.exit_code, name_of(rivals, "a@x.com")) == (0, "Anna")


def test_records_that_neither_sync_has_made_yet_are_made_by_neither(rivals: Any) -> None:
    fill(rivals, "people", (1, "a@x.com", "Ann"), (2, "b@x.com", "Bob"))
    fill(rivals, "shop", (7, "A@x.com", "Anna"), (8, "b@x.com", "Bob"))

    report = rivals.push()

    assert report.exit_code == 1
    assert listed(rivals) == {"crm": [("1", "invalid")], "shop": [("7", "invalid")]}
    made = [each["properties"] for each in rivals.truth().values()]
    assert [(each["email"], each["firstname"]) for each in made] == [("b@x.com", "Bob")]


def test_a_third_sync_that_disagrees_with_two_that_disagree_is_set_aside_too(rivals: Any, make_sync: Any) -> None:
    rivals.syncs += [make_sync("till", source="main.till")]
    rivals.add_contact(email="a@x.com", firstname="Other")
    for key, (table, name) in enumerate({"people": "Ann", "shop": "Anna", "till": "Anne"}.items()):
        fill(rivals, table, (key, "a@x.com", name))

    report = rivals.push(full=True)

    assert {name: counts.invalid for name, counts in report.plan.counts.items()} == {"crm": 1, "shop": 1, "till": 1}
    assert name_of(rivals, "a@x.com") == "Other"


def test_numbers_are_compared_as_numbers(rivals: Any, make_sync: Any) -> None:
    rivals.add_property("score", type="number", fieldType="number")
    fields = {"email": "email", "score": "firstname"}
    rivals.syncs = [make_sync("crm", fields=fields), make_sync("shop", source="main.shop", fields=fields)]
    fill(rivals, "people", (1, "a@x.com", "1.50"), (2, "b@x.com", "0"))
    fill(rivals, "shop", (7, "a@x.com", "1.5"), (8, "b@x.com", "-0.0"))

    report = rivals.push(full=True)

    assert (report.exit_code, listed(rivals)) == (0, {"crm": [], "shop": []})


def test_links_of_a_row_that_was_set_aside_are_not_made(rivals: Any, make_sync: Any) -> None:
    company = rivals.add_company(name="Acme", domain="acme.com")
    link = [{"column": "company", "to": "companies", "by": "hs_object_id"}]
    rivals.syncs = [make_sync("crm", associations=link), make_sync("shop", source="main.shop")]
    contact = rivals.add_contact(email="a@x.com", firstname="Ann")
    fill(rivals, "people", (1, "a@x.com", "Ann"))
    rivals.sql(f"ALTER TABLE main.people ADD COLUMN company VARCHAR DEFAULT '{company}'")
    fill(rivals, "shop", (7, "a@x.com", "Anna"))

    report = rivals.push(full=True)

    assert (report.exit_code, rivals.labels_between(contact, company)) == (1, set())


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ({"mode": "create"}, {}),
        ({}, {"fields": {"email": "email"}}),
        ({}, {"fields": FIELDS | {"firstname": {"column": "firstname", "policy": "fill_only"}}}),
        ({"fields": FIELDS | {"firstname": {"column": "firstname", "policy": "hubspot_wins"}}}, {}),
        ({"fields": FIELDS | {"firstname": {"constant": "X"}}}, {"fields": FIELDS | {"firstname": {"constant": "X"}}}),
        *([({"fields": FIELDS | {"firstname": {"column": "a", "multi": way}}},) * 2 for way in ("append", "remove")]),
    ],
)
def test_syncs_of_which_one_gives_way_share_nothing(
    make_sync: Any, mine: dict[str, Any], other: dict[str, Any]
) -> None:
    assert find_shared(make_sync("crm", **mine), make_sync("shop", **other)) == ()


def test_a_property_that_only_one_sync_is_matched_by_is_shared(make_sync: Any) -> None:
    assert find_shared(make_sync("crm"), make_sync("shop", match="hs_object_id")) == ("email", "firstname")


@pytest.fixture(params=ENGINES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Warehouse]:
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


def test_rows_that_meet_are_found_on_every_engine(warehouse: Warehouse, world: Any) -> None:
    """By record; new ones by match value; what was not looked at by what was sent of it; rows set aside never."""
    StateStore(warehouse, world.state.clock).migrate()
    one, other = PlanRows(warehouse, "plan-1", "crm"), PlanRows(warehouse, "plan-1", "shop")
    sent = LedgerRow(sync="shop", row_key="7", object="contacts", record_id="11", row_hash="h", sent={"a": "é"})
    with warehouse.transaction() as tx:
        one.append(
            tx,
            [
                PlacedRow("1", "updates", "11", "m", number=1, wanted='{"a":"1"}'),
                PlacedRow("2", "creates", None, "n", number=2, wanted='{"a":"2"}'),
                PlacedRow("3", "unchanged", "13", "o"),
                PlacedRow("4", "updates", "14", "p", number=4, wanted='{"a":"4"}'),
            ],
        )
        other.append(
            tx,
            [
                PlacedRow("7", "unchanged", "11", "m"),
                PlacedRow("8", "creates", None, "n", number=8, wanted='{"a":"8"}'),
                PlacedRow("9", "unchanged", "13", "o"),
                PlacedRow("10", "", "14", "p", wanted='{"a":"10"}'),
            ],
        )
        merge_ledger(tx, Stamp(42, "run", world.client.now()), [sent])

    met = list(one.query_meetings("shop", 42, by_match=True))

    assert json.loads(met[0].other_sent or "") == {"a": "é"}  # engines write JSON with other blanks
    assert met == [
        Meeting("1", "7", '{"a":"1"}', None, None, met[0].other_sent),
        Meeting("2", "8", '{"a":"2"}', '{"a":"8"}', None, None),
    ]
    assert list(one.query_meetings("shop", 42, by_match=False)) == met[:1]
    assert {each.number for each in one.query_placed(["1", "2", "x"])} == {1, 2}
