"""What this process called HubSpot for, and how far its limits are used."""

from __future__ import annotations

from dataclasses import dataclass

from hubferry.hubspot.client import Client


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls of one process so far."""

    counted: int = 0
    """Calls that count against the ten-second limit."""
    searches: int = 0
    retries: int = 0
    rate_limited: int = 0
    """Times that HubSpot answered 429."""
    waited: float = 0.0
    """Seconds that calls waited for a permit or another attempt, added up over threads."""
    share: float = 0.0
    """The part of the ten-second limit in use now, 0 to 1."""
    limit: int = 0
    """Calls that are allowed in ten seconds now."""
    daily_limit: int | None = None
    daily_left: int | None = None
    """None: HubSpot did not say."""

    @property
    def total(self) -> int:
        """Give all calls, searches among them."""
        return self.counted + self.searches


def build_calls(client: Client) -> Calls:
    """Give the calls of a client."""
    usage, daily = client.usage, client.usage.daily
    return Calls(
        counted=usage.counted,
        searches=usage.searches,
        retries=usage.retries,
        rate_limited=usage.rate_limited,
        waited=usage.waited,
        share=usage.share(),
        limit=client.burst_limit,
        daily_limit=daily.limit if daily else None,
        daily_left=daily.remaining if daily else None,
    )
