"""How runs that stand beside each other divide a portal's limits: each writes its share down, and the sum is never over 1.

Who takes less tells its limiter first, and writes the smaller share down when what it had sent before is out of HubSpot's
window; who takes more waits until there is room, and uses it once that is written. So a joiner starts only after all others
made room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hubferry.types import Clock

TERM_SECONDS = 30.0
"""A share that was not renewed for so long is not used any more; others take it once the lease is lost."""
WINDOW_SECONDS = 10.0
"""HubSpot counts calls over so long."""
_EPSILON = 1e-9


@dataclass(frozen=True)
class Settled:
    """What a run writes down as its share, and what of it it may use from then on."""

    written: float
    used: float


class Share:
    """One run's share of a portal's limits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lowering: tuple[float, float] | None = None
        """To which share, and since when."""
        self._listener: Callable[[float], None] | None = None
        self.used = 0.0

    def listen(self, tell: Callable[[float], None]) -> None:
        """Tell this one the share in use, now and whenever it changes."""
        self._listener = tell
        tell(self.used)

    def tell(self, used: float) -> None:
        """Use this share from now on."""
        if used != self.used:
            self.used = used
            if self._listener is not None:
                self._listener(used)

    def settle(self, written: float, others: Sequence[float]) -> Settled:
        """Give the share to be written, from the one that is and those that the other runs wrote; what is less is used at once."""
        fair = 1 / (len(others) + 1)
        if fair < written - _EPSILON:
            if self._lowering is None or self._lowering[0] != fair:
                self._lowering = (fair, self._clock.monotonic())
                self.tell(min(self.used, fair))
            due = self._clock.monotonic() - self._lowering[1] >= WINDOW_SECONDS
            return Settled(fair if due else written, fair)
        self._lowering = None
        share = max(written, min(fair, 1 - sum(others)))
        return Settled(share, share) if share - written > _EPSILON else Settled(written, written)
