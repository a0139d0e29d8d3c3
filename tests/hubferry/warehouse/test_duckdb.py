"""What only DuckDB does: a locked file, case twins, its own types, a file let go after each call."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from hubferry.config.warehouses import DuckDBBlock, WarehouseBlock
from hubferry.errors import SourceError, WarehouseError, WarehouseLockedError
from hubferry.pull.chunks import SMALLEST
from hubferry.types import Column, Table
from hubferry.warehouse import duckdb_file
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubferry.warehouse.interface import MergeCounts
from hubferry.warehouse.open import open_warehouse

THINGS = Table("shop", "things", (Column("id", "integer"),), ("id",))


class FakeClock:
    """Time that moves only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def other_process_holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def other_process_asking_for(path: Path) -> Iterator[Callable[[], bool]]:
    """Lend a question to a process that is up already, so that the answer comes within milliseconds."""
    code = (
        "import duckdb, sys\nprint('up', flush=True)\nfor line in sys.stdin:\n"
        f"    try: duckdb.connect({str(path)!r}).close(); print('free', flush=True)\n"
        "    except duckdb.IOException: print('held', flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        answers, questions = process.stdout, process.stdin
        assert answers is not None
        assert questions is not None
        assert answers.readline() == "up\n"

        def is_held() -> bool:
            print("?", file=questions, flush=True)
            return answers.readline() == "held\n"

        try:
            yield is_held
        finally:
            process.kill()


def types_of(warehouse: DuckDBWarehouse, sql: str) -> dict[str, str]:
    return {column.name: column.type for column in warehouse.describe_source(sql)}


def test_a_file_held_elsewhere_is_an_error_that_names_the_process_after_two_seconds(tmp_path: Path) -> None:
    path, clock = tmp_path / "w.duckdb", FakeClock()

    with other_process_holding(path) as process, pytest.raises(WarehouseLockedError, match=f"process {process.pid}"):
        DuckDBWarehouse(path, clock=clock).query("SELECT 1")

    assert 2.0 <= clock.now < 2.2


def test_a_file_let_go_within_two_seconds_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"

    with other_process_holding(path) as process:

        class LettingGo(FakeClock):
            def sleep(self, seconds: float) -> None:
                super().sleep(seconds)
                process.kill()
                process.wait()

        assert DuckDBWarehouse(path, clock=LettingGo()).query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_the_file_is_let_go_after_a_transaction_and_after_unfinished_batches(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    warehouse = DuckDBWarehouse(path)
    warehouse.ensure_table(THINGS)
    batches = warehouse.query_batches("SELECT * FROM range(100000)", rows=10)
    next(batches)
    batches.close()

    with other_process_holding(path):
        pass


def test_a_busy_process_opens_the_file_once_for_calls_in_a_row_and_lets_it_go_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    warehouse = DuckDBWarehouse(path)
    warehouse.ensure_table(THINGS)

    with other_process_asking_for(path) as is_held:
        with warehouse.busy():
            warehouse.query("SELECT 1")
            assert is_held()
            warehouse.query("SELECT 1")

        assert not is_held()


def test_another_process_gets_the_file_while_a_busy_one_uses_it_all_the_time(tmp_path: Path) -> None:
    """A process that waits the two seconds of our patience gets in, because a busy one lets go each second."""
    path = tmp_path / "w.duckdb"
    warehouse = DuckDBWarehouse(path)
    warehouse.ensure_table(THINGS)
    code = f"from hubferry.warehouse.duckdb import DuckDBWarehouse; DuckDBWarehouse({str(path)!r}).query('SELECT 1')"

    with warehouse.busy():
        warehouse.query("SELECT 1")
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as reader:
            _, complaint = reader.communicate(timeout=30)

    assert (reader.returncode, complaint) == (0, "")


def test_a_log_of_new_rows_is_written_back_when_the_file_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    warehouse = DuckDBWarehouse(path)
    table = Table("shop", "texts", (Column("id", "integer"), Column("text", "string")), ("id",))
    warehouse.ensure_table(table)

    with warehouse.transaction() as tx:
        tx.append(table, pa.table({"id": range(60_000), "text": [f"{number:0100}" for number in range(60_000)]}))

    log = path.with_name("w.duckdb.wal")
    assert not log.exists() or log.stat().st_size < 1 << 20


def test_what_was_committed_is_there_for_another_process_although_the_log_was_not_written_back(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    warehouse = DuckDBWarehouse(path)
    warehouse.ensure_table(THINGS)
    with warehouse.transaction() as tx:
        tx.append(THINGS, pa.table({"id": [7]}))

    code = f"import duckdb; print(duckdb.connect({str(path)!r}, read_only=True).execute('FROM shop.things').fetchall())"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout == "[(7,)]\n"


def test_columns_that_differ_by_case_only_are_refused_by_name(tmp_path: Path) -> None:
    twins = Table("shop", "twins", (Column("size", "integer"), Column("SIZE", "integer")))

    with pytest.raises(WarehouseError, match="'size' and 'SIZE'"):
        DuckDBWarehouse(tmp_path / "w.duckdb").ensure_table(twins)


def test_a_table_that_its_owner_dropped_is_made_again_and_a_view_has_columns(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    others = Table("shop", "others", THINGS.columns)
    warehouse.ensure_tables((THINGS, others))
    with duckdb.connect(str(tmp_path / "w.duckdb")) as owner:
        owner.execute(f"DROP TABLE {THINGS.schema}.{THINGS.name}")
        owner.execute("CREATE VIEW shop.seen AS SELECT 1 AS n")

    gone = warehouse.query_columns(THINGS.schema, THINGS.name)
    warehouse.ensure_tables((THINGS, others))

    assert gone == ()
    assert warehouse.query_columns(THINGS.schema, THINGS.name) == THINGS.columns
    assert warehouse.query_columns("shop", "seen") == (Column("n", "integer"),)


def test_tables_that_differ_by_case_only_are_refused_by_name(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    warehouse.ensure_table(THINGS)

    with pytest.raises(WarehouseError, match=r"'Things'.*'things'"):
        warehouse.ensure_table(Table("shop", "Things", THINGS.columns))


def test_a_file_named_like_a_schema_stays_unambiguous_for_our_own_statements(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "shop.duckdb")
    warehouse.ensure_table(THINGS)

    with warehouse.transaction() as tx:
        tx.merge(THINGS, pa.table({"id": [1]}))

    assert warehouse.query(f"SELECT id FROM {warehouse.name('shop', 'things')}").to_pylist() == [{"id": 1}]


def test_a_source_of_every_duckdb_type_comes_in_our_types(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    sql = """
        SELECT 1::HUGEINT AS huge, 1::UBIGINT AS big, 1::UTINYINT AS tiny, 1.5::DECIMAL(10,2) AS price, 1.5::FLOAT AS f,
        {'a': 1} AS struct, MAP {'k': NULL} AS map, '{"b":2}'::JSON AS json, [1, 2] AS numbers, ['x', NULL] AS texts,
        TIMESTAMP '2026-01-01 10:00' AS naive, TIMESTAMPTZ '2026-01-01 10:00+02' AS zoned, DATE '2026-01-01' AS day,
        TIME '10:00' AS time, '550e8400-e29b-41d4-a716-446655440000'::UUID AS uuid, 'b'::ENUM('a', 'b') AS kind,
        'x'::BLOB AS blob, INTERVAL 1 DAY AS span, NULL AS nothing, NULL::STRUCT(a INTEGER) AS no_struct
    """

    [batch] = list(warehouse.query_batches(sql))
    row = {name: str(value) if "datetime" in repr(value) else value for name, value in batch.to_pylist()[0].items()}

    assert types_of(warehouse, sql)["huge"] == "decimal(38,0)"
    assert types_of(warehouse, sql)["map"] == "json"
    assert types_of(warehouse, sql)["texts"] == "strings"
    assert (int(row["huge"]), int(row["big"]), row["tiny"], float(row["price"]), row["f"]) == (1, 1, 1, 1.5, 1.5)
    assert (row["struct"], row["map"], row["json"], row["numbers"]) == ('{"a":1}', '{"k":null}', '{"b":2}', "[1,2]")
    assert row["texts"] == ["x", None]
    assert (row["naive"], row["zoned"]) == ("2026-01-01 10:00:00+00:00", "2026-01-01 08:00:00+00:00")
    assert (row["time"], row["kind"], row["blob"], row["span"]) == ("10:00:00", "b", "x", "1 day")
    assert (row["nothing"], row["no_struct"]) == (None, None)


def test_a_number_too_large_for_any_type_of_ours_is_an_error_not_a_null(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")

    with pytest.raises(SourceError, match="DECIMAL"):
        list(warehouse.query_batches("SELECT 170141183460469231731687303715884105727::HUGEINT AS n"))


def test_views_are_sources(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    with warehouse.transaction() as tx:
        tx.execute("CREATE VIEW people AS SELECT 'a' AS email")

    assert types_of(warehouse, "SELECT * FROM people") == {"email": "string"}


def test_a_name_in_a_source_is_never_read_from_our_python_variables(tmp_path: Path) -> None:
    rows = pa.table({"a": [1]})

    with pytest.raises(SourceError, match="rows"):
        list(DuckDBWarehouse(tmp_path / "w.duckdb").query_batches("SELECT * FROM rows"))

    assert rows.num_rows == 1


def test_a_result_larger_than_memory_is_read_in_batches(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb", memory_limit="64MB")

    total = sum(
        b.num_rows for b in warehouse.query_batches("SELECT i, repeat('x', 500) AS t FROM range(400000) AS r(i)")
    )

    assert total == 400_000


def test_a_relative_path_is_relative_to_the_project(tmp_path: Path) -> None:
    block = WarehouseBlock(duckdb=DuckDBBlock(path="data/w.duckdb"))

    open_warehouse(block, tmp_path).ensure_table(THINGS)

    assert (tmp_path / "data" / "w.duckdb").exists()


def test_a_path_that_is_no_database_is_a_warehouse_error(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_text("this is a text file, and long enough to be one" * 100)

    with pytest.raises(WarehouseError, match=r"w\.duckdb"):
        DuckDBWarehouse(path).query("SELECT 1")


def test_a_log_that_is_slow_to_read_is_written_back_however_small_it_is(tmp_path: Path) -> None:
    """Small commits to a wide table: the log of a megabyte takes seconds to read."""
    path = tmp_path / "w.duckdb"
    warehouse = DuckDBWarehouse(path)
    wide = Table("shop", "wide", (Column("id", "integer"), *(Column(f"c{n}", "string") for n in range(300))), ("id",))
    warehouse.ensure_table(wide)
    with warehouse.session():
        for number in range(40):
            with warehouse.transaction() as tx:
                tx.merge(wide, pa.table({"id": [number], "c1": ["x"]}))
                tx.delete(wide, pa.table({"id": [number - 1]}))

    for _ in range(2):  # the first opening finds out what reading the log takes
        warehouse.query("SELECT 1")

    log = path.with_name("w.duckdb.wal")
    assert not log.exists() or log.stat().st_size == 0


def test_replaced_rows_are_cleared_away_once_they_outnumber_the_live_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_file, "_WAL_WORTH_WRITING_BACK", 0)
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    table = Table("shop", "texts", (Column("id", "integer"), Column("text", "string")), ("id",))
    warehouse.ensure_table(table)
    held = []
    for turn in range(4):
        ids = [number for number in range(16_000) if number % 8 >= turn]  # so that each turn leaves some of the last
        with warehouse.transaction() as tx:
            tx.merge(table, pa.table({"id": ids, "text": [f"turn {turn}"] * len(ids)}))
        stored = warehouse.query("SELECT estimated_size FROM duckdb_tables() WHERE table_name = 'texts'")
        held.append(stored["estimated_size"][0].as_py())

    assert held == [16_000, 30_000, 16_000, 26_000]
    counts = warehouse.query("SELECT text, count(*) AS n FROM shop.texts GROUP BY text ORDER BY text").to_pylist()
    assert [each["n"] for each in counts] == [2_000, 2_000, 2_000, 10_000]


def test_dead_rows_of_a_narrow_table_do_not_have_a_wide_one_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys that a full refresh saw are forgotten at its end, and the table that it read is many times larger."""
    monkeypatch.setattr(duckdb_file, "_WAL_WORTH_WRITING_BACK", 0)
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    texts = tuple(Column(f"text_{number}", "string") for number in range(5))
    wide = Table("shop", "wide", (Column("id", "integer"), *texts), ("id",))
    seen = Table("shop", "seen", (Column("id", "integer"),))
    warehouse.ensure_tables((wide, seen))
    ids = list(range(16_000))
    for turn in range(2):
        with warehouse.transaction() as tx:
            some = ids[:: turn * 3 + 1]  # the second time every fourth row is replaced
            tx.merge(wide, pa.table({"id": some} | {each.name: [f"turn {turn}"] * len(some) for each in texts}))
            tx.append(seen, pa.table({"id": ids}))
    with warehouse.transaction() as tx:
        tx.delete(seen, pa.table({"id": ids[:-1]}))

    stored = warehouse.query("SELECT estimated_size FROM duckdb_tables() WHERE table_name = 'wide'")
    assert stored["estimated_size"][0].as_py() == 20_000


def test_a_log_is_written_back_where_memory_does_not_suffice_to_clear_dead_rows_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process that it did not suffice, too: the next one would try the same, and the log would grow."""
    monkeypatch.setattr(duckdb_file, "_WAL_WORTH_WRITING_BACK", 0)
    monkeypatch.setattr(duckdb_file, "_TIDYING_MEMORY", "1MB")
    log = tmp_path / "w.duckdb.wal"
    for turn in range(4):
        warehouse = fill_turn(DuckDBWarehouse(tmp_path / "w.duckdb"), turn)  # as a process of its own would
        assert not log.exists() or log.stat().st_size == 0, turn

    assert warehouse.query("SELECT count(*) AS n FROM shop.texts")["n"][0].as_py() == 16_000
    assert warehouse.query("SELECT estimated_size AS n FROM duckdb_tables()")["n"][0].as_py() > 32_000, "not rewritten"


def fill_turn(warehouse: DuckDBWarehouse, turn: int) -> DuckDBWarehouse:
    """Replace some of 16,000 rows, so that each turn leaves some of the last; the third one leaves more dead than live."""
    texts = tuple(Column(f"text_{number}", "string") for number in range(5))
    table = Table("shop", "texts", (Column("id", "integer"), *texts), ("id",))
    warehouse.ensure_table(table)
    ids = [number for number in range(16_000) if number % 8 >= turn]
    rows = {each.name: [f"turn {turn} of {number}" for number in ids] for each in texts}
    with warehouse.transaction() as tx:
        tx.merge(table, pa.table({"id": ids} | rows))
    return warehouse


def test_small_writes_do_not_leave_a_table_in_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_file, "_WAL_WORTH_WRITING_BACK", 0)
    monkeypatch.setattr(duckdb_file, "_MOST_SMALL_GROUPS", 4)
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    table = Table("shop", "numbers", (Column("id", "integer"),), ("id",))
    warehouse.ensure_table(table)
    for _ in range(14):
        with warehouse.transaction() as tx:
            tx.append(table, pa.table({"id": range(1_500)}))

    pieces = warehouse.query("SELECT count(DISTINCT row_group_id) AS n FROM pragma_storage_info('shop.numbers')")
    assert pieces["n"][0].as_py() <= 6


def test_one_more_than_the_most_columns_is_merged_in_the_memory_that_it_has(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    filled, empty = pa.repeat("a", SMALLEST), pa.nulls(SMALLEST, pa.string())
    values = [filled if number % 10 == 0 else empty for number in range(warehouse.most_columns)]
    rows = {"id": pa.array(range(SMALLEST)), **{f"p{number}": each for number, each in enumerate(values)}}
    table = Table(
        "crm", "wide", (Column("id", "integer"), *(Column(name, "string") for name in list(rows)[1:])), ("id",)
    )
    changed = {**rows, f"p{warehouse.most_columns - 1}": pa.array(["b"] + [None] * (SMALLEST - 1), pa.string())}
    warehouse.ensure_table(table)

    with warehouse.transaction() as tx:
        assert tx.merge(table, pa.table(rows)) == MergeCounts(inserted=SMALLEST)
    with warehouse.transaction() as tx:
        assert tx.merge(table, pa.table(changed)) == MergeCounts(updated=1, unchanged=SMALLEST - 1)
