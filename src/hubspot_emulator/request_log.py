"""What the portal was asked: counts by route and status, and the most that arrived in one window."""

from __future__ import annotations

import threading
from array import array
from collections import Counter
from typing import Any

from hubspot_emulator.clock import Clock
from hubspot_emulator.limits import BURST_SECONDS, Kind


class RequestLog:
    """Remembers every call since the last reset; safe to call from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._counts: Counter[tuple[str, str, int]] = Counter()
            self._arrivals = {"counted": array("d"), "search": array("d")}

    def arrived(self) -> float:
        """Give the arrival time to hand to `record` once the status is known."""
        return self._clock.monotonic()

    def record(self, method: str, template: str, kind: Kind, status: int, *, arrived: float | None = None) -> None:
        """Note one call by its route, not its path, so that ids do not multiply the rows; refused calls count too."""
        moment = self._clock.monotonic() if arrived is None else arrived
        with self._lock:
            self._counts[method, template, status] += 1
            if kind != "uncounted":
                self._arrivals[kind].append(moment)

    def summary(self) -> dict[str, Any]:
        """Build the answer of `GET /requests`."""
        with self._lock:
            counts = sorted(self._counts.items())
            arrivals = {kind: sorted(moments) for kind, moments in self._arrivals.items()}
        return {
            "total": sum(count for _, count in counts),
            "by": [
                {"method": method, "path": template, "status": status, "count": count}
                for (method, template, status), count in counts
            ],
            "max_in_10s": _most_within(arrivals["counted"], BURST_SECONDS),
            "max_searches_in_1s": _most_within(arrivals["search"], 1.0),
            "rate_limited": sum(count for (_, _, status), count in counts if status == 429),
        }


def _most_within(moments: list[float], seconds: float) -> int:
    """Count the fullest half-open window [t, t + seconds) over ascending moments."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
