"""HubSpot's own Python SDK, as released, works against the emulator: only the host is another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from hubspot import HubSpot
from hubspot.crm.associations.v4 import (
    AssociationSpec,
    BatchInputPublicAssociationMultiPost,
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicAssociationMultiPost,
    PublicFetchAssociationsBatchRequest,
    PublicObjectId,
)
from hubspot.crm.contacts import (
    ApiException,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchReadInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInputUpsert,
    SimplePublicObjectId,
)

from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

Connect = Callable[..., HubSpot]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(Settings(contacts=230, limits=False)) as running:
        yield running


@pytest.fixture
def connect(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make SDK clients; their connections are closed when the test ends, which the SDK leaves to chance."""
    pools: list[urllib3.PoolManager] = []
    original = urllib3.PoolManager.__init__

    def remembered(self: urllib3.PoolManager, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        pools.append(self)

    monkeypatch.setattr(urllib3.PoolManager, "__init__", remembered)
    yield lambda token="pat-sdk": HubSpot(access_token=token, host=emulator.base_url)
    for pool in pools:
        pool.clear()


def test_a_wrong_token_raises_the_sdks_exception_with_hubspots_body(connect: Connect) -> None:
    with pytest.raises(ApiException) as caught:
        connect(token="nonsense").crm.contacts.basic_api.get_page()

    assert caught.value.status == 401
    assert "EXPIRED_AUTHENTICATION" in caught.value.body


def test_it_pages_all_contacts(connect: Connect, emulator: Emulator) -> None:
    portal = emulator.portal
    with portal.lock:
        live = [record["id"] for record in portal.truth("0-1") if record["state"] == "live"]

    contacts = connect().crm.contacts.get_all(properties=["email", "lastname"])

    assert [contact.id for contact in contacts] == live
    assert set(contacts[0].properties) == {"createdate", "email", "hs_object_id", "lastmodifieddate", "lastname"}
    assert contacts[0].created_at.year >= 2020


def test_it_searches(connect: Connect) -> None:
    client = connect()
    wanted = client.crm.contacts.basic_api.get_page(limit=3, properties=["email"]).results[2]
    keys = Filter(property_name="hs_object_id", operator="EQ", value=wanted.id)

    answer = client.crm.contacts.search_api.do_search(
        PublicObjectSearchRequest(filter_groups=[FilterGroup(filters=[keys])], properties=["email"], limit=10)
    )

    assert answer.total == 1
    assert [(found.id, found.properties["email"]) for found in answer.results] == [
        (wanted.id, wanted.properties["email"])
    ]


def test_it_upserts_a_batch_by_email(connect: Connect) -> None:
    client = connect()
    emails = [f"sdk{number}@acme-example.com" for number in range(3)]

    def upsert(lastname: str) -> Any:
        inputs = [
            SimplePublicObjectBatchInputUpsert(id=email, id_property="email", properties={"lastname": lastname})
            for email in emails
        ]
        return client.crm.contacts.batch_api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))

    first, second = upsert("Lovelace"), upsert("Byron")

    assert {each.new for each in first.results} == {True}
    assert {each.new for each in second.results} == {False}
    assert {each.id for each in first.results} == {each.id for each in second.results}
    read = client.crm.contacts.batch_api.read(
        BatchReadInputSimplePublicObjectId(
            inputs=[SimplePublicObjectId(id=email) for email in emails],
            id_property="email",
            properties=["lastname"],
            properties_with_history=[],
        )
    )
    assert [each.properties["lastname"] for each in read.results] == ["Byron"] * 3


def test_it_writes_and_reads_associations(connect: Connect) -> None:
    client = connect()
    contact = client.crm.contacts.basic_api.get_page(limit=1).results[0].id
    company = client.crm.companies.basic_api.get_page(limit=1).results[0].id
    spec = AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=279)
    pair = PublicAssociationMultiPost(_from=PublicObjectId(id=contact), to=PublicObjectId(id=company), types=[spec])
    batches = client.crm.associations.v4.batch_api

    batches.create("contacts", "companies", BatchInputPublicAssociationMultiPost(inputs=[pair]))
    ask = PublicFetchAssociationsBatchRequest(id=contact)
    answer = batches.get_page("contacts", "companies", BatchInputPublicFetchAssociationsBatchRequest(inputs=[ask]))

    ends = {str(end.to_object_id): end for result in answer.results for end in result.to}
    assert 279 in {found.type_id for found in ends[company].association_types}
    single = client.crm.associations.v4.basic_api.get_page("contacts", contact, "companies")
    assert {str(end.to_object_id) for end in single.results} == set(ends)


