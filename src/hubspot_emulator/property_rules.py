"""Rules that a portal sets for the values of a property: what keeps them, and the calls that show and set them.

HubSpot enforces them on writes through the API since August 2026 (HS-25).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import parsing, scopes, timestamps
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Handler, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import Problem

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS property_rules (
    type_id TEXT, property TEXT, rule_type TEXT, rule BLOB NOT NULL,
    PRIMARY KEY (type_id, property, rule_type)) WITHOUT ROWID;
"""
_DOMAIN = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]+@([a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)
_URL = re.compile(r"https?://([^/\s:]+)(:\d+)?(/\S*)?", re.IGNORECASE)
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_DAY_MS = 86_400_000

Keeps = Callable[[Sequence[str], str], bool]


def _host(value: str) -> str:
    found = _URL.fullmatch(value)
    return found.group(1).lower() if found else value.rpartition("@")[2].lower()


def _among(arguments: Sequence[str], value: str) -> bool:
    return any(_host(value) == each.lower() or _host(value).endswith(f".{each.lower()}") for each in arguments)


def _weekday(value: str) -> str:
    return _DAYS[(timestamps.parse_ms(value) // _DAY_MS + 3) % 7]


_KEEPS: Mapping[str, Keeps] = {
    "ALPHANUMERIC": lambda _, value: value.isalnum(),
    "DAYS_OF_WEEK": lambda given, value: _weekday(value) in {each.upper() for each in given},
    "DECIMAL": lambda given, value: len(value.partition(".")[2]) <= int(given[0] if given else 0),
    "DOMAIN": lambda _, value: _DOMAIN.fullmatch(value) is not None,
    "EMAIL": lambda _, value: _EMAIL.fullmatch(value) is not None,
    "EMAIL_ALLOWED_DOMAINS": _among,
    "EMAIL_BLOCKED_DOMAINS": lambda given, value: not _among(given, value),
    "END_DATE": lambda given, value: timestamps.parse_ms(value) <= timestamps.parse_ms(given[0]),
    "END_DATETIME": lambda given, value: timestamps.parse_ms(value) <= timestamps.parse_ms(given[0]),
    "MAX_LENGTH": lambda given, value: len(value) <= int(given[0]),
    "MAX_NUMBER": lambda given, value: float(value) <= float(given[0]),
    "MIN_LENGTH": lambda given, value: len(value) >= int(given[0]),
    "MIN_NUMBER": lambda given, value: float(value) >= float(given[0]),
    "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE": lambda _, value: value.strip().startswith("+"),
    "REGEX": lambda given, value: re.fullmatch(given[0], value) is not None,
    "SPECIAL_CHARACTERS": lambda _, value: all(letter.isalnum() or letter.isspace() for letter in value),
    "START_DATE": lambda given, value: timestamps.parse_ms(value) >= timestamps.parse_ms(given[0]),
    "START_DATETIME": lambda given, value: timestamps.parse_ms(value) >= timestamps.parse_ms(given[0]),
    "URL": lambda _, value: _URL.fullmatch(value) is not None,
    "URL_ALLOWED_DOMAINS": _among,
    "URL_BLOCKED_DOMAINS": lambda given, value: not _among(given, value),
    "WHITESPACE": lambda _, value: not any(letter.isspace() for letter in value),
}
KEPT_ONLY = frozenset(
    {"AFTER_DATETIME_DURATION", "AFTER_DURATION", "BEFORE_DATETIME_DURATION", "BEFORE_DURATION", "FORMAT"}
)
"""Rules that are stored and shown, and hold for every value: what their arguments mean is not known."""
_PROBES = {"DAYS_OF_WEEK": "2026-01-01", "END_DATE": "2026-01-01", "END_DATETIME": "2026-01-01"}
_PROBES |= {"START_DATE": "2026-01-01", "START_DATETIME": "2026-01-01"}


def problems_of(portal: Portal, kind: ObjectType, stored: Mapping[str, str]) -> list[Problem]:
    """Name the values that break a rule; cleared ones break none."""
    rules = _rules(portal, kind.type_id)
    return [
        Problem(
            name=name, code=rule["ruleType"], message=f"{value} does not keep the rule {rule['ruleType']} of {name}"
        )
        for name, value in stored.items()
        if value != ""
        for rule in rules.get(name, ())
        if not _is_kept(rule, value)
    ]


def list_rules(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer every property that has rules, with them."""
    parsing.known_parameters(request, ())
    rules = _rules(portal, _kind(portal, request).type_id)
    found = [{"propertyName": name, "propertyValidationRules": each} for name, each in rules.items()]
    return json_response({"results": found})


def fetch_rules(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the rules of one property."""
    parsing.known_parameters(request, ())
    kind, name = _kind(portal, request), _property(portal, request)
    return json_response({"results": _rules(portal, kind.type_id).get(name, [])})


def fetch_rule(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one rule of one property."""
    parsing.known_parameters(request, ())
    kind, name, rule_type = _kind(portal, request), _property(portal, request), _rule_type(request)
    for rule in _rules(portal, kind.type_id).get(name, ()):
        if rule["ruleType"] == rule_type:
            return json_response(rule)
    raise ApiError(404, f"{name} has no rule {rule_type}", category="OBJECT_NOT_FOUND")


def put_rule(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Set a rule; values that break it already stay."""
    parsing.known_parameters(request, ())
    kind, name, rule_type = _kind(portal, request), _property(portal, request), _rule_type(request)
    body = parsing.fields(request.json(), {"ruleArguments", "shouldApplyNormalization"})
    arguments = parsing.texts(body.get("ruleArguments"), where="ruleArguments")
    rule: dict[str, Any] = {"ruleType": rule_type, "ruleArguments": arguments}
    if "shouldApplyNormalization" in body:
        rule["shouldApplyNormalization"] = bool(body["shouldApplyNormalization"])
    _check(rule)
    blob = msgspec.json.encode(rule)
    portal.db.execute(
        "INSERT OR REPLACE INTO property_rules VALUES (?, ?, ?, ?)", (kind.type_id, name, rule_type, blob)
    )
    return ApiResponse(status=204)


def _check(rule: Mapping[str, Any]) -> None:
    """Try a rule on a value, so that arguments it cannot be applied with are refused when it is set."""
    keeps = _KEEPS.get(rule["ruleType"])
    try:
        if keeps is not None:
            keeps(rule["ruleArguments"], _PROBES.get(rule["ruleType"], "1"))
    except (IndexError, ValueError, re.error) as error:
        message = f"ruleArguments {rule['ruleArguments']} are none of {rule['ruleType']}: {error}"
        raise ApiError(400, message) from error


def _is_kept(rule: Mapping[str, Any], value: str) -> bool:
    keeps = _KEEPS.get(rule["ruleType"])
    try:
        return keeps is None or keeps(rule["ruleArguments"], value)
    except ValueError:
        return False  # a value that is no number or date keeps no rule about them


def _rules(portal: Portal, type_id: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    sql = "SELECT property, rule FROM property_rules WHERE type_id = ? ORDER BY property, rule_type"
    for name, blob in portal.db.execute(sql, (type_id,)):
        found.setdefault(name, []).append(msgspec.json.decode(blob))
    return found


def _kind(portal: Portal, request: ApiRequest) -> ObjectType:
    return portal.types.resolve(request.params["objectType"])


def _property(portal: Portal, request: ApiRequest) -> str:
    name = request.params["name"]
    definition = portal.properties(_kind(portal, request).type_id).get(name)
    if definition is None or definition.archived:
        raise ApiError(404, f'Property "{name}" does not exist', category="OBJECT_NOT_FOUND")
    return name


def _rule_type(request: ApiRequest) -> str:
    rule_type = request.params["ruleType"]
    if rule_type not in _KEEPS and rule_type not in KEPT_ONLY:
        known = ", ".join(sorted({*_KEEPS, *KEPT_ONLY}))
        raise ApiError(400, f"ruleType {rule_type} is unknown; known are {known}")
    return rule_type


_CALLS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", list_rules),
    ("GET", "/{name}", fetch_rules),
    ("GET", "/{name}/rule-type/{ruleType}", fetch_rule),
    ("PUT", "/{name}/rule-type/{ruleType}", put_rule),
)

FAMILY = Family(
    routes=tuple(
        Route(
            method=method,
            template=prefix + "/{objectType}" + suffix,
            handler=handler,
            version=version,
            scopes=scopes.write_schema if method == "PUT" else scopes.read_schema,
        )
        for prefix, version in (("/crm/property-validations/{version}", None), ("/crm/v3/property-validations", "v3"))
        for method, suffix, handler in _CALLS
    )
)
