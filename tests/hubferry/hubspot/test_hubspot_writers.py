"""Writes: every row and pair is applied, rejected or unknown, and nothing is written twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubferry.errors import QuotaError, RefusedError
from hubferry.hubspot import associations
from hubferry.hubspot.associations import LinkInput, LinkType
from hubferry.hubspot.client import Client
from hubferry.hubspot.writers import RecordInput, send_batch
from hubspot_emulator.server import Emulator

Portals = Callable[..., Emulator]
Clients = Callable[..., Client]
DEFAULT = LinkType("HUBSPOT_DEFINED", 279)


def upsert(number: int, email: str | None = None) -> RecordInput:
    return RecordInput(f"row-{number}", email or f"row{number}@acme.com", "email", {"firstname": f"First {number}"})


def firstnames(portal: Emulator) -> list[str]:
    with portal.portal.lock:
        rows = [row for row in portal.portal.truth("0-1") if row["state"] == "live"]
    return sorted(row["properties"].get("firstname") or "" for row in rows)


def whole(status: int, body: str, **rule: Any) -> dict[str, Any]:
    """A refusal of the whole call if its body holds this text, as HubSpot gives without trace ids."""
    refusal = {"status": "error", "message": "Property values were not valid", "category": "VALIDATION_ERROR"}
    match = {"path": "*/batch/*", "body": body}
    return {"match": match, "phase": "before", "do": {"status": status, "body": refusal}} | rule


def test_an_upsert_creates_then_updates(portal_factory: Portals, client_of: Clients) -> None:
    client = client_of(portal_factory(contacts=0))
    rows = [upsert(number) for number in range(150)]

    first = send_batch(client, "contacts", "upsert", rows)
    second = send_batch(client, "contacts", "upsert", rows)

    assert first.applied.keys() == second.applied.keys() == {row.trace_id for row in rows}
    assert {each.new for each in first.applied.values()} == {True}
    assert {each.new for each in second.applied.values()} == {False}


def test_results_are_matched_by_trace_id_not_by_position(portal_factory: Portals, client_of: Clients) -> None:
    outcome = send_batch(client_of(portal_factory(contacts=0)), "contacts", "upsert", [upsert(n) for n in range(100)])

    for trace_id, applied in outcome.applied.items():
        assert applied.record is not None
        assert applied.record.properties["firstname"] == f"First {trace_id.removeprefix('row-')}"


def test_a_bad_row_is_rejected_alone(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    rows = [upsert(0), upsert(1, "no address"), upsert(2)]

    outcome = send_batch(client_of(portal), "contacts", "upsert", rows)

    assert outcome.applied.keys() == {"row-0", "row-2"}
    assert outcome.rejected["row-1"].category == "VALIDATION_ERROR"
    assert "no address" not in repr(outcome)


def test_a_taken_address_names_the_record_that_has_it(portal_factory: Portals, client_of: Clients) -> None:
    client = client_of(portal_factory(contacts=0))
    made = send_batch(client, "contacts", "upsert", [upsert(0)]).applied["row-0"].record
    assert made is not None

    outcome = send_batch(client, "contacts", "create", [RecordInput("a", properties={"email": "row0@acme.com"})])

    assert outcome.rejected["a"].existing_id == made.id


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, 99), max_size=5))
def test_a_batch_refused_as_a_whole_is_taken_apart(
    portal_factory: Portals, client_of: Clients, poisoned: set[int]
) -> None:
    portal = portal_factory(contacts=0)
    client = client_of(portal)
    portal.faults.add([whole(400, f'"row{number}@acme.com"') for number in poisoned])

    outcome = send_batch(client, "contacts", "upsert", [upsert(number) for number in range(100)])

    assert outcome.rejected.keys() == {f"row-{number}" for number in poisoned}
    assert outcome.applied.keys() == {f"row-{number}" for number in range(100)} - outcome.rejected.keys()
    assert client.usage.counted <= 2 * len(poisoned) * math.log2(128) + 1


def test_an_object_that_does_not_exist_is_one_error_not_a_hundred(portal_factory: Portals, client_of: Clients) -> None:
    client = client_of(portal_factory(contacts=0))

    with pytest.raises(RefusedError):
        send_batch(client, "butterflies", "create", [RecordInput(str(n), properties={"x": "y"}) for n in range(100)])

    assert client.usage.counted == 1


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_create_whose_answer_is_lost_is_unknown(portal_factory: Portals, client_of: Clients, phase: str) -> None:
    portal = portal_factory(contacts=0)
    portal.faults.add([{"match": {"path": "*/batch/create"}, "phase": phase, "times": 1, "do": {"kind": "reset"}}])
    rows = [RecordInput(str(number), properties={"firstname": str(number)}) for number in range(120)]

    outcome = send_batch(client_of(portal), "contacts", "create", rows)

    assert set(outcome.unknown) == {str(number) for number in range(100)}
    assert outcome.applied.keys() == {str(number) for number in range(100, 120)}
    assert len(firstnames(portal)) == (120 if phase == "after" else 20)


def test_a_2xx_that_did_nothing_leaves_every_row_unknown(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    nothing = {"status": "COMPLETE", "results": []}
    portal.faults.add([{"match": {"path": "*/batch/*"}, "phase": "before", "do": {"status": 200, "body": nothing}}])

    outcome = send_batch(client_of(portal), "contacts", "upsert", [upsert(0), upsert(1)])

    assert outcome.unknown == ("row-0", "row-1")


def test_an_upsert_that_lost_a_race_is_sent_once_more(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    portal.faults.add([whole(409, "row0@acme.com", times=1)])

    assert send_batch(client_of(portal), "contacts", "upsert", [upsert(0)]).applied.keys() == {"row-0"}


def test_records_are_updated_and_archived_by_id(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    client = client_of(portal)
    made = send_batch(client, "contacts", "upsert", [upsert(n) for n in range(3)]).applied
    ids = [made[f"row-{number}"].record.id for number in range(3)]  # type: ignore[union-attr]

    changes = [RecordInput(each, each, properties={"firstname": "Changed"}) for each in (*ids[:2], "999999")]
    updated = send_batch(client, "contacts", "update", changes)
    archived = send_batch(client, "contacts", "archive", [RecordInput(ids[2], ids[2])])

    assert (updated.applied.keys(), updated.rejected.keys()) == (set(ids[:2]), {"999999"})
    assert archived.applied.keys() == {ids[2]}
    assert firstnames(portal) == ["Changed", "Changed"]


def test_the_quota_in_the_middle_keeps_what_is_known(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    daily = {"policyName": "DAILY", "message": "You have reached your daily limit."}
    portal.faults.add([{"when": {"nth": 2}, "phase": "before", "do": {"status": 429, "body": daily}}])

    outcome = send_batch(client_of(portal), "contacts", "upsert", [upsert(number) for number in range(250)])

    assert len(outcome.applied) == 100
    assert len(outcome.unknown) == 150
    assert isinstance(outcome.error, QuotaError)


def test_two_rows_with_one_trace_id_are_refused_before_sending(portal_factory: Portals, client_of: Clients) -> None:
    with pytest.raises(ValueError, match="trace id"):
        send_batch(client_of(portal_factory(contacts=0)), "contacts", "upsert", [upsert(0), upsert(0, "x@acme.com")])


@pytest.fixture
def linked(portal_factory: Portals) -> tuple[Emulator, list[str], list[str]]:
    """A portal with contacts and companies that are not linked."""
    portal = portal_factory(contacts=0)
    with portal.portal.lock:
        contacts = [str(portal.portal.create_record("0-1", {"firstname": str(n)})) for n in range(30)]
        companies = [str(portal.portal.create_record("0-2", {"name": str(n)})) for n in range(30)]
        portal.portal.commit()
    return portal, contacts, companies


def pairs(client: Client, ids: list[str]) -> set[tuple[str, str]]:
    found = associations.fetch_links(client, "contacts", "companies", ids)
    return {(link.from_id, link.to_id) for links in found for link in links}


def test_links_are_written_read_and_removed(linked: tuple[Emulator, list[str], list[str]], client_of: Clients) -> None:
    portal, contacts, companies = linked
    client = client_of(portal)
    inputs = [LinkInput(*pair, (DEFAULT,)) for pair in zip(contacts, companies, strict=True)]

    written = associations.send_links(client, "contacts", "companies", inputs)
    after_write = pairs(client, contacts)
    removed = associations.send_links_archive(client, "contacts", "companies", inputs[:10])

    assert set(written.applied) == set(inputs)
    assert after_write == {(each.from_id, each.to_id) for each in inputs}
    assert set(removed.applied) == set(inputs[:10])
    assert pairs(client, contacts) == {(each.from_id, each.to_id) for each in inputs[10:]}


def test_a_label_is_removed_and_the_link_stays(
    linked: tuple[Emulator, list[str], list[str]], client_of: Clients
) -> None:
    portal, contacts, companies = linked
    client = client_of(portal)
    label = next(
        each for each in associations.fetch_labels(client, "contacts", "companies") if each.category == "USER_DEFINED"
    )
    pair = LinkInput(contacts[0], companies[0], (label,))
    associations.send_links(client, "contacts", "companies", [pair])
    labelled = [link for links in associations.fetch_links(client, "contacts", "companies", contacts) for link in links]

    outcome = associations.send_labels_archive(client, "contacts", "companies", [pair])

    assert label.label in {link.label for link in labelled}
    assert outcome.applied == (pair,)
    left = [link for links in associations.fetch_links(client, "contacts", "companies", contacts) for link in links]
    assert {link.to_id for link in left} == {companies[0]}
    assert label.label not in {link.label for link in left}


def test_a_pair_that_cannot_be_linked_is_rejected_alone(
    linked: tuple[Emulator, list[str], list[str]], client_of: Clients
) -> None:
    portal, contacts, companies = linked
    client = client_of(portal)
    good = [LinkInput(*pair, (DEFAULT,)) for pair in zip(contacts, companies, strict=True)]
    bad = [LinkInput(contacts[0], "999999", (DEFAULT,)), LinkInput("888888", companies[0], (DEFAULT,))]

    outcome = associations.send_links(client, "contacts", "companies", [*good, *bad])

    assert set(outcome.applied) == set(good)
    assert outcome.rejected.keys() == set(bad)
    assert outcome.unknown == ()


def test_a_refused_pair_is_not_taken_for_the_one_whose_ids_are_its_own_the_other_way_round(
    linked: tuple[Emulator, list[str], list[str]], client_of: Clients
) -> None:
    """Ids are an object's own: a contact and a company may have the same."""
    portal, contacts, companies = linked
    low, high = sorted(set(contacts) & set(companies), key=int)[:2]
    good, bad = LinkInput(high, low, (DEFAULT,)), LinkInput(low, high, (DEFAULT,))
    client = client_of(portal)
    client.send(
        "POST",
        "/crm/objects/{version}/companies/batch/archive",
        body={"inputs": [{"id": high}]},
        type=dict,
        replayable=True,
    )

    outcome = associations.send_links(client, "contacts", "companies", [good, bad])

    assert outcome.applied == (good,)
    assert outcome.rejected.keys() == {bad}


