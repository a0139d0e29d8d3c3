"""A person who asked to be forgotten: nothing that a push wrote down of them is left anywhere after the next pull."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engines import ENGINES
from hubferry.clock import SystemClock
from hubferry.config.model import PullBlock
from hubferry.pull.purging import purge_record
from hubferry.pull.run import run_pull
from hubferry.push.rename import rename_sync
from hubferry.state.erasure import erase_pushed
from hubferry.state.ledger import LedgerRow, Stamp, merge_ledger
from hubferry.state.push_tables import PLAN_STEPS, PLANS
from hubferry.state.store import StateStore
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Warehouse

REFUSAL = {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}
NAME, ADDRESS, OTHER = "Erasmus-Planted", "planted.once@example.com", "Kept-Planted"


def erase(world: Any, record_id: str) -> None:
    """Erase as somebody does in HubSpot."""
    address = f"{world.portal.base_url}/crm/objects/2026-09/contacts/gdpr-delete"
    headers = {"Authorization": "Bearer pat-other", "Content-Type": "application/json"}
    body = json.dumps({"objectId": record_id}).encode()
    with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:
        assert answer.status == 204


def build_block(schema: str = "hubspot", storage: str = "append") -> PullBlock:
    return PullBlock.model_validate(
        {
            "schema": schema,
            "streams": {
                "contacts": {"properties": ["email", "firstname", "lifecyclestage"], "storage": storage},
                "property_history": {"objects": ["contacts"]},
            },
        }
    )


def pull(world: Any, block: PullBlock | None = None, **options: Any) -> Any:
    block = block or build_block()
    with world.warehouse.session():
        return run_pull(client=world.client, warehouse=world.warehouse, state=world.state, pull=block, **options)


def tables_with(world: Any, text: str) -> set[str]:
    """Give every table of hubferry's that holds a text anywhere."""
    found = set()
    for schema, table in world.sql(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('dev', 'hubspot', 'hubferry')"
    ):
        rows = world.sql(f'SELECT * FROM "{schema}"."{table}"')
        found |= {f"{schema}.{table}"} if text in str(rows) else set()
    return found


def test_nothing_that_a_push_wrote_of_an_erased_person_is_left(timed_world: Any, make_sync: Any) -> None:
    world = timed_world

    world.syncs = [make_sync()]
    for address, name in ((ADDRESS, NAME), (ADDRESS, f"{NAME}-2"), (f"no address of {NAME}", f"{NAME}-3")):
        world.people((1, address, name), (2, "kept@example.com", OTHER))
        world.push()
    pull(world)
    before, refused = tables_with(world, NAME), world.rejected()
    erase(world, world.contact(ADDRESS)["id"])

    report = pull(world, full_refresh=True)

    assert report.exit_code == 0
    assert before >= {"hubspot.contacts", "hubspot.contacts__current", "hubspot.property_history", "hubferry.ledger"}
    assert {"hubferry.plan_steps"} <= before
    assert [each.row_key for each in refused] == ["1"]
    assert (tables_with(world, NAME), tables_with(world, ADDRESS)) == (set(), set())
    assert {"hubspot.contacts", "hubferry.ledger"} <= tables_with(world, OTHER)


def test_what_hubspot_said_when_it_refused_an_erased_persons_row_is_gone_too(timed_world: Any, make_sync: Any) -> None:
    """Its words stand in `rejected`, and in the state by which the row is tried later and later."""
    world = timed_world
    world.syncs = [make_sync()]
    world.people((1, ADDRESS, "Ann"))
    world.push()
    world.people((1, ADDRESS, NAME))
    said = f"Property values were not valid: {NAME} was not one of the allowed options"
    world.fault(
        "/batch/update", {"status": 400, "body": {"status": "error", "category": "VALIDATION_ERROR", "message": said}}
    )
    world.push()
    world.clear_faults()
    pull(world)
    before = tables_with(world, NAME)
    erase(world, world.contact(ADDRESS)["id"])

    pull(world, full_refresh=True)

    assert "hubferry.row_states" in before
    assert (tables_with(world, NAME), tables_with(world, ADDRESS)) == (set(), set())


