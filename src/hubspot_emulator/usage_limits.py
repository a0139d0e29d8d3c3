"""How much of its limits a portal uses: properties, objects, pipelines, records, labels and associations (HS-61)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hubspot_emulator import association_limits, associations, parsing, pipeline_store
from hubspot_emulator.association_types import USER_DEFINED, LinkType
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.pipelines import read_scopes
from hubspot_emulator.routing import versioned

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]

PROPERTIES, PROPERTIES_IN_ALL, CALCULATED = 1_000, 10_000, {"enterprise": 200, "professional": 25}
PIPELINES = {"enterprise": 100, "professional": 15, "starter": 2}
RECORDS, CUSTOM_RECORDS = 15_000_000, 1_500_000
ASSOCIATIONS = 50_000
"""What a record may have of one type where nobody set less; the true number depends on the pair and the plan."""
NEAR = 0.8
_SAMPLES = 10


def custom_properties(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer how many properties of the portal's own each object has."""
    parsing.known_parameters(request, ())
    counts = {kind: sum(1 for each in _live(portal, kind) if not each.get("hubspotDefined")) for kind in portal.types}
    used = [_share(kind, count, PROPERTIES) for kind, count in counts.items() if count]
    return json_response(_overall(sum(counts.values()), PROPERTIES_IN_ALL, used))


