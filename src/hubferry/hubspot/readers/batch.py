"""Reads records by id, or by the value of a unique property: 100 a call, several calls at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from hubferry.errors import RefusedError, UnexpectedAnswerError
from hubferry.hubspot.client import Client
from hubferry.hubspot.records import MappingRecord, Record, RecordShape

INPUTS = 100
MERGED = "hs_merged_object_ids"
_SECONDARY = {"email": "hs_additional_emails"}


@dataclass
class BatchRead:
    """What a read found: `found` by the id or value that was asked for, and what HubSpot says does not exist.

    A merged-away id finds its survivor: compare `record.id` with what was asked.
    """

    found: dict[str, Record] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class _Answer(msgspec.Struct):
    status: str = "COMPLETE"
    errors: list[_Error] = []


class _Error(msgspec.Struct):
    category: str | None = None
    context: dict[str, list[str]] = {}

    @property
    def says_gone(self) -> bool:
        """Whether it says that records do not exist; any other error leaves open whether they do."""
        return self.category == "OBJECT_NOT_FOUND"


class _Mappings(_Answer):
    results: list[MappingRecord] = []


@dataclass(frozen=True)
class _Question:
    """What all calls of one read share."""

    client: Client
    path: str
    shape: RecordShape
    decoder: msgspec.json.Decoder[_Mappings]
    id_property: str | None
    archived: bool


def fetch_by_ids(
    client: Client,
    object_name: str,
    ids: Iterable[str],
    properties: RecordShape | Sequence[str],
    *,
    id_property: str | None = None,
    archived: bool = False,
) -> BatchRead:
    """Read these records, each asked once. Records are of the shape given, or with a mapping where names are given.

    With `id_property`, `ids` are values of that unique property; a secondary e-mail address finds its contact.
    """
    asked = tuple(dict.fromkeys(ids))
    by_id = id_property in {None, "hs_object_id"}
    impossible = tuple(each for each in asked if by_id and not each.isdigit())
    question = _build_question(client, object_name, properties, None if by_id else id_property, archived=archived)
    read = BatchRead(missing=impossible)
    possible = [each for each in asked if each.isdigit()] if by_id else list(asked)
    chunks = _chunked(possible)
    leftovers: list[str] = []
    for found, missing, rest in client.map(lambda chunk: _fetch_chunk(question, chunk), chunks):
        read.found |= found
        read.missing += missing
        leftovers += rest
    for each, record in client.map(lambda each: (each, _fetch_single(question, each)), leftovers):
        if record is None:
            read.missing += (each,)
        else:
            read.found[each] = record
    return read


def _build_question(
    client: Client,
    object_name: str,
    properties: RecordShape | Sequence[str],
    id_property: str | None,
    *,
    archived: bool,
) -> _Question:
    needed = [MERGED] if id_property is None else [id_property, *filter(None, [_SECONDARY.get(id_property)])]
    if isinstance(properties, RecordShape):
        shape = properties.extended(needed)
        answer = msgspec.defstruct("ShapedRecords", [("results", list[shape.type], [])], bases=(_Answer,))  # type: ignore[name-defined]
    else:
        shape, answer = RecordShape(properties).extended(needed), _Mappings
    path = f"/crm/objects/{{version}}/{object_name}/batch/read"
    return _Question(client, path, shape, msgspec.json.Decoder(answer), id_property, archived)


def _fetch_chunk(
    question: _Question, chunk: Sequence[str]
) -> tuple[dict[str, Record], tuple[str, ...], tuple[str, ...]]:
    """Read one chunk: found, missing, and those whose answer cannot be told apart from others'."""
    answer = _fetch(question, chunk)
    normal = str.lower if question.id_property == "email" else str  # other unique values may differ by case alone
    gone = {normal(each.strip()) for error in answer.errors if error.says_gone for each in error.context.get("ids", ())}
    by_key: dict[str, Record] = {normal(key): record for record in answer.results for key in _keys(question, record)}
    by_key |= {normal(_own_key(question, record)): record for record in answer.results}
    found: dict[str, Record] = {each: by_key[key] for each in chunk if (key := normal(each.strip())) in by_key}
    missing = tuple(each for each in chunk if each not in found and normal(each.strip()) in gone)
    return found, missing, tuple(each for each in chunk if each not in found and each not in missing)


def _fetch_single(question: _Question, each: str) -> Record | None:
    """Ask for one alone: whatever comes is its answer."""
    answer = _fetch(question, [each])
    if len(answer.results) == 1:
        return answer.results[0]
    if any(error.says_gone for error in answer.errors):
        return None
    raise UnexpectedAnswerError(
        f"POST {question.path}: HubSpot neither returned a record that was asked for nor said that it does not exist."
        " Running again asks again."
    )


def _fetch(question: _Question, chunk: Sequence[str]) -> _Mappings:
    body: dict[str, object] = {"inputs": [{"id": each} for each in chunk], "properties": question.shape.properties}
    if question.id_property is not None:
        body["idProperty"] = question.id_property
    params = [("archived", "true")] if question.archived else []
    try:
        return question.client.fetch(question.path, type=question.decoder, params=params, body=body).value
    except RefusedError as error:
        if error.status != 404 or error.category != "OBJECT_NOT_FOUND":
            raise
        # Some portals say so where all are missing. Where one may be meant, each is asked for alone.
        return _Mappings(errors=[_Error(error.category, {"ids": list(chunk)})] if len(chunk) == 1 else [])


def _keys(question: _Question, record: Record) -> Iterator[str]:
    """Give every key but its own under which a record may have been asked for: merged ids, secondary addresses."""
    name = MERGED if question.id_property is None else _SECONDARY.get(question.id_property)
    text = question.shape.value(record, name) if name else None
    yield from (each for each in (text or "").split(";") if each)


def _own_key(question: _Question, record: Record) -> str:
    if question.id_property is None:
        return record.id
    return question.shape.value(record, question.id_property) or record.id


def _chunked(items: Sequence[str]) -> Iterator[Sequence[str]]:
    source = iter(items)
    while chunk := tuple(islice(source, INPUTS)):
        yield chunk
