"""Pipelines and stages: what is answered, and which stages a record may be in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., Any]

PATH = "/crm/pipelines/2026-09"


def test_a_stage_of_another_pipeline_is_refused_and_the_right_ones_are_named(call: Call) -> None:
    properties = {"dealname": "One", "pipeline": "default", "dealstage": "141270873"}

    answer = call("POST", "/crm/objects/2026-09/deals", json={"properties": properties})

    assert answer.status == 400
    error = answer.json()["errors"][0]
    assert error["code"] == "INVALID_OPTION"
    assert error["message"].startswith(
        "141270873 is not a valid pipeline stage ID."
        " Valid options are: pipelineId=default : [appointmentscheduled, qualifiedtobuy, "
    )


def test_an_unknown_pipeline_is_refused(call: Call) -> None:
    properties = {"dealname": "One", "pipeline": "none such", "dealstage": "qualifiedtobuy"}

    answer = call("POST", "/crm/objects/2026-09/deals", json={"properties": properties})

    assert (answer.status, answer.json()["errors"][0]["context"]) == (400, {"propertyName": ["pipeline"]})


def test_moving_to_a_pipeline_needs_a_stage_of_it(call: Call) -> None:
    made = call("POST", "/crm/objects/2026-09/deals", json={"properties": {"dealname": "One"}}).json()["id"]
    path = f"/crm/objects/2026-09/deals/{made}"
    call("PATCH", path, json={"properties": {"dealstage": "contractsent"}})

    without = call("PATCH", path, json={"properties": {"pipeline": "75800461"}})
    with_stage = call("PATCH", path, json={"properties": {"pipeline": "75800461", "dealstage": "141270874"}})

    assert (without.status, with_stage.status) == (400, 200)


@pytest.mark.parametrize("path", ["deals/none", "deals/default/stages/none", "products/default"])
def test_what_is_not_there_is_404(call: Call, path: str) -> None:
    answer = call("GET", f"{PATH}/{path}")

    assert (answer.status, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_the_deal_pipeline_is_the_one_every_portal_has(call: Call) -> None:
    pipeline = call("GET", f"{PATH}/deals").json()["results"][0]

    assert (pipeline["id"], pipeline["label"], pipeline["createdAt"]) == (
        "default",
        "Sales Pipeline",
        "1970-01-01T00:00:00Z",
    )
    assert [(stage["id"], stage["metadata"]["probability"]) for stage in pipeline["stages"]] == [
        ("appointmentscheduled", "0.2"),
        ("qualifiedtobuy", "0.4"),
        ("presentationscheduled", "0.6"),
        ("decisionmakerboughtin", "0.8"),
        ("contractsent", "0.9"),
        ("closedwon", "1.0"),
        ("closedlost", "0.0"),
    ]


@pytest.mark.parametrize(
    ("object_type", "pipeline_id"),
    [
        ("0-3", "default"),
        ("companies", "companies-lifecycle-pipeline"),
        ("contacts", "contacts-lifecycle-pipeline"),
        ("tickets", "0"),
    ],
)
def test_list_one_and_stages_agree(call: Call, object_type: str, pipeline_id: str) -> None:
    first = call("GET", f"{PATH}/{object_type}").json()["results"][0]
    one = call("GET", f"/crm/v3/pipelines/{object_type}/{pipeline_id}").json()
    stages = call("GET", f"{PATH}/{object_type}/{pipeline_id}/stages").json()["results"]
    stage = call("GET", f"{PATH}/{object_type}/{pipeline_id}/stages/{stages[0]['id']}").json()

    assert first == one
    assert first["stages"] == stages
    assert stages[0] == stage
