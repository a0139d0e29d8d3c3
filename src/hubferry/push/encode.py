"""Source values as HubSpot's texts, by property type, and when two texts mean the same value. Pure.

What HubSpot might accept is sent; what it surely refuses is an InvalidValueError with a reason for the person who owns the row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from hubferry.hubspot.properties import Option, Property

LONGEST_TEXT = 65_536
"""Characters HubSpot keeps in one value."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_EMAIL = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)+\.?")
_OPTIONS_NAMED = 5


class InvalidValueError(ValueError):
    """A source value cannot be one of the property; the text says why."""


def is_empty(value: object) -> bool:
    """Tell whether a source value is none: NULL, blank text (HubSpot stores no blanks), or an empty list."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, Sequence) and not value)


def encode(value: object, prop: Property, *, append: bool = False, unknown: list[str] | None = None) -> str:
    """Give the text HubSpot stores for a value that is not empty; raise InvalidValueError when there is none.

    A multi-select is `a;b`, with a leading `;` when it is to be added to what the record has. Texts that are no option are
    errors, or, where `unknown` is given, are put into it and taken as they are.
    """
    if prop.field_type == "checkbox" and prop.type == "enumeration":
        return (";" if append else "") + ";".join(_encode_choices(value, prop, unknown))
    if prop.type == "enumeration":
        return _choose(plain_text(value).strip(), prop, unknown)
    if prop.name == "email" and prop.type == "string":
        return encode_email(value)
    if is_web_domain(prop):
        return encode_domain(value)
    return _ENCODERS.get(prop.type, _encode_text)(value, prop)


def encode_email(value: object) -> str:
    """Give an e-mail address as HubSpot stores it: trimmed and in lower case."""
    if not isinstance(value, str):
        raise InvalidValueError(f"an e-mail address is a text, not {_kind(value)}")
    text = value.strip().lower()
    if not _EMAIL.fullmatch(text):
        raise InvalidValueError("not an e-mail address: HubSpot takes name@domain.tld, without blanks")
    return text


def is_web_domain(prop: Property) -> bool:
    """Tell whether a property is the companies' domain, which HubSpot defines as a plain text."""
    return prop.name == "domain" and prop.type == "string" and prop.hubspot_defined


def encode_domain(value: object) -> str:
    """Give a domain as people mean it: of an address, only the host, without `www.` and in lower case."""
    if not isinstance(value, str):
        raise InvalidValueError(f"a domain is a text, not {_kind(value)}")
    text = value.strip().lower()
    text = text.partition("://")[2] or text
    text = re.split(r"[/?#]", text, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].rstrip(".")
    text = text.removeprefix("www.")
    if not text or " " in text:
        raise InvalidValueError("not a domain, e.g. example.com")
    return text


