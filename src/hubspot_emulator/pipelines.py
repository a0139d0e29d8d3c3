"""Pipelines and their stages: what the calls answer, and which stages a record may be in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing, pipeline_store
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import Problem

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


def stages(portal: Portal, type_id: str) -> tuple[str, tuple[str, ...]]:
    """Give the first pipeline of an object type and the ids of its stages; KeyError for a type without pipelines."""
    found = pipeline_store.read(portal, type_id)
    if not found:
        raise KeyError(f"{type_id} has no pipelines")
    return found[0]["id"], tuple(stage["id"] for stage in found[0]["stages"])


def truth(portal: Portal, type_id: str) -> Iterator[dict[str, Any]]:
    """Give every pipeline of an object type as the control server shows it."""
    for pipeline in pipeline_store.read(portal, type_id):
        yield {"id": pipeline["id"], "state": "live", **pipeline}


def problems_of(
    portal: Portal, kind: ObjectType, stored: Mapping[str, str], before: Mapping[str, str] | None
) -> list[Problem]:
    """Say what is wrong with the pipeline and stage a record would have; the default pipeline stands for none."""
    if kind.pipeline_property is None or kind.stage_property is None:
        return []
    if kind.pipeline_property not in stored and kind.stage_property not in stored:
        return []
    by_id = {found["id"]: found for found in pipeline_store.read(portal, kind.type_id)}
    if not by_id:
        return []
    after = {**(before or {}), **stored}
    pipeline_id = after.get(kind.pipeline_property) or next(iter(by_id))
    stage_id = after.get(kind.stage_property, "")
    if pipeline_id not in by_id:
        message = f"{pipeline_id} was not one of the allowed options: [{', '.join(by_id)}]"
        return [_problem(kind.pipeline_property, message)]
    allowed = [stage["id"] for stage in by_id[pipeline_id]["stages"]]
    if not stage_id or stage_id in allowed:
        return []
    options = f"pipelineId={pipeline_id} : [{', '.join(allowed)}]"
    message = f"{stage_id} is not a valid pipeline stage ID. Valid options are: {options}"
    return [_problem(kind.stage_property, message)]


def _problem(name: str, message: str) -> Problem:
    return Problem(name=name, code="INVALID_OPTION", message=message)


def _list(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    return json_response({"results": pipeline_store.read(portal, kind.type_id)})


def _one(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    return json_response(find(portal, request))


def _stages(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    return json_response({"results": find(portal, request)["stages"]})


def _stage(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    return json_response(find_stage(find(portal, request), request))


def find(portal: Portal, request: ApiRequest) -> dict[str, Any]:
    """Give the pipeline that the path names."""
    kind = portal.types.resolve(request.params["objectType"])
    for pipeline in pipeline_store.read(portal, kind.type_id):
        if pipeline["id"] == request.params["pipelineId"]:
            return pipeline
    raise _not_found(f"pipeline {request.params['pipelineId']}")


def find_stage(pipeline: Mapping[str, Any], request: ApiRequest) -> dict[str, Any]:
    """Give the stage of a pipeline that the path names."""
    stages: Sequence[dict[str, Any]] = pipeline["stages"]
    for stage in stages:
        if stage["id"] == request.params["stageId"]:
            return stage
    raise _not_found(f"stage {request.params['stageId']}")


def _not_found(what: str) -> ApiError:
    return ApiError(404, f"resource not found: {what}", category="OBJECT_NOT_FOUND")


def read_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    """Any object's read scope lets a token read every object's pipelines."""
    return tuple(scopes for kind in portal.types for scopes in kind.read_scopes)


_CALLS = (
    ("{objectType}", _list),
    ("{objectType}/{pipelineId}", _one),
    ("{objectType}/{pipelineId}/stages", _stages),
    ("{objectType}/{pipelineId}/stages/{stageId}", _stage),
)

ROUTES: tuple[Route, ...] = tuple(
    Route(method="GET", template=f"{prefix}/{path}", handler=handler, version=version, scopes=read_scopes)
    for path, handler in _CALLS
    for prefix, version in (("/crm/pipelines/{version}", None), ("/crm/v3/pipelines", "v3"))
)
