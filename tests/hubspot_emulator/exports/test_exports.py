"""Exports: states by the clock, one at a time, files of all kinds, addresses that expire, limits."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import urllib3

from hubspot_emulator import associations
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.spreadsheets import read_sheet

PATH = "/crm/v3/exports/export"
CONTACTS = "/crm/v3/objects/contacts"
VIEW = {
    "exportType": "VIEW",
    "exportName": "All contacts",
    "format": "CSV",
    "language": "EN",
    "objectType": "CONTACT",
    "objectProperties": ["email", "firstname"],
    "exportInternalValuesOptions": ["NAMES", "VALUES"],
}


class Exports:
    """Asks a portal for exports and reads their files."""

    def __init__(self, emulator: Emulator, pool: urllib3.PoolManager) -> None:
        self.emulator, self.pool = emulator, pool

    def call(self, method: str, path: str, json: Any = None, *, token: str = "pat-test") -> Any:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = None if json is None else msgspec.json.encode(json)
        answer = self.pool.request(method, self.emulator.base_url + path, body=body, headers=headers)
        return answer.status, msgspec.json.decode(answer.data or b"null")

    def control(self, path: str, json: Any) -> Any:
        return self.pool.request("POST", self.emulator.control_url + path, body=msgspec.json.encode(json))

    def advance(self, seconds: float) -> None:
        self.emulator.clock.advance(seconds)  # type: ignore[attr-defined]

    def create(self, objects: str, **properties: str) -> str:
        return str(self.call("POST", f"/crm/v3/objects/{objects}", {"properties": properties})[1]["id"])

    def start(self, **more: Any) -> str:
        status, body = self.call("POST", f"{PATH}/async", VIEW | more)
        assert status == 202, body
        assert body["links"] == {"status": f"{self.emulator.base_url}{PATH}/async/tasks/{body['id']}/status"}
        return str(body["id"])

    def status(self, export_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"{PATH}/async/tasks/{export_id}/status")[1]
        return found

    def state(self, export_id: str) -> str:
        return str(self.call("GET", f"{PATH}/{export_id}")[1]["exportState"])

    def download(self, **more: Any) -> Any:
        """Give the answer that holds the file of a new export."""
        export_id = self.start(**more)
        self.advance(60)
        return self.pool.request("GET", self.status(export_id)["result"])

    def rows(self, **more: Any) -> list[list[str]]:
        """Give the rows of a new export's CSV."""
        content = self.download(**more).data
        assert content.startswith(b"\xef\xbb\xbf")
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.fixture
def make_exports(portal_factory: Callable[..., Emulator], pool: urllib3.PoolManager) -> Callable[..., Exports]:
    return lambda **options: Exports(portal_factory(**({"contacts": 0, "limits": False} | options)), pool)


@pytest.fixture
def exports(make_exports: Callable[..., Exports]) -> Exports:
    return make_exports()


def test_an_export_holds_every_live_record_by_id_with_raw_names_and_values(exports: Exports) -> None:
    ids = [exports.create("contacts", email="a@x.com", firstname="a")]
    ids.append(exports.create("contacts", firstname='b"\n;ü'))
    gone = exports.create("contacts", email="gone@x.com")
    exports.call("DELETE", f"{CONTACTS}/{gone}")

    assert exports.rows() == [
        ["hs_object_id", "email", "firstname"],
        [ids[0], "a@x.com", "a"],
        [ids[1], "", 'b"\n;ü'],
    ]


def test_an_export_is_pending_behind_another_then_processing_then_complete(exports: Exports) -> None:
    ids = [exports.start(), exports.start()]
    seen = []
    for _ in range(3):
        seen.append([exports.status(export_id)["status"] for export_id in ids])
        exports.advance(2)

    assert seen == [["PROCESSING", "PENDING"], ["COMPLETE", "PROCESSING"], ["COMPLETE", "COMPLETE"]]
    status, body = exports.call("GET", f"{PATH}/{ids[1]}")
    assert (status, body["exportState"], body["recordCount"], body["objectType"]) == (200, "DONE", 0, "0-1")
    assert body["objectProperties"] == ["email", "firstname"]


