"""Answers about associations, owners, pipelines and the account have the shape of recorded ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
Call = Callable[..., Any]

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")

_OPEN = {"context"}  # keys that are the caller's own


def shape(value: Any) -> Any:
    """Reduce a body to its keys and kinds of value; of a list, the shapes that occur."""
    if isinstance(value, dict):
        return {key: "..." if key in _OPEN else shape(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return sorted({json.dumps(shape(each)) for each in value})
    return "null or text" if value is None or isinstance(value, str) else type(value).__name__


def recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())


def first_id(call: Call, name: str) -> str:
    return call("GET", f"/crm/objects/2026-09/{name}?limit=1").json()["results"][0]["id"]


def make(call: Call, object_type: str, **properties: str) -> str:
    return call("POST", f"/crm/objects/2026-09/{object_type}", json={"properties": properties}).json()["id"]


def pair(from_id: str, to_id: str, type_id: int) -> dict[str, Any]:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
    return {"from": {"id": from_id}, "to": {"id": to_id}, "types": types}


def test_association_create(call: Call) -> None:
    inputs = [pair(first_id(call, "contacts"), first_id(call, "companies"), 279)]
    answer = call("POST", "/crm/v4/associations/contacts/companies/batch/create", json={"inputs": inputs})

    assert answer.status == 201
    assert shape(answer.json()) == shape(recorded("associations/v4_batch_create_201__amp_labs.json"))


def test_association_create_with_errors(call: Call) -> None:
    contact = first_id(call, "contacts")
    inputs = [pair("unknown_id_123456798", contact, 449), pair(contact, contact, 449)]
    answer = call("POST", "/crm/v4/associations/contacts/contacts/batch/create", json={"inputs": inputs})

    body, wanted = answer.json(), recorded("associations/v4_batch_create_207_errors__amp_labs.json")
    assert answer.status == 207
    assert shape(body) == shape(wanted)
    assert body["errors"][0] == wanted["errors"][0]
    assert body["errors"][1]["message"] == wanted["errors"][1]["message"].replace("211762804612", contact)


def test_association_read(call: Call) -> None:
    contact, lonely = make(call, "contacts", firstname="Ada"), make(call, "contacts", firstname="Bob")
    company = make(call, "companies", name="Acme")
    inputs = [pair(contact, company, 279)]
    call("POST", "/crm/v4/associations/contacts/companies/batch/create", json={"inputs": inputs})

    body = {"inputs": [{"id": contact}, {"id": lonely}]}
    answer = call("POST", "/crm/v4/associations/contacts/companies/batch/read", json=body)

    wanted = recorded("associations/v4_batch_read_207_no_associations__amp_labs.json")
    assert answer.status == 207
    assert shape(answer.json()) == shape(wanted)
    assert answer.json()["errors"][0]["message"] == wanted["errors"][0]["message"].replace("103107104018", lonely)


def test_account_details(call: Call) -> None:
    answer = call("GET", "/account-info/v3/details")

    assert shape(answer.json()) == shape(recorded("account/account_info_details_v3__nango.json"))


def test_deal_pipelines(call: Call) -> None:
    wanted = recorded("pipelines/list_deals_v3__nango.json")

    answer = call("GET", "/crm/v3/pipelines/deals").json()

    assert answer["results"][0] == wanted["results"][0]


def test_one_owner(call: Call) -> None:
    owner = next(found for found in call("GET", "/crm/v3/owners").json()["results"] if "teams" not in found)

    answer = call("GET", f"/crm/v3/owners/{owner['id']}").json()

    assert shape(answer) == shape(recorded("owners/get_v3__nango.json"))
