"""Runs, cursors and migrations; and that no kill parts rows from their cursor."""

from __future__ import annotations

import inspect
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import state_run

from forked import Ended, run_forked
from hubferry.clock import SystemClock
from hubferry.errors import WarehouseError
from hubferry.state import crash
from hubferry.state.cursors import Cursor, save_cursor
from hubferry.state.jobs import query_jobs
from hubferry.state.store import ALL_TABLES, StateReader, StateStore, StreamRun
from hubferry.state.tables import VERSION, render_tables
from hubferry.warehouse import duckdb_file
from hubferry.warehouse.duckdb import DuckDBWarehouse

CHUNKS = 2
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> StateStore:
    return StateStore(DuckDBWarehouse(tmp_path / "w.duckdb"), SystemClock())


def run_load(path: Path, kill_at_statement: int | None = None, *, crash_at: str | None = None) -> Ended:
    environ = {"HUBFERRY_CRASH": crash_at} if crash_at else {}
    return run_forked(Path(state_run.__file__), str(path), CHUNKS, kill_at_statement, environ=environ)


def assert_rows_equal_cursor(path: Path) -> None:
    warehouse = DuckDBWarehouse(path)
    cursor = StateReader(warehouse).cursor(state_run.PORTAL, "rows")
    chunks = cursor.scan if cursor else 0
    rows = []
    if warehouse.query_columns("crm", "rows"):
        rows = warehouse.query(f"SELECT id FROM {warehouse.name('crm', 'rows')} ORDER BY id")["id"].to_pylist()

    assert rows == sorted(f"{chunk}-{row}" for chunk in range(chunks) for row in range(3))


def assert_loaded(path: Path) -> None:
    state_run.load(DuckDBWarehouse(path), CHUNKS)

    assert_rows_equal_cursor(path)
    runs = StateReader(DuckDBWarehouse(path)).runs()
    assert runs[0].state == "done"
    assert {run.state for run in runs[1:]} <= {"died", "done"}


@pytest.mark.parametrize("kills", [6, pytest.param(1_000, marks=pytest.mark.heavy)], ids=["some", "every"])
def test_a_kill_before_any_statement_leaves_rows_and_cursor_equal(tmp_path: Path, kills: int) -> None:
    statements = int(run_load(tmp_path / "whole.duckdb").stdout)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chosen = random.Random(seed).sample(range(1, statements + 1), min(kills, statements))

    for at in sorted(chosen):
        path = tmp_path / f"{at}.duckdb"
        assert run_load(path, at).code == -9
        with DuckDBWarehouse(path).busy():  # opened as the dead process left it, and then for all that is looked at
            assert_rows_equal_cursor(path)
            assert_loaded(path)


@pytest.mark.parametrize(
    "point", [name for name in crash.POINTS if name.partition(".")[0] in {"lease", "transaction", "run"}]
)
def test_a_kill_at_a_crash_point_leaves_rows_and_cursor_equal(tmp_path: Path, point: str) -> None:
    path = tmp_path / "w.duckdb"

    killed = run_load(path, crash_at=f"{point}:{2 if point.startswith('transaction') else 1}")

    assert killed.code == -9
    assert_rows_equal_cursor(path)
    assert_loaded(path)


def test_a_crash_point_that_is_not_registered_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBFERRY_CRASH", "anything:1")

    with pytest.raises(ValueError, match=r"crash\.POINTS"):
        crash.crashpoint("no.such.point")


def test_a_newer_state_is_refused_and_left_alone(state: StateStore) -> None:
    state.migrate()
    with state.warehouse.transaction() as tx:
        tx.execute(f"UPDATE {state.warehouse.name('hubferry', 'meta')} SET version = ?", (VERSION + 1,))

    with pytest.raises(WarehouseError, match="newer hubferry"):
        state.migrate()

    assert state.version() == VERSION + 1


def test_migrating_twice_changes_nothing(state: StateStore) -> None:
    state.migrate()
    run_id = state.start_run("pull", 1, {})
    state.migrate()

    assert state.version() == VERSION
    assert [run.run_id for run in state.runs()] == [run_id]


