"""Every object that can be written x mode x match kind: rows arrive once, changes arrive, a second run writes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry import objects

VALUES = {
    "companies": {"name": "Firm"},
    "contacts": {"firstname": "Ann"},
    "deals": {"dealname": "Deal"},
    "line_items": {"name": "Line"},
    "products": {"name": "Product"},
    "quotes": {"hs_title": "Quote", "hs_expiration_date": "2027-01-31"},
    "tickets": {"subject": "Help", "hs_pipeline_stage": "New"},
    "tasks": {"hs_timestamp": "2026-01-02T03:04:05Z", "hs_task_subject": "Call"},
    "notes": {"hs_timestamp": "2026-01-02T03:04:05Z", "hs_note_body": "Said"},
    "meetings": {"hs_timestamp": "2026-01-02T03:04:05Z", "hs_meeting_title": "Talk"},
    "calls": {"hs_timestamp": "2026-01-02T03:04:05Z", "hs_call_title": "Ring"},
    "emails": {"hs_timestamp": "2026-01-02T03:04:05Z", "hs_email_subject": "Hello"},
    "communications": {"hs_timestamp": "2026-01-02T03:04:05Z", "hs_communication_body": "Chat"},
    "postal_mail": {"hs_timestamp": "2026-01-02T03:04:05Z", "hs_postal_mail_body": "Letter"},
}
"""What a create needs, the last one to be changed; other objects take the property `note` that the test defines."""
TABLE = "main.things"
NAMED = ("companies", "contacts", "deals", "line_items", "notes", "products", "quotes", "tickets")
WRITABLE = [
    pytest.param(each.name, marks=() if each.name in NAMED else pytest.mark.heavy)
    for each in objects.OBJECTS
    if each.writable and each.name != "users"  # HubSpot makes those itself
]


def rows_of(kind: str) -> tuple[dict[str, str], str]:
    values = VALUES.get(kind, {})
    return values, next(reversed(values), "note")


def define(world: Any, name: str, kind: str, **more: Any) -> None:
    """Add a text property, in whatever group the object has."""
    groups = world.call("GET", f"/crm/v3/properties/{kind}/groups")["results"]
    world.add_property(name, kind, groupName=groups[0]["name"], **more)


def prepare(world: Any, kind: str, *, unique: bool) -> None:
    """Define what the object lacks, and one row to be delivered."""
    if unique:
        define(world, "code", kind, hasUniqueValue=True)
    if kind not in VALUES:
        define(world, "note", kind)
    fill(world, "1", "first")


def fill(world: Any, key: str, changing: str, record: str = "") -> None:
    values = f"'{key}' AS code, '{changing}' AS changing, '{record}' AS record"
    world.sql(f"CREATE OR REPLACE TABLE {TABLE} AS SELECT {values}")


def block(kind: str, mode: str, match: str, **more: Any) -> dict[str, Any]:
    values, changing = rows_of(kind)
    fields: dict[str, Any] = {name: {"constant": text} for name, text in values.items() if name != changing}
    if kind == "tickets":
        fields, changing = {"hs_pipeline_stage": {"constant": "New"}}, "subject"
    if kind == "quotes":
        fields, changing = {"hs_expiration_date": {"constant": "2027-01-31"}}, "hs_title"
    fields[changing] = "changing"
    if match == "code":
        fields["code"] = "code"
    return {"source": TABLE, "key": "code", "object": kind, "mode": mode, "match": match, "fields": fields} | more


def live(world: Any, kind: str) -> list[dict[str, Any]]:
    return [each for each in world.truth(kind).values() if each["state"] == "live"]


def changing_of(kind: str) -> str:
    return {"tickets": "subject", "quotes": "hs_title"}.get(kind, rows_of(kind)[1])


def assert_delivered(world: Any, kind: str, text: str) -> str:
    (record,) = live(world, kind)
    assert record["properties"][changing_of(kind)] == text
    before = world.writes()
    assert world.plan().changes == 0
    assert world.push().exit_code == 0
    assert world.writes() == before
    return str(record["id"])


@pytest.mark.parametrize("kind", WRITABLE)
def test_rows_of_every_object_arrive_once_and_changes_follow(world: Any, make_sync: Any, kind: str) -> None:
    """By a unique property where the object can have one, else by the ledger alone; in each mode in turn."""
    unique = objects.BY_NAME[kind].custom_unique
    match = "code" if unique else "hs_object_id"
    more = {} if unique else {"allow_keyless_create": True}
    prepare(world, kind, unique=unique)
    world.syncs = [make_sync("things", **block(kind, "upsert", match, **more))]

    first = world.push()
    assert (first.rows["things"].applied, first.exit_code) == (1, 0), world.rejected("things")
    record_id = assert_delivered(world, kind, "first")
    fill(world, "1", "second")
    world.push()
    assert assert_delivered(world, kind, "second") == record_id

    changing = block(kind, "update", match)
    if not unique:
        changing["fields"] |= {"hs_object_id": "record"}
    world.syncs = [make_sync("things", **changing)]
    fill(world, "1", "third", record_id)
    world.push()
    assert [each["properties"][changing_of(kind)] for each in live(world, kind)] == ["third"]

    world.syncs = [make_sync("things", **block(kind, "create", match, **more))]
    fill(world, "2", "another")
    world.push()
    assert {each["properties"][changing_of(kind)] for each in live(world, kind)} == {"third", "another"}

    guards = {"max_archives": 2, "empty_source": "allow"}
    world.syncs = [make_sync("things", **block(kind, "mirror", match, guards=guards, **more))]
    world.sql(f"DELETE FROM {TABLE}")
    world.push()
    assert world.truth(kind)[record_id]["state"] == "archived"
    assert live(world, kind) == []


@pytest.mark.parametrize("mode", ["create", "update", "upsert", "mirror"])
@pytest.mark.parametrize("match", ["code", "hs_object_id", "email", "domain", "keyless"])
@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
def test_each_mode_and_match_kind_does_what_it_says(
    world: Any, make_sync: Any, mode: str, match: str, there: bool
) -> None:
    kind = "companies" if match == "domain" else "contacts"
    define(world, "code", kind, hasUniqueValue=True)
    name = "name" if kind == "companies" else "firstname"
    value = {"code": "c-1", "email": "a@x.com", "domain": "acme.com"}.get(match)
    record_id = "404"
    if there:
        known = {match: value} if value else {}
        record_id = str(world.call("POST", f"/crm/v3/objects/{kind}", {"properties": {name: "Old"} | known})["id"])
    world.sql(f"CREATE TABLE {TABLE} AS SELECT {record_id} AS id, '{value or ''}' AS value, 'New' AS called")
    fields = {name: "called"} | ({match: "value"} if value else {})
    more: dict[str, Any] = {"allow_keyless_create": True} if match == "keyless" else {}
    by_id = match == "hs_object_id" and mode != "update"
    if by_id:
        more, fields = {"allow_keyless_create": True}, fields | {"hs_object_id": "id"}
    settings = {"source": TABLE, "key": "id", "object": kind, "mode": mode, "fields": fields, **more}
    world.syncs = [make_sync("things", match="hs_object_id" if match == "keyless" else match, **settings)]

    report = world.push()

    found = bool(there and (value or match == "hs_object_id" or (match == "keyless" and mode == "update")))
    names = sorted(each["properties"][name] for each in live(world, kind))
    if found:
        written = mode != "create"
        assert names == ["New" if written else "Old"]
    else:
        made = mode != "update" and match != "hs_object_id"
        assert names == sorted((["Old"] if there else []) + (["New"] if made else []))
        written = made
    assert report.rows["things"].applied == int(written)
    assert report.rows["things"].skipped == int(not written)
    before = world.writes()
    world.push()
    world.push(full=True)
    assert world.writes() == before


def test_a_custom_object_is_written_by_any_of_its_names(world: Any, make_sync: Any) -> None:
    schema = {
        "name": "cars",
        "labels": {"singular": "Car", "plural": "Cars"},
        "primaryDisplayProperty": "plate",
        "requiredProperties": ["plate"],
        "properties": [
            {"name": "plate", "label": "Plate", "type": "string", "fieldType": "text", "hasUniqueValue": True}
        ],
        "associatedObjects": ["CONTACT"],
    }
    made = world.call("POST", "/crm-object-schemas/v3/schemas", schema)
    world.sql(f"CREATE TABLE {TABLE} AS SELECT 1 AS id, 'B-AB 1' AS plate")
    names = ["cars", "custom_cars", made["fullyQualifiedName"], made["objectTypeId"]]
    for position, name in enumerate(names):
        settings = {"source": TABLE, "key": "id", "match": "plate", "fields": {"plate": "plate"}, "object": name}
        world.syncs = [make_sync(f"cars{position}", **settings)]
        report = world.push()
        assert report.exit_code == 0
    assert len(live(world, made["objectTypeId"])) == 1
