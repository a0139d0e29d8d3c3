"""Pipelines and stages that are made, changed and deleted, and the audit of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

PATH = "/crm/pipelines/2026-09/deals"
STAGES = [
    {"label": "Open", "displayOrder": 0, "metadata": {"probability": "0.5"}},
    {"label": "Won", "displayOrder": 1, "metadata": {"probability": "1.0"}, "stageId": "won"},
]
BODY = {"label": "Partners", "displayOrder": 5, "stages": STAGES}
Call = Callable[..., Any]


@pytest.fixture
def pipeline(call: Call) -> dict[str, Any]:
    """A pipeline of two stages."""
    return dict(call("POST", PATH, json=BODY).json())


def make_deal(call: Call, pipeline: str, stage: str) -> str:
    properties = {"dealname": "One", "pipeline": pipeline, "dealstage": stage}
    return str(call("POST", "/crm/objects/2026-09/deals", json={"properties": properties}).json()["id"])


def test_a_new_pipeline_takes_deals_and_is_listed_by_every_version(call: Call, pipeline: dict[str, Any]) -> None:
    first, won = pipeline["stages"]

    assert (won["id"], won["metadata"]) == ("won", {"probability": "1.0", "isClosed": "true"})
    assert first["metadata"]["isClosed"] == "false"
    assert make_deal(call, pipeline["id"], first["id"])
    for path in (PATH, "/crm/pipelines/2026-03/deals", "/crm/v3/pipelines/deals"):
        assert call("GET", path).json()["results"][-1] == pipeline
    assert pipeline["createdAt"] == "2026-11-23T08:00:00Z"


def test_a_new_stage_brings_properties_of_its_own(call: Call) -> None:
    before = {each["name"] for each in call("GET", "/crm/properties/2026-09/deals").json()["results"]}

    stage = {"label": "Review", "displayOrder": 9, "metadata": {"probability": "0.3"}, "stageId": "review"}
    assert call("POST", f"{PATH}/default/stages", json=stage).status == 201

    after = {each["name"]: each for each in call("GET", "/crm/properties/2026-09/deals").json()["results"]}
    new = after.keys() - before
    assert new == {f"hs_v2_{name}_review" for name in ("date_entered", "date_exited", "latest_time_in")} | {
        "hs_v2_cumulative_time_in_review"
    }
    assert after["hs_v2_date_entered_review"]["modificationMetadata"]["readOnlyValue"] is True


@pytest.mark.parametrize(
    ("version", "query", "status"),
    [
        ("2026-09", "", 400),
        ("2026-09", "?validateReferencesBeforeDelete=false", 204),
        ("2026-03", "", 204),
        ("2026-03", "?validateReferencesBeforeDelete=true", 400),
        ("v3", "", 204),
    ],
)
@pytest.mark.parametrize("what", ["pipeline", "stage"])
def test_what_records_are_in_is_kept_where_the_call_looks(
    version: str, query: str, status: int, what: str, call: Call, pipeline: dict[str, Any]
) -> None:
    deal = make_deal(call, pipeline["id"], "won")
    base = "/crm/v3/pipelines/deals" if version == "v3" else f"/crm/pipelines/{version}/deals"
    path = f"{base}/{pipeline['id']}" + ("/stages/won" if what == "stage" else "")

    answer = call("DELETE", path + query)

    assert answer.status == status
    there = call("GET", path).status == 200
    assert there == (status == 400)
    if status == 400:
        assert answer.json()["errors"][0]["code"] == "STAGE_ID_IN_USE"
        assert answer.json()["context"] == {"objectId": [deal]}


def test_an_empty_stage_is_deleted_by_every_version(call: Call, pipeline: dict[str, Any]) -> None:
    make_deal(call, pipeline["id"], "won")

    assert call("DELETE", f"{PATH}/{pipeline['id']}/stages/{pipeline['stages'][0]['id']}").status == 204
    assert [stage["id"] for stage in call("GET", f"{PATH}/{pipeline['id']}/stages").json()["results"]] == ["won"]
    assert call("DELETE", f"{PATH}/{pipeline['id']}/stages/won?validateReferencesBeforeDelete=false").status == 400


def test_replacing_keeps_named_stages_makes_new_ones_and_deletes_the_rest(
    call: Call, pipeline: dict[str, Any], emulator: Emulator
) -> None:
    emulator.clock.sleep(60)
    stages = [
        {"label": "Lost", "displayOrder": 1, "metadata": {"probability": "0.0"}, "stageId": "lost"},
        {"label": "Really won", "displayOrder": 0, "metadata": {"probability": "1.0"}, "stageId": "won"},
    ]

    answer = call("PUT", f"{PATH}/{pipeline['id']}", json={"label": "P2", "displayOrder": 5, "stages": stages})

    assert [(stage["id"], stage["label"], stage["createdAt"]) for stage in answer.json()["stages"]] == [
        ("won", "Really won", "2026-11-23T08:00:00Z"),
        ("lost", "Lost", "2026-11-23T08:01:00Z"),
    ]
    assert call("GET", f"{PATH}/{pipeline['id']}").json() == answer.json()
    make_deal(call, pipeline["id"], "won")
    refused = call("PUT", f"{PATH}/{pipeline['id']}", json={"label": "P3", "displayOrder": 5, "stages": stages[:1]})
    assert refused.status == 400
    assert call("GET", f"{PATH}/{pipeline['id']}").json() == answer.json()


@pytest.mark.parametrize("moves", [True, False])
def test_whether_a_stage_moves_its_pipeline_is_a_knob(moves: bool, portal_factory: Any, caller_of: Any) -> None:
    emulator = portal_factory(contacts=0, knobs=Knobs(stage_edit_moves_pipeline=moves))
    call = caller_of(emulator)
    emulator.clock.sleep(60)

    stage = call(
        "PATCH", f"{PATH}/default/stages/contractsent", json={"label": "Sent", "metadata": {"probability": "0.9"}}
    )

    assert (stage.json()["label"], stage.json()["updatedAt"]) == ("Sent", "2026-11-23T08:01:00Z")
    moved = call("GET", f"{PATH}/default").json()["updatedAt"]
    assert moved == ("2026-11-23T08:01:00Z" if moves else "1970-01-01T00:00:00Z")


def test_the_audit_knows_what_the_lists_have_forgotten(call: Call, pipeline: dict[str, Any]) -> None:
    call("PATCH", f"{PATH}/{pipeline['id']}", json={"label": "Renamed"})
    call("DELETE", f"{PATH}/{pipeline['id']}")

    rows = call("GET", f"{PATH}/{pipeline['id']}/audit").json()["results"]
    stage = call("GET", f"{PATH}/{pipeline['id']}/stages/won/audit").json()["results"]

    assert [(row["action"], row["rawObject"]["label"]) for row in rows] == [
        ("DELETE", "Renamed"),
        ("UPDATE", "Renamed"),
        ("CREATE", "Partners"),
    ]
    assert [row["action"] for row in stage] == ["CREATE"]
    assert call("GET", f"{PATH}/{pipeline['id']}").status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"label": "P", "displayOrder": 1},
        {"label": "P", "displayOrder": 1, "stages": []},
        {"label": "P", "displayOrder": 1, "stages": [{"label": "S", "displayOrder": 0, "metadata": {}}]},
        {"label": "P", "displayOrder": 1, "stages": [{**STAGES[0], "metadata": {"probability": "1.5"}}]},
        {"label": "P", "stages": STAGES},
        {**BODY, "colour": "red"},
    ],
)
def test_a_pipeline_that_makes_no_sense_is_refused_and_leaves_nothing(call: Call, body: Any) -> None:
    before = call("GET", PATH).json()

    assert call("POST", PATH, json=body).status == 400
    assert call("GET", PATH).json() == before


def test_ids_are_not_used_twice(call: Call, pipeline: dict[str, Any]) -> None:
    again = call("POST", PATH, json={**BODY, "pipelineId": pipeline["id"]})
    stage = call("POST", f"{PATH}/default/stages", json=STAGES[1])

    assert (again.status, stage.status) == (409, 409)


def test_other_objects_have_pipelines_too_but_lifecycles_cannot_be_changed(call: Call) -> None:
    stages = [{"label": "New", "displayOrder": 0, "metadata": {}}]
    body = {"label": "Orders", "displayOrder": 0, "stages": stages}

    assert call("POST", "/crm/pipelines/2026-09/orders", json=body).status == 201
    assert call("POST", "/crm/pipelines/2026-09/contacts", json=body).status == 400


def test_changing_pipelines_needs_a_scope_that_reading_them_does_not(portal_factory: Any, caller_of: Any) -> None:
    tokens = {"pat-read": frozenset({"crm.objects.deals.read"}), "pat-write": frozenset({"crm.schemas.deals.write"})}
    call = caller_of(portal_factory(contacts=0, tokens=tokens))

    assert call("POST", PATH, json=BODY, token="pat-read").status == 403
    assert call("POST", PATH, json=BODY, token="pat-write").status == 201
    assert call("GET", f"{PATH}/default/audit", token="pat-read").status == 200


def test_a_kept_portal_keeps_its_pipelines(portal_factory: Any, caller_of: Any, tmp_path: Any) -> None:
    file = str(tmp_path / "portal.db")
    first = portal_factory(contacts=0, db=file)
    made = caller_of(first)("POST", PATH, json=BODY).json()
    first.stop()

    again = portal_factory(contacts=0, db=file)

    assert caller_of(again)("GET", PATH).json()["results"][-1] == made
