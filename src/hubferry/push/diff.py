"""Desired rows against the records they are: steps. Pure: no client, no clock, no state store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from hubferry.hubspot.properties import Property
from hubferry.push.changes import Authors
from hubferry.push.encode import canonical
from hubferry.push.identity import Found, Held, Identity, NotFound, without_email
from hubferry.push.mapping import SyncMapping, is_multiple
from hubferry.push.steps import Change, Conflict, CreateRecord, HoldRow, RecordStep, UpdateRecord


@dataclass(frozen=True)
class RowDiff:
    """What one row asks for: a step, or None when its record holds everything already."""

    step: RecordStep | None
    settled: tuple[str, ...] = ()
    """Properties that HubSpot stored otherwise than sent; left alone until the source or the record changes."""
    kept: tuple[str, ...] = ()
    """Properties whose policy leaves HubSpot's value."""
    conflicts: tuple[Conflict, ...] = ()
    """Properties that source and HubSpot both changed, and whose policy leaves it to people."""
    base: Mapping[str, str | None] = field(default_factory=dict)
    """Of a found record: what the next comparison starts from, as long as nothing is written."""


def diff_row(identity: Identity, mapping: SyncMapping) -> RowDiff:
    """Compare one row with its record, and with what HubSpot made of our last write."""
    match identity:
        case Found():
            return _diff_found(without_email(identity), mapping)
        case NotFound():
            return RowDiff(_diff_missing(identity, mapping))
        case Held():
            return RowDiff(
                HoldRow(
                    row_key=identity.row.key,
                    object=mapping.object,
                    outcome=identity.outcome,
                    reason=identity.reason,
                    advice=identity.advice,
                    record_id=identity.record_id,
                )
            )


def _diff_found(found: Found, mapping: SyncMapping) -> RowDiff:
    row, record, ledger = found.row, found.record, found.ledger
    if mapping.sync.block.mode == "create":
        if ledger is not None:  # delivered: from here on it is not ours to change
            return RowDiff(None, base=dict(ledger.stored))
        reason = f"record {record.record_id} has this {mapping.sync.block.match} already"
        advice = "Use `mode: upsert` to take over records that exist, or leave the row out."
        return RowDiff(_hold(row.key, mapping, reason, advice, record.record_id))
    sorter = _Sorter(found, mapping)
    for name, wanted in row.values.items():
        sorter.sort(name, wanted)
    return sorter.finish()


@dataclass
class _Sorter:
    """Says of each property of one row whether it is written, settled, kept or in conflict."""

    found: Found
    mapping: SyncMapping
    changes: list[Change] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def sort(self, name: str, wanted: str) -> None:
        """Judge one property."""
        held, each = self.found.record.values.get(name), self.mapping.by_name[name]
        new = desired_text(wanted, held, each.property, multi=each.multi)
        if new is None:
            return
        if self._is_settled(name, wanted, held):
            self.settled.append(name)
        elif self._leaves(each.policy, name, held):
            if each.policy == "manual":
                self.conflicts.append(Conflict(name, self._base.get(name), held, new))
            self.kept.append(name)
        else:
            self.changes.append(Change(name, held, new))

    def finish(self) -> RowDiff:
        """Make the row's step."""
        row, record = self.found.row, self.found.record
        base = {name: record.values.get(name) for name in row.values if name not in self.kept}
        others = {name for name in self._base if name not in row.values}  # NULL this time: our last write of it stands
        base |= {name: self._base[name] for name in (*self.kept, *others) if name in self._base}
        step: RecordStep | None = None
        if self.changes:
            step = UpdateRecord(
                row_key=row.key,
                object=self.mapping.object,
                record_id=record.record_id,
                changes=tuple(self.changes),
                sent=dict(row.values),
                stored=base,
                row_hash="" if self.conflicts else row.hash,
            )
        elif self.conflicts:
            names = ", ".join(each.property for each in self.conflicts)
            reason = f"changed both in the source and in HubSpot: {names}"
            advice = "Make both sides equal, or choose another `policy` for the property."
            step = _hold(row.key, self.mapping, reason, advice, record.record_id)
        return RowDiff(step, tuple(self.settled), tuple(self.kept), tuple(self.conflicts), base)

    @property
    def _base(self) -> Mapping[str, str | None]:
        """What HubSpot stored after our last write to this very record."""
        ledger = self.found.ledger
        return ledger.stored if ledger and ledger.record_id == self.found.record.record_id else {}

    def _is_settled(self, name: str, wanted: str, held: str | None) -> bool:
        ledger, base = self.found.ledger, self._base
        return bool(ledger and name in base and ledger.sent.get(name) == wanted and _same(base[name], held))

    def _leaves(self, policy: str, name: str, held: str | None) -> bool:
        """Tell whether the policy leaves HubSpot's value; an empty one is always ours to fill, unless it was emptied there."""
        if policy == "warehouse_wins":
            return False
        if policy == "fill_only":
            return bool(held)
        base = self._base
        return not _same(base[name], held) if name in base else bool(held)


