"""Everything moves from one engine to another, and hubferry goes on there as if it had always been there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engines import ENGINES
from hubferry.cli import app
from hubferry.clock import SystemClock
from hubferry.config.model import PullBlock
from hubferry.errors import FencedError, PortalBusyError, WarehouseError
from hubferry.hubspot.client import Client
from hubferry.project.checks import check_warehouse
from hubferry.pull.run import run_pull
from hubferry.state.move import move_all
from hubferry.state.store import StateReader, StateStore
from hubferry.state.tables import LEASES, MOVED
from hubferry.types import Column, Secret, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubferry.warehouse.interface import Warehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator
from truth import assert_equal_to_truth, call_control

START = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = Table(
    "hubspot",
    "values",
    (
        Column("id", "string"),
        Column("n", "double"),
        Column("tree", "json"),
        Column("list", "strings"),
        Column("m", "decimal(12,3)"),
    ),
    ("id",),
)


@pytest.fixture
def source(tmp_path: Path) -> DuckDBWarehouse:
    """Give a warehouse with rows of every kind, a ledger's worth of state, and nobody at work."""
    warehouse = DuckDBWarehouse(tmp_path / "old.duckdb")
    warehouse.ensure_table(VALUES)
    rows = [
        {"id": "1", "n": 0.1, "tree": '{"b":[1.0,null],"a":"\\u0000"}', "list": ["x", None], "m": "1.500"},
        {"id": "2'; --", "n": None, "tree": None, "list": None, "m": None},
    ]
    with warehouse.transaction() as tx:
        tx.merge(VALUES, table_from_rows(VALUES, [{**row, "m": None} for row in rows]))
        tx.execute(f"UPDATE {warehouse.name('hubspot', 'values')} SET m = 1.5 WHERE id = '1'")
    state = StateStore(warehouse, SystemClock())
    state.migrate()
    with state.acquire(42, run_id=state.start_run("pull", 42, {"a": 1})):
        pass
    return warehouse


