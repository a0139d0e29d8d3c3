"""The recycle bin: archived records can be restored for 90 days, then they are gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

Call = Callable[..., Any]
CONTACTS = "/crm/objects/2026-09/contacts"
DAY = 86_400


def create(call: Call, **properties: str) -> str:
    return str(call("POST", CONTACTS, json={"properties": properties}).json()["id"])


def truth(control: Call, record_id: str) -> dict[str, Any]:
    return next(row for row in control("GET", "/truth/contacts").lines() if row["id"] == record_id)


def test_an_archived_record_is_gone_after_ninety_days(emulator: Emulator, call: Call, control: Call) -> None:
    record_id = create(call, email="gone@acme.com")
    call("DELETE", f"{CONTACTS}/{record_id}")
    emulator.clock.advance(90 * DAY - 1)
    assert call("GET", f"{CONTACTS}/{record_id}?archived=true").status == 200

    emulator.clock.advance(2)

    assert call("GET", f"{CONTACTS}/{record_id}?archived=true").status == 404
    assert call("GET", f"{CONTACTS}?archived=true&limit=100").json()["results"] == []
    assert (truth(control, record_id)["state"], truth(control, record_id)["properties"]) == ("gone", {})
    assert "purge" in {event["what"] for event in control("GET", "/events").lines()}
    assert call("POST", CONTACTS, json={"properties": {"email": "gone@acme.com"}}).status == 201


@pytest.mark.parametrize("moves", [False, True])
def test_a_restored_record_has_its_values_its_key_and_its_links_again(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call], moves: bool
) -> None:
    emulator = portal_factory(contacts=0, knobs=Knobs(restore_moves_modified=moves))
    call, control = connect(emulator.base_url), connect(emulator.control_url)
    record_id = create(call, email="back@acme.com", city="Ulm")
    other = create(call, email="other@acme.com")
    call("PUT", f"/crm/v4/objects/contacts/{record_id}/associations/default/contacts/{other}")
    before = truth(control, record_id)
    call("DELETE", f"{CONTACTS}/{record_id}")
    emulator.clock.advance(DAY)

    done = control("POST", "/mutate", json={"object": "contacts", "restores": 1}).json()

    after = truth(control, record_id)
    assert done == {"restores": {"contacts": [record_id]}}
    assert (after["state"], after["archivedAt"], after["associations"]) == ("live", None, before["associations"])
    assert (after["updatedAt"] > before["updatedAt"]) is moves
    assert after["properties"]["city"] == "Ulm"
    assert call("GET", f"{CONTACTS}/back@acme.com?idProperty=email").json()["id"] == record_id


def test_a_record_whose_key_is_taken_stays_archived(emulator: Emulator, call: Call, control: Call) -> None:
    archived = [row["id"] for row in control("GET", "/truth/contacts").lines() if row["state"] == "archived"]
    record_id = create(call, email="twice@acme.com")
    call("DELETE", f"{CONTACTS}/{record_id}")
    create(call, email="twice@acme.com")

    done = control("POST", "/mutate", json={"object": "contacts", "restores": len(archived) + 1}).json()

    assert sorted(done["restores"]["contacts"]) == sorted(archived)
    assert truth(control, record_id)["state"] == "archived"
    assert control("POST", "/mutate", json={"object": "contacts", "restores": 5}).status == 400
