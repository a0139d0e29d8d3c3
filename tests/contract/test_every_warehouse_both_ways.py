"""The same pulls, pushes, kills and stopped workers on every engine."""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import stopped_worker

from engines import ENGINES, is_real_snowflake, keep_leases_still
from hubferry.clock import SystemClock
from hubferry.config.model import PullBlock, Sync, SyncBlock
from hubferry.errors import PortalBusyError
from hubferry.hubspot.client import Client
from hubferry.project.facade import Project
from hubferry.pull.run import run_pull
from hubferry.pull.verification import verify_tables
from hubferry.push.apply import run_push
from hubferry.push.plan import build_plan
from hubferry.push.rejected import query_rejected
from hubferry.push.rename import rename_sync
from hubferry.state.cursors import Cursor, save_cursor
from hubferry.state.store import StateStore
from hubferry.streams.registry import BY_NAME
from hubferry.types import Column, Secret, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.duckdb import DuckDBTransaction
from hubferry.warehouse.interface import Warehouse
from hubferry.warehouse.snowflake import names as snowflake_names
from hubferry.warehouse.snowflake.session import Session
from hubspot_emulator import hard_values
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator
from stream_truth import diff_stream, diff_versions
from truth import assert_equal_to_truth, call_control, fetch_truth

PEOPLE = Table(
    "analytics",
    "people",
    (
        Column("Number", "string"),
        Column("email", "string"),
        Column("first name", "string"),
        Column("revenue", "decimal(12,2)"),
        Column("friends", "json"),
        Column("company_ids", "strings"),
    ),
)
HOSTILE = ["'; DROP TABLE people; --", "line\nbreak\ttab", "🦄 é ß", '"quoted" \\ $1 ? %s', "x" * 5_000]
LONG = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(60))
"""More than an index of PostgreSQL takes, and not to be compressed."""
ROWS = Table("crm", "rows", (Column("id", "string"), Column("chunk", "integer")), ("id",))
PORTAL, CHUNKS = 42, 3
HEAVY_ON_FAKESNOW = [
    pytest.param(engine, marks=[pytest.mark.heavy] if engine == "snowflake" else []) for engine in ENGINES
]
"""Many statements, each of which fakesnow parses: half a minute and more."""


