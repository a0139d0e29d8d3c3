"""What is PostgreSQL's own: names and columns it cannot hold, types of sources, lost connections, what its errors say."""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from engines import postgres_database
from hubferry.config.warehouses import PostgresBlock, WarehouseBlock
from hubferry.errors import SourceError, WarehouseError
from hubferry.project import checks
from hubferry.types import Column, Secret, Table
from hubferry.warehouse.arrow import clean_json, table_from_rows
from hubferry.warehouse.interface import MergeCounts
from hubferry.warehouse.open import open_warehouse
from hubferry.warehouse.postgres import binary
from hubferry.warehouse.postgres.layout import COLUMN_LIMIT, shorten
from hubferry.warehouse.postgres.server import Settings
from hubferry.warehouse.postgres.warehouse import PostgresWarehouse

THINGS = Table("shop", "things", (Column("id", "integer"), Column("text", "string"), Column("tree", "json")), ("id",))
LONG = ["x" * 300, "x" * 299 + "y", "🦄" * 75, "x" * 63, shorten("x" * 300) + "!"]


@pytest.fixture
def address() -> Iterator[str]:
    with postgres_database() as made:
        yield made


@pytest.fixture
def warehouse(address: str) -> Iterator[PostgresWarehouse]:
    opened = PostgresWarehouse(Settings(url=Secret(address)))
    with opened.busy():
        yield opened


def write(warehouse: PostgresWarehouse, table: Table, *rows: dict[str, Any]) -> MergeCounts:
    with warehouse.transaction() as tx:
        return tx.merge(table, table_from_rows(table, rows).select(list(rows[0])))