def test_a_link_write_that_did_nothing_is_unknown(
    linked: tuple[Emulator, list[str], list[str]], client_of: Clients
) -> None:
    portal, contacts, companies = linked
    nothing = {"status": "COMPLETE", "results": []}
    portal.faults.add(
        [{"match": {"path": "*/batch/create"}, "phase": "before", "do": {"status": 200, "body": nothing}}]
    )
    pair = LinkInput(contacts[0], companies[0], (DEFAULT,))

    assert associations.send_links(client_of(portal), "contacts", "companies", [pair]).unknown == (pair,)


def test_one_pair_twice_is_refused_before_sending(
    linked: tuple[Emulator, list[str], list[str]], client_of: Clients
) -> None:
    portal, contacts, companies = linked
    pair = LinkInput(contacts[0], companies[0], (DEFAULT,))

    with pytest.raises(ValueError, match="twice"):
        associations.send_links(client_of(portal), "contacts", "companies", [pair, pair])


def test_more_links_of_one_record_than_a_page_holds_stand_in_one_list(
    portal_factory: Portals, client_of: Clients
) -> None:
    portal = portal_factory(contacts=0)
    with portal.portal.lock:
        company = str(portal.portal.create_record("0-2", {"name": "Large"}))
        contacts = [str(portal.portal.create_record("0-1", {"firstname": str(n)})) for n in range(1100)]
        portal.portal.commit()
    client = client_of(portal)
    associations.send_links(
        client, "contacts", "companies", [LinkInput(each, company, (DEFAULT,)) for each in contacts]
    )

    (links,) = associations.fetch_links(client, "companies", "contacts", [company])

    assert {link.to_id for link in links} == set(contacts)
