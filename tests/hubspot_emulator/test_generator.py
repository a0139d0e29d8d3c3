"""What a generated portal holds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator import associations, generator, owners, values
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.portal import Portal
from hubspot_emulator.samples import COMPANY, CONTACT, DEAL, TICKET, Samples
from hubspot_emulator.settings import Settings
from hubspot_emulator.timestamps import parse_ms

TYPES = (CONTACT, COMPANY, DEAL, TICKET)
HALF_AN_HOUR_MS = 1_800_000


@contextmanager
def generated(**options: Any) -> Iterator[Portal]:
    settings = Settings(**options)
    portal = Portal(clock=VirtualClock(), index_lag_seconds=settings.index_lag_seconds)
    generator.generate(portal, settings)
    yield portal
    portal.close()


def snapshot(portal: Portal) -> list[Any]:
    return [
        row | {"associations": associations.links_of(portal, type_id, int(row["id"]))}
        for type_id in TYPES
        for row in portal.truth(type_id)
    ]


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    with generated(contacts=2400) as made:
        yield made


def test_equal_seeds_make_equal_portals_and_others_do_not() -> None:
    with generated(contacts=80) as one, generated(contacts=80) as same, generated(contacts=80, seed=2) as other:
        assert snapshot(one) == snapshot(same)
        assert snapshot(one) != snapshot(other)


@pytest.mark.parametrize("contacts", [0, 1, 2, 3, 8, 9, 30])
def test_portals_of_any_size_can_be_made(contacts: int) -> None:
    with generated(contacts=contacts) as small:
        originals = [row for row in small.truth(CONTACT) if "hs_merged_object_ids" not in row["properties"]]
        assert len(originals) == contacts


def test_companies_and_deals_can_be_left_out() -> None:
    with generated(contacts=40, companies=0, deals=0) as made:
        assert not list(made.truth(COMPANY))
        assert not list(made.truth(DEAL))


def all_types(portal: Portal) -> list[str]:
    return [kind.type_id for kind in portal.types]


def test_every_value_is_of_a_defined_property_and_a_known_option(portal: Portal) -> None:
    for type_id in all_types(portal):
        known = portal.properties(type_id)
        for row in portal.truth(type_id):
            for name, value in row["properties"].items():
                options = known[name].options
                chosen = value.split(";") if known[name].multiple else [value]
                assert not options or known[name].type != "enumeration" or set(chosen) <= set(options), name


def test_every_writable_value_passes_the_validation_of_http_writes(portal: Portal) -> None:
    for type_id in all_types(portal):
        kind, known = portal.types.resolve(type_id), portal.properties(type_id)
        for row in portal.truth(type_id):
            given = {name: value for name, value in row["properties"].items() if not known[name].read_only}
            given.pop("hs_additional_emails", None)  # it has no options: no HTTP write can set it
            stored, problems = values.check(portal, kind, given, None)
            assert problems == []
            assert {name: stored[name] for name in given} == given


def test_values_break_careless_readers(portal: Portal) -> None:
    texts = [value for row in portal.truth(CONTACT) for value in row["properties"].values()]
    names = Counter(name for row in portal.truth(CONTACT) for name in row["properties"])

    for part in ("\n", "\r\n", '"', "\\", ";", "é", "日", "🚢", "'"):
        assert any(part in text for text in texts), part
    assert any(row["properties"].get("zip") == "" for row in portal.truth(CONTACT))
    assert any(len(row["properties"].get("loyalty_score", "")) > 40 for row in portal.truth(CONTACT))
    assert any(row["properties"].get("zip", "").startswith("0") for row in portal.truth(CONTACT))
    assert 0 < names["email"] < sum(1 for _ in portal.truth(CONTACT))


def test_unique_values_are_unique_among_living_records(portal: Portal) -> None:
    live = [row["properties"] for row in portal.truth(CONTACT) if row["state"] == "live"]
    emails = [part for values in live for part in values.get("hs_additional_emails", "").split(";") if part]
    emails += [values["email"] for values in live if "email" in values]
    numbers = [values["contact_number"] for values in live]

    assert len(emails) == len(set(emails))
    assert len(numbers) == len(set(numbers)) == len(live)


def test_dates_are_over_two_years_and_nothing_is_newer_than_half_an_hour(portal: Portal) -> None:
    rows = list(portal.truth(CONTACT))
    created = [parse_ms(row["createdAt"]) for row in rows]
    modified = [parse_ms(row["updatedAt"]) for row in rows]
    archived = [parse_ms(row["archivedAt"]) for row in rows if row["archivedAt"]]
    newest = portal.now_ms() - HALF_AN_HOUR_MS

    assert max(*created, *modified, *archived) <= newest
    assert portal.now_ms() - min(created) > 600 * generator.DAY_MS
    assert all(first <= last for first, last in zip(created, modified, strict=True))
    assert sum(moment > newest - 30 * generator.DAY_MS for moment in modified) > len(rows) / 50
    assert len(set(modified)) > len(rows) / 2


def test_modified_dates_are_those_of_the_property(portal: Portal) -> None:
    for row in portal.truth(CONTACT):
        assert row["properties"]["lastmodifieddate"] == row["updatedAt"]


def test_some_records_are_archived_and_some_merged_one_of_them_twice(portal: Portal) -> None:
    for type_id in (CONTACT, COMPANY):
        rows = {row["id"]: row for row in portal.truth(type_id)}
        states = Counter(row["state"] for row in rows.values())
        assert states["archived"] >= 3
        assert states["merged"] >= 6
        merged = [row for row in rows.values() if row["state"] == "merged"]
        assert any(rows[row["mergedInto"]]["state"] == "merged" for row in merged)
        survivors = [row for row in rows.values() if "hs_merged_object_ids" in row["properties"]]
        assert all(rows[row["mergedInto"]] in survivors for row in merged)


def test_ids_are_sparse(portal: Portal) -> None:
    ids = [int(row["id"]) for row in portal.truth(CONTACT)]

    gaps = [after - before for before, after in itertools.pairwise(ids)]
    assert max(gaps) > 1000
    assert gaps.count(1) > len(gaps) / 10


def test_one_company_has_more_contacts_than_a_page_of_associations(portal: Portal) -> None:
    crowd = Counter(
        link["toId"]
        for row in portal.truth(CONTACT)
        for link in associations.links_of(portal, CONTACT, int(row["id"]))
        if link["toObject"] == "companies" and link["typeId"] == 279
    )

    assert crowd.most_common(1)[0][1] > 500


def test_links_are_of_every_kind(portal: Portal) -> None:
    found = {
        (type_id, link["toObject"], link["category"], link["typeId"] if link["category"] != "USER_DEFINED" else link["label"])
        for type_id in TYPES
        for row in portal.truth(type_id)
        for link in associations.links_of(portal, type_id, int(row["id"]))
    }  # fmt: skip

    built_in = [
        (CONTACT, "companies", 1), (CONTACT, "companies", 279), (COMPANY, "contacts", 2), (COMPANY, "contacts", 280),
        (DEAL, "contacts", 3), (DEAL, "companies", 341), (DEAL, "companies", 5), (TICKET, "contacts", 16),
    ]  # fmt: skip
    assert {(start, end, "HUBSPOT_DEFINED", type_id) for start, end, type_id in built_in} <= found
    labels = [
        (CONTACT, "contacts", "Friend"), (CONTACT, "contacts", "Manager"), (CONTACT, "contacts", "Employee"),
        (CONTACT, "companies", "Decision maker"), (CONTACT, "companies", "Consultant"), (COMPANY, "contacts", "Client"),
        (DEAL, "contacts", "Champion"),
    ]  # fmt: skip
    assert {(start, end, "USER_DEFINED", label) for start, end, label in labels} <= found


def test_a_contact_has_one_primary_company(portal: Portal) -> None:
    for row in portal.truth(CONTACT):
        links = associations.links_of(portal, CONTACT, int(row["id"]))
        assert sum(link["toObject"] == "companies" and link["typeId"] == 1 for link in links) <= 1


def test_no_link_leads_to_a_record_that_is_not_live(portal: Portal) -> None:
    live = {
        (portal.types.resolve(type_id).name, row["id"])
        for type_id in all_types(portal)
        for row in portal.truth(type_id)
        if row["state"] == "live"
    }
    for type_id in all_types(portal):
        for row in portal.truth(type_id):
            for link in associations.links_of(portal, type_id, int(row["id"])):
                assert (link["toObject"], link["toId"]) in live


def test_some_owners_have_left_and_no_record_is_theirs(portal: Portal) -> None:
    rows = list(owners.truth(portal))
    left = {row["id"] for row in rows if row["archived"]}

    assert len(rows) == 25
    assert len(left) == 3
    used = {row["properties"].get("hubspot_owner_id") for row in portal.truth(CONTACT)}
    assert not used & left


def test_a_new_portal_has_no_applied_writes(portal: Portal) -> None:
    assert portal.db.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_change_changes_every_value_it_names(portal: Portal) -> None:
    samples = Samples(portal, owners.live_ids(portal), portal.now_ms())
    rng = generator.Random(1)
    for row in list(portal.truth(CONTACT))[:200]:
        changes = samples.build_change(rng, CONTACT, row["properties"])
        assert 1 <= len(changes) <= 4
        assert all(value != row["properties"].get(name, "") for name, value in changes.items())


def test_a_start_that_is_cut_short_leaves_nothing_and_the_next_one_makes_the_portal(tmp_path: Path) -> None:
    file, settings = str(tmp_path / "portal.db"), Settings(contacts=20)
    cut_short = Portal(clock=VirtualClock(), path=file)
    generator.Generation(cut_short, settings).run()
    cut_short.close()

    again = Portal(clock=VirtualClock(), path=file)
    assert not generator.is_generated(again)
    assert not list(again.truth(CONTACT))
    generator.generate(again, settings)
    with generated(contacts=20) as expected:
        assert snapshot(again) == snapshot(expected)
    again.close()