def test_it_reads_owners_and_pipelines(connect: Connect) -> None:
    client = connect()

    owners = client.crm.owners.owners_api.get_page(limit=500).results
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals").results

    assert owners
    assert {owner.archived for owner in owners} == {False}
    assert [stage.id for stage in pipelines[0].stages][:2] == ["appointmentscheduled", "qualifiedtobuy"]


# --- every family that the SDK has a client for ---------------------------------------------------------------------

SINCE = "2024-01-01T00:00:00Z"
OBJECTS = [
    "calls",
    "communications",
    "emails",
    "feedback_submissions",
    "goals",
    "leads",
    "meetings",
    "notes",
    "postal_mail",
    "tasks",
    "taxes",
]


def client_of(client: HubSpot, path: str) -> Any:
    found: Any = client
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(
    "path",
    ["crm.companies", "crm.contacts", "crm.deals", "crm.line_items", "crm.products", "crm.quotes", "crm.tickets",
     "crm.commerce.invoices", *(f"crm.objects.{name}" for name in OBJECTS)],
)  # fmt: skip
def test_each_object_client_pages_reads_searches_and_writes(connect: Connect, path: str) -> None:
    family = client_of(connect(), path)

    page = family.basic_api.get_page(limit=3).results
    one = family.basic_api.get_by_id(page[0].id)
    found = family.search_api.do_search({"limit": 2, "filterGroups": [], "sorts": [], "properties": []})
    read = family.batch_api.read({"inputs": [{"id": each.id} for each in page], "properties": ["hs_object_id"]})

    assert one.id == page[0].id
    assert found.total >= len(found.results) > 0
    assert {each.id for each in read.results} == {each.id for each in page}
    if path.endswith("feedback_submissions"):
        return  # only read
    family.basic_api.archive(page[-1].id)
    assert page[-1].id in {each.id for each in family.basic_api.get_page(limit=100, archived=True).results}


@pytest.mark.parametrize(
    "name", ["carts", "contracts", "discounts", "fees", "subscriptions", "orders", "services", "users"]
)
def test_the_generic_object_client_takes_any_type(connect: Connect, name: str) -> None:
    api = connect().crm.objects

    assert api.basic_api.get_page(name, limit=3).results
    assert api.search_api.do_search(name, {"limit": 2, "filterGroups": [], "sorts": [], "properties": []}).results


READS: dict[str, Callable[[HubSpot], Any]] = {
    "association labels": lambda c: (
        c.crm.associations.v4.schema.definitions_api.get_all("contacts", "companies").results
    ),
    "association limits": lambda c: c.crm.associations.v4.schema.definition_configurations_api.get_all(),
    "association types": lambda c: c.crm.associations.schema.types_api.get_all("contacts", "companies").results,
    "communication preferences": lambda c: (
        c.communication_preferences.definition_api.get_page().subscription_definitions
    ),
    "deal splits": lambda c: (
        c.crm.objects.deal_splits.batch_api.read(
            {"inputs": [{"id": each.properties["hs_deal_split_deal_id"]} for each in _splits(c)]}
        ).results
    ),
    "email statistics": lambda c: c.marketing.emails.statistics_api.get_emails_list(start_timestamp=SINCE).emails,
    "email statistics by month": lambda c: (
        c.marketing.emails.statistics_api.get_histogram(start_timestamp=SINCE, interval="MONTH").results
    ),
    "emails": lambda c: c.marketing.emails.marketing_emails_api.get_page(limit=5).results,
    "forms": lambda c: c.marketing.forms.forms_api.get_page(limit=5).results,
    "imports": lambda c: c.crm.imports.core_api.get_page(),
    "list memberships": lambda c: c.crm.lists.memberships_api.get_page(_list(c)).results,
    "lists": lambda c: c.crm.lists.lists_api.do_search({"query": "", "count": 20, "offset": 0}).lists,
    "pipeline audits": lambda c: c.crm.pipelines.pipeline_audits_api.get_audit("deals", "default"),
    "pipelines of orders": lambda c: c.crm.pipelines.pipelines_api.get_all("orders").results,
    "properties": lambda c: c.crm.properties.core_api.get_all("orders").results,
    "property groups": lambda c: c.crm.properties.groups_api.get_all("orders").results,
    "schemas": lambda c: c.crm.schemas.core_api.get_all().results,
    "teams": lambda c: c.settings.users.teams_api.get_all().results,
    "users": lambda c: c.settings.users.users_api.get_page().results,
}