@settings(max_examples=200)
@given(name=st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_a_shortened_name_fits_and_a_short_one_is_kept(name: str) -> None:
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return

    assert len(shorten(name).encode()) <= 63
    assert (shorten(name) == name) == (len(encoded) <= 63)


def test_names_longer_than_the_server_allows_stay_apart_and_come_back_whole(
    warehouse: PostgresWarehouse, address: str
) -> None:
    table = Table("s" * 80, "t" * 80, (Column("id", "string"), *(Column(name, "string") for name in LONG)), ("id",))
    row = {"id": "1"} | {name: str(number) for number, name in enumerate(LONG)}
    warehouse.ensure_table(table)

    write(warehouse, table, row)

    again = PostgresWarehouse(Settings(url=Secret(address)))
    assert again.query_columns(table.schema, table.name) == table.columns
    assert again.query(f"SELECT * FROM {again.name(table.schema, table.name)}").to_pylist() == [row]
    assert write(again, table, row) == MergeCounts(unchanged=1)
    full = again.query("SELECT column_name FROM hubferry.postgres_names ORDER BY 1")["column_name"].to_pylist()
    assert set(full) == {"", *(name for name in LONG if len(name.encode()) > 63)}


def test_columns_beyond_the_servers_limit_are_in_one_of_json_and_behave_alike(warehouse: PostgresWarehouse) -> None:
    properties = [Column(f"p{number}", "integer") for number in range(COLUMN_LIMIT + 20)]
    table = Table("crm", "wide", (Column("id", "string"), *properties, Column("_hubferry_run_id", "string")), ("id",))
    last = properties[-1].name
    narrow = Table("crm", "wide", (Column("id", "string"), properties[0]), ("id",))
    warehouse.ensure_table(narrow)
    warehouse.ensure_table(table)

    assert write(warehouse, table, {"id": "1", "p0": 1, last: 7, "_hubferry_run_id": "a"}) == MergeCounts(inserted=1)
    assert write(warehouse, table, {"id": "1", last: 7}) == MergeCounts(unchanged=1)
    assert write(warehouse, table, {"id": "1", properties[-2].name: 8}) == MergeCounts(updated=1)
    assert write(warehouse, table, {"id": "1", last: None}) == MergeCounts(updated=1)
    assert write(warehouse, table, {"id": "2", last: None}) == MergeCounts(inserted=1)
    assert write(warehouse, table, {"id": "2", last: None}) == MergeCounts(unchanged=1)

    wide = "SELECT p0, _hubferry_run_id, _hubferry_more FROM crm.wide WHERE id = '1'"
    [found] = warehouse.query(wide).to_pylist()
    assert {column.name for column in warehouse.query_columns("crm", "wide")} == {each.name for each in table.columns}
    assert (found["p0"], found["_hubferry_run_id"]) == (1, "a")
    assert json.loads(found["_hubferry_more"]) == {properties[-2].name: 8}


def test_json_that_the_server_refuses_is_made_fit_by_the_rule_for_text(warehouse: PostgresWarehouse) -> None:
    warehouse.ensure_table(THINGS)

    write(warehouse, THINGS, {"id": 1, "tree": r'{"a":"\u0000 \ud800 \ud83e\udd84 \\u0000 \n"}'})

    [found] = warehouse.query("SELECT tree FROM shop.things").to_pylist()
    assert json.loads(found["tree"]) == {"a": "\ufffd \ufffd \U0001f984 \\u0000 \n"}


def test_json_without_unfit_escapes_is_not_touched() -> None:
    rows = table_from_rows(THINGS, [{"id": 1, "tree": r'{"a":"\\u0000 \u00e9 \ud83e\udd84"}'}])

    assert clean_json(THINGS, rows) == rows


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**28), max_value=10**28)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "text": st.none()
                | st.text().map(lambda text: text.replace("\0", "")).filter(lambda text: text.isprintable()),
                "number": st.none() | st.floats(allow_nan=False),
                "yes": st.none() | st.booleans(),
                "at": st.none() | st.datetimes(timezones=st.just(UTC)),
                "day": st.none() | st.dates(date(1, 1, 1)),
                "list": st.none() | st.lists(st.none() | st.sampled_from(["", "a", '"', "{,}", "NULL", "\\"])),
                "money": st.none() | NUMBERS,
                "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            }
        ),
        max_size=4,
    )
)
def test_any_value_comes_back_from_binary_copy(warehouse: PostgresWarehouse, rows: list[dict[str, Any]]) -> None:
    kinds = {
        "text": "string",
        "number": "double",
        "yes": "boolean",
        "at": "timestamp",
        "day": "date",
        "list": "strings",
    }
    columns = (Column("n", "integer"), *(Column(*each) for each in kinds.items()), Column("money", "decimal(38,9)"))
    table = Table("crm", "any_value", (*columns, Column("whole", "integer")))
    warehouse.ensure_table(table)
    numbered = [{"n": number, **row} for number, row in enumerate(rows)]

    with warehouse.transaction() as tx:
        tx.execute("DELETE FROM crm.any_value")
        tx.append(table, table_from_rows(table, numbered))

    assert warehouse.query("SELECT * FROM crm.any_value ORDER BY n").to_pylist() == numbered


def test_a_block_without_rows_is_header_and_trailer() -> None:
    assert b"".join(binary.encode(pa.table({"a": pa.array([], pa.int64())}))) == binary.HEADER + struct.pack(">h", -1)


def test_a_source_of_every_postgres_type_comes_in_our_types(warehouse: PostgresWarehouse) -> None:
    sql = """
        SELECT 1::smallint AS small, 1.50::numeric AS anynum, 1.5::numeric(10,2) AS price, 1.5::real AS f,
        ROW(1, 'a') AS composite, '{"b":2}'::json AS json, '{"k": null}'::jsonb AS jsonb, ARRAY[1, 2] AS numbers,
        ARRAY['x', NULL] AS texts, timestamp '2026-01-01 10:00' AS naive, timestamptz '2026-01-01 10:00+02' AS zoned,
        date '2026-01-01' AS day, time '10:00' AS time, '550e8400-e29b-41d4-a716-446655440000'::uuid AS uuid,
        interval '1 day' AS span, NULL AS nothing, 'x'::varchar(3) AS short, '1.2.3.4'::inet AS inet, true AS yes
    """

    [batch] = list(warehouse.query_batches(sql))
    row = {name: str(value) if "datetime" in repr(value) else value for name, value in batch.to_pylist()[0].items()}
    types = {column.name: column.type for column in warehouse.describe_source(sql)}

    assert (types["anynum"], types["price"], types["composite"], types["texts"]) == (
        "string",
        "decimal(10,2)",
        "json",
        "strings",
    )
    assert (row["small"], row["anynum"], row["price"], row["f"]) == (1, "1.50", Decimal("1.50"), 1.5)
    assert (json.loads(row["composite"]), row["json"], row["jsonb"]) == ({"f1": 1, "f2": "a"}, '{"b":2}', '{"k": null}')
    assert (json.loads(row["numbers"]), row["texts"]) == ([1, 2], ["x", None])
    assert (row["naive"], row["zoned"]) == ("2026-01-01 10:00:00+00:00", "2026-01-01 08:00:00+00:00")
    assert (row["time"], row["span"], row["nothing"], row["short"], row["inet"], row["yes"]) == (
        "10:00:00",
        "1 day",
        None,
        "x",
        "1.2.3.4/32",
        True,
    )