@pytest.mark.parametrize("spoken_of", ["hubspot", "dev"])
def test_a_purged_person_is_gone_from_every_schema_of_the_portal(
    timed_world: Any, make_sync: Any, spoken_of: str
) -> None:
    """Two environments that share a warehouse, each with its way of storing: rows, versions, history, refusals."""
    world = timed_world
    world.syncs = [make_sync()]
    for address, name in ((ADDRESS, NAME), (f"no address of {NAME}", f"{NAME}-2")):
        world.people((1, address, name), (2, "kept@example.com", OTHER))
        world.push()
    blocks = {"hubspot": build_block(), "dev": build_block("dev", "merge")}
    for block in blocks.values():
        pull(world, block)
    record_id = world.contact(ADDRESS)["id"]
    world.sql(f"UPDATE hubferry.rejected SET message = 'HubSpot said {NAME}'")
    before = tables_with(world, NAME)

    parts = {"client": world.client, "warehouse": world.warehouse, "state": world.state}
    report = purge_record("contacts", record_id, **parts, pull=blocks[spoken_of])

    assert set(report.schemas) == {"hubspot", "dev"}
    pulled = {f"{schema}.{table}" for schema in blocks for table in ("contacts", "property_history")}
    kept = pulled | {"hubspot.contacts__current", "hubferry.ledger"}
    assert before >= kept | {"hubferry.rejected"}
    assert (tables_with(world, NAME), tables_with(world, ADDRESS)) == (set(), set())
    assert tables_with(world, OTHER) >= kept


def test_nothing_of_an_erased_person_is_left_under_a_name_that_the_sync_had_before(
    timed_world: Any, make_sync: Any
) -> None:
    """Its plans keep the name under which they were made."""
    world = timed_world
    world.syncs = [make_sync("old")]
    world.people((1, ADDRESS, NAME), (2, "kept@example.com", OTHER))
    world.fault("/batch/upsert", {"status": 400, "body": REFUSAL}, match={"body": NAME}, times=3)
    world.push()
    world.clear_faults()
    world.advance(86_400)
    world.push()
    world.people((1, ADDRESS, f"{NAME}-2"), (2, "kept@example.com", OTHER))
    world.push()
    world.sql(f"UPDATE hubferry.journal SET reason = 'HubSpot said {NAME}' WHERE row_key = '1'")
    rename_sync("old", "contacts", client=world.client, state=world.state)
    world.syncs = [make_sync()]
    world.push()
    pull(world)
    before = tables_with(world, NAME)

    erase(world, world.contact(ADDRESS)["id"])
    pull(world, full_refresh=True)

    assert {"hubferry.plan_steps", "hubferry.journal"} <= before
    assert (tables_with(world, NAME), tables_with(world, ADDRESS)) == (set(), set())
    assert "hubferry.plan_steps" in tables_with(world, OTHER)


@pytest.fixture(params=ENGINES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


def test_steps_under_a_former_name_are_found_by_record_or_row_and_object_on_every_engine(warehouse: Warehouse) -> None:
    """Those of another object with the same id stay, and those by row in a plan that may still be applied."""
    StateStore(warehouse, SystemClock()).migrate()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    ledger = LedgerRow(sync="new", row_key="1", object="contacts", record_id="11", row_hash="h")
    contact, company = '{"object": "contacts"}', '{"object": "companies"}'
    steps = [("done", 1, "1", None, contact), ("done", 2, "9", "11", contact), ("done", 3, "1", "11", company)]
    steps += [("open", 4, "1", None, contact), ("open", 5, "9", "11", contact), ("done", 6, "2", "12", contact)]
    columns = ("plan_id", "number", "row_key", "record_id", "step")
    stored = [{**dict(zip(columns, each, strict=True)), "sync": "old", "kind": "update"} for each in steps]
    plans = [
        {"plan_id": name, "portal_id": 42, "state": state} for name, state in (("done", "applied"), ("open", "ready"))
    ]
    with warehouse.transaction() as tx:
        merge_ledger(tx, Stamp(42, "run", now), [ledger])
        tx.append(PLANS.table, table_from_rows(PLANS.table, plans))
        tx.append(PLAN_STEPS.table, table_from_rows(PLAN_STEPS.table, stored))

    with warehouse.transaction() as tx:
        erase_pushed(tx, warehouse, 42, "contacts", ["11"])

    left = warehouse.query(f"SELECT number FROM {warehouse.name('hubferry', 'plan_steps')} ORDER BY number")
    assert left["number"].to_pylist() == [3, 4, 6]