def test_a_file_holds_what_was_there_when_the_export_was_finished(exports: Exports) -> None:
    export_id = exports.start()
    exports.advance(1)
    exports.create("contacts", email="in-time@x.com")
    exports.advance(1.5)
    exports.create("contacts", email="late@x.com")

    content = exports.pool.request("GET", exports.status(export_id)["result"]).data.decode("utf-8-sig")

    assert "in-time@x.com" in content
    assert "late@x.com" not in content


def test_the_address_needs_no_token_and_expires_after_five_minutes(exports: Exports) -> None:
    export_id = exports.start()
    exports.advance(60)
    first = exports.status(export_id)["result"]
    before = exports.pool.request("GET", first)
    exports.advance(301)
    after = exports.pool.request("GET", first)
    fresh = exports.status(export_id)["result"]

    assert (before.status, after.status) == (200, 403)
    assert b"AccessDenied" in after.data
    assert exports.pool.request("GET", fresh).status == 200
    expires = fresh.partition("expires=")[2].partition("&")[0]
    assert exports.pool.request("GET", fresh.replace(expires, str(int(expires) + 1))).status == 403


def test_labels_and_the_accounts_time_zone_are_shown_without_internal_values(exports: Exports) -> None:
    owner = exports.call("GET", "/crm/v3/owners")[1]["results"][0]
    exports.create(
        "contacts",
        last_visit_at="2024-01-01T02:30:00Z",
        birthday="2024-01-01",
        lifecyclestage="marketingqualifiedlead",
        hubspot_owner_id=owner["id"],
    )
    names = ["last_visit_at", "birthday", "lifecyclestage", "hubspot_owner_id"]

    header, row = exports.rows(objectProperties=names, exportInternalValuesOptions=[])

    assert header[0] == "Record ID"
    assert header[3:] == ["Lifecycle Stage", "Contact owner"]
    day, stage = ["2023-12-31 21:30", "2024-01-01"], "Marketing Qualified Lead"
    assert row[1:] == [*day, stage, f"{owner['firstName']} {owner['lastName']}"]


def test_associations_have_columns_of_ids_names_and_labels(exports: Exports) -> None:
    company, other = (exports.create("companies", name=name, domain=f"{name}.com") for name in ("One", "Two"))
    contact = exports.create("contacts", email="a@x.com")
    for each in (company, other):
        exports.call("PUT", f"/crm/v4/objects/contacts/{contact}/associations/default/companies/{each}")
    more = {"includeLabeledAssociations": True, "includePrimaryDisplayPropertyForAssociatedObjects": True}

    header, row = exports.rows(associatedObjectType="COMPANY", **more)

    cells = dict(zip(header, row, strict=True))
    assert cells["Associated Company"] == "One;Two"
    assert cells["Associated Company IDs"] == f"{company};{other}"
    assert cells["Associated Company IDs (Primary)"] == company
    assert cells["Associated Company IDs (Billing Contact)"] == ""


def test_more_than_a_thousand_associations_of_a_row_need_the_override(exports: Exports) -> None:
    portal = exports.emulator.portal
    company = exports.create("companies", name="One")
    with portal.lock:
        ids = portal.load_records("0-1", [({}, 1_700_000_000_000, 1_700_000_000_000)] * 1_001)
        pairs = [(contact, int(company)) for contact in ids]
        associations.load_pairs(portal, "0-1", "0-2", "HUBSPOT_DEFINED", 279, pairs)
        portal.commit()
    ask = {"objectType": "COMPANY", "objectProperties": ["name"], "associatedObjectType": ["CONTACT"]}

    counts = [
        len(exports.rows(**ask, overrideAssociatedObjectsPerDefinitionPerRowLimit=flag)[1][2].split(";"))
        for flag in (False, True)
    ]

    assert counts == [1_000, 1_001]


def test_filters_words_and_sorts_choose_the_records(exports: Exports) -> None:
    for name, score in (("Ann", "3"), ("Bob", "10"), ("Ann", "2"), ("Ann", "")):
        exports.create("contacts", firstname=name, **({"loyalty_score": score} if score else {}))
    search = {
        "filterGroups": [{"filters": [{"property": "loyalty_score", "operator": "GTE", "value": "2"}]}],
        "sorts": [{"propertyName": "loyalty_score", "order": "DESC"}],
        "query": "ann",
    }

    rows = exports.rows(objectProperties=["loyalty_score"], publicCrmSearchRequest=search)

    assert [row[1] for row in rows[1:]] == ["3", "2"]


