"""Compares pulled tables with what the emulator's control server says is true, row by row and column by column.

The conversions here are written for the test alone, value by value, so that they share no mistake with hubferry's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import urllib3

from hubferry.warehouse.interface import Warehouse

Row = Mapping[str, Any]
SHOWN = 20
ALL_OBJECTS = ("contacts", "companies", "deals")
ALL_PAIRS = (("contacts", "companies"), ("contacts", "deals"), ("companies", "deals"))
SOME_PROPERTIES: Mapping[str, dict[str, Any]] = {
    "companies": {
        "properties": [
            "annualrevenue",
            "description",
            "domain",
            "hs_lastmodifieddate",
            "industry",
            "is_public",
            "name",
            "numberofemployees",
            "web_technologies",
        ]
    },
    "contacts": {
        "properties": [
            "birthday",
            "email",
            "firstname",
            "hs_additional_emails",
            "hs_analytics_num_visits",
            "hs_merged_object_ids",
            "last_visit_at",
            "lastmodifieddate",
            "lifecyclestage",
            "loyalty_score",
            "newsletter",
            "num_notes",
            "remarks",
            "topics",
        ]
    },
    "deals": {
        "properties": [
            "amount",
            "closedate",
            "dealname",
            "dealstage",
            "dealtype",
            "hs_lastmodifieddate",
            "hs_next_step",
        ]
    },
}
"""Blocks of streams with a few properties of each type, for tests that are not about all of them."""
EVERY_PROPERTY: Mapping[str, dict[str, Any]] = {name: {"properties": "all"} for name in ALL_OBJECTS}
"""The same with all: hundreds of columns, so that each pull takes seconds."""
_MISFIT = object()


def call_control(control_url: str, method: str, path: str, body: object = None) -> bytes:
    """Call the control server."""
    with urllib3.PoolManager(retries=False) as pool:
        data = None if body is None else json.dumps(body).encode()
        answer = pool.request(method, control_url + path, body=data)
        pool.clear()
    assert answer.status < 300, answer.data
    return bytes(answer.data)


def fetch_truth(control_url: str, name: str) -> list[dict[str, Any]]:
    """Give every record of an object in every state."""
    return [json.loads(line) for line in call_control(control_url, "GET", f"/truth/{name}").splitlines()]


def assert_equal_to_truth(
    warehouse: Warehouse,
    control_url: str,
    *,
    objects: Sequence[str] = ALL_OBJECTS,
    pairs: Sequence[tuple[str, str]] = (),
    schema: str = "hubspot",
) -> None:
    """Fail with the first differences between tables and portal; `pairs` are those whose links are pulled."""
    truth = {name: fetch_truth(control_url, name) for name in {*objects, *(name for pair in pairs for name in pair)}}
    with warehouse.session():
        found = [each for name in objects for each in diff_object(warehouse, schema, name, truth[name])]
        found += [each for pair in pairs for each in diff_links(warehouse, schema, pair, truth)]
        if "deals" in objects and any(set(pair) == {"contacts", "deals"} for pair in pairs):
            found += diff_contact_ids(warehouse, schema, truth["deals"])
    assert not found, f"{len(found)} differences:\n" + "\n".join(found[:SHOWN])


def diff_object(
    warehouse: Warehouse, schema: str, name: str, truth: Sequence[Row], *, object_name: str | None = None
) -> Iterator[str]:
    """Compare a stream's table with the portal; `object_name` where it is not the stream's."""
    listed = warehouse.query(f"SELECT * FROM {warehouse.name(schema, name)}").to_pylist()
    rows = {row["id"]: row for row in listed}
    if len(rows) != len(listed):
        yield f"{name}: ids are repeated"
    columns = _query_columns(warehouse, schema, object_name or name)
    merged = {each["id"]: each["mergedInto"] for each in truth if each["state"] == "merged"}
    for each in truth:
        row = rows.pop(each["id"], None)
        where = f"{name} {each['id']} ({each['state']})"
        if row is None:
            if each["state"] != "gone":
                yield f"{where}: no row"
        elif each["state"] == "gone":
            yield from _diff_gone(where, row, columns)
        elif each["state"] == "merged":
            yield from _diff(where, row, {"_hubferry_merged_into": _end_of(merged, each["id"]), **_tombstone("merged")})
        else:
            yield from _diff_record(where, row, each, columns)
    yield from (f"{name} {record_id}: a row that the portal has no record for" for record_id in rows)


def diff_links(
    warehouse: Warehouse, schema: str, pair: tuple[str, str], truth: Mapping[str, Sequence[Row]]
) -> Iterator[str]:
    """Compare the links between two objects, each direction with its own types."""
    found = warehouse.query(
        f"SELECT * FROM {warehouse.name(schema, 'associations')} WHERE (from_object = ? AND to_object = ?)"
        " OR (from_object = ? AND to_object = ?)",
        (*pair, *pair[::-1]),
    ).to_pylist()
    names = ("from_object", "from_id", "to_object", "to_id", "category", "type_id")
    stored = {tuple(row[name] for name in names): row for row in found}
    live = {key: row["label"] for key, row in stored.items() if row["_hubferry_deleted_at"] is None}
    wanted = {
        (name, each["id"], other, link["toId"], link["category"], link["typeId"]): link["label"]
        for name, other in {pair, pair[::-1]}
        for each in truth[name]
        for link in each["associations"]
        if link["toObject"] == other
    }
    if len(stored) != len(found):
        yield f"associations of {pair}: keys are repeated"
    yield from (f"link {key}: missing" for key in wanted.keys() - live.keys())
    yield from (f"link {key}: not in the portal" for key in live.keys() - wanted.keys())
    for key in wanted.keys() & live.keys():
        if wanted[key] != live[key]:
            yield f"link {key}: label {live[key]!r} instead of {wanted[key]!r}"


def diff_contact_ids(warehouse: Warehouse, schema: str, truth: Sequence[Row]) -> Iterator[str]:
    """Compare the column of live deals that lists their contacts."""
    rows = warehouse.query(f"SELECT id, contact_ids FROM {warehouse.name(schema, 'deals')}").to_pylist()
    stored = {row["id"]: row["contact_ids"] for row in rows}
    for each in truth:
        if each["state"] == "live":
            wanted = {link["toId"] for link in each["associations"] if link["toObject"] == "contacts"}
            yield from _diff(
                f"deals {each['id']}", {"contact_ids": stored[each["id"]]}, {"contact_ids": sorted(wanted, key=int)}
            )


def _query_columns(warehouse: Warehouse, schema: str, name: str) -> list[tuple[str, str, str]]:
    """Give each property with its column and HubSpot's type."""
    sql = f"SELECT name, column_name, type FROM {warehouse.name(schema, 'properties')} WHERE object = ?"
    rows = warehouse.query(sql, (name,)).to_pylist()
    assert rows, f"no property of {name} is known"
    return [(row["name"], row["column_name"], row["type"]) for row in rows if row["column_name"] is not None]


