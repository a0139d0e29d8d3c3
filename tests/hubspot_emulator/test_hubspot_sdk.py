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
