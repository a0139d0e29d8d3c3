"""The CRM object family by the hundred: batch read, create, update, upsert, archive.

Without trace ids a write is all or nothing; with one on every input it is written input by input, and what
fails is listed beside what succeeded (207): HS-17. Answers are not in the order of the inputs: HS-10.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing, reading, scopes, timestamps, values, writing
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.reading import Shown
from hubspot_emulator.rendering import Record
from hubspot_emulator.routing import versioned
from hubspot_emulator.writing import InvalidValuesError, KeyTakenError

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

HISTORY_INPUTS = 50
Input = dict[str, Any]


def read_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer each record once; all keys that found none share one error."""
    parsing.known_parameters(request, ("archived",))
    kind = portal.types.resolve(request.params["objectType"])
    started = portal.now_ms()
    body, found = parsing.inputs(request, {"id"}, {"idProperty", "properties", "propertiesWithHistory"})
    id_property = body.get("idProperty")
    reading.check_id_property(portal, kind, id_property, "read", _read_keys(kind))
    shown = Shown(
        granted=request.granted,
        properties=parsing.texts(body.get("properties"), where="properties"),
        history=parsing.texts(body.get("propertiesWithHistory"), where="propertiesWithHistory"),
    )
    if shown.history:
        parsing.limit_inputs(found, HISTORY_INPUTS, "a batch request for property histories")
    archived = parsing.flag(request, "archived")
    rows, missing = {}, []
    for key in (parsing.text(each.get("id"), where="an input's id") for each in found):
        row = reading.find(portal, kind, key, id_property, archived=archived)
        if row is None:
            missing.append(key)
        else:
            rows[row.id] = row
    if missing and not rows and portal.knobs.read_of_nothing_fails:
        raise _none_found(kind, missing)
    results = reading.records(portal, kind, rows.values(), shown)
    return _answer(portal, started, results, [_not_found(kind, missing)] if missing else [])


def create_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Create records, all stamped with one millisecond (HS-06)."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    started = portal.now_ms()
    _, found = parsing.inputs(request, {"properties", "associations", "objectWriteTraceId"})
    batch = _Batch(portal, kind, found)

    def create(each: Input) -> Record:
        return writing.created(portal, kind, writing.create(portal, kind, each, request, at_ms=started))

    results = batch.write(create)
    return _answer(portal, started, results, batch.errors, ok=201)


def update_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change records by id, or by a unique property of the portal's own; ids that find none are errors of 207."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    started = portal.now_ms()
    _, found = parsing.inputs(request, {"id", "idProperty", "properties", "objectWriteTraceId"})
    _refuse_duplicates(found)
    for each in found:
        reading.check_id_property(portal, kind, each.get("idProperty"), "update/upsert", ())
    targets = {id(each): writing.find_target(portal, kind, each["id"], each.get("idProperty")) for each in found}
    _refuse_missing_keys([each for each in found if targets[id(each)] is None and each.get("idProperty")])
    missing = [each["id"] for each in found if targets[id(each)] is None]
    batch = _Batch(portal, kind, found, partial=portal.knobs.update_with_trace_ids_is_partial)

    def update(each: Input) -> Record | None:
        record_id = targets[id(each)]
        if record_id is None:
            return None
        current = writing.update(portal, kind, record_id, each.get("properties"), request)
        return writing.updated(portal, kind, current, each["properties"])

    results = batch.write(update)
    errors = [_not_found(kind, missing), *batch.errors] if missing else batch.errors
    return _answer(portal, started, results, errors)


def upsert_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change the records that hold a key, create those that nobody holds."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    started = portal.now_ms()
    _, found = parsing.inputs(request, {"id", "idProperty", "properties", "objectWriteTraceId"})
    for each in found:
        key = each.get("idProperty")
        allowed = (kind.key_property,) if kind.key_property else ()
        # An upsert without idProperty would go by record id, which can create nothing: refused like one by record id.
        reading.check_id_property(portal, kind, "hs_object_id" if key is None else key, "update/upsert", allowed)
    _refuse_duplicates(found)
    batch = _Batch(portal, kind, found)
    results = batch.write(lambda each: _upsert_one(portal, kind, each, request, started))
    return _answer(portal, started, results, batch.errors)


def archive_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Archive records; unknown ids are passed over, unless a knob says not."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    _, found = parsing.inputs(request, {"id"})
    keys = [parsing.text(each.get("id"), where="an input's id") for each in found]
    targets = [(key, writing.find_target(portal, kind, key, None)) for key in dict.fromkeys(keys)]
    unknown = [key for key, record_id in targets if record_id is None]
    if unknown and portal.knobs.archived_unknown_ids_fail:
        raise _none_found(kind, unknown)
    for _, record_id in targets:
        if record_id is not None:
            portal.archive_record(kind.type_id, record_id, request=request.correlation_id)
    return ApiResponse(status=204)


class _Batch:
    """Writes inputs one by one and keeps what went wrong."""

    def __init__(self, portal: Portal, kind: ObjectType, found: Sequence[Input], *, partial: bool = True) -> None:
        self._portal, self._kind, self._found = portal, kind, found
        traces = [each.get("objectWriteTraceId") for each in found]
        given = [parsing.text(trace, where="objectWriteTraceId") for trace in traces if trace is not None]
        if len(set(given)) < len(given) and not portal.knobs.trace_ids_may_repeat:
            raise ApiError(400, "Duplicate objectWriteTraceId found in batch input. Each must be unique")
        self._partial = partial and len(given) == len(found)
        self.errors: list[dict[str, Any]] = []

    def write(self, one: Callable[[Input], Record | None]) -> list[Record]:
        """Write every input; without trace ids a single failure raises, and the caller's rollback undoes the rest."""
        results: list[Record] = []
        failures: list[tuple[Input, ApiError]] = []
        for each in self._found:
            try:
                record = one(each)  # nothing is written before it raises: `writing` promises that
            except ApiError as error:
                failures.append((each, error))
                continue
            if record is not None:
                if each.get("objectWriteTraceId") is not None:
                    record.object_write_trace_id = str(each["objectWriteTraceId"])
                results.append(record)
        if failures and not self._partial:
            raise _joined([error for _, error in failures])
        self.errors = _grouped(failures)
        return results


