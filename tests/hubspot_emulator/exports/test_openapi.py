"""The answers of imports and exports have the fields that HubSpot's OpenAPI files say, and no other."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3

from hubspot_emulator.server import Emulator

FILES = Path(__file__).parents[4] / "shared/hubspot/openapi"
VERSIONS = ("v3", "2026-03", "2026-09")
HEADERS = {"Authorization": "Bearer pat-test"}


def schemas(family: str, version: str) -> dict[str, Any]:
    file = FILES / f"crm__{family}__{version}.json"
    if not file.exists():
        pytest.skip("HubSpot's OpenAPI files are not on this machine")
    found: dict[str, Any] = msgspec.json.decode(file.read_bytes())["components"]["schemas"]
    return found


def check(known: dict[str, Any], name: str, value: Any) -> None:
    """Compare an answer with a schema, inner objects too: required fields, unknown fields, enums, scalar types."""
    schema = known[name]
    assert set(schema.get("required", ())) <= set(value), name
    assert set(value) <= set(schema["properties"]), name
    for field, inner in value.items():
        _check_value(known, schema["properties"][field], inner, f"{name}.{field}")


def _check_value(known: dict[str, Any], schema: dict[str, Any], value: Any, where: str) -> None:
    if "$ref" in schema:
        check(known, schema["$ref"].rpartition("/")[2], value)
    elif schema["type"] == "array":
        for each in value:
            _check_value(known, schema["items"], each, where)
    else:
        kinds: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "object": dict}
        assert isinstance(value, kinds[schema["type"]]), where
        assert value in schema.get("enum", [value]), where


def path(family: str, version: str) -> str:
    return f"/crm/v3/{family}" if version == "v3" else f"/crm/{family}/{version}"


@pytest.mark.parametrize("version", VERSIONS)
def test_imports(portal_factory: Callable[..., Emulator], pool: urllib3.PoolManager, version: str) -> None:
    known = schemas("imports", version)
    emulator = portal_factory(contacts=0, limits=False)
    base = emulator.base_url + path("imports", version)
    target = io.StringIO(newline="")
    csv.writer(target).writerows([["Email", "Score"], ["a@example.com", "much"], ["bad", ""]])
    columns = [
        {"columnObjectTypeId": "0-1", "columnName": name, "propertyName": prop}
        for name, prop in (("Email", "email"), ("Score", "loyalty_score"))
    ]
    file = {"fileName": "a.csv", "fileFormat": "CSV", "fileImportPage": {"hasHeader": True, "columnMappings": columns}}
    body = msgspec.json.encode({"name": "n", "files": [file], "createContactListFromImport": True}).decode()
    fields = [("importRequest", body), ("files", ("a.csv", target.getvalue().encode(), "text/csv"))]
    made = pool.request("POST", base, fields=fields, headers=HEADERS).json()
    check(known, "PublicImportResponse", made)
    canceled = pool.request("POST", base, fields=fields, headers=HEADERS).json()["id"]
    check(known, "ActionResponse", pool.request("POST", f"{base}/{canceled}/cancel", headers=HEADERS).json())
    emulator.clock.advance(60)  # type: ignore[attr-defined]

    check(known, "PublicImportResponse", pool.request("GET", f"{base}/{made['id']}", headers=HEADERS).json())
    page = pool.request("GET", f"{base}?limit=1", headers=HEADERS).json()
    check(known, "CollectionResponsePublicImportResponseForwardPaging", page)
    asked = f"{base}/{made['id']}/errors?limit=1&includeErrorMessage=true&includeRowData=true"
    errors = pool.request("GET", asked, headers=HEADERS).json()
    check(known, "CollectionResponsePublicImportErrorForwardPaging", errors)
    assert len(errors["results"]) == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("state", ["DONE", "FAILED", "PENDING_APPROVAL", "CONFLICT"])
def test_exports(portal_factory: Callable[..., Emulator], pool: urllib3.PoolManager, version: str, state: str) -> None:
    known = schemas("exports", version)
    emulator = portal_factory(contacts=5, limits=False)
    base = emulator.base_url + path("exports", version) + "/export"
    ask = {"exportType": "VIEW", "exportName": "n", "format": "CSV", "language": "EN", "objectType": "0-1"}
    made = pool.request("POST", f"{base}/async", json=ask | {"objectProperties": ["email"]}, headers=HEADERS).json()
    check(known, "TaskLocator", made)
    if state == "DONE":
        emulator.clock.advance(60)  # type: ignore[attr-defined]
    else:
        pool.request("POST", f"{emulator.control_url}/jobs/exports/{made['id']}", json={"state": state})

    found = pool.request("GET", f"{base}/{made['id']}", headers=HEADERS).json()
    check(known, "PublicExportResponse", found)
    assert found["exportState"] == state
    status = pool.request("GET", f"{base}/async/tasks/{made['id']}/status", headers=HEADERS).json()
    check(known, "ActionResponseWithSingleResultURI", status)
