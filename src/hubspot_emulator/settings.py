"""What an emulated portal is made with: the options of the command line as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hubspot_emulator.clock import Clock, RealClock, VirtualClock
from hubspot_emulator.limits import TIERS

if TYPE_CHECKING:
    from hubspot_emulator.knobs import Knobs


class SettingsError(ValueError):
    """An option has a value that cannot be used; the message names the option and what may stand there."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One portal. Port 0 takes any free port."""

    port: int = 0
    control_port: int = 0
    contacts: int = 200
    companies: int | None = None
    """None: a fifth of the contacts."""
    deals: int | None = None
    """None: a quarter of the contacts."""
    fill: float = 1.0
    """How much of what a record need not have is set: 1 as usual, 0 nothing of it."""
    activity: bool = True
    """Whether there is more than records and links: activities, forms, lists, e-mail events and the like."""
    hard_values: bool = False
    """Whether some contacts have values that break careless readers."""
    hostile_names: bool = False
    """Whether contacts have properties whose names HubSpot would refuse."""
    faults_file: str | None = None
    """A file with a JSON list of fault rules, in force from the start."""
    import_file: str | None = None
    """A file of JSON lines whose records the portal has instead of generated ones."""
    seed: int = 1
    db: str | None = None
    """A file that keeps the portal; None: memory, gone with the process. A file that holds a portal is opened as it is."""
    latency_ms: float = 0.0
    tier: str = "enterprise"
    """The account's plan: its limits, and what it has; objects of its own with `enterprise` alone."""
    limits: bool = True
    index_lag_seconds: float = 0.0
    clock: Literal["real", "virtual"] = "virtual"
    tokens: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    """Accepted tokens and their scopes, None for all scopes; empty: any `pat-` token with all scopes."""
    portal_id: int = 62515
    knobs: Knobs | None = None
    """Behaviours that HubSpot has in some portals only; None: the usual ones."""

    def __post_init__(self) -> None:
        """Refuse what would only fail later and less clearly."""
        if self.tier not in TIERS:
            raise SettingsError(f"--tier is {self.tier!r}; use one of {', '.join(sorted(TIERS))}")
        counts = {"contacts": self.contacts, "companies": self.companies or 0, "deals": self.deals or 0}
        durations = {"latency-ms": self.latency_ms, "index-lag-seconds": self.index_lag_seconds, "fill": self.fill}
        for name, value in (counts | durations).items():
            if value < 0:
                raise SettingsError(f"--{name} is {value}; use 0 or more")

    @property
    def company_count(self) -> int:
        """How many companies the portal is generated with."""
        return self.contacts // 5 if self.companies is None else self.companies

    @property
    def deal_count(self) -> int:
        """How many deals the portal is generated with."""
        return self.contacts // 4 if self.deals is None else self.deals

    def build_clock(self) -> Clock:
        """Make the clock that the option names."""
        return VirtualClock() if self.clock == "virtual" else RealClock()


def parse_token(text: str) -> tuple[str, frozenset[str] | None]:
    """Read `TOKEN` (all scopes) or `TOKEN=scope,scope`."""
    token, equals, scopes = text.partition("=")
    if not token:
        raise SettingsError("--token is empty; use --token pat-something or --token pat-something=scope,scope")
    return token, frozenset(filter(None, (scope.strip() for scope in scopes.split(",")))) if equals else None
