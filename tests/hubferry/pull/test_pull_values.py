"""Texts become typed values, or are set aside; nothing is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubferry.pull.values import build_column

MOMENT = datetime(2025, 4, 3, 12, 59, 10, 726000, UTC)
MISFIT = object()


def build_one(text: str | None, column_type: str) -> object:
    """Give the typed value of one text."""
    column, misfits = build_column([text], column_type)
    return MISFIT if misfits is not None and misfits[0].as_py() else column[0].as_py()


@pytest.mark.parametrize(
    ("text", "column_type"),
    [
        ("N/A", "double"),
        ("1e400", "double"),
        ("1e99999999999999999999", "double"),
        ("1e-99999999999999999999", "double"),
        ("9" * 5000, "timestamp"),
        ("NaN", "double"),
        ("9007199254740993", "double"),
        ("0.1000000000000000000000001", "double"),
        (" 1", "double"),
        # a sum of expansions, as HubSpot's calculated numbers come: between two doubles
        ("8.600000000000000477395900588817312382161617279052734375", "double"),
        ("1_000", "double"),
        ("TRUE", "boolean"),
        ("yes", "boolean"),
        ("22022-01-01T00:00:00Z", "timestamp"),
        ("2025-02-30T00:00:00Z", "timestamp"),
        ("2025-04-03T12:59:10", "timestamp"),
        ("999999999999999999", "timestamp"),
        ("1743685150726", "date"),
        ("03.04.2025", "date"),
        ("1.5", "integer"),
        ("9223372036854775808", "integer"),
        ("1.005", "decimal(10,2)"),
        ("123456789.00", "decimal(10,2)"),
    ],
)
def test_a_text_that_does_not_fit_is_set_aside(text: str, column_type: str) -> None:
    assert build_one(text, column_type) is MISFIT


@pytest.mark.parametrize(
    ("text", "column_type", "value"),
    [
        ("43", "double", 43.0),
        ("0.0", "double", 0.0),
        ("-12.50", "double", -12.5),
        ("0.200000000000000011102230246251565404236316680908203125", "double", 0.2),
        ("1.7976931348623157E308", "double", 1.7976931348623157e308),
        ("true", "boolean", True),
        ("false", "boolean", False),
        ("2025-04-03T12:59:10.726Z", "timestamp", MOMENT),
        ("1743685150726", "timestamp", MOMENT),
        ("2025-04-03T14:59:10.726+02:00", "timestamp", MOMENT),
        ("2025-04-03", "timestamp", datetime(2025, 4, 3, tzinfo=UTC)),
        ("2019-10-31", "date", date(2019, 10, 31)),
        ("1572480000000", "date", date(2019, 10, 31)),
        ("", "double", None),
        ("", "timestamp", None),
        (None, "boolean", None),
        ("", "string", ""),
        (None, "string", None),
        ("a;b;c", "string", "a;b;c"),
        ("a;b", "strings", ["a", "b"]),
        ("9007199254740993", "integer", 9007199254740993),
        ("9007199254740993.25", "decimal(38,9)", Decimal("9007199254740993.250000000")),
    ],
)
def test_a_text_becomes_its_value(text: str | None, column_type: str, value: object) -> None:
    assert build_one(text, column_type) == value


def test_one_bad_text_leaves_the_others_of_its_column_as_they_are() -> None:
    column, misfits = build_column(["1", "N/A", None, "", "12345678901234567890", "2.5"], "double")

    assert column.to_pylist() == [1.0, None, None, None, None, 2.5]
    assert misfits is not None
    assert [bool(each) for each in misfits.to_pylist()] == [False, True, False, False, True, False]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives_as_shortest_form_and_as_exact_expansion(number: float) -> None:
    assert build_one(format(Decimal(repr(number)), "f"), "double") == number
    assert build_one(format(Decimal(number), "f"), "double") == number


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_no_number_is_stored_as_another_one(number: Decimal) -> None:
    text = format(number, "f")

    stored = build_one(text, "double")

    if stored is not MISFIT:
        assert number in {Decimal(repr(stored)), Decimal(stored)}


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_round_trip(moment: datetime) -> None:
    assert build_one(moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0"), "timestamp") == moment