def test_a_table_that_got_lost_a_column_gets_it_back_when_the_definitions_moved(state: StateStore) -> None:
    state.migrate()
    with state.warehouse.transaction() as tx:
        tx.execute(f"ALTER TABLE {state.warehouse.name('hubferry', 'runs')} DROP COLUMN error")
        tx.execute(f"UPDATE {state.warehouse.name('hubferry', 'meta')} SET shape = 'older'")

    state.migrate()

    assert "error" in {column.name for column in state.warehouse.query_columns("hubferry", "runs")}


def test_before_the_first_run_everything_is_empty(state: StateStore) -> None:
    assert (state.version(), state.runs(), state.run("x"), state.cursors(1), state.holder(1)) == (
        None,
        [],
        None,
        {},
        None,
    )


def test_a_cursor_comes_back_as_it_was_saved(state: StateStore) -> None:
    state.migrate()
    cursor = Cursor(
        value=AT, scan={"ranges": [[1, None]], "id": "r"}, swept={"archived": AT}, run_id="r1", updated_at=AT
    )
    with state.warehouse.transaction() as tx:
        save_cursor(tx, state.warehouse, 1, "contacts", cursor)
        save_cursor(tx, state.warehouse, 2, "contacts", Cursor())

    assert state.cursor(1, "contacts") == cursor
    assert state.cursor(2, "contacts") == Cursor()
    assert state.cursor(1, "deals") is None


def test_a_question_opens_the_file_once(state: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    state.migrate()
    opened: list[Path] = []
    really_open = duckdb_file._open

    def counted(path: Path, *given: Any) -> Any:
        opened.append(path)
        return really_open(path, *given)

    monkeypatch.setattr(duckdb_file, "_open", counted)
    warehouse = DuckDBWarehouse(state.warehouse.path)

    assert StateReader(warehouse).runs() == []
    assert query_jobs(DuckDBWarehouse(state.warehouse.path), "") == {}
    assert len(opened) == 2


def test_a_cursor_may_go_back_when_a_refresh_asks_for_it(state: StateStore) -> None:
    state.migrate()
    for value in (AT, None):
        with state.warehouse.transaction() as tx:
            save_cursor(tx, state.warehouse, 1, "contacts", Cursor(value=value))

    assert state.cursor(1, "contacts") == Cursor()


def test_a_run_is_listed_with_what_it_was_asked_and_what_it_did(state: StateStore) -> None:
    state.migrate()
    run_id = state.start_run("pull", 1, {"select": ["contacts"]})
    state.finish_run(run_id, "failed", {"read": 3}, "no scope")

    [run] = state.runs()

    assert (run.state, run.detail, run.counts, run.error) == (
        "failed",
        {"select": ["contacts"]},
        {"read": 3},
        "no scope",
    )
    assert run.finished_at is not None


def test_a_run_found_dead_stays_dead(state: StateStore) -> None:
    state.migrate()
    run_id = state.start_run("pull", 1, {})
    with state.warehouse.transaction() as tx:
        tx.execute(f"UPDATE {state.warehouse.name('hubferry', 'runs')} SET state = 'died'")

    state.finish_run(run_id, "done", {})

    assert state.runs()[0].state == "died"


def test_a_stream_run_replaces_its_row(state: StateStore) -> None:
    state.migrate()
    done = StreamRun("r1", "contacts", 1, "done", reader="scan", read=5, started_at=AT, finished_at=AT)
    for stream_run in (StreamRun("r1", "contacts", 1, "running"), done):
        with state.warehouse.transaction() as tx:
            state.record_stream_run(tx, stream_run)

    assert state.stream_runs("r1") == [done]


def test_a_reader_has_no_method_that_writes() -> None:
    names = {name for name, _ in inspect.getmembers(StateReader, inspect.isfunction) if not name.startswith("_")}

    told = {"all_cursors", "counts", "cursor", "cursors", "holder", "holds", "is_made", "last_calls"}
    told |= {
        "latest_stream_runs",
        "parents",
        "prefix",
        "query_schemas",
        "pushes",
        "rejected_counts",
        "run",
        "runs",
        "stream_runs",
        "version",
    }
    assert names == told


def test_the_reference_page_names_every_table_and_column() -> None:
    page = render_tables(ALL_TABLES)

    for table in ALL_TABLES:
        assert f"## `hubferry.{table.name}`" in page
        assert all(f"| `{column.name}` | {column.type} | {column.doc} |" in page for column in table.columns)
        assert all(column.doc for column in table.columns)
