"""Sends the link steps of a chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubferry.errors import HubferryError
from hubferry.hubspot.client import Client
from hubferry.push.reconcile import SentStep
from hubferry.push.results import Result
from hubferry.state.leases import Lease
from hubferry.warehouse.interface import Warehouse


@dataclass
class LinkSender:
    """Writes links; one per apply."""

    client: Client
    warehouse: Warehouse
    lease: Lease
    observed_at: float

    def send(self, chunk: Sequence[SentStep]) -> tuple[list[Result], HubferryError | None]:
        """Give every result there is, and the error that stopped the rest, if one did."""
        return [], None
