"""Random histories of links: sources change, others add labels, answers get lost, runs are killed; links converge all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hubferry.errors import HubferryError
from hubferry.hubspot.client import Client
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.clock import VirtualClock
from push_world import World, build_sync, push_in_process

PEOPLE = 5
INVERSE = {"Friend": "Friend", "Colleague": "Colleague", "Manager": "Employee", "Employee": "Manager"}
FIRM_LABEL = "Consultant"
FAULTS: tuple[dict[str, Any], ...] = (
    {"phase": "before", "do": {"status": 502, "body": "<html>"}},
    {"phase": "after", "do": {"kind": "reset"}},
    {"phase": "mid_body", "do": {"kind": "truncate"}},
    {"phase": "before", "do": {"status": 429, "body": {"status": "error", "policyName": "TEN_SECONDLY_ROLLING"}}},
)
KILLS = ("push.intents_committed", "push.batch_answered", "push.links_answered", "push.results_committed")
Pair = tuple[str, str]


class History:
    """A source, a portal, and what must stand between each pair of records: what the source asks for, and what others put there."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.random = world, Random(seed)
        world.add_label("contacts", "contacts", "Colleague")
        self.firms = [world.add_company(name=f"Firm {number}") for number in range(2)]
        self.wanted: dict[int, dict[int, list[str | None]]] = {}
        self.firms_of: dict[int, dict[str, str | None]] = {}
        self.foreign: dict[Pair, set[str]] = {}
        """By the pair of ids in order, as the first reads them."""
        self.ever: set[Pair] = set()
        """Pairs that anybody ever linked."""
        for number in self.random.sample(range(PEOPLE), 2):
            world.add_contact(email=f"p{number}@x.com", contact_number=str(number))

    # --- the source

    def change_source(self) -> None:
        """Draw other links for some rows, and names for all."""
        for number in range(PEOPLE):
            if self.random.random() < 0.6:
                others = [each for each in range(PEOPLE) if each != number]
                self.wanted[number] = {
                    each: self._draw_labels() for each in self.random.sample(others, self.random.randint(0, 3))
                }
            if self.random.random() < 0.4:
                firms = self.random.sample(self.firms, self.random.randint(0, 2))
                self.firms_of[number] = {each: self.random.choice([None, FIRM_LABEL]) for each in firms}
        rows = [
            (number, f"p{number}@x.com", self.random.choice("ABC"), str(number), *self._links(number))
            for number in range(PEOPLE)
        ]
        columns = "id INTEGER, email VARCHAR, firstname VARCHAR, contact_number VARCHAR, others JSON, firms JSON"
        self.world.people(*rows, columns=columns)

    def _draw_labels(self) -> list[str | None]:
        found: list[str | None] = list(self.random.sample(sorted(INVERSE), self.random.randint(0, 2)))
        return found or [None]

    def _links(self, number: int) -> tuple[str, str]:
        others = {str(each): labels for each, labels in self.wanted.get(number, {}).items()}
        return json.dumps(others), json.dumps(self.firms_of.get(number, {}))

    # --- others

    def meddle(self) -> None:
        """Have somebody else add labels to pairs, beside whatever is there."""
        ids = self.ids()
        for one, other in combinations(sorted(ids.values()), 2):
            if self.random.random() < 0.25:
                there = self.labels(one, other)
                label = self.random.choice(sorted(INVERSE))
                if label not in there:
                    self.world.link("contacts", one, "contacts", other, *sorted(there - {None}), label)  # type: ignore[type-var]
                    self.foreign.setdefault((one, other), set()).add(label)
                    self.ever.add((one, other))

    # --- what must be

    def ids(self) -> dict[int, str]:
        found = {each["properties"].get("email"): each["id"] for each in self.world.truth().values()}
        return {number: found[f"p{number}@x.com"] for number in range(PEOPLE) if f"p{number}@x.com" in found}

    def labels(self, one: str, other: str) -> set[str | None]:
        return self.world.labels_between(one, other, to="contacts")

    def check(self) -> None:
        """Each pair has just what the source asks for and others put there; nobody was made twice; nothing is left to do."""
        ids = self.ids()
        assert len(ids) == PEOPLE
        assert len(self.world.truth()) == PEOPLE
        asked: dict[Pair, set[str | None]] = {}
        for number, others in self.wanted.items():
            for other, labels in others.items():
                one, two = ids[number], ids[other]
                turned = labels if one < two else [label and INVERSE[label] for label in labels]
                asked.setdefault((min(one, two), max(one, two)), set()).update(turned)
        for pair in combinations(sorted(ids.values()), 2):
            must, there = asked.get(pair, set()) | self.foreign.get(pair, set()), self.labels(*pair)
            assert there - {None} == must - {None}, (pair, there, must)
            assert not must or None in there, (pair, "not linked")
            assert there == set() or pair in self.ever or pair in asked, (pair, "linked by nobody's wish")
            self.ever |= {pair} if pair in asked else set()
        for number, firms in self.firms_of.items():
            for firm, label in firms.items():
                assert {label, None} <= self.world.labels_between(ids[number], firm, to="companies"), (number, firm)
        before = self.world.writes()
        plan = self.world.plan()
        assert plan.changes == 0, self.world.steps(plan)
        assert self.world.push().exit_code == 0
        assert self.world.writes() == before


