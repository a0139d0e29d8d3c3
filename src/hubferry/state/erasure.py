"""Takes the values of erased records out of what push keeps; keys, ids and times stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pyarrow as pa

from hubferry.state.push_tables import ENCODED_ROWS, JOURNAL, LEDGER, PLAN_STEPS, PLANS, REJECTED, ROW_STATES
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.interface import Transaction, Warehouse


def erase_pushed(tx: Transaction, warehouse: Warehouse, portal_id: int, object_name: str, ids: Sequence[str]) -> None:
    """Empty ledger, journal and rejected rows of these records, and drop the steps of plans that hold their values, and hashes of them."""
    names = {
        each.name: warehouse.name(SCHEMA, each.name)
        for each in (ENCODED_ROWS, JOURNAL, LEDGER, PLANS, PLAN_STEPS, REJECTED, ROW_STATES)
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
        _erase_renamed(tx, names, erased, object_, who)
        tx.execute(f"DELETE FROM {names['encoded_rows']} AS t WHERE EXISTS ({ours})", who)
        tx.execute(f"UPDATE {names['journal']} AS t SET reason = NULL WHERE EXISTS ({ours})", who)
        tx.execute(f"UPDATE {names['rejected']} AS t SET message = NULL, advice = NULL WHERE EXISTS ({ours})", who)
        tx.execute(f"UPDATE {names['row_states']} AS t SET reason = '' WHERE EXISTS ({ours})", who)
        tx.execute(
            f"UPDATE {names['ledger']} SET row_hash = '', sent = {nothing}, stored = {nothing}"
            f" WHERE portal_id = ? AND {object_} = ? AND record_id IN {erased}",
            who,
        )


def _erase_renamed(tx: Transaction, names: Mapping[str, str], erased: str, object_: str, who: tuple[int, str]) -> None:
    """Do so of steps and journal under names that the ledger does not know: a sync that was renamed had them before.

    Found by record or, in plans that are not to be applied any more, by row; of which object only the step itself says.
    """
    portal_id, object_name = who
    rows = f"SELECT k.row_key FROM {names['ledger']} k WHERE k.portal_id = ? AND k.{object_} = ? AND k.record_id IN {erased}"
    found = tx.query(
        f"SELECT s.plan_id, s.number, s.step FROM {names['plan_steps']} s"
        f" JOIN {names['plans']} p ON p.plan_id = s.plan_id AND p.portal_id = ?"
        f" LEFT JOIN {names['journal']} j ON j.plan_id = s.plan_id AND j.number = s.number"
        f" WHERE s.sync NOT IN (SELECT n.sync FROM {names['ledger']} n WHERE n.portal_id = ?)"
        f" AND (s.record_id IN {erased} OR j.record_id IN {erased}"
        f" OR (p.state NOT IN ('ready', 'applying') AND s.row_key IN ({rows})))",
        (portal_id, portal_id, *who),
    ).to_pylist()
    theirs = [row for row in found if msgspec.json.decode(row["step"]).get("object") == object_name]
    if theirs:
        keys = pa.table({"plan_id": [row["plan_id"] for row in theirs], "number": [row["number"] for row in theirs]})
        tx.delete(PLAN_STEPS.table, keys)
        with tx.register("steps", keys) as steps:
            same = f"SELECT 1 FROM {steps} AS e WHERE e.plan_id = t.plan_id AND e.number = t.number"
            tx.execute(f"UPDATE {names['journal']} AS t SET reason = NULL WHERE EXISTS ({same})")
