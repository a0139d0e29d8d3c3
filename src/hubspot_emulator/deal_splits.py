"""Deal splits: who shares a deal, read and set by deal (HS-71). A split is a record of its own type as well."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from hubspot_emulator import owners, parsing, rendering
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.storage import State
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

DEAL, SPLIT = "0-3", "0-9002"
OF_DEAL, PERCENTAGE, AMOUNT = "hs_deal_split_deal_id", "hs_deal_split_percentage", "hs_deal_split_amount"


def read_splits(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give the splits of deals; a deal without any, or that is not there, has none."""
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, ("id",))
    ids = [parsing.text(each.get("id"), where="an input's id") for each in inputs]
    return _answer(portal, list(dict.fromkeys(ids)))


def upsert_splits(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Replace the splits of deals; the shares of each must sum up to 1."""
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, ("id", "splits"))
    wanted: dict[str, list[tuple[str, Decimal]]] = {}
    for each in inputs:
        deal_id = parsing.text(each.get("id"), where="an input's id")
        if not deal_id.isdecimal() or portal.record_state(DEAL, int(deal_id)) != "live":
            raise ApiError(404, f"Deal {deal_id} does not exist", category="OBJECT_NOT_FOUND")
        wanted[deal_id] = [_split(portal, part) for part in parsing.items(each.get("splits"), where="splits")]
        if wanted[deal_id] and sum(share for _, share in wanted[deal_id]) != 1:
            raise ApiError(400, f"The percentages of the splits of deal {deal_id} must sum up to 1.0")
    for deal_id, parts in wanted.items():
        _replace(portal, deal_id, parts, request)
    return _answer(portal, list(wanted))


def _split(portal: Portal, value: object) -> tuple[str, Decimal]:
    parts = parsing.fields(value, {"ownerId", "percentage"}, where="a split")
    owner_id = parsing.text(parts.get("ownerId"), where="ownerId")
    try:
        share = Decimal(parsing.text(parts.get("percentage"), where="percentage"))
    except InvalidOperation as error:
        raise ApiError(400, f"percentage must be a number, not {parts.get('percentage')}") from error
    if not owner_id.isdecimal() or not owners.exists(portal, owner_id):
        raise ApiError(400, f"{owner_id} is not the id of an owner")
    return owner_id, share


def _replace(portal: Portal, deal_id: str, parts: Sequence[tuple[str, Decimal]], request: ApiRequest) -> None:
    for record_id in _ids(portal, deal_id):
        portal.archive_record(SPLIT, record_id, request=request.correlation_id)
    amount = Decimal(portal.values_of(DEAL, int(deal_id)).get("amount") or "0")
    for owner_id, share in parts:
        values = {"hubspot_owner_id": owner_id, PERCENTAGE: f"{share:f}", OF_DEAL: deal_id}
        portal.create_record(SPLIT, values | {AMOUNT: f"{amount * share:f}"}, request=request.correlation_id)


def _ids(portal: Portal, deal_id: str) -> list[int]:
    sql = (
        f"SELECT id FROM {portal.table(SPLIT).name} WHERE state = {State.LIVE:d}"
        f" AND json_extract(properties, '$.{OF_DEAL}') = ? ORDER BY id"
    )
    return [record_id for (record_id,) in portal.db.execute(sql, (deal_id,))]


def _answer(portal: Portal, deal_ids: Sequence[str]) -> ApiResponse:
    kind = portal.types.resolve(SPLIT)
    results: list[dict[str, Any]] = []
    for deal_id in deal_ids:
        found = [portal.live(SPLIT, record_id) for record_id in _ids(portal, deal_id)]
        splits = [rendering.written(portal, kind, each.row, each.values) for each in found]
        if splits:
            results.append({"id": deal_id, "splits": splits})
    now = render_ms(portal.now_ms())
    return json_response({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({"crm.dealsplits.read_write"}),)


FAMILY = Family(
    routes=tuple(
        Route(method="POST", template=f"{prefix}/batch/{verb}", handler=handler, version=version, scopes=_scopes)
        for prefix, version in (
            ("/deal-splits/{version}", None),
            ("/crm/objects/v3/deals/splits", "v3"),
            ("/crm/v3/objects/deals/splits", "v3"),  # as HubSpot's SDK calls it
        )
        for verb, handler in (("read", read_splits), ("upsert", upsert_splits))
    )
)