@pytest.mark.parametrize("number", ["'NaN'::numeric(10,2)", "'NaN'::numeric"])
def test_a_number_that_is_none_is_an_error_that_names_its_column(warehouse: PostgresWarehouse, number: str) -> None:
    with pytest.raises(SourceError, match="column 'price' holds a NaN or Infinity"):
        warehouse.query(f"SELECT {number} AS price")
    if "(" in number:
        with pytest.raises(SourceError, match="column 'price' holds a NaN or Infinity"):
            list(warehouse.query_batches(f"SELECT {number} AS price"))


@pytest.mark.parametrize(
    "moment",
    [
        "'infinity'::timestamptz",
        "'-infinity'::timestamp",
        "'infinity'::date",
        "'10000-01-01'::date",
        "'10000-01-01'::timestamptz",
        "'0044-03-15 BC'::date",
    ],
)
def test_a_date_that_no_year_of_ours_has_is_an_error_that_names_its_column(
    warehouse: PostgresWarehouse, moment: str
) -> None:
    """After rows that can be read, too: the reading does not end as if there were no more."""
    source = (
        f"SELECT n, 'x' AS text, CASE WHEN n = 3 THEN {moment} END AS since FROM generate_series(1, 4) AS n ORDER BY n"
    )

    with pytest.raises(SourceError, match=r"outside of the years 1 to 9999.* in one of the columns 'since'") as told:
        list(warehouse.query_batches(source, rows=2))
    with pytest.raises(WarehouseError) as asked:
        warehouse.query(source)

    for error in (told, asked):
        assert not any(word in str(error.value) for word in ("10000", "0044", "-infinity"))


def test_a_question_mark_of_the_users_sql_is_an_operator(warehouse: PostgresWarehouse) -> None:
    sql = """SELECT '{"a": 1}'::jsonb ? 'a' AS has, '%s ?' AS text"""

    assert [batch.to_pylist() for batch in warehouse.query_batches(sql)] == [[{"has": True, "text": "%s ?"}]]


def test_a_source_cannot_write(warehouse: PostgresWarehouse) -> None:
    warehouse.ensure_table(THINGS)

    with pytest.raises(SourceError):
        list(warehouse.query_batches("WITH gone AS (DELETE FROM shop.things RETURNING id) SELECT * FROM gone"))
    with warehouse.transaction() as tx:
        tx.execute("CREATE FUNCTION shop.write() RETURNS bigint LANGUAGE sql AS 'DELETE FROM shop.things RETURNING id'")
    with pytest.raises(SourceError, match="read-only"):
        list(warehouse.query_batches("SELECT shop.write() AS n"))


def test_a_key_that_is_there_twice_is_refused_by_the_table_itself(warehouse: PostgresWarehouse) -> None:
    warehouse.ensure_table(THINGS)
    row = table_from_rows(THINGS, [{"id": 1}])

    def append_twice() -> None:
        with warehouse.transaction() as tx:
            tx.append(THINGS, row)
            tx.append(THINGS, row)

    with pytest.raises(WarehouseError, match="duplicate key"):
        append_twice()


