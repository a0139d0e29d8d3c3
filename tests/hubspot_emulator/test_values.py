"""Values are checked and stored as HubSpot does, by the type of the property."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hubspot_emulator import property_definition, values
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.portal import Portal


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal(clock=VirtualClock())
    options = [{"label": each.upper(), "value": each} for each in ("a", "b", "c")]
    for name, value_type, field_type, more in (
        ("a_bool", "bool", "booleancheckbox", {}),
        ("a_date", "date", "date", {}),
        ("a_moment", "datetime", "date", {}),
        ("a_number", "number", "number", {}),
        ("a_text", "string", "text", {}),
        ("many", "enumeration", "checkbox", {"options": options}),
        ("one", "enumeration", "select", {"options": options}),
    ):
        made.add_property("0-1", property_definition.build_raw(name, name, value_type, field_type, **more))
    yield made
    made.close()


def check(
    portal: Portal, given: dict[str, object], before: dict[str, str] | None = None
) -> tuple[dict[str, str], list[str]]:
    stored, problems = values.check(portal, portal.types.resolve("contacts"), given, before)
    return stored, [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nowhere", "1", 'Property "nowhere" does not exist'),
        ("hs_object_id", "1", '"hs_object_id" is a read only property; its value cannot be set.'),
        ("email", "not-an-email", "Email address not-an-email is invalid"),
        ("email", "a@b.test", "Email address a@b.test is invalid"),
        ("a_number", "discount", "discount was not a valid number"),
        ("a_number", "1,000", "1,000 was not a valid number"),
        ("a_moment", "tomorrow", "tomorrow was not a valid long."),
        ("a_date", "1579179660000", "1579179660000 is at 13:1:0.0 UTC, not midnight!"),
        ("a_date", "-62044444800000", "-62044444800000 is more than 1,000 years ago or 1,000 years from now."),
        ("a_bool", "yes", "yes was not one of the allowed options: [true, false]"),
        ("one", "A", "A was not one of the allowed options: [a, b, c]"),
        ("many", "a;d", "d was not one of the allowed options: [a, b, c]"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_hubspots_words(
    portal: Portal, name: str, value: str, message: str
) -> None:
    assert check(portal, {name: value}) == ({}, [message])


def test_a_text_may_have_65536_characters_and_no_more(portal: Portal) -> None:
    assert check(portal, {"a_text": "x" * 65_536}) == ({"a_text": "x" * 65_536}, [])
    assert len(check(portal, {"a_text": "x" * 65_537})[1]) == 1


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("email", " A.B@Example.COM ", "a.b@example.com"),
        ("a_number", 12, "12"),
        ("a_number", "1.50", "1.50"),
        ("a_bool", True, "true"),
        ("a_bool", "FALSE", "false"),
        ("a_date", "2026-11-23", "2026-11-23"),
        ("a_date", "1795392000000", "2026-11-23"),
        ("a_moment", "1795420800000", "2026-11-23T08:00:00Z"),
        ("a_moment", "2026-11-23T10:00:00.120+02:00", "2026-11-23T08:00:00.120Z"),
        ("many", "c;a;c", "c;a"),
        ("one", "", ""),
    ],
)
def test_a_value_is_stored_in_its_normal_form(portal: Portal, name: str, value: object, stored: str) -> None:
    assert check(portal, {name: value}) == ({name: stored}, [])


def test_a_leading_semicolon_appends_to_a_list(portal: Portal) -> None:
    assert check(portal, {"many": ";c"}, {"many": "a;b"}) == ({"many": "a;b;c"}, [])


def test_null_is_passed_over(portal: Portal) -> None:
    assert check(portal, {"a_text": None, "one": "a"}) == ({"one": "a"}, [])
