"""Pages on which visitors book meetings, one or two of each user (HS-74)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from hubspot_emulator import documents, paging, parsing, user_store
from hubspot_emulator.documents import Document
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.samples import DAY_MS
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

KIND = "meeting_links"
TYPES = ("GROUP_CALENDAR", "PERSONAL_LINK", "ROUND_ROBIN_CALENDAR")
_FIRST_ID, _MOST = 12_428_962, 20


def list_links(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of links by id."""
    parsing.known_parameters(request, ("after", "limit", "name", "organizerUserId", "type"))
    limit, start = parsing.limit(request, default=100, most=100), paging.number_token(request) or 0
    wanted = {name: parsing.one(request, name) for name in ("organizerUserId", "type")}
    if wanted["type"] not in {None, *TYPES}:
        raise ApiError(400, f"type must be one of {', '.join(TYPES)}, not {wanted['type']}")
    text = (parsing.one(request, "name") or "").casefold()
    found = [
        each
        for each in documents.all_of(portal, KIND)
        if text in each.body["name"].casefold()
        and all(value in {None, each.body[key]} for key, value in wanted.items())
    ]
    page = [_render(each) for each in found[start : start + limit]]
    answer: dict[str, Any] = {"total": len(found), "results": page}
    if len(found) > start + limit:
        answer["paging"] = paging.build_next(request, str(start + limit))
    return json_response(answer)


def _render(link: Document) -> dict[str, Any]:
    moments = {"createdAt": render_ms(link.created_ms), "updatedAt": render_ms(link.updated_ms)}
    return {"id": link.id, **link.body, **moments}


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every link."""
    for link in documents.all_of(portal, KIND):
        yield {"state": "live", **_render(link)}


def fill(portal: Portal, seed: int) -> None:
    """Give users a link each."""
    rng = Random(f"meeting links {seed}")  # noqa: S311 - repeatable on purpose
    for number, user in enumerate(user_store.page(portal, 0, _MOST)):
        made = portal.now_ms() - rng.randint(1, 300) * DAY_MS
        slug = f"{user.get('firstName') or 'user'}-{user['id']}".lower()
        body = {
            "slug": slug,
            "link": f"https://meetings.hubspot.com/{slug}",
            "name": f"Meet {user.get('firstName') or 'us'}",
            "type": "PERSONAL_LINK" if number % 5 else "ROUND_ROBIN_CALENDAR",
            "organizerUserId": str(user["id"]),
            "userIdsOfLinkMembers": [str(user["id"])],
            "defaultLink": number == 0,
        }
        documents.add(portal, KIND, Document(str(_FIRST_ID + number), None, made, made, body))


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"scheduler.meetings.meeting-link.read"}),)


FAMILY = Family(
    routes=tuple(
        Route(method="GET", template=template, handler=list_links, version=version, scopes=_scopes)
        for template, version in (
            ("/scheduler/{version}/meetings/meeting-links", None),
            ("/scheduler/v3/meetings/meeting-links", "v3"),
        )
    ),
    truths={"meeting_links": truth},
    fill=fill,
)
