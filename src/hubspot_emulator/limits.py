"""HubSpot's three limits: calls in ten seconds per app, searches in a second per account, calls in a day per account."""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Literal

from hubspot_emulator.clock import Clock
from hubspot_emulator.http import ApiResponse, Headers, json_response

Kind = Literal["counted", "search", "uncounted"]

BURST_SECONDS = 10.0
SEARCHES_PER_SECOND = 5
UTC_OFFSET = timezone(timedelta(hours=-5))
"""The account's zone, US/Eastern without daylight saving: the daily limit starts anew at its midnight."""


@dataclass(frozen=True, kw_only=True)
class Tier:
    """What a subscription may call."""

    burst: int
    daily: int


OAUTH_BURST = 110
"""What an app that a user installed may call in ten seconds, whatever the account's plan."""

TIERS = {
    "enterprise": Tier(burst=190, daily=1_000_000),
    "free": Tier(burst=100, daily=250_000),
    "professional": Tier(burst=190, daily=625_000),
    "starter": Tier(burst=100, daily=250_000),
}


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Whether a call may go on, and the headers its answer carries."""

    headers: Headers = field(default_factory=dict)
    refusal: ApiResponse | None = None


@dataclass(frozen=True, kw_only=True)
class DailyUsage:
    """How much of the day is used; `resets_at` is in epoch seconds."""

    limit: int
    used: int
    resets_at: float


class Window:
    """At most `size` admissions in any `seconds`."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size, self._seconds = size, seconds
        self._admitted: deque[float] = deque()

    def admit(self, now: float) -> bool:
        """Take a place if one is free; a refused call takes none."""
        while self._admitted and self._admitted[0] <= now - self._seconds:
            self._admitted.popleft()
        if len(self._admitted) >= self._size:
            return False
        self._admitted.append(now)
        return True

    @property
    def remaining(self) -> int:
        """How many places are free, as of the last `admit`."""
        return self._size - len(self._admitted)


class Limits:
    """Counts the calls of one account; safe to call from several threads."""

    def __init__(self, clock: Clock, tier: str | Tier = "professional", enabled: bool = True) -> None:
        self._clock, self._enabled = clock, enabled
        self._tier = TIERS[tier] if isinstance(tier, str) else tier
        self._lock = threading.Lock()
        self._bursts: defaultdict[str, Window] = defaultdict(lambda: Window(self._tier.burst, BURST_SECONDS))
        self._apps: defaultdict[str, Window] = defaultdict(lambda: Window(OAUTH_BURST, BURST_SECONDS))
        self._searches = Window(SEARCHES_PER_SECOND, 1.0)
        self._midnight = 0.0
        self._used = 0

    def admit(self, kind: Kind, token: str, *, correlation_id: str | None = None, app: str | None = None) -> Admission:
        """Count a call, or refuse it with HubSpot's 429; without limits everything is admitted, headerless.

        `app` is the client whom the token was given to by OAuth: it has a limit of its own and no daily one.
        """
        if not self._enabled or kind == "uncounted":
            return Admission()
        correlation_id = correlation_id or str(uuid.uuid4())
        with self._lock:
            if app is not None and kind != "search":
                return self._admit_app(app, correlation_id)
            now = self._clock.monotonic()
            self._start_new_day()
            if app is None and self._used >= self._tier.daily:
                refusal = refuse("DAILY", "You have reached your daily limit.", correlation_id)
                return Admission(headers=self._headers(kind, token), refusal=refusal)
            if kind == "search":
                admitted, refusal = self._searches.admit(now), _search_refusal(correlation_id)
            else:
                admitted, refusal = self._bursts[token].admit(now), refuse_burst(correlation_id)
            self._used += admitted if app is None else 0
            headers = self._headers(kind, token) if app is None else {}
            return Admission(headers=headers, refusal=None if admitted else refusal)

    def _admit_app(self, app: str, correlation_id: str) -> Admission:
        window = self._apps[app]
        admitted = window.admit(self._clock.monotonic())
        headers = _burst_headers(OAUTH_BURST, window.remaining)
        return Admission(headers=headers, refusal=None if admitted else refuse_burst(correlation_id))

    def usage(self) -> DailyUsage:
        """Tell how much of today's calls is used."""
        with self._lock:
            self._start_new_day()
            return DailyUsage(limit=self._tier.daily, used=self._used, resets_at=self._midnight)

    def _start_new_day(self) -> None:
        now = self._clock.time()
        if now >= self._midnight:
            today = datetime.fromtimestamp(now, UTC_OFFSET).replace(hour=0, minute=0, second=0, microsecond=0)
            self._midnight, self._used = (today + timedelta(days=1)).timestamp(), 0

    def _headers(self, kind: Kind, token: str) -> dict[str, str]:
        headers = {
            "X-HubSpot-RateLimit-Daily": str(self._tier.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self._tier.daily - self._used),
        }
        if kind == "search":  # recorded: searches carry the daily pair only
            return headers
        return headers | _burst_headers(self._tier.burst, self._bursts[token].remaining)


def _burst_headers(size: int, remaining: int) -> dict[str, str]:
    return {
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Max": str(size),
        "X-HubSpot-RateLimit-Remaining": str(remaining),
        "X-HubSpot-RateLimit-Secondly": str(size // 10),
        "X-HubSpot-RateLimit-Secondly-Remaining": str(min(size // 10, remaining)),
    }


def refuse_burst(correlation_id: str) -> ApiResponse:
    """Build the 429 of too many calls in ten seconds."""
    return refuse("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", correlation_id)


def refuse(policy: str, message: str, correlation_id: str) -> ApiResponse:
    """Build the 429 of a policy."""
    body = {
        "status": "error",
        "message": message,
        "errorType": "RATE_LIMIT",
        "correlationId": correlation_id,
        "policyName": policy,
        "requestId": str(uuid.uuid4()),
    }
    return json_response(body, status=429)


def _search_refusal(correlation_id: str) -> ApiResponse:
    body = {
        "status": "error",
        "message": "You have reached your secondly limit.",
        "correlationId": correlation_id,
        "category": "RATE_LIMITS",
    }
    return json_response(body, status=429)
