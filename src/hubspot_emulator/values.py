"""What may be written into a property, by its type, in the form that is stored; refusals in HubSpot's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from hubspot_emulator import owners, pipelines, timestamps
from hubspot_emulator.http import ApiError
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import Definition, Problem

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

LONGEST = 65_536
_DAY_MS = 86_400_000
_YEARS_1000_MS = 1_000 * 31_556_952_000
_ERRORS_SHOWN = 3  # recorded: the message lists every problem, `errors` three
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
_EMAIL = re.compile(r"[^@\s,;<>()\[\]\\\"]+@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+([a-z]{2,}|xn--[a-z0-9-]+)\Z")
_RESERVED_DOMAINS = frozenset({"test", "invalid", "localhost", "local", "example"})


class InvalidValueError(Exception):
    """A value does not fit its property; `code` is HubSpot's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def check(
    portal: Portal, kind: ObjectType, given: object, before: Mapping[str, str] | None
) -> tuple[dict[str, str], list[Problem]]:
    """Give the values to store and what is wrong with the rest; `before` is the record's own, None for a new one."""
    if not isinstance(given, dict):
        raise ApiError(400, "Invalid input JSON on line 1, column 1: properties must be an object", category=None)
    known = portal.properties(kind.type_id)
    stored: dict[str, str] = {}
    problems: list[Problem] = []
    for name, raw in given.items():
        if raw is None and not portal.knobs.null_clears:
            continue
        definition = known.get(name)
        try:
            stored[name] = _check_one(definition, name, as_text(raw), (before or {}).get(name, ""))
            if definition is not None and definition.raw.get("referencedObjectType") == "OWNER":
                _check_owner(portal, stored[name])
        except InvalidValueError as error:
            problems.append(Problem(name=name, code=error.code, message=error.message))
    if not problems:
        problems = list(pipelines.problems_of(portal, kind, stored, before))
    return stored, problems


def as_text(raw: object) -> str:
    """Give a JSON scalar as the text that HubSpot makes of it."""
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str | int | float):
        return str(raw)
    raise ApiError(
        400,
        "Invalid input JSON on line 1, column 1: Cannot deserialize value of type `java.lang.String` in properties",
        category=None,
    )


def refusal(problems: Sequence[Problem]) -> ApiError:
    """Build the 400 that lists invalid values (HS-24)."""
    listed = [
        {
            "isValid": False,
            "message": problem.message,
            "error": problem.code,
            "name": problem.name,
        }
        for problem in problems
    ]
    return ApiError(
        400,
        f"Property values were not valid: {msgspec.json.encode(listed).decode()}",
        errors=[
            {"message": problem.message, "code": problem.code, "context": {"propertyName": [problem.name]}}
            for problem in problems[:_ERRORS_SHOWN]
        ],
    )


def missing_required(kind: ObjectType, values: Mapping[str, str]) -> list[str]:
    """Name the properties that a new record of this type still needs (HS-25)."""
    missing = [name for name in kind.required if not values.get(name)]
    if kind.required_any and not any(values.get(name) for name in kind.required_any):
        missing += kind.required_any
    return missing


def required_refusal(kind: ObjectType, missing: Iterable[str]) -> ApiError:
    """Build the 400 of a record without what its type requires."""
    names = list(missing)
    return ApiError(
        400,
        f"Error creating {kind.singular.upper()}. Some required properties were not set.",
        context={"properties": names},
        errors=[
            {
                "message": "One or more required properties were not set.",
                "code": "MISSING_REQUIRED_PROPERTY",
                "context": {"properties": names},
            }
        ],
    )


def normal_key(name: str, value: str) -> str:
    """Give a unique value in the form in which it is compared."""
    return value.strip().lower() if name == "email" else value


def _check_one(definition: Definition | None, name: str, value: str, before: str) -> str:
    if definition is None or definition.archived:
        raise InvalidValueError("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if definition.read_only:
        raise InvalidValueError("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    if value == "":
        return ""
    if name == "email":
        return _email(value)
    if name == "hs_additional_emails":
        return ";".join(dict.fromkeys(_email(part) for part in value.split(";") if part))
    if definition.type == "enumeration":
        return _enumeration(definition, value, before)
    return _BY_TYPE.get(definition.type, _text)(value)


def _check_owner(portal: Portal, value: str) -> None:
    if value and portal.knobs.owners_must_exist and not owners.exists(portal, value):
        raise InvalidValueError("INVALID_OWNER_ID", f"{value} is not the id of an owner of this account")


def _email(value: str) -> str:
    found = value.strip().lower()
    match = _EMAIL.match(found)
    if match is None or match.group(3) in _RESERVED_DOMAINS:
        raise InvalidValueError("INVALID_EMAIL", f"Email address {value} is invalid")
    return found


def _text(value: str) -> str:
    if len(value) > LONGEST:
        raise InvalidValueError(
            "PROPERTY_VALUE_TOO_LONG", f"The value has {len(value)} characters; the most is {LONGEST}."
        )
    return value


def _number(value: str) -> str:
    found = value.strip()
    if not _NUMBER.match(found):
        raise InvalidValueError("INVALID_INTEGER", f"{value} was not a valid number")
    return found


def _boolean(value: str) -> str:
    found = value.lower()
    if found not in {"true", "false"}:
        raise InvalidValueError("INVALID_OPTION", f"{value} was not one of the allowed options: [true, false]")
    return found


def _date(value: str) -> str:
    try:
        if _DAY.fullmatch(value):
            date.fromisoformat(value)
            return value
        moment = timestamps.parse_ms(value)
    except ValueError as error:
        raise InvalidValueError("INVALID_LONG", f"{value} was not a valid long.") from error
    _near(value, moment)
    if moment % _DAY_MS:
        rest = timedelta(milliseconds=moment % _DAY_MS)
        hours, seconds = divmod(rest.seconds, 3600)
        raise InvalidValueError(
            "INVALID_DATE",
            f"{value} is at {hours}:{seconds // 60}:{seconds % 60}.{rest.microseconds // 1000} UTC, not midnight!",
        )
    return timestamps.render_ms(moment)[:10]


def _datetime(value: str) -> str:
    try:
        moment = timestamps.parse_ms(value)
    except ValueError as error:
        raise InvalidValueError("INVALID_LONG", f"{value} was not a valid long.") from error
    _near(value, moment)
    return timestamps.render_ms(moment)


def _near(value: str, moment_ms: int) -> None:
    # Years 1 to 9999 is what a date holds here; the limit of HubSpot is nearer and hides it.
    if abs(moment_ms - 1_790_000_000_000) > _YEARS_1000_MS:
        raise InvalidValueError("INVALID_DATE", f"{value} is more than 1,000 years ago or 1,000 years from now.")


def _enumeration(definition: Definition, value: str, before: str) -> str:
    if not definition.multiple:
        _allowed(definition, (value,))
        return value
    parts = [part for part in value.split(";") if part]
    _allowed(definition, parts)
    if value.startswith(";"):
        parts = [*(part for part in before.split(";") if part), *parts]
    return ";".join(dict.fromkeys(parts))


def _allowed(definition: Definition, parts: Iterable[str]) -> None:
    if definition.external_options:
        return
    for part in parts:
        if part not in definition.options:
            options = ", ".join(definition.options)
            raise InvalidValueError("INVALID_OPTION", f"{part} was not one of the allowed options: [{options}]")


_BY_TYPE: dict[str, Callable[[str], str]] = {
    "bool": _boolean,
    "date": _date,
    "datetime": _datetime,
    "number": _number,
}
