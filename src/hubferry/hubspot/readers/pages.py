"""Reads a list page by page, in its own order, whatever form it has: owners, forms, e-mail events and the like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hubferry.errors import UnexpectedAnswerError
from hubferry.hubspot.client import Client

Result = Mapping[str, Any]


def fetch_pages(
    client: Client,
    path: str,
    *,
    params: Sequence[tuple[str, str]] = (),
    body: Mapping[str, Any] | None = None,
    results: str | None = "results",
    paging: str = "after",
) -> Iterator[list[Result]]:
    """Give each page's results until HubSpot names no next page.

    `results` is their key, None where the answer is the only one. `paging`: `after` (in `paging.next`), `offset` or
    `more` (`after`) beside `hasMore`, `none`. With `body` the call is a POST and the next page's place goes into it.
    """
    place: dict[str, str | int] = {}
    seen: set[str] = set()
    while True:
        asked = params if body is not None else [*params, *((name, str(value)) for name, value in place.items())]
        sent = None if body is None else {**body, **place}
        answer = client.fetch(path, type=dict[str, Any], params=asked, body=sent).value
        yield _results(path, answer, results)
        place = _next_place(path, answer, paging)
        if not place:
            return
        if str(place) in seen:
            raise UnexpectedAnswerError(f"{path}: HubSpot names the same next page twice, so its list never ends.")
        seen.add(str(place))


def _results(path: str, answer: dict[str, Any], key: str | None) -> list[Result]:
    found = [answer] if key is None else answer.get(key)
    if not isinstance(found, list):
        raise UnexpectedAnswerError(f"{path}: HubSpot's answer has no list under {key!r}.")
    return found


def _next_place(path: str, answer: Mapping[str, Any], paging: str) -> dict[str, str | int]:
    """Give the parameter that asks for the next page; empty on the last one."""
    if paging == "after":
        after = ((answer.get("paging") or {}).get("next") or {}).get("after")
        return {} if after is None else {"after": after}
    name = {"offset": "offset", "more": "after"}.get(paging)
    if name is None or not answer.get("hasMore"):
        return {}
    if answer.get(name) is None:
        raise UnexpectedAnswerError(f"{path}: HubSpot says that there is more and not where ({name} is missing).")
    return {name: answer[name]}
