"""Workflows v3 and flows v4: two lists over one set, two ids for one workflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
FLOWS = "/automation/v4/flows"
Call = Callable[..., Any]


def flows(call: Call) -> list[dict[str, Any]]:
    return list(call("GET", FLOWS).json()["results"])


def workflows(call: Call) -> list[dict[str, Any]]:
    return list(call("GET", "/automation/v3/workflows").json()["workflows"])


def test_v3_knows_the_contact_workflows_only_and_names_their_flows(call: Call) -> None:
    contact_flows = {int(flow["id"]) for flow in flows(call) if flow["objectTypeId"] == "0-1"}

    assert {found["migrationStatus"]["flowId"] for found in workflows(call)} == contact_flows
    assert len(flows(call)) > len(contact_flows) > 1


def test_flows_page_by_a_cursor_in_every_version_that_has_them(call: Call) -> None:
    for version in ("v4", "2026-09-beta", "2027-03-beta"):
        found, after = [], ""
        while True:
            page = call("GET", f"/automation/{version}/flows?limit=2{after}").json()
            found += page["results"]
            if "paging" not in page:
                break
            after = f"&after={page['paging']['next']['after']}"
        assert found == flows(call)
    assert call("GET", "/automation/2026-09/flows").status == 404


def test_a_summary_lacks_the_graph_that_one_flow_has(call: Call) -> None:
    summary = flows(call)[0]

    whole = call("GET", f"{FLOWS}/{summary['id']}").json()

    assert "actions" not in summary
    assert whole["actions"]
    assert {name: whole[name] for name in summary} == summary


def test_a_change_makes_a_revision_and_an_old_revision_is_refused(call: Call) -> None:
    flow = call("GET", f"{FLOWS}/{flows(call)[0]['id']}").json()
    path = f"{FLOWS}/{flow['id']}"
    change = {"isEnabled": not flow["isEnabled"], "revisionId": flow["revisionId"], "type": flow["type"]}

    changed = call("PUT", path, json=change)
    again = call("PUT", path, json=change)
    beta = "/automation/2026-09-beta/flows"
    before = call("GET", f"{beta}/{flow['id']}/revisions/{flow['revisionId']}").json()

    assert (changed.status, again.status) == (200, 409)
    assert changed.json()["isEnabled"] is not flow["isEnabled"]
    assert changed.json()["updatedAt"] > flow["updatedAt"]
    assert before["flow"] == flow
    enabled = {found["migrationStatus"]["flowId"]: found["enabled"] for found in workflows(call)}
    assert enabled[int(flow["id"])] is not flow["isEnabled"]


def test_a_flow_is_made_and_deleted(call: Call, control: Call) -> None:
    made = call("POST", FLOWS, json={"objectTypeId": "0-1", "name": "New", "isEnabled": True}).json()
    assert made["id"] in {flow["id"] for flow in flows(call)}

    assert call("DELETE", f"{FLOWS}/{made['id']}").status == 204

    assert call("GET", f"{FLOWS}/{made['id']}").status == 404
    assert made["id"] not in {flow["id"] for flow in flows(call)}
    assert "New" not in {found["name"] for found in workflows(call)}
    events = [(event["what"], event["id"]) for event in control("GET", "/events").lines()]
    assert events == [("create flow", made["id"]), ("delete flow", made["id"])]


def test_batches_tell_what_they_did_not_find(call: Call) -> None:
    one = flows(call)[0]["id"]
    inputs = [{"type": "FLOW_ID", "flowId": one}, {"type": "FLOW_ID", "flowId": "1"}]

    read = call("POST", f"{FLOWS}/batch/read", json={"inputs": inputs})

    assert read.status == 207
    assert [flow["id"] for flow in read.json()["results"]] == [one]
    assert read.json()["errors"][0]["context"] == {"flowIds": ["1"]}


def test_ids_are_mapped_both_ways(call: Call) -> None:
    workflow = workflows(call)[0]
    pair = {"flowId": workflow["migrationStatus"]["flowId"], "workflowId": workflow["id"]}
    inputs = [
        {"type": "FLOW_ID", "flowId": str(pair["flowId"])},
        {"type": "WORKFLOW_ID", "workflowId": str(pair["workflowId"])},
    ]

    answer = call("POST", "/automation/v4/workflow-id-mappings/batch/read", json={"inputs": inputs})

    assert (answer.status, answer.json()["results"]) == (200, [pair, pair])


def test_v3_refuses_in_words_of_its_own(portal_factory: Any, caller_of: Any) -> None:
    tokens = {"pat-planted-secret": frozenset({"crm.objects.contacts.read"}), "pat-all": None}
    call = caller_of(portal_factory(contacts=0, tokens=tokens))
    small = caller_of(portal_factory(contacts=0, tier="free"))

    unscoped = call("GET", "/automation/v3/workflows", token="pat-planted-secret")
    v4 = call("GET", FLOWS, token="pat-planted-secret")
    without_plan = small("GET", "/automation/v3/workflows")

    assert (unscoped.status, v4.status, without_plan.status) == (403, 403, 403)
    assert unscoped.json()["message"].endswith(
        "does not have proper permissions! (requires any of [automation-access])"
    )
    assert "category" not in unscoped.json()
    assert b"planted-secret" not in unscoped.body
    assert v4.json()["errors"][0]["context"]["requiredGranularScopes"] == ["automation"]
    assert "'workflows-access-public-api'" in without_plan.json()["message"]


@pytest.mark.parametrize("body", [{"objectTypeId": "0-1", "colour": "red"}, {"name": "No object"}])
def test_a_flow_that_says_too_much_or_too_little_is_refused(call: Call, body: Any) -> None:
    assert call("POST", FLOWS, json=body).status == 400


def test_the_truth_tells_every_flow(call: Call, control: Call) -> None:
    rows = control("GET", "/truth/workflows").lines()

    assert [row["id"] for row in rows] == [flow["id"] for flow in flows(call)]
    assert {row["workflowId"] for row in rows} - {None} == {found["id"] for found in workflows(call)}


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_a_workflow_has_the_keys_and_kinds_of_the_recorded_one(call: Call) -> None:
    wanted = json.loads((RECORDED / "workflows/v3_item__airbyte.json").read_text())

    def shape(value: Any, path: str = "") -> Any:
        if isinstance(value, dict):  # only clones name what they were cloned from
            return {key: shape(each) for key, each in value.items() if key != "clonedFromWorkflowId"}
        return type(value).__name__

    assert shape(workflows(call)[0]) == shape(wanted)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
def test_a_missing_scope_reads_as_recorded_but_for_the_kind_of_token(portal_factory: Any, caller_of: Any) -> None:
    wanted = json.loads((RECORDED / "errors/workflows_v3_403_requires_any_of__thread.json").read_text())
    call = caller_of(portal_factory(contacts=0, tokens={"pat-none": frozenset()}))

    message = call("GET", "/automation/v3/workflows", token="pat-none").json()["message"]

    assert message.partition(")")[2] == wanted["message"].partition(")")[2]


def test_a_flow_that_never_ran_has_no_performance(call: Call) -> None:
    flow = call("GET", "/automation/v4/flows").json()["results"][0]["id"]

    assert call("GET", f"/automation/v4/flows/performance/{flow}?bucketType=DAY").json() == {"results": []}
    assert call("GET", "/automation/v4/flows/performance/7").status == 404


@pytest.mark.parametrize(
    ("action", "named"),
    [
        ({"type": "DANCE", "actionId": "1"}, "DANCE"),
        ({"type": ["WEBHOOK"], "actionId": "1"}, "WEBHOOK"),
        ({"type": "WEBHOOK", "actionId": "1", "sourceCode": ""}, "sourceCode"),
        ({"type": "SINGLE_CONNECTION", "connection": {"edge": "STANDARD"}}, "edge"),
        ("1", "action"),
    ],
)
def test_an_action_that_says_what_nobody_knows_is_refused(call: Call, action: Any, named: str) -> None:
    answer = call("POST", "/automation/v4/flows", json={"objectTypeId": "0-1", "actions": [action]})

    assert (answer.status, named in answer.json()["message"]) == (400, True)
