"""HubSpot's limits, kept from our side: calls in ten seconds, searches in a second, calls in a day.

A permit comes back its whole window after the *answer* of its call, so that the server never sees more calls in a window
than there are permits, however the network delays them.
"""

from __future__ import annotations

import heapq
import math
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from hubferry.types import Clock

BURST_SECONDS = 10.0
SEARCH_SECONDS = 1.0
SEARCHES_ALLOWED = 5
SEARCH_SPACING_SECONDS = 0.25
"""Four a second leave the fifth to the account's other apps."""
LEAST_BURST = 5
LEAST_PORTION = 0.01
OTHERS_MARGIN = 10
"""So many calls fewer than we think free may be left at HubSpot before we conclude that somebody else is calling."""


class Window:
    """At most `size` calls in any `seconds`, as the one who answers them sees it. No clock, no lock."""

    def __init__(self, size: int, seconds: float) -> None:
        self.size, self.seconds = size, seconds
        self._free = size
        self._owed = 0
        self._cooling: list[float] = []
        self._held_until = 0.0

    def take(self, now: float) -> float | None:
        """Reserve a permit and give the moment from which it may be used; None: only an answer can free one."""
        while self._cooling and self._cooling[0] <= now:
            heapq.heappop(self._cooling)
            self._free += 1
        if self._free > 0:
            self._free -= 1
            return max(now, self._held_until)
        if self._cooling:
            return max(heapq.heappop(self._cooling), self._held_until)
        return None

    def give(self, now: float) -> None:
        """Say that the call of a permit was answered."""
        if self._owed > 0:
            self._owed -= 1
        else:
            heapq.heappush(self._cooling, now + self.seconds)

    def hold(self, until: float) -> None:
        """Let no permit be used before this moment; permits already taken are not called back."""
        self._held_until = max(self._held_until, until)

    def held_for(self, now: float) -> float:
        """Give the seconds for which no permit may be used."""
        return max(0.0, self._held_until - now)

    def resize(self, size: int) -> None:
        """Change the number of permits; those in use beyond it are kept back when they are answered."""
        more = size - self.size
        self.size = size
        returned = min(max(more, 0), self._owed)
        self._owed -= returned
        self._free += max(more, 0) - returned
        for _ in range(-more):
            if self._free > 0:
                self._free -= 1
            elif self._cooling:
                self._cooling.remove(max(self._cooling))
            else:
                self._owed += 1

    def cool(self, count: int, now: float) -> None:
        """Count so many free permits as used just now: somebody else used them."""
        for _ in range(min(count, self._free)):
            self._free -= 1
            heapq.heappush(self._cooling, now + self.seconds)

    def free(self, now: float) -> int:
        """Give how many permits could be taken and used at once."""
        return self._free + sum(1 for moment in self._cooling if moment <= now)


@dataclass(frozen=True)
class Daily:
    """What the account has left today."""

    limit: int | None
    remaining: int


class Limiter:
    """The permits of one portal and process; every call of every thread passes here."""

    def __init__(
        self,
        clock: Clock,
        burst_limit: int,
        *,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._clock, self._jitter = clock, jitter
        self._sleep = sleep or clock.sleep
        self._changed = threading.Condition()
        self._burst = Window(burst_limit, BURST_SECONDS)
        self._search = Window(SEARCHES_ALLOWED, SEARCH_SECONDS)
        self._next_search = 0.0
        self._configured = self._allowed = burst_limit
        self._scale = self._portion = 1.0
        self._scaled_at = 0.0
        self.daily: Daily | None = None

    @contextmanager
    def permit(self, *, search: bool = False) -> Iterator[float]:
        """Wait until a call may be sent, give the seconds waited; the end of the block is the call's answer."""
        window = self._search if search else self._burst
        started = self._clock.monotonic()
        self._wait(window, search=search)
        try:
            yield self._clock.monotonic() - started
        finally:
            with self._changed:
                window.give(self._clock.monotonic())
                self._changed.notify_all()  # one alone may wait for a permit of the other kind

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take in the limit headers of an answer."""
        most, left = _number(headers, "X-HubSpot-RateLimit-Max"), _number(headers, "X-HubSpot-RateLimit-Remaining")
        daily_left = _number(headers, "X-HubSpot-RateLimit-Daily-Remaining")
        with self._changed:
            if daily_left is not None:
                self.daily = Daily(_number(headers, "X-HubSpot-RateLimit-Daily"), daily_left)
            if most is not None and most > 0:
                self._allowed = min(self._configured, most)
            now = self._clock.monotonic()
            self._grow(now)
            if left is not None and (excess := self._burst.free(now) - left) > OTHERS_MARGIN:
                self._burst.cool(excess, now)

    def slow_down(self, seconds: float, *, search: bool) -> None:
        """React to a 429: nothing of its kind is sent for so long; the burst is halved once per window."""
        with self._changed:
            now = self._clock.monotonic()
            if search:
                self._search.hold(now + seconds)
                return
            self._burst.hold(now + seconds)
            if self._scale == 1.0 or now - self._scaled_at >= BURST_SECONDS:
                self._scale, self._scaled_at = self._scale / 2, now
                self._resize()

    def divide(self, portion: float) -> None:
        """Allow ourselves this part of the limits, 0 to 1: other processes that call for us have the rest."""
        with self._changed:
            self._portion = portion
            self._search.resize(max(1, math.floor(SEARCHES_ALLOWED * portion)))
            self._resize()
            self._changed.notify_all()

    @property
    def burst(self) -> int:
        """The number of counted calls that we allow ourselves in ten seconds now."""
        return self._burst.size

    def share(self) -> float:
        """Give the part of the ten-second limit in use, 0 to 1."""
        with self._changed:
            free = self._burst.free(self._clock.monotonic())
            return min(1.0, max(0.0, 1.0 - free / self._burst.size))

    def _wait(self, window: Window, *, search: bool) -> None:
        with self._changed:
            while (moment := window.take(self._clock.monotonic())) is None:
                self._changed.wait()
            if search:
                moment = max(moment, self._next_search)
                self._next_search = moment + SEARCH_SPACING_SECONDS / max(self._portion, LEAST_PORTION)
        try:
            self._wait_until(moment, window)
        except BaseException:  # the run ends; its permit was not used, and costs a window at most
            with self._changed:
                window.give(self._clock.monotonic())
            raise

    def _wait_until(self, moment: float, window: Window) -> None:
        while (left := moment - self._clock.monotonic()) > 0:
            self._sleep(left)
            with self._changed:  # a 429 meanwhile holds those that wait, too; spread, so that they do not come as one
                held = window.held_for(self._clock.monotonic())
                moment = max(moment, self._clock.monotonic() + held * (1 + self._jitter() / 10)) if held else moment

    def _grow(self, now: float) -> None:
        """Give back a tenth of the limit for each window without a 429."""
        if self._scale < 1.0 and now - self._scaled_at >= BURST_SECONDS:
            self._scale, self._scaled_at = min(1.0, self._scale + 0.1), now
        self._resize()

    def _resize(self) -> None:
        allowed = max(1, math.floor(self._allowed * self._portion))
        size = max(min(LEAST_BURST, allowed), math.floor(allowed * self._scale))
        if size != self._burst.size:
            self._burst.resize(size)
            self._changed.notify_all()


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
