"""E-mail events, e-mail campaigns and the subscription timeline: feeds from the latest entry backwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hubspot_emulator import email_events, email_samples, subscriptions
from hubspot_emulator.email_events import EVENT_TYPES
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.subscriptions import Cause, Change

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
EVENTS = "/email/public/v1/events"
CAMPAIGNS = "/email/public/v1/campaigns"
TIMELINE = "/email/public/v1/subscriptions/timeline"
FEEDS = pytest.mark.parametrize(("path", "key"), [(EVENTS, "events"), (TIMELINE, "timeline")])
Call = Callable[..., Any]
recorded_only = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator]) -> Emulator:
    """A portal with enough contacts for every kind of event."""
    return portal_factory(contacts=400, limits=False)


def recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())


def truth(control: Call, name: str) -> list[dict[str, Any]]:
    found = control("GET", f"/truth/{name}").lines()
    assert all(each.pop("state") == "live" for each in found)
    return found


def scan(call: Call, path: str, key: str, query: str = "limit=50") -> list[dict[str, Any]]:
    found, offset = [], ""
    while True:
        page = call("GET", f"{path}?{query}{offset}").json()
        found += page[key]
        if not page["hasMore"]:
            return found
        offset = f"&offset={page['offset']}"


# Both feeds


@FEEDS
@pytest.mark.parametrize("size", [7, 1000])
def test_a_feed_gives_every_entry_once_the_latest_first(
    call: Call, control: Call, path: str, key: str, size: int
) -> None:
    name = {"events": "email_events", "timeline": "subscription_changes"}[key]

    assert scan(call, path, key, f"limit={size}") == truth(control, name)[::-1]


@FEEDS
def test_both_ends_of_the_time_asked_for_belong_to_it(call: Call, path: str, key: str) -> None:
    moment = {"events": "created", "timeline": "timestamp"}[key]
    everything = [each[moment] for each in scan(call, path, key)]
    start, end = everything[8], everything[3]

    found = [each[moment] for each in scan(call, path, key, f"startTimestamp={start}&endTimestamp={end}")]

    assert found == everything[3:9]


@FEEDS
def test_a_page_has_ten_entries_unless_told(call: Call, path: str, key: str) -> None:
    assert len(call("GET", path).json()[key]) == 10


@FEEDS
def test_entries_that_come_while_a_scan_runs_do_not_shift_it(call: Call, control: Call, path: str, key: str) -> None:
    before = scan(call, path, key)
    first = call("GET", f"{path}?limit=5").json()
    control("POST", "/mutate", json={"activity": 12})

    second = call("GET", f"{path}?limit=5&offset={first['offset']}").json()

    assert second[key] == before[5:10]


@FEEDS
@pytest.mark.parametrize(("life", "status"), [({}, 400), ({"feed_offset_seconds": 0}, 200)])
def test_an_offset_ages(
    portal_factory: Callable[..., Emulator],
    caller_of: Callable[[Emulator], Call],
    path: str,
    key: str,
    life: dict[str, int],
    status: int,
) -> None:
    emulator = portal_factory(contacts=400, knobs=Knobs(**life))
    call = caller_of(emulator)
    first = call("GET", f"{path}?limit=2").json()
    following = f"{path}?limit=2&offset={first['offset']}"

    emulator.clock.advance(6 * 3600)
    assert call("GET", following).json()[key]
    emulator.clock.advance(1)
    assert call("GET", following).status == status


@pytest.mark.parametrize(
    ("path", "key", "knob"), [(EVENTS, "events", "email_event_days"), (TIMELINE, "timeline", "timeline_days")]
)
@pytest.mark.parametrize("days", [0, 100])
def test_how_long_a_feed_is_kept_is_a_knob(
    portal_factory: Callable[..., Emulator],
    connect: Callable[[str], Call],
    path: str,
    key: str,
    knob: str,
    days: int,
) -> None:
    emulator = portal_factory(contacts=100, limits=False, knobs=Knobs(**{knob: days}))
    name = "email_events" if key == "events" else "subscription_changes"
    truth = connect(emulator.control_url)("GET", f"/truth/{name}").lines()

    found = scan(connect(emulator.base_url), path, key, "limit=1000")

    assert len(found) == sum(each["state"] == "live" for each in truth)
    assert (len(found) < len(truth)) is (days > 0)


@pytest.mark.parametrize("knobs", [{}, {"timeline_page": 3}])
def test_the_page_of_the_timeline_without_a_limit_is_a_knob(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], knobs: dict[str, int]
) -> None:
    call = caller_of(portal_factory(contacts=100, limits=False, knobs=Knobs(**knobs)))

    assert len(call("GET", TIMELINE).json()["timeline"]) == (3 if knobs else 10)


@pytest.mark.parametrize("knobs", [{}, {"email_campaign_page_most": 2}])
def test_the_largest_page_of_campaigns_is_a_knob(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], knobs: dict[str, int]
) -> None:
    call = caller_of(portal_factory(contacts=100, limits=False, knobs=Knobs(**knobs)))

    page = call("GET", f"{CAMPAIGNS}?limit=400").json()

    assert (len(page["campaigns"]), page["hasMore"]) == ((2, True) if knobs else (len(page["campaigns"]), False))


@FEEDS
@pytest.mark.parametrize("query", ["offset=abc", "limit=0", "startTimestamp=now", "endTimestamp=-1", "page=2"])
def test_a_parameter_that_makes_no_sense_is_named(call: Call, path: str, key: str, query: str) -> None:
    del key
    answer = call("GET", f"{path}?{query}")

    assert answer.status == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["message"]


@pytest.mark.parametrize("path", [EVENTS, CAMPAIGNS, TIMELINE, "/email/public/v1/subscriptions"])
def test_they_need_the_scope_content(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], path: str
) -> None:
    emulator = portal_factory(contacts=0, tokens={"pat-narrow": frozenset({"forms"})})

    answer = caller_of(emulator)("GET", path, token="pat-narrow")

    assert answer.status == 403
    assert answer.json()["errors"][0]["context"] == {"requiredGranularScopes": ["content"]}


def test_equal_seeds_make_equal_feeds(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call]
) -> None:
    one, same, other = (caller_of(portal_factory(contacts=400, seed=seed, limits=False)) for seed in (1, 1, 2))

    for path, key in ((EVENTS, "events"), (TIMELINE, "timeline")):
        assert scan(one, path, key) == scan(same, path, key)
        assert scan(one, path, key) != scan(other, path, key)


# Events


def test_events_are_filtered_by_type_recipient_and_campaign(call: Call, control: Call) -> None:
    everything = truth(control, "email_events")[::-1]
    opened = next(each for each in everything if each["type"] == "OPEN")
    campaign = opened["emailCampaignId"]

    by_type = scan(call, EVENTS, "events", "eventType=OPEN")
    by_recipient = scan(call, EVENTS, "events", f"recipient={opened['recipient'].upper()}")
    by_campaign = scan(call, EVENTS, "events", f"appId=113&campaignId={campaign}")
    unfiltered = scan(call, EVENTS, "events", "excludeFilteredEvents=true")

    assert by_type == [each for each in everything if each["type"] == "OPEN"]
    assert by_recipient == [each for each in everything if each["recipient"] == opened["recipient"]]
    assert by_campaign == [each for each in everything if each["emailCampaignId"] == campaign]
    assert unfiltered == [each for each in everything if not each.get("filteredEvent")]
    assert len(unfiltered) < len(everything)


@pytest.mark.parametrize(
    ("query", "named"), [("campaignId=1", "appId"), ("appId=113", "campaignId"), ("eventType=WAVED", "eventType")]
)
def test_a_campaign_is_named_by_two_numbers_and_types_are_known(call: Call, query: str, named: str) -> None:
    answer = call("GET", f"{EVENTS}?{query}")

    assert answer.status == 400
    assert named in answer.json()["message"]


def test_one_event_is_found_by_its_moment_and_id(call: Call) -> None:
    event = call("GET", EVENTS).json()["events"][0]

    assert call("GET", f"{EVENTS}/{event['created']}/{event['id']}").json() == event
    assert call("GET", f"{EVENTS}/{event['created'] + 1}/{event['id']}").status == 404


def test_what_follows_a_sending_names_it(control: Call) -> None:
    everything = truth(control, "email_events")
    sent = {(each["id"], each["created"]) for each in everything if each["type"] in {"SENT", "DROPPED"}}

    followers = [each["sentBy"] for each in everything if "sentBy" in each]

    assert len(followers) > 20
    assert {(each["id"], each["created"]) for each in followers} <= sent
    assert {each["type"] for each in everything} <= set(EVENT_TYPES)
    assert {"SENT", "DELIVERED", "DROPPED", "OPEN", "CLICK", "BOUNCE", "STATUSCHANGE"} <= {
        each["type"] for each in everything
    }


def test_activity_happens_now_and_some_of_it_is_told_late(emulator: Emulator, call: Call, control: Call) -> None:
    emulator.clock.advance(86_400)
    now = emulator.portal.now_ms()

    ids = control("POST", "/mutate", json={"seed": 3, "activity": 40}).json()["activity"]["email_events"]

    found = scan(call, EVENTS, "events", f"startTimestamp={now - 300_000}")
    assert {each["id"] for each in found} == set(ids)
    moments = Counter(each["created"] == now for each in found)
    assert moments[True] > moments[False] > 0


@pytest.mark.parametrize("seconds", [0, 3600])
def test_how_late_events_are_told_is_a_knob(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], seconds: int
) -> None:
    emulator = portal_factory(contacts=100, knobs=Knobs(late_event_seconds=seconds))
    emulator.clock.advance(86_400)
    now = emulator.portal.now_ms()
    with emulator.portal.lock:
        from_activity = _act(emulator)

    found = caller_of(emulator)("GET", f"{EVENTS}?limit=1000&startTimestamp={now - 3_600_000}").json()["events"]

    assert {each["id"] for each in found} == set(from_activity)
    late = max(now - each["created"] for each in found)
    assert late == 0 if seconds == 0 else 300_000 < late <= 3_600_000


def _act(emulator: Emulator) -> list[str]:
    ids = email_samples.act(emulator.portal, Random(1), 60)
    emulator.portal.commit()
    return ids


@recorded_only
@pytest.mark.parametrize(
    ("name", "kind"), [("v1_dropped__airbyte.json", "DROPPED"), ("v1_statuschange__airbyte.json", "STATUSCHANGE")]
)
def test_events_have_the_keys_of_recorded_ones(control: Call, name: str, kind: str) -> None:
    wanted = recorded(f"email_events/{name}")

    found = [each for each in truth(control, "email_events") if each["type"] == kind]
    if kind == "STATUSCHANGE":
        found = [each for each in found if "portalSubscriptionStatus" not in each]
        with_basis = next(each for each in found if "legalBasisChange" in each["subscriptions"][0])
        assert set(with_basis["subscriptions"][0]) == set(wanted["subscriptions"][0])
        change = with_basis["subscriptions"][0]["legalBasisChange"]
        assert set(change) == set(wanted["subscriptions"][0]["legalBasisChange"])
    else:
        assert found[0]["sentBy"] == {"id": found[0]["id"], "created": found[0]["created"]}  # as recorded

    assert {name: type(value) for name, value in found[0].items()} == {
        name: type(value) for name, value in wanted.items()
    }


# Campaigns


def test_campaigns_come_by_latest_activity_or_in_any_order(call: Call, control: Call) -> None:
    everything = {each["id"]: each["lastUpdatedTime"] for each in truth(control, "email_campaigns")}

    by_activity = scan(call, CAMPAIGNS, "campaigns", "limit=3")
    by_id = scan(call, f"{CAMPAIGNS}/by-id", "campaigns", "limit=3")

    assert [each["lastUpdatedTime"] for each in by_activity] == sorted(everything.values(), reverse=True)
    assert {each["id"]: each["lastUpdatedTime"] for each in by_activity} == everything
    assert sorted(map(str, by_id)) == sorted(map(str, by_activity))
    assert by_id != by_activity


def test_new_events_move_a_campaign_to_the_front(emulator: Emulator, call: Call, control: Call) -> None:
    last = call("GET", CAMPAIGNS).json()["campaigns"][-1]
    event = truth(control, "email_events")[0] | {"id": "new", "created": emulator.portal.now_ms()}
    with emulator.portal.lock:
        email_events.load(emulator.portal, [event | {"emailCampaignId": last["id"]}])
        emulator.portal.commit()

    first = call("GET", CAMPAIGNS).json()["campaigns"][0]

    assert first == last | {"lastUpdatedTime": event["created"]}


def test_counters_count_the_events_and_zeros_are_absent(call: Call, control: Call) -> None:
    events = truth(control, "email_events")
    for campaign in call("GET", CAMPAIGNS).json()["campaigns"]:
        expected = Counter(each["type"].lower() for each in events if each["emailCampaignId"] == campaign["id"])

        detail = call("GET", f"{CAMPAIGNS}/{campaign['id']}?appId={campaign['appId']}").json()

        assert detail["counters"] == expected


def test_a_campaign_of_another_app_is_not_found(call: Call) -> None:
    campaign = call("GET", CAMPAIGNS).json()["campaigns"][0]["id"]

    assert call("GET", f"{CAMPAIGNS}/{campaign}?appId=114").status == 404
    assert call("GET", f"{CAMPAIGNS}/nonsense").status == 404


def test_a_page_of_campaigns_larger_than_500_is_cut(call: Call) -> None:
    assert call("GET", f"{CAMPAIGNS}?limit=1000").status == 200
    assert call("GET", f"{CAMPAIGNS}?limit=all").status == 400


@recorded_only
def test_campaign_details_have_the_keys_of_the_recorded_one(call: Call) -> None:
    wanted = recorded("campaigns/email_v1_get__airbyte.json")
    campaign = call("GET", CAMPAIGNS).json()["campaigns"][0]

    detail = call("GET", f"{CAMPAIGNS}/{campaign['id']}").json()

    together = detail | campaign  # the connector that recorded it put the list's field beside the detail's
    assert {name: type(value) for name, value in together.items()} == {
        name: type(value) for name, value in wanted.items()
    }


# Timeline


@pytest.fixture
def changed(emulator: Emulator) -> str:
    """Somebody who got one newsletter and then refused everything."""
    now = emulator.portal.now_ms()
    with emulator.portal.lock:
        first = [
            Change(23_704_464, "SUBSCRIBED", "LEGITIMATE_INTEREST_CLIENT", "test"),
            Change(9_112_001, "UNSUBSCRIBED"),
        ]
        subscriptions.change(emulator.portal, "Ada@Example.com", first, Cause("first", now - 5))
        wide = [Change(subscriptions.EVERYTHING, "UNSUBSCRIBED")]
        subscriptions.change(emulator.portal, "ada@example.com", wide, Cause("second", now))
        emulator.portal.commit()
    return "ada@example.com"


def test_changes_with_one_cause_are_one_entry_and_name_their_event(call: Call, changed: str) -> None:
    wide, first = call("GET", f"{TIMELINE}?recipient={changed}").json()["timeline"]

    assert [each["change"] for each in first["changes"]] == ["SUBSCRIBED", "UNSUBSCRIBED"]
    assert [each["changeType"] for each in wide["changes"]] == ["PORTAL_STATUS"]
    assert "subscriptionId" not in wide["changes"][0]
    cause = first["changes"][0]["causedByEvent"]
    event = call("GET", f"{EVENTS}/{cause['created']}/{cause['id']}").json()
    assert (event["type"], event["recipient"]) == ("STATUSCHANGE", changed)
    assert [each["id"] for each in event["subscriptions"]] == [each["subscriptionId"] for each in first["changes"]]
    assert first["normalizedEmailId"] == wide["normalizedEmailId"]


def test_the_timeline_is_filtered_by_type_and_shows_snapshots_on_demand(call: Call, changed: str) -> None:
    wide = call("GET", f"{TIMELINE}?recipient={changed}&changeType=PORTAL_STATUS").json()["timeline"]
    shown = call("GET", f"{TIMELINE}?recipient={changed}&includeSnapshots=true").json()["timeline"]

    assert len(wide) == 1
    assert "snapshot" not in wide[0]
    assert {"id": 23_704_464, "status": "SUBSCRIBED"} in shown[1]["snapshot"]["subscriptions"]
    assert call("GET", f"{TIMELINE}?changeType=MOOD").status == 400


def test_bounces_and_complaints_are_in_the_timeline(call: Call, control: Call) -> None:
    bounces = [each["id"] for each in truth(control, "email_events")[::-1] if each["type"] == "BOUNCE"]

    found = scan(call, TIMELINE, "timeline", "changeType=PORTAL_BOUNCE")

    assert [each["changes"][0]["causedByEvent"]["id"] for each in found] == bounces
    assert bounces


@recorded_only
def test_an_entry_has_the_keys_of_the_recorded_one(call: Call, changed: str) -> None:
    wanted = recorded("subscriptions/v1_timeline__airbyte.json")

    entry = call("GET", f"{TIMELINE}?recipient={changed}").json()["timeline"][1]

    assert {name: type(value) for name, value in entry.items()} == {name: type(value) for name, value in wanted.items()}
    assert {name: type(value) for name, value in entry["changes"][0].items()} == {
        name: type(value) for name, value in wanted["changes"][0].items()
    }
