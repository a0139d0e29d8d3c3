"""DuckDB without a file: in memory from Python, refused on the command line; MotherDuck as far as its connection string goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from hubferry import Project
from hubferry.cli import app
from hubferry.errors import ConfigError, WarehouseError
from hubferry.types import Column, Table
from hubferry.warehouse.duckdb import DuckDBWarehouse

ROWS = Table("shop", "rows", (Column("id", "integer"),), ("id",))


def write_project(folder: Path, duckdb_block: str, more: str = "") -> Path:
    (folder / "hubferry.yml").write_text(
        f"warehouse:\n  duckdb: {duckdb_block}\npull:\n  streams: {{owners: }}\n{more}"
    )
    return folder


def test_a_database_in_memory_keeps_what_it_holds_and_is_of_its_object_alone(tmp_path: Path) -> None:
    one, other = DuckDBWarehouse(":memory:"), DuckDBWarehouse(":memory:")
    one.ensure_table(ROWS)

    with one.transaction() as tx:
        tx.merge(ROWS, pa.table({"id": [1]}))

    assert one.query(f"SELECT id FROM {one.name('shop', 'rows')}").to_pylist() == [{"id": 1}]
    assert other.query_columns("shop", "rows") == ()
    assert not Path(":memory:").exists()


def test_a_pull_into_memory_is_there_for_the_process_that_made_it(
    tmp_path: Path, portal_factory: Callable[..., Any]
) -> None:
    portal = portal_factory(contacts=3)
    folder = write_project(tmp_path, "{path: ':memory:'}", f"hubspot: {{base_url: {portal.base_url}}}\n")

    project = Project.open(folder, environ={"HUBSPOT_TOKEN": "pat-test"})
    report = project.pull()

    assert report.exit_code == 0
    found = project.warehouse.query(f"SELECT count(*) AS n FROM {project.warehouse.name('hubspot', 'owners')}")
    assert found["n"][0].as_py() == report.streams[0].inserted > 0
    assert list(tmp_path.iterdir()) == [folder / "hubferry.yml"]


def test_the_command_line_refuses_memory_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_project(tmp_path, "{path: ':memory:'}"))

    assert app.main(["pull"]) == 2

    assert "would be gone when the command ends" in capsys.readouterr().err


def test_motherduck_is_given_its_name_and_token_and_no_error_shows_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not run on MotherDuck: here DuckDB refuses in its place, and says what it was given."""
    given: list[tuple[str, Any]] = []

    def refuse(target: str, config: dict[str, Any]) -> None:
        given.append((target, config["motherduck_token"]))
        raise duckdb.IOException(f"Failed to authenticate {target} with canary-7f3a")

    monkeypatch.setattr(duckdb, "connect", refuse)
    folder = write_project(tmp_path, "{path: 'md:analytics', motherduck_token: '${DUCK}'}")
    project = Project.open(folder, environ={"DUCK": "canary-7f3a", "HUBSPOT_TOKEN": "pat-test"})

    with pytest.raises(WarehouseError, match=r"md:analytics.*motherduck_token") as caught:
        project.warehouse.query("SELECT 1")

    assert given == [("md:analytics", "canary-7f3a")]
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert list(tmp_path.iterdir()) == [folder / "hubferry.yml"]


@pytest.mark.parametrize(
    ("path", "said"),
    [("md:a?motherduck_token=canary-7f3a", "motherduck_token"), ("md:hubspot", "could mean two things")],
)
def test_a_token_in_the_path_and_a_database_named_like_a_schema_are_refused(
    tmp_path: Path, path: str, said: str
) -> None:
    folder = write_project(tmp_path, f"{{path: '{path}'}}")

    with pytest.raises(ConfigError, match=said) as caught:
        Project.open(folder, environ={})

    assert "canary" not in str(caught.value)
