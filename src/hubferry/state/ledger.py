"""Push's own record: which record each row is, what was stored there, and which links each row asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from hubferry.state.push_tables import LEDGER, LINKS
from hubferry.state.tables import SCHEMA
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse

T = TypeVar("T")
KEYS_PER_QUERY = 1_000


def split_keys(keys: Collection[str]) -> Iterator[list[str]]:
    """Give keys in order, as many at a time as one statement names."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), KEYS_PER_QUERY):
        yield ordered[start : start + KEYS_PER_QUERY]


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """What we know of one row of a sync."""

    sync: str
    row_key: str
    object: str
    record_id: str
    row_hash: str = ""
    """Of the row when everything it asked for was done; empty: to be looked at again."""
    sent: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str | None] = field(default_factory=dict)
    created: bool = False


@dataclass(frozen=True, kw_only=True)
class LinkRow:
    """One type of link that a row of a sync asked for, in the direction from the row's record."""

    sync: str
    row_key: str
    from_object: str
    from_id: str
    to_object: str
    to_id: str
    category: str
    type_id: int
    label: str | None = None
    added: bool = True
    before: tuple[tuple[str, int, str | None], ...] = ()


class LedgerReader:
    """The ledger of one portal, for reading."""

    def __init__(self, warehouse: Warehouse, portal_id: int) -> None:
        self.warehouse, self.portal_id = warehouse, portal_id
        self._ledger = warehouse.name(SCHEMA, LEDGER.name)
        self._links = warehouse.name(SCHEMA, LINKS.name)

    def query_rows(self, sync: str, keys: Collection[str]) -> dict[str, LedgerRow]:
        """Give the ledger's rows of these keys."""
        sql = f"SELECT * FROM {self._ledger} WHERE portal_id = ? AND sync = ? AND row_key IN ({{}})"
        rows = self._query_each(sql, [self.portal_id, sync], keys, _ledger_row)
        return {row.row_key: row for row in rows}

    def query_rows_at(self, object_name: str, record_ids: Collection[str]) -> list[LedgerRow]:
        """Give the rows of every sync that are these records."""
        sql = f"SELECT * FROM {self._ledger} WHERE portal_id = ? AND object = ? AND record_id IN ({{}})"
        return list(self._query_each(sql, [self.portal_id, object_name], record_ids, _ledger_row))

    def query_all(self, sync: str) -> Iterator[LedgerRow]:
        """Give every row of a sync."""
        sql = f"SELECT * FROM {self._ledger} WHERE portal_id = ? AND sync = ?"
        for batch in self.warehouse.query_batches(sql, [self.portal_id, sync]):
            yield from map(_ledger_row, batch.to_pylist())

    def query_links(self, sync: str, keys: Collection[str]) -> list[LinkRow]:
        """Give the links that these rows asked for."""
        sql = f"SELECT * FROM {self._links} WHERE portal_id = ? AND sync = ? AND row_key IN ({{}})"
        return list(self._query_each(sql, [self.portal_id, sync], keys, _link_row))

    def query_links_at(self, object_name: str, record_ids: Collection[str]) -> list[LinkRow]:
        """Give the links of every sync that begin or end at these records."""
        found: dict[LinkRow, None] = {}
        for end in ("from", "to"):
            sql = f"SELECT * FROM {self._links} WHERE portal_id = ? AND {end}_object = ? AND {end}_id IN ({{}})"
            found |= dict.fromkeys(self._query_each(sql, [self.portal_id, object_name], record_ids, _link_row))
        return list(found)

    def count_rows(self, sync: str) -> int:
        """Count the rows of a sync."""
        sql = f"SELECT count(*) AS n FROM {self._ledger} WHERE portal_id = ? AND sync = ?"
        return int(self.warehouse.query(sql, [self.portal_id, sync])["n"][0].as_py())

    def count_owned(self, sync: str) -> tuple[int, int]:
        """Count the rows of a sync, and its links that are ours to remove."""
        rows = f"SELECT count(*) FROM {self._ledger} WHERE portal_id = ? AND sync = ?"
        links = f"SELECT count(*) FROM {self._links} WHERE portal_id = ? AND sync = ? AND added"
        sql, params = f"SELECT ({rows}) AS known, ({links}) AS links", [self.portal_id, sync] * 2
        (found,) = self.warehouse.query(sql, params).to_pylist()
        return int(found["known"]), int(found["links"])

    def _query_each(
        self, sql: str, params: list[object], keys: Collection[str], build: Callable[[dict[str, Any]], T]
    ) -> Iterator[T]:
        for chunk in split_keys(keys):
            rows = self.warehouse.query(sql.format(", ".join("?" * len(chunk))), [*params, *chunk])
            yield from map(build, rows.to_pylist())


