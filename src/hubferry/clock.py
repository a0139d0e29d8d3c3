"""The real clock; tests pass a virtual one of the same shape."""

from __future__ import annotations

import time


class SystemClock:
    """Time as this machine has it."""

    def time(self) -> float:
        """Give seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Give seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        if seconds > 0:
            time.sleep(seconds)