def plain_number(value: float | Decimal) -> str:
    """Write a finite number without exponent, separators or idle zeros."""
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def plain_text(value: object) -> str:
    """Write a scalar as text: what a key, or a text property, holds."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return plain_number(_finite(value))
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, date | time):
        return value.isoformat()
    raise InvalidValueError(f"{_kind(value)} has no text form here; cast it in the source")


def _encode_text(value: object, _: Property) -> str:
    text = plain_text(value)
    if len(text) > LONGEST_TEXT:
        raise InvalidValueError(f"{len(text):,} characters; HubSpot keeps at most {LONGEST_TEXT:,}")
    if "\0" in text:
        raise InvalidValueError("contains a NUL character, which HubSpot cannot keep")
    return text


def _encode_number(value: object, _: Property) -> str:
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            raise InvalidValueError("not a number: digits with at most one decimal point, no separators or units")
        return plain_number(Decimal(text))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise InvalidValueError(f"{_kind(value)} is not a number")
    return plain_number(_finite(value))


def _finite(value: float | Decimal) -> int | float | Decimal:
    if not math.isfinite(value):
        raise InvalidValueError("not a finite number")
    return value


_TRUTH = {"true": "true", "false": "false", "1": "true", "0": "false", "yes": "true", "no": "false"}


def _encode_bool(value: object, _: Property) -> str:
    text = plain_text(value).strip().lower()
    if text not in _TRUTH:
        raise InvalidValueError("not a boolean: true or false")
    return _TRUTH[text]


def _encode_date(value: object, _: Property) -> str:
    if isinstance(value, str):
        value = _parse_moment(value, "a date: YYYY-MM-DD")
    if isinstance(value, datetime):
        moment = _utc(value)
        if moment.time() != time(0):
            raise InvalidValueError("has a time of day (in UTC); a date property takes whole days: cast it to DATE")
        return moment.date().isoformat()
    if not isinstance(value, date):
        raise InvalidValueError(f"{_kind(value)} is not a date")
    return value.isoformat()


def _encode_datetime(value: object, _: Property) -> str:
    if isinstance(value, str):
        value = _parse_moment(value, "a time: ISO 8601, e.g. 2026-09-29T15:33:43Z")
    if not isinstance(value, date):
        raise InvalidValueError(f"{_kind(value)} is not a time")
    return _iso(value if isinstance(value, datetime) else datetime.combine(value, time(0), UTC))


def _parse_moment(text: str, wanted: str) -> date:
    text = text.strip()
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValueError(f"not {wanted}") from None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _iso(moment: datetime) -> str:
    whole = _utc(moment)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{whole.microsecond // 1000:03d}Z".rjust(24, "0")


def _encode_choices(value: object, prop: Property, unknown: list[str] | None) -> list[str]:
    parts = value.split(";") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    texts = [plain_text(part).strip() for part in parts if not is_empty(part)]
    if not texts:
        raise InvalidValueError("names no option")
    return list(dict.fromkeys(_choose(text, prop, unknown) for text in texts))


def _choose(text: str, prop: Property, unknown: list[str] | None = None) -> str:
    """Find the option by internal value, else by a label that only one option has.

    Where options come from elsewhere (owners, stages) the list may be incomplete: HubSpot judges what is not on it.
    """
    if not prop.options and unknown is None:
        return text
    values, labels = _options_by(prop.options)
    if text in values:
        return text
    found = labels.get(text.casefold(), ())
    if len(found) == 1:
        return found[0]
    if not found and unknown is not None:
        if ";" in text:
            raise InvalidValueError("an option cannot contain `;`")
        unknown.append(text)
        return text
    if prop.external_options and not found and "@" not in text:
        return text
    named = [option.value for option in prop.options if not option.hidden]
    shown = ", ".join(repr(name) for name in (found or named)[:_OPTIONS_NAMED])
    more = "" if found or len(named) <= _OPTIONS_NAMED else f" and {len(named) - _OPTIONS_NAMED} more"
    raise InvalidValueError(
        f"label of several options; use the internal value: {shown}"
        if found
        else f"not an option of it; valid: {shown}{more}"
    )


@lru_cache(maxsize=512)
def _options_by(options: tuple[Option, ...]) -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
    labels: dict[str, tuple[str, ...]] = {}
    for option in options:
        folded = option.label.strip().casefold()
        labels[folded] = (*labels.get(folded, ()), option.value)
    return frozenset(option.value for option in options), labels


def _kind(value: object) -> str:
    return f"a value of type {type(value).__name__}"


_ENCODERS: Mapping[str, Callable[[object, Property], str]] = {
    "bool": _encode_bool,
    "date": _encode_date,
    "datetime": _encode_datetime,
    "number": _encode_number,
}


def canonical(text: str | None, prop: Property) -> object:
    """Give what a text means, so that two texts of one value compare equal; None for an empty value."""
    if text is None or text == "":
        return None
    if prop.type == "enumeration" and prop.field_type == "checkbox":
        return frozenset(part for part in text.split(";") if part)
    if prop.name == "email":
        return text.strip().lower()
    if is_web_domain(prop):
        return _host(text)
    return _MEANINGS.get(prop.type, str)(text)


def is_alike(sent: str, stored: str | None) -> bool:
    """Tell whether a stored text may be what was sent, where the property's type is not known."""
    held = stored or ""
    if sent.strip() == held.strip():
        return True
    numbers = _decimal(sent), _decimal(held)
    if all(isinstance(each, Decimal) for each in numbers):
        return numbers[0] == numbers[1]
    return _moment(sent) == _moment(held) or set(sent.split(";")) == set(held.split(";"))


def _host(text: str) -> str:
    try:
        return encode_domain(text)
    except InvalidValueError:
        return text


def _decimal(text: str) -> object:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


_MOST_DIGITS = 17
"""Significant digits of the shortest form of any double, at most."""


def _number(text: str) -> object:
    """Take all digits of a double, as HubSpot writes some, for the double that a pull makes of them."""
    number = _decimal(text)
    if len(text) <= _MOST_DIGITS or not isinstance(number, Decimal) or not number.is_finite():
        return number
    if number == number.to_integral_value() or Decimal(float(number)) != number:
        return number  # a whole number may be an id, and any other that no double is has its digits for a reason
    return Decimal(repr(float(number)))


def _moment(text: str) -> object:
    try:
        if text.lstrip("-").isdigit():
            return int(text)
        moment = _utc(datetime.fromisoformat(text))
        return math.floor(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
    except (ValueError, OverflowError):
        return text


_MEANINGS: Mapping[str, Callable[[str], object]] = {
    "bool": lambda text: text.strip().lower(),
    "date": _moment,
    "datetime": _moment,
    "number": _number,
}
