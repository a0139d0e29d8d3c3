"""Pipelines and their stages: what the calls answer, and which stages a record may be in.

Fixed data: a portal's pipelines are not edited through this emulator, so the calls that write are refused (405).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import Problem

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a pipeline."""

    stage_id: str
    label: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One pipeline; built-in ones bear dates of 1970."""

    pipeline_id: str
    label: str
    stages: tuple[Stage, ...]
    created_at: str = _NEVER
    updated_at: str = _NEVER


def _deal(stage_id: str, label: str, probability: str) -> Stage:
    closed = probability in {"0.0", "1.0"}
    return Stage(
        stage_id=stage_id,
        label=label,
        metadata={"isClosed": "true" if closed else "false", "probability": probability},
    )


def _ticket(stage_id: str, label: str, state: str) -> Stage:
    return Stage(
        stage_id=stage_id,
        label=label,
        metadata={"isClosed": "true" if state == "CLOSED" else "false", "ticketState": state},
    )


_LIFECYCLE = tuple(
    Stage(stage_id=label.lower().replace(" ", ""), label=label, metadata={})
    for label in (
        "Subscriber",
        "Lead",
        "Marketing Qualified Lead",
        "Sales Qualified Lead",
        "Opportunity",
        "Customer",
        "Evangelist",
        "Other",
    )
)

PIPELINES: dict[str, tuple[Pipeline, ...]] = {
    "0-1": (Pipeline(pipeline_id="contacts-lifecycle-pipeline", label="Lifecycle Stage Pipeline", stages=_LIFECYCLE),),
    "0-2": (Pipeline(pipeline_id="companies-lifecycle-pipeline", label="Lifecycle Stage Pipeline", stages=_LIFECYCLE),),
    "0-3": (
        Pipeline(
            pipeline_id="default",
            label="Sales Pipeline",
            stages=(
                _deal("appointmentscheduled", "Appointment Scheduled", "0.2"),
                _deal("qualifiedtobuy", "Qualified To Buy", "0.4"),
                _deal("presentationscheduled", "Presentation Scheduled", "0.6"),
                _deal("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
                _deal("contractsent", "Contract Sent", "0.9"),
                _deal("closedwon", "Closed Won", "1.0"),
                _deal("closedlost", "Closed Lost", "0.0"),
            ),
        ),
        Pipeline(
            pipeline_id="75800461",
            label="Renewals",
            stages=(
                _deal("141270873", "Up For Renewal", "0.5"),
                _deal("141270874", "Renewed", "1.0"),
                _deal("141270875", "Not Renewed", "0.0"),
            ),
            created_at="2025-04-03T12:58:52.529Z",
            updated_at="2025-04-03T12:59:10.749Z",
        ),
    ),
    "0-5": (
        Pipeline(
            pipeline_id="0",
            label="Support Pipeline",
            stages=(
                _ticket("1", "New", "OPEN"),
                _ticket("2", "Waiting on contact", "OPEN"),
                _ticket("3", "Waiting on us", "OPEN"),
                _ticket("4", "Closed", "CLOSED"),
            ),
        ),
    ),
}
"""By object type; types that are not here have no pipelines."""


def stages(portal: Portal, type_id: str) -> tuple[str, tuple[str, ...]]:  # noqa: ARG001  # pipelines will be the portal's own
    """Give the first pipeline of an object type and the ids of its stages; KeyError for a type without pipelines."""
    first = PIPELINES[type_id][0]
    return first.pipeline_id, tuple(stage.stage_id for stage in first.stages)


def truth(portal: Portal, type_id: str) -> Iterator[dict[str, Any]]:  # noqa: ARG001
    """Give every pipeline of an object type as the control server shows it."""
    for order, pipeline in enumerate(PIPELINES.get(type_id, ())):
        rendered = _render_pipeline(order, pipeline)
        yield {"id": rendered["id"], "state": "live", **rendered}


def problems_of(
    portal: Portal,  # noqa: ARG001
    kind: ObjectType,
    stored: Mapping[str, str],
    before: Mapping[str, str] | None,
) -> list[Problem]:
    """Say what is wrong with the pipeline and stage a record would have; the default pipeline stands for none."""
    if kind.pipeline_property is None or kind.stage_property is None or kind.type_id not in PIPELINES:
        return []
    if kind.pipeline_property not in stored and kind.stage_property not in stored:
        return []
    by_id = {found.pipeline_id: found for found in PIPELINES[kind.type_id]}
    after = {**(before or {}), **stored}
    pipeline_id = after.get(kind.pipeline_property) or next(iter(by_id))
    stage_id = after.get(kind.stage_property, "")
    if pipeline_id not in by_id:
        message = f"{pipeline_id} was not one of the allowed options: [{', '.join(by_id)}]"
        return [_problem(kind.pipeline_property, message)]
    allowed = [stage.stage_id for stage in by_id[pipeline_id].stages]
    if not stage_id or stage_id in allowed:
        return []
    options = f"pipelineId={pipeline_id} : [{', '.join(allowed)}]"
    message = f"{stage_id} is not a valid pipeline stage ID. Valid options are: {options}"
    return [_problem(kind.stage_property, message)]


def _problem(name: str, message: str) -> Problem:
    # `values` asks this module for problems and owns their class: the import closes a circle unless it waits.
    return Problem(name=name, code="INVALID_OPTION", message=message)


def _list(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    found = PIPELINES.get(portal.types.resolve(request.params["objectType"]).type_id, ())
    return json_response({"results": [_render_pipeline(order, pipeline) for order, pipeline in enumerate(found)]})


def _one(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    return json_response(_render_pipeline(*_find(portal, request)))


def _stages(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    return json_response({"results": _render_pipeline(*_find(portal, request))["stages"]})


def _stage(portal: Portal, request: ApiRequest) -> ApiResponse:
    parsing.known_parameters(request, ())
    rendered: Sequence[Mapping[str, Any]] = _render_pipeline(*_find(portal, request))["stages"]
    for stage in rendered:
        if stage["id"] == request.params["stageId"]:
            return json_response(stage)
    raise _not_found(f"stage {request.params['stageId']}")


def _find(portal: Portal, request: ApiRequest) -> tuple[int, Pipeline]:
    found = PIPELINES.get(portal.types.resolve(request.params["objectType"]).type_id, ())
    for order, pipeline in enumerate(found):
        if pipeline.pipeline_id == request.params["pipelineId"]:
            return order, pipeline
    raise _not_found(f"pipeline {request.params['pipelineId']}")


def _not_found(what: str) -> ApiError:
    return ApiError(404, f"resource not found: {what}", category="OBJECT_NOT_FOUND")


def _render_pipeline(order: int, pipeline: Pipeline) -> dict[str, Any]:
    dates = {"createdAt": pipeline.created_at, "updatedAt": pipeline.updated_at}
    return {
        "label": pipeline.label,
        "displayOrder": order,
        "id": pipeline.pipeline_id,
        "stages": [
            {
                "label": stage.label,
                "displayOrder": place,
                "metadata": stage.metadata,
                "id": stage.stage_id,
                **dates,
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                "archived": False,
            }
            for place, stage in enumerate(pipeline.stages)
        ],
        **dates,
        "archived": False,
    }


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    """Any object's read scope lets a token read every object's pipelines."""
    return tuple(scopes for kind in portal.types for scopes in kind.read_scopes)


_CALLS = (
    ("{objectType}", _list),
    ("{objectType}/{pipelineId}", _one),
    ("{objectType}/{pipelineId}/stages", _stages),
    ("{objectType}/{pipelineId}/stages/{stageId}", _stage),
)

ROUTES: tuple[Route, ...] = tuple(
    Route(method="GET", template=f"{prefix}/{path}", handler=handler, version=version, scopes=_scopes)
    for path, handler in _CALLS
    for prefix, version in (("/crm/pipelines/{version}", None), ("/crm/v3/pipelines", "v3"))
)
