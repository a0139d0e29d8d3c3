"""What changed in a source is found where the rows are: on every engine only rows that differ leave the warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engines import ENGINES, keep_leases_still
from hubferry.config.model import Sync, SyncBlock
from hubferry.hubspot.client import Client
from hubferry.push.apply import run_push
from hubferry.state.store import StateStore
from hubferry.types import Column, Secret, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Warehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator
from truth import call_control

ROWS = 60
PEOPLE = Table(
    "analytics",
    "people",
    (
        Column("id", "integer"),
        Column("email", "string"),
        Column("name", "string"),
        Column("revenue", "double"),
        Column("seen", "timestamp"),
        Column("companies", "json"),
    ),
    ("id",),
)
SYNC = Sync(
    name="people",
    file="syncs/people.yml",
    block=SyncBlock.model_validate(
        {
            "source": "analytics.people",
            "key": "id",
            "object": "contacts",
            "match": "email",
            "fields": {"email": "email", "firstname": "name", "annualrevenue": "revenue"},
            "associations": [{"to": "companies", "column": "companies"}],
        }
    ),
)


class Counting:
    """A warehouse that counts the rows of a sync's source that leave it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse, self.fetched = warehouse, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    def query_batches(self, sql: str, params: Any = (), **options: Any) -> Iterator[Any]:
        for batch in self._warehouse.query_batches(sql, params, **options):
            self.fetched += batch.num_rows if "picked" in sql else 0
            yield batch


@pytest.fixture(
    params=[pytest.param(each, marks=[pytest.mark.heavy] if each == "snowflake" else []) for each in ENGINES]
)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    keep_leases_still(monkeypatch, request.param)
    with ENGINES[request.param](tmp_path) as opened:
        yield Counting(opened)


def person(number: int, **changed: Any) -> dict[str, Any]:
    row = {"id": number, "email": f"p{number}@example.com", "name": "Ada", "revenue": 0.1 + number, "companies": None}
    return row | {"seen": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)} | changed


def test_only_rows_that_differ_leave_the_warehouse(warehouse: Any, portal_factory: Callable[..., Emulator]) -> None:
    portal = portal_factory(contacts=20, shared_clock=VirtualClock())
    company = json.loads(call_control(portal.control_url, "GET", "/truth/companies").splitlines()[0])["id"]
    warehouse.ensure_table(PEOPLE)

    def write(*rows: dict[str, Any]) -> None:
        with warehouse.transaction() as tx:
            tx.merge(PEOPLE, table_from_rows(PEOPLE, rows))

    with Client(token=Secret("pat-test"), base_url=portal.base_url, clock=portal.clock) as client, warehouse.session():
        state = StateStore(warehouse, portal.clock)

        def push(**options: Any) -> tuple[int, int, int, int]:
            warehouse.fetched = 0
            report = run_push(syncs=[SYNC], client=client, warehouse=warehouse, state=state, **options)
            counts = report.plan.counts["people"]
            return warehouse.fetched, counts.rows, counts.unchanged, counts.planned

        write(*map(person, range(ROWS)))
        assert push() == (ROWS, ROWS, 0, ROWS)
        assert push() == (ROWS, ROWS, ROWS, 0)  # rows of a sync with links are looked at once more
        assert push() == (0, ROWS, ROWS, 0)

        write(person(3, name="Bob"), person(4, name=None), person(5, seen=None), person(ROWS))
        write(person(6, companies=json.dumps([company])), person(7, revenue=7.100000000000001))
        assert push() == (
            5,
            ROWS + 1,
            ROWS - 2,
            3,
        )  # `seen` is no field; a link and a NULL that is ignored are no steps here
        push()
        assert push() == (0, ROWS + 1, ROWS + 1, 0)

        with warehouse.transaction() as tx:  # two rows of one e-mail: the one that stayed is found, too
            tx.merge(PEOPLE, table_from_rows(PEOPLE, [person(100, email="P8@example.com")]))
        report = run_push(syncs=[SYNC], client=client, warehouse=warehouse, state=state)
        assert report.plan.counts["people"].invalid == 2
        assert push(full=True)[0] == ROWS + 2
