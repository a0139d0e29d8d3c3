"""What a portal says of its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., Any]


def limits(call: Call, path: str) -> Any:
    answer = call("GET", f"/crm/limits/2026-09/{path}")
    assert answer.status == 200
    assert call("GET", f"/crm/v3/limits/{path}").json() == answer.json()
    return answer.json()


def by_type(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["objectTypeId"]: row for row in rows}


def test_a_new_property_is_counted_until_it_is_archived(call: Call) -> None:
    def usage() -> tuple[int, int]:
        found = limits(call, "custom-properties")
        return found["overallUsage"], by_type(found["byObjectType"])["0-1"]["usage"]

    before = usage()
    body = {"name": "shoe", "label": "Shoe", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    call("POST", "/crm/properties/2026-09/contacts", json=body)
    with_it = usage()
    call("DELETE", "/crm/properties/2026-09/contacts/shoe")

    assert with_it == (before[0] + 1, before[1] + 1)
    assert usage() == before


def test_calculated_properties_of_the_portals_own_are_counted(call: Call) -> None:
    before = limits(call, "calculated-properties")
    body = {"name": "sum", "label": "Sum", "type": "number", "fieldType": "calculation_equation"}
    more = {"groupName": "dealinformation", "calculationFormula": "amount + 1"}
    assert call("POST", "/crm/properties/2026-09/deals", json=body | more).status == 201

    after = limits(call, "calculated-properties")

    assert (before["overallUsage"], after["overallUsage"], after["overallLimit"]) == (0, 1, 200)
    assert by_type(after["byObjectType"])["0-3"]["usage"] == 1


def test_records_and_pipelines_are_counted(call: Call) -> None:
    records = by_type(limits(call, "records")["hubspotDefinedObjectTypes"])
    pipelines = by_type(limits(call, "pipelines")["hubspotDefinedObjectTypes"])
    total = call("POST", "/crm/objects/2026-09/contacts/search", json={"limit": 1}).json()["total"]

    assert records["0-1"]["usage"] == total
    assert (pipelines["0-3"]["usage"], pipelines["0-3"]["limit"]) == (2, 100)
    assert pipelines["0-3"]["pluralLabel"] == "Deals"


def test_a_portals_own_objects_share_a_limit(call: Call, emulator: Any) -> None:
    own = [kind for kind in emulator.portal.types if kind.is_custom]
    records = limits(call, "records")["customObjectTypes"]

    assert limits(call, "custom-object-types")["usage"] == len(own) > 0
    assert records["overallUsage"] == sum(row["usage"] for row in records["byObjectType"]) > 0


def test_labels_are_counted_by_direction(call: Call) -> None:
    def usage(query: str) -> dict[tuple[str, str], list[str]]:
        rows = limits(call, f"associations/labels{query}")["results"]
        return {
            (row["fromObjectType"]["objectTypeId"], row["toObjectType"]["objectTypeId"]): row["allLabels"]
            for row in rows
        }

    everything = usage("")
    body = {"name": "godfather", "label": "Godfather"}
    call("POST", "/crm/associations/2026-09/contacts/companies/labels", json=body)

    one = usage("?fromObjectTypeId=0-1&toObjectTypeId=companies")
    assert one == {("0-1", "0-2"): [*everything["0-1", "0-2"], "Godfather"]}
    assert usage("")["0-2", "0-1"][-1] == "Godfather"


def test_an_untroubled_portal_has_no_records_near_a_limit(call: Call) -> None:
    assert limits(call, "associations/records/from") == {"results": []}


@pytest.mark.parametrize(
    ("scope", "status"), [("crm.objects.deals.read", 200), ("crm.schemas.deals.read", 403), ("automation", 403)]
)
def test_any_objects_scope_will_do_and_none_other(scope: str, status: int, portal_factory: Any, caller_of: Any) -> None:
    call = caller_of(portal_factory(contacts=0, tokens={"pat-one": frozenset({scope})}))

    assert call("GET", "/crm/limits/2026-09/records", token="pat-one").status == status
