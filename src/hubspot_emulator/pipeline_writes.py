"""Changing pipelines and stages, and the audit of who did (HS-60)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import parsing, pipeline_store, pipelines, scopes, timestamps
from hubspot_emulator import pipeline_stages as stages
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.routing import versioned
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]

LOOKING_VERSIONS = {"2026-09", "2026-09-beta"}
"""Versions that look for records before they delete, unless told not to."""
_LOOK = ("validateDealStageUsagesBeforeDelete", "validateReferencesBeforeDelete")
_WITH_PIPELINES = {
    "appointments",
    "courses",
    "deals",
    "leads",
    "listings",
    "orders",
    "services",
    "tickets",
}


class Change:
    """One write: the pipelines of the path's object, changed in place and stored at its end."""

    def __init__(self, portal: Portal, request: ApiRequest) -> None:
        self.portal, self.request = portal, request
        self.kind = _kind(portal, request)
        self.now = timestamps.render_ms(portal.now_ms())
        self.all = pipeline_store.read(portal, self.kind.type_id)

    def pipeline(self) -> Json:
        """Give the pipeline that the path names."""
        wanted = pipelines.find(self.portal, self.request)["id"]
        return next(each for each in self.all if each["id"] == wanted)

    def make_stage(self, given: Any, pipeline: Mapping[str, Any]) -> Json:
        """Build a new stage, and the properties that records get with it."""
        parts = parsing.fields(given, stages.STAGE_PARTS, where="a stage")
        stage_id = str(parts.get("stageId") or pipeline_store.new_id(self.portal))
        if any(stage_id == each["id"] for other in self.all for each in other["stages"]):
            raise ApiError(409, f"A stage with the id {stage_id} exists already", category="CONFLICT")
        stage = {
            **stages.described(parts, ("label", "displayOrder", "metadata")),
            "id": stage_id,
            "createdAt": self.now,
            "updatedAt": self.now,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": False,
        }
        stage["metadata"] = stages.check_metadata(self.kind, stage["metadata"])
        stages.add_properties(self.portal, self.kind, stage, pipeline["label"])
        pipeline_store.note(self.portal, self.kind.type_id, "CREATE", stage)
        return stage

    def touch(self, changed: Json, parts: Mapping[str, Any]) -> None:
        """Set parts of a pipeline or a stage."""
        changed.update(parts, updatedAt=self.now)
        pipeline_store.note(self.portal, self.kind.type_id, "UPDATE", changed)

    def touch_pipeline_of_stage(self, pipeline: Json) -> None:
        """Move a pipeline's date because one of its stages changed, where a portal does that."""
        if self.portal.knobs.stage_edit_moves_pipeline:
            pipeline["updatedAt"] = self.now

    def check_unused(self, pipeline: Mapping[str, Any], stage_ids: Collection[str] | None) -> None:
        """Refuse to delete stages (None: the whole pipeline) that live records are in, where the call looks."""
        looks = self.request.version in LOOKING_VERSIONS
        given = [parsing.flag(self.request, name) for name in _LOOK if name in self.request.query]
        if any(given) if given else looks:
            used = _records_in(self.portal, self.kind, pipeline["id"], stage_ids)
            if used:
                raise ApiError(
                    400,
                    f"Cannot delete: record {used} of {self.kind.name} is in pipeline {pipeline['id']}",
                    sub_category="PipelineError.STAGE_ID_IN_USE",
                    errors=[{"message": "A record is in the stage", "code": "STAGE_ID_IN_USE"}],
                    context={"objectId": [str(used)]},
                )

    def finish(self, answer: object, *, status: int = 200) -> ApiResponse:
        """Store what was changed and answer."""
        pipeline_store.write(self.portal, self.kind.type_id, self.all)
        detail = {"method": self.request.method, "path": self.request.path}
        self.portal.log_event("change pipelines", self.kind.type_id, 0, self.request.correlation_id, detail)
        return ApiResponse(status=204) if status == 204 else json_response(answer, status=status)


