"""What the rows of a plan ask for, on disk while the plan is made: memory does not grow with rows or links.

A temporary SQLite database of this process alone; it is gone with the plan, or with the process.
A pair of records has one `pair` from whichever end, and a `place` that lies beside those of the same record, so that a slice of
places holds all there is about its pairs and reads each record's links once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from hubferry.hubspot.associations import READ_INPUTS
from hubferry.push.links import Ask, ident
from hubferry.push.rows import DesiredRow, Problem, Wish
from hubferry.push.steps import End, TypeRef
from hubferry.state.ledger import LedgerRow, LinkRow

CHUNK = 2_000
SLICE_PAIRS = 10_000
"""Pairs that are compared at a time, all those of one record together."""
READ_RECORDS, READ_PAIRS = 10_000, 50_000
"""Records whose links are read at a time, and about so many pairs; twice as many where that fills a call."""
_SEPARATOR = "\x1f"
_TABLES = """
CREATE TABLE rows (id INTEGER PRIMARY KEY, sync TEXT, row_key TEXT, ident TEXT, object TEXT, own BLOB, settled BLOB, busy INTEGER DEFAULT 0);
CREATE INDEX rows_key ON rows (sync, row_key);
CREATE TABLE wishes (id INTEGER PRIMARY KEY, row INTEGER, field INTEGER, to_object TEXT, by TEXT, key TEXT, types BLOB, problem BLOB);
CREATE INDEX wishes_row ON wishes (row);
CREATE INDEX wishes_key ON wishes (to_object, by, key);
CREATE TABLE keyed (row INTEGER, property TEXT, value TEXT);
CREATE INDEX keyed_row ON keyed (row);
CREATE TABLE ends (object TEXT, property TEXT, value TEXT, ident TEXT, record BLOB, PRIMARY KEY (object, property, value, ident)) WITHOUT ROWID;
CREATE TABLE asks (id INTEGER PRIMARY KEY, place TEXT, field INTEGER, by_id INTEGER, from_object TEXT, from_id TEXT, to_object TEXT, to_id TEXT, ask BLOB);
CREATE INDEX asks_place ON asks (place);
CREATE INDEX asks_from ON asks (from_object, to_object, from_id);
CREATE INDEX asks_to ON asks (to_object, to_id);
CREATE TABLE checked (object TEXT, id TEXT, PRIMARY KEY (object, id)) WITHOUT ROWID;
CREATE TABLE claims (place TEXT, from_object TEXT, from_id TEXT, to_object TEXT, to_id TEXT, claim BLOB);
CREATE INDEX claims_place ON claims (place);
CREATE INDEX claims_from ON claims (from_object, to_object, from_id);
CREATE TABLE present (from_object TEXT, from_id TEXT, to_object TEXT, to_id TEXT, place TEXT, types BLOB, PRIMARY KEY (from_object, from_id, to_object, to_id)) WITHOUT ROWID;
CREATE INDEX present_place ON present (place);
"""
_END, _ASK = msgspec.msgpack.Decoder(End), msgspec.msgpack.Decoder(Ask)
_CLAIM, _SETTLED = msgspec.msgpack.Decoder(LinkRow), msgspec.msgpack.Decoder(LedgerRow)
_TYPES, _PROBLEM = msgspec.msgpack.Decoder(tuple[TypeRef, ...]), msgspec.msgpack.Decoder(Problem)
_PRESENT = msgspec.msgpack.Decoder(set[tuple[str, int]])
_encode = msgspec.msgpack.encode
Pair = tuple[str, str]
"""Two record ids."""
Types = set[tuple[str, int]]
"""Category and type id."""


@dataclass(frozen=True, slots=True)
class LinkedRow:
    """A row whose record is known or being made."""

    id: int
    sync: str
    row_key: str
    end: End


@dataclass(frozen=True, slots=True)
class StoredAsk:
    """One link that a row asks for, and the entry of its sync that says so."""

    id: int
    field: int
    ask: Ask


@dataclass(frozen=True, slots=True)
class Reading:
    """Records of one object whose links to another one are read together."""

    objects: tuple[str, str]
    ids: tuple[str, ...]
    kept: frozenset[Pair]
    """The pairs that matter, as either end reads them where both are of one object."""
    by_id: frozenset[Pair]
    """Those that a row names by record id."""


@dataclass(frozen=True, slots=True)
class Slice:
    """All there is about some pairs."""

    asks: Sequence[StoredAsk]
    claims: Sequence[LinkRow]
    present: dict[tuple[str, str], dict[Pair, Types]]
    """By the two objects: the types that stand on each pair that is linked, where it was read."""


class LinkStore:
    """Rows with links, their wishes, and what is known of their pairs."""

    def __init__(
        self, *, slice_pairs: int = SLICE_PAIRS, read_records: int = READ_RECORDS, read_pairs: int = READ_PAIRS
    ) -> None:
        self._slice_pairs, self._read_records, self._read_pairs = slice_pairs, read_records, read_pairs
        self._db = sqlite3.connect("", isolation_level=None)  # no name: a file that nobody else can open
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("PRAGMA cache_size = -32000")
        self._db.executescript(_TABLES)
        self._db.execute("BEGIN")
        self._sides: dict[frozenset[str], str] = {}

    def close(self) -> None:
        """Give the disk back."""
        self._db.close()

    def add_row(
        self, sync: str, row: DesiredRow, end: End, settled: LedgerRow | None, wishes: Iterable[tuple[Wish, str, str]]
    ) -> int:
        """Note a row and give its number; `wishes` each with the other object and the property of its key ("": the record id).

        `settled`: the record holds everything already, so that nothing but links is left to do.
        """
        done = _encode(settled) if settled is not None else None
        sql = "INSERT INTO rows (sync, row_key, ident, object, own, settled) VALUES (?, ?, ?, ?, ?, ?)"
        number = self._db.execute(sql, (sync, row.key, _ident(end), end.object, _encode(end), done)).lastrowid or 0
        self._db.executemany(
            "INSERT INTO wishes (row, field, to_object, by, key, types, problem) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    number,
                    each.field,
                    to,
                    by,
                    each.key,
                    _encode(each.types),
                    _encode(each.problem) if each.problem else None,
                )
                for each, to, by in wishes
            ),
        )
        return number

    def add_keyed(self, number: int, name: str, value: str) -> None:
        """Note that a row has a value of a property by which links name records."""
        self._db.execute("INSERT INTO keyed VALUES (?, ?, ?)", (number, name, value))

    def drop_rows(self, sync: str, row_keys: Iterable[str]) -> None:
        """Forget rows that turned out to be invalid, with everything they ask for and are known by."""
        for key in row_keys:
            rows = self._db.execute("SELECT id FROM rows WHERE sync = ? AND row_key = ?", (sync, key)).fetchall()
            for table, column in (("wishes", "row"), ("keyed", "row"), ("rows", "id")):
                self._db.executemany(f"DELETE FROM {table} WHERE {column} = ?", rows)

    def wishes(self) -> Iterator[tuple[LinkedRow, Wish]]:
        """Give every wish, row by row."""
        sql = (
            "SELECT r.id, r.sync, r.row_key, r.own, w.field, w.key, w.types, w.problem"
            " FROM wishes w JOIN rows r ON r.id = w.row ORDER BY w.id"
        )
        for number, sync, key, own, field, named, types, problem in self._db.execute(sql):
            wish = Wish(field, named, _TYPES.decode(types), _PROBLEM.decode(problem) if problem else None)
            yield LinkedRow(number, sync, key, _END.decode(own)), wish

    def wished_keys(self) -> Iterator[tuple[str, str, list[str]]]:
        """Give the keys that are values of a property, some at a time, with object and property."""
        kinds = self._db.execute(
            "SELECT DISTINCT to_object, by FROM wishes WHERE by <> '' AND problem IS NULL"
        ).fetchall()
        for to, by in kinds:
            sql = "SELECT DISTINCT key FROM wishes WHERE to_object = ? AND by = ? AND problem IS NULL ORDER BY key"
            keys = (key for (key,) in self._db.execute(sql, (to, by)))
            while chunk := list(islice(keys, READ_RECORDS)):
                yield to, by, chunk

    def row_keys(self, sync: str) -> Iterator[list[str]]:
        """Give the keys of a sync's rows, some at a time."""
        keys = (key for (key,) in self._db.execute("SELECT row_key FROM rows WHERE sync = ? ORDER BY id", (sync,)))
        while chunk := list(islice(keys, CHUNK)):
            yield chunk

    def learn_rows(self) -> None:
        """Know the records of the run's own rows by their values, those still to be made among them."""
        self._db.execute(
            "INSERT OR IGNORE INTO ends SELECT r.object, k.property, k.value, r.ident, r.own"
            " FROM keyed k JOIN rows r ON r.id = k.row"
        )

    def add_end(self, object_name: str, name: str, value: str, end: End) -> None:
        """Learn which record has a value of a property."""
        sql = "INSERT OR IGNORE INTO ends VALUES (?, ?, ?, ?, ?)"
        self._db.execute(sql, (object_name, name, value, _ident(end), _encode(end)))

    def find_ends(self, object_name: str, name: str, value: str) -> list[End]:
        """Give the records that have a value; more than one: it names none of them."""
        sql = "SELECT record FROM ends WHERE object = ? AND property = ? AND value = ?"
        return [_END.decode(record) for (record,) in self._db.execute(sql, (object_name, name, value))]

    def add_ask(self, field: int, ask: Ask, *, by_id: bool) -> None:
        """Note a link whose two ends are known."""
        one, other = ask.from_, ask.to
        row = (
            self._place(one, other),
            field,
            by_id,
            one.object,
            one.record_id,
            other.object,
            other.record_id,
            _encode(ask),
        )
        sql = "INSERT INTO asks (place, field, by_id, from_object, from_id, to_object, to_id, ask) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._db.execute(sql, row)

    def take_asks(self, to_object: str, record_id: str) -> list[StoredAsk]:
        """Take out the asks that name this record by its id."""
        where = "WHERE by_id AND to_object = ? AND to_id = ?"
        found = self._db.execute(f"SELECT id, field, ask FROM asks {where}", (to_object, record_id)).fetchall()
        self._db.execute(f"DELETE FROM asks {where}", (to_object, record_id))
        return [StoredAsk(number, field, _ASK.decode(ask)) for number, field, ask in found]

    def ids_of_new(self) -> Iterator[tuple[str, list[str]]]:
        """Give the record ids that rows name whose own record is still to be made, some at a time, with their object."""
        where = "WHERE by_id AND from_id IS NULL"
        for (to,) in self._db.execute(f"SELECT DISTINCT to_object FROM asks {where}").fetchall():
            found = self._db.execute(f"SELECT DISTINCT to_id FROM asks {where} AND to_object = ? ORDER BY to_id", (to,))
            ids = (record_id for (record_id,) in found)
            while chunk := list(islice(ids, READ_RECORDS)):
                yield to, chunk

    def take_unchecked(self, object_name: str, record_ids: Iterable[str]) -> set[str]:
        """Give those of these ids that were not given before."""
        sql, fresh = "INSERT OR IGNORE INTO checked VALUES (?, ?)", set[str]()
        for record_id in record_ids:
            if self._db.execute(sql, (object_name, record_id)).rowcount:
                fresh.add(record_id)
        return fresh

    def add_claims(self, claims: Iterable[LinkRow]) -> None:
        """Note what rows asked for before."""
        ends = ((row, End(row.from_object, row.from_id), End(row.to_object, row.to_id)) for row in claims)
        self._db.executemany(
            "INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)",
            (
                (self._place(one, other), one.object, one.record_id, other.object, other.record_id, _encode(row))
                for row, one, other in ends
            ),
        )

    def readings(self) -> Iterator[Reading]:
        """Give the records whose links are to be read, in calls as full as can be."""
        named = " UNION ".join(
            f"SELECT from_object, to_object, from_id, to_id, {by_id} AS by_id FROM {table}"
            for table, by_id in (("asks", "by_id"), ("claims", "0"))
        )
        known = f"SELECT * FROM ({named}) WHERE from_id IS NOT NULL AND to_id IS NOT NULL"
        for objects in self._db.execute(f"SELECT DISTINCT from_object, to_object FROM ({named})").fetchall():
            sql = (
                f"SELECT from_id, to_id, by_id FROM ({known}) WHERE from_object = ? AND to_object = ? ORDER BY from_id"
            )
            yield from self._cut(objects, self._db.execute(sql, objects))

    def _cut(self, objects: tuple[str, str], rows: Iterable[tuple[str, str, int]]) -> Iterator[Reading]:
        ids: dict[str, None] = {}
        kept: set[Pair] = set()
        by_id: set[Pair] = set()
        for one, other, named in rows:
            if one not in ids and self._is_enough(len(ids), len(kept)):
                yield self._reading(objects, ids, kept, by_id)
                ids, kept, by_id = {}, set(), set()
            ids[one] = None
            kept.add((one, other))
            if named:
                by_id.add((one, other))
        if ids:
            yield self._reading(objects, ids, kept, by_id)

    def _is_enough(self, records: int, pairs: int) -> bool:
        """Say whether to read records now: in full calls, unless their pairs would be far too many."""
        full = records % READ_INPUTS == 0
        return records >= self._read_records or (pairs >= self._read_pairs and (full or pairs >= 2 * self._read_pairs))

    def _reading(
        self, objects: tuple[str, str], ids: Iterable[str], kept: Iterable[Pair], by_id: Iterable[Pair]
    ) -> Reading:
        some = tuple(ids)
        turned: set[Pair] = set()
        if objects[0] == objects[1]:  # what another row asks for towards these records is read here from this end
            for table in ("asks", "claims"):
                sql = f"SELECT to_id, from_id FROM {table} WHERE from_object = ? AND to_object = ? AND to_id BETWEEN ? AND ?"
                turned |= set(self._db.execute(sql, (*objects, some[0], some[-1])))
        return Reading(objects, some, frozenset({*kept, *turned}), frozenset(by_id))

    def add_present(self, objects: tuple[str, str], found: dict[Pair, Types]) -> None:
        """Note the types that stand on pairs."""
        self._db.executemany(
            "INSERT OR REPLACE INTO present VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    objects[0],
                    one,
                    objects[1],
                    other,
                    self._place(End(objects[0], one), End(objects[1], other)),
                    _encode(types),
                )
                for (one, other), types in found.items()
            ),
        )

    def slices(self) -> Iterator[Slice]:
        """Give all pairs, some at a time."""
        sql = "SELECT place, count(*) FROM (SELECT place FROM asks UNION ALL SELECT place FROM claims) GROUP BY place ORDER BY place"
        first, last, number = "", "", 0
        for place, count in self._db.execute(sql):
            if number and number + count > self._slice_pairs:
                yield self._slice(first, last)
                number = 0
            first, last, number = (first if number else place), place, number + count
        if number:
            yield self._slice(first, last)

    def _slice(self, first: str, last: str) -> Slice:
        within = "WHERE place BETWEEN ? AND ?"
        asks = self._db.execute(f"SELECT id, field, ask FROM asks {within} ORDER BY id", (first, last))
        claims = self._db.execute(f"SELECT claim FROM claims {within} ORDER BY rowid", (first, last))
        present: dict[tuple[str, str], dict[Pair, Types]] = {}
        sql = f"SELECT from_object, from_id, to_object, to_id, types FROM present {within}"
        for from_object, one, to_object, other, types in self._db.execute(sql, (first, last)):
            present.setdefault((from_object, to_object), {})[one, other] = _PRESENT.decode(types)
        return Slice(
            [StoredAsk(number, field, _ASK.decode(ask)) for number, field, ask in asks],
            [_CLAIM.decode(claim) for (claim,) in claims],
            present,
        )

    def set_busy(self, rows: Iterable[tuple[str, str]]) -> None:
        """Note rows (sync and key) with a link that is planned or invalid: they are not done."""
        self._db.executemany("UPDATE rows SET busy = 1 WHERE sync = ? AND row_key = ?", rows)

    def settled(self) -> Iterator[list[tuple[LedgerRow, bool]]]:
        """Give the rows whose record holds everything, some at a time, and whether links of theirs are left to do."""
        sql = "SELECT settled, busy FROM rows WHERE settled IS NOT NULL ORDER BY id"
        rows = ((_SETTLED.decode(row), bool(busy)) for row, busy in self._db.execute(sql))
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def _place(self, one: End, other: End) -> str:
        """Say where a pair lies: beside those of the end whose object named the first link of its kind."""
        objects = sorted((one.object, other.object))
        if one.object == other.object:
            owner = min(ident(one), ident(other))
        else:
            side = self._sides.setdefault(frozenset(objects), one.object)
            owner = ident(one if one.object == side else other)
        return _SEPARATOR.join((*objects, owner[1]))


def _ident(end: End) -> str:
    return _SEPARATOR.join(ident(end))