@pytest.fixture(params=ENGINES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    keep_leases_still(monkeypatch, request.param)
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
def portal(portal_factory: Callable[..., Emulator]) -> Emulator:
    return portal_factory(contacts=20, shared_clock=VirtualClock())


@pytest.fixture
def client(portal: Emulator) -> Iterator[Client]:
    with Client(token=Secret("pat-test"), base_url=portal.base_url, clock=portal.clock) as opened:
        yield opened


@pytest.mark.parametrize("warehouse", HEAVY_ON_FAKESNOW, indirect=True)
def test_tables_equal_the_portal_after_pulls_on_every_engine(
    warehouse: Warehouse, portal: Emulator, client: Client
) -> None:
    block = PullBlock.model_validate({"streams": {"contacts": None, "companies": None, "deals": None}})
    pairs = (("contacts", "companies"), ("contacts", "deals"))

    def pull() -> None:
        with warehouse.session():
            state = StateStore(warehouse, portal.clock)
            report = run_pull(client=client, warehouse=warehouse, state=state, pull=block)
        assert [
            (each.name, each.error) for each in (*report.streams, *report.associations) if each.state != "done"
        ] == []
        assert_equal_to_truth(ListsAsLists(warehouse), portal.control_url, pairs=pairs)

    pull()
    call_control(
        portal.control_url, "POST", "/mutate", {"seed": 3, "edits": 5, "creates": 2, "archives": 2, "merges": 1}
    )
    call_control(portal.control_url, "POST", "/clock", {"advance_seconds": 60})
    pull()


@pytest.mark.parametrize("warehouse", HEAVY_ON_FAKESNOW, indirect=True)
def test_versions_sweeps_proofs_and_views_work_on_every_engine(
    warehouse: Warehouse, portal: Emulator, client: Client
) -> None:
    """`storage: append`, the weekly look at all records, `verify --pull` with repair, and views for dbt models."""
    streams = {
        "contacts": {"properties": ["email", "firstname"], "storage": "append", "associations": []},
        "deal_pipelines": None,
        "deals_archived": {"properties": ["dealname"]},
        "forms": None,
        "list_memberships": None,
        "owners": {"storage": "append"},
    }
    block = PullBlock.model_validate({"streams": streams, "fivetran_schema": "fivetran"})
    state = StateStore(warehouse, portal.clock)
    parts = {"client": client, "warehouse": warehouse, "state": state, "pull": block}
    with warehouse.session():
        assert run_pull(**parts).exit_code == 0
        call_control(portal.control_url, "POST", "/mutate", {"seed": 3, "edits": 5, "archives": 2, "merges": 1})
        call_control(portal.control_url, "POST", "/clock", {"advance_seconds": 8 * 86_400})
        assert run_pull(**parts).exit_code == 0
        call_control(portal.control_url, "POST", "/clock", {"advance_seconds": 3600})
        proven = verify_tables(**parts, sample=None)
        assert [each for name in ("contacts", "owners") for each in diff_versions(warehouse, BY_NAME[name])] == []
        with warehouse.transaction() as tx:
            tx.execute(f"DELETE FROM {warehouse.name('hubspot', 'list_memberships')}")
            tx.execute(
                f"UPDATE {warehouse.name('hubspot', 'contacts__current')} SET firstname = 'wrong' WHERE NOT archived"
            )
        found = verify_tables(**parts, sample=None)
        repaired = verify_tables(**parts, sample=None, repair=True)
        live = warehouse.query(f"SELECT id FROM {warehouse.name('fivetran', 'contact')} WHERE NOT is_deleted")
        won = warehouse.query(
            f"SELECT probability FROM {warehouse.name('fivetran', 'deal_pipeline_stage')} WHERE closed_won"
        )
        form = warehouse.query(f"SELECT DISTINCT submit_text FROM {warehouse.name('fivetran', 'form')}")

        assert [each.differences for each in proven] == [0] * len(streams)
        assert [each.error for each in (*found, *repaired) if each.error] == []
        wrong = {each.name for each in found if each.exit_code}
        assert (wrong, [each.exit_code for each in repaired]) == ({"contacts", "list_memberships"}, [0] * len(streams))
        appended = {"contacts", "owners"}
        differing = [
            each
            for name in streams.keys() - {"deals_archived"}  # which is known by the table of all deals, not pulled here
            for each in diff_stream(warehouse, portal.control_url, BY_NAME[name], append=name in appended)
        ]
        assert differing == []
        assert (set(won["probability"].to_pylist()), form["submit_text"].to_pylist()) == ({1.0}, ["Submit"])
        truth = fetch_truth(portal.control_url, "contacts")
        assert sorted(live["id"].to_pylist()) == sorted(int(each["id"]) for each in truth if each["state"] == "live")


HOSTILE_NAMES = tuple(hard_values.HOSTILE_NAMES)
HARD_PROPERTIES = ("remarks", "city", "loyalty_score", "last_visit_at", "birthday", "hard_choice")


@pytest.mark.parametrize("warehouse", HEAVY_ON_FAKESNOW, indirect=True)
def test_hostile_property_names_and_values_are_read_back_by_rule_on_every_engine(
    warehouse: Warehouse, portal_factory: Callable[..., Emulator]
) -> None:
    """Case twins, 300 bytes, emoji, reserved words and SQL; NUL, numbers and times that no type holds."""
    portal = portal_factory(contacts=60, hostile_names=True, hard_values=True, shared_clock=VirtualClock())
    # fakesnow answers HTTP 500 to an apostrophe in a column's name; Snowflake allows it.
    is_fake = warehouse.engine == "snowflake" and not is_real_snowflake()
    names = [name for name in HOSTILE_NAMES if not (is_fake and "'" in name)]
    block = PullBlock.model_validate({"streams": {"contacts": {"properties": [*names, *HARD_PROPERTIES]}}})

    with Client(token=Secret("pat-test"), base_url=portal.base_url, clock=portal.clock) as client, warehouse.session():
        state = StateStore(warehouse, portal.clock)
        [report] = run_pull(client=client, warehouse=warehouse, state=state, pull=block).streams
        [proven] = verify_tables(client=client, warehouse=warehouse, state=state, pull=block, sample=None)

    columns = warehouse.query(f"SELECT name, column_name FROM {warehouse.name('hubspot', 'properties')}").to_pylist()
    chosen = {row["name"]: row["column_name"] for row in columns if row["column_name"] is not None}
    assert (report.state, report.error, chosen.keys()) == ("done", None, {*names, *HARD_PROPERTIES})
    assert chosen == dict.fromkeys(chosen) | {name: name for name in chosen} | {"upper": "upper__p"}
    assert (proven.error, proven.columns, proven.differences) == (None, {}, 0)
    read = Unfolded(warehouse, chosen.values())
    assert_equal_to_truth(read, portal.control_url, objects=("contacts",))
    stored = read.query(f"SELECT * FROM {warehouse.name('hubspot', 'contacts')}").to_pylist()
    for name in names:
        assert name in {row[chosen[name]] for row in stored}, f"no contact has a value of {name!r}"


class Unfolded:
    """A warehouse whose results have the names that were asked for: Snowflake folds `Upper`, and gives it as `upper`."""

    def __init__(self, warehouse: Warehouse, columns: Iterable[str]) -> None:
        self._warehouse, self.name, self.quote = warehouse, warehouse.name, warehouse.quote
        self.session = warehouse.session
        folds = warehouse.engine == "snowflake"
        self._columns = {snowflake_names.unfold(snowflake_names.fold(name)): name for name in columns if folds}

    def query(self, sql: str, params: Any = ()) -> Any:
        found = self._warehouse.query(sql, params)
        return found.rename_columns([self._columns.get(name, name) for name in found.column_names])


class ListsAsLists:
    """A warehouse whose lists come as lists: fakesnow calls an ARRAY a VARIANT, so that they come as JSON there."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse, self.name, self.engine = warehouse, warehouse.name, warehouse.engine
        self.quote, self.session = warehouse.quote, warehouse.session

    def query(self, sql: str, params: Any = ()) -> Any:
        found = self._warehouse.query(sql, params)
        if "contact_ids" in found.column_names and self.engine == "snowflake" and not is_real_snowflake():
            lists = [each if each is None else json.loads(each) for each in found["contact_ids"].to_pylist()]
            found = found.set_column(found.column_names.index("contact_ids"), "contact_ids", [lists])
        return found


def test_a_push_makes_the_portal_equal_and_a_second_plan_is_empty_on_every_engine(
    warehouse: Warehouse, portal: Emulator, client: Client
) -> None:
    company = json.loads(call_control(portal.control_url, "GET", "/truth/companies").splitlines()[0])["id"]
    rows = [
        {
            "Number": f"N{n}",
            "email": f"person{n}@example.com",
            "first name": HOSTILE[n % len(HOSTILE)],
            "revenue": 10 + n,
            "friends": json.dumps({"N1": None}) if n == 2 else None,
            "company_ids": [company] if n < 3 else None,
        }
        for n in range(8)
    ]
    warehouse.ensure_table(PEOPLE)
    with warehouse.transaction() as tx:
        tx.append(PEOPLE, table_from_rows(PEOPLE, [*rows, {**rows[7], "Number": LONG, "email": "long@example.com"}]))
    sync = people_sync()
    state = StateStore(warehouse, portal.clock)
    made = {"syncs": [sync], "client": client, "warehouse": warehouse, "state": state}

    with warehouse.session():
        report = run_push(**made)
        counts = report.plan.counts["people"]
        again = build_plan(**made, full=True).counts["people"]
        folk = sync.model_copy(update={"name": "folk"})
        moved = rename_sync("people", "folk", client=client, state=state)
        renamed = build_plan(**made | {"syncs": [folk]}, full=False).counts["folk"]

    contacts = [json.loads(line) for line in call_control(portal.control_url, "GET", "/truth/contacts").splitlines()]
    found = {each["properties"].get("email"): each for each in contacts if each["state"] == "live"}
    assert (counts.rows, counts.invalid, report.exit_code) == (9, 1, 1)
    assert [found[row["email"]]["properties"]["firstname"] for row in rows] == [row["first name"] for row in rows]
    assert float(found["person3@example.com"]["properties"]["annualrevenue"]) == 13.0
    assert company in {link["toId"] for link in found["person0@example.com"]["associations"]}
    assert (again.planned, again.rows) == (0, 9)
    assert "long@example.com" not in found
    [refused] = query_rejected(state, "folk")
    assert refused.row_key.startswith(LONG[:900])
    assert "longer than 1,000 bytes" in refused.message
    assert (moved.rows, moved.links) == (8, 3)
    assert (renamed.unchanged, renamed.remembered, renamed.links_owned) == (8, 8, 3)


def people_sync() -> Sync:
    """Build a sync of every kind of column that an engine may give."""
    block = {
        "source": "analytics.people",
        "key": "Number",
        "object": "contacts",
        "match": "email",
        "fields": {"email": "email", "firstname": "first name", "annualrevenue": "revenue"},
        "associations": [{"to": "companies", "column": "company_ids"}],
    }
    return Sync(name="people", file="syncs/people.yml", block=SyncBlock.model_validate(block))


# Kills


class Killed(BaseException):
    """The process ends here."""


STATEMENTS: dict[str, list[tuple[Any, str]]] = {
    "duckdb": [(DuckDBTransaction, "execute"), (DuckDBTransaction, "query")],
    "postgres": [(psycopg.Connection, "execute"), (psycopg.Cursor, "copy")],
    "snowflake": [(Session, "run")],
}
"""Where each engine's statements pass, COMMIT and those between COMMIT and the next BEGIN included.

DuckDB's own COMMIT passes elsewhere: `transaction.before_commit` and `after_commit` stand around it, where
tests/hubferry/pull/test_pull_kills.py ends processes.
"""


class Counted:
    """Counts the statements of an engine, and ends the process before one of them."""

    def __init__(self, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.at = 0, 0
        for owner, name in STATEMENTS[engine]:
            monkeypatch.setattr(owner, name, self._counting(getattr(owner, name)))

    def _counting(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                raise Killed
            return run(*args, **options)

        return counted


def load(warehouse: Warehouse) -> None:
    """Resume after the cursor and load the chunks that are left, each with its cursor in one transaction."""
    state = StateStore(warehouse, SystemClock())
    state.migrate()
    warehouse.ensure_table(ROWS)
    with state.acquire(PORTAL, run_id=state.start_run("pull", PORTAL, {})) as lease:
        cursor = state.cursor(PORTAL, "rows") or Cursor(scan=0)
        for number in range(cursor.scan, CHUNKS):
            rows = [{"id": f"{number}-{row}", "chunk": number} for row in range(3)]
            with lease.transaction() as tx:
                tx.merge(ROWS, table_from_rows(ROWS, rows))
                save_cursor(tx, warehouse, PORTAL, "rows", Cursor(scan=number + 1))


def assert_rows_equal_cursor(warehouse: Warehouse) -> None:
    cursor = StateStore(warehouse, SystemClock()).cursor(PORTAL, "rows")
    there = warehouse.query_columns("crm", "rows")
    chunks = warehouse.query(f"SELECT chunk FROM {warehouse.name('crm', 'rows')}")["chunk"].to_pylist() if there else []
    assert sorted(chunks) == sorted(list(range(cursor.scan if cursor else 0)) * 3)


def test_a_row_of_ours_is_added_then_changed_under_its_key_whatever_its_texts_hold(warehouse: Warehouse) -> None:
    state = StateStore(warehouse, SystemClock())
    state.migrate()
    with warehouse.transaction() as tx:
        for name, scan in [("one", {"a": "\0'; --"}), ("other", None), ("one", [1, {"b": "é?"}])]:
            save_cursor(tx, warehouse, PORTAL, name, Cursor(scan=scan, run_id=f"{name}\0?"))

    assert state.cursors(PORTAL) == {
        "one": Cursor(scan=[1, {"b": "é?"}], run_id="one\ufffd?"),
        "other": Cursor(run_id="other\ufffd?"),
    }


SEED = int(os.environ.get("HUBFERRY_TEST_SEED", "0")) or secrets.randbelow(10**6)


def test_a_kill_before_some_statement_leaves_rows_and_cursor_equal_on_every_engine(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two statements of the whole, by the seed that a failure prints; HUBFERRY_TEST_SEED repeats it."""
    print(f"HUBFERRY_TEST_SEED={SEED}")
    kills = Kills(warehouse, monkeypatch)
    for at in random.Random(SEED).sample(range(1, kills.total + 1), 2):
        kills.kill_before(at)


@pytest.mark.heavy
def test_a_kill_between_any_two_statements_leaves_rows_and_cursor_equal_on_every_engine(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = Kills(warehouse, monkeypatch)
    for at in range(1, kills.total + 1):
        kills.kill_before(at)
    with capsys.disabled():
        print(f"\n{warehouse.engine}: killed before each of {kills.total} statements")


class Kills:
    """A load of three chunks, whose process ends before one of its statements."""

    def __init__(self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
        self._warehouse = warehouse
        StateStore(warehouse, SystemClock()).migrate()
        self._counted = Counted(warehouse.engine, monkeypatch)
        load(warehouse)
        self.total = self._counted.count

    def kill_before(self, at: int) -> None:
        """Load from nothing, end before this statement, and look; then load again and look."""
        warehouse, counted = self._warehouse, self._counted
        with warehouse.transaction() as tx:
            for schema, table in (("crm", "rows"), ("hubferry", "cursors")):
                tx.execute(f"DELETE FROM {warehouse.name(schema, table)}")
        counted.count, counted.at = 0, at
        try:
            with warehouse.session():
                load(warehouse)
        except Killed:
            counted.at = 0
            with warehouse.transaction() as tx:  # the process that held the portal is dead
                tx.execute(f"UPDATE {warehouse.name('hubferry', 'leases')} SET process_started = 'before'")
        counted.at = 0
        assert_rows_equal_cursor(warehouse)
        load(warehouse)
        assert_rows_equal_cursor(warehouse)
        assert warehouse.query(f"SELECT count(*) AS n FROM {warehouse.name('crm', 'rows')}").to_pylist() == [{"n": 9}]


# Workers


@pytest.mark.parametrize("warehouse", HEAVY_ON_FAKESNOW[1:], indirect=True)
def test_a_worker_stopped_past_its_lease_can_neither_commit_nor_send(warehouse: Any, tmp_path: Path) -> None:
    """DuckDB's file has one process at a time: its workers are in tests/hubferry/state/test_leases.py."""
    state, clock = StateStore(warehouse, SystemClock()), tmp_path / "clock"
    state.migrate()
    clock.write_text("0")
    script = [sys.executable, stopped_worker.__file__, warehouse.engine, where(warehouse), str(clock)]
    with subprocess.Popen(
        script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "open\n"
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(PortalBusyError):
            state.acquire(PORTAL, run_id="second")
        with warehouse.transaction() as tx:  # a minute goes by, in which it gave no sign of life
            tx.execute(f"UPDATE {warehouse.name('hubferry', 'leases')} SET beat = ?", (a_minute_ago(),))
        clock.write_text("61")
        with state.acquire(PORTAL, run_id="second") as lease, lease.transaction() as tx:
            save_cursor(tx, warehouse, PORTAL, "deals", Cursor(scan="second"))
        os.kill(worker.pid, signal.SIGCONT)
        said, error = worker.communicate("go on\n", timeout=60)

    assert said == "committed False, may send False\n", error
    assert set(state.cursors(PORTAL)) == {"deals"}


def where(warehouse: Any) -> str:
    """Say where a warehouse is, for another process."""
    settings = warehouse.settings
    if warehouse.engine == "postgres":
        return str(settings.url.reveal())
    return f"{settings.host}:{settings.port}:{settings.database}"


def a_minute_ago() -> Any:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    return datetime.now(UTC) - timedelta(seconds=61)


def test_a_project_names_each_engine(tmp_path: Path) -> None:
    for block in ("duckdb: {path: w.duckdb}", "postgres: {host: h}", "snowflake: {account: a, database: d}"):
        (tmp_path / "hubferry.yml").write_text(f"warehouse:\n  {block}\n")

        assert Project.open(tmp_path).warehouse.engine == block.partition(":")[0]
