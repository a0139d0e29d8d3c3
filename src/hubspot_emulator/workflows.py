"""Workflows: the v3 list of contact workflows, and flows of all objects in v4 and the dated betas (HS-57)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import flow_actions, flow_store, parsing, timestamps
from hubspot_emulator.family import Family
from hubspot_emulator.flow_store import USER_ID, Flow
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_SCOPE = "automation"
_WITHOUT_WORKFLOWS = {"free", "starter"}
_SUMMARY = ("id", "isEnabled", "objectTypeId", "flowType", "name", "createdAt", "updatedAt", "revisionId", "uuid")
_MAIL = "integration-test@example.com"
_SENT = {
    "actions",
    "blockedDates",
    "canEnrollFromSalesforce",
    "customProperties",
    "dataSources",
    "description",
    "enrollmentCriteria",
    "enrollmentSchedule",
    "eventAnchor",
    "goalFilterBranch",
    "isEnabled",
    "name",
    "startActionId",
    "suppressionFilterBranch",
    "suppressionListIds",
    "timeWindows",
    "type",
    "unEnrollmentSetting",
    "uuid",
}
_ONLY_ON_CREATE = {"flowType", "objectTypeId"}


def list_workflows(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer every contact workflow at once."""
    parsing.known_parameters(request, ())
    found = [_workflow(portal, workflow_id, flow) for workflow_id, flow in flow_store.workflows(portal)]
    return json_response({"workflows": found})


def _workflow(portal: Portal, workflow_id: int, flow: Flow) -> dict[str, Any]:
    created, updated = timestamps.parse_ms(flow["createdAt"]), timestamps.parse_ms(flow["updatedAt"])
    source = {"source": "DIRECT_API", "serviceName": "AutomationPlatformService-userweb"}
    user = {"userId": USER_ID, "userEmail": _MAIL}
    return {
        "migrationStatus": {
            "portalId": portal.portal_id,
            "workflowId": workflow_id,
            "migrationStatus": "EXECUTION_MIGRATED",
            "enrollmentMigrationStatus": "PLATFORM_OWNED",
            "platformOwnsActions": True,
            "lastSuccessfulMigrationTimestamp": None,
            "enrollmentMigrationTimestamp": None,
            "flowId": int(flow["id"]),
        },
        "name": flow.get("name", ""),
        "id": workflow_id,
        "type": "DRIP_DELAY",
        "enabled": flow["isEnabled"],
        "originalAuthorUserId": USER_ID,
        "creationSource": {"sourceApplication": source, "createdByUser": user, "createdAt": created},
        "updateSource": {"sourceApplication": source, "updatedByUser": user, "updatedAt": updated},
        "personaTagIds": [],
        "lastUpdatedByUserId": USER_ID,
        "contactListIds": {
            name: 4 * workflow_id + place for place, name in enumerate(("enrolled", "active", "completed", "succeeded"))
        },
        "contactCounts": {"active": 0, "enrolled": 0},
        "description": flow.get("description", ""),
        "updatedAt": updated,
        "portalId": portal.portal_id,
        "insertedAt": created,
    }


