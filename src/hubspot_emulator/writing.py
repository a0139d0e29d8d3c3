"""One record's write, whichever call carries it: check, conflict, store, and what the answer shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hubspot_emulator import associations, property_rules, reading, rendering, timestamps, unique_values, values
from hubspot_emulator.http import ApiError, ApiRequest
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.portal import Current
from hubspot_emulator.property_definition import Problem
from hubspot_emulator.rendering import Record

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_SHOWN_AFTER_UPDATE = (
    "amount_in_home_currency",
    "days_to_close",
    "domain",
    "hs_is_unworked",
    "hs_object_source",
    "hs_object_source_id",
    "hs_object_source_label",
    "hs_pipeline",
    "lifecyclestage",
    "notes_last_updated",
    "pipeline",
)
"""What recorded answers to updates hold beside the changed values (HS-75)."""
_STAGE_DATE = re.compile(r"hs_lifecyclestage_\w+_date")


class InvalidValuesError(ApiError):
    """The 400 of invalid values, which a batch joins into one."""

    def __init__(self, problems: list[Problem]) -> None:
        plain = values.refusal(problems)
        super().__init__(plain.status, plain.message, errors=plain.errors)
        self.problems = problems


class KeyTakenError(ApiError):
    """A contact's e-mail is another contact's: 409."""

    def __init__(self, holder: int) -> None:
        super().__init__(409, f"Contact already exists. Existing ID: {holder}", category="CONFLICT")
        self.holder = holder


def create(
    portal: Portal, kind: ObjectType, body: dict[str, Any], request: ApiRequest, *, at_ms: int | None = None
) -> int:
    """Create a record with its inline associations, or raise ApiError with nothing written."""
    stored = _checked(portal, kind, body.get("properties") or {}, None, request.version)
    missing = values.missing_required(kind, stored)
    if missing and portal.knobs.enforce_required:
        raise values.required_refusal(kind, missing)
    check_unique(portal, kind, None, stored)
    links = associations.parse_inline(portal, kind.type_id, body.get("associations") or [])
    record_id = portal.create_record(
        kind.type_id, stored, created_ms=at_ms, updated_ms=at_ms, request=request.correlation_id
    )
    associations.link_inline(portal, kind.type_id, record_id, links, request=request.correlation_id)
    return record_id


def update(portal: Portal, kind: ObjectType, record_id: int, given: object, request: ApiRequest) -> Current:
    """Change a live record and give it as it is then, or raise ApiError with nothing written."""
    if not given:
        raise ApiError(400, "No properties found to update, please provide at least one.")
    current = portal.live(kind.type_id, record_id)
    stored = _checked(portal, kind, given, current.values, request.version)
    check_unique(portal, kind, record_id, stored)
    return portal.update_record(kind.type_id, record_id, stored, request=request.correlation_id, current=current)


def created(portal: Portal, kind: ObjectType, record_id: int) -> Record:
    """Build the answer to a create: everything that is set, stages' dates in milliseconds (HS-75)."""
    current = portal.live(kind.type_id, record_id)
    values = dict(current.values)
    dates = {name: value for name, value in values.items() if value and _STAGE_DATE.fullmatch(name)}
    values |= {name: str(timestamps.parse_ms(value)) for name, value in dates.items()}
    return rendering.written(portal, kind, current.row, values)


def updated(portal: Portal, kind: ObjectType, current: Current, given: dict[str, Any]) -> Record:
    """Build the answer to an update: the core, what was sent, and a handful more."""
    names = {*kind.core_properties, *given, *_SHOWN_AFTER_UPDATE}
    shown = {name: current.values[name] for name in names if name in current.values}
    return rendering.written(portal, kind, current.row, shown)


def check_unique(portal: Portal, kind: ObjectType, record_id: int | None, stored: dict[str, str]) -> None:
    """Refuse a unique value that another live record holds (HS-20, HS-21)."""
    known = portal.properties(kind.type_id)
    for name, value in _keys(stored):
        if not value or not (known[name].unique or name == kind.key_property):
            continue
        if name == "email" and portal.holder(kind.type_id, unique_values.ERASED, value) is not None:
            raise ApiError(
                400, "GDPR_BLACKLISTED_EMAIL: the contact of this e-mail was erased; it cannot be used again"
            )
        holder = portal.holder(kind.type_id, name, values.normal_key(name, value))
        if holder is None or holder == record_id:
            continue
        if name == kind.key_property:
            raise KeyTakenError(holder)
        raise ApiError(
            400,
            f"Cannot set PropertyValueCoordinates{{portalId={portal.portal_id},"
            f" objectTypeId=ObjectTypeId{{legacyObjectType={kind.singular.upper()}}},"
            f" propertyName={name}, value={value}}} on {record_id or 'new record'}."
            f" {holder} already has that value.",
        )


def _keys(stored: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Give what was written, name by name; secondary e-mails count as e-mails, one by one."""
    for name, value in stored.items():
        if name == "hs_additional_emails":
            yield from (("email", part.lower()) for part in value.split(";"))
        else:
            yield name, value


def _checked(
    portal: Portal, kind: ObjectType, given: object, before: dict[str, str] | None, version: str
) -> dict[str, str]:
    stored, problems = values.check(portal, kind, given, before)
    if version in portal.knobs.rules_enforced_in:
        problems += property_rules.problems_of(portal, kind, stored)
    if problems:
        raise InvalidValuesError(problems)
    return stored


def find_target(portal: Portal, kind: ObjectType, key: str, id_property: str | None) -> int | None:
    """Give the live record that a write means; an id that was merged away finds none."""
    record_id = reading.find_id(portal, kind, key, id_property)
    if record_id is None or portal.record_state(kind.type_id, record_id) != "live":
        return None
    return record_id