def _same(one: str | None, other: str | None) -> bool:
    return (one or "") == (other or "")


def desired_text(wanted: str, held: str | None, prop: Property, *, multi: str = "replace") -> str | None:
    """Give the text to send so that a record that holds `held` holds `wanted`; None when it does."""
    if multi != "replace" and wanted and is_multiple(prop):
        present = [part for part in (held or "").split(";") if part]
        named = [part for part in wanted.split(";") if part]
        if multi == "append":
            missing = [part for part in named if part not in present]
            return ";" + ";".join(missing) if missing else None
        left = [part for part in present if part not in named]
        return ";".join(left) if len(left) < len(present) else None
    return None if canonical(wanted, prop) == canonical(held, prop) else wanted


def _diff_missing(missing: NotFound, mapping: SyncMapping) -> RecordStep:
    row, match, mode = missing.row, mapping.match, mapping.sync.block.mode
    if mode == "update":
        reason = f"HubSpot has no record with this {mapping.sync.block.match}, and the sync only updates"
        advice = "Use `mode: upsert` to create it, or leave the row out."
        return _hold(row.key, mapping, reason, advice, None)
    properties = {name: whole for name, text in row.values.items() if (whole := _whole(text, mapping, name))}
    guarded = mapping.matching.kind == "unique"
    return CreateRecord(
        row_key=row.key,
        object=mapping.object,
        match=match.name if match else "",
        value=row.match_value or "",
        properties=properties,
        upsert=guarded and mode != "create",
        searched=not guarded,
        sent=dict(row.values),
        row_hash=row.hash,
    )


def _whole(text: str, mapping: SyncMapping, name: str) -> str:
    """A new record has nothing to append to, and nothing to remove."""
    each = mapping.by_name[name]
    if not is_multiple(each.property):
        return text
    return "" if each.multi == "remove" else text.lstrip(";")


def _hold(key: str, mapping: SyncMapping, reason: str, advice: str, record_id: str | None) -> HoldRow:
    return HoldRow(
        row_key=key, object=mapping.object, outcome="skipped", reason=reason, advice=advice, record_id=record_id
    )


def with_authors(each: Identity, diff: RowDiff, authors: Authors) -> RowDiff:
    """Give a diff that says who changed what it overwrites or conflicts with."""
    if not authors or not isinstance(each, Found):
        return diff
    record_id, step = each.record.record_id, diff.step
    if isinstance(step, UpdateRecord):
        changes = tuple(
            Change(change.property, change.old, change.new, authors.get((record_id, change.property)))
            for change in step.changes
        )
        step = msgspec.structs.replace(step, changes=changes)
    conflicts = tuple(
        Conflict(one.property, one.base, one.held, one.wanted, authors.get((record_id, one.property)))
        for one in diff.conflicts
    )
    return replace(diff, step=step, conflicts=conflicts)
