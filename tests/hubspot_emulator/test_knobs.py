"""Each knob turns the behaviour it names, and its default is the other way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

Call = Callable[..., Any]
CONTACTS = "/crm/objects/2026-09/contacts"


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator], request: pytest.FixtureRequest) -> Emulator:
    """An empty portal with the knobs of the test."""
    return portal_factory(contacts=0, limits=False, knobs=Knobs(**request.param))


def both(knob: str, default: object, turned: object, *, value: object = True) -> pytest.MarkDecorator:
    """Run a test with the default and with the knob turned."""
    return pytest.mark.parametrize(
        ("emulator", "expected"), [({}, default), ({knob: value}, turned)], indirect=["emulator"]
    )


def create(call: Call, **properties: str) -> str:
    return str(call("POST", CONTACTS, json={"properties": properties}).json()["id"])


@both("archived_unknown_ids_fail", 204, 404)
def test_archiving_an_unknown_id_in_a_batch(call: Call, expected: int) -> None:
    assert call("POST", f"{CONTACTS}/batch/archive", json={"inputs": [{"id": "999"}]}).status == expected


@both("enforce_required", 400, 201, value=False)
def test_creating_a_ticket_without_a_stage(call: Call, expected: int) -> None:
    answer = call("POST", "/crm/v3/objects/tickets", json={"properties": {"subject": "S"}})

    assert answer.status == expected
    if expected == 400:
        assert answer.json()["errors"][0]["code"] == "MISSING_REQUIRED_PROPERTY"
        assert answer.json()["context"] == {"properties": ["hs_pipeline_stage"]}


@both("merged_listed_as_archived", 0, 2)
def test_listing_merged_records_as_archived(call: Call, expected: int) -> None:
    ids = [create(call, firstname=name) for name in "ab"]
    call("POST", f"{CONTACTS}/merge", json={"primaryObjectId": ids[0], "objectIdToMerge": ids[1]})

    assert len(call("GET", f"{CONTACTS}?archived=true").json()["results"]) == expected


@both("noop_write_moves_modified", True, False, value=False)
def test_writing_the_same_value_again(emulator: Emulator, call: Call, expected: bool) -> None:
    record_id = create(call, firstname="A")
    before = call("GET", f"{CONTACTS}/{record_id}").json()["updatedAt"]
    emulator.clock.advance(5)

    call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"firstname": "A"}})

    assert (call("GET", f"{CONTACTS}/{record_id}").json()["updatedAt"] > before) is expected


@both("null_clears", "A", "")
def test_writing_null(call: Call, expected: str) -> None:
    record_id = create(call, firstname="A", lastname="B")

    call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"firstname": None, "lastname": "C"}})

    assert call("GET", f"{CONTACTS}/{record_id}").json()["properties"]["firstname"] == expected


@both("update_with_trace_ids_is_partial", 207, 400, value=False)
def test_updating_a_batch_with_trace_ids_and_one_bad_value(call: Call, expected: int) -> None:
    inputs = [
        {"id": create(call, firstname=name), "properties": {name: "x"}, "objectWriteTraceId": name}
        for name in ("city", "nowhere")
    ]

    answer = call("POST", f"{CONTACTS}/batch/update", json={"inputs": inputs})

    assert answer.status == expected
    city = call("GET", f"{CONTACTS}/{inputs[0]['id']}?properties=city").json()["properties"]["city"]
    assert city == ("x" if expected == 207 else None)


@both("most_on_a_page", 3, 2, value=2)
def test_a_page_holds_no_more_than_the_portal_gives_and_names_the_next(call: Call, expected: int) -> None:
    for each in range(3):
        create(call, firstname=f"{each}")

    listed = call("GET", f"{CONTACTS}?limit=100").json()
    found = call("POST", f"{CONTACTS}/search", json={"limit": 100}).json()

    assert [len(page["results"]) for page in (listed, found)] == [expected, expected]
    assert ["paging" in page for page in (listed, found)] == [expected < 3, expected < 3]
