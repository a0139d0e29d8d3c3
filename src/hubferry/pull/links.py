"""Pulls the links between two objects: of changed records in every run, of all on a cadence of their own.

HubSpot has no feed of links and a link moves no record's date, so only reading all of them finds every change. Both
directions are stored, each with its own type; they are read from the side that has fewer records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal

import pyarrow as pa

from hubferry.hubspot.associations import READ_INPUTS, Link, fetch_labels, fetch_links
from hubferry.pull.cadence import is_due
from hubferry.pull.chunks import Stamp, stamp_columns
from hubferry.pull.inverses import Inverses, TypeKey
from hubferry.pull.link_columns import merge_link_columns
from hubferry.pull.pairs import Pair
from hubferry.pull.pulling import Pulling
from hubferry.pull.snapshots import set_columns
from hubferry.state.crash import crashpoint
from hubferry.state.cursors import Cursor
from hubferry.streams.definition import RUN_COLUMNS, VOLATILE
from hubferry.types import Column, ColumnType, Table
from hubferry.warehouse.interface import MergeCounts, Transaction

COLUMNS: dict[str, ColumnType] = {
    "from_object": "string",
    "from_id": "string",
    "to_object": "string",
    "to_id": "string",
    "category": "string",
    "type_id": "integer",
    "label": "string",
    "_hubferry_deleted_at": "timestamp",
    **RUN_COLUMNS,
}
KEY = ("from_object", "from_id", "to_object", "to_id", "category", "type_id")
GROUP = 20 * READ_INPUTS
"""Records whose links are read, then written in one transaction."""
_SWEPT = "links"


def links_table(schema: str) -> Table:
    """Give the table of all links."""
    return Table(schema, "associations", tuple(Column(*each) for each in COLUMNS.items()), KEY)


@dataclass
class LinkTally:
    """What was done to the links of a pair so far."""

    kind: Literal["changed", "sweep"] = "changed"
    read: int = 0
    merged: MergeCounts = field(default_factory=MergeCounts)
    deleted: int = 0


class LinkPull:
    """The links of one pair in one run."""

    def __init__(self, pulling: Pulling, pair: Pair, tally: LinkTally) -> None:
        self._pulling, self._pair, self._tally = pulling, pair, tally
        self._client, self._warehouse = pulling.client, pulling.warehouse
        self._table = links_table(pulling.schema)
        self._name = self._warehouse.name(self._table.schema, self._table.name)
        self._inverses: dict[str, Inverses] = {}
        self._learned: dict[str, dict[TypeKey, TypeKey]] = {}

    def run(self, sides: Sequence[str]) -> None:
        """Read from `sides`, those objects of the pair whose records are in the warehouse."""
        cursor = self._pulling.cursor(self._stream)
        started = self._client.now()
        swept, self._learned = dict(cursor.swept), _parse_learned(cursor.scan)
        with self._warehouse.session():
            self._warehouse.ensure_table(self._table)
            live = {side: self._query_count(side) for side in sides}
        side = min(sides, key=lambda each: live[each])
        calls = ceil(live[side] / READ_INPUTS)
        if self._pulling.full_refresh or is_due(self._pair.sweep, swept.get(_SWEPT), started, calls=calls):
            self._tally.kind, swept[_SWEPT] = "sweep", started
            self._read(side, self._query_ids(side, None))
        else:
            for each in sides:
                self._read_changed(each, self._query_ids(each, cursor.value))
        with self._pulling.lease.transaction() as tx:
            self._mark_ends(tx, sides)
            self._merge_columns(tx, sides, None)
            known = self._learned | {each: found.known for each, found in self._inverses.items()}
            self._pulling.save_cursor(tx, self._stream, Cursor(started, _render_learned(known), swept))

    @property
    def _stream(self) -> str:
        return f"associations {self._pair.name}"

    def _other(self, side: str) -> str:
        return self._pair.other if side == self._pair.one else self._pair.one

    # Which records

    def _live(self, side: str) -> str:
        deleted = self._warehouse.quote("_hubferry_deleted_at")
        return f"{self._records(side)} WHERE {deleted} IS NULL"

    def _records(self, side: str) -> str:
        """Give the quoted name of the table of an object's records."""
        table = self._pulling.table_of(side)
        assert table is not None
        return self._warehouse.name(self._pulling.schema, table)

    def _path(self, object_name: str) -> str:
        return self._pulling.catalog.path_name(object_name)

    def _query_count(self, side: str) -> int:
        return int(self._warehouse.query(f"SELECT count(*) AS n FROM {self._live(side)}")["n"][0].as_py())

    def _query_ids(self, side: str, since: datetime | None) -> list[str]:
        """Give the live records, or those written since the last look at their links began."""
        sql, params = f"SELECT id FROM {self._live(side)}", []
        if since is not None:
            sql += f" AND {self._warehouse.quote('_hubferry_synced_at')} >= ?"
            params.append(since - timedelta(seconds=1))  # HubSpot's dates are whole seconds
        ids: list[str] = self._warehouse.query(f"{sql} ORDER BY id", params)["id"].to_pylist()
        return ids

    # Reading

    def _read(self, side: str, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), GROUP):
            group = ids[start : start + GROUP]
            self._pulling.stop.check()
            links = self._fetch(side, self._other(side), group)
            back = [] if self._other(side) == side else self._fetch_inverses(side, links, frozenset(group))
            self._write(side, group, links, back)

    def _read_changed(self, side: str, ids: Sequence[str]) -> None:
        """Read the links of changed records; among records of one object the other ends' too, which hold the inverses."""
        if self._other(side) == side and ids:
            ends = {each.to_id for each in self._fetch(side, side, ids)} | self._query_ends(side, ids)
            ids = sorted({*ids, *ends})
        self._read(side, ids)

    def _fetch(self, side: str, other: str, ids: Iterable[str]) -> list[Link]:
        ends = self._path(side), self._path(other)
        found = [link for part in fetch_links(self._client, *ends, ids) for link in part]
        crashpoint("pull.page_fetched")
        return found

    def _fetch_inverses(self, side: str, links: Sequence[Link], group: frozenset[str]) -> list[Link]:
        """Derive the other direction; read it where a type's inverse cannot be known."""
        other = self._other(side)
        if side not in self._inverses:
            labels = fetch_labels(self._client, self._path(other), self._path(side))
            self._inverses[side] = Inverses(labels, self._learned.get(side))
        inverses = self._inverses[side]
        if inverses.unknown(links):
            inverses = self._inverses[side] = self._derive(inverses, side)
        if samples := inverses.samples(links):
            ends = {to_id for pairs in samples.values() for _, to_id in pairs}
            inverses.learn(samples, self._fetch(other, side, sorted(ends)))
        back = [inverse for link in links if (inverse := inverses.invert(link))]
        unknown = inverses.unknown(links)
        doubtful = {each.to_id for each in links if (each.category, each.type_id) in unknown}
        known = set(inverses.known.values())
        return back + [
            each
            for each in (self._fetch(other, side, sorted(doubtful)) if doubtful else ())
            if each.to_id in group and (each.category, each.type_id) not in known
        ]

    def _derive(self, inverses: Inverses, side: str) -> Inverses:
        """Pair the types of both directions, but not where labels changed between the looks at the two."""
        here, other = self._path(side), self._path(self._other(side))
        there, back = fetch_labels(self._client, here, other), fetch_labels(self._client, other, here)
        if set(back) != set(inverses.back):
            return Inverses(back, inverses.known)
        inverses.derive(there)
        return inverses

    # Writing

    def _write(self, side: str, group: Sequence[str], links: Sequence[Link], back: Sequence[Link]) -> None:
        """Make the stored links of these records be the ones read, in one transaction."""
        other, stamp = self._other(side), self._pulling.stamp()
        chunk = _build_chunk([(side, other, links), (other, side, back)], stamp)
        ends = pa.table({"id": pa.array(group, pa.string())})
        with self._pulling.lease.transaction() as tx:
            counts = tx.merge(self._table, chunk, volatile=VOLATILE)
            with tx.register("read", chunk.select(list(KEY))) as read, tx.register("ends", ends) as ids:
                gone = self._mark_unread(tx, (side, other), "from_id", read, ids, stamp)
                if other != side:
                    gone += self._mark_unread(tx, (other, side), "to_id", read, ids, stamp)
            self._merge_columns(tx, (side,), frozenset(group))
            crashpoint("pull.chunk_merged")
        self._tally.read += len(links)
        self._tally.merged += counts
        self._tally.deleted += gone
        self._pulling.tell(self._stream, done=self._tally.read)

    def _mark_unread(self, tx: Transaction, way: tuple[str, str], end: str, read: str, ids: str, stamp: Stamp) -> int:
        """Mark stored links of these ends that HubSpot no longer has."""
        same = " AND ".join(f"r.{name} = a.{name}" for name in KEY)
        return self._mark(
            tx, way, f"a.{end} IN (SELECT id FROM {ids}) AND NOT EXISTS (SELECT 1 FROM {read} AS r WHERE {same})", stamp
        )

    def _mark_ends(self, tx: Transaction, sides: Sequence[str]) -> None:
        """Mark links of records that are no longer live: HubSpot does not show them any more."""
        stamp, deleted = self._pulling.stamp(), self._warehouse.quote("_hubferry_deleted_at")
        for side in sides:
            dead = f"(SELECT id FROM {self._records(side)} WHERE {deleted} IS NOT NULL)"
            other = self._other(side)
            self._tally.deleted += self._mark(tx, (side, other), f"a.from_id IN {dead}", stamp)
            self._tally.deleted += self._mark(tx, (other, side), f"a.to_id IN {dead}", stamp)

    def _mark(self, tx: Transaction, way: tuple[str, str], where: str, stamp: Stamp) -> int:
        deleted = self._warehouse.quote("_hubferry_deleted_at")
        columns = set_columns(self._warehouse, ("_hubferry_deleted_at", *VOLATILE))
        return tx.execute(
            f"UPDATE {self._name} AS a SET {columns}"
            f" WHERE a.{deleted} IS NULL AND a.from_object = ? AND a.to_object = ? AND {where}",
            (stamp.now, stamp.now, stamp.run_id, *way),
        )

    def _merge_columns(self, tx: Transaction, sides: Sequence[str], group: frozenset[str] | None) -> None:
        merge_link_columns(tx, self._pulling, self._name, sides, (self._pair.one, self._pair.other), group)

    def _query_ends(self, side: str, ids: Sequence[str]) -> set[str]:
        """Give the records that changed ones were linked to at the last look."""
        deleted = self._warehouse.quote("_hubferry_deleted_at")
        with (
            self._pulling.lease.transaction() as tx,
            tx.register("changed", pa.table({"id": pa.array(ids, pa.string())})) as rows,
        ):
            found = tx.query(
                f"SELECT DISTINCT to_id FROM {self._name} WHERE {deleted} IS NULL AND from_object = ? AND to_object = ?"
                f" AND from_id IN (SELECT id FROM {rows})",
                (side, side),
            )
        return set(found["to_id"].to_pylist())


