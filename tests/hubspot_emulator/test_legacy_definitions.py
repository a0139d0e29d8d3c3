"""Older lists of properties and pipelines, and what integrations of v1 ask of the account."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator.server import Emulator

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
Call = Callable[..., Any]
recorded_only = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")


@pytest.mark.parametrize(
    "path", ["/properties/v1/deals/properties", "/properties/v2/deals/properties", "/deals/v1/properties"]
)
def test_properties_are_a_bare_array_of_the_same_definitions(path: str, call: Call) -> None:
    wanted = {each["name"]: each for each in call("GET", "/crm/properties/2026-09/deals").json()["results"]}

    found = {each["name"]: each for each in call("GET", path).json()}

    assert found.keys() == wanted.keys()
    assert {name: each["type"] for name, each in found.items()} == {name: each["type"] for name, each in wanted.items()}
    assert call("GET", f"{path}/named/dealname").json() == found["dealname"]
    assert call("GET", f"{path}/named/none").status == 404


def test_every_object_has_its_list(call: Call) -> None:
    for name, path in (("contacts", "/contacts/v1/properties"), ("companies", "/companies/v2/properties")):
        assert call("GET", path).json() == call("GET", f"/properties/v2/{name}/properties").json()


@recorded_only
def test_a_property_has_the_fields_of_the_recorded_ones(call: Call) -> None:
    wanted = json.loads((RECORDED / "properties/v1_deals_list__cluedin.json").read_text())

    found = call("GET", "/properties/v1/deals/properties").json()

    assert set(found[0]) == set(wanted[0])
    option = next(each["options"][0] for each in wanted if each["options"])
    assert set(next(each["options"][0] for each in found if each["options"])) == set(option)


def test_pipelines_of_v1_end_on_their_day(call: Call, emulator: Emulator) -> None:
    paths = ("/crm-pipelines/v1/pipelines/deals", "/deals/v1/pipelines")
    ten_days_and_sixteen_hours = 10 * 86_400 + 16 * 3_600

    emulator.clock.sleep(ten_days_and_sixteen_hours - 1)
    before = [call("GET", path).status for path in paths]
    emulator.clock.sleep(1)
    after = [call("GET", path).status for path in paths]

    assert (before, after) == ([200, 200], [404, 404])
    assert call("GET", "/crm/v3/pipelines/deals").status == 200


def test_pipelines_of_v1_are_the_same_pipelines(call: Call) -> None:
    wanted = call("GET", "/crm/pipelines/2026-09/deals").json()["results"]

    found = call("GET", "/crm-pipelines/v1/pipelines/deals").json()["results"]

    assert [(each["pipelineId"], each["label"], each["default"]) for each in found] == [
        (each["id"], each["label"], each["id"] == "default") for each in wanted
    ]
    assert (found[0]["objectType"], found[0]["objectTypeId"], found[0]["createdAt"]) == ("DEAL", "0-3", 0)
    for old, new in zip(found, wanted, strict=True):
        stages = {stage["stageId"]: (stage["label"], stage["metadata"]) for stage in old["stages"]}
        assert stages == {stage["id"]: (stage["label"], stage["metadata"]) for stage in new["stages"]}


@recorded_only
def test_the_oldest_pipelines_have_the_recorded_shape(call: Call) -> None:
    wanted = json.loads((RECORDED / "pipelines/v1_deal_pipeline__hubspot_ruby.json").read_text())

    found = call("GET", "/deals/v1/pipelines").json()[0]

    assert set(found) == set(wanted)
    assert [stage | {"stageId": ""} for stage in found["stages"]] == [
        stage | {"stageId": ""} for stage in wanted["stages"]
    ]


def test_owners_answer_with_a_slash_at_the_end(call: Call) -> None:
    assert call("GET", "/crm/v3/owners/").json() == call("GET", "/crm/v3/owners").json()


@recorded_only
@pytest.mark.parametrize(
    ("path", "name"),
    [("me", "integrations_v1_me__grouparoo"), ("limit/daily", "integrations_v1_limit_daily__thread")],
)
def test_integrations_learn_of_the_account_as_recorded(path: str, name: str, call: Call) -> None:
    wanted = json.loads((RECORDED / f"account/{name}.json").read_text())

    found = call("GET", f"/integrations/v1/{path}").json()

    if isinstance(wanted, list):  # of the limits of an account, the first is the calls'
        found, wanted = found[0], wanted[0]
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in wanted.items()}
