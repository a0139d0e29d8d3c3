"""What happens to every call, whatever it asks: tokens, scopes, limits, faults, transactions, headers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import urllib3

from hubspot_emulator import app
from hubspot_emulator.http import ApiRequest, ApiResponse, Route
from hubspot_emulator.limits import Limits
from hubspot_emulator.routing import Match, Router
from hubspot_emulator.server import Emulator
from hubspot_emulator.tokens import Tokens

Call = Callable[..., Any]
CONTACTS = "/crm/objects/2026-09/contacts"


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator], request: pytest.FixtureRequest) -> Emulator:
    """A portal of 20 contacts; a test may ask for other options."""
    return portal_factory(**({"contacts": 20} | getattr(request, "param", {})))


def test_a_path_that_does_not_exist_is_named(call: Call) -> None:
    answer = call("GET", "/crm/v9/objects/contacts")

    assert answer.status == 404
    assert "/crm/v9/objects/contacts" in answer.json()["message"]
    assert uuid.UUID(answer.json()["correlationId"])


def test_a_method_the_path_does_not_have_is_a_405_that_lists_those_it_has(call: Call) -> None:
    answer = call("PUT", CONTACTS)

    assert answer.status == 405
    assert "GET, POST" in answer.json()["message"]


@pytest.mark.parametrize("token", ["", "secret"])
def test_a_bad_token_is_a_401_that_does_not_repeat_it(call: Call, token: str) -> None:
    answer = call("GET", CONTACTS, token=token)

    assert answer.status == 401
    assert answer.json()["category"] in {"INVALID_AUTHENTICATION", "EXPIRED_AUTHENTICATION"}
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    "emulator", [{"tokens": {"pat-narrow": frozenset({"crm.objects.contacts.read"})}}], indirect=True
)
def test_a_missing_scope_is_named_and_its_answer_has_no_rate_headers(call: Call) -> None:
    allowed = call("GET", CONTACTS, token="pat-narrow")
    refused = call("POST", CONTACTS, token="pat-narrow", json={"properties": {"firstname": "A"}})

    assert allowed.status == 200
    assert "x-hubspot-ratelimit-remaining" in allowed.headers
    assert (refused.status, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert refused.json()["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.contacts.write"]}
    assert not [name for name in refused.headers if "ratelimit" in name.lower()]


def test_every_answer_bears_the_portals_time_and_a_correlation_id(emulator: Emulator, call: Call) -> None:
    emulator.clock.advance(90)

    answer = call("GET", CONTACTS)

    assert parsedate_to_datetime(answer.headers["date"]).timestamp() == emulator.clock.time()
    assert uuid.UUID(answer.headers["x-hubspot-correlation-id"])
    assert answer.headers["content-type"] == "application/json;charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        f"{CONTACTS}?limit=1",
        "/crm/v3/owners?limit=1",
        "/crm/v3/lists/1/memberships?limit=1",
        "/marketing/v3/forms?limit=1",
    ],
)
@pytest.mark.parametrize("host", [None, "api.hubapi.com", "hubspot.test:81"])
def test_addresses_of_further_pages_begin_with_the_host_that_was_called(
    emulator: Emulator, pool: urllib3.PoolManager, path: str, host: str | None
) -> None:
    headers = {"Authorization": "Bearer pat-test"} | ({"Host": host} if host else {})

    link = pool.request("GET", emulator.base_url + path, headers=headers).json()["paging"]["next"]["link"]

    wanted = {None: emulator.base_url, "api.hubapi.com": "https://api.hubapi.com"}.get(host, f"http://{host}")
    assert link.startswith(f"{wanted}{path.partition('?')[0]}?")


def test_searches_are_limited_by_the_second_and_reads_by_ten(call: Call) -> None:
    searches = [call("POST", f"{CONTACTS}/search", json={}) for _ in range(6)]
    reads = [call("GET", f"{CONTACTS}?limit=1").status for _ in range(190)]

    assert [answer.status for answer in searches] == [200] * 5 + [429]
    assert set(searches[-1].json()) == {"status", "message", "correlationId", "category"}
    assert "x-hubspot-ratelimit-max" not in searches[0].headers
    assert set(reads) == {200}
    assert call("GET", CONTACTS).json()["policyName"] == "TEN_SECONDLY_ROLLING"


def test_the_log_counts_calls_by_route_and_not_by_path(call: Call, control: Call) -> None:
    first, second = (each["id"] for each in call("GET", f"{CONTACTS}?limit=2").json()["results"])
    call("GET", f"{CONTACTS}/{first}")
    call("GET", f"{CONTACTS}/{second}")

    counted = {(row["method"], row["path"]): row["count"] for row in control("GET", "/requests").json()["by"]}

    assert counted["GET", "/crm/objects/{version}/{objectType}/{objectId}"] == 2


def test_a_fault_after_the_write_hides_the_answer_of_a_write_that_happened(
    emulator: Emulator, call: Call, control: Call
) -> None:
    rule = {"match": {"method": "POST"}, "when": {"nth": 1}, "phase": "after", "do": {"status": 502, "body": "x"}}
    control("POST", "/faults", json=[rule])

    answer = call("POST", CONTACTS, json={"properties": {"email": "lost@example.org"}})

    assert answer.status == 502
    assert emulator.portal.holder("0-1", "email", "lost@example.org") is not None


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_reset_closes_the_connection_before_or_after_the_write(
    emulator: Emulator, call: Call, control: Call, phase: str
) -> None:
    control("POST", "/faults", json=[{"phase": phase, "do": {"kind": "reset"}, "times": 1}])

    with pytest.raises(urllib3.exceptions.ProtocolError):
        call("POST", CONTACTS, json={"properties": {"email": "lost@example.org"}})

    written = emulator.portal.holder("0-1", "email", "lost@example.org") is not None
    assert written == (phase == "after")
    assert call("GET", CONTACTS).status == 200


def test_a_body_that_is_cut_in_the_middle_is_seen_as_cut(call: Call, control: Call) -> None:
    control("POST", "/faults", json=[{"phase": "mid_body", "do": {"kind": "truncate"}, "times": 1}])

    with pytest.raises(urllib3.exceptions.ProtocolError):
        call("GET", CONTACTS)

    assert call("GET", CONTACTS).status == 200


def test_a_refused_write_leaves_nothing_behind(emulator: Emulator, call: Call, control: Call) -> None:
    before = [each["id"] for each in emulator.portal.truth("0-1")]
    events = control("GET", "/events").body
    inputs = [{"properties": {"firstname": "A"}}, {"properties": {"nowhere": "x"}}]

    assert call("POST", f"{CONTACTS}/batch/create", json={"inputs": inputs}).status == 400

    assert [each["id"] for each in emulator.portal.truth("0-1")] == before
    assert control("GET", "/events").body == events


def test_every_applied_write_names_the_request_that_made_it(call: Call, control: Call) -> None:
    answer = call("POST", CONTACTS, json={"properties": {"firstname": "A"}})

    last = control("GET", "/events").lines()[-1]
    assert last["what"] == "create"
    assert answer.headers["x-hubspot-correlation-id"] in str(last)


def test_latency_passes_on_the_portals_clock(portal_factory: Callable[..., Emulator], pool: Any) -> None:
    slow = portal_factory(contacts=1, latency_ms=250)
    before = slow.clock.time()

    pool.request("GET", slow.base_url + CONTACTS, headers={"Authorization": "Bearer pat-x"})

    assert slow.clock.time() == before + 0.25


def test_a_url_over_16_kb_is_a_414(call: Call) -> None:
    assert call("GET", f"{CONTACTS}?properties={'x' * 16_000}").status == 200
    assert call("GET", f"{CONTACTS}?properties={'x' * 16_400}").status == 414


def test_no_two_routes_claim_one_call(emulator: Emulator) -> None:
    assert len(app.all_routes(Limits(emulator.clock), Tokens())) > 60
    route = Route(method="GET", template="/a/{b}", handler=lambda *_: ApiResponse())

    with pytest.raises(ValueError, match="two routes claim GET /a/"):
        Router([route, route])


def test_a_version_is_dated_or_has_a_path_of_its_own() -> None:
    def answer(_portal: object, _request: ApiRequest) -> ApiResponse:
        return ApiResponse()

    router = Router([Route(method="GET", template="/crm/objects/{version}/{objectType}", handler=answer)])

    found = router.find("GET", "/crm/objects/2026-03/a%20b")
    assert isinstance(found, Match)
    assert found.params == {"version": "2026-03", "objectType": "a b"}
    assert router.find("GET", "/crm/objects/v3/contacts") == frozenset()
