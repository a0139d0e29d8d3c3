"""The file of an export: CSV with a byte order mark, XLSX, or a zip of several or large ones (HS-70)."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hubspot_emulator import list_members, lists, search_filters, spreadsheets
from hubspot_emulator.exports import columns
from hubspot_emulator.exports.request import Ask
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

UNZIPPED_BYTES = 2_000_000
"""A larger CSV is zipped."""
CONTENT_TYPES = {
    "csv": "text/csv;charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
_AT_ONCE = 500
_decode = msgspec.json.Decoder(dict[str, str]).decode


class BuiltFile(NamedTuple):
    """A finished file and how many records are in it."""

    name: str
    content: bytes
    records: int


def build_file(portal: Portal, ask: Ask) -> BuiltFile:
    """Build the file of what the portal holds now."""
    ids = _ids(portal, ask)
    header, stem = columns.headers(portal, ask), re.sub(r"[^\w.-]+", "-", ask.name).strip("-") or "export"
    pieces = spreadsheets.split(_rows(portal, ask, ids), portal.knobs.export_file_rows)
    suffix = ask.file_format.lower()
    files = [_render(suffix, header, piece) for piece in pieces]
    if len(files) == 1 and (suffix != "csv" or len(files[0]) <= UNZIPPED_BYTES):
        return BuiltFile(f"{stem}.{suffix}", files[0], len(ids))
    names = [f"{stem}.{suffix}"] if len(files) == 1 else [f"{stem}-{n}.{suffix}" for n in range(1, len(files) + 1)]
    return BuiltFile(f"{stem}.zip", _zip(names, files), len(ids))


def _rows(portal: Portal, ask: Ask, ids: Sequence[int]) -> Iterator[list[str]]:
    table, shown = portal.table(ask.type_id), columns.Columns(portal, ask)
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        found = table.rows(some)
        for record_id in some:
            yield shown.row(record_id, _decode(found[record_id].properties))


def _ids(portal: Portal, ask: Ask) -> list[int]:
    """Give the records of an export in its order; archived ones are never exported."""
    kind = portal.types.resolve(ask.type_id)
    wanted: set[int] | None = None
    if ask.list_id is not None:
        wanted = {each.record_id for each in list_members.all_members(portal, lists.find(portal, ask.list_id))}
    if wanted is None and not ask.groups and not ask.words and ask.sort == "hs_object_id":
        found = portal.db.execute(f"SELECT id FROM {portal.table(ask.type_id).name} WHERE state = {State.LIVE:d}")
        return sorted((record_id for (record_id,) in found), reverse=ask.descending)
    read = search_filters.comparable(portal.properties(ask.type_id)[ask.sort])
    with_key: list[tuple[Any, int]] = []
    without_key: list[int] = []
    for record_id, values in _hits(portal, kind, ask):
        if wanted is not None and record_id not in wanted:
            continue
        try:
            with_key.append((read(values[ask.sort]), record_id))
        except (KeyError, ValueError):
            without_key.append(record_id)  # not set, or no value of its type
    return [record_id for _, record_id in sorted(with_key, reverse=ask.descending)] + without_key


def _hits(portal: Portal, kind: ObjectType, ask: Ask) -> Iterator[tuple[int, dict[str, str]]]:
    groups = [search_filters.build_group(portal, kind, group) for group in ask.groups]
    sql = f"SELECT id, properties FROM {portal.table(ask.type_id).name} WHERE state = {State.LIVE:d} ORDER BY id"
    for record_id, blob in portal.db.execute(sql):
        values = _decode(blob)
        if groups and not any(all(matches(values) for matches in group.every) for group in groups):
            continue
        texts = [values.get(name, "").lower() for name in kind.searched] if ask.words else []
        if all(any(word in text for text in texts) for word in ask.words):
            yield record_id, values


def _render(suffix: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    if suffix == "xlsx":
        return spreadsheets.write_sheet([header, *rows])
    target = io.StringIO(newline="")
    writer = csv.writer(target, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    writer.writerows(rows)
    return target.getvalue().encode("utf-8-sig", "surrogatepass")


def _zip(names: Sequence[str], files: Sequence[bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in zip(names, files, strict=True):
            entry = zipfile.ZipInfo(name)  # of 1980, so that equal contents are equal files
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return target.getvalue()
