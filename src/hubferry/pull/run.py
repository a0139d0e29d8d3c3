"""What one pull does, in order."""

from __future__ import annotations

from collections.abc import Sequence

from hubferry.config.model import PullBlock
from hubferry.hubspot.client import Client
from hubferry.pull.report import AssociationReport, PullReport, StreamReport
from hubferry.state.store import StateStore
from hubferry.types import Progress, Quiet
from hubferry.warehouse.interface import Warehouse

__all__ = ["AssociationReport", "PullReport", "StreamReport", "run_pull"]

_QUIET = Quiet()


def run_pull(
    *,
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    pull: PullBlock,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    allow_deletes: bool = False,
    wait_seconds: float = 0,
    progress: Progress = _QUIET,
) -> PullReport:
    """Make the warehouse's tables equal to HubSpot as of now; what was interrupted is resumed."""
    raise NotImplementedError
