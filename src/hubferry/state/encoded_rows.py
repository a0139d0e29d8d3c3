"""What source rows were when they were last encoded, so that rows which stayed as they are need not leave the warehouse.

Only the warehouse can look at a source row where it is, and only we can encode it: a row whose digest, made in SQL, is the
one noted here has the hash noted here. The ledger says whether that row is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubferry.state.push_tables import ENCODED_ROWS, LEDGER, PLAN_ROWS
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse
from hubferry.warehouse.sql import literal


@dataclass(frozen=True, kw_only=True)
class EncodedRow:
    """One row: the digest of what its source had, and what became of it."""

    row_key: str
    digest: str
    row_hash: str
    match_value: str | None


@dataclass(frozen=True)
class EncodedRows:
    """The rows of one sync, encoded as `encoding` (a hash of all that decides how) says."""

    warehouse: Warehouse
    portal_id: int
    sync: str
    encoding: str

    def merge(self, tx: Transaction, rows: Sequence[EncodedRow]) -> None:
        """Note rows, replacing those of the same key."""
        if rows:
            whose = {"portal_id": self.portal_id, "sync": self.sync, "encoding": self.encoding}
            tx.merge(ENCODED_ROWS.table, table_from_rows(ENCODED_ROWS.table, [{**whose, **vars(row)} for row in rows]))

    def place_unchanged(self, tx: Transaction, source: str, plan_id: str, object_name: str) -> int:
        """Add to the rows of a plan, in the warehouse, those that are as ledger and digest have them; give how many.

        `source` is a SELECT of row_key, digest and copies; a person's SQL in it may hold `?`, so that no value is bound.
        """
        names = {each.name: self.warehouse.name(SCHEMA, each.name) for each in (ENCODED_ROWS, LEDGER, PLAN_ROWS)}
        sync, object_ = literal(self.sync), self.warehouse.quote("object")
        return tx.execute(
            f"INSERT INTO {names['plan_rows']}"
            " (plan_id, sync, row_key, record_id, match_value, bucket, clears, matched, noted, known)"
            f" SELECT {literal(plan_id)}, {sync}, e.row_key, l.record_id, e.match_value, 'unchanged', 0, TRUE, FALSE, TRUE"
            f" FROM ({source}) AS s"
            f" JOIN {names['encoded_rows']} AS e ON e.row_key = s.row_key AND e.digest = s.digest"
            f" JOIN {names['ledger']} AS l ON l.row_key = e.row_key AND l.row_hash = e.row_hash"
            f" WHERE s.copies = 1 AND e.portal_id = {int(self.portal_id)} AND e.sync = {sync}"
            f" AND e.encoding = {literal(self.encoding)} AND l.portal_id = {int(self.portal_id)} AND l.sync = {sync}"
            f" AND l.{object_} = {literal(object_name)}"
        )

    def render_placed(self, plan_id: str) -> str:
        """Give the SELECT of the keys that `place_unchanged` placed."""
        name = self.warehouse.name(SCHEMA, PLAN_ROWS.name)
        return f"SELECT row_key FROM {name} WHERE plan_id = {literal(plan_id)} AND sync = {literal(self.sync)}"
