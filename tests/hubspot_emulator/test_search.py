"""Search compares, counts, pages and lags as HubSpot's does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.timestamps import render_ms

Call = Callable[..., Any]
CONTACTS = "/crm/objects/2026-09/contacts"


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator], request: pytest.FixtureRequest) -> Emulator:
    """An empty portal; a test may ask for other options."""
    return portal_factory(**({"contacts": 0, "limits": False} | getattr(request, "param", {})))


def load(emulator: Emulator, rows: list[dict[str, str]], *, modified_ms: int | None = None) -> list[str]:
    portal = emulator.portal
    with portal.lock:
        now = portal.now_ms() if modified_ms is None else modified_ms
        ids = portal.load_records("0-1", [(row, now, now) for row in rows])
        portal.commit()
    return [str(each) for each in ids]


def search(call: Call, *filters: dict[str, Any], **more: Any) -> Any:
    groups = {"filterGroups": [{"filters": list(filters)}]} if filters else {}
    return call("POST", f"{CONTACTS}/search", json={**groups, **more})


def found(call: Call, *filters: dict[str, Any], **more: Any) -> set[str]:
    answer = search(call, *filters, **({"limit": 200} | more))
    assert answer.status == 200, answer.body
    return {each["properties"]["firstname"] for each in answer.json()["results"]}


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}


PEOPLE = [
    {"firstname": "Ada", "email": "ada@example.org", "followercount": "9", "city": "Rome"},
    {"firstname": "Bob", "email": "bob@mail.example.com", "followercount": "10", "city": "rome"},
    {"firstname": "Cyd", "followercount": "N/A", "lifecyclestage": "customer", "closedate": "2026-01-01T00:00:00Z"},
]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (where("city", "EQ", "ROME"), {"Ada", "Bob"}),
        (where("city", "NEQ", "rome"), set()),
        (where("city", "IN", values=["rome"]), {"Ada", "Bob"}),
        (where("city", "IN", values=["Rome"]), set()),
        (where("lifecyclestage", "EQ", "customer"), {"Cyd"}),
        (where("lifecyclestage", "EQ", "Customer"), set()),
        (where("followercount", "GT", "9"), {"Bob"}),
        (where("followercount", "BETWEEN", "9", highValue="10"), {"Ada", "Bob"}),
        (where("email", "HAS_PROPERTY"), {"Ada", "Bob"}),
        (where("email", "NOT_HAS_PROPERTY"), {"Cyd"}),
        (where("email", "EQ", "ADA@example.org"), {"Ada"}),
        (where("email", "CONTAINS_TOKEN", "example.org"), {"Ada"}),
        (where("email", "CONTAINS_TOKEN", "*@mail.example.com"), {"Bob"}),
        (where("email", "NOT_CONTAINS_TOKEN", "mail*"), {"Ada"}),
        (where("closedate", "LTE", "2026-01-01T01:00:00+01:00"), {"Cyd"}),
        (where("closedate", "GT", "1767225600000"), set()),
    ],
)
def test_an_operator_compares_by_the_type_of_the_property(
    emulator: Emulator, call: Call, asked: dict[str, Any], names: set[str]
) -> None:
    load(emulator, PEOPLE)

    assert found(call, asked) == names


def test_groups_are_alternatives_and_a_hit_of_both_counts_once(emulator: Emulator, call: Call) -> None:
    load(emulator, PEOPLE)
    groups = [{"filters": [where("firstname", "EQ", "ada")]}, {"filters": [where("city", "EQ", "rome")]}]

    answer = call("POST", f"{CONTACTS}/search", json={"filterGroups": groups}).json()

    assert answer["total"] == len(answer["results"]) == 2


def test_query_looks_at_the_default_searchable_properties(emulator: Emulator, call: Call) -> None:
    load(emulator, PEOPLE)

    assert found(call, query="example.com") == {"Bob"}
    assert found(call, query="rome") == set()


def test_record_ids_compare_as_numbers(emulator: Emulator, call: Call) -> None:
    portal = emulator.portal
    ids = load(emulator, [{"firstname": str(n)} for n in range(600)])
    assert len({len(each) for each in ids}) > 1, "ids of different lengths are what tells numbers from texts"
    between = ids[len(ids) // 2]

    answer = search(call, where("hs_object_id", "GT", between), sorts=["hs_object_id"], limit=200).json()

    rest = sorted(int(each) for each in ids if int(each) > int(between))
    assert answer["total"] == len(rest)
    assert [int(each["id"]) for each in answer["results"]] == rest[:200]
    assert portal.record_state("0-1", rest[0]) == "live"


def test_record_ids_can_be_listed(emulator: Emulator, call: Call) -> None:
    ids = load(emulator, PEOPLE)

    assert found(call, where("hs_object_id", "IN", values=[ids[0], ids[2], "1"])) == {"Ada", "Cyd"}


@pytest.mark.parametrize("spread", [0, 1])
def test_a_window_with_a_key_pages_every_record_once(emulator: Emulator, call: Call, spread: int) -> None:
    base = emulator.portal.now_ms()
    ids = [load(emulator, [{"firstname": "x"}], modified_ms=base + n * spread)[0] for n in range(30)]
    seen: list[str] = []
    while True:
        window = (
            where("lastmodifieddate", "GTE", str(base)),
            where("lastmodifieddate", "LT", str(base + 20)),
            where("hs_object_id", "GT", seen[-1] if seen else "0"),
        )
        answer = search(call, *window, sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}], limit=7)
        seen += [each["id"] for each in answer.json()["results"]]
        if "paging" not in answer.json():
            break

    assert seen == (ids if spread == 0 else ids[:20])


def test_the_next_page_is_an_offset_without_a_link(emulator: Emulator, call: Call) -> None:
    load(emulator, [{"firstname": str(n)} for n in range(5)])

    first = search(call, limit=2).json()
    last = search(call, limit=2, after="4").json()

    assert (first["total"], first["paging"]) == (5, {"next": {"after": "2"}})
    assert (len(last["results"]), "paging" in last) == (1, False)


def test_no_page_reaches_past_10000(call: Call) -> None:
    assert search(call, limit=200, after=9_800).status == 200

    answer = search(call, limit=200, after="9801")

    assert answer.status == 400
    assert answer.json()["message"] == "Cannot fetch more than 10000 total records for this endpoint"
    assert "category" not in answer.json()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"limit": 201}, "200"),
        ({"after": "x"}, "after"),
        ({"archived": True}, "archived"),
        ({"sorts": ["email", "city"]}, "one property"),
        ({"sorts": ["nowhere"]}, "nowhere"),
        ({"filterGroups": [{"filters": []}] * 6}, "5 filter groups"),
        ({"filterGroups": [{"filters": [where("city", "EQ", "x")] * 7}]}, "6 filters"),
        ({"filterGroups": [{"filters": [where("nowhere", "EQ", "x")]}]}, "nowhere"),
        ({"filterGroups": [{"filters": [where("city", "LIKE", "x")]}]}, "LIKE"),
        ({"filterGroups": [{"filters": [where("city", "EQ")]}]}, "value"),
        ({"filterGroups": [{"filters": [where("followercount", "GT", "x")]}]}, "followercount"),
    ],
)
def test_a_search_that_cannot_be_understood_is_refused_by_name(call: Call, body: dict[str, Any], named: str) -> None:
    answer = call("POST", f"{CONTACTS}/search", json=body)

    assert answer.status == 400
    assert named in answer.json()["message"]


def test_a_window_from_epoch_zero_breaks_the_search(call: Call) -> None:
    assert search(call, where("lastmodifieddate", "GTE", "0")).status == 500


def test_archived_records_are_never_found(emulator: Emulator, call: Call) -> None:
    ids = load(emulator, PEOPLE)

    call("DELETE", f"{CONTACTS}/{ids[0]}")

    assert found(call) == {"Bob", "Cyd"}
    assert found(call, where("email", "HAS_PROPERTY")) == {"Bob"}


@pytest.mark.parametrize("emulator", [{"index_lag_seconds": 60}], indirect=True)
class TestWhileTheIndexLags:
    def test_a_new_record_is_missing_until_it_is_indexed(self, emulator: Emulator, call: Call) -> None:
        call("POST", CONTACTS, json={"properties": {"firstname": "New"}})
        emulator.clock.advance(59.9)
        before = search(call).json()
        emulator.clock.advance(0.2)

        assert (before["total"], before["results"]) == (0, [])
        assert found(call) == {"New"}

    def test_an_archived_record_still_counts_in_total(self, emulator: Emulator, call: Call) -> None:
        ids = load(emulator, PEOPLE)
        call("DELETE", f"{CONTACTS}/{ids[0]}")

        answer = search(call, limit=1, sorts=["hs_object_id"]).json()

        assert (answer["total"], answer["results"], answer["paging"]) == (3, [], {"next": {"after": "1"}})
        emulator.clock.advance(60)
        assert search(call).json()["total"] == 2

    def test_a_changed_record_is_found_by_what_it_was_and_shown_as_it_is(self, emulator: Emulator, call: Call) -> None:
        ids = load(emulator, PEOPLE)
        emulator.clock.advance(1)
        call("PATCH", f"{CONTACTS}/{ids[0]}", json={"properties": {"firstname": "Eve"}})
        moved = emulator.portal.now_ms()

        assert found(call, where("firstname", "EQ", "ada")) == {"Eve"}
        assert found(call, where("firstname", "EQ", "eve")) == set()
        assert found(call, where("lastmodifieddate", "GTE", str(moved))) == set()
        shown = search(call, where("lastmodifieddate", "LT", str(moved)), limit=200).json()["results"]
        assert render_ms(moved) in {each["updatedAt"] for each in shown}
        emulator.clock.advance(60)
        assert found(call, where("lastmodifieddate", "GTE", str(moved))) == {"Eve"}

    def test_of_two_changes_the_older_is_indexed_first(self, emulator: Emulator, call: Call) -> None:
        ids = load(emulator, PEOPLE)
        for name in ("Eve", "Fay"):
            call("PATCH", f"{CONTACTS}/{ids[0]}", json={"properties": {"firstname": name}})
            emulator.clock.advance(40)

        assert found(call, where("firstname", "EQ", "eve")) == {"Fay"}
        assert found(call, where("firstname", "EQ", "ada")) == set()


@pytest.mark.parametrize("emulator", [{"knobs": Knobs(search_short_page_every=2)}], indirect=True)
def test_short_pages_lose_nothing_to_who_follows_them(emulator: Emulator, call: Call) -> None:
    ids = load(emulator, [{"firstname": str(n)} for n in range(20)])
    seen, sizes, after = [], [], "0"
    while after:
        page = search(call, limit=6, after=after).json()
        seen += [each["id"] for each in page["results"]]
        sizes.append(len(page["results"]))
        after = page.get("paging", {}).get("next", {}).get("after")

    assert sorted(seen, key=int) == ids
    assert sizes[:2] == [6, 3]


@pytest.mark.parametrize("emulator", [{"knobs": Knobs(late_modified_ms=11_000)}], indirect=True)
def test_the_modified_date_moves_once_more_after_a_create(emulator: Emulator, call: Call) -> None:
    record_id = call("POST", CONTACTS, json={"properties": {"firstname": "A"}}).json()["id"]
    first = call("GET", f"{CONTACTS}/{record_id}").json()["updatedAt"]
    emulator.clock.advance(11)

    assert (first, call("GET", f"{CONTACTS}/{record_id}").json()["updatedAt"]) == (
        "2026-11-23T08:00:00Z",
        "2026-11-23T08:00:11Z",
    )


def test_a_record_is_found_by_what_it_is_associated_with(call: Call) -> None:
    company = call("POST", "/crm/v3/objects/companies", json={"properties": {"name": "Acme"}}).json()["id"]
    link = {"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}
    call("POST", CONTACTS, json={"properties": {"firstname": "In"}, "associations": [link]})
    call("POST", CONTACTS, json={"properties": {"firstname": "Out"}})

    assert found(call, where("associations.company", "EQ", company)) == {"In"}


def every_hit(call: Call, **body: Any) -> tuple[list[str], list[int]]:
    """Follow a search to its end; give the ids and the sizes of the pages."""
    ids: list[str] = []
    sizes: list[int] = []
    after: str | None = "0"
    while after is not None:
        page = call("POST", "/crm/v3/objects/contacts/search", json=body | {"after": after}).json()
        ids += [hit["id"] for hit in page["results"]]
        sizes.append(len(page["results"]))
        after = page.get("paging", {}).get("next", {}).get("after")
    return ids, sizes


def test_empty_pages_with_a_successor_lose_no_hit(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]
) -> None:
    usual = connect(portal_factory(limits=False, contacts=60).base_url)
    broken = connect(portal_factory(limits=False, contacts=60, knobs=Knobs(search_empty_page_every=2)).base_url)
    sorts = {"limit": 10, "sorts": ["hs_object_id"]}

    ids, sizes = every_hit(broken, **sorts)

    assert ids == every_hit(usual, **sorts)[0]
    assert sizes[:4] == [10, 0, 10, 0]
    assert sizes[-1] > 0


def test_some_pages_are_not_in_the_order_asked_for(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]
) -> None:
    call = connect(portal_factory(limits=False, contacts=60, knobs=Knobs(search_unsorted_page_every=2)).base_url)

    ids, _ = every_hit(call, limit=10, sorts=["hs_object_id"])

    pages = [[int(each) for each in ids[start : start + 10]] for start in range(0, 40, 10)]
    assert [page == sorted(page) for page in pages] == [True, False, True, False]
    assert len(set(ids)) == len(ids)


def test_records_of_one_batch_are_indexed_one_by_one_within_the_lag(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]
) -> None:
    emulator = portal_factory(limits=False, contacts=0, index_lag_seconds=10, knobs=Knobs(index_lag_spread=1.0))
    call = connect(emulator.base_url)
    inputs = [{"properties": {"firstname": f"F{number}"}} for number in range(20)]
    call("POST", "/crm/v3/objects/contacts/batch/create", json={"inputs": inputs})
    seen = []
    for _ in range(4):
        seen.append(call("POST", "/crm/v3/objects/contacts/search", json={}).json()["total"])
        emulator.clock.advance(3)
    emulator.clock.advance(1)

    assert seen == sorted(seen)
    assert seen[0] < seen[1] < seen[3]
    assert call("POST", "/crm/v3/objects/contacts/search", json={}).json()["total"] == 20
