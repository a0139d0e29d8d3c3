"""One import at work: the plan it follows, what it counts and the errors it notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubspot_emulator.association_types import Direction
from hubspot_emulator.imports import tables
from hubspot_emulator.imports.request import Column, FilePlan, Plan
from hubspot_emulator.imports.tables import Import, StoredRow

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


@dataclass(kw_only=True)
class Work:
    """An import while some of its rows are written."""

    portal: Portal
    job: Import
    plan: Plan
    ways: dict[tuple[str, str], Direction]

    def file(self, row: StoredRow) -> FilePlan:
        """Give the plan of a row's file."""
        return self.plan.files[row.file]

    def count(self, counter: str, more: int = 1) -> None:
        """Add to a counter."""
        self.job.counters[counter] = self.job.counters.get(counter, 0) + more

    def direction(self, from_type: str, to_type: str) -> Direction:
        """Give the association types of a direction, read once."""
        if (from_type, to_type) not in self.ways:
            self.ways[from_type, to_type] = Direction(self.portal.db, from_type, to_type)
        return self.ways[from_type, to_type]

    def refuse(
        self,
        row: StoredRow,
        error_type: str,
        message: str,
        *,
        type_id: str,
        column: Column | None = None,
        value: str | None = None,
    ) -> None:
        """Note what is wrong with a row."""
        number = None if column is None else column.number
        cells, where = row.cells, (row.file, row.line)
        self.note(*where, error_type, message, type_id=type_id, column=number, value=value, cells=cells)

    def note(
        self,
        file: int,
        line: int,
        error_type: str,
        message: str,
        *,
        type_id: str | None = None,
        column: int | None = None,
        value: str | None = None,
        cells: list[str] | None = None,
    ) -> None:
        """Note an error as `/errors` will show it; line 0 is the whole file."""
        kind = None if type_id is None else self.portal.types.resolve(type_id)
        source: dict[str, Any] = {
            "fileId": self.job.file_ids[file],
            "lineNumber": line,
            "rowData": cells or [],
            "additionalRowData": [],
            "containsEncryptedProperties": False,
        }
        if self.plan.files[file].spreadsheet:
            source["pageName"] = "Sheet1"
        parts: dict[str, object | None] = {
            "createdAt": self.portal.now_ms(),
            "errorType": error_type,
            "errorMessage": message,
            "invalidValue": value,
            "invalidValueToDisplay": value,
            "knownColumnNumber": column,
            "objectType": None if kind is None else kind.singular.upper(),
            "objectTypeId": None if kind is None else kind.type_id,
            "sourceData": source,
        }
        tables.add_error(self.portal.db, self.job.id, {name: part for name, part in parts.items() if part is not None})
        self.count("ERRORS")
