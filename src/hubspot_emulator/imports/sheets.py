"""The uploaded files as rows, and what makes a whole file useless (HS-66)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hubspot_emulator import spreadsheets
from hubspot_emulator.imports.request import Column, FilePlan
from hubspot_emulator.imports.tables import FileProblem
from hubspot_emulator.object_types import ObjectType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Line = tuple[int, list[str]]
"""The lineNumber of a row, as errors give it, and its cells in the order of the mappings."""


class UselessFileError(Exception):
    """Nothing of a file can be imported."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_lines(portal: Portal, number: int, plan: FilePlan, content: bytes) -> list[Line]:
    """Give a file's rows with cells in the order of its mappings; UselessFileError says why there are none."""
    numbered = list(_read_spreadsheet(number, content) if plan.spreadsheet else _read_csv(portal, number, content))
    offset = portal.knobs.import_first_line - 2 if plan.has_header else 0
    if not numbered:
        raise UselessFileError(FileProblem(number, "INVALID_SPREADSHEET", f"{plan.name} is empty"))
    order = _order(number, plan, numbered[0][1]) if plan.has_header else None
    rows = numbered[1:] if plan.has_header else numbered
    if order is None or order == list(range(len(order))):
        return [(line + offset, cells) for line, cells in rows]
    return [
        (line + offset, [cells[place] for place in order] if len(cells) == len(order) else cells)
        for line, cells in rows
    ]


def problems_of(portal: Portal, number: int, plan: FilePlan, keys: Sequence[Column]) -> list[FileProblem]:
    """Name the mappings that cannot work; `keys` are the identifier columns of all files."""
    found: list[FileProblem] = []
    for column in plan.columns:
        problem = _column_problem(portal, column, keys)
        if problem is not None:
            found.append(FileProblem(number, problem[0], problem[1], column.number, column.name))
    return found


def is_key(portal: Portal, kind: ObjectType, name: str) -> bool:
    """Tell whether imports identify records of a type by a property."""
    if name == IMPORT_KEYS.get(kind.type_id) or name == "hs_object_id":
        return True
    definition = portal.properties(kind.type_id).get(name)
    return definition is not None and definition.unique and not definition.archived


IMPORT_KEYS = {"0-1": "email", "0-2": "domain"}
"""The built-in keys beside the record id; a company's domain is one in imports only."""


def _column_problem(portal: Portal, column: Column, keys: Sequence[Column]) -> tuple[str, str] | None:
    if column.role == "ignored":
        return None
    kind = portal.types.resolve(column.type_id)
    if column.name is not None and column.role in {"property", "alternate id"}:
        definition = portal.properties(kind.type_id).get(column.name)
        if definition is None or definition.archived:
            return "PROPERTY_DEFINITION_NOT_FOUND", f"{kind.name} have no property {column.name}"
        if column.role == "alternate id" and not is_key(portal, kind, column.name):
            return "INVALID_ALTERNATE_ID", f"{column.name} does not identify {kind.name}"
    if column.identifies and not is_key(portal, kind, column.name or "hs_object_id"):
        return "INVALID_ASSOCIATION_IDENTIFIER", f"{column.name} does not identify {kind.name}"
    known = column.to_type in IMPORT_KEYS or any(each.type_id == column.to_type for each in keys)
    if column.role == "foreign key" and column.by_alternate_id and not known:
        return "INVALID_ASSOCIATION_IDENTIFIER", f"no property is known that identifies {column.to_type}"
    return None


def _order(number: int, plan: FilePlan, header: Sequence[str]) -> list[int]:
    """Give, for each mapping, the place of its column in the file."""
    mapped = [column.header for column in plan.columns]
    if len(header) != len(mapped):
        message = f"{plan.name} has {len(header)} columns, and {len(mapped)} are mapped"
        raise UselessFileError(FileProblem(number, "INCORRECT_NUMBER_OF_COLUMNS", message))
    if list(header) == mapped:
        return list(range(len(mapped)))
    if len(set(header)) < len(header) or set(header) != set(mapped):
        wrong = next((name for name in mapped if name not in header), mapped[0])
        message = f"{plan.name} has no column {wrong}"
        raise UselessFileError(FileProblem(number, "INVALID_COLUMN_CONFIGURATION", message, mapped.index(wrong)))
    return [header.index(name) for name in mapped]


def _read_spreadsheet(number: int, content: bytes) -> Iterator[Line]:
    try:
        rows = spreadsheets.read_sheet(content)
    except spreadsheets.SpreadsheetError as error:
        code = "INVALID_SPREADSHEET" if error.sheets is None else "INVALID_SHEET_COUNT"
        raise UselessFileError(FileProblem(number, code, str(error))) from error
    width = len(rows[0]) if rows else 0
    for line, cells in enumerate(rows, 1):
        if any(cells):  # a sheet leaves out blank cells at the end of a row, and blank rows
            yield line, cells + [""] * (width - len(cells))


def _read_csv(portal: Portal, number: int, content: bytes) -> Iterator[Line]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8: byte {error.start}"
        raise UselessFileError(FileProblem(number, "INVALID_FILE_TYPE", message)) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    line, physical = 0, 1
    try:
        for cells in reader:
            if cells:
                line += 1
                yield (physical if portal.knobs.import_lines_are_physical else line), cells
            physical = reader.line_num + 1
    except csv.Error as error:
        message = f"the file is no CSV from line {physical} on: {error}"
        raise UselessFileError(FileProblem(number, "COULD_NOT_PARSE_ROW", message)) from error
