"""The portal: its records, their states and the rules that hold whichever call changes them. No HTTP.

Callers hand in values that `values` has checked and normalised; the portal never refuses one.
The caller holds `lock` and commits or rolls back `db`.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec

from hubspot_emulator import (
    associations,
    custom_objects,
    defaults,
    list_members,
    rollups,
    schemas,
    storage,
    timestamps,
    unique_values,
)
from hubspot_emulator.clock import Clock, VirtualClock
from hubspot_emulator.definition_store import DefinitionStore
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.object_types import ACTIVITIES, ObjectType, ObjectTypes
from hubspot_emulator.property_definition import Definition
from hubspot_emulator.storage import RecordTable, Row, State

Properties = dict[str, str]
StateName = Literal["live", "archived", "merged", "gone"]

encode = msgspec.json.Encoder().encode
decode_properties = msgspec.json.Decoder(Properties).decode

_STATE_NAMES: dict[int, StateName] = {
    State.LIVE: "live",
    State.ARCHIVED: "archived",
    State.MERGED: "merged",
    State.GONE: "gone",
}
_CLUSTER = 97
_DAY_MS = 86_400_000
_LOADED_AT_ONCE = 10_000
_FIRST_ID = 101


class Current(NamedTuple):
    """A record as it is stored, and its values."""

    row: Row
    values: Properties


class Portal:
    """One HubSpot account."""

    def __init__(
        self,
        *,
        clock: Clock,
        path: str = storage.MEMORY,
        portal_id: int = 62515,
        knobs: Knobs | None = None,
        index_lag_seconds: float = 0.0,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.knobs = knobs or Knobs()
        self.portal_id = portal_id
        self.index_lag_ms = int(index_lag_seconds * 1000)
        self.types = ObjectTypes()
        records = (storage.record_schema(kind.type_id) for kind in self.types)
        self.db: sqlite3.Connection = storage.open_database(path, *schemas.SCHEMAS, *records)
        self._tables: dict[str, RecordTable] = {}
        self._last_ids: dict[str, int] = {}
        self._definitions = DefinitionStore(self.db, self.types)
        self.search_pages = 0
        """How many search pages with a successor were answered: a knob shortens some."""
        self.unsorted_pages = 0
        """How many search pages were answered while a knob puts some out of order."""
        self._next_purge_ms: int | None = None
        self.chores: list[Callable[[Portal], None]] = []
        """What families do by themselves as time passes; `settle` runs them."""
        self.tier = "enterprise"
        """The account's plan: what it may import and define follows from it."""
        self.source = "API"
        """Who sets values now, as histories name it."""
        self.shapes: dict[object, Any] = {}
        """What `rendering` derived from the definitions; emptied when they change."""

        self._touched: set[tuple[str, int]] = set()
        self._types_moved = False
        self.read_types()
        self._next_purge_ms = self._first_purge()
        self.commit()

    def close(self) -> None:
        """Close the portal's file."""
        self.db.close()

    def commit(self) -> None:
        """Keep what was written since the last commit."""
        if self._touched:
            touched, self._touched = self._touched, set()
            rollups.refresh(self, touched)
        self.db.commit()
        self._definitions.committed()
        self._types_moved = False

    def rollback(self) -> None:
        """Undo what was written since the last commit."""
        self.db.rollback()
        self._touched.clear()
        if self._definitions.rolled_back():
            self.shapes.clear()
        if self._types_moved:
            self._tables.clear()
            self.read_types()
            self._types_moved = False

    def touch(self, *records: tuple[str, int]) -> None:
        """Note that what is calculated of these records may be another now; `commit` looks at it."""
        if self.knobs.rollups_follow:
            self._touched.update(records)

    def _touch_around(self, type_id: str, record_id: int) -> None:
        if self.knobs.rollups_follow:
            self._touched.add((type_id, record_id))
            self._touched.update(associations.neighbours(self, type_id, record_id))

    def set_calculated(self, type_id: str, current: Current, values: Properties, *, source: str) -> None:
        """Set values that HubSpot calculated: the modified date stays where it is."""
        if not values:
            return
        row, before = current
        after = {name: value for name, value in (before | values).items() if value != "" or before.get(name)}
        self._write(self.types.resolve(type_id), row, after, row)
        replaced = {name: before[name] for name in values if name in before}
        self._add_history(type_id, row.id, values, replaced, self.now_ms(), source)

    def read_types(self) -> None:
        """Read which object types the portal defines, and make the tables of new ones."""
        self._types_moved = True
        self.types.define(custom_objects.stored_types(self.db))
        for kind in self.types:
            if kind.type_id not in self._tables:
                self._tables[kind.type_id] = RecordTable(self.db, kind.type_id)

    def now_ms(self) -> int:
        """Give the portal's time."""
        return int(self.clock.time() * 1000)

    def properties(self, type_id: str) -> Mapping[str, Definition]:
        """Give a type's definitions by name, archived ones among them."""
        return self._definitions.of(type_id)

    def add_property(self, type_id: str, definition: Mapping[str, Any]) -> None:
        """Add a definition (HubSpot's JSON) or replace the one of that name."""
        self._definitions.add(type_id, definition)
        self.shapes.clear()

    def table(self, type_id: str) -> RecordTable:
        """Give the stored records of a type."""
        return self._tables[type_id]

    def record_state(self, type_id: str, record_id: int) -> StateName | None:
        """Tell what became of a record; None for an id never used."""
        row = self.table(type_id).row(record_id)
        return _STATE_NAMES[row.state] if row else None

    def survivor(self, type_id: str, record_id: int) -> int:
        """Follow merges from an id to the record that holds its data now; an unknown id is its own survivor."""
        row = self.table(type_id).row(record_id)
        while row is not None and row.merged_into is not None:
            record_id = row.merged_into
            row = self.table(type_id).row(record_id)
        return record_id

    def values_of(self, type_id: str, record_id: int) -> Properties:
        """Give what is set on a record; KeyError when there is none."""
        row = self.table(type_id).row(record_id)
        if row is None:
            raise KeyError(f"{type_id} has no record {record_id}")
        return decode_properties(row.properties)

    def holder(self, type_id: str, name: str, value: str) -> int | None:
        """Give the live record that holds a unique value; contacts hold secondary e-mails as `email` too."""
        return unique_values.holder(self, type_id, name, value)

    def create_record(
        self,
        type_id: str,
        properties: Properties,
        *,
        created_ms: int | None = None,
        updated_ms: int | None = None,
        request: str = "",
    ) -> int:
        """Create a record with HubSpot's defaults and calculated values added; give its id."""
        kind = self.types.resolve(type_id)
        record_id = self._next_id(type_id)
        now = self.now_ms()
        created = now if created_ms is None else created_ms
        if kind.created_property in properties:
            created = timestamps.parse_ms(properties[kind.created_property])
        updated = max(now, created) if updated_ms is None else updated_ms
        full = defaults.complete_new(kind, record_id, properties, created)
        self._write(kind, Row(record_id, State.LIVE, created, updated, None, None, b""), full, None)
        self._add_history(type_id, record_id, properties, {}, now)
        unique_values.add(self, type_id, record_id, full)
        self.log_event("create", type_id, record_id, request)
        self.touch((type_id, record_id))
        if self.knobs.late_modified_ms:
            due = now + self.knobs.late_modified_ms
            self.db.execute("INSERT INTO late_moves VALUES (?, ?, ?)", (due, type_id, record_id))
        return record_id

    def settle(self) -> None:
        """Do what HubSpot does by itself as time passes: jobs that go on, modified dates that move once more (HS-09)."""
        for chore in self.chores:
            chore(self)
        if self._next_purge_ms is not None and self.now_ms() >= self._next_purge_ms:
            self._empty_bin()
        if self.knobs.late_modified_ms:
            self._move_late()

    @contextmanager
    def acting(self, at_ms: int, source: str) -> Iterator[None]:
        """Let what is written inside bear an earlier moment and another source: a job's work is done when it is due."""
        clock, before = self.clock, self.source
        self.clock, self.source = VirtualClock((at_ms + 0.5) / 1000), source
        try:
            yield
        finally:
            self.clock, self.source = clock, before

    def _move_late(self) -> None:
        now = self.now_ms()
        due = self.db.execute("SELECT due_ms, type_id, record_id FROM late_moves WHERE due_ms <= ?", (now,)).fetchall()
        for due_ms, type_id, record_id in due:
            row = self.table(type_id).row(record_id)
            if row is not None and row.state == State.LIVE and row.updated_ms < due_ms:
                kind = self.types.resolve(type_id)
                self._write(kind, row._replace(updated_ms=due_ms), decode_properties(row.properties), row)
        self.db.execute("DELETE FROM late_moves WHERE due_ms <= ?", (now,))

    def update_record(
        self,
        type_id: str,
        record_id: int,
        properties: Properties,
        *,
        request: str = "",
        current: Current | None = None,
    ) -> Current:
        """Set values of a live record ("" clears) and what is calculated from them; give it as it is then.

        `current` is the record as `live` gave it, where the caller has read it already. KeyError when there is none.
        """
        row, before = current or self.live(type_id, record_id)
        kind = self.types.resolve(type_id)
        changes = defaults.complete_change(kind, before, properties)
        changed = {name: value for name, value in changes.items() if before.get(name, "") != value}
        if not changed and not self.knobs.noop_write_moves_modified:
            return Current(row, before)
        after = before | changed
        created = row.created_ms
        if kind.created_property in changed:
            created = timestamps.parse_ms(changed[kind.created_property])
        now = self.now_ms()
        stored = self._write(kind, row._replace(created_ms=created, updated_ms=now), after, row)
        replaced = {name: before[name] for name in changed if name in before}
        self._add_history(type_id, record_id, changed, replaced, now)
        unique_values.replace(self, type_id, record_id, before, after)
        self.log_event("update", type_id, record_id, request, {"properties": sorted(properties)})
        self._touch_around(type_id, record_id)
        return stored

    def archive_record(self, type_id: str, record_id: int, *, request: str = "") -> None:
        """Move a live record to the recycle bin: its unique values are free again, its modified date stays (HS-08)."""
        row, values = self.live(type_id, record_id)
        self._remember(type_id, record_id, row)
        now = self.now_ms()
        self.table(type_id).put(row._replace(state=State.ARCHIVED, archived_ms=now))
        self._next_purge_ms = min(self._next_purge_ms or now + self._bin_ms, now + self._bin_ms)
        unique_values.remove(self, type_id, values)
        self.log_event("archive", type_id, record_id, request)
        self._touch_around(type_id, record_id)

    def restore_record(self, type_id: str, record_id: int, *, request: str = "") -> bool:
        """Bring back an archived record with its associations; False where it cannot be: it is none, or its key is taken."""
        row = self.table(type_id).row(record_id)
        if row is None or row.state != State.ARCHIVED:
            return False
        values = decode_properties(row.properties)
        if unique_values.are_taken(self, type_id, values):
            return False
        self._remember(type_id, record_id, row)
        updated = self.now_ms() if self.knobs.restore_moves_modified else row.updated_ms
        back = row._replace(state=State.LIVE, archived_ms=None, updated_ms=updated)
        self._store(self.types.resolve(type_id), back, values)
        unique_values.add(self, type_id, record_id, values)
        self.log_event("restore", type_id, record_id, request)
        self._touch_around(type_id, record_id)
        return True

    @property
    def _bin_ms(self) -> int:
        return self.knobs.bin_days * _DAY_MS

    def _first_purge(self) -> int | None:
        """Tell when the oldest archived record will be gone."""
        oldest = [found for kind in self.types if (found := self.table(kind.type_id).oldest_archived()) is not None]
        return min(oldest) + self._bin_ms if oldest else None

    def _empty_bin(self) -> None:
        """Erase what was archived too long ago; erased e-mails of these may be used again (HS-36)."""
        until = self.now_ms() - self._bin_ms
        for kind in self.types:
            for record_id in self.table(kind.type_id).archived_until(until):
                self._erase(kind.type_id, record_id)
                self.log_event("purge", kind.type_id, record_id, "")
        self._next_purge_ms = self._first_purge()

    def _erase(self, type_id: str, record_id: int) -> None:
        row = self.table(type_id).row(record_id)
        assert row is not None
        self._remember(type_id, record_id, row)
        self.table(type_id).put(row._replace(state=State.GONE, archived_ms=None, properties=b"{}"))
        self.db.execute("DELETE FROM history WHERE type_id = ? AND record_id = ?", (type_id, record_id))

    def purge_record(self, type_id: str, record_id: int, *, request: str = "") -> None:
        """Erase a record for good: no list, search or alias knows it any more."""
        row = self.table(type_id).row(record_id)
        if row is None:
            raise KeyError(f"{type_id} has no record {record_id}")
        values = decode_properties(row.properties)
        if row.state == State.LIVE:
            unique_values.remove(self, type_id, values)
        unique_values.erase(self, type_id, record_id, values)
        self._erase(type_id, record_id)
        self.log_event("gdpr-delete", type_id, record_id, request)
        self._touch_around(type_id, record_id)

    def merge_records(self, type_id: str, primary_id: int, merged_id: int, *, request: str = "") -> int:
        """Merge two live records, values and associations; give the id of the survivor, which is new unless a knob says not."""
        kind = self.types.resolve(type_id)
        primary, primary_values = self.live(type_id, primary_id)
        merged, merged_values = self.live(type_id, merged_id)
        now = self.now_ms()
        keep = self.knobs.merge_keeps_primary
        survivor_id = primary_id if keep else self._next_id(type_id)
        losers = (merged,) if keep else (primary, merged)
        values = defaults.merge_values(kind, (primary_id, primary_values), (merged_id, merged_values), survivor_id, now)
        unique_values.remove(self, type_id, primary_values)
        unique_values.remove(self, type_id, merged_values)
        for row in losers:
            self._remember(type_id, row.id, row)
            self.table(type_id).put(row._replace(state=State.MERGED, archived_ms=now, merged_into=survivor_id))
        created = min(primary.created_ms, merged.created_ms)
        before = primary if keep else None
        self._write(kind, Row(survivor_id, State.LIVE, created, now, None, None, b""), values, before)
        unique_values.add(self, type_id, survivor_id, values)
        associations.unite(self, type_id, [primary_id, merged_id], survivor_id)
        list_members.unite(self, type_id, [primary_id, merged_id], survivor_id)
        self._touch_around(type_id, survivor_id)
        self.log_event("merge", type_id, survivor_id, request, {"primary": primary_id, "merged": merged_id})
        return survivor_id

    def load_records(self, type_id: str, rows: Iterable[tuple[Properties, int, int]]) -> list[int]:
        """Create many records fast from (properties, created_ms, updated_ms): unchecked, and no events; give their ids."""
        kind = self.types.resolve(type_id)
        unique = unique_values.names(self, type_id)
        ids: list[int] = []
        pending = iter(rows)
        while chunk := list(islice(pending, _LOADED_AT_ONCE)):  # a million records at once would fill the memory
            stored: list[Row] = []
            held: list[tuple[str, str, str, int]] = []
            for properties, created, updated in chunk:
                record_id = self._next_id(type_id)
                full = defaults.complete_new(kind, record_id, properties, created)
                full[kind.modified_property] = timestamps.render_ms(updated)
                stored.append(Row(record_id, State.LIVE, created, updated, None, None, encode(full)))
                held += [(type_id, name, value, record_id) for name, value in unique_values.pairs(unique, full)]
            self.table(type_id).put_many(stored)
            unique_values.load(self, sorted(held))
            ids += [row.id for row in stored]
        return ids

    def put_loaded(self, type_id: str, row: Row, properties: Properties) -> None:
        """Let a loaded record be in this state, with these values, cleared ones among them; unique values stay as they are."""
        kind = self.types.resolve(type_id)
        cleared = {name: value for name, value in properties.items() if value == ""}
        values = defaults.complete_new(kind, row.id, properties, row.created_ms) | cleared
        values[kind.modified_property] = timestamps.render_ms(row.updated_ms)
        self.table(type_id).put(row._replace(properties=encode({} if row.state == State.GONE else values)))
        if row.state == State.ARCHIVED and row.archived_ms is not None:
            due = row.archived_ms + self._bin_ms
            self._next_purge_ms = min(self._next_purge_ms or due, due)

    def log_event(
        self, what: str, type_id: str, record_id: int | str, request: str, detail: Mapping[str, object] | None = None
    ) -> None:
        """Note an applied write in the transaction that applies it."""
        self.db.execute(
            "INSERT INTO events (at_ms, what, type_id, record_id, request, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (self.now_ms(), what, type_id, record_id, request, encode(detail) if detail else None),
        )

    def truth(self, type_id: str) -> Iterator[dict[str, Any]]:
        """Give every record in every state as the control server shows it, by id."""
        for row in self.table(type_id).all_rows():
            yield {
                "id": str(row.id),
                "state": _STATE_NAMES[row.state],
                "properties": dict(sorted(decode_properties(row.properties).items())),
                "createdAt": timestamps.render_ms(row.created_ms),
                "updatedAt": timestamps.render_ms(row.updated_ms),
                "archived": row.state != State.LIVE,
                "archivedAt": None if row.archived_ms is None else timestamps.render_ms(row.archived_ms),
                "mergedInto": None if row.merged_into is None else str(row.merged_into),
            }

    def _next_id(self, type_id: str) -> int:
        """Ids grow, by small steps with a wide gap now and then: sparse and clustered, as in real portals."""
        counted = ACTIVITIES if type_id in ACTIVITIES else (type_id,)
        last = self._last_ids.get(counted[0])
        if last is None:
            last = max(self.table(each).last_id() or _FIRST_ID for each in counted)
        mixed = zlib.crc32(last.to_bytes(8, "big"))
        step = 5_000 + mixed % 20_000 if mixed % _CLUSTER == 0 else 1 + mixed % 3
        self._last_ids[counted[0]] = last + step
        return last + step

    def live(self, type_id: str, record_id: int) -> Current:
        """Give a live record with its values; KeyError when there is none."""
        row = self.table(type_id).row(record_id)
        if row is None or row.state != State.LIVE:
            raise KeyError(f"{type_id} has no live record {record_id}")
        return Current(row, decode_properties(row.properties))

    def _write(self, kind: ObjectType, row: Row, values: Properties, before: Row | None) -> Current:
        self._remember(kind.type_id, row.id, before)
        return self._store(kind, row, values)

    def _store(self, kind: ObjectType, row: Row, values: Properties) -> Current:
        values[kind.created_property] = timestamps.render_ms(row.created_ms)
        values[kind.modified_property] = timestamps.render_ms(row.updated_ms)
        if not self.knobs.cleared_reads_empty:
            values = {name: value for name, value in values.items() if value != ""}
        stored = row._replace(properties=encode(values))
        self.table(kind.type_id).put(stored)
        return Current(stored, values)

    def _remember(self, type_id: str, record_id: int, before: Row | None) -> None:
        """Keep what the search index still holds of a record; nothing, where it is new."""
        if not self.index_lag_ms:
            return
        image = (before.state, before.created_ms, before.updated_ms, before.properties) if before else (None,) * 4
        self.db.execute(
            "INSERT INTO old_images (type_id, record_id, indexed_ms, state, created_ms, updated_ms, properties)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (type_id, record_id, self.now_ms() + self._lag_of(record_id), *image),
        )

    def _lag_of(self, record_id: int) -> int:
        """Draw how long the index takes to see a record: the same for each of its writes, so that they arrive in turn."""
        drawn = zlib.crc32(b"lag %d" % record_id) % 1000 / 1000
        return int(self.index_lag_ms * (1 - self.knobs.index_lag_spread * drawn))

    def _add_history(
        self, type_id: str, record_id: int, changes: Properties, before: Properties, at_ms: int, source: str = ""
    ) -> None:
        """Note a write: one row, whatever it changes, with what it replaced, since loaded records have no history yet."""
        self.db.execute(
            "INSERT INTO history (type_id, record_id, at_ms, source, changes, before) VALUES (?, ?, ?, ?, ?, ?)",
            (type_id, record_id, at_ms, source or self.source, encode(changes), encode(before)),
        )
