"""Plans what becomes of records whose rows left the source of a `mirror`: only those the sync owns are archived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubferry.hubspot.client import Client
from hubferry.push.counts import SyncCounts
from hubferry.push.draft import Draft
from hubferry.push.mapping import SyncMapping
from hubferry.push.observed import fetch_observed
from hubferry.push.steps import ArchiveRecord, HoldRow, RecordStep
from hubferry.state.ledger import LedgerReader, LedgerRow
from hubferry.state.plan_rows import PlanRows


@dataclass
class LeftPlanner:
    """The rows of one sync that the ledger has and the source has no more."""

    client: Client
    ledger: LedgerReader
    draft: Draft
    mapping: SyncMapping
    counts: SyncCounts
    rows: Sequence[PlanRows]
    """Of this sync, then of the others of the run that write the same object."""
    keyless: int
    """Rows of the source without a key."""

    def plan(self) -> None:
        """Plan an archive, or say why not, for every row that left."""
        for keys in list(self.rows[0].query_left(self.ledger.portal_id)):
            known = self.ledger.query_rows(self.mapping.name, keys).values()
            owned = [row for row in known if row.created or self.mapping.sync.block.owns == "matched"]
            left = {row.record_id: row for row in owned if row.object == self.mapping.object}
            present = self.rows[0].query_record_ids(left)  # the same record under another key
            self._plan_rows({record_id: row for record_id, row in left.items() if record_id not in present})

    def _plan_rows(self, left: Mapping[str, LedgerRow]) -> None:
        if not left:
            return
        claims = self.ledger.query_rows_at(self.mapping.object, left)
        here = self.rows[0].query_present({row.row_key for row in claims if row.sync == self.mapping.name})
        shared = {row.record_id for row in claims if row.sync != self.mapping.name or row.row_key in here}
        shared |= set().union(*(each.query_record_ids(left) for each in self.rows[1:]))
        live = fetch_observed(self.client, self.mapping.object, left, ())
        self.draft.forget([row for record_id, row in left.items() if record_id not in live])
        for record_id, row in left.items():
            if record_id not in live:
                continue
            reason = self._why_kept(row, live[record_id].record_id, shared)
            self.draft.add(self.mapping.name, _build_step(row, reason))
            self.counts.archives += reason is None
            self.counts.left_held += reason is not None

    def _why_kept(self, row: LedgerRow, present_id: str, shared: set[str]) -> str | None:
        """Say why a record whose row left must not be archived; None: it may."""
        if self.keyless:
            return f"{self.keyless} rows of the source have no key, so it cannot be told whether this row left"
        if present_id != row.record_id:
            return f"its record {row.record_id} was merged into {present_id}, which this sync did not make"
        if row.record_id in shared:
            return f"its record {row.record_id} is another row's, too"
        return None


def _build_step(row: LedgerRow, reason: str | None) -> RecordStep:
    if reason is None:
        return ArchiveRecord(row_key=row.row_key, object=row.object, record_id=row.record_id)
    advice = "Archive the record in HubSpot yourself if it is not wanted any more."
    return HoldRow(
        row_key=row.row_key,
        object=row.object,
        outcome="skipped",
        reason=reason,
        advice=advice,
        record_id=row.record_id,
    )
