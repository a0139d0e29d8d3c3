"""The imports API: start one, list one's own, look at one, cancel it, read its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import parsing
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, json_response
from hubspot_emulator.imports import request as requests
from hubspot_emulator.imports import runs, sheets, tables
from hubspot_emulator.imports.multipart import parse_form
from hubspot_emulator.imports.request import Plan
from hubspot_emulator.imports.sheets import Line, UselessFileError
from hubspot_emulator.imports.tables import FileProblem, Import
from hubspot_emulator.routing import versioned
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

DAY_MS = 86_400_000
FILE_ROWS = 1_048_576
PAGE_DEFAULT, PAGE_LIMIT = 10, 100


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What an account may import, by its plan."""

    imports_a_day: int
    rows_a_day: int
    file_bytes: int


_FREE = Allowance(imports_a_day=50, rows_a_day=500_000, file_bytes=20_000_000)
_PAID = Allowance(imports_a_day=500, rows_a_day=80_000_000, file_bytes=512_000_000)


def start(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Take the files and answer at once; what is wrong with their rows is told by `/errors`."""
    parsing.known_parameters(request, ())
    raw, uploads = _read_form(request)
    plan = requests.parse_plan(portal, raw)
    _match_files(plan, uploads)
    allowed = _FREE if portal.tier == "free" else _PAID
    for name, content in uploads.items():
        if len(content) > allowed.file_bytes:
            raise _over(f"{name} has {len(content)} bytes; an import's file may have {allowed.file_bytes}")
    _check_event(portal, plan)
    problems: list[FileProblem] = []
    files = [_read_file(portal, number, plan, uploads[each.name], problems) for number, each in enumerate(plan.files)]
    _check_allowance(portal, allowed, plan, files)
    return json_response(_render(_store(portal, request, raw, plan, files, problems)))


def list_imports(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the imports of the same app, newest first."""
    parsing.known_parameters(request, ("after", "limit"))
    limit = parsing.limit(request, default=PAGE_DEFAULT, most=PAGE_LIMIT)
    found = tables.page(portal.db, request.token, _after(request), limit + 1)
    answer: dict[str, Any] = {"results": [_render(each) for each in found[:limit]]}
    if len(found) > limit:
        answer["paging"] = _paging(request, str(found[limit - 1].id))
    return json_response(answer)


def fetch_import(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one import."""
    parsing.known_parameters(request, ())
    return json_response(_render(_own(portal, request)))


def cancel_import(portal: Portal, request: ApiRequest) -> ApiResponse:
    """End an import that has not ended; rows that are written stay written."""
    parsing.known_parameters(request, ())
    job = _own(portal, request)
    if job.state not in tables.OPEN:
        raise ApiError(400, f"Import {job.id} is {job.state}: only an import that is under way can be canceled")
    runs.cancel(portal, job)
    now = render_ms(portal.now_ms())
    return json_response({"status": "COMPLETE", "requestedAt": now, "startedAt": now, "completedAt": now})


def list_errors(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer what went wrong with rows; their data and the message only when asked for."""
    parsing.known_parameters(request, ("after", "limit", "includeErrorMessage", "includeRowData"))
    limit = parsing.limit(request, default=PAGE_DEFAULT, most=PAGE_LIMIT)
    with_message = parsing.flag(request, "includeErrorMessage")
    with_row = parsing.flag(request, "includeRowData")
    job = _own(portal, request)
    found = tables.errors(portal.db, job.id, _after(request) or 0, limit + 1)
    results = []
    for error_id, body in found[:limit]:
        if not with_message:
            del body["errorMessage"]
        if not with_row:
            body["sourceData"]["rowData"] = []
        results.append({"id": str(error_id)} | body)
    answer: dict[str, Any] = {"results": results}
    if len(found) > limit:
        answer["paging"] = _paging(request, str(found[limit - 1][0]))
    return json_response(answer)


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every import of every app with the records it wrote."""
    for job in tables.every(portal.db):
        written = [
            {"objectTypeId": type_id, "id": str(record_id), "created": created}
            for type_id, record_id, created in tables.written(portal.db, job.id)
        ]
        yield _render(job) | {"records": written}


def force(portal: Portal, import_id: str, state: str) -> None:
    """Bring an import of any app to a state, for the control server."""
    job = tables.find(portal.db, int(import_id)) if import_id.isdecimal() else None
    if job is None:
        raise ApiError(404, f"No import has the id {import_id}", category="OBJECT_NOT_FOUND")
    runs.force(portal, job, state)


def _read_form(request: ApiRequest) -> tuple[Any, dict[str, bytes]]:
    uploads: dict[str, bytes] = {}
    raw: bytes | None = None
    for part in parse_form(request.content_type, request.body):
        if part.name == "importRequest" and raw is None:
            raw = part.body
        elif part.name == "files" and part.filename:
            if part.filename in uploads:
                raise ApiError(400, f"Two files are named {part.filename}")
            uploads[part.filename] = part.body
        else:
            raise ApiError(
                400, f"The form's part {part.name} is unknown: it has importRequest once, and files with a name"
            )
    if raw is None:
        raise ApiError(400, "The form has no part importRequest")
    try:
        return msgspec.json.decode(raw), uploads
    except msgspec.DecodeError as error:
        raise parsing.invalid_json(f"importRequest is no JSON: {error}") from error


def _match_files(plan: Plan, uploads: Mapping[str, bytes]) -> None:
    names = [each.name for each in plan.files]
    for name in names:
        if name not in uploads:
            raise ApiError(400, f"importRequest names the file {name}, which was not uploaded")
        if names.count(name) > 1:
            raise ApiError(400, f"importRequest names the file {name} twice")
    for name in uploads:
        if name not in names:
            raise ApiError(400, f"The file {name} was uploaded, and importRequest does not name it")


def _check_event(portal: Portal, plan: Plan) -> None:
    moments = [each for file in plan.files for each in file.columns if each.role == "moment"]
    if moments and plan.event_id is None:
        raise ApiError(400, f"Column {moments[0].header} needs marketingEventObjectId in importRequest")
    if plan.event_id is not None and portal.record_state("0-54", plan.event_id) != "live":
        raise ApiError(400, f"No marketing event has the id {plan.event_id}")


def _read_file(portal: Portal, number: int, plan: Plan, content: bytes, problems: list[FileProblem]) -> list[Line]:
    keys = [each for file in plan.files for each in file.columns if each.identifies]
    problems += sheets.problems_of(portal, number, plan.files[number], keys)
    try:
        return sheets.read_lines(portal, number, plan.files[number], content)
    except UselessFileError as error:
        problems.append(error.problem)
        return []


def _check_allowance(portal: Portal, allowed: Allowance, plan: Plan, files: Sequence[Sequence[Line]]) -> None:
    for each, lines in zip(plan.files, files, strict=True):
        if len(lines) > FILE_ROWS:
            raise _over(f"{each.name} has {len(lines)} rows; an import's file may have {FILE_ROWS}")
    count, rows = tables.since(portal.db, portal.now_ms() - DAY_MS)
    if count >= allowed.imports_a_day:
        raise _over(f"This account has started {count} imports in the last 24 hours, which is its limit")
    if rows + sum(map(len, files)) > allowed.rows_a_day:
        raise _over(f"This account may import {allowed.rows_a_day} rows in 24 hours")


def _over(message: str) -> ApiError:
    return ApiError(429, message, category="RATE_LIMITS")


def _store(
    portal: Portal,
    request: ApiRequest,
    raw: Any,
    plan: Plan,
    files: Sequence[Sequence[Line]],
    problems: list[FileProblem],
) -> Import:
    import_id, file_ids = tables.next_ids(portal.db, len(files))
    count, now = sum(map(len, files)), portal.now_ms()
    job = Import(
        id=import_id,
        app=request.token,
        call=request.correlation_id,
        state="STARTED",
        created_ms=now,
        updated_ms=now,
        due_ms=None,
        rows=count,
        steps=count * 2 if any(each.linking for each in plan.files) else count,
        done=0,
        ends=portal.knobs.import_ends,
        request=raw,
        types=list(plan.types),
        file_ids=file_ids,
        problems=problems,
        counters={},
        lists=[],
    )
    runs.admit(portal, job)
    tables.add(portal.db, job, files)
    return job


def _own(portal: Portal, request: ApiRequest) -> Import:
    text = request.params["importId"]
    job = tables.find(portal.db, int(text)) if text.isdecimal() and len(text) < 19 else None
    if job is None or job.app != request.token:
        raise ApiError(404, f"No import of this app has the id {text}", category="OBJECT_NOT_FOUND")
    return job


def _render(job: Import) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "state": job.state,
        "createdAt": render_ms(job.created_ms),
        "updatedAt": render_ms(job.updated_ms),
        "importName": job.request["name"],
        "importSource": "API",
        "optOutImport": False,
        "mappedObjectTypeIds": job.types,
        "importRequestJson": job.request,
        "metadata": {
            "fileIds": [str(file_id) for file_id in job.file_ids],
            "objectLists": job.lists,
            "counters": job.counters,
        },
    }


def _after(request: ApiRequest) -> int | None:
    given = parsing.one(request, "after")
    if given is None:
        return None
    if not given.isdecimal() or len(given) > 18:
        raise ApiError(400, f"Invalid paging token {given!r}: pass `after` on as the last page gave it")
    return int(given)


def _paging(request: ApiRequest, after: str) -> dict[str, dict[str, str]]:
    return {"next": {"after": after, "link": f"{request.base_url}{request.path}?after={after}"}}


_SCOPE = (frozenset({"crm.import"}),)


def _scope(_portal: Portal, _request: ApiRequest) -> Sequence[frozenset[str]]:
    return _SCOPE


FAMILY = Family(
    routes=(
        *versioned("imports", "POST", "", start, scopes=_scope),
        *versioned("imports", "GET", "", list_imports, scopes=_scope),
        *versioned("imports", "GET", "/{importId}", fetch_import, scopes=_scope),
        *versioned("imports", "POST", "/{importId}/cancel", cancel_import, scopes=_scope),
        *versioned("imports", "GET", "/{importId}/errors", list_errors, scopes=_scope),
    ),
    truths={"imports": truth},
    chore=runs.advance,
    jobs={"imports": force},
)
