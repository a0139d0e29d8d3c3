"""Contacts of v1, companies of v2 and deals of v1: the same records in older shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
CONTACTS = "/contacts/v1/lists/all/contacts/all"
START_MS = 1_795_420_800_000
Call = Callable[..., Any]


def all_ids(call: Call, name: str) -> list[int]:
    found, after = [], ""
    while True:
        page = call("GET", f"/crm/objects/2026-09/{name}?limit=100{after}").json()
        found += [int(record["id"]) for record in page["results"]]
        if "paging" not in page:
            return sorted(found)
        after = f"&after={page['paging']['next']['after']}"


def feed(call: Call, path: str, key: str, more: str, offsets: dict[str, str]) -> list[dict[str, Any]]:
    """Follow a feed: `offsets` says which part of an answer goes into which parameter."""
    found, query = [], ""
    while True:
        page = call("GET", f"{path}{query}").json()
        found += page[key]
        if not page[more]:
            return found
        query = "".join(f"&{parameter}={page[part]}" for part, parameter in offsets.items())


def test_all_contacts_once_by_their_ids(call: Call) -> None:
    found = feed(call, f"{CONTACTS}?count=7", "contacts", "has-more", {"vid-offset": "vidOffset"})

    assert [contact["vid"] for contact in found] == all_ids(call, "contacts")
    assert set(found[0]["properties"]) <= {"company", "firstname", "lastmodifieddate", "lastname"}
    assert "list-memberships" not in found[0]


def test_properties_are_asked_for_and_moments_are_milliseconds(call: Call) -> None:
    body = {"properties": {"email": "a@example.com", "birthday": "2000-01-02", "newsletter": "true"}}
    made = call("POST", "/crm/objects/2026-09/contacts", json=body).json()["id"]
    call("PATCH", f"/crm/objects/2026-09/contacts/{made}", json={"properties": {"newsletter": "false"}})

    query = "property=birthday&property=newsletter&propertyMode=value_and_history&count=100"
    contact = next(each for each in call("GET", f"{CONTACTS}?{query}").json()["contacts"] if each["vid"] == int(made))

    properties = contact["properties"]
    assert properties["birthday"]["value"] == "946771200000"
    assert properties["lastmodifieddate"]["value"] == str(START_MS)
    assert [version["value"] for version in properties["newsletter"]["versions"]] == ["false", "true"]
    assert contact["identity-profiles"][0]["identities"][0]["value"] == "a@example.com"


@pytest.mark.parametrize(
    ("path", "column"),
    [("recently_updated/contacts/recent", "updatedAt"), ("all/contacts/recent", "createdAt")],
)
def test_recent_contacts_come_newest_first_for_thirty_days(path: str, column: str, call: Call, control: Call) -> None:
    from_truth = {
        int(row["id"])
        for row in control("GET", "/truth/contacts").lines()
        if row["state"] == "live" and row[column] >= "2026-10-24T08"
    }

    offsets = {"time-offset": "timeOffset", "vid-offset": "vidOffset"}
    found = feed(call, f"/contacts/v1/lists/{path}?count=3", "contacts", "has-more", offsets)

    assert {contact["vid"] for contact in found} == from_truth
    assert len(found) == len(from_truth) > 0
    moments = [contact["addedAt"] for contact in found]
    assert moments == sorted(moments, reverse=True)


def test_a_profile_and_a_batch_follow_merges(call: Call) -> None:
    first, second = (
        call("POST", "/crm/objects/2026-09/contacts", json={"properties": {"email": f"{name}@example.com"}}).json()[
            "id"
        ]
        for name in "ab"
    )
    merged = {"primaryObjectId": first, "objectIdToMerge": second}
    survivor = int(call("POST", "/crm/objects/2026-09/contacts/merge", json=merged).json()["id"])

    profile = call("GET", f"/contacts/v1/contact/vid/{second}/profile").json()
    batch = call("GET", f"/contacts/v1/contact/vids/batch/?vid={first}&vid={survivor}&vid=1").json()

    assert profile["vid"] == survivor
    assert set(profile["merged-vids"]) == {int(first), int(second)}
    assert {audit["vid-to-merge"] for audit in profile["merge-audits"]} == {int(first), int(second)}
    assert {vid: contact["vid"] for vid, contact in batch.items()} == {first: survivor, str(survivor): survivor}
    assert "versions" in profile["properties"]["email"]


def test_versions_name_the_contact_that_they_came_from(portal_factory: Any, caller_of: Any) -> None:
    """As recorded in 2018: one that was merged away brings what was set of it, under its own id."""
    emulator = portal_factory(contacts=0, limits=False, knobs=Knobs(merge_keeps_primary=True))
    call = caller_of(emulator)

    def create(**properties: str) -> str:
        emulator.clock.advance(1)
        found = call("POST", "/crm/objects/2026-09/contacts", json={"properties": properties}).json()
        return str(found["id"])

    kept = create(email="a@example.com", firstname="Ann", lastname="Able")
    gone = create(email="b@example.com", firstname="Bea")
    body = {"primaryObjectId": kept, "objectIdToMerge": gone}
    call("POST", "/crm/objects/2026-09/contacts/merge", json=body)

    profile = call("GET", f"/contacts/v1/contact/vid/{kept}/profile").json()

    versions = {name: found["versions"] for name, found in profile["properties"].items()}
    assert [(each["value"], each.get("source-vids")) for each in versions["firstname"]] == [
        ("Ann", None),
        ("Bea", [int(gone)]),
    ]
    assert [each["source-type"] for each in versions["email"]] == ["MERGE_CONTACTS", "API", "API"]
    assert [each.get("source-vids") for each in versions["email"]] == [None, [int(gone)], None]
    assert all("source-vids" not in each for each in versions["lastname"])
    (audit,) = profile["merge-audits"]
    assert (audit["first-name"], audit["num-properties-moved"]) == ("Bea", 3)
    assert "last-name" not in audit


@pytest.mark.parametrize(
    ("path", "key", "more", "id_key", "name"),
    [
        ("/companies/v2/companies/paged", "companies", "has-more", "companyId", "companies"),
        ("/deals/v1/deal/paged", "deals", "hasMore", "dealId", "deals"),
    ],
)
def test_companies_and_deals_page_by_offset(path: str, key: str, more: str, id_key: str, name: str, call: Call) -> None:
    found = feed(call, f"{path}?limit=4", key, more, {"offset": "offset"})

    assert [each[id_key] for each in found] == all_ids(call, name)


def test_a_deal_shows_what_is_asked_for_and_whom_it_is_about(call: Call) -> None:
    deals = call("GET", "/deals/v1/deal/paged?limit=250&includeAssociations=true&properties=dealname").json()["deals"]
    linked = next(deal for deal in deals if deal["associations"]["associatedVids"])

    path = f"/crm/v4/objects/deals/{linked['dealId']}/associations/contacts"
    assert linked["associations"]["associatedVids"] == [
        each["toObjectId"] for each in call("GET", path).json()["results"]
    ]
    assert set(linked["properties"]) == {"dealname"}
    assert linked["properties"]["dealname"]["versions"][0]["name"] == "dealname"
    one = call("GET", f"/deals/v1/deal/{linked['dealId']}").json()
    assert one["associations"] == linked["associations"]
    assert set(one["properties"]) > {"dealname", "hs_lastmodifieddate"}


@pytest.mark.parametrize(("path", "name"), [("/companies/v2/companies", "companies"), ("/deals/v1/deal", "deals")])
def test_recent_ones_have_a_total_and_an_end(path: str, name: str, call: Call, control: Call) -> None:
    rows = control("GET", f"/truth/{name}").lines()
    recent = [row for row in rows if row["state"] == "live" and row["updatedAt"] >= "2026-10-24T08"]

    page = call("GET", f"{path}/recent/modified?count=100").json()
    over = call("GET", f"{path}/recent/modified?count=100&offset=9950")

    assert page["total"] == len(page["results"]) == len(recent)
    assert over.status == 400
    assert over.json()["message"] == "Cannot fetch more than 10000 total records for this endpoint"


def test_a_companys_contacts_are_named_by_id(call: Call) -> None:
    company = call("GET", "/companies/v2/companies/paged?limit=1").json()["companies"][0]["companyId"]

    found = feed(call, f"/companies/v2/companies/{company}/vids?count=2", "vids", "hasMore", {"vidOffset": "vidOffset"})

    links = call("GET", f"/crm/v4/objects/companies/{company}/associations/contacts").json()["results"]
    assert found == [link["toObjectId"] for link in links]


@pytest.mark.parametrize("path", ["/contacts/v1/lists", "/contacts/v1/lists/1/contacts/all", "/owners/v2/owners"])
def test_what_is_sunset_is_gone(call: Call, path: str) -> None:
    assert call("GET", path).status == 404


def test_each_object_needs_its_scope(portal_factory: Any, caller_of: Any) -> None:
    call = caller_of(portal_factory(contacts=0, tokens={"pat-deals": frozenset({"crm.objects.deals.read"})}))

    paths = (CONTACTS, "/companies/v2/companies/paged", "/deals/v1/deal/paged")
    assert [call("GET", path, token="pat-deals").status for path in paths] == [403, 403, 200]


@pytest.mark.parametrize("query", ["colour=red", "count=x", "propertyMode=both"])
def test_what_is_not_understood_is_named(call: Call, query: str) -> None:
    answer = call("GET", f"{CONTACTS}?{query}")

    assert answer.status == 400
    assert query.partition("=")[0] in answer.json()["message"]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_a_profile_has_the_keys_of_the_recorded_one(call: Call) -> None:
    wanted = json.loads((RECORDED / "objects/v1_contact_profile_after_merge__hubspot_ruby.json").read_text())
    contact = call("GET", CONTACTS).json()["contacts"][0]["vid"]

    profile = call("GET", f"/contacts/v1/contact/vid/{contact}/profile").json()

    # Addresses of pages with a person's data are not imitated, and memberships are no longer told.
    assert set(profile) == set(wanted) - {"profile-token", "profile-url", "list-memberships"}
    version = profile["properties"]["lastmodifieddate"]["versions"][0]
    assert set(version) - {"updated-by-user-id"} == set(wanted["properties"]["lastmodifieddate"]["versions"][0])


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_a_missing_company_reads_as_recorded(call: Call) -> None:
    wanted = json.loads((RECORDED / "errors/v2_company_404__hubspot_ruby.json").read_text())

    answer = call("GET", "/companies/v2/companies/0")

    assert answer.status == 404
    assert {name: answer.json()[name] for name in ("status", "message")} == {
        name: wanted[name] for name in ("status", "message")
    }
    assert "category" not in answer.json()