def list_flows(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer summaries of flows, by id."""
    parsing.known_parameters(request, ("after", "limit"))
    limit = parsing.limit(request, default=100, most=portal.knobs.flow_page_most)
    after = parsing.one(request, "after") or "0"
    if not after.isdecimal():
        raise ApiError(400, f"Invalid paging token {after!r}: pass `after` on as the last page gave it")
    found = flow_store.page(portal, int(after), limit + 1)
    results = [{name: flow[name] for name in _SUMMARY if name in flow} for flow in found[:limit]]
    answer: dict[str, Any] = {"results": results}
    if len(found) > limit:
        answer["paging"] = {"next": {"after": results[-1]["id"]}}
    return json_response(answer)


def fetch_flow(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer a flow with its actions."""
    parsing.known_parameters(request, ())
    return json_response(_existing(portal, request))


def create_flow(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add a flow."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), _SENT | _ONLY_ON_CREATE)
    flow_actions.check(body.get("actions"))
    kind = portal.types.resolve(parsing.text(body.get("objectTypeId"), where="objectTypeId"))
    base = flow_store.blank(kind.type_id)
    if body.get("type", base["type"]) != base["type"]:
        raise ApiError(400, f"A flow of {kind.name} has the type {base['type']}, not {body['type']}")
    flow = flow_store.add(portal, base | body | {"objectTypeId": kind.type_id}, portal.now_ms())
    _log(portal, "create flow", flow["id"], request)
    return json_response(flow, status=201)


def replace_flow(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change a flow; the revision must be the one that is there."""
    parsing.known_parameters(request, ())
    flow = _existing(portal, request)
    body = parsing.fields(request.json(), _SENT | {"revisionId"})
    flow_actions.check(body.get("actions"))
    given = parsing.text(body.pop("revisionId", None), where="revisionId")
    if given != flow["revisionId"]:
        raise ApiError(
            409,
            f"Flow {flow['id']} is at revision {flow['revisionId']}, not {given}: read it again",
            category="CONFLICT",
        )
    if body.get("type", flow["type"]) != flow["type"]:
        raise ApiError(400, f"Flow {flow['id']} has the type {flow['type']}, which cannot be changed")
    changed = flow_store.change(portal, flow, body, portal.now_ms())
    _log(portal, "update flow", flow["id"], request)
    return json_response(changed)


def delete_flow(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove a flow; no list knows it any more."""
    parsing.known_parameters(request, ())
    flow = _existing(portal, request)
    flow_store.delete(portal, flow["id"])
    _log(portal, "delete flow", flow["id"], request)
    return ApiResponse(status=204)


def fetch_revision(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer what a flow was at one of its revisions."""
    parsing.known_parameters(request, ())
    flow_id, revision_id = request.params["flowId"], request.params["revisionId"]
    found = flow_store.revision(portal, flow_id, revision_id)
    if found is None:
        raise ApiError(404, f"Flow {flow_id} has no revision {revision_id}", category="OBJECT_NOT_FOUND")
    created = timestamps.render_ms(found[0])
    return json_response({"id": flow_id, "revisionId": revision_id, "revisionCreatedAt": created, "flow": found[1]})


def read_flows(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer flows by id; those that are not there share one error."""
    ids = [parsing.text(each.get("flowId"), where="an input's flowId") for each in _coordinates(request, {"FLOW_ID"})]
    found = {flow_id: flow_store.find(portal, flow_id) for flow_id in ids}
    return _batch_answer(
        portal,
        [flow for flow in found.values() if flow is not None],
        [flow_id for flow_id, flow in found.items() if flow is None],
        "flowIds",
    )


def read_mappings(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer which workflow is which flow."""
    results, missing = [], []
    for each in _coordinates(request, {"FLOW_ID", "WORKFLOW_ID"}):
        name, column = ("flowId", "id") if each["type"] == "FLOW_ID" else ("workflowId", "workflow_id")
        value = parsing.text(each.get(name), where=f"an input's {name}")
        pair = flow_store.mapping(portal, column, value)
        if pair is None:
            missing.append(value)
        else:
            results.append({"flowId": pair[0], "workflowId": pair[1]})
    return _batch_answer(portal, results, missing, "ids")


def list_campaigns(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the e-mails that flows send: the generated ones send none."""
    parsing.known_parameters(request, ("after", "before", "flowId", "limit"))
    parsing.limit(request, default=100, most=100)
    for flow_id in parsing.names(request, "flowId"):
        if flow_store.find(portal, flow_id) is None:
            raise ApiError(404, f"Flow {flow_id} does not exist", category="OBJECT_NOT_FOUND")
    return json_response({"results": []})


def flow_performance(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer how often a flow was enrolled in: the emulator runs none, so never."""
    parsing.known_parameters(request, ("bucketType", "end", "firstDay", "start"))
    _existing(portal, request)
    return json_response({"results": []})


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every flow as the control server shows it, with its workflow id."""
    known = {flow["id"]: workflow_id for workflow_id, flow in flow_store.workflows(portal)}
    for flow in flow_store.page(portal, 0, -1):
        yield {"state": "live", "workflowId": known.get(flow["id"]), **flow}


def _existing(portal: Portal, request: ApiRequest) -> Flow:
    flow_id = request.params["flowId"]
    flow = flow_store.find(portal, flow_id)
    if flow is None:
        raise ApiError(404, f"Flow {flow_id} does not exist", category="OBJECT_NOT_FOUND")
    return flow


def _coordinates(request: ApiRequest, types: set[str]) -> list[dict[str, Any]]:
    parsing.known_parameters(request, ())
    _, inputs = parsing.inputs(request, {"flowId", "type", "workflowId"})
    for each in inputs:
        if each.get("type") not in types:
            raise ApiError(400, f"An input's type must be {' or '.join(sorted(types))}, not {each.get('type')}")
    return inputs


def _batch_answer(portal: Portal, results: Sequence[object], missing: Sequence[str], name: str) -> ApiResponse:
    now = timestamps.render_ms(portal.now_ms())
    body: dict[str, Any] = {"status": "COMPLETE", "results": list(results), "startedAt": now, "completedAt": now}
    if missing:
        message = "Some flows do not exist."
        error = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": message,
            "context": {name: list(missing)},
        }
        body |= {"numErrors": 1, "errors": [error]}
    return json_response(body, status=207 if missing else 200)


def _log(portal: Portal, what: str, flow_id: str, request: ApiRequest) -> None:
    portal.log_event(what, "flows", int(flow_id), request.correlation_id)


def _scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    return (frozenset({_SCOPE}),)


def _v3_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Refuse in the words of v3, which are not those of other calls; no answer repeats a token in full."""
    if _SCOPE not in request.granted:
        shown = f"{request.token[:3]}..."
        message = f"This oauth-token ({shown}) does not have proper permissions! (requires any of [automation-access])"
        raise ApiError(403, message, category=None)
    if portal.tier in _WITHOUT_WORKFLOWS:
        message = "EXTERNAL auth request is missing required 'workflows-access-public-api' scope."
        raise ApiError(403, message, category=None)
    return ()


_CALLS: tuple[tuple[str, str, Callable[[Portal, ApiRequest], ApiResponse]], ...] = (
    ("GET", "flows", list_flows),
    ("POST", "flows", create_flow),
    ("GET", "flows/{flowId}", fetch_flow),
    ("PUT", "flows/{flowId}", replace_flow),
    ("DELETE", "flows/{flowId}", delete_flow),
    ("POST", "flows/batch/read", read_flows),
    ("GET", "flows/email-campaigns", list_campaigns),
    ("POST", "workflow-id-mappings/batch/read", read_mappings),
)
_BETAS = ("2026-09-beta", "2027-03-beta")

FAMILY = Family(
    routes=(
        Route(
            method="GET",
            template="/automation/v3/workflows",
            handler=list_workflows,
            version="v3",
            scopes=_v3_scopes,
        ),
        *(
            Route(
                method=method,
                template=f"/automation/{version}/{path}",
                handler=handler,
                version=version,
                scopes=_scopes,
            )
            for version in ("v4", *_BETAS)
            for method, path, handler in _CALLS
        ),
        Route(
            method="GET",
            template="/automation/v4/flows/performance/{flowId}",
            handler=flow_performance,
            version="v4",
            scopes=_scopes,
        ),
        *(
            Route(
                method="GET",
                template=f"/automation/{version}/flows/{{flowId}}/revisions/{{revisionId}}",
                handler=fetch_revision,
                version=version,
                scopes=_scopes,
            )
            for version in _BETAS
        ),
    ),
    truths={"workflows": truth},
    fill=flow_store.fill,
)
