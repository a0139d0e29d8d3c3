"""The emulator's time: the machine's own, or one that moves only when told."""

from __future__ import annotations

import threading
import time
from typing import Protocol

VIRTUAL_START = 1_795_420_800.0
"""Where a virtual clock starts, 2026-11-23T08:00:00Z, so that equal seeds give equal portals."""


class Clock(Protocol):
    """What every part of the emulator asks for the time."""

    def time(self) -> float:
        """Give the seconds since 1970."""

    def monotonic(self) -> float:
        """Give seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Let that much of this clock's time go by."""


class RealClock:
    """The machine's clock."""

    def time(self) -> float:
        """Give the seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Give seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)


class VirtualClock:
    """A clock that stands still; whoever sleeps on it moves it, for all who share it."""

    def __init__(self, start_epoch: float = VIRTUAL_START) -> None:
        self._lock = threading.Lock()
        self._start = start_epoch
        self._elapsed = 0.0

    def time(self) -> float:
        """Give the seconds since 1970."""
        with self._lock:
            return self._start + self._elapsed

    def monotonic(self) -> float:
        """Give the seconds this clock has moved."""
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move the clock forward; ValueError for a step back."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back: advance_seconds is {seconds}; give 0 or more")
        with self._lock:
            self._elapsed += seconds
