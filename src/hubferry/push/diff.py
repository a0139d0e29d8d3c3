"""Desired rows against the records they are: steps. Pure: no client, no clock, no state store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hubferry.hubspot.properties import Property
from hubferry.push.encode import canonical
from hubferry.push.identity import Found, Held, Identity, NotFound, without_email
from hubferry.push.mapping import SyncMapping
from hubferry.push.steps import Change, CreateRecord, HoldRow, RecordStep, UpdateRecord


@dataclass(frozen=True)
class RowDiff:
    """What one row asks for: a step, or None when its record holds everything already."""

    step: RecordStep | None
    settled: tuple[str, ...] = ()
    """Properties that HubSpot stored otherwise than sent; left alone until the source or the record changes."""


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
    if mapping.sync.block.mode == "create" and ledger is None:
        reason = f"record {record.record_id} has this {mapping.sync.block.match} already"
        advice = "Use `mode: upsert` to take over records that exist, or leave the row out."
        return RowDiff(_hold(row.key, mapping, reason, advice, record.record_id))
    changes, settled = [], []
    for name, wanted in row.values.items():
        prop, held = mapping.properties[name], record.values.get(name)
        new = desired_text(wanted, held, prop)
        if new is None:
            continue
        if (
            ledger
            and ledger.record_id == record.record_id
            and _is_settled(ledger.sent, ledger.stored, name, wanted, held)
        ):
            settled.append(name)
        else:
            changes.append(Change(name, held, new))
    if not changes:
        return RowDiff(None, tuple(settled))
    step = UpdateRecord(
        row_key=row.key,
        object=mapping.object,
        record_id=record.record_id,
        changes=tuple(changes),
        sent=dict(row.values),
        stored={name: record.values.get(name) for name in row.values},
        row_hash=row.hash,
    )
    return RowDiff(step, tuple(settled))


def desired_text(wanted: str, held: str | None, prop: Property) -> str | None:
    """Give the text to send so that a record that holds `held` holds `wanted`; None when it does."""
    if wanted.startswith(";") and prop.field_type == "checkbox":
        present = set((held or "").split(";"))
        missing = [part for part in wanted.split(";") if part and part not in present]
        return ";" + ";".join(missing) if missing else None
    return None if canonical(wanted, prop) == canonical(held, prop) else wanted


def _is_settled(
    sent: Mapping[str, str], stored: Mapping[str, str | None], name: str, wanted: str, held: str | None
) -> bool:
    return name in stored and sent.get(name) == wanted and (stored[name] or "") == (held or "")


def _diff_missing(missing: NotFound, mapping: SyncMapping) -> RecordStep:
    row, match, mode = missing.row, mapping.match, mapping.sync.block.mode
    if mode == "update" or match is None or row.match_value is None:
        reason = f"HubSpot has no record with this {mapping.sync.block.match}, and the sync only updates"
        advice = "Use `mode: upsert` to create it, or leave the row out."
        return _hold(row.key, mapping, reason, advice, None)
    return CreateRecord(
        row_key=row.key,
        object=mapping.object,
        match=match.name,
        value=row.match_value,
        properties={name: _whole(text, mapping.properties[name]) for name, text in row.values.items() if text},
        upsert=mode != "create",
        sent=dict(row.values),
        row_hash=row.hash,
    )


def _whole(text: str, prop: Property) -> str:
    """A new record has nothing to append to."""
    return text.lstrip(";") if prop.field_type == "checkbox" else text


def _hold(key: str, mapping: SyncMapping, reason: str, advice: str, record_id: str | None) -> HoldRow:
    return HoldRow(
        row_key=key, object=mapping.object, outcome="skipped", reason=reason, advice=advice, record_id=record_id
    )