def create_pipeline(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add a pipeline with its stages."""
    parsing.known_parameters(request, ())
    change = Change(portal, request)
    body = parsing.fields(request.json(), {"displayOrder", "label", "pipelineId", "stages"})
    pipeline_id = str(body.get("pipelineId") or pipeline_store.new_id(portal))
    if any(each["id"] == pipeline_id for each in change.all):
        raise ApiError(409, f"A pipeline with the id {pipeline_id} exists already", category="CONFLICT")
    dates = {"createdAt": change.now, "updatedAt": change.now}
    pipeline = stages.described(body, ("label", "displayOrder")) | {"id": pipeline_id, "stages": [], **dates}
    pipeline["archived"] = False
    change.all.append(pipeline)
    for each in stages.needed_stages(body):
        pipeline["stages"].append(change.make_stage(each, pipeline))
    pipeline_store.note(portal, change.kind.type_id, "CREATE", pipeline)
    return change.finish(pipeline, status=201)


def replace_pipeline(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Describe a pipeline anew: stages that are not named are deleted."""
    parsing.known_parameters(request, _LOOK)
    change = Change(portal, request)
    pipeline = change.pipeline()
    body = parsing.fields(request.json(), {"displayOrder", "label", "stages"})
    before = {stage["id"]: stage for stage in pipeline["stages"]}
    given = stages.needed_stages(body)
    gone = before.keys() - {str(each.get("stageId")) for each in given}
    if gone:
        change.check_unused(pipeline, gone)
    pipeline["stages"] = [stage for stage in pipeline["stages"] if stage["id"] not in gone]
    for each in given:
        known = before.get(str(each.get("stageId")))
        if known is None:
            pipeline["stages"].append(change.make_stage(each, pipeline))
        else:
            change.touch(known, stages.stage_parts(change.kind, {k: v for k, v in each.items() if k != "stageId"}))
    for stage_id in sorted(gone):
        pipeline_store.note(portal, change.kind.type_id, "DELETE", before[stage_id])
    change.touch(pipeline, stages.described(body, ("label", "displayOrder")))
    return change.finish(pipeline)


def change_pipeline(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Rename or move a pipeline; `archived` deletes it."""
    parsing.known_parameters(request, _LOOK)
    change = Change(portal, request)
    pipeline = change.pipeline()
    body = parsing.fields(request.json(), {"archived", "displayOrder", "label"})
    if body.pop("archived", False):
        _delete(change, pipeline)
        return change.finish({**pipeline, "archived": True, "archivedAt": change.now})
    change.touch(pipeline, stages.described(body, tuple(body)))
    return change.finish(pipeline)


def delete_pipeline(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove a pipeline."""
    parsing.known_parameters(request, _LOOK)
    change = Change(portal, request)
    _delete(change, change.pipeline())
    return change.finish(None, status=204)


def _delete(change: Change, pipeline: Json) -> None:
    if len(change.all) == 1:
        raise ApiError(400, f"{change.kind.name} must keep a pipeline: {pipeline['id']} is the last one")
    change.check_unused(pipeline, None)
    change.all.remove(pipeline)
    pipeline_store.note(change.portal, change.kind.type_id, "DELETE", pipeline)


def create_stage(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add a stage to a pipeline."""
    parsing.known_parameters(request, ())
    change = Change(portal, request)
    pipeline = change.pipeline()
    stage = change.make_stage(request.json(), pipeline)
    pipeline["stages"].append(stage)
    change.touch_pipeline_of_stage(pipeline)
    return change.finish(stage, status=201)


def replace_stage(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Describe a stage anew."""
    return _change_stage(portal, request, ("displayOrder", "label", "metadata"), needed=True)


def change_stage(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change parts of a stage; `archived` deletes it."""
    return _change_stage(portal, request, ("archived", "displayOrder", "label", "metadata"), needed=False)


def _change_stage(portal: Portal, request: ApiRequest, known: Sequence[str], *, needed: bool) -> ApiResponse:
    parsing.known_parameters(request, _LOOK)
    change = Change(portal, request)
    pipeline = change.pipeline()
    stage = pipelines.find_stage(pipeline, request)
    body = parsing.fields(request.json(), known)
    if body.pop("archived", False):
        _delete_stage(change, pipeline, stage)
        return change.finish({**stage, "archived": True, "archivedAt": change.now})
    parts = (
        stages.stage_parts(change.kind, body)
        if needed
        else stages.stage_parts(change.kind, {**stages.shown(stage), **body})
    )
    change.touch(stage, parts)
    change.touch_pipeline_of_stage(pipeline)
    return change.finish(stage)


def delete_stage(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove a stage."""
    parsing.known_parameters(request, _LOOK)
    change = Change(portal, request)
    pipeline = change.pipeline()
    _delete_stage(change, pipeline, pipelines.find_stage(pipeline, request))
    return change.finish(None, status=204)


def _delete_stage(change: Change, pipeline: Json, stage: Json) -> None:
    if len(pipeline["stages"]) == 1:
        raise ApiError(400, f"Pipeline {pipeline['id']} must keep a stage: {stage['id']} is the last one")
    change.check_unused(pipeline, {stage["id"]})
    pipeline["stages"].remove(stage)
    change.touch_pipeline_of_stage(pipeline)
    pipeline_store.note(change.portal, change.kind.type_id, "DELETE", stage)


def audit_pipeline(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer what was done to a pipeline, deleted or not."""
    return _audit(portal, request, request.params["pipelineId"])


def audit_stage(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer what was done to a stage, deleted or not."""
    return _audit(portal, request, request.params["stageId"])


def _audit(portal: Portal, request: ApiRequest, identifier: str) -> ApiResponse:
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    return json_response({"results": pipeline_store.audit(portal, kind.type_id, identifier)})


def _kind(portal: Portal, request: ApiRequest) -> ObjectType:
    kind = portal.types.resolve(request.params["objectType"])
    if kind.name not in _WITH_PIPELINES and not kind.is_custom:
        raise ApiError(400, f"Pipelines of {kind.name} cannot be changed")
    return kind


def _records_in(portal: Portal, kind: ObjectType, pipeline_id: str, stage_ids: Collection[str] | None) -> int | None:
    """Give a live record that is in the pipeline and one of these stages."""
    pipeline_property = kind.pipeline_property or "hs_pipeline"
    wanted, values = [f"json_extract(CAST(properties AS TEXT), '$.{pipeline_property}') = ?"], [pipeline_id]
    if stage_ids is not None:
        marks = ",".join("?" * len(stage_ids))
        stage_property = kind.stage_property or "hs_pipeline_stage"
        wanted.append(f"json_extract(CAST(properties AS TEXT), '$.{stage_property}') IN ({marks})")
        values += stage_ids
    table = portal.table(kind.type_id).name
    sql = f"SELECT id FROM {table} WHERE state = {State.LIVE:d} AND {' AND '.join(wanted)} LIMIT 1"
    found = portal.db.execute(sql, values).fetchone()
    return found[0] if found else None


_ONE = "/{objectType}/{pipelineId}"
_STAGE = f"{_ONE}/stages/{{stageId}}"
_CALLS: tuple[tuple[str, str, Callable[[Portal, ApiRequest], ApiResponse]], ...] = (
    ("POST", "/{objectType}", create_pipeline),
    ("PUT", _ONE, replace_pipeline),
    ("PATCH", _ONE, change_pipeline),
    ("DELETE", _ONE, delete_pipeline),
    ("POST", f"{_ONE}/stages", create_stage),
    ("PUT", _STAGE, replace_stage),
    ("PATCH", _STAGE, change_stage),
    ("DELETE", _STAGE, delete_stage),
)
_AUDITS = ((f"{_ONE}/audit", audit_pipeline), (f"{_STAGE}/audit", audit_stage))


def _routes() -> tuple[Route, ...]:
    writes = (versioned("pipelines", *call, scopes=scopes.write_schema) for call in _CALLS)
    audits = (versioned("pipelines", "GET", *call, scopes=pipelines.read_scopes) for call in _AUDITS)
    return tuple(route for pair in (*writes, *audits) for route in pair)


FAMILY = Family(routes=_routes())
