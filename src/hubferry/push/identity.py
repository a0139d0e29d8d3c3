"""Which record each row is: the ledger first, then the match value by batch read. Never search, whose index lags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Property
from hubferry.push.encode import canonical
from hubferry.push.mapping import SyncMapping
from hubferry.push.matching import is_unique
from hubferry.push.observed import Observed, fetch_observed
from hubferry.push.portal import Portal
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
    """A row that must not be written. `outcome` is rejected, skipped or unknown."""

    row: DesiredRow
    ledger: LedgerRow | None
    outcome: str
    reason: str
    advice: str
    record_id: str | None = None


Identity = Found | NotFound | Held


@dataclass
class Resolver:
    """Finds the records of one sync's rows, batch by batch."""

    portal: Portal
    mapping: SyncMapping

    @property
    def client(self) -> Client:
        """Give the portal's client."""
        return self.portal.client

    def fetch_identities(self, rows: Sequence[DesiredRow], ledger: Mapping[str, LedgerRow]) -> list[Identity]:
        """Find the records of rows, in their order; reads 100 records a call."""
        mapping, names = self.mapping, self.mapping.read_names
        known = {row.key: ledger[row.key].record_id for row in rows if row.key in ledger}
        scanned = self._scan(rows) if mapping.matching.kind == "scanned" else {}
        ids = {*known.values(), *(row.record_id for row in rows if row.record_id)}
        ids |= {found[0] for found in scanned.values() if len(found) == 1}
        live = fetch_observed(self.client, mapping.object, ids, names)
        archived = fetch_observed(self.client, mapping.object, ids - live.keys(), (), archived=True)
        by_value = self._fetch_by_value(rows, known, live)
        by_value |= {text: live[ids[0]] for text, ids in scanned.items() if len(ids) == 1 and ids[0] in live}
        world = _World(mapping, live, archived, by_value, scanned)
        return self._adopt([world.identify(row, ledger.get(row.key)) for row in rows])

    def _scan(self, rows: Sequence[DesiredRow]) -> dict[str, tuple[str, ...]]:
        assert self.mapping.match is not None
        index = self.portal.index_values(self.mapping.object, self.mapping.match)
        return {row.match_value: index.find(row.match_value) for row in rows if row.match_value}

    def _fetch_by_value(
        self, rows: Sequence[DesiredRow], known: Mapping[str, str], live: Mapping[str, Observed]
    ) -> dict[str, Observed]:
        """Spare the read by match value where the ledger's record holds that very value."""
        matching = self.mapping.matching
        if matching.kind != "unique" or matching.makes_property:
            return {}
        asked = set()
        for row in rows:
            record = live.get(known.get(row.key, ""))
            if row.match_value and (record is None or not _holds(self.mapping, record, row.match_value)):
                asked.add(row.match_value)
        names = self.mapping.read_names
        return fetch_observed(self.client, self.mapping.object, asked, names, id_property=matching.property)

    def _adopt(self, identities: list[Identity]) -> list[Identity]:
        """Look once for records that do not hold the match property yet, for rows that found none."""
        prop = self.mapping.matching.adopt_by
        if prop is None:
            return identities
        texts = {
            each.row.values[prop.name]
            for each in identities
            if isinstance(each, NotFound) and each.ledger is None and each.row.values.get(prop.name)
        }
        if not texts:
            return identities
        found = self._fetch_adoptable(prop, texts)
        return [
            _adopt_one(self.mapping, prop, each, found) if isinstance(each, NotFound) and each.ledger is None else each
            for each in identities
        ]

    def _fetch_adoptable(self, prop: Property, texts: set[str]) -> dict[str, list[Observed]]:
        """Give, by value, the live records that hold it and no value of the match property."""
        mapping = self.mapping
        names = {*mapping.read_names, prop.name}
        if is_unique(prop, mapping.object):
            read = fetch_observed(self.client, mapping.object, texts, names, id_property=prop)
            found = {text: [record] for text, record in read.items()}
        else:
            index = self.portal.index_values(mapping.object, prop)
            ids = {text: index.find(text) for text in texts}
            live = fetch_observed(self.client, mapping.object, {each for some in ids.values() for each in some}, names)
            found = {text: [live[each] for each in some if each in live] for text, some in ids.items()}
        assert mapping.match is not None
        key = mapping.match.name
        return {text: [each for each in records if not each.values.get(key)] for text, records in found.items()}


