"""Which record each row is: the ledger first, then the match value by batch read. Never search, whose index lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hubferry.hubspot.client import Client
from hubferry.push.encode import canonical
from hubferry.push.mapping import SyncMapping
from hubferry.push.observed import Observed, fetch_observed
from hubferry.push.rows import DesiredRow
from hubferry.state.ledger import LedgerRow


@dataclass(frozen=True)
class Found:
    """The record of a row. `own_match` is false when a secondary e-mail led to it: then `email` is not ours to write."""

    row: DesiredRow
    ledger: LedgerRow | None
    record: Observed
    own_match: bool = True
    merged_into: str | None = None
    """The record now, where that of the ledger was merged away."""


@dataclass(frozen=True)
class NotFound:
    """A row without a record. `ledger` tells of one that was archived or purged, with `on_archived: recreate`."""

    row: DesiredRow
    ledger: LedgerRow | None


@dataclass(frozen=True)
class Held:
    """A row that must not be written. `outcome` is rejected or skipped."""

    row: DesiredRow
    ledger: LedgerRow | None
    outcome: str
    reason: str
    advice: str
    record_id: str | None = None


Identity = Found | NotFound | Held


def fetch_identities(
    client: Client, mapping: SyncMapping, rows: Sequence[DesiredRow], ledger: Mapping[str, LedgerRow]
) -> list[Identity]:
    """Find the records of rows, in their order; reads 100 records a call."""
    names = sorted(
        {field.property.name for field in mapping.fields} | ({mapping.match.name} if mapping.match else set())
    )
    known = {row.key: ledger[row.key].record_id for row in rows if row.key in ledger}
    ids = {*known.values(), *(row.record_id for row in rows if row.record_id)}
    live = fetch_observed(client, mapping.object, ids, names)
    archived = fetch_observed(client, mapping.object, ids - live.keys(), (), archived=True)
    asked = {row.match_value for row in rows if row.match_value and _must_look_up(mapping, row, known, live)}
    by_value = fetch_observed(client, mapping.object, asked, names, id_property=mapping.match) if mapping.match else {}
    world = _World(mapping, live, archived, by_value)
    return [world.identify(row, ledger.get(row.key)) for row in rows]


def _must_look_up(
    mapping: SyncMapping, row: DesiredRow, known: Mapping[str, str], live: Mapping[str, Observed]
) -> bool:
    """Spare the read by match value where the ledger's record holds that very value."""
    record = live.get(known.get(row.key, ""))
    return record is None or not _holds(mapping, record, row.match_value)


def _holds(mapping: SyncMapping, record: Observed, value: str | None) -> bool:
    match = mapping.match
    return match is None or canonical(record.values.get(match.name), match) == canonical(value, match)


@dataclass(frozen=True)
class _World:
    mapping: SyncMapping
    live: Mapping[str, Observed]
    archived: Mapping[str, Observed]
    by_value: Mapping[str, Observed]

    def identify(self, row: DesiredRow, ledger: LedgerRow | None) -> Identity:
        """Decide by ledger and match, both looked at."""
        named = row.record_id
        if named and ledger and self._present(named) != self._present(ledger.record_id):
            return _conflict(row, ledger, ledger.record_id, named)
        record_id = ledger.record_id if ledger else named
        matched = self.by_value.get(row.match_value) if row.match_value else None
        if record_id is None or record_id not in self.live:
            return self._without_live_record(row, ledger, record_id, matched)
        record = self.live[record_id]
        if matched is not None and matched.record_id != record.record_id:
            return _conflict(row, ledger, record.record_id, matched.record_id)
        secondary = matched is not None and not _holds(self.mapping, matched, row.match_value)
        merged_into = record.record_id if ledger and ledger.record_id != record.record_id else None
        return Found(row, ledger, record, own_match=not secondary, merged_into=merged_into)

    def _present(self, record_id: str) -> str:
        """Follow a merge."""
        return self.live[record_id].record_id if record_id in self.live else record_id

    def _without_live_record(
        self, row: DesiredRow, ledger: LedgerRow | None, record_id: str | None, matched: Observed | None
    ) -> Identity:
        recreate = self.mapping.sync.block.on_archived == "recreate" and self.mapping.match is not None
        if record_id in self.archived and not recreate:
            reason = f"record {record_id} was archived in HubSpot"
            advice = "Restore it in HubSpot, or set `on_archived: recreate` in the sync."
            return Held(row, ledger, "skipped", reason, advice, record_id)
        if matched is not None:
            return Found(row, ledger, matched, own_match=_holds(self.mapping, matched, row.match_value))
        if ledger is not None and not recreate and self.mapping.match is not None:
            reason = f"record {record_id} is gone from HubSpot: deleted for good, or archived long ago"
            advice = "Leave the row out, or set `on_archived: recreate` in the sync to make it anew."
            return Held(row, ledger, "skipped", reason, advice, record_id)
        if record_id is not None and self.mapping.match is None:
            reason = f"HubSpot has no record {record_id}"
            advice = "Correct the record id in the source, or leave the row out."
            return Held(row, ledger, "skipped", reason, advice, record_id)
        return NotFound(row, ledger)


def _conflict(row: DesiredRow, ledger: LedgerRow | None, ours: str, theirs: str) -> Held:
    return Held(
        row,
        ledger,
        "rejected",
        f"the row was written to record {ours}, but its match value now belongs to record {theirs}",
        f"Merge the two records in HubSpot, or correct the row's match value; records {ours} and {theirs}.",
        ours,
    )


def without_email(found: Found) -> Found:
    """Leave `email` out of a row that a secondary e-mail led to its record: writing it would change the primary one."""
    if found.own_match or "email" not in found.row.values:
        return found
    values = {name: text for name, text in found.row.values.items() if name != "email"}
    return replace(found, row=replace(found.row, values=values))
