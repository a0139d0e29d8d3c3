"""What stands in a cell, as the value of a property: labels of options, dates in the file's order, owners by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from hubspot_emulator import owners, pipelines, timestamps
from hubspot_emulator.imports.request import Plan
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import Definition

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_PARTS = re.compile(
    r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})"
    r"(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(?: ?([AaPp])[Mm])?(Z|[+-]\d{2}:?\d{2})?)?"
)
_ORDERS = {"DAY_MONTH_YEAR": (2, 1, 0), "MONTH_DAY_YEAR": (2, 0, 1), "YEAR_MONTH_DAY": (0, 1, 2)}
_EPOCH_MS = re.compile(r"-?\d{9,}")
_TRUTHS = {"false": "false", "no": "false", "true": "true", "yes": "true"}


class CellError(Exception):
    """A cell's text is no value of its property."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type, self.message = error_type, message


def parse_cell(
    portal: Portal, plan: Plan, kind: ObjectType, definition: Definition, text: str, given: Mapping[str, str]
) -> str:
    """Give the value that the API would be sent for a cell that is not blank; `given` holds the row's other values."""
    if definition.name == "hubspot_owner_id" or definition.raw.get("referencedObjectType") == "OWNER":
        return _owner(portal, text)
    if definition.name in {kind.pipeline_property, kind.stage_property}:
        return _pipeline(portal, kind, definition, text, given)
    if definition.type == "enumeration" and definition.options:
        return _options(definition, text)
    if definition.type in {"date", "datetime"}:
        moment = parse_moment(plan, text)
        is_day = definition.type == "date"
        return moment.date().isoformat() if is_day else timestamps.render_ms(milliseconds(moment))
    return _TRUTHS.get(text.strip().lower(), text) if definition.type == "bool" else text


def parse_moment(plan: Plan, text: str) -> datetime:
    """Read epoch milliseconds, ISO 8601, or a date in the import's order, in its time zone; CellError otherwise."""
    text = text.strip()
    if _EPOCH_MS.fullmatch(text):
        return _from_ms(int(text))
    found = _PARTS.fullmatch(text)
    if found is None:
        raise _no_date(text)
    numbers = [int(found[place]) for place in (1, 2, 3)]
    order = _ORDERS["YEAR_MONTH_DAY"] if len(found[1]) == 4 else _ORDERS[plan.date_format]
    year, month, day = (numbers[place] for place in order)
    if len(found[order[0] + 1]) == 2:
        year += 2000
    try:
        whole = date(year, month, day)
        hour, minute, second = (int(found[place] or 0) for place in (4, 5, 6))
        if found[8]:
            hour = hour % 12 + (12 if found[8] in "Pp" else 0)
        fraction = int((found[7] or "0").ljust(6, "0"))
        moment = datetime(whole.year, whole.month, whole.day, hour, minute, second, fraction, tzinfo=plan.zone)
    except ValueError as error:
        raise _no_date(text) from error
    if found[9]:
        offset = found[9].replace("Z", "+00:00")
        moment = datetime.fromisoformat(moment.replace(tzinfo=None).isoformat() + offset)
    elif found[4] is None:
        moment = moment.replace(tzinfo=UTC)  # a date has no zone: midnight UTC
    return moment


def milliseconds(moment: datetime) -> int:
    """Give epoch milliseconds."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _from_ms(number: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
    except OverflowError as error:
        raise CellError("OUTSIDE_VALID_TIME_RANGE", f"{number} is no moment of the years 1 to 9999") from error


def _no_date(text: str) -> CellError:
    return CellError("COULD_NOT_PARSE_DATE", f"{text} is no date in the order that the import names")


def _options(definition: Definition, text: str) -> str:
    """Give the internal values of options that may be named by label; a leading `;` adds to what is set."""
    parts = text.split(";") if definition.multiple else [text]
    lead = ";" if definition.multiple and text.startswith(";") else ""
    return lead + ";".join(_option(definition, part.strip()) for part in parts if part.strip())


def _option(definition: Definition, text: str) -> str:
    if text in definition.options:
        return text
    options = definition.raw.get("options", ())
    labelled = [str(each["value"]) for each in options if each["label"] == text]
    labelled = labelled or [str(each["value"]) for each in options if str(each["label"]).lower() == text.lower()]
    if len(labelled) > 1:
        raise CellError(
            "AMBIGUOUS_ENUMERATION_OPTION", f"{len(labelled)} options of {definition.name} are named {text}"
        )
    if not labelled and definition.external_options:
        return text  # options that live elsewhere are not all listed
    if not labelled:
        raise CellError("INVALID_ENUMERATION_OPTION", f"{definition.name} has no option {text}")
    return labelled[0]


def _owner(portal: Portal, text: str) -> str:
    """Find an owner by id, e-mail or full name."""
    wanted = text.strip().lower()
    found = []
    for owner in owners.truth(portal):
        name = " ".join(part for part in (owner.get("firstName"), owner.get("lastName")) if part)
        if owner["state"] == "live" and wanted in {owner["id"], str(owner.get("email")).lower(), name.lower()}:
            found.append(owner["id"])
    if not found:
        raise CellError("COULD_NOT_FIND_OWNER", f"no owner has the id, e-mail or name {text}")
    if len(found) > 1:
        raise CellError("MULTIPLE_OWNERS_FOUND", f"{len(found)} owners are named {text}")
    return str(found[0])


def _pipeline(portal: Portal, kind: ObjectType, definition: Definition, text: str, given: Mapping[str, str]) -> str:
    """Find a pipeline, or a stage of the row's pipeline or of any, by id or label; what is unknown is refused later."""
    known = [each for each in pipelines.truth(portal, kind.type_id) if each["state"] == "live"]
    if definition.name == kind.stage_property:
        pipeline = given.get(kind.pipeline_property or "")
        known = [stage for each in known if pipeline in {None, each["id"]} for stage in each["stages"]]
    for key in ("id", "label"):
        for each in known:
            if each[key] == text.strip():
                return str(each["id"])
    return text
