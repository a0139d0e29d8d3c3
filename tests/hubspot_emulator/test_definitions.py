"""HubSpot's property definitions, as shipped and as recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubspot_emulator import definitions
from hubspot_emulator.object_types import STANDARD

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
FIELDS = {
    "name", "label", "type", "fieldType", "description", "groupName", "options", "displayOrder", "calculated",
    "externalOptions", "hasUniqueValue", "hidden", "modificationMetadata", "formField", "dataSensitivity",
}  # fmt: skip


def recorded(name: str) -> Any:
    file = RECORDED / name
    if not file.is_file():
        pytest.skip(f"the recording {name} is not on this machine")
    return msgspec.json.decode(file.read_bytes())


@pytest.mark.parametrize("type_id", [kind.type_id for kind in STANDARD])
def test_every_definition_has_every_field_that_hubspot_sends(type_id: str) -> None:
    for definition in definitions.built_in(type_id):
        assert set(definition) >= FIELDS, definition["name"]


@pytest.mark.parametrize("kind", STANDARD, ids=lambda kind: kind.name)
def test_every_type_has_a_definition_of_its_default_required_and_pipeline_properties(kind: Any) -> None:
    needed = {*kind.default_properties, *kind.required, *kind.required_any}
    needed |= {name for name in (kind.pipeline_property, kind.stage_property, kind.key_property) if name}

    assert needed <= {definition["name"] for definition in definitions.built_in(kind.type_id)}


def test_names_are_unique_within_a_type() -> None:
    for kind in STANDARD:
        names = [definition["name"] for definition in definitions.built_in(kind.type_id)]
        assert len(names) == len(set(names)), kind.name


@pytest.mark.parametrize(
    ("type_id", "name"),
    [("0-1", "list_contacts_v3_full_2024__estuary.json"), ("0-2", "list_companies_v3_full__nango.json")],
)
def test_recorded_lists_are_shipped_unchanged(type_id: str, name: str) -> None:
    found = recorded(f"properties/{name}")["results"]

    assert definitions.built_in(type_id)[: len(found)] == found


def test_deals_have_exactly_the_names_of_a_recorded_deal() -> None:
    names = {definition["name"] for definition in definitions.built_in("0-3")}

    assert names == set(recorded("records/deals__estuary.json")["properties"])


def test_the_caller_may_change_what_it_gets() -> None:
    definitions.built_in("0-1")[0]["name"] = "spoilt"

    assert definitions.built_in("0-1")[0]["name"] != "spoilt"


def test_groups_are_named_once() -> None:
    groups = definitions.groups(definitions.built_in("0-1"))

    names = [group["name"] for group in groups]
    assert "contactinformation" in names
    assert names == sorted(set(names))
