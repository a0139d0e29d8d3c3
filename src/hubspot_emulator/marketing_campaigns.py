"""Marketing campaigns: page by page, one, several, and the assets that belong to one (HS-49)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from hubspot_emulator import documents, marketing_samples, paging, parsing
from hubspot_emulator.documents import Document
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.marketing_samples import CAMPAIGNS
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

KNOWN_PROPERTIES = frozenset(
    {
        "hs_audience",
        "hs_budget_items_sum_amount",
        "hs_campaign_status",
        "hs_color_hex",
        "hs_created_by_user_id",
        "hs_currency_code",
        "hs_end_date",
        "hs_goal",
        "hs_name",
        "hs_notes",
        "hs_object_id",
        "hs_owner",
        "hs_spend_items_sum_amount",
        "hs_start_date",
        "hs_utm",
    }
)
_SORTS: dict[str, Callable[[Document], Any]] = {
    "createdAt": lambda each: each.created_ms,
    "hs_name": lambda each: each.body["properties"]["hs_name"],
    "updatedAt": lambda each: each.updated_ms,
}
MOST_INPUTS = 50


def list_campaigns(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of campaigns."""
    parsing.known_parameters(request, ("after", "limit", "name", "properties", "sort"))
    limit = parsing.limit(request, default=50, most=100)
    names = _properties(request)
    text = (parsing.one(request, "name") or "").casefold()
    found = [
        each
        for each in documents.all_of(portal, CAMPAIGNS, archived=False)
        if text in each.body["properties"]["hs_name"].casefold()
    ]
    _sort(found, parsing.one(request, "sort") or "hs_name")
    start = paging.number_token(request) or 0
    page = found[start : start + limit]
    answer: dict[str, Any] = {"total": len(found), "results": [_render(each, names) for each in page]}
    if len(found) > start + limit:
        answer["paging"] = paging.build_next(request, str(start + limit))
    return json_response(answer)


def one_campaign(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give one campaign with its assets."""
    parsing.known_parameters(request, ("endDate", "properties", "startDate"))
    campaign = _find(portal, request.params["campaignGuid"])
    return json_response(_with_assets(request, campaign, _properties(request)))


def read_campaigns(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give several campaigns with their assets; ids that cannot be are errors beside them."""
    parsing.known_parameters(request, ("endDate", "properties", "startDate"))
    names = _properties(request)
    _, inputs = parsing.inputs(request, ("id",))
    parsing.limit_inputs(inputs, MOST_INPUTS, "a batch read of campaigns")
    results, errors = [], []
    for each in inputs:
        try:
            campaign = _find(portal, parsing.text(each.get("id"), where="an input's id"))
        except ApiError as error:
            errors.append(error)
        else:
            results.append(_with_assets(request, campaign, names))
    now = render_ms(portal.now_ms())
    answer: dict[str, Any] = {"completedAt": now, "status": "COMPLETE", "startedAt": now, "results": results}
    if errors:
        answer |= {"errors": [_partial(error) for error in errors], "numErrors": len(errors)}
    return json_response(answer, status=207 if errors else 200)


def list_assets(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of a campaign's assets of one type."""
    parsing.known_parameters(request, ("after", "endDate", "limit", "startDate"))
    campaign = _find(portal, request.params["campaignGuid"])
    limit = parsing.limit(request, default=10, most=100)
    found = campaign.body["assets"].get(request.params["assetType"], [])
    start = paging.number_token(request) or 0
    answer: dict[str, Any] = {"results": found[start : start + limit]}
    if len(found) > start + limit:
        answer["paging"] = paging.build_next(request, str(start + limit))
    return json_response(answer)


def _find(portal: Portal, guid: str) -> Document:
    try:
        well_formed = str(UUID(guid)) == guid.lower()
    except ValueError:
        well_formed = False
    if not well_formed:
        raise _invalid(f"Invalid campaign GUID format: {guid}")
    campaign = documents.find(portal, CAMPAIGNS, guid.lower())
    if campaign is None or campaign.archived:
        raise ApiError(404, f"Campaign not found: {guid}", category="OBJECT_NOT_FOUND")
    return campaign


def _invalid(text: str) -> ApiError:
    return ApiError(
        400,
        f"Invalid request: '{text}'",
        sub_category="CampaignApiError.INVALID_REQUEST",
        context={"message": [text]},
    )


def _partial(error: ApiError) -> dict[str, object]:
    """Render an error of a batch; it bears no correlation id."""
    return {name: value for name, value in error.envelope("").items() if name != "correlationId"}


def _properties(request: ApiRequest) -> Sequence[str]:
    names = parsing.names(request, "properties")
    for name in names:
        if name.startswith("hs_") and name not in KNOWN_PROPERTIES:
            raise _invalid(f"Unknown or forbidden campaign property in properties: {name}")
    return names


def _sort(found: list[Document], text: str) -> None:
    name = text.removeprefix("-")
    if name not in _SORTS:
        raise _invalid(f"sort must be one of {', '.join(_SORTS)}, with - before it to reverse, not {text}")
    found.sort(key=_SORTS[name], reverse=text.startswith("-"))


def _render(campaign: Document, names: Sequence[str]) -> dict[str, Any]:
    values = campaign.body["properties"]
    return {
        "id": campaign.id,
        "properties": {name: values[name] for name in sorted(names) if name in values},
        "createdAt": render_ms(campaign.created_ms),
        "updatedAt": render_ms(campaign.updated_ms),
        "businessUnits": campaign.body["businessUnits"],
    }


def _with_assets(request: ApiRequest, campaign: Document, names: Sequence[str]) -> dict[str, Any]:
    assets: dict[str, Any] = {}
    for kind, found in campaign.body["assets"].items():
        assets[kind] = {"results": found[:10]}
        if len(found) > 10:
            token = paging.encode_token("10")
            link = f"{request.base_url}/marketing/v3/campaigns/{campaign.id}/assets/{kind}?after={token}"
            assets[kind]["paging"] = {"next": {"after": token, "link": link}}
    return _render(campaign, names) | {"assets": assets}


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"marketing.campaigns.read"}),)


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every campaign as the control server shows it, with all properties and assets."""
    for campaign in documents.all_of(portal, CAMPAIGNS):
        shown = _render(campaign, list(campaign.body["properties"]))
        yield shown | {"assets": campaign.body["assets"], "state": "archived" if campaign.archived else "live"}


ROUTES: tuple[Route, ...] = tuple(
    Route(method=method, template=f"{area}{suffix}", handler=handler, version=version, scopes=_scopes)
    for area, version in (("/marketing/v3/campaigns", "v3"), ("/marketing/campaigns/{version}", None))
    for method, suffix, handler in (
        ("GET", "", list_campaigns),
        ("POST", "/batch/read", read_campaigns),
        ("GET", "/{campaignGuid}", one_campaign),
        ("GET", "/{campaignGuid}/assets/{assetType}", list_assets),
    )
)

FAMILY = Family(routes=ROUTES, truths={"marketing_campaigns": truth}, fill=marketing_samples.fill)
