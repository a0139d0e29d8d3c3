"""Pairs that the plan saw a while ago are looked at again in full calls, whatever the pages that they are written in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hubferry.push.apply import run_push
from hubferry.push.draft import load_step, store_step
from hubferry.push.link_reading import SentLinks
from hubferry.push.links_ahead import LinksAhead, StepsAhead
from hubferry.push.results import SentStep
from hubferry.push.steps import End, SetLinks, TypeRef
from hubferry.state.ledger import LedgerReader
from hubferry.state.plans import StoredStep
from hubferry.types import Quiet

NOWHERE = 90_000_000
"""Ids from here on are of no record: to read their links costs the portal little."""
FIRMS = 4
UNLABELLED = TypeRef("HUBSPOT_DEFINED", 279)


@pytest.fixture
def ahead(timed_world: Any) -> LinksAhead:
    timed_world.state.migrate()
    return LinksAhead(timed_world.client, LedgerReader(timed_world.warehouse, 1), steps_ahead=5_000)


def stored_links(
    contacts: Sequence[object], firms: Sequence[object] = range(NOWHERE, NOWHERE + FIRMS)
) -> list[StoredStep]:
    """Steps that link every contact with every firm; None is a firm that was not made."""
    steps: list[SetLinks] = []
    for contact in contacts:
        one = End("contacts", str(contact))
        for firm in firms:
            to = End("companies", None, "firms", "x") if firm is None else End("companies", str(firm))
            steps.append(SetLinks(from_=one, to=to, row_key=str(contact), types=(UNLABELLED,), old=(), claims=()))
    return [store_step(number, "people", step) for number, step in enumerate(steps, start=1)]


def reads(world: Any) -> int:
    return int(world.calls("/batch/read"))


def look_at_all(ahead: LinksAhead, stored: Sequence[StoredStep], page: int = 2_000) -> list[set[tuple[str, int]]]:
    """Give what every step's pair has, as it is asked for page by page."""
    steps, found = StepsAhead(iter(stored), page=page), []
    for part in steps:
        ahead.look(part, steps.peek)
        links = [
            SentLinks(SentStep(each.number, each.sync, step), step)
            for each in part
            if isinstance(step := load_step(each), SetLinks) and step.to.record_id
        ]
        current = ahead.types_of(links)
        found += [current[each.sent.number] for each in links]
    return found


def test_each_record_is_read_once_in_calls_of_a_thousand(timed_world: Any, ahead: LinksAhead) -> None:
    """2,500 records in pages of 500: whoever read what five pages need would make two calls of 625 and 625."""
    look_at_all(ahead, stored_links(range(NOWHERE, NOWHERE + 2_500)))

    assert reads(timed_world) == 3


def test_what_stands_on_a_pair_is_known_whenever_it_was_read(timed_world: Any, ahead: LinksAhead) -> None:
    people = [timed_world.add_contact(email=f"p{number}@x.com") for number in range(12)]
    firm = timed_world.add_company(name="Acme")
    for each in people[::2]:
        timed_world.link("contacts", each, "companies", firm)
    ahead.steps_ahead, ahead.records_a_call = 14, 5

    found = look_at_all(ahead, stored_links(people, [firm, NOWHERE]), page=6)

    linked = [bool(number % 2 == 0) for number in range(12)]
    assert [bool(types) for types in found[::2]] == linked
    assert not any(found[1::2])
    assert reads(timed_world) == 3  # of 5, 5 and 2 records


def test_what_was_read_over_a_minute_ago_is_read_again(timed_world: Any, ahead: LinksAhead) -> None:
    contact, firm = timed_world.add_contact(email="a@x.com"), timed_world.add_company(name="Acme")
    stored = stored_links([contact], [NOWHERE, firm])
    steps = StepsAhead(iter(stored), page=1)
    ahead.look(next(steps), steps.peek)
    timed_world.advance(70)
    timed_world.link("contacts", contact, "companies", firm)

    page = next(steps)
    ahead.look(page, steps.peek)

    step = load_step(page[0])
    assert isinstance(step, SetLinks)
    assert ahead.types_of([SentLinks(SentStep(2, "people", step), step)])[2]
    assert reads(timed_world) == 2


def test_links_to_records_that_were_not_made_have_nothing_looked_at_anew(timed_world: Any, ahead: LinksAhead) -> None:
    """They are on every page, and no call shows them."""
    look_at_all(ahead, stored_links(range(NOWHERE, NOWHERE + 30), [NOWHERE, None]), page=10)

    assert reads(timed_world) == 1


def test_a_plan_that_waited_has_its_links_read_again_in_one_call(timed_world: Any, make_sync: Any) -> None:
    world, firm = timed_world, timed_world.add_company(name="Acme")
    ids = [world.add_contact(email=f"p{number}@x.com") for number in range(20)]
    world.people(*((each, each, [firm]) for each in ids), columns="id BIGINT, email VARCHAR, firms VARCHAR[]")
    links = [{"to": "companies", "column": "firms"}]
    world.syncs = [make_sync(mode="update", match="hs_object_id", fields={"hs_object_id": "id"}, associations=links)]
    plan, before = world.plan(), reads(world)
    world.advance(70)

    report = world.apply(plan)

    assert report.links["contacts"].applied == 20
    assert reads(world) - before == 1


def test_what_was_seen_grows_old_also_while_nobody_calls(timed_world: Any, make_sync: Any) -> None:
    """To compare or note very many links takes minutes without a call: a label that came meanwhile is not written over."""
    world, firm = timed_world, timed_world.add_company(name="Acme")
    for label in ("Ours", "Theirs"):
        world.add_label("contacts", "companies", label)
    ids = [world.add_contact(email=f"p{number}@x.com") for number in range(2)]
    common = {"mode": "update", "match": "hs_object_id", "fields": {"hs_object_id": "id"}}
    common |= {"associations": [{"to": "companies", "column": "firms"}]}
    for name, each in zip(("early", "late"), ids, strict=True):
        world.sql(f"CREATE TABLE main.{name} AS SELECT {each} AS id, MAP {{'{firm}': 'Ours'}} AS firms")
    world.syncs = [make_sync(name, source=f"main.{name}", **common) for name in ("early", "late")]
    together = {"client": world.client, "warehouse": world.warehouse, "state": world.state}

    run_push(syncs=world.syncs, progress=_Meanwhile(world, ids[1], firm), **together)

    assert [world.labels_between(each, firm) & {"Ours", "Theirs"} for each in ids] == [{"Ours"}, {"Theirs"}]
    assert "changed in HubSpot after the plan" in world.rejected("late")[0].message


class _Meanwhile(Quiet):
    """When the first sync's links are written, 70 seconds pass, and somebody labels the second's pair."""

    def __init__(self, world: Any, contact: str, firm: str) -> None:
        self.world, self.pair = world, (contact, firm)

    def advance(self, task: str, **more: Any) -> None:
        if task == "links of early":
            self.world.advance(70)
            self.world.link("contacts", self.pair[0], "companies", self.pair[1], "Theirs")
