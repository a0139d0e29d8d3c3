"""An erased record's values are gone wherever the engine keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_pull_pages import call

from engines import ENGINES, keep_leases_still, postgres_engine
from hubferry.config.model import PullBlock
from hubferry.pull.chunks import Stamp
from hubferry.pull.purging import purge_record
from hubferry.pull.run import run_pull
from hubferry.pull.tombstones import erase
from hubferry.pull.verification import verify_tables
from hubferry.state.store import StateStore
from hubferry.streams.definition import OWN_COLUMNS, RECORD_COLUMNS
from hubferry.types import Column, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Warehouse
from hubferry.warehouse.postgres.layout import COLUMN_LIMIT
from truth import fetch_truth

MakeWorld = Callable[..., Any]
TOLD = ("email_events", "subscription_changes", "subscription_statuses", "form_submissions")
"""Streams that tell of e-mail addresses."""
WIDE = Table(
    "crm",
    "contacts",
    (
        *(Column(*each) for each in RECORD_COLUMNS.items()),
        *(Column(f"it's p{number}", "string") for number in range(COLUMN_LIMIT)),
        *(Column(*each) for each in OWN_COLUMNS.items()),
    ),
    ("id",),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with postgres_engine(tmp_path) as opened:
        yield opened


def test_values_beyond_postgresqls_columns_are_erased_too(warehouse: Warehouse) -> None:
    first, last = "it's p0", f"it's p{COLUMN_LIMIT - 1}"
    now = datetime(2026, 11, 23, tzinfo=UTC)
    rows = [{"id": each, "created_at": now, first: "ada", last: "ada"} for each in ("1", "2")]
    warehouse.ensure_table(WIDE)
    with warehouse.transaction() as tx:
        tx.merge(WIDE, table_from_rows(WIDE, rows).select(["id", "created_at", first, last]))

    with warehouse.transaction() as tx:
        erase(tx, warehouse, WIDE, ["1"], Stamp("run", now))

    erased, kept = warehouse.query('SELECT * FROM crm.contacts ORDER BY "id"').to_pylist()
    assert "ada" not in str(erased)
    assert (erased["_hubferry_deleted_reason"], erased["created_at"]) == ("erased", now)
    assert (kept[first], last in kept["_hubferry_more"]) == ("ada", True)


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.heavy)])
def any_warehouse(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    keep_leases_still(monkeypatch, request.param)
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


def test_what_is_told_of_an_erased_contacts_address_goes_too(world: MakeWorld, any_warehouse: Warehouse) -> None:
    portal = world(contacts=10)
    portal.warehouse, portal.state = any_warehouse, StateStore(any_warehouse, portal.clock)
    settings = {"contacts": {"properties": ["email"]}}
    portal.pull("contacts", *TOLD, settings=settings)
    known = {row["a"] for row in portal.rows("SELECT DISTINCT lower(recipient) AS a FROM hubspot.email_events")}
    contacts = portal.rows("SELECT id, lower(email) AS email FROM hubspot.contacts WHERE email <> '' ORDER BY id")
    erased, other = [each for each in contacts if each["email"] in known][:2]
    portal.clock.advance(7 * 86_400)
    call(portal, "POST", "/crm/objects/2026-09/contacts/gdpr-delete", {"objectId": erased["id"]})

    portal.pull("contacts", settings=settings, full_refresh=True)
    again = portal.pull("contacts", *TOLD, settings=settings, full_refresh=True)  # HubSpot still lists the events

    assert again.exit_code == 0
    for name in ("contacts", *TOLD):
        rows = "\n".join(json.dumps(row, default=str).lower() for row in portal.rows(f"SELECT * FROM hubspot.{name}"))
        assert erased["email"] not in rows, name
    emptied = portal.rows("SELECT * FROM hubspot.email_events WHERE _hubferry_deleted_reason = 'erased'")
    assert emptied
    assert {(row["recipient"], row["subject"]) for row in emptied} == {(None, None)}
    assert all(row["created"] for row in emptied)
    assert portal.rows(f"SELECT id FROM hubspot.email_events WHERE lower(recipient) = '{other['email']}'")
    told = [each["recipient"].lower() for each in fetch_truth(portal.emulator.control_url, "email_events")]
    assert erased["email"] in told
    parts = {"client": portal.client, "warehouse": portal.warehouse, "state": portal.state}
    (proven,) = verify_tables(**parts, pull=PullBlock(streams={"email_events": None}), sample=None)
    assert (proven.verified, proven.differences) == (True, 0)
    submitted = portal.rows("SELECT _hubferry_deleted_reason AS reason FROM hubspot.form_submissions")
    assert {row["reason"] for row in submitted} == {"erased", None}


def test_what_is_told_of_a_purged_contacts_address_goes_from_every_schema(
    world: MakeWorld, any_warehouse: Warehouse
) -> None:
    """Also from one that pulls no contacts, so that nothing in it says whose address it is."""
    portal = world(contacts=10)
    portal.warehouse, portal.state = any_warehouse, StateStore(any_warehouse, portal.clock)
    blocks = [
        PullBlock.model_validate({"schema": schema, "streams": streams})
        for schema, streams in (
            ("hubspot", {"contacts": {"properties": ["email"]}, "email_events": None}),
            ("told", {"email_events": None}),
        )
    ]
    parts = {"client": portal.client, "warehouse": portal.warehouse, "state": portal.state}
    for block in blocks:
        assert run_pull(**parts, pull=block).exit_code == 0
    told = {row["a"] for row in portal.rows("SELECT DISTINCT lower(recipient) AS a FROM told.email_events")}
    people = portal.rows("SELECT id, lower(email) AS email FROM hubspot.contacts WHERE email <> '' ORDER BY id")
    erased, other = [each for each in people if each["email"] in told][:2]

    report = purge_record("contacts", erased["id"], **parts, pull=blocks[0])

    assert (report.stored, report.schemas) == (True, ("hubspot",))
    for schema in ("hubspot", "told"):
        rows = json.dumps(portal.rows(f"SELECT * FROM {schema}.email_events"), default=str).lower()
        assert (erased["email"] in rows, other["email"] in rows) == (False, True)