@pytest.fixture(params=["duckdb", "postgres", pytest.param("snowflake", marks=pytest.mark.heavy)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


def move(source: Warehouse, target: Warehouse) -> dict[str, int]:
    moved = move_all(source, target, schema="hubspot", clock=SystemClock(), tell=lambda table, rows: None)
    return {f"{each.schema}.{each.table}": each.rows for each in moved}


def test_tables_and_state_are_equal_after_a_move(source: DuckDBWarehouse, target: Warehouse) -> None:
    assert check_warehouse(target).passed  # as people do first; it makes the schema
    rows = move(source, target)

    assert (rows["hubspot.values"], rows["hubferry.runs"]) == (2, 1)
    assert [run.detail for run in StateReader(target).runs()] == [{"a": 1}]
    assert StateReader(target).version() == StateReader(source).version()
    found = target.query(f"SELECT id, n, m FROM {target.name('hubspot', 'values')} ORDER BY id").to_pylist()
    assert [(row["id"], row["n"], float(row["m"] or 0)) for row in found] == [("1", 0.1, 1.5), ("2'; --", None, 0)]
    noted = target.query(f"SELECT rows_moved FROM {target.name('hubferry', MOVED.name)} WHERE table_name = 'values'")
    assert noted["rows_moved"].to_pylist() == [2]


def test_a_table_that_others_made_is_never_touched(source: DuckDBWarehouse, target: Warehouse) -> None:
    others = Table("hubspot", "values", (Column("id", "string"),), ("id",))
    target.ensure_table(others)
    with target.transaction() as tx:
        tx.append(others, table_from_rows(others, [{"id": "theirs"}]))

    with pytest.raises(WarehouseError, match=r"hubspot\.values that no move made"):
        move(source, target)

    assert target.query(f"SELECT id FROM {target.name('hubspot', 'values')}").to_pylist() == [{"id": "theirs"}]


def test_a_target_where_hubferry_ran_is_refused(source: DuckDBWarehouse, tmp_path: Path) -> None:
    target = DuckDBWarehouse(tmp_path / "new.duckdb")
    StateStore(target, SystemClock()).migrate()

    with pytest.raises(WarehouseError, match="has run in the target"):
        move(source, target)


def test_an_interrupted_move_is_begun_again_and_ends_equal(source: DuckDBWarehouse, tmp_path: Path) -> None:
    target = DuckDBWarehouse(tmp_path / "new.duckdb")

    def stop(table: str, rows: int) -> None:
        if table == "hubferry.runs":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_all(source, target, schema="hubspot", clock=SystemClock(), tell=stop)

    assert StateReader(target).version() is None
    assert move(source, target)["hubspot.values"] == 2
    assert target.query(f"SELECT count(*) AS n FROM {target.name('hubspot', 'values')}").to_pylist() == [{"n": 2}]


def test_nothing_runs_in_a_target_before_the_move_has_ended(source: DuckDBWarehouse, tmp_path: Path) -> None:
    """A scheduled pull there would fill the tables that the move is about to append to."""
    target = DuckDBWarehouse(tmp_path / "new.duckdb")

    def pull(table: str, rows: int) -> None:
        if table == "hubspot.values":
            StateStore(target, SystemClock()).migrate()

    with pytest.raises(WarehouseError, match="a move into this warehouse has not ended"):
        move_all(source, target, schema="hubspot", clock=SystemClock(), tell=pull)

    assert StateReader(target).version() is None
    assert move(source, target)["hubspot.values"] == 2
    StateStore(target, SystemClock()).migrate()


def test_a_move_whose_portal_was_taken_meanwhile_does_not_end(source: DuckDBWarehouse, tmp_path: Path) -> None:
    """A process that was stopped for a minute: a pull of the source moved rows and cursors on."""
    target, state = DuckDBWarehouse(tmp_path / "new.duckdb"), StateStore(source, SystemClock())

    def take(table: str, rows: int) -> None:
        if table == "hubspot.values":
            with source.transaction() as tx:
                tx.execute(f"UPDATE {source.name('hubferry', 'leases')} SET process_started = 'before'")
            with state.acquire(42, run_id="another"):
                pass

    with pytest.raises(FencedError):
        move_all(source, target, schema="hubspot", clock=SystemClock(), tell=take)

    assert StateReader(target).version() is None


def test_a_portal_that_several_workers_read_is_taken_once(source: DuckDBWarehouse, tmp_path: Path) -> None:
    row = {"portal_id": 42, "epoch": 9, "run_id": None, "since": START, "beat": START}
    with source.transaction() as tx:
        tx.append(LEASES.table, table_from_rows(LEASES.table, [row]))

    assert move(source, DuckDBWarehouse(tmp_path / "new.duckdb"))["hubspot.values"] == 2


def test_nothing_moves_while_a_run_holds_a_portal(source: DuckDBWarehouse, tmp_path: Path) -> None:
    target = DuckDBWarehouse(tmp_path / "new.duckdb")
    state = StateStore(source, SystemClock())

    with state.acquire(42, run_id=state.start_run("pull", 42, {})), pytest.raises(PortalBusyError):
        move(source, target)

    assert StateReader(target).version() is None


def test_a_pull_goes_on_after_a_move_to_postgres(tmp_path: Path, portal_factory: Callable[..., Emulator]) -> None:
    portal = portal_factory(contacts=20, shared_clock=VirtualClock())
    block = PullBlock.model_validate({"streams": {"contacts": None, "companies": None}})
    source = DuckDBWarehouse(tmp_path / "old.duckdb")

    with (
        Client(token=Secret("pat-test"), base_url=portal.base_url, clock=portal.clock) as client,
        ENGINES["postgres"](tmp_path) as target,
    ):

        def pull(warehouse: Any) -> Any:
            return run_pull(client=client, warehouse=warehouse, state=StateStore(warehouse, portal.clock), pull=block)

        pull(source)
        move(source, target)
        call_control(portal.control_url, "POST", "/mutate", {"seed": 1, "edits": 4, "creates": 1, "archives": 1})
        call_control(portal.control_url, "POST", "/clock", {"advance_seconds": 60})
        report = pull(target)

        assert {each.reader for each in report.streams} <= {"changes", None}
        assert_equal_to_truth(
            target, portal.control_url, objects=("contacts", "companies"), pairs=(("contacts", "companies"),)
        )


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_a_move_from_an_environment_reads_its_settings_and_secrets(
    source: DuckDBWarehouse,
    tmp_path: Path,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`old` is the warehouse that was: a file, or a server whose address stands in a variable of the environment."""
    with ENGINES[engine](tmp_path) as old:
        move(source, old)
        settings = "{duckdb: {path: contract.duckdb}}"
        if engine == "postgres":
            monkeypatch.setenv("OLD_WAREHOUSE", old.settings.url.reveal())  # type: ignore[attr-defined]
            settings = "{postgres: {url: '${OLD_WAREHOUSE}'}}"
        (tmp_path / "hubferry.yml").write_text(
            f"warehouse: {{duckdb: {{path: new.duckdb}}}}\nenvironments:\n  old:\n    warehouse: {settings}\n"
        )

        assert app.main(["move", "--from-env", "old", "--project", str(tmp_path)]) == 0
        assert app.main(["move", "--from-env", "nobody", "--project", str(tmp_path)]) == 2
        assert app.main(["move", "--from-env", "old", "--from", "x.duckdb", "--project", str(tmp_path)]) == 2

    said = capsys.readouterr()
    new = DuckDBWarehouse(tmp_path / "new.duckdb")
    assert "nobody" in said.err
    assert "name the warehouse to move from" in said.err
    assert new.query(f"SELECT count(*) AS n FROM {new.name('hubspot', 'values')}").to_pylist() == [{"n": 2}]
    assert [run.detail for run in StateReader(new).runs()] == [{"a": 1}]
