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
    if ids:
        erase_everywhere(tx, stream, [(pulling, storage)], ids, stamp)


def erase_everywhere(
    tx: Transaction,
    stream: Stream,
    places: Sequence[tuple[Pulling, Storage | None]],
    ids: Sequence[str],
    stamp: Stamp,
) -> None:
    """Erase these records in each of several schemas of a portal; an address that one of them knows is the person's in all."""
    assert stream.object is not None
    if stream.object.name == "contacts":
        known = [_query_addresses(tx, each, storage, ids) for each, storage in places if storage is not None]
        addresses = set[str]().union(*known)
        for each, storage in places:
            living = _query_living(tx, each, storage, ids) if storage is not None and addresses else set()
            _erase_people(tx, each, addresses - living, stamp)
    for each, storage in places:
        _erase_records(tx, each, stream.object.name, () if storage is None else storage.tables, ids, stamp)
    first = places[0][0]
    erase_pushed(tx, first.warehouse, first.portal_id, stream.object.path_name, ids)


def _erase_records(
    tx: Transaction, pulling: Pulling, name: str, tables: Sequence[Table], ids: Sequence[str], stamp: Stamp
) -> None:
    for table in tables:
        tombstones.erase(tx, pulling.warehouse, table, ids, stamp)
    for other in pulling.catalog.streams:
        if other.reader == "archived" and other.object is not None and other.object.name == name:
            archive = _stored(pulling, other)
            if archive is not None:
                tombstones.erase(tx, pulling.warehouse, archive, ids, stamp)
        elif other.reader == "history":
            erase_history(tx, pulling, other, name, ids, stamp)


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
    """Give the e-mail addresses that these contacts have or had."""
    found = set[str]()
    for table in storage.tables:
        found |= _query_held(tx, pulling, table, "id IN", ids)
    return found


def _query_living(tx: Transaction, pulling: Pulling, storage: Storage, ids: Sequence[str]) -> set[str]:
    """Give the e-mail addresses that other contacts have, who live."""
    return _query_held(
        tx, pulling, storage.current, f"{pulling.warehouse.quote('_hubferry_deleted_at')} IS NULL AND id NOT IN", ids
    )


def _query_held(tx: Transaction, pulling: Pulling, table: Table, among: str, ids: Sequence[str]) -> set[str]:
    name, found = pulling.warehouse.name(table.schema, table.name), set[str]()
    with tx.register("erased", pa.table({"id": pa.array(ids, pa.string())})) as rows:
        for column in sorted(ADDRESSES & {each.name for each in table.columns}):
            text = pulling.warehouse.quote(column)
            held = tx.query(
                f"SELECT DISTINCT lower({text}) AS a FROM {name} WHERE {text} <> '' AND {among} (SELECT e.id FROM {rows} AS e)"
            )
            found.update(part.strip() for text in held["a"].to_pylist() for part in text.split(";"))
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
