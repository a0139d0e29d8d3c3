"""What an import asks for: `importRequest`, read and checked as far as HubSpot checks it before the import exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hubspot_emulator import parsing
from hubspot_emulator.http import ApiError

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Operation = Literal["CREATE", "UPDATE", "UPSERT"]
Role = Literal["alternate id", "foreign key", "ignored", "keys", "label", "moment", "property", "record id"]

ACCOUNT_ZONE = "US/Eastern"
COLUMN_LIMIT = 1_000
DATE_FORMATS = ("MONTH_DAY_YEAR", "DAY_MONTH_YEAR", "YEAR_MONTH_DAY")
SUBMISSIONS = ("REGISTERED", "JOINED", "LEFT", "CANCELLED")
_OPERATIONS = ("CREATE", "UPDATE", "UPSERT")
_ROLES: dict[str, Role] = {
    "ASSOCIATION_KEYS": "keys",
    "EVENT_TIMESTAMP": "moment",
    "FLEXIBLE_ASSOCIATION_LABEL": "label",
    "HUBSPOT_ALTERNATE_ID": "alternate id",
    "HUBSPOT_OBJECT_ID": "record id",
    "STANDARD": "property",
}
_REQUEST = {
    "createContactListFromImport",
    "dateFormat",
    "files",
    "importOperations",
    "marketableContactImport",
    "marketingEventObjectId",
    "name",
    "timeZone",
}
_COLUMN = {
    "associationIdentifierColumn",
    "columnName",
    "columnObjectType",
    "columnObjectTypeId",
    "columnType",
    "foreignKeyType",
    "idColumnType",
    "ignored",
    "marketingEventSubmissionType",
    "propertyName",
    "toColumnObjectTypeId",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one column of a file is for."""

    number: int
    """Its place in the file, from 0."""
    header: str
    role: Role
    type_id: str
    name: str | None
    """The property."""
    to_type: str | None
    link: tuple[str, int] | None
    """The fixed association type of a foreign key: category and id, from this column's object."""
    by_alternate_id: bool
    """A foreign key holds e-mails or domains, not record ids."""
    identifies: bool
    """The column of the other file's keys, in the file of the object that owns the property."""
    submission: str