def _render_learned(known: Mapping[str, Mapping[TypeKey, TypeKey]]) -> Any:
    """Give the inverses of each side's types as JSON values, to be kept with the cursor."""
    return {"inverses": {side: [[*key, *inverse] for key, inverse in types.items()] for side, types in known.items()}}


def _parse_learned(scan: Any) -> dict[str, dict[TypeKey, TypeKey]]:
    found = (scan or {}).get("inverses", {})
    return {side: {(row[0], row[1]): (row[2], row[3]) for row in rows} for side, rows in found.items()}


def _build_chunk(parts: Iterable[tuple[str, str, Sequence[Link]]], stamp: Stamp) -> pa.Table:
    """Build the rows of links, one a key."""
    rows = {
        (from_object, each.from_id, to_object, each.to_id, each.category, each.type_id): each.label
        for from_object, to_object, links in parts
        for each in links
    }
    keys: Iterator[Sequence[str | int]] = zip(*rows, strict=True) if rows else iter([()] * len(KEY))
    kinds = {name: pa.int64() if name == "type_id" else pa.string() for name in KEY}
    columns = {name: pa.array(values, kinds[name]) for name, values in zip(KEY, keys, strict=True)}
    columns["label"] = pa.array(rows.values(), pa.string())
    columns["_hubferry_deleted_at"] = pa.nulls(len(rows), pa.timestamp("us", tz="UTC"))
    return pa.table({**columns, **stamp_columns(stamp, len(rows))})
