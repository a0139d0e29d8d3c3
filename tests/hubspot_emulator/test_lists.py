"""Lists: found by search and page by page, made, renamed, deleted, restored; members by id and by time of joining."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.timestamps import parse_ms

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
LISTS = "/crm/lists/2026-09"
CONTACTS = "/crm/objects/2026-09/contacts"
Call = Callable[..., Any]


def make(call: Call, name: str = "Mine", kind: str = "MANUAL") -> str:
    body: dict[str, Any] = {"name": name, "objectTypeId": "0-1", "processingType": kind}
    if kind == "DYNAMIC":
        body["filterBranch"] = {"filterBranchType": "OR", "filterBranches": [], "filters": []}
    return str(call("POST", LISTS, json=body).json()["list"]["listId"])


def contacts(call: Call, count: int) -> list[str]:
    return [each["id"] for each in call("GET", f"{CONTACTS}?limit={count}").json()["results"]]


def search(call: Call, **body: Any) -> dict[str, Any]:
    answer = call("POST", f"{LISTS}/search", json=body)
    assert answer.status == 200, answer.body
    return answer.json()


def live(control: Call) -> list[dict[str, Any]]:
    return [each for each in control("GET", "/truth/lists").lines() if each["state"] == "live"]


def pages(call: Call, path: str, limit: int) -> list[list[dict[str, Any]]]:
    """Follow `after` to the end, sent as the answers gave it."""
    found, after = [], ""
    while True:
        page = call("GET", f"{path}?limit={limit}{after}").json()
        found.append(page["results"])
        if "paging" not in page:
            return found
        after = f"&after={page['paging']['next']['after']}"


# Lists themselves


def test_search_pages_by_offset_and_gives_every_list_once(call: Call, control: Call) -> None:
    found, offset, more = [], 0, True
    while more:
        page = search(call, count=3, offset=offset)
        found += [each["listId"] for each in page["lists"]]
        offset, more = page["offset"], page["hasMore"]

    assert found == [each["listId"] for each in live(control)]
    assert page["total"] == len(found) == offset


def test_all_pages_by_cursor_and_gives_every_list_once(call: Call, control: Call) -> None:
    found, body = [], {"count": 4, "processingTypes": [], "additionalProperties": ["hs_lastmodifieddate"]}
    while True:
        page = call("POST", f"{LISTS}/all", json=body).json()
        found += page["results"]
        if "paging" not in page:
            break
        body["after"] = page["paging"]["next"]["after"]

    assert found == [{name: each[name] for name in found[0]} for each in live(control)]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"after": "?"}, "ListError.INVALID_CURSOR"),
        ({"processingTypes": ["STATIC"]}, "ListError.INVALID_PROCESSING_TYPE"),
    ],
)
def test_all_names_what_is_wrong_in_its_sub_category(call: Call, body: dict[str, Any], text: str) -> None:
    answer = call("POST", f"{LISTS}/all", json=body)

    assert (answer.status, answer.json()["subCategory"]) == (400, text)


@pytest.mark.parametrize("path", ["/crm/v3/lists/all", "/crm/lists/2026-03/all"])
def test_all_is_new_in_2026_09(call: Call, path: str) -> None:
    assert call("POST", path, json={}).status == 405


@pytest.mark.parametrize(
    "path", ["/contacts/v1/lists", "/contacts/v1/lists/static", "/contacts/v1/lists/1/contacts/all"]
)
def test_lists_of_the_v1_api_are_gone(call: Call, path: str) -> None:
    answer = call("GET", path)

    assert answer.status == 404
    assert path in answer.json()["message"]


@pytest.mark.parametrize("field", ["offset", "count", "sort", "query", "processingTypes", "colour"])
def test_a_search_field_that_makes_no_sense_is_named(call: Call, field: str) -> None:
    values = {"offset": -1, "count": "many", "sort": "HS_COLOUR", "query": {}, "processingTypes": ["X"], "colour": 1}

    answer = call("POST", f"{LISTS}/search", json={field: values[field]})

    assert answer.status == 400
    named = "processing type" if field == "processingTypes" else field
    assert named in answer.json()["message"]


def test_search_ends_at_an_offset_of_10_000(call: Call) -> None:
    assert call("POST", f"{LISTS}/search", json={"offset": 9_999}).status == 200
    assert call("POST", f"{LISTS}/search", json={"offset": 10_000}).status == 400


def test_search_by_name_type_kind_and_ids(call: Call, control: Call) -> None:
    truth = live(control)
    companies = [each["listId"] for each in truth if each["objectTypeId"] == "0-2"]

    assert [each["listId"] for each in search(call, objectTypeId="0-2")["lists"]] == companies
    assert [each["name"] for each in search(call, query="NOBODY")["lists"]] == ["Nobody yet"]
    assert {each["processingType"] for each in search(call, processingTypes=["SNAPSHOT"])["lists"]} == {"SNAPSHOT"}
    assert [each["listId"] for each in search(call, listIds=companies)["lists"]] == companies
    updated = [each["updatedAt"] for each in search(call, sort="-HS_UPDATED_AT")["lists"]]
    assert updated == sorted(updated, reverse=True)


def test_the_plain_list_call_gives_nothing_without_ids(call: Call) -> None:
    first, second = make(call, "One"), make(call, "Two")

    assert call("GET", LISTS).json() == {"lists": []}
    several = call("GET", f"{LISTS}?listIds={first}&listIds={second}&listIds=999999").json()["lists"]
    assert [each["listId"] for each in several] == [first, second]


def test_a_list_is_found_by_id_and_by_name_and_shows_filters_on_demand(call: Call) -> None:
    list_id = make(call, "Dyn", "DYNAMIC")

    plain = call("GET", f"/crm/v3/lists/{list_id}").json()["list"]
    filtered = call("GET", f"{LISTS}/object-type-id/contacts/name/dyn?includeFilters=true").json()["list"]

    assert "filterBranch" not in plain
    assert filtered == plain | {"filterBranch": filtered["filterBranch"]}
    assert filtered["filterBranch"]["filterBranchType"] == "OR"


def test_a_deleted_list_leaves_and_comes_back_within_90_days(emulator: Emulator, call: Call) -> None:
    list_id, late = make(call, "Here"), make(call, "Late")
    for each in (list_id, late):
        assert call("DELETE", f"{LISTS}/{each}").status == 204

    assert call("GET", f"{LISTS}/{list_id}").json()["category"] == "OBJECT_NOT_FOUND"
    assert search(call, listIds=[list_id])["lists"] == []
    emulator.clock.advance(89 * 86_400)
    assert call("PUT", f"{LISTS}/{list_id}/restore").status == 204
    assert call("GET", f"{LISTS}/{list_id}").status == 200
    emulator.clock.advance(2 * 86_400)
    assert call("PUT", f"{LISTS}/{late}/restore").status == 404


def test_renaming_moves_updated_at_and_a_taken_name_is_refused(emulator: Emulator, call: Call) -> None:
    list_id = make(call, "Before")
    make(call, "Taken")
    emulator.clock.advance(60)

    renamed = call("PUT", f"{LISTS}/{list_id}/update-list-name?listName=After").json()["updatedList"]

    assert (renamed["name"], renamed["listVersion"]) == ("After", 2)
    assert renamed["updatedAt"] > renamed["createdAt"]
    assert call("PUT", f"{LISTS}/{list_id}/update-list-name?listName=Taken").status == 400


def test_ids_of_the_v1_api_are_mapped_to_todays(call: Call) -> None:
    list_id = make(call)
    legacy = str(int(list_id) + 2000)

    several = call("POST", f"{LISTS}/idmapping", json=[legacy, "77"]).json()

    assert several["legacyListIdsToIdsMapping"] == [{"legacyListId": legacy, "listId": list_id}]
    assert several["missingLegacyListIds"] == ["77"]
    assert call("GET", f"{LISTS}/idmapping?legacyListId={legacy}").json()["listId"] == list_id


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_a_search_page_has_the_keys_of_the_recorded_one(call: Call) -> None:
    recorded = json.loads((RECORDED / "lists/search_page2__amp_labs.json").read_text())
    list_id = make(call, "My static contacts list")

    answer = search(call, listIds=[list_id])

    assert set(answer) == set(recorded)
    assert set(answer["lists"][0]) == set(recorded["lists"][0])
    assert answer["lists"][0]["additionalProperties"] == recorded["lists"][0]["additionalProperties"]
    assert {type(each) for each in answer["lists"][0].values()} == {
        type(each) for each in recorded["lists"][0].values()
    }


# Members


def test_members_are_given_by_id_and_by_join_the_latest_first(emulator: Emulator, call: Call) -> None:
    list_id, ids = make(call), contacts(call, 7)
    for record in reversed(ids):
        emulator.clock.advance(10)
        call("PUT", f"{LISTS}/{list_id}/memberships/add", json=[record])

    by_id = pages(call, f"{LISTS}/{list_id}/memberships", 3)
    by_join = pages(call, f"/crm/v3/lists/{list_id}/memberships/join-order", 3)

    assert [len(page) for page in by_id] == [len(page) for page in by_join] == [3, 3, 1]
    assert [each["recordId"] for page in by_id for each in page] == ids
    joined = [each for page in by_join for each in page]
    assert [each["recordId"] for each in joined] == ids  # the first of them joined last
    moments = [parse_ms(each["membershipTimestamp"]) for each in joined]
    assert [one - other for one, other in itertools.pairwise(moments)] == [10_000] * 6


def test_many_who_joined_in_one_millisecond_are_each_given_once(call: Call) -> None:
    list_id, ids = make(call), contacts(call, 7)
    call("PUT", f"{LISTS}/{list_id}/memberships/add", json=ids)

    found = [each["recordId"] for page in pages(call, f"{LISTS}/{list_id}/memberships/join-order", 2) for each in page]

    assert sorted(found) == sorted(ids)


@pytest.mark.parametrize("path", ["memberships", "memberships/join-order"])
def test_before_gives_the_page_before(call: Call, path: str) -> None:
    list_id, ids = make(call), contacts(call, 6)
    call("PUT", f"{LISTS}/{list_id}/memberships/add", json=ids)
    whole = call("GET", f"{LISTS}/{list_id}/{path}").json()["results"]
    first = call("GET", f"{LISTS}/{list_id}/{path}?limit=5").json()

    back = call("GET", f"{LISTS}/{list_id}/{path}?limit=2&before={first['paging']['next']['after']}").json()

    assert back["results"] == whole[2:4]


def test_adding_and_removing_tell_what_happened_and_leave_updated_at(emulator: Emulator, call: Call) -> None:
    list_id, ids = make(call), contacts(call, 4)
    before = call("GET", f"{LISTS}/{list_id}").json()["list"]
    emulator.clock.advance(5)

    added = call("PUT", f"{LISTS}/{list_id}/memberships/add", json=[*ids[:3], ids[0], "1", "x"]).json()
    changed = call(
        "PUT",
        f"{LISTS}/{list_id}/memberships/add-and-remove",
        json={"recordIdsToAdd": [ids[2], ids[3]], "recordIdsToRemove": [ids[0], "2"]},
    ).json()

    assert added == {"recordsIdsAdded": ids[:3], "recordIdsRemoved": [], "recordIdsMissing": ["1", "x"]}
    assert changed == {"recordsIdsAdded": [ids[3]], "recordIdsRemoved": [ids[0]], "recordIdsMissing": ["2"]}
    after = search(call, listIds=[list_id], additionalProperties=["hs_lastmodifieddate"])["lists"][0]
    assert after["updatedAt"] == before["updatedAt"]
    now = str(emulator.portal.now_ms())
    assert after["additionalProperties"] == {
        "hs_last_record_added_at": now,
        "hs_last_record_removed_at": now,
        "hs_lastmodifieddate": now,
        "hs_list_reference_count": "0",
        "hs_list_size": "3",
    }


def test_members_of_a_dynamic_list_cannot_be_changed_by_hand(call: Call) -> None:
    list_id, ids = make(call, "Dyn", "DYNAMIC"), contacts(call, 1)

    answers = [
        call("PUT", f"{LISTS}/{list_id}/memberships/add", json=ids),
        call("PUT", f"{LISTS}/{list_id}/memberships/remove", json=ids),
        call("DELETE", f"{LISTS}/{list_id}/memberships"),
    ]

    assert [answer.status for answer in answers] == [400] * 3
    assert "DYNAMIC" in answers[0].json()["message"]


def test_a_list_is_filled_from_another_and_emptied(call: Call) -> None:
    source, target, ids = make(call, "Source"), make(call, "Target"), contacts(call, 3)
    call("PUT", f"{LISTS}/{source}/memberships/add", json=ids)

    assert call("PUT", f"{LISTS}/{target}/memberships/add-from/{source}").status == 204
    assert call("GET", f"{LISTS}/{target}/memberships").json()["total"] == 3
    assert call("DELETE", f"{LISTS}/{target}/memberships").status == 204
    assert call("GET", f"{LISTS}/{target}/memberships").json() == {"total": 0, "results": []}


def test_archived_members_vanish_and_merged_ones_pass_to_the_survivor(emulator: Emulator, call: Call) -> None:
    list_id, ids = make(call), contacts(call, 3)
    call("PUT", f"{LISTS}/{list_id}/memberships/add", json=ids)
    joined = call("GET", f"{LISTS}/{list_id}/memberships").json()["results"][0]["membershipTimestamp"]
    emulator.clock.advance(5)
    call("DELETE", f"{CONTACTS}/{ids[0]}")
    merged = call("POST", f"{CONTACTS}/merge", json={"primaryObjectId": ids[1], "objectIdToMerge": ids[2]}).json()["id"]

    answer = call("GET", f"{LISTS}/{list_id}/memberships").json()

    assert answer == {"total": 1, "results": [{"recordId": merged, "membershipTimestamp": joined}]}


def test_the_lists_of_records(call: Call) -> None:
    list_id, ids = make(call), contacts(call, 2)
    call("PUT", f"{LISTS}/{list_id}/memberships/add", json=[ids[0]])

    one = call("GET", f"{LISTS}/records/0-1/{ids[0]}/memberships").json()
    inputs = [{"objectTypeId": "0-1", "recordId": each} for each in (ids[0], "1")]
    several = call("POST", f"{LISTS}/records/memberships/batch/read", json={"inputs": inputs}).json()

    assert list_id in [each["listId"] for each in one["results"]]
    assert [each["recordListMemberships"] for each in several["results"]] == [one["results"], []]


@pytest.mark.parametrize("query", ["limit=251", "limit=0", "after=x", "before=!", "page=2"])
@pytest.mark.parametrize("path", ["memberships", "memberships/join-order"])
def test_a_parameter_of_members_that_makes_no_sense_is_named(call: Call, path: str, query: str) -> None:
    answer = call("GET", f"{LISTS}/{make(call)}/{path}?{query}")

    assert answer.status == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["message"]


def test_every_membership_of_the_portal_is_listed_once(call: Call, control: Call) -> None:
    truth = control("GET", "/truth/list_memberships").lines()
    listed = [
        (each["listId"], member["recordId"], member["membershipTimestamp"])
        for each in live(control)
        for page in pages(call, f"{LISTS}/{each['listId']}/memberships", 50)
        for member in page
    ]

    assert listed == [(each["listId"], each["recordId"], each["membershipTimestamp"]) for each in truth]
    assert len(listed) > 60


def test_writes_are_logged_with_the_call_that_made_them(call: Call, control: Call) -> None:
    list_id, ids = make(call), contacts(call, 1)
    answer = call("PUT", f"{LISTS}/{list_id}/memberships/add", json=ids)

    last = control("GET", "/events").lines()[-1]

    assert (last["what"], last["object"], last["id"]) == ("list-add", "lists", list_id)
    assert last["request"] == answer.headers["X-HubSpot-Correlation-Id"]


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", f"{LISTS}/search", ["crm.lists.read"]),
        ("DELETE", f"{LISTS}/1", ["cms.membership.access_groups.write", "crm.lists.read", "crm.lists.write"]),
    ],
)
def test_lists_need_their_scopes(
    portal_factory: Callable[..., Emulator],
    caller_of: Callable[[Emulator], Call],
    method: str,
    path: str,
    needed: list[str],
) -> None:
    emulator = portal_factory(contacts=0, tokens={"pat-narrow": frozenset({"crm.objects.contacts.read"})})

    answer = caller_of(emulator)(method, path, token="pat-narrow", json={})

    assert (answer.status, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert answer.json()["errors"][0]["context"] == {"requiredGranularScopes": needed}


# Knobs


def test_the_join_order_may_begin_with_who_joined_first(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call]
) -> None:
    emulator = portal_factory(contacts=10, knobs=Knobs(list_joins_newest_first=False))
    call = caller_of(emulator)
    list_id, ids = make(call), contacts(call, 3)
    for record in ids:
        emulator.clock.advance(1)
        call("PUT", f"{LISTS}/{list_id}/memberships/add", json=[record])

    found = call("GET", f"{LISTS}/{list_id}/memberships/join-order").json()["results"]

    assert [each["recordId"] for each in found] == ids


@pytest.mark.parametrize(("cut", "status"), [(True, 200), (False, 400)])
def test_a_page_of_more_than_500_lists_is_cut_or_refused(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], cut: bool, status: int
) -> None:
    emulator = portal_factory(contacts=0, knobs=Knobs(large_list_pages_are_cut=cut))

    assert caller_of(emulator)("POST", f"{LISTS}/search", json={"count": 1000}).status == status


def test_a_list_shows_what_it_was_made_with(call: Call) -> None:
    kept = {
        "listPermissions": {"teamsWithEditAccess": [1], "usersWithEditAccess": []},
        "membershipSettings": {"includeUnassigned": True},
    }
    body = {"name": "Mine", "objectTypeId": "0-1", "processingType": "MANUAL", "listFolderId": 0, **kept}

    made = call("POST", LISTS, json=body | {"customProperties": {"colour": "red"}}).json()["list"]

    assert {name: made[name] for name in kept} == kept
    assert call("GET", f"{LISTS}/{made['listId']}").json()["list"] == made
    assert call("POST", LISTS, json=body | {"name": "Other", "listFolderId": 7}).status == 400
    wrong = body | {"name": "Other", "listPermissions": {"everybody": True}}
    assert "everybody" in call("POST", LISTS, json=wrong).json()["message"]
