"""One row: the records it names are found or made, and associated with each other (HS-67)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hubspot_emulator import event_participations, values, writing
from hubspot_emulator.http import ApiError
from hubspot_emulator.imports import cells, links, tables
from hubspot_emulator.imports.request import Column
from hubspot_emulator.imports.sheets import IMPORT_KEYS
from hubspot_emulator.imports.tables import StoredRow
from hubspot_emulator.imports.work import Work
from hubspot_emulator.object_types import ObjectType

CREATE_ONLY = frozenset({"emails", "meetings", "notes", "tasks"})
_ERROR_TYPES = {
    "INVALID_DATE": "OUTSIDE_VALID_TIME_RANGE",
    "INVALID_EMAIL": "INVALID_EMAIL",
    "INVALID_INTEGER": "COULD_NOT_PARSE_NUMBER",
    "INVALID_LONG": "COULD_NOT_PARSE_DATE",
    "INVALID_OPTION": "INVALID_ENUMERATION_OPTION",
    "PROPERTY_DOESNT_EXIST": "PROPERTY_DEFINITION_NOT_FOUND",
    "PROPERTY_VALUE_TOO_LONG": "COLUMN_TOO_LARGE",
}
"""The error types of an import, by the codes that the objects API gives."""


class RowError(Exception):
    """A row's record is not written."""

    def __init__(self, error_type: str, message: str, column: Column | None = None, value: str | None = None) -> None:
        super().__init__(message)
        self.error_type, self.message, self.column, self.value = error_type, message, column, value


@dataclass(kw_only=True)
class _Part:
    """What a row says of the record of one type."""

    kind: ObjectType
    columns: Sequence[Column]
    cells: Sequence[str]
    key: Column | None = None
    """The column that found the record."""
    values: dict[str, str] = field(default_factory=dict)

    def text(self, column: Column) -> str:
        """Give a cell without the blanks around it; a blank cell says nothing."""
        return self.cells[column.number].strip()

    def column(self, name: str) -> Column | None:
        """Give the column of a property."""
        return next((each for each in self.columns if each.name == name), None)


def write_row(work: Work, row: StoredRow) -> dict[str, int]:
    """Write the records of a row and what they are to each other; give their ids by type."""
    plan = work.file(row)
    if len(row.cells) != len(plan.columns):
        message = f"the row has {len(row.cells)} cells, and {len(plan.columns)} columns are mapped"
        work.refuse(row, "INCORRECT_NUMBER_OF_COLUMNS", message, type_id=plan.types[0] if plan.types else "0-1")
        return {}
    if not any(text.strip() for text in row.cells):
        message = "the row is blank"
        error_type = "FAILED_TO_PROCESS_OBJECT_WITH_EMPTY_PROPERTY_VALUES"
        work.refuse(row, error_type, message, type_id=plan.types[0] if plan.types else "0-1")
        return {}
    ids: dict[str, int] = {}
    for type_id in plan.types:
        columns = [each for each in plan.columns if each.type_id == type_id]
        part = _Part(kind=work.portal.types.resolve(type_id), columns=columns, cells=row.cells)
        try:
            record_id = _write_part(work, row, part)
        except RowError as error:
            found, value = error.column, error.value
            work.refuse(row, error.error_type, error.message, type_id=type_id, column=found, value=value)
        else:
            if record_id is not None:
                ids[type_id] = record_id
    links.link_row(work, row, ids)
    return ids


def _write_part(work: Work, row: StoredRow, part: _Part) -> int | None:
    named = [each for each in part.columns if each.role in {"alternate id", "property", "record id"}]
    if not any(part.text(each) for each in named):
        return None  # nothing is said of this object: the row is about the others
    record_id = _find(work, part, named)
    _check_operation(work, part, record_id)
    _check_repeated(work, row, part, record_id)
    _read_values(work, row, part, named, record_id)
    written_id = _create(work, part) if record_id is None else _update(work, part, record_id)
    for column in part.columns:
        if column.role == "moment":
            _note_moment(work, row, part, column, written_id)
    return written_id


