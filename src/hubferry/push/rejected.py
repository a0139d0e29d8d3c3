"""What could not be done, row by row: the `rejected` table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from hubferry.push.draft import load_step
from hubferry.push.results import Result, rejected_row
from hubferry.push.steps import ConflictEntry
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
    keys: Collection[str] | None = None,
) -> list[Rejected]:
    """List what of a sync could not be done at its last run; portal None: of any portal.

    `only` names one state; `after` a row key and detail, which the list goes on after; `keys` the rows, a few.
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
    if keys is not None:
        where.append(f"row_key IN ({', '.join('?' * len(keys)) or 'NULL'})")
        params += keys
    if after is not None:
        where.append("(row_key > ? OR (row_key = ? AND detail > ?))")
        params += [after[0], *after]
    sql = (
        f"SELECT {', '.join(names)} FROM {state.warehouse.name(SCHEMA, REJECTED.name)} WHERE {' AND '.join(where)}"
        f" ORDER BY row_key, detail LIMIT {int(limit)}"
    )
    return [Rejected(**row) for row in state.warehouse.query(sql, params).to_pylist()]


def query_rejected_keys(state: StateReader, sync: str, portal_id: int) -> frozenset[str]:
    """Give the keys of the rows of which something could not be done."""
    name = state.warehouse.name(SCHEMA, REJECTED.name)
    sql = f"SELECT DISTINCT row_key FROM {name} WHERE portal_id = ? AND sync = ?"
    return frozenset(state.warehouse.query(sql, [portal_id, sync])["row_key"].to_pylist())


def start_rejected(
    tx: Transaction,
    stamp: Stamp,
    syncs: Sequence[str],
    invalid: Iterable[StoredStep],
    *,
    only: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Begin the list anew for these syncs: every row that was on it has been looked at by the plan, or those of `only`."""
    rows = [rejected_row(stamp, _listed(stored)) for stored in invalid]
    for sync in syncs:
        plans.delete_rejected(tx, stamp.portal_id, sync, None if only is None else only.get(sync, ()))
    plans.merge_rejected(tx, rows)


def _listed(stored: StoredStep) -> Result:
    """Give what is listed of a row without being a step that is written."""
    step = load_step(stored)
    state, message, advice = "invalid", getattr(step, "reason", ""), getattr(step, "advice", "")
    if isinstance(step, ConflictEntry):
        who = f" by {step.conflict.by}" if step.conflict.by else ""
        state, message = "skipped", f"changed in HubSpot{who} since our last write, and in the source"
        advice = "Make both sides equal, or choose another `policy` for the property."
    return Result(number=stored.number, sync=stored.sync, step=step, state=state, message=message, advice=advice)
