"""Looks at all records by one of HubSpot's exports, where the project says so; where that fails, a note says why."""

from __future__ import annotations

from collections.abc import Sequence

from hubferry.hubspot.readers.exported import Export, UnusableExportError
from hubferry.pull.pulling import Pulling, Tally
from hubferry.pull.schema import PropertyColumn, RecordTable
from hubferry.pull.sweep import Sweep
from hubferry.streams.definition import Stream

FIRST = "a table that is new, or has new columns, needs exact values, and a file shows cleared and unset ones alike"


def run_by_export(
    pulling: Pulling, stream: Stream, tally: Tally, sweep: Sweep, columns: Sequence[PropertyColumn]
) -> bool:
    """Run a sweep by an export; False: the sweep is not to be used, and a note of the tally says why."""
    assert stream.object is not None
    assert stream.cursor is not None
    export = Export(
        pulling.client,
        stream.object.path_name,
        stream.object.type_id,
        modified=stream.cursor,
        properties=[each.property for each in columns],
        more_hosts=pulling.block.export_hosts,
        check=pulling.stop.check,
    )
    try:
        sweep.run(export)
    except UnusableExportError as error:
        note_list(stream, tally, str(error))
        return False
    if sweep.is_doubtful:
        count = len(sweep.missing) + len(sweep.differing)
        note_list(stream, tally, f"it shows {count:,} of {sweep.read:,} records otherwise than the table")
        return False
    return True


def find_obstacle(made: RecordTable) -> str | None:
    """Say why a table cannot be compared with a file, column by column; None: it can."""
    if made.rest:
        return "properties without a column of their own cannot be compared with a file"
    odd = next((each.column for each in made.properties if each.type in {"json", "strings"}), None)
    if odd is not None:
        return f"the column {odd!r}, JSON or a list, cannot be compared with a file"
    return None


def note_list(stream: Stream, tally: Tally, why: str) -> None:
    """Note that the list was read where an export was wished for."""
    tally.notes.append(f"{stream.name} was read by list and not by an export: {why.rstrip('.')}.")
