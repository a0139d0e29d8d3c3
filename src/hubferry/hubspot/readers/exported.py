"""Has HubSpot export an object's live records and reads the file (HS-69, HS-70): few calls, however many records.

What a file says is no record: it shows cleared and unset values alike, it lacks archived records, and how it writes
numbers is documented nowhere. It says which records there are and which of them to read by id.
"""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa
from pyarrow import csv as arrow_csv

from hubferry.errors import (
    RefusedError,
    ScopeError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
    UnreachableError,
)
from hubferry.hubspot.client import Client
from hubferry.hubspot.downloads import LARGEST_FILE_BYTES, MOST_UNPACKED, DownloadError, Place, fetch_file
from hubferry.hubspot.readers.scan import fetch_total

CALLS = 4
"""What an export takes at least: to count the records, to ask for it, to see that it is ready, and how many records it holds."""
SCOPE = "crm.export"
START_SECONDS = 60.0
"""How long a refusal for the sake of limits is retried: HubSpot makes 30 exports a day, and its refusal of another looks the same."""
LONGEST_SECONDS = 3600.0
"""An export that is not ready by then is given up."""
_WAITS = (2.0, 4.0, 8.0, 15.0)
_LONGEST_WAIT = 30.0
_ADDRESSES = 3
"""How often a fresh address is asked for."""
_SHORTFALL = (100, 0.01)
"""Records that a file may hold fewer than the search index counts: the portal changes meanwhile."""
_ID_HEADERS = frozenset({"hs_object_id", "record id"})
_BLOCK_BYTES = 16 * 1024 * 1024
_ZIP_ENTRIES = 10_000


class UnusableExportError(Exception):
    """There is no export that can be believed; the text is a clause that says why."""


@dataclass(frozen=True)
class Listed:
    """Some records as a list or file shows them, one value a record."""

    ids: Sequence[str]
    modified: Sequence[str | None]
    texts: dict[str, Sequence[str | None]]


class _Task(msgspec.Struct):
    id: str


class _Status(msgspec.Struct):
    status: str = ""
    result: str | None = None


class _Export(msgspec.Struct):
    exportState: str = ""  # noqa: N815
    recordCount: int | None = None  # noqa: N815


