"""Properties and pipelines as v1 and v2 list them: bare arrays, moments in milliseconds (HS-63)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import definitions, parsing, pipeline_store, pipeline_writes, pipelines, scopes, timestamps
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import Definition, parse_definition

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]

FORMS = frozenset({"form", "forms"})
"""No object that records can be read of, and yet connectors ask for its properties, and cannot do with an empty answer."""
PIPELINES_END_MS = 1_796_342_400_000
"""Midnight before 4 December 2026, UTC: pipelines v1 answers no more."""


def list_properties(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer all definitions of an object as a bare array."""
    parsing.known_parameters(request, ())
    if request.params.get("objectType", "").lower() in FORMS:
        return json_response([_property(parse_definition(raw)) for raw in definitions.built_in("form")])
    found = portal.properties(_kind(portal, request).type_id).values()
    return json_response([_property(each) for each in found if _is_shown(each)])


def fetch_property(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one definition."""
    parsing.known_parameters(request, ())
    found = portal.properties(_kind(portal, request).type_id).get(request.params["name"])
    if found is None or not _is_shown(found):
        raise ApiError(404, "resource not found", category=None)
    return json_response(_property(found))


def _kind(portal: Portal, request: ApiRequest) -> ObjectType:
    return portal.types.resolve(request.params.get("objectType") or request.path.strip("/").split("/")[0])


def _is_shown(definition: Definition) -> bool:
    return not definition.archived and definition.sensitivity == "non_sensitive"


def _property(definition: Definition) -> Json:
    raw = definition.raw
    metadata = raw.get("modificationMetadata") or {}
    own = not raw.get("hubspotDefined")
    return {
        "name": definition.name,
        "label": raw.get("label"),
        "description": raw.get("description", ""),
        "groupName": raw.get("groupName"),
        "type": definition.type,
        "fieldType": definition.field_type,
        "createdAt": _moment(raw, "createdAt"),
        "readOnlyDefinition": bool(metadata.get("readOnlyDefinition")),
        "updatedAt": _moment(raw, "updatedAt"),
        "showCurrencySymbol": raw.get("showCurrencySymbol"),
        "hubspotDefined": not own,
        "createdUserId": int(raw["createdUserId"]) if raw.get("createdUserId") else None,
        "textDisplayHint": None,
        "numberDisplayHint": raw.get("numberDisplayHint"),
        "optionsAreMutable": None,
        "referencedObjectType": raw.get("referencedObjectType"),
        "isCustomizedDefault": False,
        "searchableInGlobalSearch": False,
        "currencyPropertyName": None,
        "hasUniqueValue": definition.unique,
        "formField": bool(raw.get("formField")),
        "displayOrder": raw.get("displayOrder", -1),
        "readOnlyValue": bool(metadata.get("readOnlyValue")),
        "hidden": bool(raw.get("hidden")),
        "mutableDefinitionNotDeletable": not own,
        "favorited": False,
        "favoritedOrder": -1,
        "calculated": bool(raw.get("calculated")),
        "externalOptions": definition.external_options,
        "displayMode": "current_value",
        "deleted": None,
        "updatedUserId": int(raw["updatedUserId"]) if raw.get("updatedUserId") else None,
        "options": [_option(each) for each in raw.get("options", ())],
    }


def _option(given: Mapping[str, Any]) -> Json:
    return {
        "description": given.get("description", ""),
        "value": given["value"],
        "readOnly": None,
        "label": given["label"],
        "displayOrder": given.get("displayOrder", -1),
        "hidden": bool(given.get("hidden")),
        "doubleData": None,
    }


def _moment(raw: Mapping[str, Any], name: str) -> int | None:
    return timestamps.parse_ms(raw[name]) if raw.get(name) else None


# --- pipelines ------------------------------------------------------------------------------------------------------


def list_pipelines(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the pipelines of an object, their stages in no order."""
    parsing.known_parameters(request, ("includeInactive",))
    kind = portal.types.resolve(request.params["objectType"])
    found = pipeline_store.read(portal, kind.type_id)
    return json_response({"results": [_pipeline(kind, place == 0, each) for place, each in enumerate(found)]})


def _pipeline(kind: ObjectType, default: bool, given: Json) -> Json:
    stages = [
        {"stageId": stage["id"], "metadata": stage["metadata"], **_common(stage)}
        for stage in sorted(given["stages"], key=lambda stage: zlib.crc32(stage["id"].encode()))
    ]
    types = {"objectType": kind.singular.upper(), "objectTypeId": kind.type_id}
    return {"pipelineId": given["id"], **types, "default": default, **_common(given), "stages": stages}


def _common(given: Json) -> Json:
    return {
        "label": given["label"],
        "displayOrder": given["displayOrder"],
        "active": True,
        "createdAt": timestamps.parse_ms(given["createdAt"]),
        "updatedAt": timestamps.parse_ms(given["updatedAt"]),
    }


def list_deal_pipelines(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the pipelines of deals in the oldest shape."""
    parsing.known_parameters(request, ())
    return json_response([_deal_pipeline(each) for each in pipeline_store.read(portal, "0-3")])


def _deal_pipeline(given: Json) -> Json:
    stages = [
        {
            "stageId": stage["id"],
            "label": stage["label"],
            "probability": float(stage["metadata"]["probability"]),
            "active": True,
            "displayOrder": stage["displayOrder"],
            "closedWon": float(stage["metadata"]["probability"]) == 1,
        }
        for stage in given["stages"]
    ]
    return {
        "pipelineId": given["id"],
        "stages": stages,
        "label": given["label"],
        "active": True,
        "displayOrder": given["displayOrder"],
        "staticDefault": given["id"] == "default",
    }


def create_deal_pipeline(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add a pipeline of deals; one without stages of its own gets the usual ones under new ids."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), {"displayOrder", "label", "pipelineId", "stages"})
    known = {"displayOrder", "label", "probability", "stageId"}
    given = [parsing.fields(each, known, where="a stage") for each in parsing.items(body.get("stages"), where="stages")]
    usual = [
        {"label": stage.label, "probability": stage.metadata["probability"]}
        for stage in pipeline_store.BUILT_IN["0-3"][0].stages
    ]
    stages = [
        {
            "label": each.get("label"),
            "displayOrder": each.get("displayOrder", place),
            "metadata": {"probability": str(float(each.get("probability", 0)))},
        }
        | ({"stageId": str(each["stageId"])} if "stageId" in each else {})
        for place, each in enumerate(given or usual)
    ]
    new = {"label": body.get("label"), "displayOrder": body.get("displayOrder", 0), "stages": stages}
    if "pipelineId" in body:
        new["pipelineId"] = body["pipelineId"]
    inner = replace(request, params={"objectType": "deals"}, body=msgspec.json.encode(new))
    made = msgspec.json.decode(pipeline_writes.create_pipeline(portal, inner).body)
    return json_response(_deal_pipeline(made))


_PROPERTIES = ("/properties/v1/{objectType}/properties", "/properties/v2/{objectType}/properties")
_OWN_PROPERTIES = ("/contacts/v1/properties", "/companies/v2/properties", "/deals/v1/properties")


def _schema_scopes(name: str | None) -> Callable[[Portal, ApiRequest], Any]:
    """Need what reading definitions of the path's object needs, which its first word names where it has no other."""

    def needed(portal: Portal, request: ApiRequest) -> Any:
        if request.params.get("objectType", "").lower() in FORMS:
            return (frozenset({"forms"}),)
        if name is None:
            return scopes.read_schema(portal, request)
        return (frozenset({f"crm.schemas.{name}.read"}), *portal.types.resolve(name).read_scopes)

    return needed


def _writing_deals(portal: Portal, request: ApiRequest) -> Any:  # noqa: ARG001
    return (frozenset({"crm.schemas.deals.write"}),)


def _routes() -> Iterable[Route]:
    for template in (*_PROPERTIES, *_OWN_PROPERTIES):
        parts = template.split("/")
        needed = _schema_scopes(None if "{" in template else parts[1])
        for path, handler in (("", list_properties), ("/named/{name}", fetch_property)):
            yield Route(method="GET", template=template + path, handler=handler, version=parts[2], scopes=needed)
    reading = pipelines.read_scopes
    crm = "/crm-pipelines/v1/pipelines/{objectType}"
    end = PIPELINES_END_MS
    yield Route(method="GET", template=crm, handler=list_pipelines, version="v1", scopes=reading, until_ms=end)
    old = "/deals/v1/pipelines"
    yield Route(method="GET", template=old, handler=list_deal_pipelines, version="v1", scopes=reading, until_ms=end)
    needed = _writing_deals
    yield Route(method="POST", template=old, handler=create_deal_pipeline, version="v1", scopes=needed, until_ms=end)


FAMILY = Family(routes=tuple(_routes()))
