"""A few rows that HubSpot refuses, where it refuses their whole batches: exactly those are rejected, for few calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubferry.clock import SystemClock
from hubferry.hubspot.client import Client
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.knobs import Knobs


@pytest.mark.parametrize(
    ("rows", "poisoned", "named"),
    [
        (600, (7,), True),
        (600, (3, 250, 251, 252, 599), True),
        (600, (3, 250, 251, 252, 599), False),
        pytest.param(100_000, (3, 250, 50_251, 50_252, 99_999), False, marks=pytest.mark.heavy),
    ],
)
def test_only_poisoned_rows_are_rejected_at_fifteen_calls_each(
    world_type: Any,
    portal_factory: Any,
    tmp_path: Any,
    make_sync: Any,
    rows: int,
    poisoned: tuple[int, ...],
    named: bool,
) -> None:
    """`named`: the refusal quotes the value; else it says only what property is wrong."""
    people = tmp_path / "people.jsonl"
    lines = ({"object": "contacts", "properties": {"email": f"p{i}@x.com", "firstname": "Old"}} for i in range(rows))
    people.write_text("\n".join(map(json.dumps, lines)))
    knobs = Knobs(update_with_trace_ids_is_partial=False)
    portal = portal_factory(import_file=str(people), limits=False, knobs=knobs)
    path = tmp_path / "warehouse.duckdb"
    warehouse = DuckDBWarehouse(path)
    with Client(token=Secret("pat-test"), base_url=portal.base_url) as client:
        world = world_type(portal, client, path, warehouse, StateStore(warehouse, SystemClock()))
        world.sql(
            "CREATE TABLE main.people AS SELECT i AS id, 'p' || i || '@x.com' AS email, 'Old' AS firstname,"
            f" '1' AS revenue FROM range({rows}) t(i)"
        )
        wrong = "'not an e-mail@' || id || '.invalid'" if named else "'wrong@' || 'x.invalid'"
        fields = {"email": "email", "firstname": "firstname", "hs_additional_emails": {"column": "also"}}
        world.sql("ALTER TABLE main.people ADD COLUMN also VARCHAR")
        world.syncs = [make_sync(fields=fields)]
        world.push()  # so that the ledger knows the records
        ids = ", ".join(map(str, poisoned))
        world.sql(
            "UPDATE main.people SET firstname = 'New'", f"UPDATE main.people SET also = {wrong} WHERE id IN ({ids})"
        )
        before = client.usage.counted

        report = world.push()

        rejected = sorted(int(each.row_key) for each in world.rejected() if each.state == "rejected")
        assert rejected == sorted(poisoned)
        assert report.rows["contacts"].applied == rows - len(poisoned)
        floor = 2 * -(-rows // 100)
        assert client.usage.counted - before <= floor + 15 * len(poisoned) + 2