def test_a_list_is_exported_by_its_members(make_exports: Callable[..., Exports]) -> None:
    exports = make_exports()
    ids = [exports.create("contacts", firstname=name) for name in "abc"]
    made = exports.call("POST", "/crm/v3/lists", {"name": "L", "objectTypeId": "0-1", "processingType": "MANUAL"})[1]
    list_id = made["list"]["listId"]
    exports.call("PUT", f"/crm/v3/lists/{list_id}/memberships/add", ids[:2])

    rows = exports.rows(exportType="LIST", listId=int(list_id))

    assert [row[0] for row in rows[1:]] == ids[:2]


def test_a_workbook_holds_the_same_rows(exports: Exports) -> None:
    record = exports.create("contacts", email="a@x.com", firstname="=1+1 <&> \U0001f600")

    answer = exports.download(format="xlsx")

    assert answer.headers["Content-Type"].endswith("spreadsheetml.sheet")
    assert read_sheet(answer.data)[1] == [record, "a@x.com", "=1+1 <&> \U0001f600"]


@pytest.mark.parametrize("file_format", ["CSV", "XLSX"])
def test_many_rows_are_a_zip_of_several_files(make_exports: Callable[..., Exports], file_format: str) -> None:
    exports = make_exports(knobs=Knobs(export_file_rows=2))
    for name in "abcde":
        exports.create("contacts", firstname=name)

    with zipfile.ZipFile(io.BytesIO(exports.download(format=file_format).data)) as archive:
        names = archive.namelist()
        first = archive.read(names[0])

    suffix = file_format.lower()
    assert names == [f"All-contacts-{number}.{suffix}" for number in (1, 2, 3)]
    if file_format == "CSV":
        assert len(first.decode("utf-8-sig").splitlines()) == 3


def test_a_csv_of_more_than_two_megabytes_is_zipped(exports: Exports) -> None:
    for _ in range(32):
        exports.create("contacts", remarks="x" * 65_000)

    answer = exports.download(objectProperties=["remarks"])

    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.namelist() == ["All-contacts.csv"]


def test_the_thirty_first_export_in_24_hours_is_429(exports: Exports) -> None:
    found = [exports.call("POST", f"{PATH}/async", VIEW)[0] for _ in range(31)]
    exports.advance(86_401)

    assert found == [202] * 30 + [429]
    assert exports.call("POST", f"{PATH}/async", VIEW)[0] == 202


@pytest.mark.parametrize(("ends", "errors"), [("FAILED", 1), ("CANCELED", 0), ("CONFLICT", 1)])
def test_a_knob_ends_exports_badly(make_exports: Callable[..., Exports], ends: str, errors: int) -> None:
    exports = make_exports(knobs=Knobs(export_ends=ends))
    export_id = exports.start()
    exports.advance(60)

    found = exports.status(export_id)

    assert (exports.state(export_id), found["status"], found["numErrors"]) == (ends, "CANCELED", errors)
    assert "result" not in found


def test_a_stuck_export_holds_up_the_next_until_it_is_canceled(make_exports: Callable[..., Exports]) -> None:
    exports = make_exports(knobs=Knobs(export_ends="STUCK"))
    ids = [exports.start(), exports.start()]
    exports.advance(3_600)
    before = [exports.state(export_id) for export_id in ids]

    assert exports.control(f"/jobs/exports/{ids[0]}", {"state": "CANCELED"}).status == 204
    assert before == ["PROCESSING", "ENQUEUED"]
    assert [exports.state(export_id) for export_id in ids] == ["CANCELED", "PROCESSING"]


def test_an_export_that_needs_approval_waits_for_a_person(make_exports: Callable[..., Exports]) -> None:
    exports = make_exports(knobs=Knobs(export_needs_approval=True))
    export_id = exports.start()
    exports.advance(3_600)
    before = exports.state(export_id), exports.status(export_id)["status"]

    exports.control(f"/jobs/exports/{export_id}", {"state": "ENQUEUED"})
    exports.advance(60)

    assert before == ("PENDING_APPROVAL", "PENDING")
    assert exports.state(export_id) == "DONE"


