"""What could not be done, row by row: the `rejected` table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from hubferry.push.draft import load_step
from hubferry.push.results import Result, rejected_row
from hubferry.state import plans
from hubferry.state.ledger import Stamp
from hubferry.state.plans import StoredStep
from hubferry.state.push_tables import REJECTED
from hubferry.state.store import StateReader
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.interface import Transaction


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


def query_rejected(
    state: StateReader,
    sync: str,
    *,
    portal_id: int | None = None,
    limit: int = 1000,
    only: str | None = None,
    after: tuple[str, str] | None = None,
) -> list[Rejected]:
    """List what of a sync could not be done at its last run; portal None: of any portal.

    `only` names one state; `after` a row key and detail, which the list goes on after.
    """
    if state.version() is None:
        return []
    names = [field.name for field in fields(Rejected)]
    where, params = ["sync = ?"], list[object]([sync])
    if portal_id is not None:
        where.append("portal_id = ?")
        params.append(portal_id)
    if only is not None:
        where.append("state = ?")
        params.append(only)
    if after is not None:
        where.append("(row_key > ? OR (row_key = ? AND detail > ?))")
        params += [after[0], *after]
    sql = (
        f"SELECT {', '.join(names)} FROM {state.warehouse.name(SCHEMA, REJECTED.name)} WHERE {' AND '.join(where)}"
        f" ORDER BY row_key, detail LIMIT {int(limit)}"
    )
    return [Rejected(**row) for row in state.warehouse.query(sql, params).to_pylist()]


def start_rejected(tx: Transaction, stamp: Stamp, syncs: Sequence[str], invalid: Iterable[StoredStep]) -> None:
    """Begin the list anew for these syncs: every row that was on it has been looked at by the plan."""
    rows = [
        rejected_row(
            stamp,
            Result(
                number=stored.number,
                sync=stored.sync,
                step=(step := load_step(stored)),
                state="invalid",
                message=getattr(step, "reason", ""),
                advice=getattr(step, "advice", ""),
            ),
        )
        for stored in invalid
    ]
    for sync in syncs:
        plans.delete_rejected(tx, stamp.portal_id, sync)
    plans.merge_rejected(tx, rows)
