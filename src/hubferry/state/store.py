"""Runs, cursors and leases in the warehouse. `StateReader` cannot write; `StateStore` can."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import msgspec

from hubferry.errors import ConfigError, WarehouseError
from hubferry.state import push_tables
from hubferry.state.crash import crashpoint
from hubferry.state.cursors import Cursor, ParentCursor, parse_cursors
from hubferry.state.jobs import JOBS
from hubferry.state.leases import Holder, Lease, acquire_lease, drop_first_leases, query_holder
from hubferry.state.process import Process
from hubferry.state.rows import merge_row
from hubferry.state.tables import (
    CURSORS,
    META,
    MOVED,
    PARENTS,
    RUNS,
    SCHEMA,
    SCHEMAS,
    STREAM_RUNS,
    TABLES,
    VERSION,
    StateTable,
)
from hubferry.types import Clock
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse

ALL_TABLES: tuple[StateTable, ...] = (*TABLES, JOBS, *push_tables.TABLES)


@dataclass(frozen=True)
class Run:
    """One execution, as its row says."""

    run_id: str
    kind: str
    portal_id: int
    state: str
    started_at: datetime
    finished_at: datetime | None
    host: str
    pid: int
    detail: Mapping[str, Any]
    counts: Mapping[str, int]
    error: str | None


@dataclass(frozen=True)
class StreamRun:
    """What a run did to one stream."""

    run_id: str
    stream: str
    portal_id: int
    state: str
    reader: str | None = None
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    unparsed: int = 0
    late: int = 0
    calls: int = 0
    waited_seconds: float = 0.0
    floor_calls: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None


class StateReader:
    """What hubferry knows; has no method that writes. Before the first run everything is empty."""

    schema = SCHEMA

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._found: set[str] = set()
        self._made = False

    def version(self) -> int | None:
        """Give the version of the stored state, None before the first run."""
        rows = self._query(META, "WHERE name = 'state'")
        return rows[0]["version"] if rows else None

    def runs(self, limit: int = 20, *, before: str | None = None) -> list[Run]:
        """Give the latest runs, newest first, or those before a run; ids of runs sort by time."""
        where, params = ("WHERE run_id < ?", [before]) if before else ("", [])
        return [
            _parse_run(row) for row in self._query(RUNS, f"{where} ORDER BY run_id DESC LIMIT {int(limit)}", params)
        ]

    def run(self, run_id: str) -> Run | None:
        """Give one run."""
        rows = self._query(RUNS, "WHERE run_id = ?", (run_id,))
        return _parse_run(rows[0]) if rows else None

    def pushes(self, portal_id: int) -> list[Run]:
        """Give the pushes of a portal that were done, oldest first."""
        rows = self._query(
            RUNS, "WHERE portal_id = ? AND kind = 'push' AND state = 'done' ORDER BY run_id", (portal_id,)
        )
        return [_parse_run(row) for row in rows]

    def stream_runs(self, run_id: str) -> list[StreamRun]:
        """Give what a run did to each stream, by name."""
        return [StreamRun(**row) for row in self._query(STREAM_RUNS, "WHERE run_id = ? ORDER BY stream", (run_id,))]

    def latest_stream_runs(self, limit: int, *, stream: str | None = None) -> list[StreamRun]:
        """Give the last `limit` runs of each stream, or of one, oldest first."""
        where, params = ("WHERE stream = ?", [stream]) if stream is not None else ("", [])
        rows = self._query(
            STREAM_RUNS,
            f"WHERE (run_id, stream) IN (SELECT run_id, stream FROM (SELECT run_id, stream, row_number() OVER"
            f" (PARTITION BY stream ORDER BY run_id DESC) AS place FROM {self.warehouse.name(SCHEMA, STREAM_RUNS.name)}"
            f" {where}) AS placed WHERE place <= {int(limit)}) ORDER BY run_id",
            params,
        )
        return [StreamRun(**row) for row in rows]

    def holds(self) -> dict[str, str]:
        """Give why syncs are on hold, of any portal."""
        return {row["sync"]: row["reason"] for row in self._query(push_tables.HOLDS, "")}

    def rejected_counts(self) -> dict[str, dict[str, int]]:
        """Count what could not be done, by sync and state."""
        counts: dict[str, dict[str, int]] = {}
        if self._has(push_tables.REJECTED):
            name = self.warehouse.name(SCHEMA, push_tables.REJECTED.name)
            found = self.warehouse.query(f"SELECT sync, state, count(*) AS n FROM {name} GROUP BY sync, state")
            for row in found.to_pylist():
                counts.setdefault(row["sync"], {})[row["state"]] = row["n"]
        return counts

    def last_calls(self, portal_id: int) -> dict[str, int]:
        """Give how many calls each stream took the last time that it was read to its end."""
        rows = self._query(STREAM_RUNS, "WHERE portal_id = ? AND state = 'done' ORDER BY run_id", (portal_id,))
        return {row["stream"]: row["calls"] for row in rows}

    def cursor(self, portal_id: int, name: str) -> Cursor | None:
        """Give how far a stream has been read, None where it never was; `name` with the prefix of its schema."""
        rows = self._query(CURSORS, "WHERE portal_id = ? AND stream = ?", (portal_id, name))
        return parse_cursors(rows).get(name)

    def prefix(self, portal_id: int, schema: str) -> str:
        """Give what stands before the names of a schema's cursors: nothing for the schema that was pulled into first.

        Each schema has cursors of its own: what was read into one is not in the other.
        """
        return _prefix(schema, self.query_schemas(portal_id))

    def query_schemas(self, portal_id: int) -> list[str]:
        """Give the schemas that a portal was pulled into, the first one first."""
        rows = self._query(SCHEMAS, "WHERE portal_id = ?", (portal_id,)) if self._has(SCHEMAS) else []
        return [row["schema"] for row in sorted(rows, key=lambda row: (row["claimed_at"], row["schema"]))]

    def is_made(self) -> bool:
        """Say whether anything was ever stored here; asked until it was, then remembered."""
        self._made = self._made or self.version() is not None
        return self._made

    def all_cursors(self, schema: str) -> dict[str, Cursor]:
        """Give every cursor of a schema by stream, whatever portal it is of."""
        portals = {row["portal_id"] for row in self._query(SCHEMAS, "")}
        return {name: each for portal in sorted(portals) for name, each in self.cursors(portal, schema).items()}

    def cursors(self, portal_id: int, schema: str | None = None) -> dict[str, Cursor]:
        """Give every cursor of one of a portal's schemas, the one that was pulled into first unless it is named, by stream."""
        schemas = self.query_schemas(portal_id)
        prefix = _prefix(schema, schemas) if schema is not None else ""
        others = tuple(other for each in schemas if (other := _prefix(each, schemas)) != prefix and other)
        found = parse_cursors(self._query(CURSORS, "WHERE portal_id = ?", (portal_id,)))
        return {
            name.removeprefix(prefix): each
            for name, each in found.items()
            if name.startswith(prefix) and not name.startswith(others)
        }

    def parents(self, portal_id: int, stream: str) -> dict[str, ParentCursor]:
        """Give how far each parent of a stream has been read; `stream` with the prefix of its schema."""
        rows = self._query(PARENTS, "WHERE portal_id = ? AND stream = ?", (portal_id, stream))
        return {row["parent"]: ParentCursor(row["mark"], row["value"]) for row in rows}

    def holder(self, portal_id: int) -> Holder | None:
        """Give who holds, or held last, a portal."""
        return query_holder(self.warehouse, self.warehouse, portal_id) if self.version() else None

    def counts(self) -> dict[str, int]:
        """Give how many rows each of hubferry's own tables has."""
        names = set(self.warehouse.query_tables(SCHEMA))
        there = [table for table in ALL_TABLES if table.name in names]
        sums = (f"SELECT count(*) AS n FROM {self.warehouse.name(SCHEMA, table.name)}" for table in there)
        return {table.name: self.warehouse.query(sql)["n"][0].as_py() for table, sql in zip(there, sums, strict=True)}

    def _has(self, table: StateTable) -> bool:
        """Say whether a table is there: before the first run of this version it need not be."""
        if table.name not in self._found:
            self._found |= set(self.warehouse.query_tables(SCHEMA))
        return table.name in self._found

    def _query(self, table: StateTable, rest: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        with self.warehouse.session():
            if not self._has(table):
                return []
            columns = ", ".join(self.warehouse.quote(column.name) for column in table.columns)
            name = self.warehouse.name(SCHEMA, table.name)
            found = self.warehouse.query(f"SELECT {columns} FROM {name} {rest}", params)
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows


class StateStore(StateReader):
    """What hubferry knows, for the process that runs."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        super().__init__(warehouse)
        self.clock = clock

    def migrate(self, *, after_move: bool = False) -> None:
        """Bring the state to this version; refuse one that a newer hubferry wrote, or that a move has not brought whole.

        Tables are only added to, and the version is written last, so that a migration that was cut short is done again.
        """
        with self.warehouse.session():
            self._migrate(after_move=after_move)

    def new_run_id(self) -> str:
        """Give the id of a run that starts now, e.g. 20261123T101112345-ab12cd; ids sort by time."""
        now = self._now()
        return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}-{secrets.token_hex(3)}"

    def start_run(self, kind: str, portal_id: int, detail: Mapping[str, Any], *, run_id: str | None = None) -> str:
        """Record that a run started and give its id: a new one unless `run_id` is."""
        now, owner = self._now(), Process.current()
        run_id = run_id or self.new_run_id()
        row = {
            "run_id": run_id,
            "kind": kind,
            "portal_id": portal_id,
            "state": "running",
            "started_at": now,
            "host": owner.host,
            "machine": owner.machine,
            "pid": owner.pid,
            "process_started": owner.started,
            "detail": _render(detail),
            "counts": "{}",
        }
        with self.warehouse.transaction() as tx:
            tx.append(RUNS.table, table_from_rows(RUNS.table, [row]))
        return run_id

    def finish_run(self, run_id: str, state: str, counts: Mapping[str, int], error: str | None = None) -> None:
        """Record how a run ended; one that was found dead meanwhile stays `died`."""
        name = self.warehouse.name(SCHEMA, RUNS.name)
        with self.warehouse.transaction() as tx:
            tx.execute(
                f"UPDATE {name} SET state = ?, finished_at = ?, counts = {self.warehouse.as_json('?')}, error = ?"
                " WHERE run_id = ? AND state = 'running'",
                (state, self._now(), _render(counts), error, run_id),
            )
        crashpoint("run.finished")

    def acquire(
        self, portal_id: int, *, run_id: str, wait_seconds: float = 0, parts: Collection[str] | None = None
    ) -> Lease:
        """Take the portal, or parts of it, for a run, waiting for holders at most `wait_seconds`; raise PortalBusyError."""
        return acquire_lease(
            self.warehouse, self.clock, portal_id, run_id=run_id, wait_seconds=wait_seconds, parts=parts
        )

    def claim_schema(self, tx: Transaction, schema: str, portal_id: int, now: datetime) -> None:
        """Note whose records a schema holds; raise ConfigError where they are another portal's, whose rows would vanish."""
        name = self.warehouse.name(SCHEMA, SCHEMAS.name)
        rows = tx.query(
            f"SELECT portal_id FROM {name} WHERE lower({self.warehouse.quote('schema')}) = lower(?)", (schema,)
        ).to_pylist()
        if not rows:
            row = {"schema": schema, "portal_id": portal_id, "claimed_at": now}
            tx.merge(SCHEMAS.table, table_from_rows(SCHEMAS.table, [row]))
        elif rows[0]["portal_id"] != portal_id:
            raise ConfigError(
                f"schema {schema!r} holds the records of portal {rows[0]['portal_id']}, and the token is of portal {portal_id}."
                " Give pull.schema in hubferry.yml another name, use another warehouse, or the token of the former portal."
            )

    def record_stream_run(self, tx: Transaction, stream_run: StreamRun) -> None:
        """Record what a run did to a stream so far; called again, it replaces the row."""
        merge_row(tx, self.warehouse, STREAM_RUNS, asdict(stream_run))

    def _migrate(self, *, after_move: bool) -> None:
        found = self._query(META, "WHERE name = 'state'")
        stored = found[0]["version"] if found else None
        if stored is None and not after_move and MOVED.name in self.warehouse.query_tables(SCHEMA):
            raise WarehouseError(
                "a move into this warehouse has not ended: run `hubferry move` again. To begin without it, drop the schema"
                f" {SCHEMA} and the tables of the pull's schema here."
            )
        if stored is not None and stored > VERSION:
            raise WarehouseError(
                f"the state in schema {SCHEMA!r} has version {stored}, this hubferry knows {VERSION}. Install the newer hubferry."
            )
        if stored == VERSION and found[0]["shape"] == _shape():
            return
        if stored is not None and stored < 2:
            drop_first_leases(self.warehouse, VERSION)
        self.warehouse.ensure_tables(table.table for table in ALL_TABLES)
        row = {"name": "state", "version": VERSION, "shape": _shape(), "updated_at": self._now()}
        with self.warehouse.transaction() as tx:
            tx.merge(META.table, table_from_rows(META.table, [row]))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), UTC)


@functools.cache
def _shape() -> str:
    """Give a hash of all tables as they are defined."""
    return hashlib.sha256(repr(ALL_TABLES).encode()).hexdigest()


def _prefix(schema: str, known: Sequence[str]) -> str:
    """Give what stands before the names of a schema's cursors; `known` are the portal's schemas, the first one first."""
    return "" if not known or known[0].lower() == schema.lower() else f"{schema.lower()}/"


def _parse_run(row: Mapping[str, Any]) -> Run:
    known = {field.name for field in fields(Run)}
    values = {name: value for name, value in row.items() if name in known}
    values["detail"], values["counts"] = (msgspec.json.decode(row[name] or "{}") for name in ("detail", "counts"))
    return Run(**values)


def _render(value: object) -> str:
    return msgspec.json.encode(value).decode()
