"""Takes the values of erased records out of what push keeps; keys, ids and times stay."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from hubferry.state.push_tables import ENCODED_ROWS, JOURNAL, LEDGER, PLAN_STEPS, REJECTED, ROW_STATES
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.interface import Transaction, Warehouse


def erase_pushed(tx: Transaction, warehouse: Warehouse, portal_id: int, object_name: str, ids: Sequence[str]) -> None:
    """Empty ledger, journal and rejected rows of these records, and drop the steps of plans that hold their values, and hashes of them."""
    names = {
        each.name: warehouse.name(SCHEMA, each.name)
        for each in (ENCODED_ROWS, JOURNAL, LEDGER, PLAN_STEPS, REJECTED, ROW_STATES)
    }
    nothing, object_ = warehouse.as_json("'{}'"), warehouse.quote("object")
    with tx.register("erased", pa.table({"id": pa.array(ids, pa.string())})) as rows:
        erased = f"(SELECT e.id FROM {rows} AS e)"
        ours = (
            f"SELECT 1 FROM {names['ledger']} AS k WHERE k.portal_id = ? AND k.{object_} = ?"
            f" AND k.record_id IN {erased} AND k.sync = t.sync AND k.row_key = t.row_key"
        )
        who = (portal_id, object_name)
        written = (
            f"SELECT 1 FROM {names['journal']} AS j WHERE j.plan_id = t.plan_id AND j.number = t.number"
            f" AND j.portal_id = ? AND j.record_id IN {erased}"
            f" AND j.sync IN (SELECT k.sync FROM {names['ledger']} AS k WHERE k.{object_} = ?)"
        )
        tx.execute(
            f"DELETE FROM {names['plan_steps']} AS t WHERE EXISTS ({ours}) OR EXISTS ({written})",
            (*who, portal_id, object_name),
        )
        tx.execute(f"DELETE FROM {names['encoded_rows']} AS t WHERE EXISTS ({ours})", who)
        tx.execute(f"UPDATE {names['journal']} AS t SET reason = NULL WHERE EXISTS ({ours})", who)
        tx.execute(f"UPDATE {names['rejected']} AS t SET message = NULL, advice = NULL WHERE EXISTS ({ours})", who)
        tx.execute(f"UPDATE {names['row_states']} AS t SET reason = '' WHERE EXISTS ({ours})", who)
        tx.execute(
            f"UPDATE {names['ledger']} SET row_hash = '', sent = {nothing}, stored = {nothing}"
            f" WHERE portal_id = ? AND {object_} = ? AND record_id IN {erased}",
            who,
        )
