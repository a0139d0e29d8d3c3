"""Takes what an erased record said out of every table: its rows, their versions, its history, and what push keeps of it.

Of a contact also what is told of its e-mail address: events, subscriptions, submitted forms.

Key and time stay, so that it is known that there was a record, and when it went.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

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

ADDRESSES = frozenset({"email", "hs_additional_emails"})
"""Columns of contacts that hold e-mail addresses, several separated by `;`."""
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
    name = stream.object.name
    tables = () if storage is None else storage.tables
    if name == "contacts" and storage is not None:
        _erase_people(tx, pulling, _query_addresses(tx, pulling, storage, ids), stamp)
    for table in tables:
        tombstones.erase(tx, pulling.warehouse, table, ids, stamp)
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


def _query_addresses(tx: Transaction, pulling: Pulling, storage: Storage, ids: Sequence[str]) -> set[str]:
    """Give the e-mail addresses that these contacts have or had, but for those that a living one has."""
    quote, found = pulling.warehouse.quote, set[str]()
    with tx.register("erased", pa.table({"id": pa.array(ids, pa.string())})) as rows:
        erased = f"id IN (SELECT e.id FROM {rows} AS e)"
        for table in storage.tables:
            name, columns = pulling.warehouse.name(table.schema, table.name), {each.name for each in table.columns}
            for column in ADDRESSES & columns:
                text = quote(column)
                held = tx.query(f"SELECT DISTINCT lower({text}) AS a FROM {name} WHERE {text} <> '' AND {erased}")
                found.update(part.strip() for text in held["a"].to_pylist() for part in text.split(";"))
        if not found:
            return found
        current = storage.current
        name = pulling.warehouse.name(current.schema, current.name)
        for column in ADDRESSES & {each.name for each in current.columns}:
            others = tx.query(
                f"SELECT DISTINCT lower({quote(column)}) AS a FROM {name} WHERE {quote(column)} <> ''"
                f" AND {quote('_hubferry_deleted_at')} IS NULL AND NOT ({erased})"
            )
            found -= {part.strip() for text in others["a"].to_pylist() for part in text.split(";")}
    return found - {""}


def _erase_people(tx: Transaction, pulling: Pulling, addresses: Collection[str], stamp: Stamp) -> None:
    """Empty the rows that are about these e-mail addresses; where the address is part of the key, they go."""
    if not addresses:
        return
    with tx.register("people", pa.table({"a": pa.array(sorted(addresses), pa.string())})) as rows:
        for stream in (each for each in pulling.catalog.streams if each.person is not None):
            for table in pulling.storage_of(stream).tables:
                if pulling.warehouse.query_columns(table.schema, table.name):
                    _erase_told(tx, pulling, stream, table, rows, stamp)


def _erase_told(tx: Transaction, pulling: Pulling, stream: Stream, table: Table, people: str, stamp: Stamp) -> None:
    assert stream.person is not None
    warehouse = pulling.warehouse
    quote, name = warehouse.quote, warehouse.name(table.schema, table.name)
    if stream.columns[stream.person] == "json":
        text = f"lower(CAST(t.{quote(stream.person)} AS VARCHAR))"
        same = f"position('\"' || p.a || '\"' IN {text}) > 0"
    else:
        same = f"lower(t.{quote(stream.person)}) = p.a"
    where = f"EXISTS (SELECT 1 FROM {people} AS p WHERE {same})"
    if stream.person in stream.key:
        tx.execute(f"DELETE FROM {name} AS t WHERE {where}")
        return
    marks = ("_hubferry_deleted_at", "_hubferry_deleted_reason", *VOLATILE)
    kept = {*stream.key, stream.cursor, *marks}
    emptied = warehouse.empty(table, [each.name for each in table.columns if each.name not in kept])
    tx.execute(
        f"UPDATE {name} AS t SET {set_columns(warehouse, marks)}, {emptied} WHERE {where}",
        (stamp.now, "erased", stamp.now, stamp.run_id),
    )


def _stored(pulling: Pulling, stream: Stream) -> Table | None:
    """Give the table of a stream as it is in the warehouse, None where it never was pulled."""
    columns = pulling.warehouse.query_columns(pulling.schema, stream.name)
    return Table(pulling.schema, stream.name, columns, stream.key) if columns else None
