"""Values that HubSpot calculates from other records and from stages: they move, the modified date does not (HS-08).

Off unless the knob `rollups_follow` says so. The portal notes which records a write touches, and before it commits
their values are calculated anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from hubspot_emulator import associations, pipeline_store, timestamps
from hubspot_emulator.association_types import COMPANY, CONTACT, DEAL

if TYPE_CHECKING:
    from hubspot_emulator.portal import Current, Portal

Values = dict[str, str]
SOURCE = "CALCULATED"
_STAGE_OF = {CONTACT: "lifecyclestage", COMPANY: "lifecyclestage", DEAL: "dealstage"}
_ORDER = (DEAL, CONTACT, COMPANY)
"""Deals first: contacts and companies add up what theirs say."""


def refresh(portal: Portal, touched: Iterable[tuple[str, int]]) -> None:
    """Calculate the values of these records anew, those that are live."""
    by_type: dict[str, set[int]] = {}
    for type_id, record_id in touched:
        by_type.setdefault(type_id, set()).add(record_id)
    for type_id in _ORDER:
        for record_id in sorted(associations.live_ids(portal, type_id, by_type.get(type_id, ()))):
            current = portal.live(type_id, record_id)
            found = _CALCULATE[type_id](portal, record_id, current.values) | _stage_dates(type_id, current)
            portal.set_calculated(type_id, current, _defined(portal, type_id, current, found), source=SOURCE)


def refresh_all(portal: Portal) -> None:
    """Calculate the values of every record."""
    for type_id in _ORDER:
        table = portal.table(type_id).name
        ids = [(type_id, record_id) for (record_id,) in portal.db.execute(f"SELECT id FROM {table} WHERE state = 0")]
        for start in range(0, len(ids), 500):
            refresh(portal, ids[start : start + 500])


def _defined(portal: Portal, type_id: str, current: Current, found: Mapping[str, str]) -> Values:
    known = portal.properties(type_id)
    return {name: value for name, value in found.items() if name in known and current.values.get(name, "") != value}


def _contact(portal: Portal, record_id: int, _values: Values) -> Values:
    ways = associations.direction(portal, CONTACT, COMPANY)
    assert ways.primary is not None
    primary = _ends(portal, record_id, ways.primary.kind, COMPANY)
    deals = _linked(portal, CONTACT, record_id, DEAL)
    return {"associatedcompanyid": str(primary[0]) if primary else "", "num_associated_deals": str(len(deals))}


def _company(portal: Portal, record_id: int, _values: Values) -> Values:
    deals = [portal.values_of(DEAL, deal) for deal in _linked(portal, COMPANY, record_id, DEAL)]
    open_ones = [deal for deal in deals if deal.get("hs_is_closed") != "true"]
    won = [deal for deal in deals if deal.get("hs_is_closed_won") == "true"]
    return {
        "hs_num_open_deals": str(len(open_ones)),
        "hs_total_deal_value": _sum(deals),
        "num_associated_contacts": str(len(_linked(portal, COMPANY, record_id, CONTACT))),
        "num_associated_deals": str(len(deals)),
        "total_revenue": _sum(won) if won else "",
    }


def _deal(portal: Portal, record_id: int, values: Values) -> Values:
    stages = {
        stage["id"]: stage["metadata"]
        for pipeline in pipeline_store.read(portal, DEAL)
        if pipeline["id"] == values.get("pipeline")
        for stage in pipeline["stages"]
    }
    stage = stages.get(values.get("dealstage", ""), {})
    closed = stage.get("isClosed") == "true"
    probability = Decimal(stage.get("probability", "0"))
    won = closed and probability == 1
    amount = values.get("amount", "")
    return {
        "hs_closed_amount": (amount or "0") if won else "0",
        "hs_is_closed": "true" if closed else "false",
        "hs_is_closed_lost": "true" if closed and not won else "false",
        "hs_is_closed_won": "true" if won else "false",
        "hs_projected_amount": f"{_number(amount) * probability:f}" if amount else "",
        "num_associated_contacts": str(len(_linked(portal, DEAL, record_id, CONTACT))),
    }


def _stage_dates(type_id: str, current: Current) -> Values:
    """Build the dates at which the record's stage was entered and the one before it was left: those of its last write."""
    values, stage = current.values, current.values.get(_STAGE_OF[type_id], "")
    entered, exited = f"hs_v2_date_entered_{stage}", f"hs_v2_date_exited_{stage}"
    if not stage or (values.get(entered) and not values.get(exited)):
        return {}
    moment = timestamps.render_ms(current.row.updated_ms)
    before = [name.removeprefix("hs_v2_date_entered_") for name in values if name.startswith("hs_v2_date_entered_")]
    left = {f"hs_v2_date_exited_{each}": moment for each in before if not values.get(f"hs_v2_date_exited_{each}")}
    return left | {entered: moment, exited: ""}


def _linked(portal: Portal, type_id: str, record_id: int, other: str) -> list[int]:
    default = associations.direction(portal, type_id, other).default
    assert default is not None
    return _ends(portal, record_id, default.kind, other)


def _ends(portal: Portal, record_id: int, kind: int, other: str) -> list[int]:
    sql = (
        f"SELECT to_id FROM associations a JOIN {portal.table(other).name} r ON r.id = a.to_id AND r.state = 0"
        " WHERE from_id = ? AND kind = ? ORDER BY to_id"
    )
    return [to_id for (to_id,) in portal.db.execute(sql, (record_id, kind))]


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal(0)  # a number property may hold "N/A"


def _sum(deals: Iterable[Mapping[str, str]]) -> str:
    return f"{sum((_number(deal.get('amount') or '0') for deal in deals), Decimal(0)):f}"


_CALCULATE: Mapping[str, Callable[[Portal, int, Values], Values]] = {
    COMPANY: _company,
    CONTACT: _contact,
    DEAL: _deal,
}