def _find(work: Work, part: _Part, named: Sequence[Column]) -> int | None:
    """Give the record that the row means: by record id, by the mapped keys, by the built-in key."""
    by_id = next((each for each in named if each.role == "record id" and part.text(each)), None)
    if by_id is not None:
        text = part.text(by_id)
        part.key = by_id
        record_id = writing.find_target(work.portal, part.kind, text, None)
        if record_id is None:
            raise RowError("INVALID_RECORD_ID", f"no {part.kind.singular} has the record id {text}", by_id, text)
        return record_id
    builtin = IMPORT_KEYS.get(part.kind.type_id)
    keys = [each for each in named if each.role == "alternate id" or each.name == builtin]
    for column in sorted(keys, key=lambda each: each.role != "alternate id"):
        if part.text(column):
            part.key = part.key or column
            found = _holder(work, part, column)
            if found is not None:
                part.key = column
                return found
    return None


def _holder(work: Work, part: _Part, column: Column) -> int | None:
    name, text = column.name or "", part.text(column)
    if part.kind.type_id == "0-2" and name == "domain":
        found = links.companies_of(work.portal, text)
        if not links.is_domain(text):
            raise RowError("INVALID_DOMAIN", f"{text} is no domain", column, text)
        if len(found) > 1:
            message = f"{len(found)} companies have the domain {text}"
            raise RowError("MULTIPLE_COMPANIES_WITH_THIS_DOMAIN", message, column, text)
        return found[0] if found else None
    return work.portal.holder(part.kind.type_id, name, values.normal_key(name, text))


def _check_operation(work: Work, part: _Part, record_id: int | None) -> None:
    operation = work.plan.operation(part.kind.type_id)
    mine = record_id is not None and tables.wrote(work.portal.db, work.job.id, part.kind.type_id, record_id) is not None
    create_only = operation == "CREATE" or part.kind.name in CREATE_ONLY
    key = part.key
    text = None if key is None else part.text(key)
    if create_only and record_id is not None and not mine:
        raise RowError("CREATE_ONLY_IMPORT", f"the {part.kind.singular} {record_id} exists already", key, text)
    if operation == "UPDATE" and record_id is None:
        raise RowError("UPDATE_ONLY_IMPORT", f"no {part.kind.singular} is found by this row", key, text)


def _check_repeated(work: Work, row: StoredRow, part: _Part, record_id: int | None) -> None:
    """A record stands in one row of a file of one object; where rows are pairs it may repeat."""
    if len(work.file(row).types) > 1 or record_id is None or part.key is None:
        return
    if tables.wrote(work.portal.db, work.job.id, part.kind.type_id, record_id) is not None:
        error_type = "DUPLICATE_RECORD_ID" if part.key.role == "record id" else "DUPLICATE_ALTERNATE_ID"
        text = part.text(part.key)
        raise RowError(error_type, f"{text} stands in an earlier row of the import", part.key, text)


def _read_values(work: Work, row: StoredRow, part: _Part, named: Sequence[Column], record_id: int | None) -> None:
    """Read the cells; one that is no value of its property is noted and left out, unless it is the key."""
    known = work.portal.properties(part.kind.type_id)
    pipeline_first = sorted(named, key=lambda each: each.name != part.kind.pipeline_property)
    for column in pipeline_first:
        text = part.text(column)
        if not text or column.name is None or column.role == "record id":
            continue
        if record_id is not None and column is part.key:
            continue  # a secondary e-mail finds a contact without becoming its primary one
        text = part.cells[column.number] if known[column.name].type == "string" else text
        try:
            value = cells.parse_cell(work.portal, work.plan, part.kind, known[column.name], text, part.values)
        except cells.CellError as error:
            _refuse_cell(work, row, part, column, error.error_type, error.message)
        else:
            part.values[column.name] = value
    _validate(work, row, part, record_id)
    if work.plan.marketable and part.kind.type_id == "0-1":
        part.values["hs_marketable_status"] = "true"  # read-only, but not for HubSpot itself