def test_a_lost_connection_loses_the_transaction_and_says_so(warehouse: PostgresWarehouse) -> None:
    warehouse.ensure_table(THINGS)

    def write_on_a_lost_connection() -> None:
        with warehouse.transaction() as tx:
            tx.append(THINGS, table_from_rows(THINGS, [{"id": 1}]))
            pid = tx.query("SELECT pg_backend_pid() AS pid")["pid"][0].as_py()
            warehouse.query("SELECT pg_terminate_backend(?)", (pid,))
            tx.append(THINGS, table_from_rows(THINGS, [{"id": 2}]))

    with pytest.raises(WarehouseError, match="run again"):
        write_on_a_lost_connection()

    assert warehouse.query("SELECT count(*) AS n FROM shop.things").to_pylist() == [{"n": 0}]


def test_no_server_is_a_warehouse_error_without_the_password() -> None:
    block = WarehouseBlock(postgres=PostgresBlock(host="127.0.0.1", port=1, user="u", password="${PW}"))
    warehouse = open_warehouse(block, Path(), resolve=lambda path, reference: Secret("canary-7f3a"))

    with pytest.raises(WarehouseError, match=r"127\.0\.0\.1") as caught:
        warehouse.query("SELECT 1")

    assert "canary" not in str(caught.value)


def test_a_role_that_rounds_numbers_in_texts_has_exact_digests(address: str) -> None:
    rounding = make_conninfo(address, options="-c extra_float_digits=0")
    warehouse = PostgresWarehouse(Settings(url=Secret(rounding)))
    numbers = "(SELECT CAST(0.1 AS double precision) + 0.2 AS f UNION ALL SELECT CAST(0.3 AS double precision)) AS t"

    found = warehouse.query(f"SELECT {warehouse.digest(['f'])} AS d FROM {numbers}")["d"].to_pylist()

    assert len(set(found)) == 2


def test_texts_are_whole_whatever_encoding_the_client_was_told(address: str) -> None:
    told = PostgresWarehouse(Settings(url=Secret(make_conninfo(address, client_encoding="LATIN1"))))
    told.ensure_table(THINGS)
    write(told, THINGS, {"id": 1, "text": "é 🦄"})

    [found] = told.query("SELECT text, length(text) AS n FROM shop.things").to_pylist()
    assert found == {"text": "é 🦄", "n": 3}


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(address: str, encoding: str) -> None:
    name = f"hubferry_test_{secrets.token_hex(4)}"
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
        try:
            with pytest.raises(WarehouseError, match=f"keeps texts as {encoding}"):
                PostgresWarehouse(Settings(url=Secret(make_conninfo(address, dbname=name)))).query("SELECT 1 AS one")
        finally:
            server.execute(f"DROP DATABASE {name}")


def test_a_role_without_rights_is_told_so_by_check_and_needs_none_to_make_schemas_that_are_there(address: str) -> None:
    role = f"hubferry_poor_{secrets.token_hex(4)}"
    poor = PostgresWarehouse(Settings(url=Secret(make_conninfo(address, user=role))))
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(f"CREATE ROLE {role} LOGIN")
        try:
            refused = checks.check_warehouse(poor)
            for schema in ("hubferry", "shop"):
                server.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {role}")
            allowed = checks.check_warehouse(poor)
            poor.ensure_table(THINGS)
            counts = write(poor, THINGS, *people(1))
        finally:
            server.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert (refused.passed, allowed.passed, counts) == (False, True, MergeCounts(inserted=1))
    assert "permission denied" in refused.detail
    assert "docs/guides/postgres.md" in refused.detail


def people(*ids: int, text: str = "a") -> list[dict[str, Any]]:
    return [{"id": number, "text": text, "tree": '{"a": null}'} for number in ids]


@pytest.mark.parametrize("rows", [3, 600])
def test_rows_that_are_equal_are_not_even_locked(warehouse: PostgresWarehouse, rows: int) -> None:
    warehouse.ensure_table(THINGS)
    write(warehouse, THINGS, *people(*range(rows)))

    assert write(warehouse, THINGS, *people(*range(rows))) == MergeCounts(unchanged=rows)

    [found] = warehouse.query("SELECT max(CAST(CAST(xmax AS text) AS bigint)) AS locker FROM shop.things").to_pylist()
    assert found == {"locker": 0}


