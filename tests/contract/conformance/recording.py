"""The recorded calls: one row of the manifest each, with its body."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from conformance.openapi import HUBSPOT

RECORDED = HUBSPOT / "recorded"
CLASSES = {"A", "A-", "B"}


@dataclass(frozen=True)
class Recording:
    """One recorded call."""

    file: str
    method: str
    path: str
    query: str
    request: Any
    status: int
    trust: str
    body: Any
    recorded: str | None
    """The Date header of the answer, where it was kept."""


def load_recordings(*, every_class: bool = False) -> list[Recording]:
    """Read the recorded calls of the classes that are evidence; traces are many calls and tested elsewhere."""
    rows = json.loads((RECORDED / "manifest.json").read_text())
    return [_load(row) for row in rows if (row["evidence_class"] in CLASSES or every_class) and row["status"]]


def _load(row: Mapping[str, Any]) -> Recording:
    path, _, query = row["url"].partition("?")
    request = row.get("request")
    pairs = {name: values[-1] for name, values in parse_qs(query).items() if name != "hapikey"}
    if isinstance(request, dict) and request and set(request) <= {"data", "params"}:
        pairs |= request.get("params") or {}
        request = request.get("data")
    body = json.loads((RECORDED / row["file"]).read_text())
    return Recording(
        row["file"],
        row["method"],
        path,
        urlencode(pairs),
        request,
        row["status"],
        row["evidence_class"],
        body,
        row.get("recorded"),
    )


def find_named(value: object, name: str) -> Iterator[Any]:
    """Give every value of a key, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield inner
            yield from find_named(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from find_named(inner, name)