def _validate(work: Work, row: StoredRow, part: _Part, record_id: int | None) -> None:
    before = None if record_id is None else work.portal.values_of(part.kind.type_id, record_id)
    given = dict(part.values)
    while True:
        stored, problems = values.check(work.portal, part.kind, given, before)
        if not problems:
            part.values = stored
            return
        for problem in problems:
            del given[problem.name]
            column = part.column(problem.name)
            error_type = _ERROR_TYPES.get(problem.code, "FAILED_VALIDATION")
            if column is None:
                raise RowError(error_type, problem.message)
            _refuse_cell(work, row, part, column, error_type, problem.message)


def _refuse_cell(work: Work, row: StoredRow, part: _Part, column: Column, error_type: str, message: str) -> None:
    text = part.text(column)
    if column is part.key or work.portal.knobs.import_bad_cell_skips_row:
        raise RowError(error_type, message, column, text)
    work.refuse(row, error_type, message, type_id=part.kind.type_id, column=column, value=text)


def _create(work: Work, part: _Part) -> int:
    missing = values.missing_required(part.kind, part.values)
    if missing and work.portal.knobs.enforce_required:
        raise RowError("MISSING_REQUIRED_PROPERTY", f"a {part.kind.singular} needs {', '.join(missing)}")
    _check_unique(work, part, None)
    record_id = work.portal.create_record(part.kind.type_id, part.values, request=work.job.call)
    _note_written(work, part, record_id, created=True)
    return record_id


def _update(work: Work, part: _Part, record_id: int) -> int:
    seen = tables.wrote(work.portal.db, work.job.id, part.kind.type_id, record_id) is not None
    if seen:  # a record that repeats over rows of pairs is written again only where they differ
        before = work.portal.values_of(part.kind.type_id, record_id)
        part.values = {name: value for name, value in part.values.items() if before.get(name, "") != value}
    if part.values:
        _check_unique(work, part, record_id)
        work.portal.update_record(part.kind.type_id, record_id, part.values, request=work.job.call)
    if seen:
        work.count("PROPERTY_VALUES_EMITTED", len(part.values))
    else:
        _note_written(work, part, record_id, created=False)
    return record_id


def _check_unique(work: Work, part: _Part, record_id: int | None) -> None:
    try:
        writing.check_unique(work.portal, part.kind, record_id, part.values)
    except ApiError as error:
        erased = error.message.startswith("GDPR_BLACKLISTED_EMAIL")
        error_type = "GDPR_BLACKLISTED_EMAIL" if erased else "DUPLICATE_UNIQUE_PROPERTY_VALUE"
        raise RowError(error_type, error.message, part.column("email") if erased else None) from error


def _note_written(work: Work, part: _Part, record_id: int, *, created: bool) -> None:
    tables.note_written(work.portal.db, work.job.id, part.kind.type_id, record_id, created=created)
    work.count("UNIQUE_OBJECTS_WRITTEN")
    work.count("CREATED_OBJECTS" if created else "UPDATED_OBJECTS")
    work.count("PROPERTY_VALUES_EMITTED", len(part.values))


def _note_moment(work: Work, row: StoredRow, part: _Part, column: Column, contact_id: int) -> None:
    """Note when a contact took part in the import's marketing event."""
    text = part.text(column)
    if not text:
        work.refuse(row, "MISSING_EVENT_TIMESTAMP", "the cell is blank", type_id=part.kind.type_id, column=column)
        return
    try:
        moment = cells.milliseconds(cells.parse_moment(work.plan, text))
    except cells.CellError as error:
        type_id = part.kind.type_id
        work.refuse(row, "INVALID_EVENT_TIMESTAMP", error.message, type_id=type_id, column=column, value=text)
        return
    event_id = work.plan.event_id or 0
    if not event_participations.note(
        work.portal.db, event_id, contact_id, column.submission, moment, work.portal.now_ms()
    ):
        message = "the contact's part in the event is known already"
        work.refuse(row, "DUPLICATE_EVENT", message, type_id=part.kind.type_id, column=column, value=text)
