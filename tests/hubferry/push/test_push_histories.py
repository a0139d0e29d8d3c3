"""Random histories: rows come, change and leave while HubSpot fails; nothing is made twice, nothing is lost, and it settles."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from hubferry.errors import HubferryError

MODES = ("upsert", "create", "mirror", "update")
ROUNDS = 4
WRITES = "/contacts/batch/*"


def seeds(quick: int, all_: int) -> list[Any]:
    return [pytest.param(seed, marks=pytest.mark.heavy if seed >= quick else ()) for seed in range(all_)]


class History:
    """One sync, one table, one portal, and somebody else who changes records."""

    def __init__(self, world: Any, make_sync: Any, seed: int) -> None:
        print(f"seed {seed}")
        self.world, self.random = world, random.Random(seed)
        self.mode = MODES[seed % len(MODES)]
        guards = {"max_archives": 1_000, "empty_source": "allow"}
        world.syncs = [make_sync(mode=self.mode, guards=guards, on_archived="skip")]
        self.rows: dict[int, tuple[str, str]] = {}
        self.theirs = {f"p{number}@x.com" for number in range(0, 30, 4)}
        for email in sorted(self.theirs):
            world.add_contact(email=email, firstname="Theirs")

    def play(self) -> None:
        for _ in range(ROUNDS):
            self._change_rows()
            self._break()
            with suppress(HubferryError):
                self.world.push(full=self.random.random() < 0.3)
            self.world.clear_faults()

    def _change_rows(self) -> None:
        for number in self.random.sample(range(30), 15):
            if self.mode == "mirror" and number in self.rows and self.random.random() < 0.3:
                del self.rows[number]
            elif self.mode != "mirror" or number not in self.rows or self.random.random() < 0.5:
                self.rows[number] = (f"p{number}@x.com", f"N{self.random.randrange(1000)}")
        self.world.people(*((number, *row) for number, row in sorted(self.rows.items())))

    def _break(self) -> None:
        seed = self.random.randrange(10_000)
        for phase, do in (
            ("before", {"kind": "reset"}),
            ("after", {"kind": "reset"}),
            ("before", {"status": 502, "body": {}}),
            ("after", {"status": 504, "body": {}}),
        ):
            when = {"probability": 0.1, "seed": seed}
            self.world.fault(WRITES, do, when=when, phase=phase)
        if self.random.random() < 0.3:
            self.world.lose_answers(f"/batch/{self.random.choice(['upsert', 'create', 'update', 'archive'])}")

    def assert_settled(self) -> None:
        self.world.push()
        report = self.world.push()
        assert report.exit_code == 0, self.world.rejected()
        made = Counter(each["id"] for each in self.world.creates())
        assert set(made.values()) <= {1}
        found = [each for each in self.world.truth().values() if each["state"] == "live"]
        by_email = Counter(each["properties"]["email"] for each in found)
        assert set(by_email.values()) <= {1}
        names = {each["properties"]["email"]: each["properties"]["firstname"] for each in found}
        for email, name in self.rows.values():
            self._assert_row(names, email, name)
        if self.mode == "mirror":
            assert set(names) == {email for email, _ in self.rows.values()} | self.theirs
        before = self.world.writes()
        assert self.world.plan().changes == 0
        self.world.push(full=True)
        assert self.world.writes() == before

    def _assert_row(self, names: dict[str, str], email: str, name: str) -> None:
        if self.mode == "update":
            assert names.get(email) == (name if email in self.theirs else None)
        elif self.mode == "create":
            assert email in names
            assert (names[email] == "Theirs") == (email in self.theirs)
        else:
            assert names[email] == name


@pytest.mark.parametrize("seed", seeds(5, 80))
def test_a_history_of_changes_and_faults_settles_without_duplicates_or_losses(
    timed_world: Any, make_sync: Any, seed: int
) -> None:
    history = History(timed_world, make_sync, seed)

    history.play()

    history.assert_settled()
