"""A person who asked to be forgotten: nothing that a push wrote down of them is left anywhere after the next pull."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from hubferry.config.model import PullBlock
from hubferry.pull.purging import purge_record
from hubferry.pull.run import run_pull

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
