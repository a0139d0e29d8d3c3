"""One DuckDB for the files that a process opens after one another: each is found as if DuckDB had been opened with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from hubferry.warehouse import duckdb_engine
from hubferry.warehouse.duckdb import DuckDBWarehouse

OWN = (
    "CREATE SCHEMA s",
    "CREATE SEQUENCE ids",
    "CREATE TYPE mood AS ENUM ('bad', 'good')",
    "CREATE MACRO plus_one(x) AS x + 1",
    "CREATE MACRO s.numbers() AS TABLE SELECT 42 AS n",
    (
        "CREATE TABLE things (id INTEGER PRIMARY KEY DEFAULT nextval('ids'), m mood DEFAULT 'bad',"
        " twice INTEGER GENERATED ALWAYS AS (id * 2) VIRTUAL, c INTEGER CHECK (c < 100))"
    ),
    "CREATE TABLE parts (thing INTEGER REFERENCES things (id))",
    "CREATE INDEX by_next ON things ((c + 1))",
    "CREATE VIEW v AS SELECT *, plus_one(id) AS p FROM things",
    "CREATE VIEW s.w AS SELECT * FROM s.numbers(), main.things",
    "INSERT INTO things (c) VALUES (1), (2)",
    "INSERT INTO parts VALUES (1)",
)
"""What the owner of a file may have in it, that reads by a name what else is in it."""
READ = (
    "FROM v ORDER BY id",
    "FROM s.w ORDER BY id",
    "SELECT CAST('good' AS mood), plus_one(1), nextval('ids')",
    "INSERT INTO things (c) VALUES (7) RETURNING id, m, twice",
    "INSERT INTO things (c) VALUES (700)",
    "DELETE FROM things WHERE id = 1",
    "SELECT table_catalog, table_schema, table_name FROM information_schema.tables ORDER BY ALL",
    "SELECT current_database(), current_schema(), current_setting('temp_directory'), current_setting('TimeZone')",
    "SELECT name FROM pragma_database_list",
)


@pytest.fixture(autouse=True)
def none_kept() -> Iterator[None]:
    """Begin with no DuckDB that another test used."""
    duckdb_engine.let_go_of_idle()
    yield
    duckdb_engine.let_go_of_idle()


def tell(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Run all statements, and give what each returned or was refused with."""
    told = []
    for statement in READ:
        try:
            told.append(repr(connection.execute(statement).fetchall()))
        except duckdb.Error as error:
            told.append(str(error))
    return told


@pytest.mark.parametrize("written_back", [True, False])
def test_what_an_owner_keeps_in_a_file_does_the_same_whether_attached_or_opened(
    tmp_path: Path, written_back: bool
) -> None:
    path, copy = tmp_path / "own.duckdb", tmp_path / "copy"
    with duckdb.connect(str(path)) as owner:
        owner.execute("PRAGMA disable_checkpoint_on_shutdown")
        for statement in OWN:
            owner.execute(statement)
        if written_back:
            owner.execute("CHECKPOINT")
    shutil.copytree(tmp_path, copy)

    with duckdb.connect(str(path)) as opened:
        opened.execute("SET GLOBAL TimeZone = 'UTC'")
        expected = tell(opened)
    attached = duckdb_engine.open_file(copy / "own.duckdb", "512MB")
    with attached.cursor() as cursor:
        found = tell(cursor)
    duckdb_engine.close_file(attached, copy / "own.duckdb")

    assert [each.replace(str(copy), str(tmp_path)) for each in found] == expected
    with duckdb.connect(str(copy / "own.duckdb")) as reopened:
        assert len(reopened.execute("FROM v").fetchall()) == 3


@pytest.mark.parametrize(
    "name", ["memory", "temp", "system", "main", "hubspot", "a b", "it's", 'q"q', "two.dots", ".hidden"]
)
def test_a_file_has_the_name_that_duckdb_gives_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.duckdb"
    with duckdb.connect(str(path)) as opened:
        [(expected,)] = opened.execute("SELECT current_database()").fetchall()
    warehouse = DuckDBWarehouse(path)
    for _ in range(2):
        assert warehouse.query("SELECT current_database() AS name").to_pylist() == [{"name": expected}]
        with warehouse.transaction() as tx:
            tx.execute("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a")
    with duckdb.connect(str(path)) as opened:
        assert opened.execute("FROM t").fetchall() == [(1,)]


def test_files_after_one_another_use_one_duckdb_and_each_its_own_memory(tmp_path: Path) -> None:
    small, large = (DuckDBWarehouse(tmp_path / limit, memory_limit=limit) for limit in ("100MB", "300MB"))
    limit = "SELECT current_setting('memory_limit') AS it"
    said = small.query(limit)["it"][0].as_py()
    [kept] = duckdb_engine._idle
    assert large.query(limit)["it"][0].as_py() != said
    assert small.query(limit)["it"][0].as_py() == said
    assert duckdb_engine._idle == [kept]
    with small.session():
        assert duckdb_engine._idle == []
        assert large.query(limit)["it"][0].as_py() != said  # of a second one: memory is not shared
        assert small.query(limit)["it"][0].as_py() == said


def test_another_process_has_the_file_as_soon_as_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with DuckDBWarehouse(path).transaction() as tx:
        tx.execute("CREATE TABLE t AS SELECT 1 AS a")
    assert len(duckdb_engine._idle) == 1
    code = f"import duckdb; print(duckdb.connect({str(path)!r}).execute('FROM t').fetchall())"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (asked.stdout, asked.stderr) == ("[(1,)]\n", "")


def test_a_duckdb_that_used_much_memory_is_not_kept(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    with warehouse.transaction() as tx:
        tx.execute(
            "CREATE TABLE big AS SELECT range AS a, md5('a' || range) || md5('b' || range) AS b FROM range(500000)"
        )
    assert duckdb_engine._idle == []
    assert warehouse.query("SELECT count(*) AS n FROM big").to_pylist() == [{"n": 500_000}]


def test_what_did_not_fit_into_memory_is_beside_the_file_and_gone_when_it_is_closed(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb", memory_limit="100MB")
    with warehouse.transaction() as tx:
        tx.execute("CREATE TEMP TABLE wide AS SELECT md5(range::VARCHAR) || repeat('x', 300) AS b FROM range(500000)")
        assert list(tmp_path.glob("w.duckdb.tmp/*"))
    assert not (tmp_path / "w.duckdb.tmp").exists()
    assert duckdb_engine._idle == []


def test_a_process_that_is_forked_opens_files_of_its_own(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    warehouse.query("SELECT 1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, of whatever threads other tests left
        child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(int(warehouse.query("SELECT 7 AS n")["n"][0].as_py()))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert warehouse.query("SELECT 1 AS n").num_rows == 1
