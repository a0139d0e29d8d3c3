"""E-mail campaigns of the v1 API: ids by latest activity, and details one by one (HS-51)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hubspot_emulator import documents, email_events, feeds, parsing
from hubspot_emulator.documents import Document
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

KIND = "email_campaigns"


def list_campaigns(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of ids, those with the latest activity first."""
    entries = sorted(_entries(portal), key=lambda each: (each["lastUpdatedTime"], str(each["id"])), reverse=True)
    return _page(portal, request, entries, "lastUpdatedTime")


def list_campaigns_by_id(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of ids in an order that means nothing, but stays."""
    entries = sorted(_entries(portal), key=lambda each: (each["id"] % 97, str(each["id"])), reverse=True)
    return _page(portal, request, entries, None)


def one_campaign(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the details of a campaign."""
    parsing.known_parameters(request, ("appId",))
    campaign = documents.find(portal, KIND, request.params["campaignId"])
    app_id = parsing.one(request, "appId")
    if campaign is None or app_id not in {None, str(campaign.body["appId"])}:
        text = f"resource not found: campaign {request.params['campaignId']} of app {app_id}"
        raise ApiError(404, text, category="OBJECT_NOT_FOUND")
    return json_response(_render(portal, campaign))


def _page(portal: Portal, request: ApiRequest, entries: list[dict[str, Any]], moment: str | None) -> ApiResponse:
    parsing.known_parameters(request, ("limit", "offset"))
    size = feeds.limit(request, default=100, most=portal.knobs.email_campaign_page_most)
    position = feeds.read_offset(portal, request)
    key = _position_by_moment if moment else _position_by_remainder
    rest = [each for each in entries if key(each) < position]
    page = rest[:size]
    answer: dict[str, Any] = {"hasMore": len(rest) > size, "campaigns": page}
    if page:
        answer["offset"] = feeds.encode_offset(portal, *key(page[-1]))
    return json_response(answer)


def _position_by_moment(entry: dict[str, Any]) -> tuple[int, str]:
    return entry["lastUpdatedTime"], str(entry["id"])


def _position_by_remainder(entry: dict[str, Any]) -> tuple[int, str]:
    return entry["id"] % 97, str(entry["id"])


def _entries(portal: Portal) -> Iterator[dict[str, Any]]:
    latest = email_events.latest(portal)
    for campaign in documents.all_of(portal, KIND):
        number = int(campaign.id)
        yield {
            "id": number,
            "lastUpdatedTime": max(campaign.updated_ms, latest.get(number, 0)),
            "appId": campaign.body["appId"],
            "appName": campaign.body["appName"],
        }


def _render(portal: Portal, campaign: Document) -> dict[str, Any]:
    counters = email_events.counters(portal, int(campaign.id))
    return {"id": int(campaign.id), **campaign.body, "counters": counters}


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every campaign with its details and its latest activity."""
    entries = {str(each["id"]): each for each in _entries(portal)}
    for campaign in documents.all_of(portal, KIND):
        yield entries[campaign.id] | _render(portal, campaign) | {"state": "live"}


_BASE = "/email/public/v1/campaigns"
ROUTES: tuple[Route, ...] = tuple(
    Route(method="GET", template=template, handler=handler, version="v1", scopes=feeds.content_scopes)
    for template, handler in (
        (_BASE, list_campaigns),
        (f"{_BASE}/by-id", list_campaigns_by_id),
        (f"{_BASE}/{{campaignId}}", one_campaign),
    )
)