def test_a_deleted_export_has_no_file_any_more(exports: Exports) -> None:
    export_id = exports.start()
    exports.advance(60)
    address = exports.status(export_id)["result"]

    exports.control(f"/jobs/exports/{export_id}", {"state": "DELETED"})

    assert exports.pool.request("GET", address).status == 403
    assert exports.status(export_id)["status"] == "CANCELED"


def test_the_control_server_names_what_a_job_can_be_made(exports: Exports) -> None:
    export_id = exports.start()

    assert b"it can be made CANCELED, CONFLICT" in exports.control(f"/jobs/exports/{export_id}", {"state": "X"}).data
    assert b"there are exports, imports" in exports.control("/jobs/cars/1", {"state": "X"}).data
    assert exports.control("/jobs/imports/1", {"state": "FAILED"}).status == 400


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"exportTyp": "VIEW"}, 'Unrecognized field "exportTyp"'),
        ({"exportName": ""}, "needs exportName"),
        ({"format": "PDF"}, "format must be one of CSV, XLS, XLSX"),
        ({"format": "XLS"}, "writes no XLS"),
        ({"language": "XX"}, "language must be one of"),
        ({"objectType": "CARS"}, "Unable to infer object type"),
        ({"objectProperties": ["nope"]}, 'Property "nope" does not exist'),
        ({"exportInternalValuesOptions": ["ALL"]}, "must be one of NAMES, VALUES"),
        ({"associatedObjectType": ["0-2", "0-3", "0-5", "0-7", "0-8"]}, "may name 4 object types"),
        ({"exportType": "LIST"}, "needs listId"),
        ({"exportType": "LIST", "listId": 999_999}, "List does not exist"),
        ({"listId": 1}, "belongs to exports of exportType LIST"),
        ({"publicCrmSearchRequest": {"sorts": [{"propertyName": "email", "order": "UP"}]}}, "order must be one of"),
        ({"publicCrmSearchRequest": {"filter": []}}, 'Unrecognized field "filter"'),
    ],
)
def test_an_export_that_cannot_be_is_refused_by_name(exports: Exports, part: Any, what: str) -> None:
    status, body = exports.call("POST", f"{PATH}/async", VIEW | part)

    assert status in {400, 404}
    assert what in body["message"]


def test_exports_need_their_scope_and_unknown_ones_are_404(make_exports: Callable[..., Exports]) -> None:
    tokens = {"pat-with": frozenset({"crm.export"}), "pat-without": frozenset({"crm.objects.contacts.read"})}
    exports = make_exports(tokens=tokens)

    assert exports.call("POST", "/crm/exports/2026-09/export/async", VIEW, token="pat-with")[0] == 202
    status, body = exports.call("POST", f"{PATH}/async", VIEW, token="pat-without")
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert body["errors"][0]["context"] == {"requiredGranularScopes": ["crm.export"]}
    for path in (f"{PATH}/5", f"{PATH}/async/tasks/5/status"):
        assert exports.call("GET", path, token="pat-with")[0] == 404


def test_an_exports_file_can_be_cut_on_its_way(exports: Exports) -> None:
    export_id = exports.start()
    exports.advance(60)
    address = exports.status(export_id)["result"]
    rule = {"match": {"path": "/exports/download/*"}, "phase": "mid_body", "do": {"kind": "truncate"}, "times": 1}
    exports.control("/faults", [rule])

    with pytest.raises(urllib3.exceptions.ProtocolError):
        exports.pool.request("GET", address)
    assert exports.pool.request("GET", address).status == 200


def test_the_truth_tells_every_export(exports: Exports) -> None:
    export_id = exports.start()
    exports.advance(60)

    (found,) = exports.pool.request("GET", f"{exports.emulator.control_url}/truth/exports").data.splitlines()

    assert msgspec.json.decode(found)["id"] == export_id
    assert msgspec.json.decode(found)["exportState"] == "DONE"


def test_hubspots_sdk_drives_the_family(exports: Exports) -> None:
    hubspot = pytest.importorskip("hubspot")
    client = hubspot.HubSpot(access_token="pat-test", host=exports.emulator.base_url)
    api = client.crm.exports.public_exports_api

    made = api.start(public_export_request=VIEW)
    exports.advance(60)

    assert api.get_status(made.id).status == "COMPLETE"
    api.api_client.rest_client.pool_manager.clear()
