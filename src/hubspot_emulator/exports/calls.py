"""The exports API: ask for one, poll it, look at it, and download its file from an address that soon expires."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from hubspot_emulator import parsing
from hubspot_emulator.exports import files, runs, tables
from hubspot_emulator.exports.request import parse_ask
from hubspot_emulator.exports.tables import Export
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.routing import versioned
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

DAY_MS = 86_400_000
A_DAY = 30
ADDRESS_MS = 300_000
_STATUSES = {
    "DEFERRED": "PENDING",
    "DONE": "COMPLETE",
    "ENQUEUED": "PENDING",
    "PENDING_APPROVAL": "PENDING",
    "PROCESSING": "PROCESSING",
}
"""The task's status by the export's state; all others are CANCELED."""
_DENIED = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'


def start(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Take an export in; it waits for the one that is at work."""
    parsing.known_parameters(request, ())
    body = request.json()
    parse_ask(portal, body)
    now = portal.now_ms()
    if tables.since(portal.db, now - DAY_MS) >= A_DAY:
        raise ApiError(429, f"This account has had {A_DAY} exports in the last 24 hours", category="RATE_LIMITS")
    state = "PENDING_APPROVAL" if portal.knobs.export_needs_approval else "ENQUEUED"
    export_id, ends = tables.next_id(portal.db), portal.knobs.export_ends
    tables.save(portal.db, Export(export_id, state, now, now, None, None, ends, msgspec.json.encode(body), None))
    runs.begin_next(portal)
    status = f"{request.base_url}{request.path}/tasks/{export_id}/status"
    return json_response({"id": str(export_id), "links": {"status": status}}, status=202)


def fetch_status(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer how far an export is; when it is complete, with a fresh address of its file."""
    parsing.known_parameters(request, ())
    job = _existing(portal, request.params["taskId"])
    answer: dict[str, Any] = {
        "status": _STATUSES.get(job.state, "CANCELED"),
        "requestedAt": render_ms(job.created_ms),
        "startedAt": render_ms(job.started_ms or job.created_ms),
        "completedAt": render_ms(job.updated_ms),
        "numErrors": 0,
        "errors": [],
        "links": {},
    }
    if job.state in {"CONFLICT", "FAILED"}:
        message = f"The export ended as {job.state}"
        error = {"status": "error", "category": "EXPORT_ERROR", "message": message, "context": {}, "errors": []}
        answer |= {"numErrors": 1, "errors": [error | {"links": {}}]}
    if job.state == "DONE":
        answer["result"] = _address(portal, request, job)
    return json_response(answer)


def fetch_export(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer what an export is."""
    parsing.known_parameters(request, ())
    return json_response(_render(portal, _existing(portal, request.params["exportId"])))


def download(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the file to whoever has the address, until it expires."""
    parsing.known_parameters(request, ("expires", "signature"))
    text, expires = request.params["exportId"], parsing.one(request, "expires") or ""
    is_number = text.isdecimal() and expires.isdecimal() and len(text) < 19
    found = tables.file_of(portal.db, int(text)) if is_number else None
    good = is_number and parsing.one(request, "signature") == _sign(portal, int(text), int(expires))
    if not good or found is None or portal.now_ms() > int(expires):
        return ApiResponse(status=403, body=_DENIED, content_type="application/xml")
    name, content = found
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    content_type = files.CONTENT_TYPES[name.rpartition(".")[2]]
    return ApiResponse(body=content, headers=headers, content_type=content_type)


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every export."""
    for job in tables.every(portal.db):
        yield _render(portal, job)


def force(portal: Portal, export_id: str, state: str) -> None:
    """Bring an export to a state, for the control server."""
    runs.force(portal, _existing(portal, export_id), state)


def _existing(portal: Portal, text: str) -> Export:
    job = tables.find(portal.db, int(text)) if text.isdecimal() and len(text) < 19 else None
    if job is None:
        raise ApiError(404, f"No export has the id {text}", category="OBJECT_NOT_FOUND")
    return job


def _render(portal: Portal, job: Export) -> dict[str, Any]:
    body = job.body
    shown = {
        "id": str(job.id),
        "exportName": body["exportName"],
        "exportType": body["exportType"],
        "objectType": portal.types.resolve(body["objectType"]).type_id,
        "objectProperties": body["objectProperties"],
        "exportState": job.state,
        "createdAt": render_ms(job.created_ms),
        "updatedAt": render_ms(job.updated_ms),
    }
    return shown if job.records is None else shown | {"recordCount": job.records}


def _address(portal: Portal, request: ApiRequest, job: Export) -> str:
    found = tables.file_of(portal.db, job.id)
    assert found is not None
    expires = portal.now_ms() + ADDRESS_MS
    signed = f"expires={expires}&signature={_sign(portal, job.id, expires)}"
    return f"{request.base_url}/exports/download/{job.id}/{quote(found[0])}?{signed}"


def _sign(portal: Portal, export_id: int, expires: int) -> str:
    """Nobody is kept out by this; it only makes an altered address fail."""
    return hashlib.sha256(f"{portal.portal_id} {export_id} {expires}".encode()).hexdigest()[:40]


_SCOPE = (frozenset({"crm.export"}),)


def _scope(_portal: Portal, _request: ApiRequest) -> Sequence[frozenset[str]]:
    return _SCOPE


FAMILY = Family(
    routes=(
        *versioned("exports", "POST", "/export/async", start, scopes=_scope),
        *versioned("exports", "GET", "/export/async/tasks/{taskId}/status", fetch_status, scopes=_scope),
        *versioned("exports", "GET", "/export/{exportId}", fetch_export, scopes=_scope),
        Route(
            method="GET",
            template="/exports/download/{exportId}/{fileName}",
            handler=download,
            kind="uncounted",
            public=True,
        ),
    ),
    truths={"exports": truth},
    chore=runs.advance,
    jobs={"exports": force},
)
