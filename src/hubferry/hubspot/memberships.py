"""Reads and writes who is in a list. Only lists that people fill (MANUAL, SNAPSHOT) take members by call (HS-46).

A membership is treated as an unlabelled link from the record to the list, so that everything that is true of links is true of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hubferry import objects
from hubferry.errors import RefusedError
from hubferry.hubspot import rejections
from hubferry.hubspot.associations import Link, LinkInput, LinkOutcome, LinkType
from hubferry.hubspot.client import Client
from hubferry.hubspot.rejections import Rejection

MEMBER = LinkType("HUBSPOT_DEFINED", 0)
"""The one kind of link that a record has to a list."""
READ_INPUTS = 100
WRITE_INPUTS = 2_000
PAGE = 500
_PREFIX = "lists of "
_STATIC = ("MANUAL", "SNAPSHOT")


def lists_of(object_name: str) -> str:
    """Name the lists of an object as the other end of a link: what is an object's name elsewhere."""
    return f"{_PREFIX}{object_name}"


def owner_of(name: str) -> str:
    """Give the object whose lists these are."""
    return name.removeprefix(_PREFIX)


def are_lists(name: str) -> bool:
    """Tell whether the other end of a link is a list."""
    return name.startswith(_PREFIX)


class _List(msgspec.Struct):
    listId: str  # noqa: N815
    name: str = ""


class _Lists(msgspec.Struct):
    lists: list[_List] = []
    hasMore: bool = False  # noqa: N815
    offset: int = 0


class _Membership(msgspec.Struct):
    listId: str  # noqa: N815


class _Record(msgspec.Struct):
    recordId: str  # noqa: N815
    recordListMemberships: list[_Membership] = []  # noqa: N815


class _Memberships(msgspec.Struct):
    results: list[_Record] = []


class _Changed(msgspec.Struct):
    recordIdsMissing: list[str] = []  # noqa: N815


def fetch_static_lists(client: Client, object_name: str) -> Mapping[str, str]:
    """Give the lists of an object whose members are set by call: id and name; 500 a call."""
    body = {"query": "", "count": PAGE, "objectTypeId": _type_id(object_name), "processingTypes": list(_STATIC)}
    found: dict[str, str] = {}
    offset, more = 0, True
    while more:
        page = client.fetch("/crm/lists/{version}/search", type=_Lists, body=body | {"offset": offset}).value
        found |= {each.listId: each.name for each in page.lists}
        more, offset = page.hasMore and page.offset > offset, page.offset
    return found


def fetch_memberships(client: Client, object_name: str, ids: Iterable[str]) -> Iterator[list[Link]]:
    """Read the lists of these records: 100 a call, several calls at once, in any order. A record that is gone has none."""
    type_id, asked = _type_id(object_name), list(dict.fromkeys(ids))

    def fetch(chunk: Sequence[str]) -> list[Link]:
        body = {"inputs": [{"objectTypeId": type_id, "recordId": each} for each in chunk]}
        path = "/crm/lists/{version}/records/memberships/batch/read"
        answer = client.fetch(path, type=_Memberships, body=body).value
        return [
            Link(record.recordId, each.listId, MEMBER.category, MEMBER.type_id, None)
            for record in answer.results
            for each in record.recordListMemberships
        ]

    return client.map(fetch, (asked[start : start + READ_INPUTS] for start in range(0, len(asked), READ_INPUTS)))


def send_joins(client: Client, from_object: str, to_object: str, inputs: Sequence[LinkInput]) -> LinkOutcome:  # noqa: ARG001
    """Put records on lists; repeating it changes nothing."""
    return _send_all(client, inputs, "recordIdsToAdd")


def send_leaves(client: Client, from_object: str, to_object: str, inputs: Sequence[LinkInput]) -> LinkOutcome:  # noqa: ARG001
    """Take records off lists; repeating it changes nothing."""
    return _send_all(client, inputs, "recordIdsToRemove")


def build_joins_request(list_id: str, record_ids: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Give path and body of one call (PUT) that puts records on a list, as it is sent."""
    return _path(list_id), {"recordIdsToAdd": list(record_ids), "recordIdsToRemove": []}


def _path(list_id: str) -> str:
    return f"/crm/lists/{{version}}/{list_id}/memberships/add-and-remove"


def _send_all(client: Client, inputs: Sequence[LinkInput], name: str) -> LinkOutcome:
    by_list: dict[str, list[LinkInput]] = defaultdict(list)
    for each in inputs:
        by_list[each.to_id].append(each)
    outcome = LinkOutcome()
    for list_id, members in by_list.items():
        for start in range(0, len(members), WRITE_INPUTS):
            _send(client, list_id, members[start : start + WRITE_INPUTS], name, outcome)
    return outcome


def _send(client: Client, list_id: str, part: Sequence[LinkInput], name: str, outcome: LinkOutcome) -> None:
    path, body = build_joins_request(list_id, ())

    def send(members: Sequence[LinkInput]) -> _Changed:
        body[name] = [each.from_id for each in members]
        return client.send("PUT", path, body=body, type=_Changed, replayable=True).value

    try:
        answer = outcome.send(part, send)
    except RefusedError as error:  # it is about the list: gone, or filled by its filters
        outcome.rejected |= dict.fromkeys(part, rejections.build_rejection(error))
        return
    if answer is None:
        return
    missing = set(answer.recordIdsMissing)
    gone = Rejection("the record is not there any more, so it is in no list", "OBJECT_NOT_FOUND")
    outcome.rejected |= {each: gone for each in part if each.from_id in missing}
    outcome.applied += tuple(each for each in part if each.from_id not in missing)


def _type_id(object_name: str) -> str:
    known = objects.find(object_name)
    return known.type_id if known else object_name
