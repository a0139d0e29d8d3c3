"""Links as HubSpot holds them now."""

from __future__ import annotations

from collections.abc import Sequence

from hubferry.hubspot.client import Client
from hubferry.push.results import Result
from hubferry.push.steps import Step
from hubferry.state.ledger import LedgerReader


def find_link_results(client: Client, ledger: LedgerReader, sent: Sequence[tuple[int, str, Step]]) -> dict[int, Result]:
    """Give, by number, the results of those link steps that HubSpot shows as carried out."""
    return {}
