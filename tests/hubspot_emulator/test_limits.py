"""HubSpot's limits: windows, days, headers and 429 bodies."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.limits import Kind, Limits, Tier


def refused(limits: Limits, kind: Kind = "counted", token: str = "pat-a", calls: int = 1) -> list[bool]:
    return [limits.admit(kind, token).refusal is not None for _ in range(calls)]


@pytest.mark.parametrize(
    ("tier", "burst"), [("free", 100), ("starter", 100), ("professional", 190), ("enterprise", 190)]
)
def test_the_call_above_a_tiers_burst_is_refused(tier: str, burst: int) -> None:
    limits = Limits(VirtualClock(), tier)

    assert refused(limits, calls=burst + 1) == [False] * burst + [True]


def test_places_come_back_one_by_one_ten_seconds_after_they_were_taken() -> None:
    clock = VirtualClock()
    limits = Limits(clock, "free")
    refused(limits, calls=50)
    clock.advance(4)
    refused(limits, calls=50)

    clock.advance(5.99)
    assert refused(limits) == [True]
    clock.advance(0.02)
    assert refused(limits, calls=51) == [False] * 50 + [True]


def test_a_refused_call_takes_no_place() -> None:
    clock = VirtualClock()
    limits = Limits(clock, "free")
    refused(limits, calls=100)
    clock.advance(9)
    refused(limits, calls=100)
    clock.advance(1)

    assert refused(limits, calls=100) == [False] * 100


def test_apps_share_the_search_limit_and_not_the_burst() -> None:
    limits = Limits(VirtualClock(), "free")

    assert refused(limits, token="pat-a", calls=101)[-1]
    assert refused(limits, token="pat-b") == [False]
    assert refused(limits, "search", "pat-a", 3) + refused(limits, "search", "pat-b", 3) == [False] * 5 + [True]


def test_searches_take_no_place_among_counted_calls() -> None:
    clock = VirtualClock()
    limits = Limits(clock, "free")
    for _ in range(5):
        assert refused(limits, "search", calls=5) == [False] * 5
        clock.advance(1)

    assert refused(limits, calls=100) == [False] * 100


def test_counted_answers_carry_every_header() -> None:
    limits = Limits(VirtualClock(), "professional")

    limits.admit("counted", "pat-a")

    assert dict(limits.admit("counted", "pat-a").headers) == {
        "X-HubSpot-RateLimit-Daily": "625000",
        "X-HubSpot-RateLimit-Daily-Remaining": "624998",
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Max": "190",
        "X-HubSpot-RateLimit-Remaining": "188",
        "X-HubSpot-RateLimit-Secondly": "19",
        "X-HubSpot-RateLimit-Secondly-Remaining": "19",
    }


def test_search_answers_carry_the_daily_pair_only() -> None:
    headers = Limits(VirtualClock(), "free").admit("search", "pat-a").headers

    assert dict(headers) == {
        "X-HubSpot-RateLimit-Daily": "250000",
        "X-HubSpot-RateLimit-Daily-Remaining": "249999",
    }


def test_the_429_of_a_burst_names_its_policy_by_error_type() -> None:
    limits = Limits(VirtualClock(), "free")
    refused(limits, calls=100)

    refusal = limits.admit("counted", "pat-a", correlation_id="c-1").refusal

    assert refusal is not None
    body = msgspec.json.decode(refusal.body)
    assert refusal.status == 429
    assert body.pop("requestId")
    assert body == {
        "status": "error",
        "message": "You have reached your ten_secondly_rolling limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": "c-1",
        "policyName": "TEN_SECONDLY_ROLLING",
    }


def test_the_429_of_a_search_has_a_category_and_no_policy() -> None:
    limits = Limits(VirtualClock())
    refused(limits, "search", calls=5)

    refusal = limits.admit("search", "pat-a", correlation_id="c-1").refusal

    assert refusal is not None
    assert msgspec.json.decode(refusal.body) == {
        "status": "error",
        "message": "You have reached your secondly limit.",
        "correlationId": "c-1",
        "category": "RATE_LIMITS",
    }


def test_the_day_ends_at_the_accounts_midnight() -> None:
    clock = VirtualClock(datetime(2026, 11, 24, 4, 59, tzinfo=UTC).timestamp())
    limits = Limits(clock, "free")
    limits.admit("counted", "pat-a")
    assert limits.usage().used == 1
    assert limits.usage().resets_at == datetime(2026, 11, 24, 5, tzinfo=UTC).timestamp()

    clock.advance(61)

    assert limits.usage().used == 0


def test_a_used_up_day_refuses_every_app_until_midnight() -> None:
    clock = VirtualClock()
    limits = Limits(clock, Tier(burst=100, daily=150))
    for _ in range(2):
        refused(limits, calls=75)
        clock.advance(10)

    refusal = limits.admit("search", "pat-b").refusal

    assert refusal is not None
    assert msgspec.json.decode(refusal.body)["policyName"] == "DAILY"
    clock.advance(86_400)
    assert refused(limits) == [False]


def test_without_limits_nothing_is_refused_and_no_header_is_sent() -> None:
    limits = Limits(VirtualClock(), enabled=False)

    assert refused(limits, calls=1000) == [False] * 1000
    assert limits.admit("counted", "pat-a").headers == {}
