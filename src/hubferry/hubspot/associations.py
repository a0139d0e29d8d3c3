"""Reads and writes associations between two objects, in one direction; labels belong to that direction.

A write of a pair replaces all its USER_DEFINED labels: send the complete set of types, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import msgspec

from hubferry.errors import HubSpotError, RefusedError, UnexpectedAnswerError, UnknownOutcomeError
from hubferry.hubspot import rejections
from hubferry.hubspot.client import Client
from hubferry.hubspot.records import Paging
from hubferry.hubspot.rejections import BatchError, Rejection

T = TypeVar("T")
READ_INPUTS = 1_000
WRITE_INPUTS = 2_000
ARCHIVE_INPUTS = 100
_NOTHING = frozenset(
    {"crm.associations.NO_ASSOCIATIONS_FOUND", "crm.associations.FROM_OBJECT_NOT_FOUND"},
)


@dataclass(frozen=True)
class LinkType:
    """One kind of association in one direction; `label` None means unlabelled. Ids repeat across categories."""

    category: str
    type_id: int
    label: str | None = None


@dataclass(frozen=True)
class Link:
    """One type of association between two records."""

    from_id: str
    to_id: str
    category: str
    type_id: int
    label: str | None


@dataclass(frozen=True)
class LinkInput:
    """One pair to write, with all types that are meant."""

    from_id: str
    to_id: str
    types: tuple[LinkType, ...] = ()


@dataclass
class LinkOutcome:
    """What became of each pair; every one is in exactly one of the three."""

    applied: tuple[LinkInput, ...] = ()
    rejected: dict[LinkInput, Rejection] = field(default_factory=dict)
    unknown: tuple[LinkInput, ...] = ()
    error: HubSpotError | None = None
    """What ended it early (quota, token, network): the pairs then left are unknown, sent or not."""

    def send(self, part: Sequence[LinkInput], call: Callable[[Sequence[LinkInput]], T]) -> T | None:
        """Send these pairs and give the answer; None where they are unknown now, lost or not sent after an early end.

        RefusedError is the caller's to settle. Another error is raised only while nothing is known of any pair.
        """
        if self.error is not None:
            self.unknown += tuple(part)
            return None
        try:
            return call(part)
        except RefusedError:
            raise
        except UnknownOutcomeError:
            self.unknown += tuple(part)
        except HubSpotError as error:
            if not (self.applied or self.rejected or self.unknown):
                raise
            self.error = error
            self.unknown += tuple(part)
        return None


class _Label(msgspec.Struct):
    category: str
    typeId: int  # noqa: N815
    label: str | None = None


class _Labels(msgspec.Struct):
    results: list[_Label]


class _Id(msgspec.Struct):
    id: str | int


class _To(msgspec.Struct):
    toObjectId: str | int  # noqa: N815  HS-33: specified as text, sent as a number
    associationTypes: list[_Label]  # noqa: N815


class _From(msgspec.Struct, rename={"source": "from"}):
    source: _Id
    to: list[_To] = []
    paging: Paging | None = None


class _Read(msgspec.Struct):
    results: list[_From] = []
    errors: list[BatchError] = []


class _Pair(msgspec.Struct):
    fromObjectId: str | int | None = None  # noqa: N815
    toObjectId: str | int | None = None  # noqa: N815


class _Written(msgspec.Struct):
    status: str = "COMPLETE"
    results: list[_Pair] = []
    errors: list[BatchError] = []


def fetch_labels(client: Client, from_object: str, to_object: str) -> tuple[LinkType, ...]:
    """Read every type of association in this direction, default and labels."""
    path = f"/crm/associations/{{version}}/{from_object}/{to_object}/labels"
    found = client.fetch(path, type=_Labels).value.results
    return tuple(LinkType(each.category, each.typeId, each.label) for each in found)


def send_label(client: Client, from_object: str, to_object: str, *, name: str, label: str) -> None:
    """Define a label that reads alike from both ends; HS-38: `name` is for good, takes no hyphen and begins with a letter."""
    path = f"/crm/associations/{{version}}/{from_object}/{to_object}/labels"
    client.send("POST", path, body={"name": name, "label": label}, type=_Labels, replayable=False)


def fetch_links(client: Client, from_object: str, to_object: str, ids: Iterable[str]) -> Iterator[list[Link]]:
    """Read the links of these records: 1,000 a call, several calls at once, in any order.

    All links of one record stand in one list. A record without links, or that does not exist, has none.
    """
    path = f"/crm/associations/{{version}}/{from_object}/{to_object}/batch/read"
    return client.map(lambda chunk: _fetch_complete(client, path, chunk), _chunked(dict.fromkeys(ids), READ_INPUTS))


def send_links(client: Client, from_object: str, to_object: str, inputs: Sequence[LinkInput]) -> LinkOutcome:
    """Make each pair have these types: 2,000 a call, one call after the other. Repeating it changes nothing."""
    call = _Write(client, _create_path(from_object, to_object), _build_typed)
    return _send_all(call, inputs, WRITE_INPUTS)


def build_links_request(
    from_object: str, to_object: str, inputs: Sequence[LinkInput]
) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """Give path and body of one call that sets links, as it is sent."""
    return _create_path(from_object, to_object), {"inputs": _build_typed(inputs)}


def _create_path(from_object: str, to_object: str) -> str:
    return f"/crm/associations/{{version}}/{from_object}/{to_object}/batch/create"


def send_links_archive(client: Client, from_object: str, to_object: str, inputs: Sequence[LinkInput]) -> LinkOutcome:
    """Remove everything between each pair, in both directions."""
    path = f"/crm/associations/{{version}}/{from_object}/{to_object}/batch/archive"
    return _send_all(_Write(client, path, _build_grouped, shows_results=False), inputs, ARCHIVE_INPUTS)


def send_labels_archive(client: Client, from_object: str, to_object: str, inputs: Sequence[LinkInput]) -> LinkOutcome:
    """Remove these types of each pair. HS-28: to name the unlabelled type removes every label, too."""
    path = f"/crm/associations/{{version}}/{from_object}/{to_object}/batch/labels/archive"
    return _send_all(_Write(client, path, _build_typed, shows_results=False), inputs, ARCHIVE_INPUTS)


def _fetch_complete(client: Client, path: str, ids: Sequence[str]) -> list[Link]:
    """Read one chunk, and each record's further pages, which hold its 501st link and on."""
    links: list[Link] = []
    inputs: list[dict[str, str]] = [{"id": each} for each in ids]
    while inputs:
        answer = client.fetch(path, type=_Read, body={"inputs": inputs}).value
        for error in answer.errors:
            if error.subCategory not in _NOTHING:
                raise UnexpectedAnswerError(
                    f"POST {path}: HubSpot could not read the links of a record"
                    f" ({error.category or 'no category'} {error.subCategory or ''}).",
                    category=error.category,
                    correlation_id=error.correlationId,
                )
        links += [link for each in answer.results for link in _links_of(each)]
        asked, inputs = (
            inputs,
            [
                {"id": str(each.source.id), "after": each.paging.next.after}
                for each in answer.results
                if each.paging and each.paging.next
            ],
        )
        if inputs and inputs == asked:
            raise UnexpectedAnswerError(f"POST {path}: HubSpot names the same next page twice, so its list never ends.")
    return links


