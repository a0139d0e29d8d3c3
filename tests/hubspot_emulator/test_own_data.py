"""A portal of a user's own records, and portals with values and names that are hard to handle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator import hard_values
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings, SettingsError

Call = Callable[..., Any]
PROPERTY = {"name": "shoe_size", "label": "Shoe size", "type": "number", "fieldType": "number", "groupName": "x"}


def write(path: Path, *lines: object) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def test_an_imported_portal_has_the_records_of_the_file_and_no_others(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call], tmp_path: Path
) -> None:
    link = {"toObject": "companies", "toId": "7", "category": "HUBSPOT_DEFINED", "typeId": 279}
    contact = {"email": "Ada@acme.com", "shoe_size": "38"}
    path = write(
        tmp_path / "own.jsonl",
        {"object": "contacts", "property": PROPERTY},
        {"object": "contacts", "id": "7", "properties": contact, "updatedAt": "2026-01-02T03:04:05.678Z",
         "createdAt": "2026-01-01T00:00:00Z", "associations": [link]},
        {"object": "companies", "id": "7", "properties": {"name": "Acme"}},
        {"object": "contacts", "properties": {"firstname": "Gone"}, "archived": True},
    )  # fmt: skip
    emulator = portal_factory(import_file=path)
    call, control = connect(emulator.base_url), connect(emulator.control_url)

    (found,) = call("GET", "/crm/v3/objects/contacts?properties=shoe_size,email&associations=companies").json()[
        "results"
    ]

    assert (found["properties"]["shoe_size"], found["updatedAt"]) == ("38", "2026-01-02T03:04:05.678Z")
    assert found["associations"]["companies"]["results"][0]["type"] == "contact_to_company_unlabeled"
    assert call("GET", "/crm/v3/objects/contacts/ada@acme.com?idProperty=email").status == 200
    assert [row["state"] for row in control("GET", "/truth/contacts").lines()] == ["live", "archived"]
    assert call("GET", "/crm/v3/objects/deals").json()["results"] == []


def test_the_truth_of_a_portal_can_be_imported(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call], tmp_path: Path
) -> None:
    control = connect(portal_factory(contacts=20, hard_values=True).control_url)
    lines = [
        row | {"object": name, "associations": [end for end in row["associations"] if end["toObject"] == "companies"]}
        for name in ("contacts", "companies")
        for row in control("GET", f"/truth/{name}").lines()
        if row["state"] in {"live", "archived"}
    ]
    kept = [line for line in lines if line["object"] == "contacts"] + [
        line | {"associations": []} for line in lines if line["object"] == "companies"
    ]
    for line in kept:
        line["associations"] = [end for end in line["associations"] if end["category"] == "HUBSPOT_DEFINED"]

    again = connect(portal_factory(import_file=write(tmp_path / "t.jsonl", *kept), hard_values=True).control_url)

    for name in ("contacts", "companies"):
        core = {"hs_object_id", "hs_all_contact_vids"}
        wanted = [line for line in kept if line["object"] == name]
        found = again("GET", f"/truth/{name}").lines()
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert {k: v for k, v in one["properties"].items() if k not in core} == {
                k: v for k, v in other["properties"].items() if k not in core
            }
            assert (one["updatedAt"], one["state"]) == (other["updatedAt"], other["state"])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"object": "planes", "properties": {}}, "planes"),
        ({"object": "contacts", "properties": {"wings": "2"}}, "wings"),
        ({"object": "contacts", "size": 3}, "size"),
        ({"object": "contacts", "properties": {}, "createdAt": "yesterday"}, "line 1"),
        ({"object": "contacts", "state": "merged"}, "merged"),
        (
            {
                "object": "contacts",
                "id": "1",
                "associations": [{"toObject": "deals", "toId": "9", "category": "X", "typeId": 1}],
            },
            "9",
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: object, told: str) -> None:
    path = write(tmp_path / "bad.jsonl", line)

    with pytest.raises(SettingsError, match=told):
        Emulator(Settings(import_file=path)).start()


def test_hard_values_are_read_as_they_are_and_break_no_search(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]
) -> None:
    emulator = portal_factory(contacts=300, limits=False, hard_values=True)
    call, control = connect(emulator.base_url), connect(emulator.control_url)
    values = [row["properties"] for row in control("GET", "/truth/contacts").lines()]
    for name, hard in (
        ("remarks", hard_values.TEXTS),
        ("loyalty_score", hard_values.NUMBERS),
        ("last_visit_at", hard_values.MOMENTS),
        ("birthday", hard_values.DATES),
        ("hard_choice", hard_values.OPTIONS),
    ):
        assert set(hard) <= {value.get(name) for value in values}
        body = {"limit": 200, "sorts": [name], "filters": [{"propertyName": name, "operator": "HAS_PROPERTY"}]}
        assert call("POST", "/crm/v3/objects/contacts/search", json=body).status == 200
    for row in control("GET", "/truth/contacts").lines():
        if row["state"] == "live" and row["properties"].get("remarks") in {
            "nul\x00inside",
            hard_values.LONG_TEXT[:65_536],
        }:
            shown = call("GET", f"/crm/v3/objects/contacts/{row['id']}?properties=remarks").json()
            assert shown["properties"]["remarks"] == row["properties"]["remarks"]


def test_hostile_names_are_there_when_asked_for(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]
) -> None:
    call = connect(portal_factory(contacts=60, hostile_names=True).base_url)
    usual = connect(portal_factory(contacts=1).base_url)

    names = {each["name"] for each in call("GET", "/crm/v3/properties/contacts").json()["results"]}
    assert names >= set(hard_values.HOSTILE_NAMES)
    found = call("GET", "/crm/v3/objects/contacts?limit=60&properties=with%20space,it%27s").json()["results"]
    assert {each["properties"]["with space"] for each in found} == {None, "with space"}
    assert not {each["name"] for each in usual("GET", "/crm/v3/properties/contacts").json()["results"]} & set(
        hard_values.HOSTILE_NAMES
    )
