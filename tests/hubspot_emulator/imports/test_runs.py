"""How imports go on: states by the clock, three at a time, ends of all kinds, limits, who sees them, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from import_client import PATH, Imports, column, render_csv

from hubspot_emulator.http import ApiError
from hubspot_emulator.imports import runs, tables
from hubspot_emulator.imports.multipart import parse_form
from hubspot_emulator.knobs import Knobs

Call = Callable[..., Any]
EMAIL = column("Email", "email", columnType="HUBSPOT_ALTERNATE_ID")
RECORDS = "/crm/objects/2026-09/contacts"


def rows(count: int) -> list[list[str]]:
    return [[f"c{number}@x.com"] for number in range(count)]


def advance(imports: Imports, seconds: float) -> None:
    imports.emulator.clock.advance(seconds)  # type: ignore[attr-defined]


def force(imports: Imports, import_id: str, outcome: str) -> None:
    portal = imports.emulator.portal
    with portal.lock:
        job = tables.find(portal.db, int(import_id))
        assert job is not None
        runs.force(portal, job, outcome)
        portal.commit()


def written(call: Call) -> int:
    return len(call("GET", f"{RECORDS}?limit=100").json()["results"])


def test_an_import_starts_then_writes_a_hundred_rows_at_a_time_then_is_done(imports: Imports, call: Call) -> None:
    import_id = imports.start(rows(250), [EMAIL])
    seen = []
    for seconds in (0.0, 1.0, 0.1, 0.1, 0.1):
        advance(imports, seconds)
        job = imports.fetch(import_id)
        seen.append((job["state"], job["metadata"]["counters"].get("CREATED_OBJECTS")))

    assert seen == [
        ("STARTED", None),
        ("PROCESSING", 0),
        ("PROCESSING", 100),
        ("PROCESSING", 200),
        ("DONE", 250),
    ]


def test_an_import_comes_out_the_same_however_often_it_is_looked_at(make_imports: Callable[..., Imports]) -> None:
    truths = []
    for looks in (1, 50):
        imports = make_imports()
        import_id = imports.start(rows(230), [EMAIL])
        for _ in range(looks):
            advance(imports, 50 / looks)
            imports.fetch(import_id)
        with imports.emulator.portal.lock:
            truths.append(list(imports.emulator.portal.truth("0-1")))

    assert truths[0] == truths[1]
    assert len(truths[0]) == 230


def test_a_fourth_import_waits_for_one_of_three(imports: Imports) -> None:
    ids = [imports.start([[f"{number}@x.com"]], [EMAIL]) for number in range(4)]
    states = [imports.fetch(import_id)["state"] for import_id in ids]
    advance(imports, 1.1)
    then = [imports.fetch(import_id)["state"] for import_id in ids]

    assert states == ["STARTED"] * 3 + ["DEFERRED"]
    assert then == ["DONE"] * 3 + ["STARTED"]
    assert imports.wait(ids[3])["state"] == "DONE"


def test_two_large_imports_at_once_and_a_small_one_beside_them(make_imports: Callable[..., Imports]) -> None:
    imports = make_imports()
    ids = [imports.start(rows(10_001), [EMAIL]) for _ in range(3)] + [imports.start(rows(1), [EMAIL])]

    assert [imports.fetch(import_id)["state"] for import_id in ids] == ["STARTED", "STARTED", "DEFERRED", "STARTED"]


def test_a_canceled_import_keeps_what_it_wrote_and_lets_the_next_one_begin(imports: Imports, call: Call) -> None:
    ids = [imports.start(rows(1_000), [EMAIL])] + [imports.start(rows(1_000), [EMAIL]) for _ in range(3)]
    advance(imports, 1.1)

    answer = call("POST", f"{PATH}/{ids[0]}/cancel")

    assert (answer.status, answer.json()["status"]) == (200, "COMPLETE")
    assert imports.fetch(ids[0])["state"] == "CANCELED"
    assert imports.fetch(ids[3])["state"] == "STARTED"
    for import_id in ids[1:]:
        call("POST", f"{PATH}/{import_id}/cancel")
    advance(imports, 60)
    assert written(call) == 100
    assert call("POST", f"{PATH}/{ids[0]}/cancel").status == 400


@pytest.mark.parametrize(("ends", "state"), [("FAILED", "FAILED"), ("CANCELED", "CANCELED"), ("STUCK", "PROCESSING")])
def test_a_knob_ends_imports_half_way(make_imports: Callable[..., Imports], ends: str, state: str) -> None:
    imports = make_imports(knobs=Knobs(import_ends=ends))

    job = imports.run(rows(300), [EMAIL])

    assert (job["state"], job["metadata"]["counters"]["CREATED_OBJECTS"]) == (state, 150)


@pytest.mark.parametrize(
    ("outcome", "state", "left"),
    [
        ("REVERTED", "REVERTED", 0),
        ("FAILED", "FAILED", 100),
        ("CANCELED", "CANCELED", 100),
        ("STUCK", "PROCESSING", 100),
    ],
)
def test_an_import_can_be_brought_to_a_state(imports: Imports, call: Call, outcome: str, state: str, left: int) -> None:
    import_id = imports.start(rows(300), [EMAIL])
    advance(imports, 1.1)
    imports.fetch(import_id)

    force(imports, import_id, outcome)

    assert imports.wait(import_id)["state"] == state
    assert written(call) == left


def test_errors_and_imports_come_in_pages_and_newest_first(imports: Imports, call: Call) -> None:
    ids = [imports.run([["bad"]] * 5, [EMAIL])["id"] for _ in range(3)]

    first = call("GET", f"{PATH}?limit=2").json()
    second = call("GET", f"{PATH}?limit=2&after={first['paging']['next']['after']}").json()
    assert [each["id"] for page in (first, second) for each in page["results"]] == ids[::-1]
    assert "paging" not in second
    errors = f"{PATH}/{ids[0]}/errors"
    page = call("GET", f"{errors}?limit=3").json()
    rest = call("GET", f"{errors}?limit=3&after={page['paging']['next']['after']}").json()
    lines = [each["sourceData"]["lineNumber"] for found in (page, rest) for each in found["results"]]
    assert lines == [2, 3, 4, 5, 6]


def test_an_app_sees_its_own_imports_only(imports: Imports, call: Call) -> None:
    import_id = imports.start(rows(1), [EMAIL])

    assert call("GET", f"{PATH}/{import_id}", token="pat-other").status == 404
    assert call("GET", PATH, token="pat-other").json() == {"results": []}


def test_imports_need_their_scope_and_no_other(make_imports: Callable[..., Imports]) -> None:
    tokens = {"pat-with": frozenset({"crm.import"}), "pat-without": frozenset({"crm.objects.contacts.write"})}
    imports = make_imports(tokens=tokens)
    files = {"rows.csv": (render_csv([["Email"], ["a@x.com"]]), [EMAIL])}

    assert imports.post(files, token="pat-with")[0] == 200
    status, body = imports.post(files, token="pat-without")
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert body["errors"][0]["context"] == {"requiredGranularScopes": ["crm.import"]}


def test_an_import_can_leave_a_list_of_what_it_wrote(imports: Imports, call: Call) -> None:
    job = imports.run(rows(3), [EMAIL], createContactListFromImport=True)

    (made,) = job["metadata"]["objectLists"]
    assert made["objectType"] == "CONTACT"
    members = call("GET", f"/crm/v3/lists/{made['listId']}/memberships").json()["results"]
    assert len(members) == 3


def test_a_file_of_too_many_rows_and_too_many_imports_are_429(make_imports: Callable[..., Imports]) -> None:
    imports = make_imports(tier="free")
    name = column("First", "firstname")

    status, body = imports.post({"rows.csv": (b"First\n" + b"a\n" * 1_048_577, [name])})
    assert (status, body["category"]) == (429, "RATE_LIMITS")
    assert "1048577 rows" in body["message"]
    assert imports.post({"rows.csv": (b"First\n" + b"a\n" * 500_001, [name])})[0] == 429
    assert imports.post({"rows.csv": (b"First\n" + b"a" * 20_000_000, [name])})[0] == 429
    found = [imports.post({"rows.csv": (b"First\na\n", [name])})[0] for _ in range(51)]
    assert found == [200] * 50 + [429]
    advance(imports, 86_401)
    assert imports.post({"rows.csv": (b"First\na\n", [name])})[0] == 200


@pytest.mark.parametrize(
    ("knobs", "state"),
    [({}, "DONE"), ({"import_start_ms": 60_000}, "STARTED"), ({"import_rows_per_second": 1}, "PROCESSING")],
)
def test_how_long_an_import_takes_is_a_knob(
    make_imports: Callable[..., Imports], knobs: dict[str, int], state: str
) -> None:
    imports = make_imports(knobs=Knobs(**knobs))
    job = imports.start(rows(1), [EMAIL])

    advance(imports, 10)

    assert imports.fetch(job)["state"] == state


@pytest.mark.parametrize(
    ("request_part", "what"),
    [
        ({"nme": "x"}, 'Unrecognized field "nme"'),
        ({"dateFormat": "YEAR"}, "dateFormat must be one of"),
        ({"timeZone": "Moon/Base"}, "Moon/Base is unknown"),
        ({"importOperations": {"0-1": "DELETE"}}, "importOperations must be one of"),
        ({"importOperations": {"cars": "CREATE"}}, "Unable to infer object type from: cars"),
        ({"files": []}, "at least one file"),
        ({"marketingEventObjectId": 5}, "No marketing event has the id 5"),
    ],
)
def test_a_request_that_cannot_be_is_refused_by_name(imports: Imports, request_part: Any, what: str) -> None:
    status, body = imports.post({"rows.csv": (b"Email\na@x.com\n", [EMAIL])}, **request_part)

    assert status == 400
    assert what in body["message"]


@pytest.mark.parametrize(
    ("mapping", "what"),
    [
        ({"columnObjectType": None, "columnObjectTypeId": None}, "needs columnObjectTypeId"),
        ({"columnType": "MAGIC"}, "columnType of Email must be one of"),
        ({"propertyName": None}, "needs propertyName"),
        ({"columnType": "ASSOCIATION_KEYS"}, "needs toColumnObjectTypeId"),
        ({"magic": 1}, 'Unrecognized field "magic"'),
        ({"columnType": "EVENT_TIMESTAMP"}, "needs marketingEventObjectId"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_by_name(imports: Imports, mapping: Any, what: str) -> None:
    status, body = imports.post({"rows.csv": (b"Email\na@x.com\n", [EMAIL | mapping])})

    assert status == 400
    assert what in body["message"]


def test_files_and_request_name_each_other(imports: Imports) -> None:
    described = [{"fileName": "other.csv", "fileImportPage": {"hasHeader": True, "columnMappings": [EMAIL]}}]
    status, body = imports.post({"rows.csv": (b"Email\na@x.com\n", [EMAIL])}, files=described)

    assert (status, body["message"]) == (400, "importRequest names the file other.csv, which was not uploaded")


FORM = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a \xc3\xa9.csv"\r\n\r\nx\r\n--y\r\n--b--\r\n'


def test_a_form_is_read_to_the_byte() -> None:
    (part,) = parse_form("multipart/form-data; boundary=b", FORM)

    assert (part.name, part.filename, part.body) == ("files", "a é.csv", b"x\r\n--y")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", FORM, 415),
        ("multipart/form-data", FORM, 400),
        ("multipart/form-data; boundary=c", FORM, 400),
        ("multipart/form-data; boundary=b", FORM[:-6], 400),
        ("multipart/form-data; boundary=b", b"x" + FORM, 400),
        ("multipart/form-data; boundary=b", b"--b\r\nno header\r\n\r\nx\r\n--b--", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nX-Y: z\r\n\r\nx\r\n--b--", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nno end of headers\r\n--b--", 400),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes, status: int) -> None:
    with pytest.raises(ApiError) as refused:
        parse_form(content_type, body)

    assert refused.value.status == status


def test_a_lost_answer_leaves_one_import_that_its_name_finds(imports: Imports, call: Call, control: Call) -> None:
    rule = {"match": {"method": "POST", "path": PATH}, "phase": "after", "do": {"status": 502, "body": ""}, "times": 1}
    control("POST", "/faults", json=[rule])

    with pytest.raises(msgspec.DecodeError):  # the answer is empty
        imports.post({"rows.csv": (b"Email\na@x.com\n", [EMAIL])}, name="mine")

    assert [each["importName"] for each in call("GET", PATH).json()["results"]] == ["mine"]


def test_hubspots_sdk_drives_the_family(imports: Imports, tmp_path: Any) -> None:
    hubspot = pytest.importorskip("hubspot")
    client = hubspot.HubSpot(access_token="pat-test", host=imports.emulator.base_url)
    api, public = client.crm.imports.core_api, client.crm.imports.public_imports_api
    file = tmp_path / "rows.csv"
    file.write_bytes(b"Email\na@x.com\nbad\n")
    mapping = {
        "fileName": "rows.csv",
        "fileFormat": "CSV",
        "fileImportPage": {"hasHeader": True, "columnMappings": [EMAIL]},
    }
    body = msgspec.json.encode({"name": "sdk", "files": [mapping]}).decode()

    made = api.create(import_request=body, files=str(file))
    advance(imports, 60)

    assert api.get_by_id(made.id).state == "DONE"
    assert [each.id for each in api.get_page().results] == [made.id]
    assert [each.error_type for each in public.get_errors(made.id).results] == ["INVALID_EMAIL"]
    for each in (api, public):
        each.api_client.rest_client.pool_manager.clear()
