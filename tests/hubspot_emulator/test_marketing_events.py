"""Marketing events and who takes part, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BASE = "/marketing/marketing-events/2026-09"
KEYS = {
    "appInfo", "attendees", "cancellations", "createdAt", "customProperties", "endDateTime", "eventCancelled",
    "eventCompleted", "eventDescription", "eventName", "eventOrganizer", "eventStatus", "eventStatusV2", "eventType",
    "eventUrl", "externalEventId", "noShows", "objectId", "registrants", "startDateTime", "updatedAt",
}  # fmt: skip


def pages(call: Callable[..., Any], path: str) -> list[Any]:
    found, after = [], ""
    while True:
        answer = call("GET", f"{path}?limit=2{after}")
        assert answer.status == 200, answer.body
        body = answer.json()
        found += body["results"]
        if "paging" not in body:
            return found
        after = f"&after={body['paging']['next']['after']}"


def test_pages_hold_every_live_event_once(call: Callable[..., Any], control: Callable[..., Any]) -> None:
    listed = pages(call, BASE)

    live = [row for row in control("GET", "/truth/marketing_events").lines() if row["state"] == "live"]
    assert set(listed[0]) == KEYS
    assert [{"state": "live", **each} for each in listed] == live
    assert pages(call, "/marketing/marketing-events/v3") == listed


def test_one_event_is_found_by_either_of_its_ids(call: Callable[..., Any]) -> None:
    event = pages(call, BASE)[0]
    external = event["externalEventId"]

    assert call("GET", f"{BASE}/{event['objectId']}").json() == event
    assert call("GET", f"{BASE}/events/{external}?externalAccountId=account-1").json() == {
        "id": event["objectId"],
        **{name: value for name, value in event.items() if name not in {"appInfo", "eventStatus", "eventStatusV2"}},
    }
    assert call("GET", f"{BASE}/events/search?q={external}").json()["results"][0]["objectId"] == event["objectId"]
    assert call("GET", f"{BASE}/{external}/identifiers").json()["results"][0]["objectId"] == event["objectId"]
    assert call("GET", f"{BASE}/events/{external}?externalAccountId=another").status == 404
    assert call("GET", f"{BASE}/1").json()["category"] == "OBJECT_NOT_FOUND"


def test_breakdowns_of_events_are_the_participants(call: Callable[..., Any], control: Callable[..., Any]) -> None:
    found = [
        each
        for event in pages(call, BASE)
        for each in pages(call, f"{BASE}/participations/{event['objectId']}/breakdown")
    ]

    assert [{"state": "live", **each} for each in found] == control(
        "GET", "/truth/marketing_event_participants"
    ).lines()
    states = {each["properties"]["attendanceState"] for each in found}
    assert states >= {"ATTENDED", "CANCELLED", "NO_SHOW"}


def test_counters_agree_with_the_breakdown(call: Callable[..., Any]) -> None:
    for event in pages(call, BASE):
        counted = call("GET", f"{BASE}/participations/{event['objectId']}").json()
        parts = pages(call, f"{BASE}/participations/account-1/{event['externalEventId']}/breakdown")

        states = [each["properties"]["attendanceState"] for each in parts]
        assert (counted["attended"], counted["cancelled"]) == (states.count("ATTENDED"), states.count("CANCELLED"))
        assert counted["attended"] == event["attendees"]


def test_a_contacts_participations_are_found_by_id_or_email(call: Callable[..., Any]) -> None:
    event = pages(call, BASE)[0]
    part = call("GET", f"{BASE}/participations/{event['objectId']}/breakdown").json()["results"][0]
    contact = part["associations"]["contact"]

    by_id = call("GET", f"{BASE}/participations/contacts/{contact['contactId']}/breakdown").json()
    one = call("GET", f"{BASE}/participations/{event['objectId']}/breakdown?contactIdentifier={contact['contactId']}")

    assert part in by_id["results"]
    assert one.json() == {"total": 1, "results": [part]}
    if contact["email"]:
        assert call("GET", f"{BASE}/participations/contacts/{contact['email']}/breakdown").json() == by_id


def test_deal_splits_are_read_and_replaced_by_deal(call: Callable[..., Any], control: Callable[..., Any]) -> None:
    held = next(row for row in control("GET", "/truth/deal_splits").lines() if row["state"] == "live")
    deal = held["properties"]["hs_deal_split_deal_id"]
    owners = [row["id"] for row in control("GET", "/truth/owners").lines()][:2]
    parts = [{"ownerId": int(owner), "percentage": 0.5} for owner in owners]

    before = call("POST", "/deal-splits/2026-09/batch/read", json={"inputs": [{"id": deal}]}).json()["results"]
    done = call("POST", "/crm/objects/v3/deals/splits/batch/upsert", json={"inputs": [{"id": deal, "splits": parts}]})
    wrong = call("POST", "/deal-splits/2026-09/batch/upsert", json={"inputs": [{"id": deal, "splits": parts[:1]}]})

    assert held["id"] in [split["id"] for split in before[0]["splits"]]
    assert [each["properties"]["hubspot_owner_id"] for each in done.json()["results"][0]["splits"]] == owners
    assert wrong.status == 400
    assert "sum up to 1.0" in wrong.json()["message"]
    found = call("POST", "/crm/v3/objects/deal_split/search", json={"limit": 100}).json()["results"]
    assert {each["id"] for each in done.json()["results"][0]["splits"]} <= {each["id"] for each in found}
