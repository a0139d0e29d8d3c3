"""Kinds of e-mails and who gets them, in the shapes of v1, v3 and v4 with the dated versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator.server import Emulator

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
BASE = "/communication-preferences"
NEWSLETTER = 23_704_464
ADA = "ada@example.com"
Call = Callable[..., Any]


def write(call: Call, status: str, address: str = ADA, **more: Any) -> dict[str, Any]:
    body = {"channel": "EMAIL", "statusState": status, "subscriptionId": NEWSLETTER, **more}
    return call("POST", f"{BASE}/2026-09/statuses/{address}", json=body).json()["results"][0]


def read(call: Call, address: str = ADA) -> dict[int, str]:
    answer = call("GET", f"{BASE}/v4/statuses/{address}?channel=EMAIL").json()
    return {each["subscriptionId"]: each["status"] for each in answer["results"]}


def test_three_versions_tell_of_the_same_kinds(call: Call, control: Call) -> None:
    ids = [each["id"] for each in control("GET", "/truth/subscription_definitions").lines()]

    v1 = call("GET", "/email/public/v1/subscriptions").json()["subscriptionDefinitions"]
    v3 = call("GET", f"{BASE}/v3/definitions").json()["subscriptionDefinitions"]
    v4 = call("GET", f"{BASE}/v4/definitions").json()
    dated = call("GET", f"{BASE}/2026-09/definitions?includeTranslations=true").json()

    assert [str(each["id"]) for each in v1] == [each["id"] for each in v3] == ids
    assert v4["results"] == v3
    assert v4.keys() == {"status", "results", "startedAt", "completedAt"}
    assert dated["results"] == [each | {"subscriptionTranslations": []} for each in v3]


def test_statuses_are_not_specified_until_they_are_set(call: Call) -> None:
    before = read(call)

    written = write(call, "SUBSCRIBED", legalBasis="PROCESS_AND_STORE", legalBasisExplanation="asked for it")

    assert set(before.values()) == {"NOT_SPECIFIED"}
    assert read(call) == before | {NEWSLETTER: "SUBSCRIBED"}
    assert (written["status"], written["setStatusSuccessReason"]) == ("SUBSCRIBED", "REQUESTED_CHANGE_OCCURRED")
    assert (written["legalBasis"], written["legalBasisExplanation"]) == ("PROCESS_AND_STORE", "asked for it")


def test_a_write_tells_what_it_came_to(call: Call) -> None:
    reasons = [
        write(call, status)["setStatusSuccessReason"] for status in ("UNSUBSCRIBED", "UNSUBSCRIBED", "SUBSCRIBED")
    ]

    assert reasons == ["REQUESTED_CHANGE_OCCURRED", "NO_STATUS_CHANGE", "RESUBSCRIBE_OCCURRED"]


def test_the_case_of_an_address_does_not_count(call: Call) -> None:
    write(call, "SUBSCRIBED", address="ADA@Example.com")

    assert read(call)[NEWSLETTER] == "SUBSCRIBED"


def test_a_change_is_an_event_and_an_entry_of_the_timeline(emulator: Emulator, call: Call) -> None:
    write(call, "UNSUBSCRIBED")
    emulator.clock.advance(1)
    write(call, "SUBSCRIBED")

    entries = call("GET", f"/email/public/v1/subscriptions/timeline?recipient={ADA}").json()["timeline"]
    events = call("GET", f"/email/public/v1/events?recipient={ADA}").json()["events"]

    assert [each["changes"][0]["change"] for each in entries] == ["SUBSCRIBED", "UNSUBSCRIBED"]
    assert [each["id"] for each in events] == [each["changes"][0]["causedByEvent"]["id"] for each in entries]


def test_several_people_are_written_and_read_at_once(call: Call) -> None:
    one = {"channel": "EMAIL", "statusState": "UNSUBSCRIBED", "subscriptionId": NEWSLETTER}
    inputs = [one | {"subscriberIdString": ADA}, one | {"subscriberIdString": "bob@example.com"}]

    written = call("POST", f"{BASE}/v4/statuses/batch/write", json={"inputs": inputs}).json()
    body = {"inputs": [ADA, "bob@example.com", "eve@example.com"]}
    found = call("POST", f"{BASE}/2026-03/statuses/batch/read?channel=EMAIL", json=body).json()

    assert [each["subscriberIdString"] for each in written["results"]] == [ADA, "bob@example.com"]
    assert [
        next(each["status"] for each in person["statuses"] if each["subscriptionId"] == NEWSLETTER)
        for person in found["results"]
    ] == ["UNSUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED"]


def test_refusing_everything_covers_every_kind(call: Call) -> None:
    write(call, "SUBSCRIBED")
    path = f"{BASE}/v4/statuses/{ADA}/unsubscribe-all?channel=EMAIL"
    before = call("GET", path).json()["results"]

    quiet = call("POST", path).json()["results"]
    verbose = call("POST", f"{path}&verbose=true").json()["results"]

    assert (before, quiet) == ([], [])
    assert {each["status"] for each in verbose} == set(read(call).values()) == {"UNSUBSCRIBED"}
    (wide,) = call("GET", path).json()["results"]
    assert (wide["status"], wide["wideStatusType"]) == ("UNSUBSCRIBED", "PORTAL_WIDE")
    v3 = call("GET", f"{BASE}/v3/status/email/{ADA}").json()["subscriptionStatuses"]
    assert {(each["status"], each["sourceOfStatus"]) for each in v3} == {("NOT_SUBSCRIBED", "PORTAL_WIDE_STATUS")}


def test_several_people_refuse_everything_at_once(call: Call) -> None:
    path = f"{BASE}/2026-09/statuses/batch/unsubscribe-all"
    people = {"inputs": [ADA, "bob@example.com"]}

    before = call("POST", f"{path}/read?channel=EMAIL", json=people).json()["results"]
    quiet = call("POST", f"{path}?channel=EMAIL", json={"inputs": [ADA, ADA]}).json()["results"]
    verbose = call("POST", f"{path}?channel=EMAIL&verbose=true", json={"inputs": [ADA]}).json()["results"]
    after = call("POST", f"{path}/read?channel=EMAIL", json=people).json()["results"]

    assert before == [{"subscriberIdString": each, "wideStatuses": []} for each in people["inputs"]]
    assert quiet == [{"subscriberIdString": ADA}]
    assert {each["status"] for each in verbose[0]["statuses"]} == set(read(call).values()) == {"UNSUBSCRIBED"}
    assert [[each["status"] for each in person["wideStatuses"]] for person in after] == [["UNSUBSCRIBED"], []]


def test_links_name_a_person_and_one_kind_where_asked(call: Call) -> None:
    path = f"{BASE}/v4/links/generate?channel=EMAIL"

    plain = call("POST", path, json={"subscriberIdString": ADA}).json()
    single = call("POST", path, json={"subscriberIdString": ADA, "subscriptionId": NEWSLETTER, "language": "de"}).json()

    assert plain.keys() == {"subscriberIdString", "managePreferencesUrl", "unsubscribeAllUrl"}
    assert single.keys() == plain.keys() | {"unsubscribeSingleUrl"}
    assert call("POST", path, json={"subscriberIdString": ADA, "subscriptionId": 7}).status == 404
    assert call("POST", path, json={"subscriberIdString": "nobody"}).status == 400


def test_resubscribing_undoes_the_refusal_of_one_kind_but_not_of_everything(call: Call) -> None:
    body = {"emailAddress": ADA, "subscriptionId": str(NEWSLETTER)}
    write(call, "UNSUBSCRIBED")

    one = call("POST", f"{BASE}/2026-09/resubscribe", json=body).json()
    call("POST", f"{BASE}/2026-09/statuses/{ADA}/unsubscribe-all?channel=EMAIL")
    everything = call("POST", f"{BASE}/2026-09/resubscribe", json=body).json()

    assert (one["id"], one["status"]) == (str(NEWSLETTER), "SUBSCRIBED")
    assert (everything["status"], everything["sourceOfStatus"]) == ("NOT_SUBSCRIBED", "PORTAL_WIDE_STATUS")
    assert call("POST", f"{BASE}/v3/resubscribe", json=body).status == 404


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_v3_subscribes_and_unsubscribes_but_never_resubscribes(call: Call, version: str) -> None:
    body = {"emailAddress": ADA, "subscriptionId": str(NEWSLETTER)}

    subscribed = call("POST", f"{BASE}/{version}/subscribe", json=body).json()
    unsubscribed = call("POST", f"{BASE}/{version}/unsubscribe", json=body).json()
    again = call("POST", f"{BASE}/{version}/subscribe", json=body)

    assert (subscribed["id"], subscribed["status"]) == (str(NEWSLETTER), "SUBSCRIBED")
    assert unsubscribed["status"] == "NOT_SUBSCRIBED"
    assert again.status == 400
    assert read(call)[NEWSLETTER] == "UNSUBSCRIBED"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"channel": "SMS"}, "channel"),
        ({"statusState": "MAYBE"}, "statusState"),
        ({"legalBasis": "BECAUSE"}, "legalBasis"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(call: Call, change: dict[str, str], named: str) -> None:
    body = {"channel": "EMAIL", "statusState": "SUBSCRIBED", "subscriptionId": NEWSLETTER, **change}

    answer = call("POST", f"{BASE}/v4/statuses/{ADA}", json=body)

    assert answer.status == 400
    assert named in answer.json()["message"]
    assert read(call)[NEWSLETTER] == "NOT_SPECIFIED"


def test_an_unknown_subscription_and_a_missing_channel_are_refused(call: Call) -> None:
    body = {"channel": "EMAIL", "statusState": "SUBSCRIBED", "subscriptionId": 7}

    assert call("POST", f"{BASE}/v4/statuses/{ADA}", json=body).status == 404
    assert call("GET", f"{BASE}/v4/statuses/{ADA}").status == 400


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/v3/definitions", ["read", "read_write"]),
        ("POST", "/2026-09/subscribe", ["read_write", "write"]),
        ("POST", "/v4/statuses/batch/read", ["statuses.batch.read"]),
        ("POST", "/v4/statuses/batch/write", ["statuses.batch.write"]),
        ("POST", "/v4/statuses/batch/unsubscribe-all", ["statuses.batch.write"]),
        ("POST", "/v4/statuses/batch/unsubscribe-all/read", ["statuses.batch.read"]),
        ("POST", "/v4/links/generate", ["read", "read_write", "write"]),
    ],
)
def test_subscriptions_need_their_scopes(
    portal_factory: Callable[..., Emulator],
    caller_of: Callable[[Emulator], Call],
    method: str,
    path: str,
    needed: list[str],
) -> None:
    emulator = portal_factory(contacts=0, tokens={"pat-narrow": frozenset({"content"})})

    answer = caller_of(emulator)(method, f"{BASE}{path}", token="pat-narrow", json={})

    assert answer.status == 403
    wanted = [f"communication_preferences.{each}" for each in needed]
    assert answer.json()["errors"][0]["context"] == {"requiredGranularScopes": wanted}


@pytest.mark.parametrize("call_name", ["read", "write", "unsubscribe-all", "unsubscribe-all/read"])
def test_batches_of_statuses_are_for_enterprise_alone(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], call_name: str
) -> None:
    call = caller_of(portal_factory(contacts=0, tier="professional"))

    answer = call("POST", f"{BASE}/2026-09/statuses/batch/{call_name}?channel=EMAIL", json={"inputs": [ADA]})
    told = call("POST", "/oauth/v2/private-apps/get/access-token-info", json={"tokenKey": "pat-test"}).json()

    assert (answer.status, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert not [scope for scope in told["scopes"] if ".batch." in scope or ".custom." in scope]
    assert call("GET", f"{BASE}/2026-09/statuses/{ADA}?channel=EMAIL").status == 200


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_definitions_of_v1_have_the_keys_of_recorded_ones(call: Call) -> None:
    wanted = json.loads((RECORDED / "subscriptions/v1_definitions__airbyte.json").read_text())

    found = call("GET", "/email/public/v1/subscriptions").json()["subscriptionDefinitions"]

    for one, other in zip(found[:3], wanted, strict=True):
        assert {name: type(value) for name, value in one.items()} == {
            name: type(value) for name, value in other.items()
        }
