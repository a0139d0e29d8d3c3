"""Reads records with every version of their properties: 50 a call, several calls at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hubferry.errors import RefusedError
from hubferry.hubspot.client import Client

INPUTS = 50
"""HubSpot takes no more where versions are asked for."""


class _Answer(msgspec.Struct):
    results: list[dict[str, Any]] = []


_DECODER = msgspec.json.Decoder(_Answer)


def fetch_history(
    client: Client, object_name: str, ids: Sequence[str], properties: Sequence[str]
) -> Iterator[list[Mapping[str, Any]]]:
    """Give the records that still exist, each with `propertiesWithHistory`, a call's worth at a time."""
    path = f"/crm/objects/{{version}}/{object_name}/batch/read"

    def fetch(start: int) -> list[Mapping[str, Any]]:
        inputs = [{"id": each} for each in ids[start : start + INPUTS]]
        body = {"inputs": inputs, "properties": (), "propertiesWithHistory": properties}
        try:
            return list(client.fetch(path, type=_DECODER, body=body).value.results)
        except RefusedError as error:
            if error.status != 404 or error.category != "OBJECT_NOT_FOUND":
                raise
            return []  # some portals say so where none of the records exists any more

    yield from client.map(fetch, range(0, len(ids), INPUTS))
