"""Statistics of marketing emails over a span of time: all together, by campaign, by interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hubspot_emulator import documents, parsing
from hubspot_emulator.documents import Document
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Handler, json_response
from hubspot_emulator.marketing_samples import EMAILS
from hubspot_emulator.timestamps import parse_ms, render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_RATIOS = {
    "deliveredratio": ("delivered", "sent"),
    "openratio": ("open", "delivered"),
    "clickratio": ("click", "delivered"),
}
_PLAIN = {"SECOND": 1, "MINUTE": 60, "QUARTER_HOUR": 900, "HOUR": 3_600, "DAY": 86_400, "WEEK": 604_800}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def list_statistics(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Sum up the emails sent in a span, and those of each campaign."""
    parsing.known_parameters(request, ("emailIds", "endTimestamp", "property", "startTimestamp"))
    found = _sent(portal, request)
    campaigns = sorted({each.body["campaign"] for each in found if "campaign" in each.body})
    by_campaign = {name: _sum(each for each in found if each.body.get("campaign") == name) for name in campaigns}
    answer = {"emails": [int(each.id) for each in found], "campaignAggregations": by_campaign, "aggregate": _sum(found)}
    return json_response(answer)


def histogram(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Sum up the emails sent in each interval of a span; intervals without any are left out."""
    parsing.known_parameters(request, ("emailIds", "endTimestamp", "interval", "startTimestamp"))
    name = parsing.one(request, "interval") or "YEAR"
    if name not in _PLAIN and name not in _MONTHS:
        raise ApiError(400, f"interval must be one of {', '.join((*_PLAIN, *_MONTHS))}, not {name}")
    bounds = _bounds(name)
    groups: dict[tuple[int, int], list[Document]] = {}
    for each in _sent(portal, request):
        groups.setdefault(bounds(_published(each)), []).append(each)
    results = [
        {"interval": {"start": render_ms(start), "end": render_ms(end)}, "aggregations": _sum(emails)}
        for (start, end), emails in sorted(groups.items())
    ]
    return json_response({"total": len(results), "results": results})


def _sent(portal: Portal, request: ApiRequest) -> list[Document]:
    first, last = _moment(request, "startTimestamp", 0), _moment(request, "endTimestamp", portal.now_ms())
    wanted = set(parsing.names(request, "emailIds"))
    return [
        each
        for each in documents.all_of(portal, EMAILS)
        if "stats" in each.body and first <= _published(each) <= last and (not wanted or each.id in wanted)
    ]


def _moment(request: ApiRequest, name: str, default: int) -> int:
    given = parsing.one(request, name)
    try:
        return default if given is None else parse_ms(given)
    except ValueError as error:
        raise ApiError(400, f"{name} must be a time in ISO 8601, not {given}") from error


def _published(email: Document) -> int:
    return parse_ms(email.body["publishDate"])


def _sum(emails: Iterable[Document]) -> dict[str, Any]:
    counters: Counter[str] = Counter()
    devices: dict[str, Counter[str]] = {}
    for each in emails:
        counters.update(each.body["stats"]["counters"])
        for kind, counted in each.body["stats"]["deviceBreakdown"].items():
            devices.setdefault(kind, Counter()).update(counted)
    ratios = {name: 100 * counters[part] / max(1, counters[whole]) for name, (part, whole) in _RATIOS.items()}
    return {"counters": counters, "deviceBreakdown": devices, "qualifierStats": {}, "ratios": ratios}


def _bounds(name: str) -> Callable[[int], tuple[int, int]]:
    """Give the interval of a moment, in UTC."""
    if name in _PLAIN:
        size = _PLAIN[name] * 1000
        return lambda moment: (moment - moment % size, moment - moment % size + size - 1)
    months = _MONTHS[name]

    def calendar(moment: int) -> tuple[int, int]:
        day = datetime.fromtimestamp(moment / 1000, UTC)
        first = (day.year * 12 + day.month - 1) // months * months
        start, end = (datetime(each // 12, each % 12 + 1, 1, tzinfo=UTC) for each in (first, first + months))
        return int(start.timestamp() * 1000), int(end.timestamp() * 1000) - 1

    return calendar


CALLS: Sequence[tuple[str, str, Handler]] = (
    ("GET", "/statistics/list", list_statistics),
    ("GET", "/statistics/histogram", histogram),
)
