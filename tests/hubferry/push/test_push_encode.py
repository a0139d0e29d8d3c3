"""Source values become HubSpot's texts and mean the same afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubferry.hubspot.properties import Option, Property
from hubferry.push.encode import InvalidValueError, canonical, encode, is_empty
from hubferry.push.rows import parse_links


def prop(kind: str, **more: Any) -> Property:
    return Property(name=more.pop("name", "p"), label="P", type=kind, field_type=more.pop("field_type", "text"), **more)


COLOURS = (Option("red", "Red"), Option("green", "Grün"), Option("lime", "grün"), Option("old", "Old", hidden=True))
SELECT = prop("enumeration", field_type="select", options=COLOURS)
CHECKBOX = prop("enumeration", field_type="checkbox", options=COLOURS)
ZONES = st.timezones() | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("value", "property_", "reason"),
    [
        ("1,000", prop("number"), "no separators"),
        ("1_000", prop("number"), "not a number"),
        (float("nan"), prop("number"), "finite"),
        (Decimal("Infinity"), prop("number"), "finite"),
        (True, prop("number"), "not a number"),
        ("maybe", prop("bool"), "true or false"),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), prop("date"), "time of day"),
        (20260101, prop("date"), "not a date"),
        ("1.2.2026", prop("date"), "YYYY-MM-DD"),
        ("yesterday", prop("datetime"), "ISO 8601"),
        (1767225600, prop("datetime"), "not a time"),
        ("x" * 65_537, prop("string"), "65,536"),
        ("a\0b", prop("string"), "NUL"),
        (b"raw", prop("string"), "cast it"),
        ("blue", SELECT, "'red', 'green', 'lime'"),
        ("GRÜN", SELECT, "several options"),
        ("red;blue", CHECKBOX, "not an option"),
        ("no address", prop("string", name="email"), "e-mail"),
        ("a@b", prop("string", name="email"), "e-mail"),
        (5, prop("string", name="email"), "e-mail"),
    ],
)
def test_what_hubspot_surely_refuses_is_refused_with_a_reason(value: object, property_: Property, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        encode(value, property_)


@pytest.mark.parametrize(
    ("value", "property_", "text"),
    [
        (1.0, prop("number"), "1"),
        (-0.0, prop("number"), "0"),
        (1e21, prop("number"), "1000000000000000000000"),
        (1e-7, prop("number"), "0.0000001"),
        (Decimal("12.500"), prop("number"), "12.5"),
        (" 7.50 ", prop("number"), "7.5"),
        (1, prop("bool"), "true"),
        ("FALSE", prop("bool"), "false"),
        (date(2026, 2, 28), prop("date"), "2026-02-28"),
        (datetime(2026, 2, 28, tzinfo=UTC), prop("date"), "2026-02-28"),
        (datetime(2026, 2, 28, 1, 2, 3, 4567), prop("datetime"), "2026-02-28T01:02:03.004Z"),  # noqa: DTZ001
        ("2026-02-28T01:00:00+02:00", prop("datetime"), "2026-02-27T23:00:00.000Z"),
        (date(2026, 2, 28), prop("datetime"), "2026-02-28T00:00:00.000Z"),
        (5, prop("string"), "5"),
        (2.0, prop("string"), "2"),
        (True, prop("string"), "true"),
        ("red", SELECT, "red"),
        ("RED", SELECT, "red"),
        ("old", SELECT, "old"),
        ("Red; old", CHECKBOX, "red;old"),
        (["red", "red", None], CHECKBOX, "red"),
        (81234, prop("enumeration", field_type="select", external_options=True), "81234"),
        (" Ann@X.COM ", prop("string", name="email"), "ann@x.com"),
        ("ünïcode@exämple.test", prop("string", name="email"), "ünïcode@exämple.test"),
    ],
)
def test_values_are_written_as_hubspot_takes_them(value: object, property_: Property, text: str) -> None:
    assert encode(value, property_) == text


def test_append_is_a_leading_semicolon() -> None:
    assert encode("red", CHECKBOX, append=True) == ";red"


@given(
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
)
def test_numbers_mean_the_same_afterwards(value: float | Decimal) -> None:
    text = encode(value, prop("number"))

    assert set(text) <= set("-.0123456789")
    assert canonical(text, prop("number")) == Decimal(repr(value) if isinstance(value, float) else value)
    assert encode(text, prop("number")) == text


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001
def test_times_are_the_same_instant_in_every_zone(value: datetime) -> None:
    text = encode(value, prop("datetime"))

    assert datetime.fromisoformat(text) == value.astimezone(UTC).replace(microsecond=value.microsecond // 1000 * 1000)
    assert canonical(text, prop("datetime")) == canonical(value.astimezone(UTC).isoformat(), prop("datetime"))


@given(st.dates())
def test_dates_never_shift(value: date) -> None:
    assert encode(value, prop("date")) == value.isoformat()
    assert encode(datetime(value.year, value.month, value.day, tzinfo=UTC), prop("date")) == value.isoformat()


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_texts_arrive_as_they_are_and_blank_ones_are_no_value(value: str) -> None:
    if is_empty(value):
        assert not value.strip()
    else:
        assert encode(value, prop("string")) == value


@given(st.lists(st.sampled_from(["red", "green", "lime"]), min_size=1))
def test_the_order_of_a_multi_select_does_not_matter(values: list[str]) -> None:
    there, back = encode(values, CHECKBOX), encode(list(reversed(values)), CHECKBOX)

    assert canonical(there, CHECKBOX) == canonical(back, CHECKBOX) == frozenset(values)


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        (None, {}),
        ("", {}),
        ("{}", {}),
        ('{"2": "Friend", "3": null}', {"2": ("Friend",), "3": (None,)}),
        ('{"2": ["Friend", null]}', {"2": ("Friend", None)}),
        ("[2, 3.0]", {2: (None,), "3.0": (None,)}),
        (["a", "b"], {"a": (None,), "b": (None,)}),
        ({"a": "Friend"}, {"a": ("Friend",)}),
        ([("a", "Friend"), ("b", None)], {"a": ("Friend",), "b": (None,)}),
        ('{"a": []}', {"a": (None,)}),
    ],
)
def test_a_column_of_links_is_an_object_or_a_list(value: object, entries: dict[object, object]) -> None:
    assert parse_links(value) == entries


@pytest.mark.parametrize("value", ["not json", "5", 5, '{"a": 5}', '{"a": {"b": 1}}'])
def test_a_column_that_is_neither_is_refused(value: object) -> None:
    with pytest.raises(InvalidValueError):
        parse_links(value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.1000000000000000055511151231257827021181583404541015625", "0.1", True),
        ("-0.46472771417998692822237671862239949405193328857421875", "-0.46472771417998693", True),
        ("0.1000000000000000055511151231257827021181583404541015624", "0.1", False),  # of no double
        ("0.46472771417998692822237671862239949405193328857421875", "0.4647277141799869", False),  # another double
        ("12345678901234567168", "12345678901234567000", False),  # whole numbers may be ids
        ("1234567890123456789012345678901234567890", "1234567890123456789012345678901234567891", False),
        ("1" * 400 + ".5", "1" * 400, False),
    ],
)
def test_all_digits_of_a_double_and_its_shortest_form_are_one_number(one: str, other: str, same: bool) -> None:
    number = prop("number")

    assert (canonical(one, number) == canonical(other, number)) is same