def _upsert_one(portal: Portal, kind: ObjectType, each: Input, request: ApiRequest, at_ms: int) -> Record:
    key, name = each["id"], each["idProperty"]
    record_id = writing.find_target(portal, kind, key, name)
    given = each.get("properties") or {}
    if record_id is not None and name == "email" and not portal.knobs.upsert_finds_secondary_emails:
        record_id = record_id if _is_primary(portal, kind, record_id, key) else None
    if record_id is None:
        body = {"properties": {name: key} | given}
        record = writing.created(portal, kind, writing.create(portal, kind, body, request, at_ms=at_ms))
    else:
        current = writing.update(portal, kind, record_id, given, request)
        record = writing.updated(portal, kind, current, {name: key} | given)
    record.new = record_id is None
    return record


def _is_primary(portal: Portal, kind: ObjectType, record_id: int, email: str) -> bool:
    return portal.values_of(kind.type_id, record_id).get("email", "").lower() == email.lower()


def _read_keys(kind: ObjectType) -> tuple[str, ...]:
    return ("hs_object_id", *((kind.key_property,) if kind.key_property else ()))


def _refuse_duplicates(found: Sequence[Input]) -> None:
    """Two inputs for one key spoil the whole batch, trace ids or not (HS-18)."""
    seen: set[tuple[str | None, str]] = set()
    for each in found:
        each["id"] = parsing.text(each.get("id"), where="an input's id")
        name = each.get("idProperty")
        key = (name, values.normal_key(name or "", each["id"]))
        if key in seen:
            raise ApiError(
                400,
                f"Duplicate IDs found in batch input: [{each['id']}]. IDs must be unique",
                context={"ids": [each["id"]]},
            )
        seen.add(key)


def _refuse_missing_keys(lost: Sequence[Input]) -> None:
    """By a unique property, unlike by id, one key that nobody holds fails the whole request."""
    if lost:
        coordinates = [f"{each['idProperty']}:{each['id']}" for each in lost]
        raise ApiError(
            404,
            "Could not find objects by the given unique property values. Check that they exist.",
            category="OBJECT_NOT_FOUND",
            context={"missingObjectPropertyValueCoordinates": coordinates},
        )


def _not_found(kind: ObjectType, keys: Sequence[str]) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist."
        " Check that ids are valid.",
        "context": {"ids": list(keys)},
    }


def _none_found(kind: ObjectType, keys: Sequence[str]) -> ApiError:
    error = _not_found(kind, keys)
    return ApiError(404, error["message"], category="OBJECT_NOT_FOUND", context=error["context"])


def _joined(errors: Sequence[ApiError]) -> ApiError:
    """Make one refusal of several: all invalid values together, or a conflict, which names its holder only when alone."""
    invalid = [error for error in errors if isinstance(error, InvalidValuesError)]
    if invalid:
        return InvalidValuesError([problem for error in invalid for problem in error.problems])
    if len(errors) > 1 and all(isinstance(error, KeyTakenError) for error in errors):
        return ApiError(409, "Contact already exists", category="CONFLICT")
    return errors[0]


def _grouped(failures: Iterable[tuple[Input, ApiError]]) -> list[dict[str, Any]]:
    """List failures, equal ones as one error that names all their trace ids."""
    grouped: dict[tuple[str | None, str], dict[str, Any]] = {}
    for each, error in failures:
        entry = grouped.setdefault(
            (error.category, error.message),
            {"status": "error", "category": error.category, "message": error.message, "context": {}},
        )
        context = entry["context"]
        context.setdefault("objectWriteTraceId", []).append(str(each["objectWriteTraceId"]))
        if isinstance(error, KeyTakenError):
            context["existingId"] = [str(error.holder)]
    return list(grouped.values())


def _answer(
    portal: Portal, started: int, results: Sequence[Record], errors: Sequence[dict[str, Any]], *, ok: int = 200
) -> ApiResponse:
    shuffled = sorted(results, key=lambda record: zlib.crc32(record.id.encode()))
    body: dict[str, object] = {"status": "COMPLETE", "results": shuffled}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    body |= {
        "startedAt": timestamps.render_ms(started),
        "completedAt": timestamps.render_ms(portal.now_ms()),
    }
    return json_response(body, status=207 if errors else ok)


ROUTES: tuple[Route, ...] = (
    *versioned("objects", "POST", "/{objectType}/batch/read", read_batch, scopes=scopes.read_object),
    *versioned("objects", "POST", "/{objectType}/batch/create", create_batch, scopes=scopes.write_object),
    *versioned("objects", "POST", "/{objectType}/batch/update", update_batch, scopes=scopes.write_object),
    *versioned("objects", "POST", "/{objectType}/batch/upsert", upsert_batch, scopes=scopes.write_object),
    *versioned("objects", "POST", "/{objectType}/batch/archive", archive_batch, scopes=scopes.write_object),
)
