"""The client against a portal that breaks: what is tried again, what stops, and what an error tells."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest

from hubferry.errors import (
    ConfigError,
    HubSpotError,
    InterruptedRunError,
    QuotaError,
    RefusedError,
    ScopeError,
    TokenError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
    UnreachableError,
)
from hubferry.hubspot import account
from hubferry.hubspot import client as client_module
from hubferry.hubspot.client import Client
from hubferry.types import Secret
from hubspot_emulator.server import Emulator

CANARY = "pat-na1-canary-7f3a"
LIST = "/crm/objects/{version}/contacts"
Portals = Callable[..., Emulator]
Clients = Callable[..., Client]


def fault(do: dict[str, Any], **rule: Any) -> dict[str, Any]:
    rule = {
        "match": {"path": "/crm/*"},
        "phase": "mid_body" if do.get("kind") == "truncate" else "before",
        "times": 1,
    } | rule
    return rule | {"do": do}


def list_ids(client: Client) -> list[str]:
    answer = client.fetch(LIST, type=dict, params=[("limit", "5")]).value
    return [each["id"] for each in answer["results"]]


def send_company(client: Client, *, replayable: bool = False) -> None:
    body = {"inputs": [{"properties": {"name": "Planted Value Ltd"}}]}
    client.send("POST", "/crm/objects/{version}/companies/batch/create", body=body, type=dict, replayable=replayable)


def companies_made(portal: Emulator) -> int:
    with portal.portal.lock:
        rows = portal.portal.truth("0-2")
        return sum(1 for row in rows if row["properties"].get("name") == "Planted Value Ltd")


@pytest.mark.parametrize(
    "do",
    [
        {"kind": "html", "status": 502},
        {"kind": "html", "status": 524},
        {"kind": "reset"},
        {"kind": "truncate"},
        {"status": 500, "body": {"status": "error", "message": "internal error"}},
        {"status": 200, "body": "<html>maintenance</html>"},
        {"status": 200, "body": ""},
        {"status": 423},
        {"status": 429},
        {"status": 401, "body": {"category": "EXPIRED_AUTHENTICATION"}},
    ],
    ids=lambda do: "-".join(map(str, do.values()))[:20],
)
def test_a_read_that_fails_once_is_made_again(portal_factory: Portals, client_of: Clients, do: dict[str, Any]) -> None:
    portal = portal_factory(contacts=20)
    client = client_of(portal)
    expected = list_ids(client)
    portal.faults.add([fault(do)])

    assert list_ids(client) == expected
    assert client.usage.retries == 1


def test_a_read_that_keeps_failing_ends_within_its_time(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5)
    client = client_of(portal)
    portal.faults.add([fault({"kind": "html", "status": 503}, times=10_000)])
    started = portal.clock.monotonic()

    with pytest.raises(UnreachableError, match=r"GET /crm/objects/2026-09/contacts.*HTTP 503"):
        list_ids(client)

    assert 500 < portal.clock.monotonic() - started <= 600


def test_a_wait_asks_whoever_watches_the_run_and_nobody_elses(portal_factory: Portals, client_of: Clients) -> None:
    """Two runs of a page share a client: stopping one must not end the other."""
    portal = portal_factory()
    client, asked = client_of(portal), list[str]()

    def stop() -> None:
        asked.append(threading.current_thread().name)
        raise InterruptedRunError("told to stop")

    portal.faults.add([fault({"kind": "limit", "retry_after": "100"}, times=2)])
    with client_module.watched(stop), pytest.raises(InterruptedRunError):
        list(client.map(lambda _: list_ids(client), range(1)))
    with client_module.watched(lambda: None):
        unwatched = Thread(target=list_ids, args=(client,))
        unwatched.start()
        unwatched.join()

    assert len(asked) == 1
    assert asked[0].startswith("hubspot")


def test_a_read_that_hangs_is_cut_off_and_made_again(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5, clock="real")
    client = client_of(portal, read_seconds=0.3)
    portal.faults.add([fault({"kind": "hang", "seconds": 2})])

    assert len(list_ids(client)) == 5


def test_a_body_cut_at_any_byte_is_never_taken_for_a_page(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=1)
    client = client_of(portal)
    cut = '{"results": [{"id": "1"'

    for size in range(len(cut)):
        portal.faults.add([fault({"status": 200, "body": cut[:size]})])
        assert len(list_ids(client)) == 1

    assert client.usage.retries == len(cut)


def test_a_write_whose_answer_is_lost_is_not_sent_twice(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    client = client_of(portal)
    portal.faults.add([fault({"kind": "reset"}, phase="after")])

    with pytest.raises(UnknownOutcomeError, match="batch/create"):
        send_company(client)

    assert companies_made(portal) == 1


def test_a_write_that_was_refused_for_the_limit_is_sent_again(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    client = client_of(portal)
    portal.faults.add([fault({"status": 429}), fault({"status": 423})])

    send_company(client)

    assert companies_made(portal) == 1


def test_a_replayable_write_is_sent_until_it_is_answered(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    client = client_of(portal)
    portal.faults.add([fault({"kind": "reset"}, phase="after"), fault({"kind": "html"}, phase="before")])
    body = {"inputs": [{"id": "a@acme.com", "idProperty": "email", "properties": {"firstname": "A"}}]}

    path = "/crm/objects/{version}/contacts/batch/upsert"
    answer = client.send("POST", path, body=body, type=dict, replayable=True).value

    assert answer["results"][0]["new"] is False


def test_the_daily_limit_stops_every_call_and_says_when_it_ends(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5)
    client = client_of(portal)
    account.fetch_account(client)
    body = {"policyName": "DAILY", "message": "You have reached your daily limit."}
    portal.faults.add([fault({"status": 429, "body": body})])

    with pytest.raises(QuotaError) as caught:
        list_ids(client)
    with pytest.raises(QuotaError):
        list_ids(client)

    assert caught.value.resumes_at == datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert "2026-11-24 05:00 UTC" in str(caught.value)
    assert client.usage.counted == 2


def test_the_reserve_of_the_day_is_left_to_others(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5)
    client = client_of(portal, daily_reserve=999_998)
    list_ids(client)
    list_ids(client)

    with pytest.raises(QuotaError, match="daily_reserve"):
        list_ids(client)

    assert account.fetch_account(client).portal_id == 62515


def test_calls_go_on_after_the_midnight_of_the_account(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5)
    client = client_of(portal, daily_reserve=999_999)
    list_ids(client)
    with pytest.raises(QuotaError) as caught:
        list_ids(client)
    assert caught.value.resumes_at is not None
    portal.clock.sleep(caught.value.resumes_at.timestamp() - portal.clock.time() - 1)
    with pytest.raises(QuotaError):
        list_ids(client)
    portal.clock.sleep(1)

    assert len(list_ids(client)) == 5


def test_a_migration_pauses_until_hubspot_says(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5)
    portal.faults.add([fault({"status": 477, "headers": {"Retry-After": "86400"}})])

    with pytest.raises(QuotaError) as caught:
        list_ids(client_of(portal))

    assert caught.value.resumes_at is not None
    assert caught.value.resumes_at.day == 24


@pytest.mark.parametrize(
    ("do", "times"), [({"status": 401, "body": {"message": "no"}}, 2), ({"kind": "html", "status": 530}, 1)]
)
def test_a_token_that_is_not_accepted_stops(
    portal_factory: Portals, client_of: Clients, do: dict[str, Any], times: int
) -> None:
    portal = portal_factory(contacts=5)
    portal.faults.add([fault(do, times=times)])

    with pytest.raises(TokenError, match="hubferry check"):
        list_ids(client_of(portal))


def test_a_missing_scope_is_named(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5, tokens={CANARY: frozenset({"crm.objects.companies.read"})})

    with pytest.raises(ScopeError) as caught:
        list_ids(client_of(portal))

    assert "crm.objects.contacts.read" in caught.value.scopes


def test_scopes_and_account_are_told(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0, tokens={CANARY: frozenset({"tickets"})})
    client = client_of(portal)

    assert account.fetch_scopes(client) == {"oauth", "tickets"}
    assert account.fetch_account(client).time_zone == "US/Eastern"


def test_a_token_that_cannot_be_asked_has_unknown_scopes(portal_factory: Portals, client_of: Clients) -> None:
    client = client_of(portal_factory(contacts=0), token=Secret("CJoauth"))

    assert account.fetch_scopes(client) is None


def test_an_unreachable_host_is_a_sentence_soon(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = client_of(portal, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        started = portal.clock.monotonic()

        with pytest.raises(UnreachableError, match="connection was refused"):
            account.fetch_account(client)

    assert portal.clock.monotonic() - started <= 5


def test_a_redirect_is_not_followed(portal_factory: Portals, client_of: Clients) -> None:
    portal, other = portal_factory(contacts=5), portal_factory(contacts=5)
    portal.faults.add(
        [fault({"status": 302, "headers": {"Location": f"{other.base_url}/crm/objects/2026-09/contacts"}})]
    )

    with pytest.raises(UnexpectedAnswerError, match="redirect"):
        list_ids(client_of(portal))

    assert other.log.summary()["total"] == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://api.hubapi.com",
        "ftp://127.0.0.1",
        "https://u:p@api.hubapi.com",
        "https://api.hubapi.com/x?y=1",
        "http://127.0.0.1.evil.example",
    ],
)
def test_a_base_url_that_would_leak_the_token_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        Client(token=Secret(CANARY), base_url=url)


def test_time_is_hubspots(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    client = client_of(portal)

    assert client.now() == datetime.fromtimestamp(int(portal.clock.time()), UTC)


def test_broken_surrogates_in_a_value_are_replaced(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    portal.faults.add([fault({"status": 200, "body": '{"results": [{"id": "a\\ud800b"}]}'})])

    assert list_ids(client_of(portal)) == ["a\ufffdb"]


def test_an_answer_of_another_shape_is_an_error_with_its_place(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=1)

    with pytest.raises(UnexpectedAnswerError, match="GET /crm/objects/2026-09/contacts"):
        client_of(portal).fetch(LIST, type=list)


@pytest.mark.parametrize(
    "do",
    [
        {
            "status": 400,
            "body": {"message": f"Email address planted-value is invalid {CANARY}", "category": "VALIDATION_ERROR"},
        },
        {
            "status": 403,
            "body": {"message": f"This oauth-token ({CANARY}) does not have proper permissions! (requires any of [x])"},
        },
        {"status": 530, "body": CANARY},
        {"kind": "reset"},
    ],
)
def test_no_error_or_log_holds_the_token_or_a_value(
    portal_factory: Portals, client_of: Clients, do: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    portal = portal_factory(contacts=0)
    portal.faults.add([fault(do)])
    body = {"inputs": [{"properties": {"email": "planted-value"}}]}
    path = "/crm/objects/{version}/contacts/batch/create"

    with caplog.at_level(logging.DEBUG), pytest.raises(HubSpotError) as caught:
        client_of(portal).send("POST", path, body=body, type=dict, replayable=False)

    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert CANARY not in shown
    assert "planted-value" not in str(caught.value) + caplog.text
    if isinstance(caught.value, RefusedError):
        assert caught.value.text == "Email address planted-value is invalid ***"


def test_many_threads_share_the_limit(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5)
    client = client_of(portal)

    assert len(list(client.map(lambda _: list_ids(client), range(400)))) == 400

    seen = portal.log.summary()
    assert seen["rate_limited"] == 0
    assert seen["max_in_10s"] <= 190


def test_a_client_started_after_another_one_adapts_to_what_it_used(portal_factory: Portals, client_of: Clients) -> None:
    """As after kill -9 and run again: the limit of the first process is still used up."""
    portal = portal_factory(contacts=5)
    first, second = client_of(portal), client_of(portal)
    list(first.map(lambda _: list_ids(first), range(150)))

    assert len(list(second.map(lambda _: list_ids(second), range(150)))) == 150
    assert portal.log.summary()["rate_limited"] <= 10


def test_an_error_in_one_call_ends_the_map(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=5)
    client = client_of(portal)
    portal.faults.add([fault({"status": 400, "body": {"message": "no"}}, when={"nth": 7})])

    with pytest.raises(RefusedError):
        list(client.map(lambda _: list_ids(client), range(1000)))

    assert client.usage.counted < 200