def _links_of(each: _From) -> Iterator[Link]:
    for to in each.to:
        for kind in to.associationTypes:
            yield Link(str(each.source.id), str(to.toObjectId), kind.category, kind.typeId, kind.label)


@dataclass(frozen=True)
class _Write:
    """One kind of write call."""

    client: Client
    path: str
    build: Callable[[Sequence[LinkInput]], list[dict[str, Any]]]
    shows_results: bool = True

    def send(self, part: Sequence[LinkInput]) -> _Written:
        """Send; every kind may be sent again."""
        body = {"inputs": self.build(part)}
        return self.client.send("POST", self.path, body=body, type=_Written, replayable=True).value


def _send_all(call: _Write, inputs: Sequence[LinkInput], size: int) -> LinkOutcome:
    pairs = {(each.from_id, each.to_id) for each in inputs}
    if len(pairs) != len(inputs):
        raise ValueError("a pair stands twice among the links to write; the second would undo the first")
    outcome = LinkOutcome()
    for start in range(0, len(inputs), size):
        _send_part(call, inputs[start : start + size], outcome)
    return outcome


def _send_part(call: _Write, part: Sequence[LinkInput], outcome: LinkOutcome) -> None:
    try:
        answer = outcome.send(part, call.send)
    except RefusedError as error:
        if rejections.is_systemic(error):
            raise
        if len(part) == 1:
            outcome.rejected[part[0]] = rejections.build_rejection(error)
        else:
            for half in rejections.halves(part):
                _send_part(call, half, outcome)
        return
    if answer is not None:
        _account(call, part, answer, outcome)