def _diff_record(where: str, row: Row, each: Row, columns: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    wanted: dict[str, Any] = {
        "created_at": _parse_time(each["createdAt"]),
        "updated_at": _parse_time(each["updatedAt"]),
        **(_tombstone("archived") if each["state"] == "archived" else _tombstone(None)),
        "_hubferry_merged_into": None,
    }
    if each["state"] == "archived":
        wanted["_hubferry_deleted_at"] = _parse_time(each["archivedAt"])
    unparsed: dict[str, str] = {}
    for name, column, kind in columns:
        text = each["properties"].get(name)
        value = _parse(text, kind)
        if value is _MISFIT:
            value, unparsed[name] = None, text
        wanted[column] = value
    yield from _diff(where, row, wanted)
    stored = json.loads(row["_hubferry_unparsed"] or "{}")
    yield from _diff(where, {"_hubferry_unparsed": stored}, {"_hubferry_unparsed": unparsed})


def _diff_gone(where: str, row: Row, columns: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    yield from _diff(where, row, {**_tombstone("erased"), **{column: None for _, column, _ in columns}})


def _tombstone(reason: str | None) -> dict[str, Any]:
    live = {"_hubferry_deleted_at": None} if reason is None else {}
    return {"archived": reason is not None, "_hubferry_deleted_reason": reason, **live}


def _diff(where: str, row: Row, wanted: Row) -> Iterator[str]:
    for name, value in wanted.items():
        if row[name] != value:
            yield f"{where}: {name} is {row[name]!r} instead of {value!r}"


def _end_of(merged: Mapping[str, str], record_id: str) -> str:
    while record_id in merged:
        record_id = merged[record_id]
    return record_id


def _parse(text: str | None, kind: str) -> object:
    if text is None or (text == "" and kind in {"number", "bool", "date", "datetime"}):
        return None
    if kind == "bool":
        return {"true": True, "false": False}.get(text, _MISFIT)
    try:
        if kind == "number":
            return _parse_number(text)
        if kind == "datetime":
            return _parse_time(text)
        if kind == "date":
            return (_parse_time(text) if text.lstrip("-").isdigit() else datetime.fromisoformat(text)).date()
    except (ValueError, OverflowError, InvalidOperation):
        return _MISFIT
    return text.replace("\0", "\ufffd")  # docs/guides: text of a warehouse holds no NUL


def _parse_number(text: str) -> object:
    exact, nearest = Decimal(text), float(text)
    if exact.is_nan() or exact.is_infinite():
        return _MISFIT
    return nearest if exact in {Decimal(repr(nearest)), Decimal(nearest)} else _MISFIT


def _parse_time(text: str) -> datetime:
    if text.lstrip("-").isdigit():
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
    return datetime.fromisoformat(text).astimezone(UTC)


__all__ = [
    "ALL_OBJECTS",
    "ALL_PAIRS",
    "EVERY_PROPERTY",
    "SOME_PROPERTIES",
    "assert_equal_to_truth",
    "call_control",
    "fetch_truth",
]
