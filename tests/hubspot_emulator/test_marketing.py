"""Marketing campaigns with their assets, marketing emails with filters and statistics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
CAMPAIGNS = "/marketing/campaigns/2026-09"
EMAILS = "/marketing/emails/2026-09"
UNKNOWN = "430318c4-abb7-4bf7-a75e-9c5fa8f475a6"
Call = Callable[..., Any]
recorded_only = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")


def recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())


def truth(control: Call, name: str, state: str = "live") -> list[dict[str, Any]]:
    return [each for each in control("GET", f"/truth/{name}").lines() if each["state"] == state]


def scan(call: Call, path: str) -> list[dict[str, Any]]:
    found, after = [], ""
    while True:
        page = call("GET", f"{path}{after}").json()
        found += page["results"]
        assert page["total"] >= len(found)
        if "paging" not in page:
            assert page["total"] == len(found)
            return found
        after = f"&after={page['paging']['next']['after']}"


# Campaigns


def test_campaigns_page_by_page_are_all_each_once(call: Call, control: Call) -> None:
    names = "hs_name,hs_notes,hs_budget_items_sum_amount,hs_start_date,hs_campaign_status,hs_utm,hs_object_id"

    found = scan(call, f"{CAMPAIGNS}?limit=2&sort=-updatedAt&properties={names}")

    everything = {each["id"]: each for each in truth(control, "marketing_campaigns")}
    assert {each["id"]: each["properties"] for each in found} == {
        key: each["properties"] for key, each in everything.items()
    }
    moments = [each["updatedAt"] for each in found]
    assert moments == sorted(moments, reverse=True)


def test_a_campaign_shows_only_properties_that_are_asked_for_and_set(call: Call) -> None:
    plain = call("GET", CAMPAIGNS).json()["results"][0]
    asked = call("GET", f"/marketing/v3/campaigns/{plain['id']}?properties=hs_name,hs_goal,colour").json()

    assert plain["properties"] == {}
    assert list(asked["properties"]) == ["hs_name"]
    assert asked["businessUnits"] == [{"id": 0}]


@pytest.mark.parametrize("query", ["properties=hs_secret", "sort=colour", "limit=101", "after=%25", "colour=red"])
def test_a_parameter_of_campaigns_that_makes_no_sense_is_named(call: Call, query: str) -> None:
    answer = call("GET", f"{CAMPAIGNS}?{query}")

    assert answer.status == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["message"]


def test_assets_page_by_themselves(call: Call, control: Call) -> None:
    campaign = next(each for each in truth(control, "marketing_campaigns") if each["assets"].get("MARKETING_EMAIL"))

    inline = call("GET", f"{CAMPAIGNS}/{campaign['id']}").json()["assets"]
    listed, after = [], ""
    while True:
        page = call("GET", f"{CAMPAIGNS}/{campaign['id']}/assets/MARKETING_EMAIL?limit=1{after}").json()
        listed += page["results"]
        if "paging" not in page:
            break
        after = f"&after={page['paging']['next']['after']}"

    assert inline["MARKETING_EMAIL"]["results"] == campaign["assets"]["MARKETING_EMAIL"][:10]
    assert listed == campaign["assets"]["MARKETING_EMAIL"]


def test_an_unknown_campaign_is_a_404_alone_and_an_error_in_a_batch(call: Call, control: Call) -> None:
    known = truth(control, "marketing_campaigns")[0]["id"]

    assert call("GET", f"{CAMPAIGNS}/{UNKNOWN}").status == 404
    answer = call("POST", f"{CAMPAIGNS}/batch/read", json={"inputs": [{"id": known}, {"id": UNKNOWN}]})

    assert answer.status == 207
    assert [each["id"] for each in answer.json()["results"]] == [known]
    assert (answer.json()["numErrors"], answer.json()["errors"][0]["category"]) == (1, "OBJECT_NOT_FOUND")


@recorded_only
def test_campaign_answers_have_the_shape_of_recorded_ones(call: Call, control: Call) -> None:
    known = truth(control, "marketing_campaigns")[0]["id"]
    page_wanted = recorded("campaigns/list_page1__amp_labs.json")
    wanted = recorded("campaigns/batch_read_207_2026_09__amp_labs.json")
    broken = f"{UNKNOWN[:23]}e{UNKNOWN[23:]}"

    page = call("GET", f"{CAMPAIGNS}?limit=2&sort=-updatedAt&properties=hs_name").json()
    batch = call("POST", f"{CAMPAIGNS}/batch/read", json={"inputs": [{"id": known}, {"id": broken}]})

    assert list(page) == list(page_wanted)
    assert list(page["results"][0]) == list(page_wanted["results"][0])
    assert page["paging"]["next"]["after"] == page_wanted["paging"]["next"]["after"]
    assert batch.status == 207
    assert list(batch.json()) == list(wanted)
    assert set(batch.json()["results"][0]) == set(wanted["results"][0])
    error = json.dumps(wanted["errors"][0]).replace("430318c4-abb7-4bf7-a75ee-9c5fa8f475a6", broken)
    assert batch.json()["errors"] == [json.loads(error)]


# Emails


def own(email: dict[str, Any]) -> dict[str, Any]:
    """Turn a line of the truth back into HubSpot's JSON: there `state` is the email's own."""
    return {name: value for name, value in email.items() if name != "emailState"} | {"state": email["emailState"]}


def test_four_passes_give_every_email_with_its_statistics(call: Call, control: Call) -> None:
    found: dict[str, dict[str, Any]] = {}
    for archived in ("false", "true"):
        for stats in ("false", "true"):
            for each in scan(call, f"{EMAILS}?limit=3&archived={archived}&includeStats={stats}"):
                found[each["id"]] = found.get(each["id"], {}) | each

    everything = [*truth(control, "marketing_emails"), *truth(control, "marketing_emails", "archived")]
    assert found == {each["id"]: own(each) for each in everything}
    assert {each["archived"] for each in found.values()} == {True, False}


@pytest.mark.parametrize("hidden", [True, False])
def test_statistics_hide_emails_that_were_never_sent(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], hidden: bool
) -> None:
    call = caller_of(portal_factory(contacts=0, knobs=Knobs(stats_hide_unsent_emails=hidden)))

    without = {each["id"] for each in scan(call, f"{EMAILS}?limit=100")}
    listed = {each["id"] for each in scan(call, f"{EMAILS}?limit=100&includeStats=true")}

    assert (listed < without) is hidden
    assert (listed == without) is not hidden


def test_the_moment_of_updated_after_is_excluded(call: Call, control: Call) -> None:
    moments = sorted(each["updatedAt"] for each in truth(control, "marketing_emails"))

    after = [each["updatedAt"] for each in scan(call, f"{EMAILS}?limit=100&updatedAfter={moments[3]}&sort=updatedAt")]
    before = [each["updatedAt"] for each in scan(call, f"{EMAILS}?limit=100&updatedBefore={moments[3]}&sort=updatedAt")]

    assert after == moments[4:]
    assert before == moments[:3]


def test_emails_are_filtered_by_state_and_campaign(call: Call, control: Call) -> None:
    everything = truth(control, "marketing_emails")
    campaign = next(each["campaign"] for each in everything if "campaign" in each)

    drafts = scan(call, f"{EMAILS}?limit=100&isPublished=false")
    own = scan(call, f"{EMAILS}?limit=100&campaign={campaign}&marketingCampaignNames=true")

    assert {each["id"] for each in drafts} == {
        each["id"] for each in everything if each["state"] and "stats" not in each
    }
    assert {each["state"] for each in drafts} == {"DRAFT"} or not drafts
    assert {each["id"] for each in own} == {each["id"] for each in everything if each.get("campaign") == campaign}
    assert all(each["campaignName"] for each in own)


def test_one_email_moves_to_the_bin(call: Call, control: Call) -> None:
    email = truth(control, "marketing_emails")[0]["id"]

    assert call("GET", f"/marketing/v3/emails/{email}?includedProperties=name").json().keys() == {"id", "name"}
    assert call("DELETE", f"{EMAILS}/{email}").status == 204
    assert call("GET", f"{EMAILS}/{email}").status == 404
    assert call("GET", f"{EMAILS}/{email}?archived=true").json()["deletedAt"]


@pytest.mark.parametrize("query", ["sort=colour", "updatedAfter=soon", "limit=0", "after=!", "isPublished=x", "page=2"])
def test_a_parameter_of_emails_that_makes_no_sense_is_named(call: Call, query: str) -> None:
    answer = call("GET", f"{EMAILS}?{query}")

    assert answer.status == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["message"]


@recorded_only
def test_a_page_of_emails_has_the_shape_of_the_recorded_one(call: Call) -> None:
    wanted = recorded("marketing/list_emails_page1__amp_labs.json")

    page = call("GET", f"{EMAILS}?limit=3&sort=-updatedAt").json()
    drafts = call("GET", f"{EMAILS}?limit=100&isPublished=false").json()["results"]

    assert list(page) == list(wanted)
    assert page["paging"]["next"]["after"] == wanted["paging"]["next"]["after"]
    draft = next(each for each in drafts if "campaign" not in each)
    assert {name: type(value) for name, value in draft.items()} == {
        name: type(value) for name, value in wanted["results"][0].items()
    }


@pytest.mark.parametrize(("path", "scope"), [(CAMPAIGNS, "marketing.campaigns.read"), (EMAILS, "content")])
def test_marketing_needs_its_scopes(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], path: str, scope: str
) -> None:
    emulator = portal_factory(contacts=0, tokens={"pat-narrow": frozenset({"forms"})})

    answer = caller_of(emulator)("GET", path, token="pat-narrow")

    assert answer.status == 403
    assert answer.json()["errors"][0]["context"] == {"requiredGranularScopes": [scope]}
