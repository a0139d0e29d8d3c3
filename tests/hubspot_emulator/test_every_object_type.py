"""Every object type and every stream has something to read in a generated portal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import urllib3

from hubspot_emulator.object_types import STANDARD
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings
from hubspot_emulator.storage import State

TYPES = [kind.name for kind in STANDARD]
STREAMS = [
    "account_info",
    "api_usage",
    "association_labels",
    "associations",
    "campaigns",
    "companies",
    "contact_lists",
    "contacts",
    "custom_objects",
    "deal_pipelines",
    "deal_splits",
    "deals",
    "deals_archived",
    "email_campaigns",
    "email_events",
    "engagements",
    "engagements_calls",
    "form_submissions",
    "forms",
    "goals",
    "list_memberships",
    "lists",
    "line_items",
    "marketing_campaigns",
    "marketing_emails",
    "marketing_event_participants",
    "marketing_events",
    "owners",
    "pipeline_stages",
    "pipelines",
    "products",
    "properties",
    "property_groups",
    "property_history",
    "settings_users",
    "subscription_changes",
    "subscription_definitions",
    "subscription_statuses",
    "teams",
    "ticket_pipelines",
    "tickets",
    "users",
    "workflows",
    "cars",
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator(Settings(contacts=1000)) as emulator:  # so many that a ticket is archived
        yield emulator


@pytest.fixture
def get(shared: Emulator, pool: urllib3.PoolManager) -> Callable[..., Any]:
    def call(path: str, method: str = "GET", **options: Any) -> Any:
        shared.clock.advance(1)
        headers = {"Authorization": "Bearer pat-na1-test"}
        answer = pool.request(method, shared.base_url + path, headers=headers, **options)
        assert answer.status == 200, (path, answer.data)
        return answer.json()

    return call


@pytest.mark.parametrize("name", TYPES)
def test_records_are_listed_searched_read_and_in_the_bin(get: Callable[..., Any], name: str) -> None:
    base = f"/crm/objects/2026-09/{name}"
    names = [each["name"] for each in get(f"/crm/properties/2026-09/{name}")["results"]]
    listed = get(f"{base}?limit=100")["results"]

    found = get(f"{base}/search", "POST", json={"limit": 200})["results"]
    inputs = [{"id": each["id"]} for each in listed[:100]]
    read = get(f"{base}/batch/read", "POST", json={"inputs": inputs, "properties": names})["results"]

    assert listed
    assert {each["id"] for each in found} >= {each["id"] for each in listed}
    assert {each["id"] for each in read} == {each["id"] for each in listed}
    assert any(len([value for value in each["properties"].values() if value]) > 8 for each in read)
    if name != "users":  # users are taken away by deactivation alone
        assert all(each["archived"] for each in get(f"{base}?archived=true")["results"])
        assert get(f"{base}?archived=true")["results"]


@pytest.mark.parametrize("name", STREAMS)
def test_truth_knows_every_stream(shared: Emulator, pool: urllib3.PoolManager, name: str) -> None:
    answer = pool.request("GET", f"{shared.control_url}/truth/{name}")
    rows = [line for line in answer.data.splitlines() if line]

    assert answer.status == 200, answer.data
    assert rows
    assert all(b'"state":"' in row for row in rows)


def test_truth_of_links_is_that_of_the_records(shared: Emulator, pool: urllib3.PoolManager) -> None:
    def lines(name: str) -> list[Any]:
        data = pool.request("GET", f"{shared.control_url}/truth/{name}").data
        return [msgspec.json.decode(line) for line in data.splitlines()]

    expected = {
        ("contacts", row["id"], link["toObject"], link["toId"], link["category"], link["typeId"], link["label"])
        for row in lines("contacts")
        for link in row["associations"]
    }
    told = {
        tuple(row[part] for part in ("fromObject", "fromId", "toObject", "toId", "category", "typeId", "label"))
        for row in lines("associations")
        if row["fromObject"] == "contacts"
    }
    assert told == expected


def test_truth_of_histories_is_what_history_reads_answer(
    shared: Emulator, get: Callable[..., Any], pool: urllib3.PoolManager
) -> None:
    changed = shared.portal.db.execute(
        "SELECT DISTINCT record_id FROM history WHERE type_id = '0-1' AND source IN ('CRM_UI', 'IMPORT', 'INTEGRATION')"
    ).fetchall()
    live = [each for (each,) in changed if shared.portal.table("0-1").row(each).state == State.LIVE][:90]  # type: ignore[union-attr]
    names = [each["name"] for each in get("/crm/properties/2026-09/contacts")["results"]]
    answer = get(
        "/crm/objects/2026-09/contacts/batch/read",
        "POST",
        json={"inputs": [{"id": str(each)} for each in live], "properties": [], "propertiesWithHistory": names},
    )
    told: dict[tuple[str, str], list[Any]] = {}
    for line in pool.request("GET", f"{shared.control_url}/truth/property_history").data.splitlines():
        row = msgspec.json.decode(line)
        if row.pop("object") == "contacts":
            row.pop("state")
            told.setdefault((row.pop("id"), row.pop("property")), []).append(row)

    assert live
    sources = set()
    for record in answer["results"]:
        for name, versions in record["propertiesWithHistory"].items():
            assert told.get((record["id"], name), []) == versions
            sources |= {version["sourceType"] for version in versions}
    assert len(sources) >= 2
