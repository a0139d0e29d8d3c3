"""Reading requests strictly: a field, a parameter or a shape nobody knows is an error that names it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hubspot_emulator.http import ApiError, ApiRequest

BATCH_LIMIT = 100
PASSED_OVER = frozenset({"limit"})
"""Parameters that HubSpot passes over where a call does not have them (HS-73): connectors send a limit to every call."""


def invalid_json(what: str) -> ApiError:
    """Build HubSpot's answer to a body of the wrong shape."""
    return ApiError(400, f"Invalid input JSON on line 1, column 1: {what}", category=None)


def fields(value: object, known: Collection[str], *, where: str = "the body") -> dict[str, Any]:
    """Give a JSON object that has no fields but the known ones."""
    if not isinstance(value, dict):
        raise invalid_json(f"Cannot deserialize {where}: an object is needed, not {_kind(value)}")
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise invalid_json(f'Unrecognized field "{unknown[0]}" in {where} (known: {", ".join(sorted(known))})')
    return value


def items(value: object, *, where: str) -> list[Any]:
    """Give a JSON array; null stands for an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid_json(f"Cannot deserialize instance of `java.util.ArrayList` in {where} from {_kind(value)}")
    return value


def texts(value: object, *, where: str) -> list[str]:
    """Give a JSON array of texts; numbers are read as texts, as HubSpot does."""
    return [text(each, where=where) for each in items(value, where=where)]


def text(value: object, *, where: str) -> str:
    """Give a text or a number as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise invalid_json(f"Cannot deserialize value of type `java.lang.String` in {where} from {_kind(value)}")
    return str(value)


def inputs(request: ApiRequest, known: Collection[str], more: Collection[str] = ()) -> tuple[dict[str, Any], list[Any]]:
    """Give a batch body and its inputs, each with known fields only; more than 100 or none are refused."""
    body = fields(request.json(), {"inputs", *more})
    found = [fields(each, known, where="an input") for each in items(body.get("inputs"), where="inputs")]
    if not found:
        raise ApiError(400, "The request needs at least one input in inputs.")
    limit_inputs(found, BATCH_LIMIT, "a batch request")
    return body, found


def limit_inputs(found: Sequence[object], most: int, what: str) -> None:
    """Refuse a batch that is too large."""
    if len(found) > most:
        raise ApiError(
            400,
            f"The maximum number of inputs supported in {what} is {most}."
            " Please reduce the number of items and try again",
        )


def known_parameters(request: ApiRequest, known: Collection[str]) -> None:
    """Refuse a query parameter that this call does not have."""
    unknown = sorted(set(request.query) - set(known) - PASSED_OVER)
    if unknown:
        raise ApiError(
            400,
            f"Unknown query parameter {unknown[0]} for {request.method} {request.path};"
            f" known are: {', '.join(sorted(known)) or 'none'}",
        )


def flag(request: ApiRequest, name: str, *, default: bool = False) -> bool:
    """Read `true` or `false` in any case."""
    given = _last(request.query, name)
    if given is None:
        return default
    if given.lower() not in {"true", "false"}:
        raise ApiError(400, f"Query parameter {name} must be true or false, not {given}")
    return given.lower() == "true"


def names(request: ApiRequest, name: str) -> tuple[str, ...]:
    """Read a list given as `a,b`, as repeated parameters, or both."""
    found = (part.strip() for value in request.query.get(name, ()) for part in value.split(","))
    return tuple(part for part in found if part)


def one(request: ApiRequest, name: str) -> str | None:
    """Read a parameter that is given once at most."""
    return _last(request.query, name) or None


def limit(request: ApiRequest, *, default: int, most: int) -> int:
    """Read `limit`; out of range is refused."""
    given = _last(request.query, "limit")
    if given is None:
        return default
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise ApiError(400, f"limit must be a whole number from 1 to {most}, not {given}")
    return int(given)


def _last(query: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = query.get(name)
    return values[-1] if values else None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds = {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}
    return kinds.get(type(value), "a number")
