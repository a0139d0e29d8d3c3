"""Writes records in batches of 100 and accounts for every one: applied, rejected, or unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from hubferry.errors import HubSpotError, RefusedError, UnknownOutcomeError
from hubferry.hubspot import rejections
from hubferry.hubspot.associations import LinkType
from hubferry.hubspot.client import Client
from hubferry.hubspot.records import MappingRecord
from hubferry.hubspot.rejections import BatchError, Rejection

INPUTS = 100
MOST_NAMED = 5
"""Rows that a refusal may name to be believed: a value that many rows have says nothing about one."""
BatchKind = Literal["create", "update", "upsert", "archive"]


@dataclass(frozen=True)
class RecordInput:
    """One row of a batch. `id` is a record id, or the value of `id_property`; a create has none."""

    trace_id: str
    id: str | None = None
    id_property: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    linked: tuple[str, LinkType] | None = None
    """Of a create: a record's id and the type of the link to it, made in the same write or not at all."""


@dataclass(frozen=True)
class Applied:
    """What HubSpot did with a row. `record` holds what the write's answer showed, None after an archive."""

    record: MappingRecord | None = field(default=None, repr=False)
    new: bool = False
    repeated: bool = False
    """An earlier attempt of the same call may have written it: a record that is not new may be of that."""


@dataclass
class BatchOutcome:
    """What became of each row, by trace id; every row is in exactly one of the three."""

    applied: dict[str, Applied] = field(default_factory=dict)
    rejected: dict[str, Rejection] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    error: HubSpotError | None = None
    """What ended the batch early (quota, token, network): the rows then left are unknown, sent or not."""

    def add(self, other: BatchOutcome) -> None:
        """Take in the outcome of another part."""
        self.applied |= other.applied
        self.rejected |= other.rejected
        self.unknown += other.unknown
        self.error = self.error or other.error


class _Written(MappingRecord, gc=False):
    objectWriteTraceId: str | None = None  # noqa: N815
    new: bool = False


class _Answer(msgspec.Struct):
    status: str = "COMPLETE"
    results: list[_Written] = []
    errors: list[BatchError] = []


def send_batch(client: Client, object_name: str, kind: BatchKind, inputs: Sequence[RecordInput]) -> BatchOutcome:
    """Write rows, one call of at most 100 after the other.

    Rows whose whole call was refused are taken apart until each bad one stands alone. An error that ends everything
    (quota, token, scope, network) is raised where no row has an outcome yet, else left in `error`.
    """
    traces = [each.trace_id for each in inputs]
    if len(set(traces)) != len(traces):
        raise ValueError("two rows of a batch share a trace id")
    outcome = BatchOutcome()
    for start in range(0, len(inputs), INPUTS):
        chunk = inputs[start : start + INPUTS]
        if outcome.error is not None:
            outcome.unknown += tuple(each.trace_id for each in chunk)
            continue
        _send_part(client, object_name, kind, chunk, outcome)
    return outcome


def _send_part(
    client: Client, object_name: str, kind: BatchKind, part: Sequence[RecordInput], outcome: BatchOutcome
) -> None:
    """Send rows as one call; halve them when the call is refused as a whole."""
    if outcome.error is not None:
        outcome.unknown += tuple(each.trace_id for each in part)
        return
    try:
        outcome.add(_send_once(client, object_name, kind, part))
    except RefusedError as error:
        _take_apart(client, object_name, kind, part, outcome, error)
    except UnknownOutcomeError:
        outcome.unknown += tuple(each.trace_id for each in part)
    except HubSpotError as error:
        if not (outcome.applied or outcome.rejected or outcome.unknown):
            raise
        outcome.error = error
        outcome.unknown += tuple(each.trace_id for each in part)


def _take_apart(
    client: Client,
    object_name: str,
    kind: BatchKind,
    part: Sequence[RecordInput],
    outcome: BatchOutcome,
    error: RefusedError,
) -> None:
    if rejections.is_systemic(error) and not outcome.applied:
        raise error
    if len(part) > 1:  # HS-17: nothing of a batch refused with 400 or 409 was written
        for some in _split(part, error):
            _send_part(client, object_name, kind, some, outcome)
        return
    if kind == "upsert" and error.status == 409:  # two creators raced; now it is an update
        try:
            outcome.add(_send_once(client, object_name, kind, part))
        except RefusedError as again:
            error = again
        except UnknownOutcomeError:
            outcome.unknown += (part[0].trace_id,)
            return
        except HubSpotError as ending:  # the rows before this one keep their outcomes
            outcome.error = ending
            outcome.unknown += (part[0].trace_id,)
            return
        else:
            return
    outcome.rejected[part[0].trace_id] = rejections.build_rejection(error)


