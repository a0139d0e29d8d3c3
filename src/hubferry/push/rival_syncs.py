"""Syncs that write the same property of the same object: where both have a row of one record and disagree, neither row is sent.

Else each plan of every row would write away what the other sync had written, and so for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec

from hubferry.config.model import FieldBlock, Sync
from hubferry.hubspot.properties import Property
from hubferry.push.encode import canonical
from hubferry.push.mapping import SyncMapping
from hubferry.push.matching import RECORD_ID
from hubferry.push.rows import DesiredRow, Problem
from hubferry.state.plan_rows import Meeting

if TYPE_CHECKING:
    from hubferry.push.record_planner import RecordPlanner

_ADVICE = (
    "Make both sources agree, take the property out of one sync, or give it `policy: fill_only` or `hubspot_wins` in one;"
    " neither row was sent."
)


def find_shared(one: Sync, other: Sync) -> tuple[str, ...]:
    """Give the properties that two syncs of one object both write over whatever HubSpot holds.

    Not a property that both are matched by, whose value is then one; nor one that both only add to, or only take from.
    """
    if "create" in (one.block.mode, other.block.mode):  # what it delivered it never changes
        return ()
    mine, theirs = _decided(one), _decided(other)
    matched = {one.block.match} if one.block.match == other.block.match else set()
    return tuple(name for name in mine if name in theirs and name not in matched and _clash(mine[name], theirs[name]))


def shared_by(mapping: SyncMapping, others: Iterable[SyncMapping]) -> frozenset[str]:
    """Give the properties of a sync whose values are compared with those of the other syncs of a plan."""
    rivals = [each for each in others if each.name != mapping.name and each.object == mapping.object]
    found = frozenset(name for each in rivals for name in find_shared(mapping.sync, each.sync))
    return frozenset(name for name in found if mapping.by_name[name].multi == "replace")


def hash_wanted(row: DesiredRow, mapping: SyncMapping, names: Collection[str]) -> str | None:
    """Give hashes of what a row asks for, by property, as JSON; None where no property is compared."""
    return msgspec.json.encode(_hash(row.values, mapping, names)).decode() if names else None


def set_rivals_aside(planners: Sequence[RecordPlanner]) -> None:
    """Make rows of different syncs invalid that are one record and disagree about a property."""
    found: dict[str, dict[str, Problem]] = {each.mapping.name: {} for each in planners}
    for one, other in combinations(planners, 2):
        names = one.shared & other.shared & set(find_shared(one.mapping.sync, other.mapping.sync))
        if names and one.mapping.object == other.mapping.object:
            _judge(one, other, names, found[one.mapping.name], found[other.mapping.name])
    for each in planners:  # when all were judged: a third sync may disagree with two that disagree
        problems = found[each.mapping.name]
        each.set_aside({row: problems[row.row_key] for row in each.rows.query_placed(problems)})


def _judge(
    one: RecordPlanner,
    other: RecordPlanner,
    names: Collection[str],
    mine: dict[str, Problem],
    theirs: dict[str, Problem],
) -> None:
    by_match = one.mapping.match is not None and one.mapping.match == other.mapping.match
    for met in one.rows.query_meetings(other.mapping.name, one.ledger.portal_id, by_match=by_match):
        if met.row_key in one.aside or met.other_key in other.aside:
            continue
        wanted, others = _read(met.wanted, met.sent, one.mapping, names), _read_other(met, other.mapping, names)
        differing = sorted(name for name in wanted.keys() & others.keys() if wanted[name] != others[name])
        if differing:
            mine.setdefault(met.row_key, _disagreeing(other.mapping.name, met.other_key, differing))
            theirs.setdefault(met.other_key, _disagreeing(one.mapping.name, met.row_key, differing))


def _read_other(met: Meeting, mapping: SyncMapping, names: Collection[str]) -> Mapping[str, str]:
    return _read(met.other_wanted, met.other_sent, mapping, names)


def _read(wanted: str | None, sent: str | None, mapping: SyncMapping, names: Collection[str]) -> Mapping[str, str]:
    """Give the hashes of a row; of one that was not looked at, of what was sent when it last was."""
    if wanted is None:
        return _hash(msgspec.json.decode(sent or "{}"), mapping, names)
    found: dict[str, str] = msgspec.json.decode(wanted)
    return {name: each for name, each in found.items() if name in names}


def _hash(values: Mapping[str, str], mapping: SyncMapping, names: Collection[str]) -> dict[str, str]:
    return {
        name: hashlib.sha256(_render(values[name], mapping.by_name[name].property).encode()).hexdigest()
        for name in sorted(names)
        if name in values
    }


def _render(text: str, prop: Property) -> str:
    """Give a text that is the same for all texts of one value."""
    value = canonical(text, prop)
    if isinstance(value, Decimal) and value.is_finite():
        return repr(value.normalize() + 0)  # without a sign of zero
    return repr(sorted(value) if isinstance(value, frozenset) else value)


def _decided(sync: Sync) -> dict[str, FieldBlock]:
    """Give the fields of which the source alone decides."""
    blocks = {
        name: each if isinstance(each, FieldBlock) else FieldBlock(column=each)
        for name, each in sync.block.fields.items()
    }
    return {name: each for name, each in blocks.items() if each.policy == "warehouse_wins" and name != RECORD_ID}


def _clash(one: FieldBlock, other: FieldBlock) -> bool:
    alike = one.multi == other.multi
    if alike and one.multi != "replace":
        return False
    return not (alike and one.constant is not None and one.constant == other.constant)


def _disagreeing(sync: str, key: str, names: Sequence[str]) -> Problem:
    reason = f"the sync {sync!r} writes another {', '.join(names)} to the same HubSpot record, by its row {key!r}"
    return Problem("row", reason, _ADVICE)
