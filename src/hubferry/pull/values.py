"""HubSpot's texts as typed Arrow columns, whole columns at a time. What does not fit is pointed out, never guessed. Pure.

A cleared value may come as "" or as null: for typed columns both are NULL, text keeps "".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from math import isinf
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hubferry.types import DECIMAL, ColumnType
from hubferry.warehouse.arrow import arrow_type

_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"
_ANY_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INTEGER = r"^-?[0-9]{1,18}$"
_ISO_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"
_ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
SURE_DIGITS = 15
"""A decimal of so many digits is always the shortest form of its double."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999."""
_DAY_MS = 86_400_000


def build_column(texts: Sequence[str | None], column_type: ColumnType) -> tuple[pa.Array, pa.Array | None]:
    """Give the typed column, and which places hold a text that does not fit (NULL in the column); None: all fit."""
    values = pa.array(texts, pa.string())
    if column_type in {"string", "json"}:
        return values, None
    values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    if values.null_count == len(values):
        return pa.nulls(len(values), arrow_type(column_type)), None
    typed = _COLUMNS[column_type](values) if column_type in _COLUMNS else _decimals(values, column_type)
    unfit = pc.and_(pc.is_null(typed), pc.is_valid(values))
    return typed, unfit if pc.any(unfit).as_py() else None


def _build_booleans(values: pa.Array) -> pa.Array:
    yes, no = pc.equal(values, "true"), pc.equal(values, "false")
    return pc.if_else(yes, pa.scalar(True), pc.if_else(no, pa.scalar(False), pa.scalar(None, pa.bool_())))


def _build_doubles(values: pa.Array) -> pa.Array:
    """Cast at once what is short, or reads back as it was written; the others are compared digit by digit."""
    number = pc.match_substring_regex(values, _NUMBER)
    short = pc.and_(number, pc.less_equal(pc.binary_length(values), SURE_DIGITS))
    if not pc.all(pc.or_kleene(short, pc.is_null(values))).as_py():
        read_back = pc.if_else(number, values, pa.scalar(None, pa.string())).cast(pa.float64()).cast(pa.string())
        short = pc.or_(short, pc.fill_null(pc.equal(read_back, values), False))
    return _cast_or_parse(values, short, pa.float64(), _parse_double)


def _build_integers(values: pa.Array) -> pa.Array:
    return _cast_or_parse(values, pc.match_substring_regex(values, _INTEGER), pa.int64(), _parse_integer)


def _build_times(values: pa.Array) -> pa.Array:
    return _cast_or_parse(values, pc.match_substring_regex(values, _ISO_TIME), arrow_type("timestamp"), _parse_time)


def _build_dates(values: pa.Array) -> pa.Array:
    return _cast_or_parse(values, pc.match_substring_regex(values, _ISO_DATE), pa.date32(), _parse_date)


def _build_lists(values: pa.Array) -> pa.Array:
    return pc.split_pattern(values, ";")


_COLUMNS: dict[ColumnType, Callable[[pa.Array], pa.Array]] = {
    "boolean": _build_booleans,
    "date": _build_dates,
    "double": _build_doubles,
    "integer": _build_integers,
    "strings": _build_lists,
    "timestamp": _build_times,
}


def _decimals(values: pa.Array, column_type: ColumnType) -> pa.Array:
    found = DECIMAL.fullmatch(column_type)
    assert found is not None
    precision, scale = int(found[1]), int(found[2])
    return pa.array([_parse_decimal(text, precision, scale) for text in values.to_pylist()], arrow_type(column_type))


def _cast_or_parse(values: pa.Array, plain: pa.Array, wanted: pa.DataType, parse: Callable[[str], Any]) -> pa.Array:
    """Cast the plain ones at once and parse the rest one by one; where the cast itself fails, all one by one."""
    try:
        typed = pc.if_else(plain, values, pa.scalar(None, pa.string())).cast(wanted)
    except pa.ArrowInvalid:
        return pa.array([None if text is None else parse(text) for text in values.to_pylist()], wanted)
    rest = pc.and_(pc.invert(plain), pc.is_valid(values))
    if not pc.any(rest).as_py():
        return typed
    parsed = pa.array([parse(text) for text in values.filter(rest).to_pylist()], wanted)
    return pc.replace_with_mask(typed, pc.fill_null(rest, False), parsed)


def _parse_double(text: str) -> float | None:
    """Give the number only where the text is its shortest form or its exact value: nothing of it gets lost."""
    if not _ANY_NUMBER.fullmatch(text):
        return None
    number = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:  # an exponent beyond what any number has
        return None
    if isinf(number):
        return None
    return number if exact == number or exact == Decimal(repr(number)) else None  # the first compares exact values


def _parse_integer(text: str) -> int | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or number != number.to_integral_value():
        return None
    return int(number) if -(2**63) <= number < 2**63 else None


def _parse_decimal(text: str | None, precision: int, scale: int) -> Decimal | None:
    if text is None:
        return None
    try:
        number = Decimal(text)
        with localcontext(prec=max(precision, 1)):
            fitted = number.quantize(Decimal(1).scaleb(-scale))
    except InvalidOperation:
        return None
    return fitted if number.is_finite() and fitted == number else None


def _parse_time(text: str) -> datetime | None:
    """Read what is not HubSpot's usual form: milliseconds since 1970, a bare date, an offset."""
    if _is_integer(text):
        milliseconds = int(text) if len(text) <= len(str(_FIRST_MS)) else _LAST_MS + 1  # Python refuses 4,300 digits
        return _EPOCH + timedelta(milliseconds=milliseconds) if _FIRST_MS <= milliseconds <= _LAST_MS else None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if len(text) == len("2026-01-01") else _in_utc(moment)
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime | None:
    return moment.astimezone(UTC) if moment.tzinfo else None


def _parse_date(text: str) -> date | None:
    """Read milliseconds since 1970, or a time: only midnight UTC is a date, any other moment would be guessed."""
    moment = _parse_time(text)
    if moment is None or (moment - _EPOCH) % timedelta(milliseconds=_DAY_MS):
        return None
    return moment.date()


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()
