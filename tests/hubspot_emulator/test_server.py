"""The running emulator: many at once, kept portals, faults on the wire, the command."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from hubspot_emulator.clock import VIRTUAL_START, VirtualClock
from hubspot_emulator.control import TRUTHS
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings, SettingsError

CONTACTS = "/crm/objects/2026-09/contacts"


def test_several_portals_run_at_once_and_end_their_threads(pool: urllib3.PoolManager) -> None:
    before = set(threading.enumerate())
    with Emulator(Settings(contacts=5)) as one, Emulator(Settings(contacts=5, seed=2)) as other:
        answers = [pool.request("GET", f"{each.control_url}/truth/contacts").data for each in (one, other)]
        assert answers[0] != answers[1]
    pool.clear()

    left = set(threading.enumerate()) - before
    for each in left:
        each.join(10)  # those of a pool end by themselves, in a moment
    assert not [each for each in left if each.is_alive()]


def test_a_stopped_portal_frees_its_port() -> None:
    with Emulator(Settings(contacts=0)) as first:
        port = int(first.base_url.rpartition(":")[2])

    with Emulator(Settings(contacts=0, port=port)) as second:
        assert second.base_url == f"http://127.0.0.1:{port}"


def test_a_stop_at_once_and_a_second_stop_are_harmless() -> None:
    emulator = Emulator(Settings(contacts=0)).start()

    emulator.stop()
    emulator.stop()

    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.portal


def test_a_taken_port_is_named(emulator: Emulator) -> None:
    port = int(emulator.base_url.rpartition(":")[2])

    with pytest.raises(SettingsError, match=f"port {port} cannot be used.*--control-port"):
        Emulator(Settings(port=port)).start()


def test_only_loopback_is_listened_on(emulator: Emulator) -> None:
    for url in (emulator.base_url, emulator.control_url):
        assert url.startswith("http://127.0.0.1:")


def test_a_kept_portal_is_opened_as_it_was(
    portal_factory: Callable[..., Emulator], pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"contacts": 10, "db": str(tmp_path / "portal.db")}
    with Emulator(Settings(**options)) as first:
        first.clock.sleep(100)
        pool.request("POST", f"{first.control_url}/mutate", json={"creates": 5})
        before = pool.request("GET", f"{first.control_url}/truth/contacts").data

    again = portal_factory(**options, seed=9)

    assert pool.request("GET", f"{again.control_url}/truth/contacts").data == before
    assert again.clock.time() == VIRTUAL_START + 100


def test_a_shared_clock_is_the_portals(portal_factory: Callable[..., Emulator]) -> None:
    clock = VirtualClock(1_800_000_000)

    portal = portal_factory(contacts=3, shared_clock=clock).portal

    clock.advance(5)
    assert portal.now_ms() == 1_800_000_005_000


def test_a_new_portals_search_index_lacks_nothing(
    portal_factory: Callable[..., Emulator], pool: urllib3.PoolManager
) -> None:
    emulator = portal_factory(contacts=100, index_lag_seconds=86_400)
    truth = pool.request("GET", f"{emulator.control_url}/truth/contacts").data.splitlines()

    headers = {"Authorization": "Bearer pat-x"}
    found = pool.request("POST", f"{emulator.base_url}{CONTACTS}/search", headers=headers, json={}).json()

    assert found["total"] == sum(b'"state":"live"' in row for row in truth)


# --- faults on the wire ---------------------------------------------------------------------------------------------


def test_a_write_whose_answer_is_lost_is_applied(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    control("POST", "/faults", json=[{"match": {"method": "POST"}, "phase": "after", "do": {"kind": "reset"}}])

    with pytest.raises(urllib3.exceptions.ProtocolError):
        call("POST", CONTACTS, json={"properties": {"email": "lost@example.com"}})

    assert [event["what"] for event in control("GET", "/events").lines()] == ["create"]


def test_a_write_refused_before_it_is_handled_is_not_applied(
    control: Callable[..., Any], call: Callable[..., Any]
) -> None:
    body = {"status": "error", "message": "internal error"}
    control("POST", "/faults", json=[{"match": {"method": "POST"}, "do": {"status": 500, "body": body}, "times": 1}])

    answer = call("POST", CONTACTS, json={"properties": {"email": "never@example.com"}})

    assert (answer.status, answer.json()) == (500, body)
    assert control("GET", "/events").lines() == []
    assert call("POST", CONTACTS, json={"properties": {"email": "never@example.com"}}).status == 201


def test_a_truncated_answer_ends_before_its_length(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    control("POST", "/faults", json=[{"phase": "mid_body", "do": {"kind": "truncate"}, "times": 1}])

    with pytest.raises(urllib3.exceptions.ProtocolError, match=r"IncompleteRead|incomplete"):
        call("GET", f"{CONTACTS}?limit=10")

    assert call("GET", f"{CONTACTS}?limit=10").status == 200


def test_a_gateways_page_is_html(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    control("POST", "/faults", json=[{"do": {"kind": "html"}, "times": 1}])

    answer = call("GET", f"{CONTACTS}?limit=10")

    assert (answer.status, answer.headers["Content-Type"]) == (524, "text/html")
    assert b"A timeout occurred" in answer.body


def test_a_hanging_call_neither_answers_nor_keeps_the_portal_from_stopping(pool: urllib3.PoolManager) -> None:
    with Emulator(Settings(contacts=3)) as emulator:
        pool.request("POST", f"{emulator.control_url}/faults", json=[{"do": {"kind": "hang"}}])
        headers = {"Authorization": "Bearer pat-x"}
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            pool.request("GET", emulator.base_url + CONTACTS, headers=headers, timeout=0.2)


def test_a_delay_takes_the_portals_time(
    emulator: Emulator, control: Callable[..., Any], call: Callable[..., Any]
) -> None:
    control("POST", "/faults", json=[{"do": {"kind": "delay", "seconds": 90}, "times": 1}])

    assert call("GET", f"{CONTACTS}?limit=1").status == 200
    assert emulator.clock.time() == VIRTUAL_START + 90


def test_removed_faults_hit_nothing(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    control("POST", "/faults", json=[{"do": {"kind": "reset"}}])

    assert control("DELETE", "/faults").status == 204

    assert call("GET", f"{CONTACTS}?limit=1").status == 200


# --- the command ----------------------------------------------------------------------------------------------------


def run(*arguments: str, hash_seed: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "hubspot_emulator", *arguments]
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def read_urls(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout is not None
    api, control = (word.strip(",\n") for word in process.stdout.readline().split() if word.startswith("http://"))
    return api, control


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_interrupted(pool: urllib3.PoolManager, number: signal.Signals) -> None:
    process = run("--port", "0", "--contacts", "5", "--token", "pat-only")
    api, control = read_urls(process)

    assert pool.request("GET", f"{control}/health").json() == {"ok": True}
    statuses = [
        pool.request("GET", api + CONTACTS, headers={"Authorization": f"Bearer {token}"}).status
        for token in ("pat-only", "pat-other")
    ]
    process.send_signal(number)
    rest = process.communicate(timeout=30)

    assert statuses == [200, 401]
    assert (process.returncode, *rest) == (0, "", "")


def test_a_seed_makes_the_same_portal_to_the_byte_in_every_process(pool: urllib3.PoolManager) -> None:
    truths = []
    for hash_seed in (1, 2):
        process = run("--port", "0", "--contacts", "100", "--clock", "virtual", hash_seed=hash_seed)
        _, control = read_urls(process)
        truths.append([pool.request("GET", f"{control}/truth/{name}").data for name in ("contacts", "deals", "owners")])
        process.terminate()
        process.communicate(timeout=30)

    assert truths[0] == truths[1]


def test_a_seed_and_the_same_calls_give_the_same_answers_to_the_byte(pool: urllib3.PoolManager) -> None:
    """But for the ids by which HubSpot names a call."""
    upsert = [{"id": f"p{number}@acme.com", "idProperty": "email", "properties": {"city": "X"}} for number in range(5)]
    calls: list[tuple[str, str, Any]] = [
        ("GET", f"{CONTACTS}?limit=20&associations=companies", None),
        ("POST", CONTACTS, {"properties": {"email": "new@acme.com"}}),
        ("POST", CONTACTS, {"properties": {"email": "new@acme.com", "nonsense": "1"}}),
        ("POST", f"{CONTACTS}/batch/upsert", {"inputs": upsert}),
        ("POST", f"{CONTACTS}/search", {"limit": 50, "sorts": ["lastmodifieddate"]}),
        ("GET", "/crm/objects/2026-09/orders?limit=3", None),
        ("GET", "/marketing/marketing-events/2026-09", None),
        ("GET", "/crm/lists/2026-09/1", None),
        ("GET", "/email/public/v1/events?limit=5", None),
        ("GET", "/crm/nonsense", None),
    ]
    answers = []
    for hash_seed in (1, 2):
        process = run("--port", "0", "--contacts", "60", "--clock", "virtual", hash_seed=hash_seed)
        api, control = read_urls(process)
        said = []
        for method, path, body in calls:
            headers = {"Authorization": "Bearer pat-x"}
            answer = pool.request(method, api + path, headers=headers, json=body)
            named = {"x-hubspot-correlation-id", "content-length"}  # a port has four digits or five
            given = {
                name: value.replace(api, "") for name, value in answer.headers.items() if name.lower() not in named
            }
            told = answer.data.replace(api.encode(), b"")
            said.append((answer.status, sorted(given.items()), re.sub(rb'"correlationId":"[^"]*"', b"", told)))
            pool.request("POST", f"{control}/clock", json={"advance_seconds": 1})
        said.append([pool.request("GET", f"{control}/truth/{name}").data for name in sorted(TRUTHS)])
        answers.append(said)
        process.terminate()
        process.communicate(timeout=30)

    assert answers[0] == answers[1]


def test_the_command_says_what_is_wrong_and_ends_with_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = run("--port", str(port), "--contacts", "0")
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 2
    assert errors.startswith(f"hubspot-emulator: port {port} cannot be used")


# --- the guard of the tests themselves ------------------------------------------------------------------------------


def test_tests_cannot_reach_other_machines() -> None:
    with socket.socket() as outside, pytest.raises(pytest.fail.Exception, match="loopback only"):
        outside.connect(("192.0.2.1", 80))
