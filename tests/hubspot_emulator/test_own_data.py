"""A portal of a user's own records, and portals with values and names that are hard to handle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubspot_emulator import hard_values
from hubspot_emulator.control import TRUTHS
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


def test_all_that_truth_tells_of_a_portal_can_be_put_in_again(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call], tmp_path: Path
) -> None:
    """Custom objects, own properties, labels, archived, merged and erased records: everything but the ids."""
    first = portal_factory(contacts=120, limits=False)
    with first.portal.lock:
        first.portal.purge_record("0-1", next(int(row["id"]) for row in first.portal.truth("0-1")))
        first.portal.commit()
    control = connect(first.control_url)
    names = ("companies", "contacts", "deals", "tickets", "cars", "orders", "line_items")
    rows = {name: control("GET", f"/truth/{name}").lines() for name in names}
    own = [row for row in control("GET", "/truth/properties").lines() if not row.get("hubspotDefined")]
    lines = [{"object": row["name"], "schema": row} for row in control("GET", "/truth/custom_objects").lines()]
    lines += [
        {"object": row.pop("object"), "property": row} for row in own if row.pop("state") and row["object"] != "cars"
    ]
    for name in names:
        for row in rows[name]:
            ends = [end for end in row["associations"] if end["toObject"] in names]
            lines.append(row | {"object": name, "associations": ends})

    again = connect(portal_factory(import_file=write(tmp_path / "all.jsonl", *lines), limits=False).control_url)

    for name in names:
        found = again("GET", f"/truth/{name}").lines()
        ids = {old["id"]: new["id"] for old, new in zip(rows[name], found, strict=True)}
        for old, new in zip(rows[name], found, strict=True):
            said = {"state", "createdAt", "updatedAt", "archived", "archivedAt"}
            assert {part: new[part] for part in said} == {part: old[part] for part in said}
            assert new["mergedInto"] == (ids[old["mergedInto"]] if old["mergedInto"] else None)
            core = {"hs_object_id", "hs_all_contact_vids", "hs_ticket_id"}
            assert {k: v for k, v in new["properties"].items() if k not in core} == {
                k: v for k, v in old["properties"].items() if k not in core
            }
            ends = [(end["toObject"], end["label"]) for end in old["associations"] if end["toObject"] in names]
            assert sorted(ends, key=str) == sorted(
                ((end["toObject"], end["label"]) for end in new["associations"]), key=str
            )


def test_a_file_keeps_a_portal_whole(portal_factory: Callable[..., Emulator], tmp_path: Path) -> None:
    def tell(emulator: Emulator) -> dict[str, list[Any]]:
        with emulator.portal.lock:
            told = {name: list(truth(emulator.portal)) for name, truth in TRUTHS.items()}
            return told | {kind.name: list(emulator.portal.truth(kind.type_id)) for kind in emulator.portal.types}

    path = str(tmp_path / "portal.db")
    with Emulator(Settings(contacts=60, db=path)) as first:
        before = tell(first)

    after = tell(portal_factory(contacts=7, seed=9, db=path))

    assert sorted(before) == sorted(after)
    for name, rows in before.items():
        assert after[name] == rows, name


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"object": "planes", "properties": {}}, "planes"),
        ({"object": "contacts", "properties": {"wings": "2"}}, "wings"),
        ({"object": "contacts", "size": 3}, "size"),
        ({"object": "contacts", "properties": {}, "createdAt": "yesterday"}, "line 1"),
        ({"object": "contacts", "state": "lost"}, "state is lost; use one of live, archived, merged, gone"),
        ({"object": "contacts", "id": "1", "state": "merged", "mergedInto": "2"}, "contact 2 that it was merged into"),
        ({"object": "cars", "schema": {"labels": {}}}, "needs labels, properties"),
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
