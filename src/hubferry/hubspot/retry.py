"""Whether a failed call is tried again, and after how long. Pure; the client waits and calls."""

from __future__ import annotations

from hubferry.hubspot.refusals import Failure, Kind

READ_BUDGET_SECONDS = 600.0
FIRST_CONTACT_SECONDS = 5.0
"""A host that never answered is more likely misspelt than down: say so soon."""
RETRY_AFTER_SECONDS = (1.0, 60.0)
"""A Retry-After is believed between these; HubSpot's are absent, zero, in milliseconds or a day long."""
_LONGEST_SECONDS = 30.0
_RETRIED = frozenset({Kind.BURST, Kind.SECONDLY, Kind.LOCKED, Kind.BROKEN, Kind.UNSENT})


def wait_seconds(failure: Failure, attempt: int, jitter: float) -> float | None:
    """Give how long to wait before attempt number `attempt + 1`; None: do not try again. `jitter` is from 0 to 1."""
    if failure.kind is Kind.TOKEN:  # HS-39: a valid token is refused now and then, once
        return 1.0 if attempt == 1 else None
    if failure.kind not in _RETRIED:
        return None
    if failure.retry_after is not None and failure.kind is not Kind.UNSENT:
        least, most = RETRY_AFTER_SECONDS
        return min(most, max(least, failure.retry_after))
    if failure.kind is Kind.SECONDLY:
        return 1.0 + 2.0 * jitter
    if failure.kind is Kind.BURST:
        return min(10.0, 2.0 * attempt) + jitter
    least = 2.0 if failure.kind is Kind.LOCKED else 0.5
    return min(_LONGEST_SECONDS, least * 2.0 ** min(attempt - 1, 8)) * (1 + jitter)