def _ledger_row(row: Mapping[str, Any]) -> LedgerRow:
    return LedgerRow(
        sync=row["sync"],
        row_key=row["row_key"],
        object=row["object"],
        record_id=row["record_id"],
        row_hash=row["row_hash"] or "",
        sent=msgspec.json.decode(row["sent"] or "{}"),
        stored=msgspec.json.decode(row["stored"] or "{}"),
        created=bool(row["created"]),
    )


def _link_row(row: Mapping[str, Any]) -> LinkRow:
    before = msgspec.json.decode(row["before"] or "[]", type=tuple[tuple[str, int, str | None], ...])
    names = ("sync", "row_key", "from_object", "from_id", "to_object", "to_id", "category", "type_id", "label", "added")
    return LinkRow(**{name: row[name] for name in names}, before=before)


@dataclass(frozen=True)
class Stamp:
    """Who writes to the ledger, and when."""

    portal_id: int
    run_id: str
    at: datetime

    def columns(self) -> dict[str, object]:
        """Give the columns of a row of ledger, links or journal."""
        return {"portal_id": self.portal_id, "run_id": self.run_id, "written_at": self.at}


def merge_ledger(tx: Transaction, stamp: Stamp, rows: Iterable[LedgerRow]) -> None:
    """Write rows of the ledger, replacing those of the same key."""
    chunk = [
        {
            "sync": row.sync,
            "row_key": row.row_key,
            "object": row.object,
            "record_id": row.record_id,
            "row_hash": row.row_hash,
            "sent": msgspec.json.encode(row.sent).decode(),
            "stored": msgspec.json.encode(row.stored).decode(),
            "created": row.created,
            **stamp.columns(),
        }
        for row in rows
    ]
    if chunk:
        tx.merge(LEDGER.table, table_from_rows(LEDGER.table, chunk))


def clear_hashes(tx: Transaction, warehouse: Warehouse, portal_id: int, rows: Iterable[tuple[str, str]]) -> None:
    """Have the next push look again at these rows (sync and key), although they do not change."""
    name = warehouse.name(SCHEMA, LEDGER.name)
    keys: dict[str, set[str]] = {}
    for sync, key in rows:
        keys.setdefault(sync, set()).add(key)
    for sync, found in keys.items():
        for chunk in split_keys(found):
            where = f"portal_id = ? AND sync = ? AND row_key IN ({', '.join('?' * len(chunk))})"
            tx.execute(f"UPDATE {name} SET row_hash = '' WHERE {where}", [portal_id, sync, *chunk])


def clear_sync_hashes(tx: Transaction, warehouse: Warehouse, portal_id: int, sync: str) -> None:
    """Have the next push look again at every row of a sync."""
    tx.execute(
        f"UPDATE {warehouse.name(SCHEMA, LEDGER.name)} SET row_hash = '' WHERE portal_id = ? AND sync = ?",
        [portal_id, sync],
    )


def delete_ledger(tx: Transaction, portal_id: int, sync: str, row_keys: Iterable[str]) -> None:
    """Forget rows: their records are gone."""
    _delete(tx, LEDGER.table, ({"portal_id": portal_id, "sync": sync, "row_key": key} for key in row_keys))


def merge_links(tx: Transaction, stamp: Stamp, rows: Iterable[LinkRow]) -> None:
    """Write links of the ledger, replacing those of the same key."""
    names = LinkRow.__dataclass_fields__.keys() - {"before"}
    chunk = [
        {name: getattr(row, name) for name in names}
        | {"before": msgspec.json.encode(row.before).decode(), **stamp.columns()}
        for row in rows
    ]
    if chunk:
        tx.merge(LINKS.table, table_from_rows(LINKS.table, chunk))


