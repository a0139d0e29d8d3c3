"""Engagements v1: the older feed over the activity objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator.server import Emulator

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded/engagements"
PREFIX = "/engagements/v1/engagements"
TYPES = ("tasks", "notes", "meetings", "calls", "emails")
Call = Callable[..., Any]


def read_all(call: Call, path: str, name: str, **more: Any) -> list[dict[str, Any]]:
    """Follow a feed to its end by the number it gives."""
    found: list[dict[str, Any]] = []
    position = "0"
    while True:
        page = call("GET", f"{PREFIX}/{path}&{name}={position}", **more).json()
        found += page["results"]
        if not page["hasMore"]:
            return found
        position = str(page[name])


def ids(engagements: list[dict[str, Any]]) -> list[int]:
    return [each["engagement"]["id"] for each in engagements]


def object_ids(call: Call) -> set[int]:
    return {
        int(record["id"])
        for name in TYPES
        for record in call("GET", f"/crm/objects/2026-09/{name}?limit=100").json()["results"]
    }


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator]) -> Emulator:
    """A portal with enough activities for several pages."""
    return portal_factory(contacts=300)


def test_the_paged_feed_is_the_union_of_the_activity_objects_in_the_order_of_their_ids(call: Call) -> None:
    found = ids(read_all(call, "paged?limit=7", "offset"))

    assert len(found) > 50
    assert found == sorted(object_ids(call))


def test_a_cursor_feed_gives_everything_once_however_small_its_pages(call: Call) -> None:
    found = ids(read_all(call, "modified/after?limit=7", "after"))

    assert len(found) == len(set(found))
    assert set(found) == object_ids(call)


def test_a_cursor_feed_from_a_moment_gives_what_changed_since_it_included(call: Call) -> None:
    everything = read_all(call, "paged?limit=250", "offset")
    moment = sorted(each["engagement"]["lastUpdated"] for each in everything)[-10]

    found = call("GET", f"{PREFIX}/modified/after?after={moment}").json()["results"]

    assert set(ids(found)) == {
        each["engagement"]["id"] for each in everything if each["engagement"]["lastUpdated"] >= moment
    }
    assert len(found) == 10


def test_a_cursor_feed_lags_as_the_index_does(portal_factory: Any, caller_of: Any) -> None:
    emulator = portal_factory(contacts=0, index_lag_seconds=20)
    call = caller_of(emulator)
    call("POST", "/crm/objects/2026-09/notes", json={"properties": {"hs_timestamp": "2026-11-23T08:00:00Z"}})

    soon = call("GET", f"{PREFIX}/modified/after?after=0").json()["results"]
    emulator.clock.sleep(21)
    later = call("GET", f"{PREFIX}/modified/after?after=0").json()["results"]

    assert (len(soon), len(later)) == (0, 1)


def test_without_the_scope_the_cursor_feed_is_silently_empty_and_the_others_are_refused(
    portal_factory: Any, caller_of: Any
) -> None:
    emulator = portal_factory(contacts=60, tokens={"pat-deals": frozenset({"crm.objects.deals.read"}), "pat-all": None})
    call = caller_of(emulator)

    silent = call("GET", f"{PREFIX}/modified/after?after=0", token="pat-deals")
    loud = [call("GET", f"{PREFIX}/{path}", token="pat-deals").status for path in ("paged", "recent/modified")]

    assert (silent.status, silent.json()) == (200, {"results": [], "hasMore": False})
    assert loud == [403, 403]
    assert call("GET", f"{PREFIX}/modified/after?after=0", token="pat-all").json()["results"]


def test_email_bodies_need_a_scope_of_their_own(portal_factory: Any, caller_of: Any) -> None:
    tokens = {
        "pat-some": frozenset({"crm.objects.contacts.read"}),
        "pat-more": frozenset({"crm.objects.contacts.read", "sales-email-read"}),
    }
    call = caller_of(portal_factory(contacts=100, tokens=tokens))

    def bodies(token: str) -> list[bool]:
        everything = read_all(call, "paged?limit=250", "offset", token=token)
        return ["text" in each["metadata"] for each in everything if "EMAIL" in each["engagement"]["type"]]

    assert bodies("pat-some")
    assert not any(bodies("pat-some"))
    assert all(bodies("pat-more"))


def test_the_recent_feed_is_newest_first_and_goes_back_thirty_days(call: Call) -> None:
    page = call("GET", f"{PREFIX}/recent/modified?count=100").json()

    moments = [each["engagement"]["lastUpdated"] for each in page["results"]]
    everything = [each["engagement"]["lastUpdated"] for each in read_all(call, "paged?limit=250", "offset")]
    thirty_days_ago = 1_795_420_800_000 - 30 * 86_400_000
    assert moments == sorted((moment for moment in everything if moment >= thirty_days_ago), reverse=True)
    assert page["total"] == len(moments)


def test_the_recent_feed_ends_at_ten_thousand(call: Call) -> None:
    answer = call("GET", f"{PREFIX}/recent/modified?count=100&offset=9950")

    assert (answer.status, answer.json()["message"]) == (
        400,
        "Cannot fetch more than 10000 total records for this endpoint",
    )


def test_an_engagement_names_the_records_it_is_about_and_they_name_it(call: Call) -> None:
    contact = call("GET", "/crm/objects/2026-09/contacts?limit=1").json()["results"][0]["id"]
    company = call("GET", "/crm/objects/2026-09/companies?limit=1").json()["results"][0]["id"]

    def link(to: str, type_id: int) -> dict[str, Any]:
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
        return {"to": {"id": to}, "types": types}

    body = {
        "properties": {"hs_timestamp": "2026-11-20T10:00:00Z", "hs_note_body": "Hello"},
        "associations": [link(contact, 202), link(company, 190)],
    }
    made = call("POST", "/crm/objects/2026-09/notes", json=body).json()["id"]

    engagement = call("GET", f"{PREFIX}/{made}").json()
    of_contact = read_all(call, f"associated/contact/{contact}/paged?limit=2", "offset")

    assert engagement["associations"]["contactIds"] == [int(contact)]
    assert engagement["associations"]["companyIds"] == [int(company)]
    assert (engagement["metadata"], engagement["engagement"]["type"]) == ({"body": "Hello"}, "NOTE")
    assert engagement["engagement"]["timestamp"] == 1_795_168_800_000
    assert int(made) in ids(of_contact)
    assert call("GET", f"{PREFIX}/999").status == 404


def test_archived_activities_leave_the_feed(call: Call) -> None:
    archived = [
        int(record["id"])
        for name in TYPES
        for record in call("GET", f"/crm/objects/2026-09/{name}?archived=true").json()["results"]
    ]

    assert archived
    assert not set(archived) & set(ids(read_all(call, "paged?limit=250", "offset")))


def test_ids_are_never_used_twice_across_the_activity_types(call: Call) -> None:
    moment = {"properties": {"hs_timestamp": "2026-11-20T10:00:00Z"}}

    made = [call("POST", f"/crm/objects/2026-09/{name}", json=moment).json()["id"] for name in TYPES * 3]

    assert len(set(made)) == 15


@pytest.mark.parametrize(
    "query", ["paged?limit=x", "paged?since=1", "modified/after?after=yesterday", "recent/modified?since=x"]
)
def test_what_a_feed_does_not_understand_it_names(call: Call, query: str) -> None:
    answer = call("GET", f"{PREFIX}/{query}")

    assert answer.status == 400
    assert query.partition("?")[2].partition("=")[0] in answer.json()["message"]


def test_the_truth_tells_every_live_engagement(call: Call, control: Call) -> None:
    rows = control("GET", "/truth/engagements").lines()

    assert [int(row["id"]) for row in rows] == ids(read_all(call, "paged?limit=250", "offset"))


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
@pytest.mark.parametrize("name", ["v1_note__airbyte", "v1_task__airbyte"])
def test_an_engagement_has_the_keys_of_a_recorded_one(call: Call, name: str) -> None:
    wanted = json.loads((RECORDED / f"{name}.json").read_text())
    flat = {"associations", "attachments", "metadata", "scheduledTasks"}
    kind = wanted["type"]
    found = [each for each in read_all(call, "paged?limit=250", "offset") if each["engagement"]["type"] == kind]
    # A recorded preview as HTML and a mark of erasure are there for some records only.
    optional = {"bodyPreviewHtml", "gdprDeleted", "source"}

    full = max(found, key=lambda each: len(each["engagement"]) + len(each["metadata"]))

    assert set(full) == {"engagement"} | (set(wanted) & flat)
    assert set(full["engagement"]) - optional == set(wanted) - flat - optional
    assert set(wanted["metadata"]) <= set(full["metadata"])
    assert set(full["associations"]) == set(wanted["associations"])
