"""XLSX files: one sheet of texts, read and written with the standard library.

A document with a DTD is refused before anything in it is expanded, and so is an archive that unpacks to too much.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NoReturn
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

UNPACKED_BYTES = 1 << 30
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet's dates have no zone


class SpreadsheetError(ValueError):
    """A file is no workbook that can be read; `sheets` tells how many sheets it has where that is what is wrong."""

    def __init__(self, message: str, sheets: int | None = None) -> None:
        super().__init__(message)
        self.sheets = sheets


def read_sheet(content: bytes) -> list[list[str]]:
    """Give the rows of a workbook of one sheet, blank cells as ""; dates as ISO texts. SpreadsheetError otherwise."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(info.file_size for info in archive.infolist()) > UNPACKED_BYTES:
                raise SpreadsheetError(f"the workbook unpacks to more than {UNPACKED_BYTES} bytes")
            return _read_rows(archive)
    except (zipfile.BadZipFile, KeyError, IndexError, ValueError, ET.ParseError, NotImplementedError) as error:
        if isinstance(error, SpreadsheetError):
            raise
        raise SpreadsheetError(f"the file is no workbook: {error}") from error


def write_sheet(rows: Iterable[Sequence[str]]) -> bytes:
    """Give a workbook of one sheet whose cells are all texts; equal rows give equal bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _FRAME.items():
            archive.writestr(_entry(name), _HEAD + text)
        with archive.open(_entry("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN[1:-1]}"><sheetData>'.encode())
            for row in rows:
                sheet.write(f"<row>{''.join(_render_cell(text) for text in row)}</row>".encode())
            sheet.write(b"</sheetData></worksheet>")
    return target.getvalue()


class _NoDoctype(ET.TreeBuilder):
    def doctype(self, _name: str, _public: str, _system: str) -> NoReturn:
        raise SpreadsheetError("the workbook has a DTD: such files are not read")


def _parse(archive: zipfile.ZipFile, name: str) -> ET.Element:
    with archive.open(name) as file:
        content = file.read(UNPACKED_BYTES + 1)  # the sizes an archive states may be lies
    if len(content) > UNPACKED_BYTES:
        raise SpreadsheetError(f"{name} unpacks to more than {UNPACKED_BYTES} bytes")
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - DTDs, which entities need, are refused
    parser.feed(content)
    return parser.close()


def _read_rows(archive: zipfile.ZipFile) -> list[list[str]]:
    sheets = list(_parse(archive, "xl/workbook.xml").iter(f"{_MAIN}sheet"))
    if len(sheets) != 1:
        raise SpreadsheetError(f"the workbook has {len(sheets)} sheets; one is needed", len(sheets))
    relations = {each.get("Id"): each.get("Target", "") for each in _parse(archive, "xl/_rels/workbook.xml.rels")}
    target = relations[sheets[0].get(_RELATION)]
    names = set(archive.namelist())
    shared = _shared(archive) if "xl/sharedStrings.xml" in names else []
    dated = _dated_styles(archive) if "xl/styles.xml" in names else set()
    sheet = _parse(archive, target.lstrip("/") if target.startswith("/") else f"xl/{target}")
    rows: list[list[str]] = []
    for row in sheet.iter(f"{_MAIN}row"):
        number = int(row.get("r") or len(rows) + 1)
        if not len(rows) < number <= 1_048_577:
            raise SpreadsheetError(f"row {number} is out of order")
        rows += [[] for _ in range(number - len(rows))]
        rows[-1] = _read_cells(row, shared, dated)
    return rows


def _read_cells(row: ET.Element, shared: Sequence[str], dated: set[int]) -> list[str]:
    cells: list[str] = []
    for cell in row.iter(f"{_MAIN}c"):
        column = _column(cell.get("r", "")) or len(cells)
        cells += [""] * (column - len(cells))
        cells.append(_read_cell(cell, shared, dated))
    return cells


def _read_cell(cell: ET.Element, shared: Sequence[str], dated: set[int]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v") or ""
    if kind == "inlineStr":
        return _unescape("".join(each.text or "" for each in cell.iter(f"{_MAIN}t")))
    if kind == "s":
        return shared[int(value)]
    if kind == "b":
        return "true" if value == "1" else "false"
    if kind == "n" and value and int(cell.get("s", "0")) in dated:
        moment = _EPOCH + timedelta(days=float(value))
        moment = moment.replace(microsecond=0) + timedelta(seconds=round(moment.microsecond / 1e6))
        return moment.isoformat() if float(value) % 1 else moment.date().isoformat()
    return _unescape(value)


def _column(reference: str) -> int:
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - 64
    if not 0 <= number <= 16_384:
        raise SpreadsheetError(f"a cell is at {reference}, which no sheet has")
    return max(number - 1, 0)


def _shared(archive: zipfile.ZipFile) -> list[str]:
    return [
        _unescape("".join(text.text or "" for text in item.iter(f"{_MAIN}t")))
        for item in _parse(archive, "xl/sharedStrings.xml").iter(f"{_MAIN}si")
    ]


def _dated_styles(archive: zipfile.ZipFile) -> set[int]:
    """Give the numbers of the styles that show a number as a date."""
    styles = _parse(archive, "xl/styles.xml")
    own = {
        int(each.get("numFmtId", "0"))
        for each in styles.iter(f"{_MAIN}numFmt")
        if re.search("[dmyhs]", _QUOTED.sub("", each.get("formatCode", "")), re.IGNORECASE)
    }
    used = styles.find(f"{_MAIN}cellXfs")
    formats = [] if used is None else [int(each.get("numFmtId", "0")) for each in used]
    return {number for number, each in enumerate(formats) if each in _DATE_FORMATS | own}


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _render_cell(text: str) -> str:
    plain = _UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(plain)}</t></is></c>'


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980, so that equal contents are equal files
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_FRAME = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
    ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN[1:-1]}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def split(rows: Iterable[Sequence[str]], most: int) -> Iterator[list[Sequence[str]]]:
    """Cut rows into pieces of at most so many; at least one, which may be empty."""
    piece: list[Sequence[str]] = []
    for row in rows:
        if len(piece) == most:
            yield piece
            piece = []
        piece.append(row)
    yield piece