@dataclass(frozen=True, kw_only=True)
class FilePlan:
    """One file and its columns."""

    name: str
    spreadsheet: bool
    has_header: bool
    columns: tuple[Column, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """Name the object types whose records the rows hold, in the order of their columns."""
        writing = ("alternate id", "moment", "property", "record id")
        return tuple(dict.fromkeys(each.type_id for each in self.columns if each.role in writing))

    @property
    def linking(self) -> tuple[Column, ...]:
        """Give the columns that name records to associate, which must wait until all rows are written."""
        return tuple(each for each in self.columns if each.role in {"foreign key", "keys"})


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An import."""

    name: str
    operations: Mapping[str, Operation]
    date_format: str
    zone: ZoneInfo
    marketable: bool
    makes_list: bool
    event_id: int | None
    files: tuple[FilePlan, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """Name the object types of all files."""
        return tuple(dict.fromkeys(type_id for file in self.files for type_id in file.types))

    def operation(self, type_id: str) -> Operation:
        """Tell what may be done with records of a type."""
        return self.operations.get(type_id, "UPSERT")


def parse_plan(portal: Portal, raw: object) -> Plan:
    """Read a decoded `importRequest`; ApiError 400 names what is wrong."""
    body = parsing.fields(raw, _REQUEST, where="importRequest")
    operations = {
        portal.types.resolve(name).type_id: _one_of(value, _OPERATIONS, "importOperations")
        for name, value in _object(body.get("importOperations") or {}, "importOperations").items()
    }
    files = tuple(_parse_file(portal, each) for each in parsing.items(body.get("files"), where="files"))
    if not files:
        raise ApiError(400, "importRequest needs at least one file in files")
    event = body.get("marketingEventObjectId")
    return Plan(
        name=parsing.text(body.get("name"), where="name"),
        operations=cast("Mapping[str, Operation]", operations),
        date_format=_one_of(body.get("dateFormat") or DATE_FORMATS[0], DATE_FORMATS, "dateFormat"),
        zone=_zone(body.get("timeZone") or ACCOUNT_ZONE),
        marketable=_flag(body, "marketableContactImport"),
        makes_list=_flag(body, "createContactListFromImport"),
        event_id=None if event is None else _number(event, "marketingEventObjectId"),
        files=files,
    )


def _parse_file(portal: Portal, raw: object) -> FilePlan:
    parts = parsing.fields(raw, {"fileName", "fileFormat", "fileImportPage"}, where="a file")
    page = parsing.fields(parts.get("fileImportPage"), {"hasHeader", "columnMappings"}, where="fileImportPage")
    name = parsing.text(parts.get("fileName"), where="fileName")
    mappings = parsing.items(page.get("columnMappings"), where="columnMappings")
    if not 0 < len(mappings) < COLUMN_LIMIT:
        raise ApiError(400, f"{name} maps {len(mappings)} columns; 1 to {COLUMN_LIMIT - 1} can be mapped")
    return FilePlan(
        name=name,
        spreadsheet=_one_of(parts.get("fileFormat") or "CSV", ("CSV", "SPREADSHEET"), "fileFormat") == "SPREADSHEET",
        has_header=_flag(page, "hasHeader", default=True),
        columns=tuple(_parse_column(portal, number, each) for number, each in enumerate(mappings)),
    )


def _parse_column(portal: Portal, number: int, raw: object) -> Column:
    parts = parsing.fields(raw, _COLUMN, where="a column mapping")
    header = parsing.text(parts.get("columnName"), where="columnName")
    given = parts.get("columnType") or parts.get("idColumnType") or "STANDARD"
    role = _ROLES[_one_of(given, tuple(_ROLES), f"columnType of {header}")]
    type_name = parts.get("columnObjectTypeId") or parts.get("columnObjectType")
    ignored = _flag(parts, "ignored")
    if type_name is None and not ignored:
        raise ApiError(400, f"Column {header} needs columnObjectTypeId")
    type_id = "" if ignored else portal.types.resolve(parsing.text(type_name, where="columnObjectTypeId")).type_id
    to_name = parts.get("toColumnObjectTypeId")
    to_type = None if to_name is None else portal.types.resolve(parsing.text(to_name, where=header)).type_id
    name = parts.get("propertyName")
    if role == "property" and name == "hs_object_id":
        role = "record id"
    link = _parse_link(parts.get("foreignKeyType"))
    column = Column(
        number=number,
        header=header,
        role="ignored" if ignored else "foreign key" if link and not name else role,
        type_id=type_id,
        name=None if name is None else parsing.text(name, where="propertyName"),
        to_type=_target(portal, type_id, link, header) if link and to_type is None else to_type,
        link=link,
        by_alternate_id=role == "alternate id",
        identifies=_flag(parts, "associationIdentifierColumn"),
        submission=_one_of(parts.get("marketingEventSubmissionType") or "REGISTERED", SUBMISSIONS, header),
    )
    _refuse_incomplete(column)
    return column


def _refuse_incomplete(column: Column) -> None:
    if column.role in {"alternate id", "property"} and column.name is None:
        raise ApiError(400, f"Column {column.header} needs propertyName or foreignKeyType")
    if column.role in {"keys", "label"} and column.to_type is None:
        raise ApiError(400, f"Column {column.header} needs toColumnObjectTypeId")
    if column.role == "keys" and column.to_type != column.type_id:
        raise ApiError(400, f"Column {column.header}: ASSOCIATION_KEYS associates records of one object type only")


def _parse_link(raw: object) -> tuple[str, int] | None:
    if raw is None:
        return None
    parts = parsing.fields(raw, {"associationTypeId", "associationCategory"}, where="foreignKeyType")
    category = parsing.text(parts.get("associationCategory"), where="associationCategory")
    return category, _number(parts.get("associationTypeId"), "associationTypeId")


def _target(portal: Portal, type_id: str, link: tuple[str, int], header: str) -> str:
    """The type alone tells the other object: legacy mappings name no more."""
    found = portal.db.execute(
        "SELECT to_type FROM association_types WHERE from_type = ? AND category = ? AND type_id = ?",
        (type_id, *link),
    ).fetchone()
    if found is None:
        raise ApiError(400, f"Column {header}: {link[0]} {link[1]} is no association type of {type_id}")
    return str(found[0])


def _object(raw: object, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise parsing.invalid_json(f"Cannot deserialize {where}: an object is needed")
    return raw


def _flag(parts: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    value = parts.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ApiError(400, f"{name} must be true or false")
    return value


def _number(raw: object, where: str) -> int:
    text = parsing.text(raw, where=where)
    if not (text.isascii() and text.isdecimal()):
        raise ApiError(400, f"{where} must be a whole number, not {text}")
    return int(text)


def _one_of(raw: object, allowed: Sequence[str], where: str) -> str:
    text = parsing.text(raw, where=where)
    if text not in allowed:
        raise ApiError(400, f"{where} must be one of {', '.join(allowed)}, not {text}")
    return text


def _zone(raw: object) -> ZoneInfo:
    name = parsing.text(raw, where="timeZone")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ApiError(400, f"timeZone {name} is unknown: use a name such as America/New_York") from error
