"""Plans the links of all syncs of a run together, after their records."""

from __future__ import annotations

from collections.abc import Sequence

from hubferry.hubspot.client import Client
from hubferry.push.draft import Draft
from hubferry.push.record_planner import RecordPlanner
from hubferry.state.ledger import LedgerReader


def plan_links(client: Client, ledger: LedgerReader, draft: Draft, planners: Sequence[RecordPlanner]) -> None:
    """Compare what the rows ask for with the links of their records."""
