"""What a request says of pipelines and stages, and the properties that come with a stage (HS-60)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing
from hubspot_emulator.http import ApiError
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import build_raw

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]

STAGE_PARTS = {"displayOrder", "label", "metadata", "stageId"}
_STAGE_PROPERTIES = (
    ("hs_v2_date_entered_", "Date entered", "datetime", "date"),
    ("hs_v2_date_exited_", "Date exited", "datetime", "date"),
    ("hs_v2_latest_time_in_", "Latest time in", "number", "number"),
    ("hs_v2_cumulative_time_in_", "Cumulative time in", "number", "number"),
)
_GROUPS = {"deals": "dealstages", "tickets": "ticketinformation"}


def needed_stages(body: Mapping[str, Any]) -> list[Json]:
    """Read the stages of a pipeline: there must be one."""
    given = parsing.items(body.get("stages"), where="stages")
    if not given:
        raise ApiError(400, "A pipeline needs at least one stage")
    return [parsing.fields(each, STAGE_PARTS, where="a stage") for each in given]


def described(parts: Mapping[str, Any], needed: Sequence[str]) -> Json:
    """Pick parts that must all be there."""
    missing = [name for name in needed if parts.get(name) is None]
    if missing:
        raise ApiError(400, f"{missing[0]} is needed")
    if "displayOrder" in needed and not isinstance(parts["displayOrder"], int):
        raise parsing.invalid_json("Cannot deserialize value of type `int` in displayOrder")
    return {name: parts[name] for name in needed}


def shown(stage: Mapping[str, Any]) -> Json:
    """Pick what a request may say of a stage."""
    return {name: stage[name] for name in ("displayOrder", "label", "metadata")}


def stage_parts(kind: ObjectType, given: Mapping[str, Any]) -> Json:
    """Read what a stage is to be."""
    parts = described(given, ("displayOrder", "label", "metadata"))
    return parts | {"metadata": check_metadata(kind, parts["metadata"])}


def check_metadata(kind: ObjectType, given: Any) -> dict[str, str]:
    """Check what a stage of this object must say of itself, and add what follows from it."""
    known = {name: parsing.text(value, where=f"metadata.{name}") for name, value in _mapping(given).items()}
    if kind.name == "deals":
        try:
            share = float(known["probability"])
        except (KeyError, ValueError) as error:
            raise ApiError(400, "metadata.probability of a deal stage must be from 0.0 to 1.0") from error
        if not 0 <= share <= 1:
            raise ApiError(400, f"metadata.probability of a deal stage must be from 0.0 to 1.0, not {share}")
        return known | {"isClosed": "true" if share in {0.0, 1.0} else "false"}
    if kind.name == "tickets":
        state = known.setdefault("ticketState", "OPEN")
        if state not in {"OPEN", "CLOSED"}:
            raise ApiError(400, f"metadata.ticketState must be OPEN or CLOSED, not {state}")
        return known | {"isClosed": "true" if state == "CLOSED" else "false"}
    return known


def _mapping(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise parsing.invalid_json("Cannot deserialize metadata: an object is needed")
    return given


def add_properties(portal: Portal, kind: ObjectType, stage: Mapping[str, Any], pipeline_label: str) -> None:
    """Add the properties that tell when records were in the stage: new ones in the middle of whatever runs."""
    if kind.name not in _GROUPS:
        return
    for prefix, text, value_type, field_type in _STAGE_PROPERTIES:
        label = f'{text} "{stage["label"]} ({pipeline_label})"'
        metadata = {"archivable": True, "readOnlyDefinition": True, "readOnlyValue": True}
        more = {"groupName": _GROUPS[kind.name], "hubspotDefined": True, "modificationMetadata": metadata}
        raw = build_raw(prefix + stage["id"], label, value_type, field_type, **more)
        portal.add_property(kind.type_id, raw)