class Export:
    """One export of an object's live records. Nothing of it can be resumed: another run asks for another."""

    def __init__(
        self,
        client: Client,
        object_name: str,
        type_id: str,
        *,
        modified: str,
        properties: Sequence[str],
        more_hosts: Sequence[str] = (),
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._object, self._type_id, self._check = client, object_name, type_id, check
        self._modified, self._properties = modified, tuple(dict.fromkeys((*properties, modified)))
        self._place = Place(client.base_url, more_hosts)
        self.total: int | None = None
        """How many records the export holds, once it is ready."""

    def pages(self) -> Iterator[Listed]:
        """Read; call once. UnusableExportError at any point: then what came before is not to be used either."""
        try:
            yield from self._read()
        except DownloadError as error:
            raise UnusableExportError(f"the file of the export could not be fetched: {error}") from error
        except ScopeError as error:
            raise UnusableExportError(f"the token lacks the scope {SCOPE}") from error
        except (RefusedError, UnexpectedAnswerError, UnreachableError, UnknownOutcomeError) as error:
            raise UnusableExportError(f"HubSpot makes no export: {error}") from error
        except (pa.ArrowException, csv.Error, zipfile.BadZipFile, UnicodeDecodeError, EOFError) as error:
            raise UnusableExportError("the file of the export is damaged") from error

    def _read(self) -> Iterator[Listed]:
        live = fetch_total(self._client, self._object)
        export_id, address = self._await(self._start())
        self.total = self._fetch_export(export_id).recordCount
        if self.total is None:
            raise UnusableExportError("HubSpot does not say how many records the export holds")
        least, share = _SHORTFALL
        if live - self.total > max(least, share * live):
            raise UnusableExportError(f"the export holds {self.total:,} records, and the search counts {live:,}")
        with tempfile.TemporaryDirectory(prefix="hubferry-") as folder:
            path = Path(folder) / "export"
            self._download(export_id, address, path)
            read = 0
            for listed in self._parse(path):
                read += len(listed.ids)
                yield listed
            if read != self.total:
                raise UnusableExportError(f"the file holds {read:,} records, and the export {self.total:,}")

    def _start(self) -> str:
        body = {
            "exportType": "VIEW",
            "exportName": f"hubferry {self._object}",
            "format": "CSV",
            "language": "EN",
            "objectType": self._type_id,
            "objectProperties": ["hs_object_id", *(each for each in self._properties if each != "hs_object_id")],
            "exportInternalValuesOptions": ["NAMES", "VALUES"],
            "associatedObjectType": [],
            "includeLabeledAssociations": False,
            "includePrimaryDisplayPropertyForAssociatedObjects": False,
            "overrideAssociatedObjectsPerDefinitionPerRowLimit": False,
        }
        path = "/crm/exports/{version}/export/async"
        return self._client.send("POST", path, body=body, type=_Task, replayable=False, patience=START_SECONDS).value.id

    def _await(self, export_id: str) -> tuple[str, str]:
        """Wait until the export is ready; give its id and the address of its file."""
        started, waits, looked = self._client.monotonic(), iter(_WAITS), False
        while True:
            found = self._fetch_status(export_id)
            if found.status == "COMPLETE" and found.result:
                return export_id, found.result
            if found.status not in {"PENDING", "PROCESSING"}:
                state = self._fetch_export(export_id).exportState
                raise UnusableExportError(f"the export ended as {state or found.status or 'unknown'}")
            if found.status == "PENDING" and not looked:
                looked = True
                if self._fetch_export(export_id).exportState == "PENDING_APPROVAL":
                    raise UnusableExportError("exports of this account wait for an administrator's approval")
            if self._client.monotonic() - started > LONGEST_SECONDS:
                raise UnusableExportError(f"the export was not ready after {LONGEST_SECONDS / 60:.0f} minutes")
            self._client.wait(next(waits, _LONGEST_WAIT))
            self._check()

    def _fetch_status(self, export_id: str) -> _Status:
        path = f"/crm/exports/{{version}}/export/async/tasks/{_checked(export_id)}/status"
        return self._client.fetch(path, type=_Status).value

    def _fetch_export(self, export_id: str) -> _Export:
        return self._client.fetch(f"/crm/exports/{{version}}/export/{_checked(export_id)}", type=_Export).value

    def _download(self, export_id: str, address: str, path: Path) -> None:
        """Fetch the file; an address is good for five minutes, and each look gives a fresh one."""
        for left in reversed(range(_ADDRESSES)):
            try:
                fetch_file(address, path, self._place, check=self._check)
            except DownloadError:
                if not left:
                    raise
            else:
                return
            found = self._fetch_status(export_id)
            if not found.result:
                raise UnusableExportError("the file of the export is gone")
            address = found.result

    # The file

    def _parse(self, path: Path) -> Iterator[Listed]:
        with path.open("rb") as file:
            is_zip = file.read(2) == b"PK"
        if not is_zip:
            yield from self._parse_csv(lambda: path.open("rb"))
            return
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_zip(entries)
            for entry in entries:
                yield from self._parse_csv(lambda entry=entry: archive.open(entry))  # type: ignore[misc]

    def _parse_csv(self, opened: Callable[[], IO[bytes]]) -> Iterator[Listed]:
        with opened() as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as lines:
            header = next(csv.reader(lines), [])
        names = self._place_columns(header)
        with ExitStack() as stack:
            file = stack.enter_context(opened())
            batches = stack.enter_context(
                arrow_csv.open_csv(
                    file,
                    read_options=arrow_csv.ReadOptions(
                        block_size=_BLOCK_BYTES, column_names=names, skip_rows_after_names=1
                    ),
                    parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
                    convert_options=arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                    ),
                )
            )
            for batch in batches:
                self._check()
                yield self._build(dict(zip(names, batch.columns, strict=True)))

    def _place_columns(self, header: Sequence[str]) -> list[str]:
        """Name the columns: the record id's `id`, properties as they are; each is there once, or the file is not used."""
        names = ["id" if each.strip().lower() in _ID_HEADERS else f"p.{each}" for each in header]
        wanted = ["id", *(f"p.{each}" for each in self._properties if each != "hs_object_id")]
        wrong = [each for each in wanted if names.count(each) != 1]
        if wrong:
            raise UnusableExportError(f"the file lacks the column {wrong[0].removeprefix('p.')!r}, or has it twice")
        return [each if each in wanted else f"{place}.{each}" for place, each in enumerate(names)]

    def _build(self, columns: dict[str, pa.Array]) -> Listed:
        ids = columns["id"].to_pylist()
        if not all(each.isascii() and each.isdigit() for each in ids):
            raise UnusableExportError("the file shows a record id that is none")
        texts = {name: ids if name == "hs_object_id" else columns[f"p.{name}"].to_pylist() for name in self._properties}
        return Listed(ids, texts[self._modified], texts)


def _checked(export_id: str) -> str:
    if not (export_id.isascii() and export_id.isalnum()):
        raise UnusableExportError("HubSpot's id of the export is none")
    return export_id


def _check_zip(entries: Sequence[zipfile.ZipInfo]) -> None:
    size = sum(each.file_size for each in entries)
    bomb = any(each.file_size > MOST_UNPACKED * max(1, each.compress_size) for each in entries)
    if len(entries) > _ZIP_ENTRIES or size > LARGEST_FILE_BYTES or bomb:
        raise UnusableExportError("the zip of the export unpacks to more than is believable")
    if not all(each.filename.lower().endswith(".csv") for each in entries):
        raise UnusableExportError("the zip of the export holds what is no CSV file")
