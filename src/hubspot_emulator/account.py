"""What a portal says about itself: its details and how much of the day's calls is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing
from hubspot_emulator.http import ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.limits import Limits
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_OFFSET_HOURS = -5
"""US/Eastern without daylight saving, as `limits` counts the day."""


def _details(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    return json_response(_describe(portal))


def _describe(portal: Portal) -> dict[str, Any]:
    return {
        "portalId": portal.portal_id,
        "accountType": "STANDARD",
        "timeZone": "US/Eastern",
        "companyCurrency": "USD",
        "additionalCurrencies": [],
        "utcOffset": f"{_OFFSET_HOURS:+03d}:00",
        "utcOffsetMilliseconds": _OFFSET_HOURS * 3_600_000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give the account's details."""
    yield {"state": "live", **_describe(portal)}


def usage_of(portal: Portal, limits: Limits, name: str = "private-apps-api-calls-daily") -> dict[str, Any]:
    """Give how much of the day's calls is used, as the account API tells it; v3 has an older name for all of them."""
    found = limits.usage()
    return {
        "name": name,
        "usageLimit": found.limit,
        "currentUsage": found.used,
        "collectedAt": render_ms(portal.now_ms()),
        "fetchStatus": "SUCCESS",
        "resetsAt": render_ms(int(found.resets_at * 1000)),
    }


def _me(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the details as integrations of v1 read them (HS-63)."""
    parsing.known_parameters(request, ())
    return json_response(
        {
            "portalId": portal.portal_id,
            "timeZone": "US/Eastern",
            "accountType": "STANDARD",
            "currency": "USD",
            "utcOffset": f"{_OFFSET_HOURS:+03d}:00",
            "utcOffsetMilliseconds": _OFFSET_HOURS * 3_600_000,
        }
    )


def routes(limits: Limits) -> tuple[Route, ...]:
    """Build the family's routes over the limits whose use it tells."""

    def old_usage(portal: Portal, request: ApiRequest) -> ApiResponse:
        parsing.known_parameters(request, ())
        found = limits.usage()
        result = {
            "name": "api-calls-daily",
            "usageLimit": found.limit,
            "currentUsage": found.used,
            "collectedAt": portal.now_ms(),
            "fetchStatus": "SUCCESS",
            "resetsAt": int(found.resets_at * 1000),
        }
        return json_response([result])

    def usage(portal: Portal, request: ApiRequest) -> ApiResponse:
        parsing.known_parameters(request, ())
        return json_response({"results": [usage_of(portal, limits)]})

    def all_usage(portal: Portal, request: ApiRequest) -> ApiResponse:
        parsing.known_parameters(request, ())
        return json_response({"results": [usage_of(portal, limits, "api-calls-daily")]})

    calls = (("details", _details), ("api-usage/daily/private-apps", usage))
    prefixes = (("/account-info/{version}", None), ("/account-info/v3", "v3"))
    older = Route(method="GET", template="/account-info/v3/api-usage/daily", handler=all_usage, version="v3")
    old = (("me", _me), ("limit/daily", old_usage))
    return (
        *(
            Route(method="GET", template=f"{prefix}/{path}", handler=handler, version=version)
            for path, handler in calls
            for prefix, version in prefixes
        ),
        older,
        *(
            Route(method="GET", template=f"/integrations/v1/{path}", handler=handler, version="v1")
            for path, handler in old
        ),
    )