def _adopt_one(
    mapping: SyncMapping, prop: Property, each: NotFound, found: Mapping[str, Sequence[Observed]]
) -> Identity:
    text = each.row.values.get(prop.name, "")
    records = found.get(text, ())
    if len(records) > 1:
        return _ambiguous(mapping, each.row, prop.name, [record.record_id for record in records])
    if not records:
        return each
    own = canonical(records[0].values.get(prop.name), prop) == canonical(text, prop)
    return Found(each.row, None, records[0], own_match=own or prop.name != "email")


def _holds(mapping: SyncMapping, record: Observed, value: str | None) -> bool:
    match = mapping.match
    return match is None or canonical(record.values.get(match.name), match) == canonical(value, match)


@dataclass(frozen=True)
class _World:
    mapping: SyncMapping
    live: Mapping[str, Observed]
    archived: Mapping[str, Observed]
    by_value: Mapping[str, Observed]
    scanned: Mapping[str, Sequence[str]]

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
        block = self.mapping.sync.block
        keyed = self.mapping.match is not None
        recreate = block.on_archived == "recreate" and (keyed or (self.mapping.keyless and row.record_id is None))
        if record_id in self.archived and not recreate:
            reason = f"record {record_id} was archived in HubSpot"
            advice = "Restore it in HubSpot, or set `on_archived: recreate` in the sync."
            return Held(row, ledger, "skipped", reason, advice, record_id)
        if matched is not None:
            return Found(row, ledger, matched, own_match=_holds(self.mapping, matched, row.match_value))
        candidates = self.scanned.get(row.match_value or "", ())
        if len(candidates) > 1:
            return _ambiguous(self.mapping, row, block.match, candidates)
        if ledger is not None and not recreate and (keyed or row.record_id is None):
            reason = f"record {record_id} is gone from HubSpot: deleted for good, or archived long ago"
            advice = "Leave the row out, or set `on_archived: recreate` in the sync to make it anew."
            return Held(row, ledger, "skipped", reason, advice, record_id)
        if row.record_id is not None and not keyed:
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
        f"If records {ours} and {theirs} are one, merge them in HubSpot; if not, correct the row's match value. Where two rows"
        " swapped theirs, give one of the records another value in HubSpot first.",
        ours,
    )


def _ambiguous(mapping: SyncMapping, row: DesiredRow, name: str, candidates: Sequence[str]) -> Held:
    shown = ", ".join(candidates[:10])
    return Held(
        row,
        None,
        "rejected",
        f"{len(candidates)} {mapping.object} have this {name}: records {shown}",
        "Merge them in HubSpot, or give the row a record id of its own sync.",
    )


def without_email(found: Found) -> Found:
    """Leave `email` out of a row that a secondary e-mail led to its record: writing it would change the primary one."""
    if found.own_match or "email" not in found.row.values:
        return found
    values = {name: text for name, text in found.row.values.items() if name != "email"}
    return replace(found, row=replace(found.row, values=values))


def find_merges(identities: Iterable[Identity]) -> dict[str, str]:
    """Give the records of the ledger that were merged into others, with their survivors."""
    return {
        each.ledger.record_id: each.merged_into
        for each in identities
        if isinstance(each, Found) and each.ledger and each.merged_into
    }


def find_left(identities: Iterable[Identity]) -> set[str]:
    """Give the records of the ledger that are archived or gone, and whose rows have, or get, another one."""
    return {
        each.ledger.record_id
        for each in identities
        if each.ledger is not None
        and (
            isinstance(each, NotFound)
            or (isinstance(each, Found) and each.merged_into is None and each.ledger.record_id != each.record.record_id)
        )
    }
