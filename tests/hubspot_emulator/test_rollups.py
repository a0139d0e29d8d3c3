"""With `rollups_follow`, calculated values follow associations and stages; the modified date does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

Call = Callable[..., Any]
SHOWN = {
    "contacts": "associatedcompanyid,num_associated_deals,hs_v2_date_entered_lead,hs_v2_date_exited_lead",
    "companies": "num_associated_contacts,num_associated_deals,hs_num_open_deals,hs_total_deal_value,total_revenue",
    "deals": "num_associated_contacts,hs_is_closed,hs_is_closed_won,hs_closed_amount,"
    "hs_v2_date_entered_closedwon,hs_v2_date_exited_appointmentscheduled",
}


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator]) -> Emulator:
    """An empty portal whose calculated values follow."""
    return portal_factory(contacts=0, limits=False, knobs=Knobs(rollups_follow=True))


def make(call: Call, object_name: str, **properties: str) -> str:
    return str(call("POST", f"/crm/v3/objects/{object_name}", json={"properties": properties}).json()["id"])


def shown(call: Call, name: str, record_id: str) -> dict[str, str]:
    return dict(call("GET", f"/crm/v3/objects/{name}/{record_id}?properties={SHOWN[name]}").json()["properties"])


def link(call: Call, method: str, from_: str, from_id: str, to: str, to_id: str) -> None:
    path = "default/" if method == "PUT" else ""
    answer = call(method, f"/crm/v4/objects/{from_}/{from_id}/associations/{path}{to}/{to_id}")
    assert answer.status in {200, 204}


def test_counts_follow_the_links_and_the_modified_dates_stay(emulator: Emulator, call: Call) -> None:
    contact, company = make(call, "contacts", firstname="A"), make(call, "companies", name="C")
    before = {name: shown(call, name, record) for name, record in (("contacts", contact), ("companies", company))}
    emulator.clock.advance(60)

    link(call, "PUT", "contacts", contact, "companies", company)

    assert shown(call, "contacts", contact)["associatedcompanyid"] == company
    assert shown(call, "companies", company)["num_associated_contacts"] == "1"
    assert shown(call, "contacts", contact)["lastmodifieddate"] == before["contacts"]["lastmodifieddate"]
    assert shown(call, "companies", company)["hs_lastmodifieddate"] == before["companies"]["hs_lastmodifieddate"]
    link(call, "DELETE", "contacts", contact, "companies", company)
    assert not shown(call, "contacts", contact)["associatedcompanyid"]
    assert shown(call, "companies", company)["num_associated_contacts"] == "0"


def test_archiving_restoring_and_merging_count_too(emulator: Emulator, call: Call, control: Call) -> None:
    company = make(call, "companies", name="C")
    contacts = [make(call, "contacts", firstname=name) for name in "ab"]
    for contact in contacts:
        link(call, "PUT", "contacts", contact, "companies", company)

    def count() -> str:
        return shown(call, "companies", company)["num_associated_contacts"]

    assert count() == "2"
    call("DELETE", f"/crm/v3/objects/contacts/{contacts[0]}")
    assert count() == "1"
    control("POST", "/mutate", json={"object": "contacts", "restores": 1})
    assert count() == "2"
    call(
        "POST", "/crm/v3/objects/contacts/merge", json={"primaryObjectId": contacts[0], "objectIdToMerge": contacts[1]}
    )
    assert count() == "1"
    truth = control("GET", "/truth/companies").lines()[0]
    assert truth["properties"]["num_associated_contacts"] == "1"


def test_a_deal_closes_with_its_stage_and_its_company_adds_it_up(emulator: Emulator, call: Call) -> None:
    company = make(call, "companies", name="C")
    stage = {"pipeline": "default", "dealstage": "appointmentscheduled"}
    deal = make(call, "deals", dealname="D", amount="100.50", **stage)
    link(call, "PUT", "deals", deal, "companies", company)
    assert shown(call, "deals", deal)["hs_is_closed"] == "false"
    assert shown(call, "companies", company)["hs_num_open_deals"] == "1"
    emulator.clock.advance(3600)

    call("PATCH", f"/crm/v3/objects/deals/{deal}", json={"properties": {"dealstage": "closedwon"}})

    found = shown(call, "deals", deal)
    assert (found["hs_is_closed"], found["hs_is_closed_won"], found["hs_closed_amount"]) == ("true", "true", "100.50")
    assert found["hs_v2_date_entered_closedwon"] == found["hs_v2_date_exited_appointmentscheduled"]
    assert found["hs_v2_date_entered_closedwon"] == found["hs_lastmodifieddate"]
    totals = shown(call, "companies", company)
    assert (totals["hs_num_open_deals"], totals["hs_total_deal_value"], totals["total_revenue"]) == (
        "0",
        "100.50",
        "100.50",
    )
    history = call("GET", f"/crm/v3/objects/deals/{deal}?propertiesWithHistory=hs_is_closed").json()
    versions = history["propertiesWithHistory"]["hs_is_closed"]
    assert [(each["value"], each["sourceType"]) for each in versions] == [
        ("true", "CALCULATED"),
        ("false", "CALCULATED"),
    ]


def test_a_generated_portal_starts_with_what_its_links_say(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]
) -> None:
    control = connect(portal_factory(contacts=60, knobs=Knobs(rollups_follow=True)).control_url)

    companies = [row for row in control("GET", "/truth/companies").lines() if row["state"] == "live"]

    for row in companies:
        linked = {end["toId"] for end in row["associations"] if end["toObject"] == "contacts"}
        assert row["properties"]["num_associated_contacts"] == str(len(linked))
    assert any(row["properties"]["num_associated_contacts"] != "0" for row in companies)


def test_by_default_nothing_follows(portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]) -> None:
    call = connect(portal_factory(contacts=0).base_url)
    contact, company = make(call, "contacts", firstname="A"), make(call, "companies", name="C")

    link(call, "PUT", "contacts", contact, "companies", company)

    assert shown(call, "companies", company)["num_associated_contacts"] == "0"
