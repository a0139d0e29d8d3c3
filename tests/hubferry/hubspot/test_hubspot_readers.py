"""The readers: every record, whatever changes or fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from hubferry.errors import RefusedError, UnexpectedAnswerError
from hubferry.hubspot import properties
from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.hubspot.readers.changes import Changes
from hubferry.hubspot.readers.pages import fetch_pages
from hubferry.hubspot.readers.ranges import IdRange
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import RecordShape
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.mutate import Mutation, mutate
from hubspot_emulator.server import Emulator

CONTACT = "0-1"
SHAPE = RecordShape(("email", "firstname", "hs_object_id"))
START = datetime(2000, 1, 1, tzinfo=UTC)
Portals = Callable[..., Emulator]
Clients = Callable[..., Client]


def truth(portal: Emulator, state: str = "live") -> dict[str, str | None]:
    with portal.portal.lock:
        rows = list(portal.portal.truth(CONTACT))
    return {row["id"]: row["properties"].get("email") for row in rows if row["state"] == state}


def scanned(scan: Scan) -> dict[str, str | None]:
    return {record.id: SHAPE.value(record, "email") for page in scan.pages() for record in page.records}


def changed(client: Client, portal: Emulator, since: datetime = START) -> Changes:
    return Changes(client, "contacts", SHAPE, cursor_property="lastmodifieddate", since=since, until=client.now())


def read(changes: Changes) -> dict[str, str | None]:
    return {record.id: SHAPE.value(record, "email") for page in changes.pages() for record in page}


def edit(portal: Emulator, ids: list[str], firstname: str = "Edited") -> None:
    with portal.portal.lock:
        for each in ids:
            portal.portal.update_record(CONTACT, int(each), {"firstname": firstname})
        portal.portal.commit()


@pytest.fixture
def portal(portal_factory: Portals) -> Emulator:
    return portal_factory(contacts=3000, companies=0, deals=0, activity=False)


def test_a_scan_reads_every_live_record_in_few_more_calls_than_pages(portal: Emulator, client_of: Clients) -> None:
    client = client_of(portal)

    assert scanned(Scan(client, "contacts", SHAPE)) == truth(portal)
    assert client.usage.counted <= 1.3 * len(truth(portal)) / 100


def test_a_scan_of_nothing_gives_one_empty_page(portal_factory: Portals, client_of: Clients) -> None:
    client = client_of(portal_factory(contacts=0))

    assert [(page.records, page.remaining) for page in Scan(client, "contacts", SHAPE).pages()] == [([], ())]


def test_a_scan_of_the_archived_reads_these_only(portal: Emulator, client_of: Clients) -> None:
    mutate(portal.portal, Mutation(object="contacts", archives=250))

    assert scanned(Scan(client_of(portal), "contacts", SHAPE, archived=True)) == truth(portal, "archived")


@pytest.mark.parametrize("kept", [1, 5, 17])
def test_a_scan_killed_after_any_page_resumes_without_a_gap(portal: Emulator, client_of: Clients, kept: int) -> None:
    client = client_of(portal)
    pages = Scan(client, "contacts", SHAPE).pages()
    found: dict[str, str | None] = {}
    remaining: tuple[IdRange, ...] = ()
    for _ in range(kept):
        page = next(pages)
        found |= {record.id: SHAPE.value(record, "email") for record in page.records}
        remaining = msgspec.json.decode(msgspec.json.encode(page.remaining), type=tuple[IdRange, ...])
    pages.close()

    found |= scanned(Scan(client, "contacts", SHAPE, remaining=remaining))

    assert found == truth(portal)


def test_a_finished_scan_has_nothing_to_resume(portal: Emulator, client_of: Clients) -> None:
    client = client_of(portal)

    assert list(Scan(client, "contacts", SHAPE).pages())[-1].remaining == ()
    assert list(Scan(client, "contacts", SHAPE, remaining=()).pages()) == []


def test_clustered_and_sparse_ids_are_split_evenly_enough(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    with portal.portal.lock:
        table = portal.portal.table(CONTACT).name
        portal.portal.load_records(CONTACT, [({"firstname": "x"}, 1_700_000_000_000, 1_700_000_000_000)] * 2400)
        portal.portal.db.execute(f"UPDATE {table} SET id = id * 7000003 WHERE id % 2 = 0")
        portal.portal.commit()
        expected = {each for (each,) in portal.portal.db.execute(f"SELECT id FROM {table}")}
    client = client_of(portal)

    found = [int(record.id) for page in Scan(client, "contacts", SHAPE).pages() for record in page.records]

    assert set(found) == expected
    assert client.usage.counted <= 50


def test_a_scan_with_faults_on_every_fifth_call_is_complete(portal: Emulator, client_of: Clients) -> None:
    client = client_of(portal)
    kinds: list[dict[str, Any]] = [{"kind": "html"}, {"kind": "reset"}, {"status": 429}]
    portal.faults.add(
        [{"when": {"every": 5 + 2 * number}, "phase": "before", "do": do} for number, do in enumerate(kinds)]
    )
    portal.faults.add([{"when": {"every": 13}, "phase": "mid_body", "do": {"kind": "truncate"}}])

    assert scanned(Scan(client, "contacts", SHAPE)) == truth(portal)
    assert client.usage.retries > 5


def test_an_error_ends_a_scan_and_its_threads(portal: Emulator, client_of: Clients) -> None:
    portal.faults.add(
        [
            {
                "match": {"method": "GET"},
                "when": {"nth": 4},
                "phase": "before",
                "do": {"status": 400, "body": {"message": "no"}},
            }
        ]
    )

    with pytest.raises(RefusedError):
        scanned(Scan(client_of(portal), "contacts", SHAPE))


def test_a_list_that_is_not_keyed_by_id_is_read_in_one_range(portal: Emulator, client_of: Clients) -> None:
    swapped = {
        "results": [{"id": "9", "properties": {}}, {"id": "8", "properties": {}}],
        "paging": {"next": {"after": "10"}},
    }
    rule = {"match": {"method": "GET"}, "when": {"nth": 3}, "phase": "before", "do": {"status": 200, "body": swapped}}
    portal.faults.add([rule])
    scan = Scan(client_of(portal), "contacts", SHAPE)

    found = scanned(scan)

    assert scan.in_one_range
    assert truth(portal).items() <= found.items()


@pytest.mark.parametrize("results", [[], [{"id": "5", "properties": {}}]])
def test_a_list_whose_next_page_is_always_the_same_ends_with_an_error(
    portal: Emulator, client_of: Clients, results: list[Any]
) -> None:
    page = {"results": results, "paging": {"next": {"after": "5"}}}
    portal.faults.add([{"match": {"method": "GET"}, "phase": "before", "do": {"status": 200, "body": page}}])

    with pytest.raises(UnexpectedAnswerError, match="never ends"):
        scanned(Scan(client_of(portal), "contacts", SHAPE))


def test_a_wide_scan_takes_all_values_of_a_record_from_one_answer(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=250, companies=0, deals=0)
    shape = RecordShape(("email", *(f"property_with_a_long_name_{number}" for number in range(450))))
    client = client_of(portal)

    found = {
        record.id: shape.value(record, "email")
        for page in Scan(client, "contacts", shape).pages()
        for record in page.records
    }

    assert found == truth(portal)
    assert client.usage.counted <= 2 * 4


def test_the_next_link_of_hubspot_is_never_followed(portal: Emulator, client_of: Clients) -> None:
    page = {"results": [], "paging": {"next": {"after": "0", "link": "http://169.254.169.254/latest"}}}
    rule = {"match": {"method": "GET"}, "when": {"nth": 1}, "phase": "before", "do": {"status": 200, "body": page}}
    portal.faults.add([rule])

    assert scanned(Scan(client_of(portal), "contacts", SHAPE)) == truth(portal)


def test_changes_reads_what_was_modified_and_nothing_else(portal: Emulator, client_of: Clients) -> None:
    client = client_of(portal)
    portal.clock.sleep(600)
    since = client_of(portal).now()
    portal.clock.sleep(60)
    edited = sorted(truth(portal))[:450]
    edit(portal, edited)
    client.now()

    changes = changed(client, portal, since)
    total = changes.total
    found = read(changes)

    assert total == 450
    assert sorted(found) == edited
    assert client.usage.searches <= 4


def test_eleven_thousand_ties_are_read_in_sixty_calls(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    moment = 1_700_000_000_000
    with portal.portal.lock:
        rows = portal.portal.load_records(CONTACT, [({"firstname": "x"}, moment, moment)] * 11_000)
        portal.portal.commit()
    client = client_of(portal)

    assert {int(each) for each in read(changed(client, portal))} == set(rows)
    assert client.usage.searches <= 60
    assert portal.log.summary()["max_searches_in_1s"] <= 5


def test_records_edited_between_the_pages_are_found_by_this_read_or_the_next(
    portal: Emulator, client_of: Clients
) -> None:
    client = client_of(portal)
    since = client.now() - timedelta(days=3650)
    changes = changed(client, portal, since)
    until = client.now()
    victims = iter(sorted(truth(portal), key=int, reverse=True))
    found: dict[str, str | None] = {}

    for page in changes.pages():
        found |= {record.id: SHAPE.value(record, "firstname") for record in page}
        portal.clock.sleep(2)
        edit(portal, [next(victims) for _ in range(5)])
    client_of(portal).now()
    portal.clock.sleep(5)
    client.fetch("/account-info/{version}/details", type=dict)
    again = changed(client, portal, until)
    found |= {record.id: SHAPE.value(record, "firstname") for page in again.pages() for record in page}

    with portal.portal.lock:
        expected = {
            row["id"]: row["properties"].get("firstname")
            for row in portal.portal.truth(CONTACT)
            if row["state"] == "live"
        }
    assert found == expected


def test_short_search_pages_lose_nothing(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=2000, companies=0, deals=0, activity=False, knobs=Knobs(search_short_page_every=3))

    assert read(changed(client_of(portal), portal)) == truth(portal)


def test_an_empty_page_with_a_next_one_is_not_the_last(portal: Emulator, client_of: Clients) -> None:
    client = client_of(portal)
    empty = {"total": 3000, "results": [], "paging": {"next": {"after": "0"}}}
    portal.faults.add(
        [
            {
                "match": {"path": "*/search"},
                "when": {"nth": [1, 4]},
                "phase": "before",
                "do": {"status": 200, "body": empty},
            }
        ]
    )

    assert read(changed(client, portal)) == truth(portal)


def test_a_search_whose_next_page_is_always_the_same_ends_with_an_error(portal: Emulator, client_of: Clients) -> None:
    client = client_of(portal)
    empty = {"total": 3000, "results": [], "paging": {"next": {"after": "200"}}}
    portal.faults.add([{"match": {"path": "*/search"}, "phase": "before", "do": {"status": 200, "body": empty}}])

    with pytest.raises(UnexpectedAnswerError, match="never ends"):
        read(changed(client, portal))


def test_a_page_out_of_order_is_read_again_by_time(portal: Emulator, client_of: Clients) -> None:
    client = client_of(portal)
    records = [{"id": each, "properties": {}} for each in ("7", "5")]
    page = {"total": 3000, "results": records, "paging": {"next": {"after": "200"}}}
    portal.faults.add(
        [{"match": {"path": "*/search"}, "when": {"nth": 2}, "phase": "before", "do": {"status": 200, "body": page}}]
    )
    changes = changed(client, portal)

    assert read(changes) == truth(portal)
    assert changes.disordered == 1


def test_a_change_read_begins_after_the_epoch(portal: Emulator, client_of: Clients) -> None:
    changes = Changes(
        client_of(portal), "contacts", SHAPE, cursor_property="lastmodifieddate",
        since=datetime.fromtimestamp(0, UTC), until=client_of(portal).now(),
    )  # fmt: skip

    assert changes.total == len(truth(portal))


def test_a_batch_read_tells_found_from_missing(portal: Emulator, client_of: Clients) -> None:
    client = client_of(portal)
    asked = [*sorted(truth(portal))[:250], "999999999", "abc"]

    result = fetch_by_ids(client, "contacts", [*asked, asked[0]], SHAPE)

    assert {key: record.id for key, record in result.found.items()} == {each: each for each in asked[:250]}
    assert sorted(result.missing) == ["999999999", "abc"]
    assert client.usage.counted == 3


def test_a_merged_id_comes_back_under_its_survivor(portal: Emulator, client_of: Clients) -> None:
    done = mutate(portal.portal, Mutation(object="contacts", merges=3))["merges"]["contacts"]
    asked = [each[side] for each in done for side in ("primary", "merged")]

    result = fetch_by_ids(client_of(portal), "contacts", asked, ["email"])

    assert {key: record.id for key, record in result.found.items()} == {
        each[side]: each["survivor"] for each in done for side in ("primary", "merged")
    }


def test_a_read_by_value_finds_any_case_and_secondary_addresses(portal_factory: Portals, client_of: Clients) -> None:
    portal = portal_factory(contacts=0)
    with portal.portal.lock:
        values = {"email": "first@acme.com", "hs_additional_emails": "second@acme.com;third@acme.com"}
        made = str(portal.portal.create_record(CONTACT, values))
        portal.portal.commit()
    asked = ["First@ACME.com", "second@acme.com", "third@acme.com", "nobody@acme.com"]

    result = fetch_by_ids(client_of(portal), "contacts", asked, ["firstname"], id_property="email")

    assert {key: record.id for key, record in result.found.items()} == dict.fromkeys(asked[:3], made)
    assert result.missing == ("nobody@acme.com",)


def test_a_read_of_archived_records_asks_for_these(portal: Emulator, client_of: Clients) -> None:
    gone = mutate(portal.portal, Mutation(object="contacts", archives=2))["archives"]["contacts"]
    client = client_of(portal)

    assert sorted(fetch_by_ids(client, "contacts", gone, SHAPE).missing) == sorted(gone)
    assert sorted(fetch_by_ids(client, "contacts", gone, SHAPE, archived=True).found) == sorted(gone)


def test_a_record_neither_returned_nor_denied_is_not_taken_for_missing(portal: Emulator, client_of: Clients) -> None:
    silent = {"status": "COMPLETE", "results": []}
    portal.faults.add([{"match": {"path": "*/batch/read"}, "phase": "before", "do": {"status": 200, "body": silent}}])

    with pytest.raises(UnexpectedAnswerError):
        fetch_by_ids(client_of(portal), "contacts", ["1"], SHAPE)


def test_a_record_that_could_not_be_read_is_not_taken_for_missing(portal: Emulator, client_of: Clients) -> None:
    broken = {"category": "INTERNAL_ERROR", "message": "later", "context": {"ids": ["7"]}}
    answer = {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [broken]}
    rule = {"match": {"path": "*/batch/read"}, "phase": "before", "do": {"status": 207, "body": answer}}
    portal.faults.add([rule])

    with pytest.raises(UnexpectedAnswerError):
        fetch_by_ids(client_of(portal), "contacts", ["7"], SHAPE)


def test_a_batch_refused_for_one_missing_record_says_nothing_of_the_others(
    portal: Emulator, client_of: Clients
) -> None:
    asked = [*sorted(truth(portal))[:3], "999999999"]
    body = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Object not found"}
    rule = {"match": {"path": "*/batch/read"}, "when": {"nth": 1}, "do": {"status": 404, "body": body}}
    portal.faults.add([rule])

    result = fetch_by_ids(client_of(portal), "contacts", asked, SHAPE)

    assert (sorted(result.found), result.missing) == (asked[:3], ("999999999",))


def owners(client: Client) -> Iterator[list[Any]]:
    return fetch_pages(client, "/crm/owners/{version}", params=[("limit", "2")])


def test_pages_are_followed_to_the_end(portal: Emulator, client_of: Clients) -> None:
    found = [[each["id"] for each in page] for page in owners(client_of(portal))]

    assert len(found) > 1
    assert len({each for page in found for each in page}) == sum(len(page) for page in found)


def test_a_list_that_never_ends_is_an_error(portal: Emulator, client_of: Clients) -> None:
    page = {"results": [{"id": "1"}], "paging": {"next": {"after": "1"}}}
    portal.faults.add([{"match": {"path": "*owners*"}, "phase": "before", "do": {"status": 200, "body": page}}])

    with pytest.raises(UnexpectedAnswerError, match="never ends"):
        list(owners(client_of(portal)))


def test_property_definitions_say_what_may_be_written(portal: Emulator, client_of: Clients) -> None:
    found = {each.name: each for each in properties.fetch_properties(client_of(portal), "contacts")}

    assert found["hs_object_id"].read_only
    assert not found["email"].read_only
    assert "customer" in {option.value for option in found["lifecyclestage"].options}
    assert found["num_associated_deals"].calculated
