"""Columns follow the portal's properties: clashes, other types, properties that go and come back. Nothing stored is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from hubferry.config.model import PullBlock, StreamBlock
from hubferry.hubspot.properties import Property
from hubferry.pull.estimate import estimate_pull
from hubferry.pull.schema import build_record_table
from hubferry.streams.registry import BY_NAME
from hubferry.types import Column

MakeWorld = Callable[..., Any]
ALL = {"contacts": {"properties": "custom"}}


def call(portal: Any, method: str, path: str, body: object = None) -> Any:
    """Change the portal as a person would."""
    with urllib3.PoolManager() as pool:
        headers = {"Authorization": "Bearer pat-other"}
        answer = pool.request(method, portal.emulator.base_url + path, json=body, headers=headers)
        pool.clear()
    assert answer.status < 300, answer.data
    return json.loads(answer.data) if answer.data else None


def define(portal: Any, name: str, kind: str = "string", field: str = "text") -> None:
    body = {"name": name, "label": name, "type": kind, "fieldType": field, "groupName": "contactinformation"}
    call(portal, "POST", "/crm/properties/2026-09/contacts", body)


def write(portal: Any, values: dict[str, dict[str, str]]) -> None:
    inputs = [{"id": each, "properties": properties} for each, properties in values.items()]
    call(portal, "POST", "/crm/objects/2026-09/contacts/batch/update", {"inputs": inputs})


def ids(portal: Any) -> list[str]:
    return [row["id"] for row in portal.rows("SELECT id FROM hubspot.contacts WHERE NOT archived ORDER BY id")]


def columns(portal: Any) -> Iterator[str]:
    yield from (column.name for column in portal.warehouse.query_columns("hubspot", "contacts"))


def found(name: str, kind: str = "string") -> Property:
    return Property(name=name, label=name, type=kind, field_type="text")


def built(*properties: Property, existing: tuple[Column, ...] = ()) -> dict[str, str]:
    block = StreamBlock(properties="all")
    return dict(build_record_table("hubspot", BY_NAME["contacts"], block, properties, existing).column_names())


def test_a_property_named_like_one_of_our_columns_gets_another_whatever_the_order() -> None:
    wanted = {"id": "id__p", "id__p": "id__p__p", "archived": "archived__p"}

    assert built(found("id"), found("id__p"), found("archived")) == wanted
    assert built(found("archived"), found("id__p"), found("id")) == wanted


def test_a_property_of_another_type_than_its_column_gets_another_column_and_the_old_one_stays() -> None:
    existing = (Column("size", "string"),)

    assert built(found("size", "number"), existing=existing) == {"size": "size__double"}
    assert built(found("size"), existing=existing) == {"size": "size"}


def test_a_property_that_becomes_a_number_keeps_its_texts_and_fails_nothing(world: MakeWorld) -> None:
    portal = world(contacts=20)
    define(portal, "shoe_size")
    portal.pull("contacts", settings=ALL)
    one, two = ids(portal)[:2]
    write(portal, {one: {"shoe_size": "44"}, two: {"shoe_size": "45"}})
    portal.pull("contacts", settings=ALL)

    call(portal, "PATCH", "/crm/properties/2026-09/contacts/shoe_size", {"type": "number", "fieldType": "number"})
    write(portal, {one: {"shoe_size": "46"}})
    report = portal.pull("contacts", settings=ALL)

    rows = portal.rows(
        f"SELECT shoe_size, shoe_size__double FROM hubspot.contacts WHERE id IN ('{one}', '{two}') ORDER BY id"
    )
    assert report.streams[0].state == "done"
    assert [tuple(row.values()) for row in rows] == [("44", 46.0), ("45", 45.0)]
    portal.check("contacts")


def test_a_property_that_was_deleted_and_came_back_shows_no_value_of_before(world: MakeWorld) -> None:
    portal = world(contacts=20)
    define(portal, "nickname")
    portal.pull("contacts", settings=ALL)
    one, two = ids(portal)[:2]
    write(portal, {one: {"nickname": "Al"}, two: {"nickname": "Bo"}})
    portal.pull("contacts", settings=ALL)

    call(portal, "DELETE", "/crm/properties/2026-09/contacts/nickname")
    write(portal, {one: {"firstname": "Ada"}})
    portal.pull("contacts", settings=ALL)
    kept = portal.rows(f"SELECT nickname FROM hubspot.contacts WHERE id = '{one}'")
    define(portal, "nickname")
    portal.pull("contacts", settings=ALL)

    assert kept == [{"nickname": "Al"}]
    portal.check("contacts")


def test_definitions_are_written_again_when_one_changed_a_row_is_missing_or_everything_is_asked_for(
    world: MakeWorld,
) -> None:
    portal = world(contacts=5, companies=0, deals=0)
    settings = {"contacts": {"properties": ["email"]}}
    options = "SELECT label FROM hubspot.property_options WHERE property = 'lifecyclestage' AND value = 'lead'"
    before = portal.pull("contacts", settings=settings) and portal.rows(options)

    def pull_after(sql: str, **how: Any) -> list[dict[str, Any]]:
        with portal.warehouse.transaction() as tx:
            tx.execute(sql)
        portal.pull("contacts", settings=settings, **how)
        return list(portal.rows(options))

    mine = "UPDATE hubspot.property_options SET label = 'mine'"
    kept = pull_after(mine)
    found = [pull_after(f"DELETE FROM hubspot.{table}") for table in ("property_options", "properties")]
    define(portal, "shirt")
    changed = pull_after(mine)
    refreshed = pull_after(mine, full_refresh=True)

    assert kept == [{"label": "mine"}], "nothing changed, and thousands of options were looked at"
    assert [*found, changed, refreshed] == [before] * 4
    assert portal.rows("SELECT label FROM hubspot.properties WHERE name = 'shirt'") == [{"label": "shirt"}]


def test_a_property_chosen_later_is_filled_for_records_that_did_not_change(world: MakeWorld) -> None:
    portal = world(contacts=20)
    portal.pull("contacts", settings={"contacts": {"properties": ["email"]}})

    portal.pull("contacts", settings={"contacts": {"properties": ["email", "lifecyclestage"]}})

    assert "lifecyclestage" in columns(portal)
    portal.check("contacts")


@pytest.mark.parametrize("properties", ["all", "custom"])
def test_properties_that_appear_between_two_runs_become_columns(world: MakeWorld, properties: str) -> None:
    portal = world(contacts=20)
    settings = {"contacts": {"properties": properties}}
    portal.pull("contacts", settings=settings)
    portal.clock.advance(3600)
    define(portal, "shirt")
    write(portal, {ids(portal)[0]: {"shirt": "XL"}})

    portal.pull("contacts", settings=settings)

    portal.check("contacts")


def test_a_property_that_the_project_names_and_hubspot_has_no_more_fails_nothing_and_is_told(world: MakeWorld) -> None:
    portal = world(contacts=20)
    define(portal, "nickname")
    named = {"contacts": {"properties": ["email", "nickname"], "types": {"nickname": "string"}, "reconcile": "never"}}
    block = PullBlock(streams=named)
    portal.pull("contacts", settings=named)
    one, two = ids(portal)[:2]
    write(portal, {one: {"nickname": "Al"}})
    portal.pull("contacts", settings=named)

    call(portal, "DELETE", "/crm/properties/2026-09/contacts/nickname")
    write(portal, {two: {"email": "new@example.com"}})
    (planned,) = estimate_pull(client=portal.client, state=portal.state, pull=block)
    report = portal.pull("contacts", settings=named).streams[0]

    kept = portal.rows(f"SELECT id, nickname, email FROM hubspot.contacts WHERE id IN ('{one}', '{two}') ORDER BY id")
    assert (planned.error, report.state) == (None, "done")
    assert [note for note in report.notes if "'nickname'" in note]
    assert (kept[0]["nickname"], kept[1]["email"]) == ("Al", "new@example.com")
    portal.check("contacts")