def _account(call: _Write, part: Sequence[LinkInput], answer: _Written, outcome: LinkOutcome) -> None:
    """Find each pair in the answer. Associations have no trace id: where an error names nobody, halves are sent again."""
    shown = {(str(each.fromObjectId), str(each.toObjectId)) for each in answer.results}
    # A result may name the ends the other way round; one that is an input as it stands is that input: ids of two objects are alike.
    shown |= {(to_id, from_id) for from_id, to_id in shown - {(each.from_id, each.to_id) for each in part}}
    applied = [each for each in part if (each.from_id, each.to_id) in shown]
    found = set(applied)
    left = [each for each in part if each not in found]
    if not answer.errors:
        done = left if not call.shows_results and answer.status == "COMPLETE" else []
        outcome.applied += (*applied, *done)
        outcome.unknown += tuple(each for each in left if not done)
        return
    if len(part) == 1 and left:
        outcome.rejected[part[0]] = answer.errors[0].build_rejection()
        return
    outcome.applied += tuple(applied)
    refused = _find_refused(answer.errors, left)
    outcome.rejected |= refused
    for half in rejections.halves([each for each in left if each not in refused]):
        if half:
            _send_part(call, half, outcome)


def _find_refused(errors: Sequence[BatchError], left: Sequence[LinkInput]) -> dict[LinkInput, Rejection]:
    """Find the pairs that errors surely are about: those of a record that does not exist, or of both ids that are named."""
    refused: dict[LinkInput, Rejection] = {}
    for error in errors:
        kind, ids = error.subCategory or "", error.named("id")
        from_ids, to_ids = error.named("fromObjectId"), error.named("toObjectId")
        for each in left:
            if (
                (kind.endswith(".TO_OBJECT_NOT_FOUND") and each.to_id in ids)
                or (kind.endswith(".FROM_OBJECT_NOT_FOUND") and each.from_id in ids)
                or (each.from_id in from_ids and each.to_id in to_ids)
            ):
                refused.setdefault(each, error.build_rejection())
    return refused


def _build_typed(part: Sequence[LinkInput]) -> list[dict[str, Any]]:
    return [
        {
            "from": {"id": each.from_id},
            "to": {"id": each.to_id},
            "types": [{"associationCategory": kind.category, "associationTypeId": kind.type_id} for kind in each.types],
        }
        for each in part
    ]


def _build_grouped(part: Sequence[LinkInput]) -> list[dict[str, Any]]:
    targets: dict[str, list[str]] = {}
    for each in part:
        targets.setdefault(each.from_id, []).append(each.to_id)
    return [{"from": {"id": source}, "to": [{"id": each} for each in to]} for source, to in targets.items()]


def _chunked(items: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    source = iter(items)
    while chunk := tuple(islice(source, size)):
        yield chunk
