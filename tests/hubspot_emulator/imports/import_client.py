"""Imports as a client sends them, and what became of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import urllib3

from hubspot_emulator.server import Emulator

PATH = "/crm/v3/imports"


def render_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Give rows as a CSV file."""
    target = io.StringIO(newline="")
    csv.writer(target).writerows(rows)
    return target.getvalue().encode()


def column(name: str, prop: str | None, type_id: str = "0-1", **more: Any) -> dict[str, Any]:
    """Give a column mapping."""
    return {"columnObjectTypeId": type_id, "columnName": name, "propertyName": prop, **more}


class Imports:
    """Starts imports in a portal and reads what became of them."""

    def __init__(self, emulator: Emulator, pool: urllib3.PoolManager) -> None:
        self.emulator, self._pool = emulator, pool

    def _call(self, method: str, path: str, json: Any = None) -> Any:
        headers = {"Authorization": "Bearer pat-test", "Content-Type": "application/json"}
        body = None if json is None else msgspec.json.encode(json)
        answer = self._pool.request(method, self.emulator.base_url + path, body=body, headers=headers)
        return msgspec.json.decode(answer.data)

    def post(
        self, uploads: dict[str, tuple[bytes, list[dict[str, Any]]]], *, token: str = "pat-test", **request: Any
    ) -> Any:
        """Start an import of named files with their mappings; give the answer's status and body."""
        described = [
            {
                "fileName": name,
                "fileFormat": "SPREADSHEET" if name.endswith("xlsx") else "CSV",
                "fileImportPage": {"hasHeader": True, "columnMappings": columns},
            }
            for name, (_, columns) in uploads.items()
        ]
        body = {"name": "test", "files": described} | request
        fields: list[Any] = [("importRequest", msgspec.json.encode(body).decode())]
        fields += [("files", (name, content, "text/csv")) for name, (content, _) in uploads.items()]
        headers = {"Authorization": f"Bearer {token}"}
        answer = self._pool.request("POST", self.emulator.base_url + PATH, fields=fields, headers=headers)
        return answer.status, msgspec.json.decode(answer.data)

    def start(self, rows: Iterable[Sequence[str]], columns: list[dict[str, Any]], **request: Any) -> str:
        """Start an import of one CSV whose header is the columns' names; give its id."""
        content = render_csv([[each["columnName"] for each in columns], *rows])
        status, body = self.post({"rows.csv": (content, columns)}, **request)
        assert status == 200, body
        return str(body["id"])

    def run(self, rows: Iterable[Sequence[str]], columns: list[dict[str, Any]], **request: Any) -> dict[str, Any]:
        """Start an import and give it as it is ten minutes later."""
        return self.wait(self.start(rows, columns, **request))

    def wait(self, import_id: str) -> dict[str, Any]:
        """Let ten minutes pass."""
        self.emulator.clock.advance(600)  # type: ignore[attr-defined]
        return self.fetch(import_id)

    def fetch(self, import_id: str) -> dict[str, Any]:
        """Look at an import."""
        found: dict[str, Any] = self._call("GET", f"{PATH}/{import_id}")
        return found

    def errors(self, job: dict[str, Any]) -> list[tuple[str, int]]:
        """Give the types and lines of an import's errors."""
        found = self._call("GET", f"{PATH}/{job['id']}/errors?limit=100")["results"]
        return [(each["errorType"], each["sourceData"]["lineNumber"]) for each in found]

    def contact(self, email: str, *names: str) -> dict[str, Any]:
        """Give the properties of a contact."""
        body = {"inputs": [{"id": email}], "idProperty": "email", "properties": list(names)}
        results = self._call("POST", "/crm/objects/2026-09/contacts/batch/read", json=body)["results"]
        return {} if not results else {"id": results[0]["id"]} | results[0]["properties"]
