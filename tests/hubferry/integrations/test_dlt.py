"""A project's streams through dlt into DuckDB; `make test-integrations` installs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import urllib3
from integration_world import BARE, TOKEN, World, read_python

from hubferry.errors import ConfigError, UnknownNameError
from hubspot_emulator.server import Emulator

dlt = pytest.importorskip("dlt", reason="dlt is not installed here: make test-integrations has it")

from hubferry.integrations.dlt import build_source  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # dlt warns of itself
Load = Callable[..., Any]


@pytest.fixture
def moving(world: World, portal_factory: Callable[..., Emulator]) -> World:
    """A portal of its own, whose time the test moves."""
    world.portal = portal_factory(contacts=30, companies=0, deals=0, limits=False)
    world.write()
    return world


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Have dlt load a source into its own DuckDB file; give how many rows of each table it took."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))

    def run(source: Any, *, name: str = "hubspot") -> dict[str, int]:
        destination = dlt.destinations.duckdb(str(tmp_path / "elsewhere.duckdb"))
        pipeline = dlt.pipeline(
            name, destination=destination, dataset_name="loaded", pipelines_dir=str(tmp_path / name)
        )
        pipeline.run(source)
        counts = pipeline.last_trace.last_normalize_info.row_counts
        return {table: number for table, number in counts.items() if not table.startswith("_dlt")}

    return run


def rows_of(file: Path, table: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.sql(f"SELECT * FROM {table} ORDER BY id").to_arrow_table().to_pylist()
    return [{name: plain(value) for name, value in row.items() if not name.startswith("_dlt")} for row in found]


def plain(value: Any) -> Any:
    """Give JSON as what it says, whatever its blanks."""
    return json.loads(value) if isinstance(value, str) and value.startswith(("{", "[")) else value


def assert_equal(world: World, *streams: str) -> None:
    """Compare what dlt loaded with our own pull, every column of every row."""
    for stream in streams:
        ours = rows_of(world.folder / "warehouse.duckdb", f"hubspot.{stream}")
        assert ours
        theirs = rows_of(world.folder / "elsewhere.duckdb", f"loaded.{stream}")
        assert [{name: row.get(name) for name in ours[0]} for row in theirs] == ours  # dlt leaves out empty columns


def change(portal: Emulator) -> None:
    with urllib3.PoolManager() as pool:
        edits = {"seed": 5, "edits": 3, "creates": 2, "archives": 1, "merges": 1}
        pool.request("POST", f"{portal.control_url}/clock", json={"advance_seconds": 7200})
        assert pool.request("POST", f"{portal.control_url}/mutate", json=edits).status == 200
        pool.request("POST", f"{portal.control_url}/clock", json={"advance_seconds": 60})


def test_a_stream_that_cannot_be_pulled_loads_nothing_and_says_why(
    world: World, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEGRATION_TOKEN", BARE)

    with pytest.raises(Exception, match=r"contacts: blocked: .* 'crm\.objects\.contacts\.read'"):
        load(build_source(world.folder))

    monkeypatch.setenv("INTEGRATION_TOKEN", TOKEN)
    load(build_source(world.folder))
    assert_equal(world, "contacts", "owners")


def test_rows_equal_our_own_pull_after_changes_archives_and_merges(moving: World, load: Load) -> None:
    load(build_source(moving.folder))
    assert_equal(moving, "contacts", "owners")
    change(moving.portal)

    load(build_source(moving.folder))
    again = load(build_source(moving.folder))

    assert_equal(moving, "contacts", "owners")
    assert 0 < again["contacts"] < 15  # those of the last hour, not all


def test_a_load_whose_state_was_lost_brings_rows_again_and_makes_no_second_row(moving: World, load: Load) -> None:
    first = load(build_source(moving.folder))

    again = load(build_source(moving.folder), name="without_the_state")

    assert again == first
    assert_equal(moving, "contacts", "owners")


def test_a_source_that_is_loaded_twice_pulls_twice(moving: World, load: Load) -> None:
    source = build_source(moving.folder, streams=["contacts"])
    load(source)
    change(moving.portal)

    load(source)

    with moving.open() as project:
        assert [run.kind for run in project.runs()] == ["pull", "pull"]
    assert_equal(moving, "contacts")


def test_deleted_records_can_be_taken_out_of_the_destination(moving: World, load: Load) -> None:
    load(build_source(moving.folder, remove_deleted=True))
    change(moving.portal)

    load(build_source(moving.folder, remove_deleted=True))

    living = [
        row["id"]
        for row in rows_of(moving.folder / "warehouse.duckdb", "hubspot.contacts")
        if not row["_hubferry_deleted_at"]
    ]
    assert [row["id"] for row in rows_of(moving.folder / "elsewhere.duckdb", "loaded.contacts")] == living


def test_a_stream_that_the_project_does_not_name_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="'deals'"):
        build_source(world.folder, streams=["deals"])
    with pytest.raises(ConfigError, match=r"no hubferry\.yml"):
        build_source(tmp_path / "syncs")


def test_the_guide_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(world.folder / "dlt"))
    crm = world.folder / "crm"
    crm.mkdir()
    (world.folder / "hubferry.yml").rename(crm / "hubferry.yml")
    monkeypatch.chdir(world.folder)

    exec(read_python("dlt.md"), {"__name__": "__main__"})

    with duckdb.connect("hubspot.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM crm.contacts").fetchone() == (True,)
