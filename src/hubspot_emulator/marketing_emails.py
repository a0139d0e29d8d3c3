"""Marketing emails: page by page with filters and statistics, one, and the bin (HS-50)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import documents, marketing_statistics, paging, parsing
from hubspot_emulator.documents import Document
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.marketing_samples import CAMPAIGNS, EMAILS
from hubspot_emulator.timestamps import parse_ms, render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_SHOWN = ("archived", "includeStats", "includedProperties", "marketingCampaignNames", "variantStats", "workflowNames")
_MOMENTS = tuple(f"{what}{when}" for what in ("created", "published", "updated") for when in ("After", "At", "Before"))
_FILTERS = ("after", "campaign", "isPublished", "limit", "sort", "type", *_MOMENTS)

_SORTS: dict[str, Callable[[Document], Any]] = {
    "createdAt": lambda each: each.created_ms,
    "id": lambda each: int(each.id),
    "name": lambda each: each.body["name"],
    "publishDate": lambda each: each.body["publishDate"],
    "updatedAt": lambda each: each.updated_ms,
}


def list_emails(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of emails that satisfy every filter."""
    parsing.known_parameters(request, (*_SHOWN, *_FILTERS))
    limit = parsing.limit(request, default=10, most=300)
    found = documents.all_of(portal, EMAILS, archived=parsing.flag(request, "archived"))
    for wanted in _conditions(request):
        found = [each for each in found if wanted(each)]
    if parsing.flag(request, "includeStats") and portal.knobs.stats_hide_unsent_emails:
        found = [each for each in found if _is_sent(each)]
    for text in reversed(parsing.names(request, "sort")):
        _sort(found, text)
    start = paging.number_token(request) or 0
    page = found[start : start + limit]
    answer: dict[str, Any] = {"total": len(found), "results": [_shown(portal, request, each) for each in page]}
    if len(found) > start + limit:
        answer["paging"] = paging.build_next(request, str(start + limit))
    return json_response(answer)


def one_email(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give one email, statistics on demand."""
    parsing.known_parameters(request, _SHOWN)
    return json_response(_shown(portal, request, _find(portal, request)))


def archive_email(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Move an email to the bin."""
    parsing.known_parameters(request, ("archived",))
    email = _find(portal, request)
    documents.replace(portal, EMAILS, email._replace(archived_ms=portal.now_ms()))
    portal.log_event("archive", EMAILS, email.id, request.correlation_id)
    return ApiResponse(status=204)


def _find(portal: Portal, request: ApiRequest) -> Document:
    email = documents.find(portal, EMAILS, request.params["emailId"])
    if email is None or email.archived is not parsing.flag(request, "archived"):
        text = f"resource not found: marketing email {request.params['emailId']}"
        raise ApiError(404, text, category="OBJECT_NOT_FOUND")
    return email


def _conditions(request: ApiRequest) -> Iterator[Callable[[Document], bool]]:
    if (kind := parsing.one(request, "type")) is not None:
        yield lambda each: each.body["type"] == kind
    if (campaign := parsing.one(request, "campaign")) is not None:
        yield lambda each: each.body.get("campaign") == campaign
    if "isPublished" in request.query:
        published = parsing.flag(request, "isPublished")
        yield lambda each: each.body["isPublished"] is published
    for name in _MOMENTS:
        if (text := parsing.one(request, name)) is not None:
            yield _moment_condition(name, text)


def _moment_condition(name: str, text: str) -> Callable[[Document], bool]:
    try:
        bound = parse_ms(text)
    except ValueError as error:
        raise ApiError(400, f"{name} must be a time in ISO 8601, not {text}") from error
    what = next(each for each in ("created", "published", "updated") if name.startswith(each))
    if name.endswith("After"):
        return lambda each: (_moment(each, what) or bound) > bound
    if name.endswith("Before"):
        return lambda each: (_moment(each, what) or bound) < bound
    return lambda each: _moment(each, what) == bound


def _moment(email: Document, what: str) -> int | None:
    if what == "published":
        return parse_ms(email.body["publishDate"]) if _is_sent(email) else None
    return email.created_ms if what == "created" else email.updated_ms


def _is_sent(email: Document) -> bool:
    return "stats" in email.body


def _sort(found: list[Document], text: str) -> None:
    name = text.removeprefix("-")
    if name not in _SORTS:
        raise ApiError(400, f"sort must be one of {', '.join(_SORTS)}, with - before it to reverse, not {text}")
    found.sort(key=_SORTS[name], reverse=text.startswith("-"))


def _shown(portal: Portal, request: ApiRequest, email: Document) -> dict[str, Any]:
    shown = render(email)
    if not parsing.flag(request, "includeStats"):
        shown.pop("stats", None)
    if parsing.flag(request, "workflowNames"):
        shown["workflowNames"] = []
    if parsing.flag(request, "marketingCampaignNames") and "campaign" in shown:
        campaign = documents.find(portal, CAMPAIGNS, shown["campaign"])
        if campaign is not None:
            shown["campaignName"] = campaign.body["properties"]["hs_name"]
    wanted = parsing.names(request, "includedProperties")
    return {name: shown[name] for name in shown if not wanted or name in wanted or name == "id"}


def render(email: Document) -> dict[str, Any]:
    """Render an email with everything there is, by name, as recorded answers are."""
    shown = {
        "id": email.id,
        "archived": email.archived,
        "createdAt": render_ms(email.created_ms),
        "updatedAt": render_ms(email.updated_ms),
        **email.body,
    }
    if email.archived_ms is not None:
        shown["deletedAt"] = render_ms(email.archived_ms)
    return dict(sorted(shown.items()))


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"content"}),)


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every email as the control server shows it, with its statistics; its own state is `emailState`."""
    for email in documents.all_of(portal, EMAILS):
        shown = render(email)
        yield shown | {"emailState": shown["state"], "state": "archived" if email.archived else "live"}


ROUTES: tuple[Route, ...] = tuple(
    Route(method=method, template=f"{area}{suffix}", handler=handler, version=version, scopes=_scopes)
    for area, version in (("/marketing/v3/emails", "v3"), ("/marketing/emails/{version}", None))
    for method, suffix, handler in (
        ("GET", "", list_emails),
        ("GET", "/{emailId}", one_email),
        ("DELETE", "/{emailId}", archive_email),
        *marketing_statistics.CALLS,
    )
)

FAMILY = Family(routes=ROUTES, truths={"marketing_emails": truth})