def _split(part: Sequence[RecordInput], error: RefusedError) -> Iterator[Sequence[RecordInput]]:
    """Take the rows that the refusal names out, one by one, and the rest together; halves where it names none, or all."""
    keys, values = [each.id or "" for each in part], [tuple(each.properties.values()) for each in part]
    named = rejections.find_named(error, keys, values)
    if not 0 < len(named) <= MOST_NAMED:
        yield from rejections.halves(part)
        return
    yield from ([part[position]] for position in sorted(named))
    rest = [each for position, each in enumerate(part) if position not in named]
    if rest:
        yield rest


def _send_once(client: Client, object_name: str, kind: BatchKind, part: Sequence[RecordInput]) -> BatchOutcome:
    path, body = build_request(object_name, kind, part)
    answer = client.send("POST", path, body=body, type=_Answer, replayable=kind != "create")
    return _account(kind, part, answer.value, repeated=answer.repeated)


def build_request(
    object_name: str, kind: BatchKind, part: Sequence[RecordInput]
) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """Give path and body of one call, as it is sent."""
    return f"/crm/objects/{{version}}/{object_name}/batch/{kind}", {
        "inputs": [_build_input(kind, each) for each in part]
    }


def _account(kind: BatchKind, part: Sequence[RecordInput], answer: _Answer, *, repeated: bool = False) -> BatchOutcome:
    """Match an answer to its inputs, by trace id or by key and never by position; who is not named is unknown."""
    outcome, errors = BatchOutcome(), answer.errors
    by_key = {_key(each.id_property, each.id): each.trace_id for each in part if each.id is not None}
    known = {each.trace_id for each in part}
    for error in errors:
        named = (*error.trace_ids(), *(by_key.get(key, "") for key in _error_keys(error)))
        for trace_id in known.intersection(named):
            outcome.rejected[trace_id] = error.build_rejection()
    for result in answer.results:
        owner = result.objectWriteTraceId or _find(part, by_key, result)
        if owner in known and owner not in outcome.rejected:
            outcome.applied[owner] = Applied(result, result.new, repeated)
    left = known - outcome.applied.keys() - outcome.rejected.keys()
    if kind == "archive" and not errors and answer.status == "COMPLETE":  # answered without a body
        outcome.applied |= {trace_id: Applied() for trace_id in left}
    elif len(part) == 1 and left and errors:  # an error that names nobody is about the only row
        outcome.rejected[part[0].trace_id] = errors[0].build_rejection()
    else:
        outcome.unknown = tuple(each.trace_id for each in part if each.trace_id in left)
    return outcome


def _find(part: Sequence[RecordInput], by_key: Mapping[str, str], result: _Written) -> str | None:
    """Find the row of a result without trace id: by record id, or by the property that it was matched by."""
    if len(part) == 1:
        return part[0].trace_id
    names = {each.id_property for each in part}
    keys = (_key(name, result.id if _is_id(name) else result.properties.get(name or "")) for name in names)
    return next((by_key[key] for key in keys if key in by_key), None)


def _error_keys(error: BatchError) -> list[str]:
    return [text for each in (*error.named("ids"), *filter(None, [error.id])) for text in (each, each.strip().lower())]


def _key(id_property: str | None, value: str | None) -> str:
    return (value or "").strip().lower() if id_property == "email" else (value or "")


def _is_id(id_property: str | None) -> bool:
    return id_property in {None, "hs_object_id"}


def _build_input(kind: BatchKind, each: RecordInput) -> dict[str, Any]:
    """Build one input. HS-19: `hs_object_id` as idProperty of a write is refused; the id alone means it."""
    if kind == "archive":
        return {"id": each.id}
    built: dict[str, Any] = {"properties": dict(each.properties), "objectWriteTraceId": each.trace_id}
    if each.linked is not None:
        to, linked = each.linked
        types = [{"associationCategory": linked.category, "associationTypeId": linked.type_id}]
        built["associations"] = [{"to": {"id": to}, "types": types}]
    if kind != "create":
        built["id"] = each.id
        if not _is_id(each.id_property):
            built["idProperty"] = each.id_property
    return built
