"""The control server's calls, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from hubspot_emulator.server import Emulator

CONTACTS = "/crm/objects/2026-09/contacts"


def test_health_says_that_the_portal_answers(control: Callable[..., Any]) -> None:
    assert control("GET", "/health").json() == {"ok": True}


def test_truth_tells_every_record_in_every_state(control: Callable[..., Any]) -> None:
    rows = control("GET", "/truth/contacts").lines()

    assert {row["state"] for row in rows} == {"live", "archived", "merged"}
    assert set(rows[0]) == {
        "id", "state", "properties", "createdAt", "updatedAt", "archived", "archivedAt", "mergedInto", "associations",
    }  # fmt: skip
    links = [link for row in rows for link in row["associations"]]
    assert set(links[0]) == {"toObject", "toId", "category", "typeId", "label"}


def test_truth_knows_erased_records_by_their_id_only(emulator: Emulator, control: Callable[..., Any]) -> None:
    contact = control("GET", "/truth/contacts").lines()[0]["id"]
    with emulator.portal.lock:
        emulator.portal.purge_record("0-1", int(contact))
        emulator.portal.commit()

    row = next(row for row in control("GET", "/truth/contacts").lines() if row["id"] == contact)

    assert (row["state"], row["properties"], row["associations"]) == ("gone", {}, [])


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("owners", "/crm/owners/2026-09"),
        ("deal_pipelines", "/crm/pipelines/2026-09/deals"),
        ("ticket_pipelines", "/crm/pipelines/2026-09/tickets"),
    ],
)
def test_truth_of_other_streams_is_hubspots_own_json(
    control: Callable[..., Any], call: Callable[..., Any], name: str, path: str
) -> None:
    rows = control("GET", f"/truth/{name}").lines()

    assert {row.pop("state") for row in rows} <= {"live", "archived"}
    live = [row for row in rows if not row["archived"]]
    assert live == call("GET", path).json()["results"]


def test_truth_of_an_unknown_object_is_refused_by_name(control: Callable[..., Any]) -> None:
    answer = control("GET", "/truth/trucks")

    assert (answer.status, answer.json()) == (400, {"error": "Unable to infer object type from: trucks"})


def test_requests_are_counted_by_template_and_forgotten(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    for _ in range(3):
        call("GET", f"{CONTACTS}?limit=1")
    call("POST", f"{CONTACTS}/search", json={})

    summary = control("GET", "/requests").json()

    assert summary == {
        "total": 4,
        "by": [
            {"method": "GET", "path": "/crm/objects/{version}/{objectType}", "status": 200, "count": 3},
            {"method": "POST", "path": "/crm/objects/{version}/{objectType}/search", "status": 200, "count": 1},
        ],
        "max_in_10s": 3,
        "max_searches_in_1s": 1,
        "rate_limited": 0,
    }
    assert control("DELETE", "/requests").status == 204
    assert control("GET", "/requests").json()["total"] == 0


def test_calls_above_the_limit_are_counted_and_told(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    statuses = [call("POST", f"{CONTACTS}/search", json={}).status for _ in range(7)]

    summary = control("GET", "/requests").json()

    assert statuses == [200] * 5 + [429] * 2
    assert (summary["max_searches_in_1s"], summary["rate_limited"]) == (7, 2)


def test_control_calls_are_no_calls_of_the_portal(control: Callable[..., Any]) -> None:
    control("GET", "/health")

    assert control("GET", "/requests").json()["total"] == 0


def test_time_moves_by_the_clock_call_alone(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    before = call("GET", f"{CONTACTS}?limit=1").headers["Date"]

    assert control("POST", "/clock", json={"advance_seconds": 61}).status == 200

    assert before == "Mon, 23 Nov 2026 08:00:00 GMT"
    assert call("GET", f"{CONTACTS}?limit=1").headers["Date"] == "Mon, 23 Nov 2026 08:01:01 GMT"


def test_the_limit_comes_back_when_time_moves(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    def search() -> int:
        return int(call("POST", f"{CONTACTS}/search", json={}).status)

    assert [search() for _ in range(6)][-1] == 429
    control("POST", "/clock", json={"advance_seconds": 1})
    assert search() == 200


def test_a_real_clock_cannot_be_moved(portal_factory: Callable[..., Emulator], pool: urllib3.PoolManager) -> None:
    real = portal_factory(contacts=0, clock="real")

    answer = pool.request("POST", f"{real.control_url}/clock", json={"advance_seconds": 1})

    assert answer.status == 400
    assert "--clock virtual" in answer.json()["error"]


def test_mutations_are_seen_by_the_api(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    done = control("POST", "/mutate", json={"seed": 1, "object": "contacts", "creates": 1, "archives": 1}).json()

    created, archived = done["creates"]["contacts"][0], done["archives"]["contacts"][0]
    assert call("GET", f"{CONTACTS}/{created}").json()["id"] == created
    assert call("GET", f"{CONTACTS}/{archived}").status == 404


def test_events_tell_writes_of_http_and_mutations(control: Callable[..., Any], call: Callable[..., Any]) -> None:
    assert control("GET", "/events").lines() == []

    created = call("POST", CONTACTS, json={"properties": {"email": "new@example.com"}})
    control("POST", "/mutate", json={"seed": 5, "object": "contacts", "edits": 1})

    first, second = control("GET", "/events").lines()
    assert (first["what"], first["object"], first["id"]) == ("create", "contacts", created.json()["id"])
    assert first["request"] == created.headers["X-HubSpot-Correlation-Id"]
    assert (second["what"], second["request"]) == ("update", "mutate 5")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/mutate", {"edit": 1}, "edit"),
        ("/mutate", {"edits": -1}, "edits"),
        ("/mutate", {"edits": 10_000}, "ask for fewer"),
        ("/clock", {"seconds": 1}, "seconds"),
        ("/clock", {"advance_seconds": -1}, "cannot go back"),
        ("/faults", {"do": {"kind": "reset"}}, "a list of fault rules"),
        ("/faults", [{"do": {"kind": "explode"}}], "fault rule 1"),
    ],
)
def test_wrong_input_is_a_400_that_names_it(control: Callable[..., Any], path: str, body: Any, message: str) -> None:
    answer = control("POST", path, json=body)

    assert answer.status == 400
    assert message in answer.json()["error"]


def test_unknown_calls_are_not_found(control: Callable[..., Any]) -> None:
    assert control("GET", "/unknown").status == 404
    assert control("GET", "/mutate").status == 405
