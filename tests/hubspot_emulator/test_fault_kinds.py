"""What each kind of fault does to a call, over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from hubspot_emulator.clock import VIRTUAL_START
from hubspot_emulator.fault_actions import POLICIES
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings, SettingsError

TOKEN = "pat-na1-importer"
CONTACTS = "/crm/objects/2026-09/contacts"
Call = Callable[..., Any]


@pytest.fixture
def faulty(control: Call) -> Callable[..., None]:
    def add(do: dict[str, Any], **rule: Any) -> None:
        answer = control("POST", "/faults", json=[{"do": do} | rule])
        assert answer.status == 200, answer.body

    return add


def count(control: Call, what: str) -> int:
    return sum(event["what"] == what for event in control("GET", "/events").lines())


# --- answers in place of the portal's ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "category"),
    [(400, None), (401, "EXPIRED_AUTHENTICATION"), (404, "OBJECT_NOT_FOUND"), (409, "CONFLICT"), (423, None), (500, None),
     (477, "MIGRATION_IN_PROGRESS"), (503, None)],
)  # fmt: skip
def test_a_status_alone_has_hubspots_body(faulty: Call, call: Call, status: int, category: str | None) -> None:
    faulty({"status": status})

    answer = call("GET", CONTACTS)

    body = answer.json()
    assert (answer.status, body["status"], body.get("category")) == (status, "error", category)
    assert body["correlationId"] == answer.headers["X-HubSpot-Correlation-Id"]


@pytest.mark.parametrize("do", [{"status": 522}, {"kind": "html", "status": 502}])
def test_a_gateway_answers_in_html(faulty: Call, call: Call, do: dict[str, Any]) -> None:
    faulty(do)

    answer = call("GET", CONTACTS)

    assert (answer.status, answer.headers["Content-Type"]) == (do["status"], "text/html")
    assert str(do["status"]).encode() in answer.body


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("retry_after", ["", "0", "9999999", "soon"])
def test_every_429_is_told_apart(faulty: Call, call: Call, policy: str, retry_after: str) -> None:
    faulty({"kind": "limit", "policy": policy, "retry_after": retry_after})

    answer = call("GET", CONTACTS)

    body = answer.json()
    named = {"SEARCH": None, "TOKEN": None}.get(policy, policy)
    assert (answer.status, body.get("policyName"), body.get("category")) == (
        429,
        named,
        None if named else "RATE_LIMITS",
    )
    assert answer.headers.get("Retry-After", "") == retry_after


def test_an_expired_page_token_hits_only_calls_that_go_on(faulty: Call, call: Call) -> None:
    faulty({"kind": "expired_page"}, match={"path": "/crm/objects/{version}/{objectType}"})

    first = call("GET", f"{CONTACTS}?limit=5")
    second = call("GET", f"{CONTACTS}?limit=5&after={first.json()['paging']['next']['after']}")

    assert (first.status, second.status) == (200, 400)
    assert "paging token" in second.json()["message"]


def test_a_search_that_goes_on_has_an_expired_token_too(faulty: Call, call: Call) -> None:
    faulty({"kind": "expired_page"})

    statuses = [
        call("POST", f"{CONTACTS}/search", json={"limit": 5} | more).status
        for more in ({}, {"after": 0}, {"after": "5"})
    ]

    assert statuses == [200, 200, 400]


@pytest.mark.parametrize("phase", ["before", "after"])
def test_an_empty_2xx_may_hide_a_write_or_none(faulty: Call, call: Call, control: Call, phase: str) -> None:
    faulty({"kind": "empty"}, phase=phase, match={"method": "POST"})

    answer = call("POST", CONTACTS, json={"properties": {"email": "a@example.org"}})

    assert (answer.status, answer.body) == (200, b"")
    assert count(control, "create") == (1 if phase == "after" else 0)


def test_a_noop_answers_as_if_it_had_written(faulty: Call, call: Call, control: Call) -> None:
    faulty({"kind": "noop"}, times=1)

    answer = call("POST", CONTACTS, json={"properties": {"email": "a@example.org"}})

    assert (answer.status, answer.json()["properties"]["email"]) == (201, "a@example.org")
    assert count(control, "create") == 0
    assert call("POST", CONTACTS, json={"properties": {"email": "a@example.org"}}).status == 201


@pytest.mark.parametrize("kind", ["gzip_garbage", "gzip_bomb"])
def test_a_compressed_body_is_none_or_far_too_large(faulty: Call, emulator: Emulator, kind: str) -> None:
    faulty({"kind": kind})
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request(
            "GET", emulator.base_url + CONTACTS, headers={"Authorization": "Bearer pat-x"}, preload_content=False
        )

        assert answer.headers["Content-Encoding"] == "gzip"
        if kind == "gzip_garbage":
            with pytest.raises(urllib3.exceptions.DecodeError):
                answer.read()
        else:
            assert int(answer.headers["Content-Length"]) < 100_000
            assert sum(len(part) for part in answer.stream(1 << 20)) == 50_000_000


# --- answers that are changed ---------------------------------------------------------------------------------------


def test_the_type_of_an_answer_may_be_wrong(faulty: Call, call: Call) -> None:
    faulty({"kind": "wrong_type"}, phase="after")

    answer = call("GET", CONTACTS)

    assert answer.headers["Content-Type"] == "text/html"
    assert answer.json()["results"]


def test_results_of_a_batch_are_shuffled(faulty: Call, call: Call) -> None:
    page = call("GET", f"{CONTACTS}?limit=20").json()["results"]
    faulty({"kind": "shuffle"}, phase="after")

    shuffled = call("GET", f"{CONTACTS}?limit=20").json()["results"]

    assert shuffled != page
    assert sorted(shuffled, key=lambda each: int(each["id"])) == page


@pytest.mark.parametrize("report", [False, True])
def test_results_of_a_batch_are_partial(faulty: Call, call: Call, report: bool) -> None:
    ids = [each["id"] for each in call("GET", f"{CONTACTS}?limit=10").json()["results"]]
    faulty({"kind": "partial", "keep": 0.4, "report": report}, phase="after")

    answer = call("POST", f"{CONTACTS}/batch/read", json={"inputs": [{"id": each} for each in ids]})

    body = answer.json()
    told = {lost for error in body.get("errors", ()) for lost in error["context"]["ids"]}
    assert (answer.status, len(body["results"])) == (207 if report else 200, 4)
    assert told == (set(ids) - {each["id"] for each in body["results"]} if report else set())


def test_a_page_link_leads_to_another_host(faulty: Call, call: Call) -> None:
    faulty({"kind": "page_link", "host": "http://169.254.169.254"}, phase="after")

    paging = call("GET", f"{CONTACTS}?limit=2").json()["paging"]["next"]

    assert paging["link"].startswith("http://169.254.169.254/crm/objects/2026-09/contacts?")
    assert paging["after"]


def test_a_text_is_no_utf8(faulty: Call, call: Call) -> None:
    faulty({"kind": "bad_text"}, phase="after")

    with pytest.raises(UnicodeDecodeError):
        call("GET", CONTACTS).body.decode()


def test_a_key_comes_twice(faulty: Call, call: Call) -> None:
    faulty({"kind": "duplicate_keys"}, phase="after")

    pairs = json.loads(call("GET", CONTACTS).body, object_pairs_hook=list)

    assert [name for name, _ in pairs].count("results") == 2


def test_the_date_is_skewed(faulty: Call, call: Call) -> None:
    faulty({"kind": "skew", "seconds": -86_400}, phase="after")

    assert call("GET", CONTACTS).headers["Date"] == "Sun, 22 Nov 2026 08:00:00 GMT"


def test_a_redirect_is_a_status_with_a_header(faulty: Call, emulator: Emulator, pool: urllib3.PoolManager) -> None:
    faulty({"status": 302, "headers": {"Location": "http://169.254.169.254/"}})

    headers = {"Authorization": "Bearer pat-x"}
    answer = pool.request("GET", emulator.base_url + CONTACTS, headers=headers, redirect=False)

    assert (answer.status, answer.headers["Location"]) == (302, "http://169.254.169.254/")


# --- answers on their way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["half_chunk", "truncate"])
def test_an_answer_is_cut(faulty: Call, call: Call, control: Call, kind: str) -> None:
    faulty({"kind": kind}, phase="mid_body", times=1)

    with pytest.raises(urllib3.exceptions.ProtocolError):
        call("POST", CONTACTS, json={"properties": {"email": "cut@example.org"}})

    assert count(control, "create") == 1
    assert call("GET", CONTACTS).status == 200


@pytest.mark.parametrize("at", [0, 1, 40])
def test_an_answer_is_cut_at_a_byte(faulty: Call, emulator: Emulator, pool: urllib3.PoolManager, at: int) -> None:
    faulty({"kind": "truncate", "at": at}, phase="mid_body", times=1)

    headers = {"Authorization": "Bearer pat-x"}
    answer = pool.request("GET", emulator.base_url + CONTACTS, headers=headers, preload_content=False)
    got = bytearray()

    def read() -> None:
        for part in answer.stream(1):
            got.extend(part)

    with pytest.raises(urllib3.exceptions.ProtocolError):
        read()

    assert len(got) == at


def test_an_answer_that_ends_in_its_headers_looks_whole_and_empty(faulty: Call, call: Call) -> None:
    faulty({"kind": "cut_headers"}, phase="mid_body", times=1)

    answer = call("GET", CONTACTS)

    assert (answer.status, answer.body, "Content-Length" in answer.headers) == (200, b"", False)
    assert call("GET", CONTACTS).body


def test_a_slow_answer_comes_whole_and_takes_its_time(faulty: Call, call: Call, emulator: Emulator) -> None:
    expected = call("GET", CONTACTS).body
    faulty({"kind": "slow", "seconds": 40}, phase="mid_body")

    assert call("GET", CONTACTS).body == expected
    assert emulator.clock.time() == VIRTUAL_START + 40


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_revoked_token_is_refused_from_the_hit_call_on(faulty: Call, call: Call, control: Call) -> None:
    faulty({"kind": "revoke"}, when={"nth": 2}, match={"path": "/crm/objects/*"})

    statuses = [call("GET", path).status for path in (CONTACTS, CONTACTS, "/crm/owners/2026-09", CONTACTS)]

    assert statuses == [200, 401, 401, 401]
    control("DELETE", "/faults")
    assert call("GET", CONTACTS).status == 200


def test_one_token_is_revoked_and_another_is_not(faulty: Call, call: Call) -> None:
    faulty({"kind": "revoke"}, match={"token": "pat-one"})

    assert [call("GET", CONTACTS, token=token).status for token in ("pat-one", "pat-two", "pat-one")] == [401, 200, 401]


def test_a_scope_is_taken_away(faulty: Call, call: Call) -> None:
    faulty({"kind": "take_scope", "scope": "crm.objects.contacts.read"}, when={"nth": 2})

    statuses = [call("GET", path).status for path in (CONTACTS, CONTACTS, "/crm/objects/2026-09/companies")]

    assert statuses == [200, 403, 200]


# --- the portal changes between pages -------------------------------------------------------------------------------


def test_records_change_between_pages(faulty: Call, call: Call, control: Call) -> None:
    mutation = {"object": "contacts", "seed": 3, "edits": 2, "archives": 1, "merges": 1, "creates": 1}
    faulty({"kind": "mutate", "mutation": mutation}, match={"paged": True}, times=1)

    first = call("GET", f"{CONTACTS}?limit=5").json()
    assert control("GET", "/events").lines() == []
    call("GET", f"{CONTACTS}?limit=5&after={first['paging']['next']['after']}")

    happened = [event["what"] for event in control("GET", "/events").lines()]
    assert {name: happened.count(name) for name in set(happened)} == {
        "update": 2,
        "archive": 1,
        "merge": 1,
        "create": 1,
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"change": "archive"}, None),
        ({"change": "retype", "type": "string", "fieldType": "text"}, "string"),
    ],
)
def test_a_property_changes_between_pages(faulty: Call, call: Call, change: Any, expected: str | None) -> None:
    where = {"object": "contacts", "property": "loyalty_score"}
    faulty({"kind": "change_property"} | where | change, match={"paged": True}, times=1)

    def defined() -> str | None:
        answer = call("GET", "/crm/properties/2026-09/contacts/loyalty_score")
        return answer.json()["type"] if answer.status == 200 else None

    page = call("GET", f"{CONTACTS}?limit=5&properties=loyalty_score").json()
    assert defined() == "number"
    after = page["paging"]["next"]["after"]
    later = call("GET", f"{CONTACTS}?limit=50&properties=loyalty_score&after={after}").json()["results"]

    assert defined() == expected
    assert any("loyalty_score" in each["properties"] for each in later) is (expected is not None)


def test_a_property_is_added_and_an_option_removed(faulty: Call, call: Call) -> None:
    where = {"kind": "change_property", "object": "contacts"}
    faulty(where | {"property": "brand_new", "change": "add", "type": "number", "fieldType": "number"}, times=1)
    call("GET", CONTACTS)
    faulty(where | {"property": "topics", "change": "remove_option", "option": "billing"}, times=1)
    call("GET", CONTACTS)

    assert call("GET", "/crm/properties/2026-09/contacts/brand_new").json()["type"] == "number"
    options = call("GET", "/crm/properties/2026-09/contacts/topics").json()["options"]
    assert "billing" not in [option["value"] for option in options]


def test_the_index_lags_from_now_on_in_three_shapes(faulty: Call, call: Call) -> None:
    def search(value: str) -> Any:
        filters = [{"propertyName": "city", "operator": "EQ", "value": value}]
        body = {"filterGroups": [{"filters": filters}], "properties": ["city"], "limit": 10}
        return call("POST", f"{CONTACTS}/search", json=body).json()

    old = call("POST", CONTACTS, json={"properties": {"email": "old@example.org", "city": "Oldtown"}}).json()["id"]
    gone = call("POST", CONTACTS, json={"properties": {"email": "gone@example.org", "city": "Ghosttown"}}).json()["id"]
    faulty({"kind": "index_lag", "seconds": 60}, times=1)
    call("POST", CONTACTS, json={"properties": {"email": "new@example.org", "city": "Newtown"}})
    call("PATCH", f"{CONTACTS}/{old}", json={"properties": {"city": "Newtown"}})
    call("DELETE", f"{CONTACTS}/{gone}")

    assert search("Newtown")["total"] == 0  # missing
    stale = search("Oldtown")  # found by its old value, shown with the new one
    assert [each["properties"]["city"] for each in stale["results"]] == ["Newtown"]
    ghost = search("Ghosttown")  # counted, and not there
    assert (ghost["total"], ghost["results"]) == (1, [])


# --- jobs -----------------------------------------------------------------------------------------------------------


def start_import(emulator: Emulator, pool: urllib3.PoolManager) -> str:
    page = {"hasHeader": True, "columnMappings": [
        {"columnObjectTypeId": "0-1", "columnName": "Email", "propertyName": "email", "columnType": "HUBSPOT_ALTERNATE_ID"}
    ]}  # fmt: skip
    asked = {"name": "x", "files": [{"fileName": "a.csv", "fileFormat": "CSV", "fileImportPage": page}]}
    fields = {"importRequest": json.dumps(asked), "files": ("a.csv", b"Email\nimported@example.org\n", "text/csv")}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = pool.request("POST", f"{emulator.base_url}/crm/v3/imports", fields=fields, headers=headers)
    assert answer.status == 200, answer.data
    return str(answer.json()["id"])


@pytest.mark.parametrize(("state", "shown"), [("FAILED", "FAILED"), ("CANCELED", "CANCELED"), ("STUCK", "PROCESSING")])
def test_one_import_ends_otherwise(
    faulty: Call, call: Call, emulator: Emulator, pool: urllib3.PoolManager, state: str, shown: str
) -> None:
    faulty({"kind": "job_ends", "job": "imports", "state": state}, match={"path": "/crm/v3/imports"}, times=1)

    hit, other = start_import(emulator, pool), start_import(emulator, pool)
    emulator.clock.advance(600)

    assert call("GET", f"/crm/v3/imports/{hit}", token=TOKEN).json()["state"] == shown
    assert call("GET", f"/crm/v3/imports/{other}", token=TOKEN).json()["state"] == "DONE"


EXPORT = {
    "exportType": "VIEW", "exportName": "all", "format": "CSV", "language": "EN", "objectType": "CONTACT",
    "objectProperties": ["email"],
}  # fmt: skip


def test_the_file_of_an_export_is_expired_and_then_cut(
    faulty: Call, call: Call, emulator: Emulator, pool: urllib3.PoolManager
) -> None:
    task = call("POST", "/crm/v3/exports/export/async", json=EXPORT).json()["id"]
    emulator.clock.advance(120)
    address = call("GET", f"/crm/v3/exports/export/async/tasks/{task}/status").json()["result"]
    path = "/" + address.partition("://")[2].partition("/")[2].partition("?")[0]
    faulty({"kind": "address_expired"}, match={"path": path}, times=1)
    faulty({"kind": "truncate"}, match={"path": path}, times=1, phase="mid_body", when={"nth": 2})

    expired = pool.request("GET", address)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        pool.request("GET", address)

    assert (expired.status, b"expired" in expired.data) == (403, True)
    assert b"@" in pool.request("GET", address).data


# --- a file at start ------------------------------------------------------------------------------------------------


def test_rules_of_a_file_are_in_force_from_the_start(tmp_path: Path, pool: urllib3.PoolManager) -> None:
    file = tmp_path / "faults.json"
    file.write_text(json.dumps([{"do": {"status": 503}, "times": 1}]))
    headers = {"Authorization": "Bearer pat-x"}

    with Emulator(Settings(contacts=3, faults_file=str(file))) as emulator:
        statuses = [pool.request("GET", emulator.base_url + CONTACTS, headers=headers).status for _ in range(2)]

    assert statuses == [503, 200]


@pytest.mark.parametrize(
    ("content", "message"),
    [("[{}]", "fault rule 1"), ("{}", "array"), ("[", "truncated"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "faults.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SettingsError, match=rf"--faults .*faults.json.*{message}"):
        Emulator(Settings(contacts=0, faults_file=str(file))).start()


def test_the_command_takes_the_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text('[{"do": {"kind": "explode"}}]')

    command = [sys.executable, "-m", "hubspot_emulator", "--port", "0", "--contacts", "0", "--faults", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, "fault rule 1, do: give a status, or a kind out of" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"do": {"kind": "shuffle"}}, "phase after and kind shuffle belong together"),
        ({"do": {"kind": "mutate", "mutation": {"edit": 1}}}, "mutation: .*edit"),
        ({"do": {"kind": "mutate"}}, "kind mutate needs mutation"),
        ({"do": {"kind": "limit", "policy": "HOURLY"}}, "needs policy, one of DAILY"),
        ({"do": {"kind": "job_ends", "job": "mails", "state": "X"}}, "needs job, one of"),
        ({"do": {"kind": "partial", "keep": 2}, "phase": "after"}, "keep is 2"),
        ({"do": {"kind": "truncate", "at": "x"}, "phase": "mid_body"}, "at is 'x'"),
        ({"do": {"kind": "reset", "status": 3}}, "status is unknown"),
        ({"do": {"kind": "reset"}, "when": {"from": "x"}}, "no ISO 8601 time"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(control: Call, rule: dict[str, Any], message: str) -> None:
    answer = control("POST", "/faults", json=[rule])

    assert answer.status == 400
    assert re.search(message, answer.json()["error"])