def push_until_done(history: History, *, faults: bool, kills: bool) -> None:
    """Push as somebody would who runs it again when it failed."""
    world, random = history.world, history.random
    if kills:
        push_in_process(world, f"{random.choice(KILLS)}:{random.randint(1, 2)}")
    if faults:
        for fault in FAULTS:
            when = {"probability": 0.0125, "seed": random.randint(1, 10**6)}
            world.fault("", fault["do"], when=when, phase=fault["phase"])
    for _ in range(8):
        try:
            if world.push().exit_code == 0:
                break
        except HubferryError:
            world.new_client()
    world.clear_faults()
    assert world.push().exit_code == 0, world.rejected()


@pytest.fixture
def clocked(portal_factory: Any, tmp_path: Path) -> Iterator[World]:
    """A world whose waits cost no time."""
    clock = VirtualClock()
    portal = portal_factory(shared_clock=clock, contacts=0)
    path = tmp_path / "warehouse.duckdb"
    warehouse = DuckDBWarehouse(path)
    client = Client(token=Secret("pat-test"), base_url=portal.base_url, clock=clock)
    links = [
        {"to": "contacts", "column": "others", "by": "contact_number"},
        {"to": "companies", "column": "firms"},
    ]
    fields = {"email": "email", "firstname": "firstname", "contact_number": "contact_number"}
    sync = build_sync(fields=fields, associations=links, guards={"max_links_removed": 1000})
    world = World(portal, client, path, warehouse, StateStore(warehouse, clock), [sync])
    yield world
    world.client.close()


def run_history(world: World, seed: int, *, rounds: int, faults: bool, kills: bool) -> None:
    print(f"seed {seed}")
    history = History(world, seed)
    for _ in range(rounds):
        history.change_source()
        push_until_done(history, faults=faults, kills=kills)
        history.check()
        history.meddle()
        world.advance(120)


@pytest.mark.parametrize("seed", range(2))
def test_links_converge_over_random_histories_and_labels_of_others_stay(clocked: World, seed: int) -> None:
    run_history(clocked, seed, rounds=3, faults=False, kills=False)


def test_links_converge_under_lost_answers_and_faults(clocked: World) -> None:
    run_history(clocked, 100, rounds=2, faults=True, kills=False)


def test_links_converge_over_kills(clocked: World) -> None:
    run_history(clocked, 200, rounds=2, faults=False, kills=True)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_links_converge_over_many_random_histories(clocked: World, seed: int) -> None:
    run_history(clocked, seed, rounds=5, faults=seed % 2 == 0, kills=seed % 5 == 0)
