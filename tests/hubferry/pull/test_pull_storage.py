"""`storage: append` keeps every version; tags, cadences, wide tables and lists, by a portal that changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from test_pull_schema import define, ids, write
from test_pull_tombstones import erase, send

from hubferry.config.model import PullBlock
from hubferry.errors import ConfigError, UnknownNameError
from hubferry.pull.run import choose_streams
from truth import fetch_truth

MakeWorld = Callable[..., Any]
NAMES = ["email", "firstname", "lifecyclestage"]
APPEND = {"contacts": {"properties": NAMES, "storage": "append"}, "owners": {"storage": "append"}}


def versions(portal: Any, record_id: str) -> list[dict[str, Any]]:
    return list(portal.rows(f"SELECT * FROM hubspot.contacts WHERE id = '{record_id}' ORDER BY _hubferry_synced_at"))


def test_append_adds_a_version_for_each_change_of_content_and_none_else(world: MakeWorld) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings=APPEND)
    first, second = ids(portal)[:2]
    for name in ("Ada", "Grace"):
        portal.clock.advance(3600)
        write(portal, {first: {"firstname": name}})
        portal.pull("contacts", settings=APPEND)
    portal.pull("contacts", settings=APPEND, full_refresh=True)

    assert [row["firstname"] for row in versions(portal, first)][1:] == ["Ada", "Grace"]
    assert len(versions(portal, second)) == 1
    known = {each["id"] for each in fetch_truth(portal.emulator.control_url, "contacts")}
    assert sorted(row["id"] for row in portal.rows("SELECT id FROM hubspot.contacts__current")) == sorted(known)


def test_archived_and_erased_records_have_a_last_version_and_the_erased_none_with_values(world: MakeWorld) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings=APPEND)
    archived, erased = ids(portal)[:2]
    portal.clock.advance(3600)
    write(portal, {erased: {"firstname": "Ada"}})
    send(portal, "/crm/objects/2026-09/contacts/batch/archive", {"inputs": [{"id": archived}]})
    portal.pull("contacts", settings=APPEND)
    erase(portal, erased)

    portal.pull("contacts", settings=APPEND, full_refresh=True)

    assert [row["_hubferry_deleted_reason"] for row in versions(portal, archived)] == [None, "archived"]
    assert len(versions(portal, erased)) == 3
    assert {(row["firstname"], row["email"]) for row in versions(portal, erased)} == {(None, None)}


def test_rows_stored_by_merge_become_first_versions_and_versions_are_never_thrown_away(world: MakeWorld) -> None:
    portal = world(contacts=30)
    portal.pull("contacts", settings={"contacts": {"properties": NAMES}})
    rows = portal.rows("SELECT count(*) AS n FROM hubspot.contacts")
    portal.pull("contacts", settings=APPEND)

    assert portal.rows("SELECT count(*) AS n FROM hubspot.contacts") == rows
    report = portal.pull("contacts", settings={"contacts": {"properties": NAMES}}).streams[0]
    assert isinstance(report.error, ConfigError)
    assert portal.rows("SELECT count(*) AS n FROM hubspot.contacts") == rows


def test_lists_and_links_work_beside_versions(world: MakeWorld) -> None:
    portal = world(contacts=40)
    settings = {"deals": {"properties": ["dealname"], "storage": "append"}, "contacts": {"properties": NAMES}, **APPEND}
    portal.pull("contacts", "deals", "owners", settings=settings)
    portal.clock.advance(3600)
    portal.mutate(3, associations=12, edits=10, archives=2)

    report = portal.pull("contacts", "deals", "owners", settings=settings)

    assert report.exit_code == 0
    portal.check_pairs(("contacts", "deals"))
    stored = {
        row["id"]: row["contact_ids"] for row in portal.rows("SELECT id, contact_ids FROM hubspot.deals__current")
    }
    for each in fetch_truth(portal.emulator.control_url, "deals"):
        if each["state"] == "live":
            linked = {link["toId"] for link in each["associations"] if link["toObject"] == "contacts"}
            assert set(stored[each["id"]] or ()) == linked
    assert portal.rows("SELECT count(DISTINCT id) - count(*) AS n FROM hubspot.owners__current") == [{"n": 0}]


def test_streams_are_chosen_by_tag() -> None:
    pull = PullBlock.model_validate(
        {"streams": {"contacts": {"tags": ["hot"]}, "deals": {"tags": ["hot", "late"]}, "owners": None}}
    )

    assert [each.name for each in choose_streams(pull, ["tag:hot"], ["tag:late"])] == ["contacts"]
    assert [each.name for each in choose_streams(pull, ["tag:late", "owners"])] == ["deals", "owners"]
    with pytest.raises(UnknownNameError, match="cold"):
        choose_streams(pull, ["tag:cold"])


def test_properties_beyond_the_most_columns_are_in_one_json_column_and_it_is_said(world: MakeWorld) -> None:
    portal = world(contacts=20)
    wide = {"contacts": {"properties": NAMES, "max_columns": 1}}

    report = portal.pull("contacts", settings=wide).streams[0]

    truth = {each["id"]: each["properties"] for each in fetch_truth(portal.emulator.control_url, "contacts")}
    rows = portal.rows("SELECT id, email, _hubferry_more FROM hubspot.contacts WHERE NOT archived")
    assert all(row["email"] == truth[row["id"]].get("email") for row in rows)
    for row in rows:
        kept = {name: truth[row["id"]].get(name) for name in ("firstname", "lifecyclestage")}
        assert json.loads(row["_hubferry_more"] or "{}") == {name: value for name, value in kept.items() if value}
    assert "_hubferry_more" in report.notes[0]
    assert "2 properties" in report.notes[0]
    portal.pull("contacts", settings={"contacts": {"properties": NAMES}})
    portal.check("contacts")


def test_columns_that_are_there_stay_in_use_where_fewer_are_wanted_later(world: MakeWorld) -> None:
    """Else they would show the values of the day when the setting was changed."""
    portal = world(contacts=20)
    portal.pull("contacts", settings={"contacts": {"properties": NAMES}})
    target = ids_of(portal)[0]
    write(portal, {target: {"firstname": "Later"}})

    portal.pull("contacts", settings={"contacts": {"properties": NAMES, "max_columns": 1}})

    assert portal.rows(f"SELECT firstname FROM hubspot.contacts WHERE id = '{target}'") == [{"firstname": "Later"}]
    portal.check("contacts")


def test_only_properties_that_some_record_has_are_asked_for(world: MakeWorld) -> None:
    portal = world(contacts=20)
    define(portal, "never_filled")
    define(portal, "once_filled")
    write(portal, {ids_of(portal)[0]: {"once_filled": "yes"}})
    settings = {"contacts": {"properties": "not_empty", "sweep": "every_run"}}

    portal.pull("contacts", settings=settings)
    before = {column.name for column in portal.warehouse.query_columns("hubspot", "contacts")}
    write(portal, {ids_of(portal)[1]: {"never_filled": "now"}})
    portal.pull("contacts", settings=settings)

    assert "once_filled" in before
    assert "never_filled" not in before
    found = portal.rows(f"SELECT never_filled FROM hubspot.contacts WHERE id = '{ids_of(portal)[1]}'")
    assert found == [{"never_filled": "now"}]


def ids_of(portal: Any) -> list[str]:
    return sorted(each["id"] for each in fetch_truth(portal.emulator.control_url, "contacts"))


def test_several_values_are_a_list_where_that_is_chosen(world: MakeWorld) -> None:
    portal = world(contacts=20)
    body_options = [{"label": each, "value": each} for each in ("red", "green")]
    define_checkbox(portal, "colours", body_options)
    target = ids_of(portal)[0]
    write(portal, {target: {"colours": "red;green"}})

    portal.pull("contacts", settings={"contacts": {"properties": ["colours"], "multi_select": "list"}})

    assert portal.rows(f"SELECT colours FROM hubspot.contacts WHERE id = '{target}'") == [{"colours": ["red", "green"]}]


def define_checkbox(portal: Any, name: str, options: list[dict[str, str]]) -> None:
    numbered = [{**each, "displayOrder": place, "hidden": False} for place, each in enumerate(options)]
    body = {
        "name": name,
        "label": name,
        "type": "enumeration",
        "fieldType": "checkbox",
        "groupName": "contactinformation",
    }
    send(portal, "/crm/properties/2026-09/contacts", {**body, "options": numbered})


def test_settings_that_do_nothing_to_their_stream_are_named(world: MakeWorld) -> None:
    settings = {
        "owners": {"properties": ["email"], "start": "2026-01-01", "reconcile": "weekly", "full_refresh": "daily"},
        "email_events": {"storage": "append", "start": "2026-11-01"},
        "contacts": {"properties": ["email"], "objects": ["deals"], "reconcile": "never"},
    }
    reports = world(contacts=4).pull(*settings, settings=settings).streams

    said = "Of the settings of {} these do nothing to it: {}."
    assert [each.notes for each in reports] == [
        (said.format("owners", "properties, start"),),
        (said.format("email_events", "storage"),),
        (said.format("contacts", "objects"),),
    ]
