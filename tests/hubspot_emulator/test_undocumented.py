"""What HubSpot takes though no document lists it (HS-73)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("path", "without"),
    [
        ("/crm/v3/objects/contacts?limit=5&propertyMode=value_and_history", "/crm/v3/objects/contacts?limit=5"),
        ("/marketing/v3/forms?limit=9&properties=createdate", "/marketing/v3/forms?limit=9"),
        ("/crm/v3/pipelines/tickets?limit=100", "/crm/v3/pipelines/tickets"),
        ("/crm/v3/properties/calls?limit=100", "/crm/v3/properties/calls"),
        ("/engagements/v1/engagements/paged?count=1", "/engagements/v1/engagements/paged"),
        ("/crm-object-schemas/v3/schemas/cars?limit=100", "/crm-object-schemas/v3/schemas/cars"),
        ("/crm/v4/objects/tickets?limit=2", "/crm/v3/objects/tickets?limit=2"),
        ("/crm/v3/objects/p_cars?limit=2", "/crm/v3/objects/cars?limit=2"),
        ("/crm/v3/objects/cars?limit=2&associations=conversations,contacts", "/crm/v3/objects/cars?limit=2&associations=contacts"),
    ],
)  # fmt: skip
def test_it_answers_as_if_it_were_documented_or_not_there(call: Callable[..., Any], path: str, without: str) -> None:
    answer, plain = call("GET", path), call("GET", without)

    assert answer.status == plain.status == 200
    results, expected = answer.json(), plain.json()
    for body in (results, expected):
        body.pop("paging", None)  # its link repeats the call
    assert results == expected


def test_forms_have_properties_in_v2(call: Callable[..., Any]) -> None:
    assert call("GET", "/properties/v2/form/properties").json()


def test_other_parameters_are_refused_by_name(call: Callable[..., Any]) -> None:
    answer = call("GET", "/crm/v3/objects/contacts?propertiesMode=x")

    assert answer.status == 400
    assert "propertiesMode" in answer.json()["message"]
