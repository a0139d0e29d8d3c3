"""Mutations: the number asked for, by the portal's rules, repeatable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hubspot_emulator import generator
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.mutate import Mutation, MutationError, mutate
from hubspot_emulator.portal import Portal
from hubspot_emulator.settings import Settings

NAMES = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}


def build_portal() -> Portal:
    portal = Portal(clock=VirtualClock())
    generator.generate(portal, Settings(contacts=100))
    return portal


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = build_portal()
    yield made
    made.close()


def rows(portal: Portal, name: str) -> dict[str, Any]:
    return {row["id"]: row for row in portal.truth(portal.types.resolve(name).type_id)}


def counts(done: dict[str, Any], kind: str) -> dict[str, int]:
    return {name: len(ids) for name, ids in done[kind].items()}


def events(portal: Portal) -> list[tuple[str, int]]:
    return list(portal.db.execute("SELECT what, record_id FROM events ORDER BY seq"))


def test_changes_go_mostly_to_contacts(portal: Portal) -> None:
    done = mutate(portal, Mutation(creates=10, edits=20, archives=5, merges=5, associations=9))

    assert counts(done, "creates") == {"contacts": 6, "companies": 2, "deals": 2}
    assert counts(done, "edits") == {"contacts": 12, "companies": 4, "deals": 4}
    assert sum(counts(done, "archives").values()) == 5
    assert sum(counts(done, "merges").values()) == 5
    assert sum(counts(done, "associations").values()) == 9


@pytest.mark.parametrize("name", NAMES)
def test_one_object_can_be_named(portal: Portal, name: str) -> None:
    done = mutate(portal, Mutation(object=name, creates=2, edits=5, archives=2, merges=1))

    assert {kind: counts(done, kind) for kind in ("creates", "edits", "archives", "merges")} == {
        "creates": {name: 2},
        "edits": {name: 5},
        "archives": {name: 2},
        "merges": {name: 1},
    }


def test_what_is_told_is_what_happened(portal: Portal) -> None:
    before = rows(portal, "contacts")

    done = mutate(portal, Mutation(object="contacts", creates=3, edits=10, archives=4, merges=2))

    after = rows(portal, "contacts")
    assert all(after[record]["state"] == "archived" for record in done["archives"]["contacts"])
    assert all(before[record]["properties"] != after[record]["properties"] for record in done["edits"]["contacts"])
    for merge in done["merges"]["contacts"]:
        assert {after[merge["primary"]]["mergedInto"], after[merge["merged"]]["mergedInto"]} == {merge["survivor"]}
    survivors = {merge["survivor"] for merge in done["merges"]["contacts"]}
    assert set(after) - set(before) == {*done["creates"]["contacts"], *survivors}


def test_nothing_else_changes(portal: Portal) -> None:
    before = rows(portal, "contacts")

    done = mutate(portal, Mutation(object="contacts", edits=10))

    after = rows(portal, "contacts")
    assert {record for record in after if after[record] != before[record]} == set(done["edits"]["contacts"])


def test_edited_records_are_modified_now(portal: Portal) -> None:
    done = mutate(portal, Mutation(object="contacts", edits=5))

    after = rows(portal, "contacts")
    assert {after[record]["updatedAt"] for record in done["edits"]["contacts"]} == {"2026-11-23T08:00:00Z"}


def test_every_change_is_an_event(portal: Portal) -> None:
    done = mutate(portal, Mutation(object="contacts", creates=1, edits=2, archives=1))

    assert sorted(events(portal)) == sorted(
        [
            *(("create", int(record)) for record in done["creates"]["contacts"]),
            *(("update", int(record)) for record in done["edits"]["contacts"]),
            *(("archive", int(record)) for record in done["archives"]["contacts"]),
        ]
    )


def test_the_same_seed_changes_equal_portals_equally_and_another_differently() -> None:
    everything = {"creates": 4, "edits": 8, "archives": 2, "merges": 2, "associations": 12}
    portals = [build_portal() for _ in range(3)]

    told = [mutate(portal, Mutation(seed=seed, **everything)) for portal, seed in zip(portals, (1, 1, 2), strict=True)]

    assert told[0] == told[1] != told[2]
    truths = [[rows(portal, name) for name in NAMES] for portal in portals]
    assert truths[0] == truths[1] != truths[2]
    for portal in portals:
        portal.close()


def test_the_same_seed_twice_creates_other_records(portal: Portal) -> None:
    first = mutate(portal, Mutation(creates=20))
    second = mutate(portal, Mutation(creates=20))

    assert not set(first["creates"]["contacts"]) & set(second["creates"]["contacts"])
    emails = [row["properties"]["email"] for row in rows(portal, "contacts").values() if "email" in row["properties"]]
    live = [row for row in rows(portal, "contacts").values() if row["state"] == "live"]
    assert len({row["properties"]["contact_number"] for row in live}) == len(live)
    assert emails


def test_associations_are_linked_labelled_and_unlinked(portal: Portal) -> None:
    done = mutate(portal, Mutation(associations=24))

    actions = {change["action"] for changes in done["associations"].values() for change in changes}
    assert actions == {"linked", "labelled", "unlinked"}


def test_too_few_records_change_nothing(portal: Portal) -> None:
    before = rows(portal, "contacts")

    with pytest.raises(MutationError, match=r"contacts: 5000 live records are needed, the portal has \d+"):
        mutate(portal, Mutation(object="contacts", creates=1, edits=5000))

    assert rows(portal, "contacts") == before
    assert events(portal) == []


def test_a_refusal_after_changes_takes_them_back(portal: Portal) -> None:
    before = rows(portal, "contacts")

    with pytest.raises(MutationError, match="companies: "):
        mutate(portal, Mutation(edits=150))

    assert rows(portal, "contacts") == before


def test_records_of_every_object_are_made_changed_and_archived(portal: Portal) -> None:
    for kind in portal.types:  # in one portal, since making one takes longer than this
        before = {row_id for row_id, row in rows(portal, kind.name).items() if row["state"] == "live"}

        done = mutate(portal, Mutation(object=kind.name, creates=2, edits=1, archives=1))

        after = rows(portal, kind.name)
        live = {row_id for row_id, row in after.items() if row["state"] == "live"}
        assert set(done["creates"][kind.name]) == live - before
        assert after[done["archives"][kind.name][0]]["state"] == "archived"
        sql = "SELECT count(*) FROM events WHERE what = 'update' AND type_id = ?"
        assert portal.db.execute(sql, (kind.type_id,)).fetchone() == (1,)
        made = after[done["creates"][kind.name][0]]["properties"]
        assert all(made.get(each) for each in kind.required)


def test_tickets_are_linked_to_what_they_may_be_linked_to(portal: Portal) -> None:
    done = mutate(portal, Mutation(object="tickets", associations=6))

    assert {change["from"] for change in done["associations"]["tickets"]} == {"tickets"}


def test_contacts_are_erased_and_nothing_else_is(portal: Portal) -> None:
    done = mutate(portal, Mutation(erases=2))

    assert [rows(portal, "contacts")[each]["state"] for each in done["erases"]["contacts"]] == ["gone", "gone"]
    with pytest.raises(MutationError, match="only contacts can be erased"):
        mutate(portal, Mutation(object="deals", erases=1))
    with pytest.raises(MutationError, match="notes cannot be merged"):
        mutate(portal, Mutation(object="notes", merges=1))
