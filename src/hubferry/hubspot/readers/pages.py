"""Reads an endpoint page by page, in its own order: owners, pipelines and other small lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from hubferry.errors import UnexpectedAnswerError
from hubferry.hubspot.client import Client
from hubferry.hubspot.records import Page

T = TypeVar("T")


def fetch_pages(
    client: Client,
    path: str,
    *,
    type: type[T],  # noqa: A002
    params: Sequence[tuple[str, str]] = (),
) -> Iterator[list[T]]:
    """Give each page's results until HubSpot names no next page."""
    decoder = msgspec.json.Decoder(Page[type])  # type: ignore[valid-type]
    after: str | None = None
    seen: set[str] = set()
    while True:
        asked = [*params, ("after", after)] if after is not None else params
        page = client.fetch(path, type=decoder, params=asked).value
        yield page.results
        after = page.after
        if after is None:
            return
        if after in seen:
            raise UnexpectedAnswerError(f"GET {path}: HubSpot names the same next page twice, so its list never ends.")
        seen.add(after)
