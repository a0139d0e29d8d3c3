"""Takes what an erased record said out of every table: its rows, their versions, its history, and what push keeps of it.

Key and time stay, so that it is known that there was a record, and when it went.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from hubferry.pull import tombstones
from hubferry.pull.chunks import Stamp
from hubferry.pull.pulling import Pulling
from hubferry.pull.snapshots import set_columns
from hubferry.pull.storage import Storage
from hubferry.state.erasure import erase_pushed
from hubferry.streams.definition import VOLATILE, Stream
from hubferry.types import Table
from hubferry.warehouse.interface import Transaction

HISTORY_PAYLOAD = ("value", "source_id", "source_label", "source_type", "updated_by_user_id", "other")
"""What of a property's version is emptied."""


def erase(
    tx: Transaction, pulling: Pulling, stream: Stream, storage: Storage | None, ids: Sequence[str], stamp: Stamp
) -> None:
    """Mark the rows of these records of a stream as erased, and empty them and all else that holds their values.

    Without `storage` the stream has no rows of them.
    """
    if not ids:
        return
    assert stream.object is not None
    for table in () if storage is None else storage.tables:
        tombstones.erase(tx, pulling.warehouse, table, ids, stamp)
    name = stream.object.name
    for other in pulling.catalog.streams:
        if other.reader == "archived" and other.object is not None and other.object.name == name:
            archive = _stored(pulling, other)
            if archive is not None:
                tombstones.erase(tx, pulling.warehouse, archive, ids, stamp)
        elif other.reader == "history":
            erase_history(tx, pulling, other, name, ids, stamp)
    erase_pushed(tx, pulling.warehouse, pulling.portal_id, stream.object.path_name, ids)


def erase_history(
    tx: Transaction, pulling: Pulling, history: Stream, object_name: str, ids: Sequence[str], stamp: Stamp
) -> None:
    """Empty the versions of these records' properties."""
    table = _stored(pulling, history)
    if table is None:
        return
    quoted = pulling.warehouse.quote
    marks = ("_hubferry_deleted_at", "_hubferry_deleted_reason", *VOLATILE)
    emptied = "".join(f", {quoted(name)} = NULL" for name in HISTORY_PAYLOAD)
    with tx.register("erased", pa.table({"id": pa.array(ids, pa.string())})) as rows:
        tx.execute(
            f"UPDATE {pulling.warehouse.name(table.schema, table.name)} AS v"
            f" SET {set_columns(pulling.warehouse, marks)}{emptied}"
            f" WHERE v.{quoted('object')} = ? AND v.{quoted('_hubferry_deleted_at')} IS NULL"
            f" AND v.record_id IN (SELECT e.id FROM {rows} AS e)",
            (stamp.now, "erased", stamp.now, stamp.run_id, object_name),
        )


def _stored(pulling: Pulling, stream: Stream) -> Table | None:
    """Give the table of a stream as it is in the warehouse, None where it never was pulled."""
    columns = pulling.warehouse.query_columns(pulling.schema, stream.name)
    return Table(pulling.schema, stream.name, columns, stream.key) if columns else None
