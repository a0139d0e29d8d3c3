"""Owners: paging, the archived pass, one by id or user id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator import owners
from hubspot_emulator.server import Emulator

PATH = "/crm/owners/2026-09"
Call = Callable[..., Any]


@pytest.fixture
def two_owners(emulator: Emulator) -> None:
    """One who works here and one who left, beside those that the portal is made with."""
    dates = {"createdAt": "2026-03-11T13:13:59.578Z", "updatedAt": "2026-03-11T13:13:59.578Z"}
    ada = {"id": "900001", "email": "ada@acme-example.com", "type": "PERSON", "firstName": "Ada", "userId": 7, **dates}
    bob = {
        "id": "900002",
        "email": "bob@acme-example.com",
        "type": "PERSON",
        "firstName": "Bob",
        "userId": None,
        **dates,
    }
    portal = emulator.portal
    with portal.lock:
        owners.load(
            portal,
            [
                ada | {"userIdIncludingInactive": 7, "archived": False, "teams": []},
                bob | {"userIdIncludingInactive": 8, "archived": True, "teams": []},
            ],
        )
        portal.db.commit()


@pytest.mark.parametrize("query", ["limit=501", "limit=0", "after=x", "archived=maybe", "page=2"])
def test_a_parameter_that_makes_no_sense_is_named(call: Call, query: str) -> None:
    answer = call("GET", f"{PATH}?{query}")

    assert answer.status == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["message"]


def test_an_owner_who_left_is_found_in_the_archived_pass_only(call: Call, two_owners: None) -> None:
    live = call("GET", f"{PATH}/900002")
    archived = call("GET", f"{PATH}/900002?archived=true")
    by_user = call("GET", f"{PATH}/8?idProperty=userId&archived=true")

    assert (live.status, live.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    assert (archived.json()["userId"], archived.json()["userIdIncludingInactive"]) == (None, 8)
    assert by_user.json() == archived.json()


def test_the_two_lists_together_are_all_owners_each_once(call: Call, emulator: Emulator) -> None:
    with emulator.portal.lock:
        expected = [owner["id"] for owner in owners.truth(emulator.portal)]
    found: list[str] = []

    for archived in ("false", "true"):
        after = ""
        while True:
            page = call("GET", f"{PATH}?limit=4&archived={archived}{after}").json()
            found += [owner["id"] for owner in page["results"]]
            if "paging" not in page:
                break
            assert len(page["results"]) == 4
            after = f"&after={page['paging']['next']['after']}"

    assert sorted(found) == sorted(expected)


def test_an_email_finds_its_owner(call: Call, two_owners: None) -> None:
    answer = call("GET", "/crm/v3/owners?email=ada@acme-example.com").json()

    assert [owner["id"] for owner in answer["results"]] == ["900001"]
    assert "teams" not in answer["results"][0]
