"""What a family of calls adds to a portal beside its routes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from hubspot_emulator.http import Route

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Truth = Callable[["Portal"], Iterator[dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family; `families.FAMILIES` lists all."""

    routes: tuple[Route, ...] = ()
    truths: Mapping[str, Truth] = field(default_factory=dict)
    """What `GET /truth/{name}` of the control server gives, by name."""
    jobs: Mapping[str, Callable[[Portal, str, str], None]] = field(default_factory=dict)
    """What `POST /jobs/{kind}/{id}` of the control server brings to a state, by kind: (portal, id, state)."""
    chore: Callable[[Portal], None] | None = None
    """What goes on by itself as time passes; run before every call, so it looks first and returns."""
    act: Callable[[Portal, Random, int], list[str]] | None = None
    """Lets so many things happen now that no call can bring about, for `POST /mutate`; gives their ids."""
    fill: Callable[[Portal, int], None] | None = None
    """Adds the family's data to a portal that has its records already; the number is the seed."""