def _splits(client: HubSpot) -> Any:
    return client.crm.objects.basic_api.get_page("deal_split", properties=["hs_deal_split_deal_id"]).results


def _list(client: HubSpot) -> str:
    found = client.crm.lists.lists_api.do_search(
        {"query": "", "count": 100, "offset": 0, "processingTypes": ["MANUAL"]}
    )
    return str(found.lists[0].list_id)


@pytest.mark.parametrize("name", sorted(READS))
def test_each_other_client_reads(connect: Connect, name: str) -> None:
    found = READS[name](connect())

    assert found is not None
    if isinstance(found, list):
        assert found


def test_the_oauth_client_gets_refreshes_and_tells_tokens(connect: Connect) -> None:
    oauth = connect().oauth
    client = {"client_id": "sdk", "client_secret": "planted"}

    first = oauth.tokens_api.create(
        grant_type="authorization_code", code="one", redirect_uri="http://127.0.0.1/back", **client
    )
    second = oauth.tokens_api.create(grant_type="refresh_token", refresh_token=first.refresh_token, **client)

    assert second.access_token != first.access_token
    assert oauth.access_tokens_api.get(second.access_token).hub_id == 62515
    assert oauth.refresh_tokens_api.get(first.refresh_token).client_id == "sdk"


def test_the_marketing_events_client_makes_changes_fills_and_removes(connect: Connect) -> None:
    client = connect()
    events = client.marketing.events
    ids = {"externalAccountId": "acc", "externalEventId": "evt"}
    contact = client.crm.contacts.basic_api.get_page(limit=1).results[0].id

    made = events.basic_api.create({"eventName": "Fair", "eventOrganizer": "Us", "customProperties": [], **ids})
    events.basic_api.update("evt", "acc", {"eventDescription": "Larger", "customProperties": []})
    attendance = {"inputs": [{"vid": int(contact), "interactionDateTime": 1_796_000_000_000, "properties": {}}]}
    events.subscriber_state_changes_api.upsert_by_contact_id("evt", "register", "acc", attendance)
    joined = {"joinedAt": "2026-11-20T10:00:00Z", "leftAt": "2026-11-20T11:00:00Z"}
    person = {"email": "new.guest@acme-example.com", "contactProperties": {"lastname": "Guest"}, "properties": joined}
    body = {"inputs": [person | {"interactionDateTime": 1_796_000_000_000}]}
    guests = events.add_event_attendees_api.record_by_email(made.object_id, "attend", body)
    events.change_property_api.complete(
        "evt", "acc", {"startDateTime": "2026-11-20T09:00:00Z", "endDateTime": "2026-11-20T12:00:00Z"}
    )

    event = events.basic_api.get_by_object_id(made.object_id)
    assert (event.event_description, event.event_completed, event.attendees, event.registrants) == (
        "Larger",
        True,
        1,
        1,
    )
    states = events.retrieve_participant_state_api
    parts = states.get_participations_breakdown_by_marketing_event_id(int(made.object_id)).results
    assert {part.associations.contact.contact_id: part.properties.attendance_state for part in parts} == {
        contact: "NO_SHOW",
        str(guests.results[0].vid): "ATTENDED",
    }
    assert states.get_participations_counters_by_event_external_id("acc", "evt").attended == 1
    assert [part.associations.marketing_event.name for part in states.get_participations_breakdown_by_contact_id(
        str(guests.results[0].vid)).results] == ["Fair"]  # fmt: skip
    assert [found.object_id for found in events.identifiers_api.do_search("evt").results] == [made.object_id]
    events.basic_api.archive("evt", "acc")
    assert made.object_id not in {each.object_id for each in events.basic_api.get_all(limit=100).results}
    upserted = events.batch_api.upsert(
        {"inputs": [{"eventName": "Again", "eventOrganizer": "Us", "customProperties": [], **ids}]}
    )
    events.batch_api.update_by_object_id(
        {"inputs": [{"objectId": upserted.results[0].object_id, "eventCancelled": True}]}
    )
    assert events.basic_api.get_details("evt", "acc").event_cancelled
    events.batch_api.archive_by_object_id({"inputs": [{"objectId": upserted.results[0].object_id}]})
    assert events.identifiers_api.do_search("evt").results == []
