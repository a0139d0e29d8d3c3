"""What could not be done, row by row: the `rejected` table, for listings."""

from __future__ import annotations

from dataclasses import dataclass

from hubferry.state.store import StateStore


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """One row, column or link of a sync that is invalid, rejected, skipped or unknown at present."""

    sync: str
    row_key: str
    detail: str
    state: str
    step: str
    message: str
    category: str | None
    correlation_id: str | None
    advice: str
    run_id: str


def query_rejected(state: StateStore, portal_id: int | None, sync: str, *, limit: int = 1000) -> list[Rejected]:
    """List what of a sync could not be done at its last run; portal None: of any portal."""
    raise NotImplementedError
