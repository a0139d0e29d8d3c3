"""Random tables and portals: after a push, planning again finds nothing to do, however odd the values (point of a sync)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hubferry.clock import SystemClock
from hubferry.hubspot.client import Client
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings
from owner import owner_of
from push_world import World

PROPERTIES: dict[str, dict[str, Any]] = {
    "t_text": {},
    "t_area": {"fieldType": "textarea"},
    "t_number": {"type": "number", "fieldType": "number"},
    "t_flag": {
        "type": "bool",
        "fieldType": "booleancheckbox",
        "options": [{"label": each, "value": each, "displayOrder": 0} for each in ("true", "false")],
    },
    "t_day": {"type": "date", "fieldType": "date"},
    "t_moment": {"type": "datetime", "fieldType": "date"},
    "t_one": {"type": "enumeration", "fieldType": "select"},
    "t_many": {"type": "enumeration", "fieldType": "checkbox"},
}
OPTIONS = [{"label": f"Option {each}", "value": each, "displayOrder": 0} for each in "abc"]
TEXTS = ("", " ", "Ann", " Ann ", "ÄÖ ß 漢字 🙂", "line\nbreak\ttab", "'\"\\;,", "<b>&amp;", "NULL", "0", "x" * 500)
Maker = Callable[[random.Random], object]
SOURCES: dict[str, tuple[str, Maker]] = {
    "t_text": ("VARCHAR", lambda r: r.choice(TEXTS)),
    "t_area": ("VARCHAR", lambda r: "".join(r.choices("ab c\n\u00a0é", k=r.randrange(20)))),
    "t_number": (
        "DOUBLE",
        lambda r: r.choice((0.0, -0.0, 1e15, 1e-7, 0.1 + 0.2, float(r.randrange(-99, 99)), 12345678.9)),
    ),
    "t_flag": ("BOOLEAN", lambda r: r.random() < 0.5),
    "t_day": ("DATE", lambda r: date(1970, 1, 1) + timedelta(days=r.randrange(-5_000, 30_000))),
    "t_moment": (
        "TIMESTAMPTZ",
        lambda r: datetime(2026, 3, 29, tzinfo=UTC) + timedelta(microseconds=r.randrange(10**12)),
    ),
    "t_one": ("VARCHAR", lambda r: r.choice(("a", "Option b", "c"))),
    "t_many": ("VARCHAR", lambda r: ";".join(r.sample(["a", "b", "Option c"], r.randrange(1, 4)))),
}


def seeds(quick: int, all_: int) -> list[Any]:
    return [pytest.param(seed, marks=pytest.mark.heavy if seed >= quick else ()) for seed in range(all_)]


@pytest.fixture(scope="module")
def property_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One portal with a property of every type, and one warehouse; each case has a sync and e-mail addresses of its own."""
    path = tmp_path_factory.mktemp("settles") / "warehouse.duckdb"
    with (
        Emulator(Settings(contacts=0, companies=0, deals=0, limits=False)) as portal,
        Client(token=Secret("pat-test"), base_url=portal.base_url) as client,
    ):
        warehouse = DuckDBWarehouse(path)
        world = World(portal, client, path, warehouse, StateStore(warehouse, SystemClock()))
        for name, more in PROPERTIES.items():
            world.add_property(name, **({"options": OPTIONS} if more.get("type") == "enumeration" else {}) | more)
        with warehouse.busy():
            yield world


class Case:
    """One sync of one seed."""

    def __init__(self, world: Any, make_sync: Any, seed: int) -> None:
        print(f"seed {seed}")
        self.world, self.random, self.seed = world, random.Random(seed), seed
        self.names = self.random.sample(sorted(SOURCES), 5)
        mode = self.random.choice(("upsert", "upsert", "mirror", "update", "create"))
        fields: dict[str, Any] = {"email": "email"} | {name: self._field(name) for name in self.names}
        guards = {"max_archives": 1_000, "empty_source": "allow"}
        world.syncs = [make_sync(f"case{seed}", source=f"main.case{seed}", mode=mode, fields=fields, guards=guards)]
        for number in range(0, 20, 3):
            world.add_contact(email=self._email(number), **self._theirs())

    def _field(self, name: str) -> dict[str, Any]:
        block: dict[str, Any] = {"column": name, "on_null": self.random.choice(("ignore", "clear"))}
        if name == "t_many":
            block["multi"] = self.random.choice(("replace", "append", "remove"))
        block["policy"] = self.random.choice(("warehouse_wins", "warehouse_wins", "fill_only", "hubspot_wins"))
        return block

    def _email(self, number: int) -> str:
        return f"case{self.seed}p{number}@x.com"

    def _theirs(self) -> dict[str, str]:
        held = {
            "t_text": "Theirs",
            "t_number": "7",
            "t_flag": "true",
            "t_day": "2026-02-03",
            "t_one": "a",
            "t_many": "a;c",
        }
        return {name: held[name] for name in self.random.sample(sorted(held), 3)}

    def fill(self) -> None:
        """Give the source some rows, the e-mail addresses in some spelling."""
        columns = ", ".join(f"{name} {SOURCES[name][0]}" for name in self.names)
        with owner_of(self.world.path) as connection:
            connection.execute(f"CREATE OR REPLACE TABLE main.case{self.seed} (id INTEGER, email VARCHAR, {columns})")
            for number in self.random.sample(range(20), 14):
                email = self.random.choice((str, str.upper, lambda text: f" {text} "))(self._email(number))
                values = [None if self.random.random() < 0.2 else SOURCES[name][1](self.random) for name in self.names]
                marks = ", ".join("?" * (2 + len(values)))
                connection.execute(f"INSERT INTO main.case{self.seed} VALUES ({marks})", [number, email, *values])


@pytest.mark.parametrize("seed", seeds(3, 60))
def test_after_a_push_there_is_nothing_to_plan(property_world: Any, make_sync: Any, seed: int) -> None:
    case = Case(property_world, make_sync, seed)
    for _ in range(2):
        case.fill()

        report = property_world.push()
        again = property_world.plan()
        writes = property_world.writes()
        property_world.push(full=True)

        counts = again.counts[f"case{seed}"]
        assert report.exit_code == 0, property_world.rejected(f"case{seed}")
        assert again.changes == 0, [each.step for each in property_world.steps(again)][:5]
        assert counts.rows == counts.unchanged + counts.held
        assert property_world.writes() == writes