@pytest.mark.parametrize("kind", ["bigint", "integer"], ids=["ours", "altered"])
def test_a_large_chunk_finds_the_few_that_are_stored_among_the_new(warehouse: PostgresWarehouse, kind: str) -> None:
    warehouse.ensure_table(THINGS)
    with warehouse.transaction() as tx:
        tx.execute(f"ALTER TABLE shop.things ALTER COLUMN id TYPE {kind}")
    write(warehouse, THINGS, *people(5, 6))

    again = PostgresWarehouse(warehouse.settings)
    counts = write(again, THINGS, *people(6, text="b"), *people(*range(7, 602), *range(6)))

    assert counts == MergeCounts(600, 1, 1)
    found = warehouse.query("SELECT text, count(*) AS n, min(CAST(tree AS text)) AS t FROM shop.things GROUP BY text")
    assert sorted(found.to_pylist(), key=lambda row: row["n"]) == [
        {"text": "b", "n": 1, "t": '{"a": null}'},
        {"text": "a", "n": 601, "t": '{"a": null}'},
    ]


def test_new_rows_that_an_index_of_the_users_refuses_are_an_error_and_the_transaction_is_undone(
    warehouse: PostgresWarehouse,
) -> None:
    warehouse.ensure_table(THINGS)
    write(warehouse, THINGS, *people(1_000, text="taken"))
    with warehouse.transaction() as tx:
        tx.execute("CREATE UNIQUE INDEX one_taken ON shop.things (text) WHERE text = 'taken'")

    with pytest.raises(WarehouseError, match="one_taken"):
        write(warehouse, THINGS, *people(*range(600)), *people(2_000, text="taken"))

    assert warehouse.query("SELECT id FROM shop.things").to_pylist() == [{"id": 1_000}]


TIMED = Table(
    "shop",
    "timed",
    (Column("id", "string"), Column("part", "integer"), Column("at", "timestamp"), Column("text", "string")),
    ("id", "part"),
)


@pytest.mark.parametrize("newest", ["at", None])
@pytest.mark.parametrize("moved", [0, 1, 299, 301, 600])
def test_a_large_chunk_of_equal_changed_older_and_new_rows_is_merged_row_by_row(
    warehouse: PostgresWarehouse, moved: int, newest: str | None
) -> None:
    """Whether most rows seem equal or changed, what is written and counted is the same."""
    hours = [datetime(2026, 1, 1, each, tzinfo=UTC) for each in range(3)]
    stored = [{"id": f"k{n}", "part": n % 3, "at": hours[1], "text": None} for n in range(602)]
    changed = [row | {"at": hours[2], "text": "moved"} for row in stored[:moved]]
    older = [{**row, "at": hours[0], "text": "older"} for row in stored[600:]]
    new = [{"id": "k0", "part": 9, "at": hours[1], "text": "new"}, {"id": "z", "part": 0, "at": None, "text": "new"}]
    chunk = [*new, *older, *stored[moved:600], *changed]
    warehouse.ensure_table(TIMED)
    write(warehouse, TIMED, *stored)

    with warehouse.transaction() as tx:
        counts = tx.merge(TIMED, table_from_rows(TIMED, chunk), newest=newest)

    kept = stored[600:] if newest else older
    assert counts == MergeCounts(2, moved + (0 if newest else 2), 600 - moved + (2 if newest else 0))
    order = "SELECT * FROM shop.timed ORDER BY id, part"
    assert warehouse.query(order).to_pylist() == sorted(
        [*stored[moved:600], *changed, *kept, *new], key=lambda row: (row["id"], row["part"])
    )


def test_a_large_chunk_leaves_the_transactions_other_statements_as_they_are_planned(
    warehouse: PostgresWarehouse,
) -> None:
    warehouse.ensure_table(THINGS)

    with warehouse.transaction() as tx:
        before = tx.query("SELECT current_setting('enable_hashjoin') AS h, current_setting('jit') AS j").to_pylist()
        tx.merge(THINGS, table_from_rows(THINGS, people(*range(600))))
        after = tx.query("SELECT current_setting('enable_hashjoin') AS h, current_setting('jit') AS j").to_pylist()

    assert after == before == [{"h": "on", "j": "on"}]