def delete_links(tx: Transaction, portal_id: int, rows: Iterable[LinkRow]) -> None:
    """Forget links: they are gone from HubSpot, or no longer asked for."""
    names = [name for name in LINKS.key if name != "portal_id"]
    _delete(tx, LINKS.table, ({"portal_id": portal_id} | {name: getattr(row, name) for name in names} for row in rows))


def _delete(tx: Transaction, table: Any, keys: Iterable[Mapping[str, object]]) -> None:
    rows = list(keys)
    if rows:
        tx.delete(table, table_from_rows(table, rows).select(list(rows[0])))


def delete_links_at(tx: Transaction, portal_id: int, object_name: str, record_ids: Iterable[str]) -> None:
    """Forget the links of records that were archived: HubSpot shows them no more."""
    ids = sorted(record_ids)
    for end in ("from", "to"):
        _delete(
            tx,
            LINKS.table,
            ({"portal_id": portal_id, f"{end}_object": object_name, f"{end}_id": each} for each in ids),
        )


def follow_merges(
    tx: Transaction, warehouse: Warehouse, portal_id: int, object_name: str, survivors: Mapping[str, str]
) -> None:
    """Put the survivor's id where the ledger names a record that was merged away; pull calls it in the run that saw the merge.

    The survivor holds values of both and was made by somebody else perhaps: it is looked at again, and never archived.
    """
    ledger, links = warehouse.name(SCHEMA, LEDGER.name), warehouse.name(SCHEMA, LINKS.name)
    nothing = warehouse.as_json("'{}'")
    for loser in _query_named(tx, warehouse, portal_id, object_name, survivors):
        survivor = _end_of_chain(loser, survivors)
        where = [survivor, portal_id, object_name, loser]
        tx.execute(
            f"UPDATE {ledger} SET record_id = ?, created = FALSE, row_hash = '', sent = {nothing}, stored = {nothing}"
            " WHERE portal_id = ? AND object = ? AND record_id = ?",
            where,
        )
        # Where both losers of a merge had the same link, one row of the two is enough.
        for end in ("from", "to"):
            other = "to" if end == "from" else "from"
            twin = (
                f"SELECT 1 FROM {links} t WHERE t.portal_id = l.portal_id AND t.sync = l.sync AND t.{end}_id = ?"
                f" AND t.{end}_object = l.{end}_object AND t.{other}_object = l.{other}_object"
                f" AND t.{other}_id = l.{other}_id AND t.category = l.category AND t.type_id = l.type_id"
            )
            here = f"l.portal_id = ? AND l.{end}_object = ? AND l.{end}_id = ?"
            tx.execute(f"DELETE FROM {links} AS l WHERE {here} AND EXISTS ({twin})", [*where[1:], survivor])
            tx.execute(f"UPDATE {links} AS l SET {end}_id = ? WHERE {here}", where)


def _query_named(
    tx: Transaction, warehouse: Warehouse, portal_id: int, object_name: str, ids: Collection[str]
) -> list[str]:
    """Give those of these records that ledger or links name: few, so that a pull of many merges costs no statement each."""
    ledger, links = warehouse.name(SCHEMA, LEDGER.name), warehouse.name(SCHEMA, LINKS.name)
    places = ((ledger, "object", "record_id"), (links, "from_object", "from_id"), (links, "to_object", "to_id"))
    found: set[str] = set()
    for chunk in split_keys(ids):
        marks = ", ".join("?" * len(chunk))
        for table, object_column, id_column in places:
            sql = f"SELECT DISTINCT {id_column} AS id FROM {table} WHERE portal_id = ? AND {object_column} = ? AND {id_column} IN ({marks})"
            found |= set(tx.query(sql, [portal_id, object_name, *chunk])["id"].to_pylist())
    return sorted(found)


def _end_of_chain(loser: str, survivors: Mapping[str, str]) -> str:
    seen, found = {loser}, survivors[loser]
    while found in survivors and found not in seen:
        seen.add(found)
        found = survivors[found]
    return found