def calculated_properties(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer how many calculated properties of the portal's own each object has."""
    parsing.known_parameters(request, ())
    counts = {
        kind: sum(
            1
            for each in _live(portal, kind)
            if not each.get("hubspotDefined") and str(each.get("fieldType")).startswith("calculation_")
        )
        for kind in portal.types
    }
    used = [_named(kind) | {"usage": count} for kind, count in counts.items() if count]
    return json_response(_overall(sum(counts.values()), CALCULATED.get(portal.tier, 5), used))


def custom_object_types(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer how many objects the portal has defined."""
    parsing.known_parameters(request, ())
    count, limit = sum(1 for kind in portal.types if kind.is_custom), portal.knobs.schema_limit
    return json_response({"usage": count, "limit": limit, "percentage": _percentage(count, limit)})


def pipelines(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer how many pipelines each object has."""
    parsing.known_parameters(request, ())
    counts = {kind: len(pipeline_store.read(portal, kind.type_id)) for kind in portal.types}
    limit = PIPELINES.get(portal.tier, 1)
    return _by_kind({kind: count for kind, count in counts.items() if count}, limit, limit)


def records(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer how many records each object has."""
    parsing.known_parameters(request, ())
    counts = {kind: portal.table(kind.type_id).live_count() for kind in portal.types}
    return _by_kind({kind: count for kind, count in counts.items() if count}, RECORDS, CUSTOM_RECORDS)


def association_labels(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer how many labels each pair of objects has."""
    parsing.known_parameters(request, ("fromObjectTypeId", "toObjectTypeId"))
    asked = [parsing.one(request, name) for name in ("fromObjectTypeId", "toObjectTypeId")]
    wanted = [None if name is None else portal.types.resolve(name).type_id for name in asked]
    sql = "SELECT from_type, to_type, label FROM association_types WHERE category = ? ORDER BY from_type, to_type, kind"
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for from_type, to_type, label in portal.db.execute(sql, (USER_DEFINED,)):
        if label is not None and wanted[0] in {None, from_type} and wanted[1] in {None, to_type}:
            labels[from_type, to_type].append(label)
    limit = portal.knobs.labels_per_pair
    results = [
        {
            "fromObjectType": _named(portal.types.resolve(pair[0])),
            "toObjectType": _named(portal.types.resolve(pair[1])),
            "limit": limit,
            "usage": len(found),
            "percentage": _percentage(len(found), limit),
            "allLabels": found,
        }
        for pair, found in labels.items()
    ]
    return json_response({"results": results})


def pressed_from(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer which objects have records that are near or at a limit of associations."""
    parsing.known_parameters(request, ())
    return json_response({"results": _pressed_kinds(portal, _pressed(portal), lambda each: each.from_type)})


def pressed_to(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer to which objects records of this one have nearly or quite all the associations they may have."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["fromObjectTypeId"])
    found = {each: rows for each, rows in _pressed(portal).items() if each.from_type == kind.type_id}
    return json_response({"results": _pressed_kinds(portal, found, lambda each: each.to_type)})


def pressed_records(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer which records of a pair of objects are near or at the limit."""
    parsing.known_parameters(request, ())
    from_kind, to_kind = (portal.types.resolve(request.params[f"{end}ObjectTypeId"]) for end in ("from", "to"))
    default = associations.direction(portal, from_kind.type_id, to_kind.type_id).default
    if default is None:
        raise ApiError(400, f"{from_kind.name} and {to_kind.name} cannot be associated")
    limit = _limit(portal, default)
    rows = _pressed(portal).get(default, {})
    at = {record: count for record, count in rows.items() if count >= limit}
    near = {record: count for record, count in rows.items() if count < limit}
    return json_response(
        {
            "limit": limit,
            "totalRecordsAtLimit": len(at),
            "totalRecordsNearLimit": len(near),
            "atLimitFromRecordSamples": [_sample(portal, from_kind, record) for record in sorted(at)[:_SAMPLES]],
            "nearLimitFromRecordSamples": [
                _sample(portal, from_kind, record)
                | {"usage": near[record], "percentage": _percentage(near[record], limit)}
                for record in sorted(near)[:_SAMPLES]
            ],
        }
    )


def _limit(portal: Portal, kind: LinkType) -> int:
    return association_limits.limit_of(portal, kind.kind) or ASSOCIATIONS


def _pressed(portal: Portal) -> Mapping[LinkType, Mapping[int, int]]:
    """Count the links of every record that has a lot of them, by default type."""
    rows = portal.db.execute("SELECT * FROM association_types WHERE role = 'default'")
    defaults = {row[0]: LinkType(*row) for row in rows}
    limits = {kind: _limit(portal, found) for kind, found in defaults.items()}
    least = min(limits.values(), default=ASSOCIATIONS) * NEAR
    sql = "SELECT from_id, kind FROM associations GROUP BY from_id, kind HAVING count(*) >= ?"
    pressed: dict[LinkType, dict[int, int]] = defaultdict(dict)
    for from_id, kind in portal.db.execute(sql, (least,)).fetchall():
        found = defaults.get(kind)
        if found is None or not associations.live_ids(portal, found.from_type, [from_id]):
            continue
        count = associations.count_ends(portal, from_id, kind)
        if count >= limits[kind] * NEAR:
            pressed[found][from_id] = count
    return pressed


def _pressed_kinds(
    portal: Portal, pressed: Mapping[LinkType, Mapping[int, int]], end: Callable[[LinkType], str]
) -> list[Json]:
    states: dict[str, list[bool]] = {}
    for found, rows in pressed.items():
        at = [count >= _limit(portal, found) for count in rows.values()]
        states.setdefault(end(found), []).extend(at)
    return [
        _named(portal.types.resolve(type_id)) | {"hasRecordsAtLimit": any(at), "hasRecordsNearLimit": not all(at)}
        for type_id, at in sorted(states.items())
    ]


def _sample(portal: Portal, kind: ObjectType, record_id: int) -> Json:
    values = portal.values_of(kind.type_id, record_id)
    label = next((values[name] for name in (*kind.searched, "hs_object_id") if values.get(name)), str(record_id))
    return {"objectId": record_id, "label": label}


def _live(portal: Portal, kind: ObjectType) -> Iterable[Mapping[str, Any]]:
    return (each.raw for each in portal.properties(kind.type_id).values() if not each.archived)


def _named(kind: ObjectType) -> Json:
    texts = {"singularLabel": kind.singular, "pluralLabel": kind.name}
    return {"objectTypeId": kind.type_id} | {name: text.replace("_", " ").capitalize() for name, text in texts.items()}


def _percentage(usage: int, limit: int) -> float:
    return round(100 * usage / limit, 4)


def _share(kind: ObjectType, usage: int, limit: int) -> Json:
    return _named(kind) | {"usage": usage, "limit": limit, "percentage": _percentage(usage, limit)}


def _overall(usage: int, limit: int, by_type: list[Json]) -> Json:
    percentage = _percentage(usage, limit)
    return {"overallLimit": limit, "overallUsage": usage, "overallPercentage": percentage, "byObjectType": by_type}


def _by_kind(counts: Mapping[ObjectType, int], limit: int, custom_limit: int) -> ApiResponse:
    """Build an answer in two parts: the portal's own objects share a limit, HubSpot's have one each."""
    custom = {kind: count for kind, count in counts.items() if kind.is_custom}
    used = [_named(kind) | {"usage": count} for kind, count in custom.items()]
    shares = [_share(kind, count, limit) for kind, count in counts.items() if not kind.is_custom]
    overall = _overall(sum(custom.values()), custom_limit, used)
    return json_response({"hubspotDefinedObjectTypes": shares, "customObjectTypes": overall})


_CALLS = (
    ("/custom-properties", custom_properties),
    ("/calculated-properties", calculated_properties),
    ("/custom-object-types", custom_object_types),
    ("/pipelines", pipelines),
    ("/records", records),
    ("/associations/labels", association_labels),
    ("/associations/records/from", pressed_from),
    ("/associations/records/{fromObjectTypeId}/to", pressed_to),
    ("/associations/records/{fromObjectTypeId}/{toObjectTypeId}", pressed_records),
)


def _routes() -> Iterable[Route]:
    for path, handler in _CALLS:
        yield from versioned("limits", "GET", path, handler, scopes=read_scopes)


FAMILY = Family(routes=tuple(_routes()))
