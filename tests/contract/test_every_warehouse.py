"""What every warehouse engine promises, method by method; a new engine is an entry in ENGINES."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines import ENGINES, HOSTED, is_real_snowflake
from hubferry.errors import SourceError, WarehouseError
from hubferry.types import Column, Table
from hubferry.warehouse.arrow import arrow_schema, table_from_rows
from hubferry.warehouse.interface import MergeCounts, Warehouse
from hubferry.warehouse.snowflake.hosted import HostedWarehouse

PEOPLE = Table(
    "crm",
    "people",
    (Column("id", "string"), Column("updated_at", "timestamp"), Column("name", "string"), Column("seen", "integer")),
    ("id",),
)
EVERY_TYPE = Table(
    "crm",
    "every_type",
    (
        Column("id", "integer"),
        Column("text", "string"),
        Column("number", "double"),
        Column("yes", "boolean"),
        Column("at", "timestamp"),
        Column("day", "date"),
        Column("tree", "json"),
        Column("list", "strings"),
        Column("money", "decimal(38,9)"),
    ),
    ("id",),
)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=[*ENGINES, *(pytest.param(name, marks=pytest.mark.heavy) for name in HOSTED)])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with (ENGINES | HOSTED)[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
def people(warehouse: Warehouse) -> Warehouse:
    warehouse.ensure_table(PEOPLE)
    return warehouse


def chunk(*rows: dict[str, Any], table: Table = PEOPLE) -> pa.Table:
    return table_from_rows(table, rows)


def person(number: int, *, name: str = "Ada", minutes: int = 0, seen: int = 0) -> dict[str, Any]:
    return {"id": str(number), "updated_at": START + timedelta(minutes=minutes), "name": name, "seen": seen}


def merge(warehouse: Warehouse, rows: pa.Table, table: Table = PEOPLE, **options: Any) -> MergeCounts:
    with warehouse.transaction() as tx:
        return tx.merge(table, rows, **options)


def stored(warehouse: Warehouse, table: Table = PEOPLE) -> list[dict[str, Any]]:
    columns = ", ".join(warehouse.quote(column.name) for column in table.columns)
    return warehouse.query(
        f"SELECT {columns} FROM {warehouse.name(table.schema, table.name)} ORDER BY {columns}"
    ).to_pylist()


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Give a row of EVERY_TYPE with its JSON as a value: its text may come back with other blanks.

    fakesnow, other than Snowflake, calls an ARRAY a VARIANT in its answers, so that a list comes as JSON too.
    """
    listed = row["list"]
    return {
        **row,
        "tree": json.loads(row["tree"] or "null"),
        "list": json.loads(listed) if isinstance(listed, str) else listed,
    }


def test_a_block_that_raises_leaves_nothing_behind(people: Warehouse) -> None:
    def append_and_fail() -> None:
        with people.transaction() as tx:
            tx.append(PEOPLE, chunk(person(1)))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        append_and_fail()

    assert stored(people) == []


def test_a_statement_that_fails_rolls_the_whole_transaction_back(people: Warehouse) -> None:
    def append_and_fail() -> None:
        with people.transaction() as tx:
            tx.append(PEOPLE, chunk(person(1)))
            tx.execute("DELETE FROM no_such_table")

    with pytest.raises(WarehouseError, match=r"(?i)no_such_table"):
        append_and_fail()

    assert stored(people) == []


def test_a_failure_while_rows_are_registered_is_the_error_that_is_raised(people: Warehouse) -> None:
    with (
        pytest.raises(WarehouseError, match=r"(?i)no_such_column"),
        people.transaction() as tx,
        tx.register("x", chunk()) as x,
    ):
        tx.query(f"SELECT no_such_column FROM {x}")


def test_an_error_holds_no_stored_value(people: Warehouse) -> None:
    merge(people, chunk(person(1, name="canary-7f3a")))

    with pytest.raises(WarehouseError) as caught:
        people.query(f"SELECT CAST(name AS INTEGER) FROM {people.name('crm', 'people')}")

    assert "canary" not in str(caught.value)


def test_merge_refuses_a_repeated_key(people: Warehouse) -> None:
    with pytest.raises(ValueError, match="1 keys of the chunk are repeated"):
        merge(people, chunk(person(1), person(1, name="Bob")))

    assert stored(people) == []


def test_merge_refuses_a_null_key(people: Warehouse) -> None:
    with pytest.raises(ValueError, match="1 keys of the chunk are nulls"):
        merge(people, chunk({**person(1), "id": None}))


def test_merge_refuses_a_column_that_the_table_lacks(people: Warehouse) -> None:
    with pytest.raises(ValueError, match="no column 'nickname'"):
        merge(people, pa.table({"id": ["1"], "nickname": ["A"]}))


def test_merge_counts_new_changed_and_equal_rows(people: Warehouse) -> None:
    merge(people, chunk(person(1), person(2)))

    counts = merge(people, chunk(person(1), person(2, name="Bob"), person(3)))

    assert counts == MergeCounts(inserted=1, updated=1, unchanged=1)
    assert stored(people) == [person(1), person(2, name="Bob"), person(3)]


def test_an_older_row_never_overwrites_a_newer_one(people: Warehouse) -> None:
    merge(people, chunk(person(1, minutes=5)), newest="updated_at")

    counts = merge(people, chunk(person(1, name="Old", minutes=4)), newest="updated_at")

    assert counts == MergeCounts(unchanged=1)
    assert stored(people) == [person(1, minutes=5)]


def test_a_row_of_the_same_time_and_other_content_is_written(people: Warehouse) -> None:
    merge(people, chunk(person(1)), newest="updated_at")

    assert merge(people, chunk(person(1, name="Bob")), newest="updated_at") == MergeCounts(updated=1)


def test_a_null_in_the_newest_column_does_not_hide_a_change(people: Warehouse) -> None:
    merge(people, chunk({**person(1), "updated_at": None}), newest="updated_at")

    assert merge(people, chunk(person(1, name="Bob")), newest="updated_at") == MergeCounts(updated=1)


def test_a_volatile_column_alone_does_not_make_a_row_changed(people: Warehouse) -> None:
    merge(people, chunk(person(1), person(2)))

    counts = merge(people, chunk(person(1, seen=9), person(2, name="Bob", seen=9)), volatile=("seen",))

    assert counts == MergeCounts(updated=1, unchanged=1)
    assert stored(people) == [person(1), person(2, name="Bob", seen=9)]


def test_columns_that_the_chunk_lacks_keep_their_values_and_start_as_null(people: Warehouse) -> None:
    merge(people, chunk(person(1, seen=7)))

    merge(people, chunk(person(1, name="Bob"), person(2)).select(["id", "updated_at", "name"]))

    assert stored(people) == [person(1, name="Bob", seen=7), {**person(2), "seen": None}]


def test_a_chunk_of_keys_alone_inserts_what_is_missing(people: Warehouse) -> None:
    merge(people, chunk(person(1)))

    assert merge(people, pa.table({"id": ["1", "2"]})) == MergeCounts(inserted=1, unchanged=1)


def test_null_becoming_a_value_and_back_is_a_change(people: Warehouse) -> None:
    nobody = {**person(1), "name": None}
    merge(people, chunk(nobody))

    assert merge(people, chunk(person(1))).updated == 1
    assert merge(people, chunk(nobody)).updated == 1
    assert merge(people, chunk(nobody)).unchanged == 1


def test_an_empty_chunk_changes_nothing(people: Warehouse) -> None:
    assert merge(people, chunk()) == MergeCounts()


def test_several_merges_in_one_transaction_see_each_other(people: Warehouse) -> None:
    with people.transaction() as tx:
        tx.merge(PEOPLE, chunk(person(1)))
        counts = tx.merge(PEOPLE, chunk(person(1, name="Bob"), person(2)))

    assert counts == MergeCounts(inserted=1, updated=1)
    assert stored(people) == [person(1, name="Bob"), person(2)]


ROWS = st.fixed_dictionaries(
    {
        "id": st.integers(0, 5).map(str),
        "updated_at": st.none() | st.integers(0, 3).map(lambda minute: START + timedelta(minutes=minute)),
        "name": st.none() | st.text(max_size=3),
        "seen": st.none() | st.integers(0, 2),
    }
)
CHUNKS = st.lists(st.lists(ROWS, max_size=6, unique_by=lambda row: row["id"]), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(chunks=CHUNKS, newest=st.sampled_from([None, "updated_at"]))
def test_any_sequence_of_chunks_equals_a_dict_by_key(
    people: Warehouse, chunks: list[list[dict[str, Any]]], newest: str | None
) -> None:
    expected: dict[str, dict[str, Any]] = {}
    counts = expected_counts = MergeCounts()
    with people.session():
        with people.transaction() as tx:
            tx.execute(f"DELETE FROM {people.name('crm', 'people')}")
        for rows in chunks:
            counts += merge(people, chunk(*rows), newest=newest)
            expected_counts += merge_into_dict(expected, rows, newest)

        assert {row["id"]: row for row in stored(people)} == expected
        assert len(stored(people)) == len(expected)
        assert counts == expected_counts


def merge_into_dict(rows: dict[str, dict[str, Any]], fresh: list[dict[str, Any]], newest: str | None) -> MergeCounts:
    counts = MergeCounts()
    for given_row in fresh:
        row = {**given_row, "name": given_row["name"] and given_row["name"].replace("\0", "\ufffd")}
        old = rows.get(row["id"])
        older = bool(newest and old and old[newest] and row[newest] and old[newest] > row[newest])
        if old is None:
            counts += MergeCounts(inserted=1)
        elif old == row or older:
            counts += MergeCounts(unchanged=1)
            continue
        else:
            counts += MergeCounts(updated=1)
        rows[row["id"]] = row
    return counts


def test_append_keeps_every_row_of_a_table_without_a_key(warehouse: Warehouse) -> None:
    versions = Table("crm", "versions", PEOPLE.columns)
    warehouse.ensure_table(versions)

    with warehouse.transaction() as tx:
        assert tx.append(versions, chunk(person(1), person(1))) == 2

    assert stored(warehouse, versions) == [person(1), person(1)]


def test_delete_takes_the_rows_of_the_keys_and_counts_them(people: Warehouse) -> None:
    merge(people, chunk(person(1), person(2), person(3)))

    with people.transaction() as tx:
        assert tx.delete(PEOPLE, pa.table({"id": ["1", "3", "3", "9"]})) == 2

    assert stored(people) == [person(2)]


def test_execute_says_how_many_rows_it_touched(people: Warehouse) -> None:
    merge(people, chunk(person(1), person(2)))

    with people.transaction() as tx:
        assert tx.execute(f"UPDATE {people.name('crm', 'people')} SET seen = ? WHERE id = ?", (4, "2")) == 1
        assert tx.execute(f"DELETE FROM {people.name('crm', 'people')} WHERE id = ?", ("9",)) == 0


def test_a_query_in_a_transaction_sees_its_writes_and_one_outside_does_not(
    people: Warehouse, request: pytest.FixtureRequest
) -> None:
    if isinstance(people, HostedWarehouse):
        request.applymarker(
            pytest.mark.xfail(strict=True, reason="a procedure has one session: it sees its own writes")
        )
    count = f"SELECT count(*) AS n FROM {people.name('crm', 'people')}"

    with people.transaction() as tx:
        tx.append(PEOPLE, chunk(person(1)))
        inside, outside = tx.query(count).to_pylist(), people.query(count).to_pylist()

    assert (inside, outside) == ([{"n": 1}], [{"n": 0}])


def test_registered_rows_are_gone_after_their_block(people: Warehouse) -> None:
    def register_and_look_again() -> None:
        with people.transaction() as tx:
            with tx.register("wanted", pa.table({"n": [1, 2]})) as rows:
                assert tx.query(f"SELECT sum(n) AS n FROM {rows} AS wanted").to_pylist() == [{"n": 3}]
            tx.query(f"SELECT * FROM {rows} AS wanted")

    with pytest.raises(WarehouseError):
        register_and_look_again()


def test_a_query_cannot_write(people: Warehouse) -> None:
    with pytest.raises(WarehouseError):
        people.query(f"DELETE FROM {people.name('crm', 'people')}")


def test_a_second_transaction_in_the_same_thread_is_refused(people: Warehouse) -> None:
    with people.transaction(), pytest.raises(WarehouseError, match="open in this thread"), people.transaction():
        pass


def test_every_type_comes_back_as_it_went_in(warehouse: Warehouse) -> None:
    warehouse.ensure_table(EVERY_TYPE)
    full = {
        "id": 2**63 - 1,
        "text": "x" * 1_000_000 + "\U0001f984 'quoted\" \\ \n",
        "number": 0.1,
        "yes": False,
        "at": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "day": date(2024, 2, 29),
        "tree": '{"a":[1,null]}',
        "list": ["a", None, ""],
        "money": Decimal("12345678901234567890123456789.123456789"),
    }
    empty = {**dict.fromkeys(full), "id": 0, "list": []}
    nothing = {**dict.fromkeys(full), "id": -1}

    merge(warehouse, chunk(full, empty, nothing, table=EVERY_TYPE), EVERY_TYPE)

    assert [plain(row) for row in stored(warehouse, EVERY_TYPE)] == [plain(row) for row in (nothing, empty, full)]
    assert merge(warehouse, chunk(full, empty, nothing, table=EVERY_TYPE), EVERY_TYPE) == MergeCounts(unchanged=3)
    assert warehouse.query_columns("crm", "every_type") == EVERY_TYPE.columns


def test_texts_are_found_in_json_by_their_path(warehouse: Warehouse) -> None:
    table = Table("crm", "trees", (Column("id", "integer"), Column("tree", "json")), ("id",))
    warehouse.ensure_table(table)
    trees = ['{"a":{"bC":"x y"}}', '{"a":{"bC":null}}', '{"a":2}', '{"a":{"bC":0.5}}', None]

    merge(warehouse, table_from_rows(table, [{"id": place, "tree": tree} for place, tree in enumerate(trees)]), table)

    found = warehouse.text_at(f"t.{warehouse.quote('tree')}", ("a", "bC"))
    name = warehouse.name("crm", "trees")
    rows = warehouse.query(f"SELECT {found} AS found FROM {name} AS t ORDER BY t.{warehouse.quote('id')}")
    assert rows["found"].to_pylist() == ["x y", None, None, "0.5", None]


def test_decimals_without_places_are_decimals_again(warehouse: Warehouse) -> None:
    """`types: {number: "decimal(12,0)"}`: read back as another type, it would get another column in each pull."""
    columns = (Column("id", "integer"), Column("n", "decimal(12,0)"), Column("wide", "decimal(38,0)"))
    table = Table("crm", "whole", columns, ("id",))
    warehouse.ensure_table(table)
    rows = chunk({"id": 1, "n": Decimal(999_999_999_999), "wide": Decimal(-7)}, table=table)

    assert merge(warehouse, rows, table) == MergeCounts(inserted=1)
    assert merge(warehouse, rows, table) == MergeCounts(unchanged=1)
    assert warehouse.query_columns("crm", "whole") == columns
    assert stored(warehouse, table) == rows.to_pylist()


def test_a_digest_is_another_one_when_any_value_is_and_the_same_otherwise(warehouse: Warehouse) -> None:
    warehouse.ensure_table(EVERY_TYPE)
    whole = {
        "text": "a",
        "number": 0.1,
        "yes": True,
        "at": START,
        "day": date(2024, 2, 29),
        "tree": '{"a":1}',
        "list": ["a", "b"],
        "money": Decimal("1.5"),
    }
    others = {
        "text": "a ",
        "number": 0.10000000000000002,
        "yes": False,
        "at": START + timedelta(microseconds=1),
        "day": date(2024, 3, 1),
        "tree": '{"a":"1"}',
        "list": ["b", "a"],
        "money": Decimal("1.500000001"),
    }
    rows = [whole, *({**whole, name: value} for name, value in others.items())]
    rows += [{**whole, name: None} for name in whole] + [{**whole, "text": ""}, {**whole, "list": []}]
    merge(warehouse, chunk(*({**row, "id": n} for n, row in enumerate(rows)), table=EVERY_TYPE), EVERY_TYPE)

    digest = warehouse.digest([warehouse.quote(name) for name in whole])
    sql = f"SELECT {digest} AS digest FROM {warehouse.name('crm', 'every_type')} ORDER BY id"
    found = warehouse.query(sql)["digest"].to_pylist()

    assert len(set(found)) == len(rows)
    assert warehouse.query(sql)["digest"].to_pylist() == found
    assert warehouse.query(f"SELECT {warehouse.digest([])} AS d")["d"][0].as_py()


@pytest.mark.parametrize("write", ["append", "merge"])
def test_nul_and_broken_utf8_become_the_replacement_character(people: Warehouse, write: str) -> None:
    broken = pa.array([b"a\0b", b"lone \xed\xa0\x80 surrogate", b"fine \xf0\x9f\xa6\x84"]).view(pa.string())
    rows = pa.table({"id": ["1", "2", "3"], "name": broken})

    with people.transaction() as tx:
        getattr(tx, write)(PEOPLE, rows)

    assert [row["name"] for row in stored(people)] == [
        "a\ufffdb",
        "lone \ufffd\ufffd\ufffd surrogate",
        "fine \U0001f984",
    ]
    assert merge(people, rows) == MergeCounts(unchanged=3)


def test_nul_inside_a_list_becomes_the_replacement_character(warehouse: Warehouse) -> None:
    warehouse.ensure_table(EVERY_TYPE)

    merge(warehouse, chunk({"id": 1, "list": ["a\0", None]}, table=EVERY_TYPE).slice(0), EVERY_TYPE)

    assert plain(stored(warehouse, EVERY_TYPE)[0])["list"] == ["a\ufffd", None]


def test_a_slice_of_a_list_column_keeps_its_own_rows(warehouse: Warehouse) -> None:
    warehouse.ensure_table(EVERY_TYPE)
    rows = chunk(*({"id": n, "list": [str(n)] * n if n else None} for n in range(4)), table=EVERY_TYPE)

    merge(warehouse, rows.slice(2, 2), EVERY_TYPE)

    assert [plain(row)["list"] for row in stored(warehouse, EVERY_TYPE)] == [["2", "2"], ["3", "3", "3"]]


HOSTILE = [
    "x" * 300,
    "🦄" * 75,
    '"; DROP TABLE people; --',
    "select",
    "a.b",
    "naïve 🦄",
    "with space",
    "x" * 100 + "1",
    "x" * 100 + "2",
    "'",
    "?",
]


def test_hostile_names_are_only_names(people: Warehouse) -> None:
    # fakesnow answers HTTP 500 to a dot in a schema's name and to an apostrophe in a column's; Snowflake allows both.
    is_fake = people.engine == "snowflake" and not is_real_snowflake()
    names = [name for name in HOSTILE if not (is_fake and name == "'")]
    schema = "odd schema" if is_fake else "odd.schema"
    table = Table(schema, '"; DROP TABLE people; --', tuple(Column(name, "string") for name in names), (names[0],))
    row = {name: str(number) for number, name in enumerate(names)}

    people.ensure_table(table)
    merge(people, chunk(row, table=table), table)
    merge(people, chunk({**row, "select": "moved"}, table=table), table)

    assert stored(people, table) == [{**row, "select": "moved"}]
    assert stored(people) == []


def test_tables_that_are_ensured_gain_columns_and_keep_rows(people: Warehouse) -> None:
    merge(people, chunk(person(1)))
    wider = Table("crm", "people", (*PEOPLE.columns, Column("age", "double")), ("id",))

    people.ensure_tables((wider, Table("other", "people", PEOPLE.columns, ("id",)), PEOPLE))
    people.ensure_table(PEOPLE)

    assert people.query_columns("crm", "people") == wider.columns
    assert people.query_columns("other", "people") == PEOPLE.columns
    assert stored(people, wider) == [{**person(1), "age": None}]


def test_the_columns_of_a_missing_table_are_none(warehouse: Warehouse) -> None:
    assert warehouse.query_columns("crm", "nobody") == ()


def test_query_batches_gives_every_row_in_order_in_small_batches(people: Warehouse) -> None:
    merge(people, chunk(*(person(number) for number in range(2500))))
    sql = f"SELECT CAST(id AS INTEGER) AS n FROM {people.name('crm', 'people')} WHERE seen = ? ORDER BY n DESC"

    batches = list(people.query_batches(sql, (0,), rows=100))

    assert list(itertools.chain.from_iterable(batch["n"].to_pylist() for batch in batches)) == list(range(2499, -1, -1))
    assert len(batches) > 1


def test_writing_goes_on_while_batches_are_read(people: Warehouse) -> None:
    merge(people, chunk(*(person(number) for number in range(5000))))

    read = 0
    for batch in people.query_batches(f"SELECT id FROM {people.name('crm', 'people')}", rows=1000):
        read += batch.num_rows
        merge(people, chunk(person(10_000 + read)))

    assert read == 5000


def test_a_source_is_described_without_being_run(people: Warehouse) -> None:
    merge(people, chunk(person(1, name="no number")))
    columns = people.describe_source(f"SELECT *, CAST(name AS INTEGER) AS fails FROM {people.name('crm', 'people')};")

    assert columns == (*PEOPLE.columns, Column("fails", "integer"))


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT * FROM nowhere", "SELECT 1 AS a, 2 AS a", "DELETE FROM people", "SELECT 1; SELECT 2", ""]
)
def test_a_wrong_source_is_a_source_error(people: Warehouse, sql: str) -> None:
    with pytest.raises(SourceError):
        people.describe_source(sql)
    with pytest.raises(SourceError):
        list(people.query_batches(sql))


def test_a_source_that_fails_while_it_is_read_is_a_source_error(people: Warehouse) -> None:
    merge(people, chunk(person(1, name="canary-7f3a")))

    with pytest.raises(SourceError) as caught:
        list(people.query_batches(f"SELECT CAST(name AS INTEGER) AS n FROM {people.name('crm', 'people')}"))

    assert "canary" not in str(caught.value)


def test_arrow_schema_and_described_source_agree(warehouse: Warehouse) -> None:
    warehouse.ensure_table(EVERY_TYPE)

    batches = list(warehouse.query_batches(f"SELECT * FROM {warehouse.name('crm', 'every_type')}"))
    described = warehouse.describe_source(f"SELECT * FROM {warehouse.name('crm', 'every_type')}")
    if warehouse.engine == "snowflake" and not is_real_snowflake():  # fakesnow calls an ARRAY a VARIANT
        described = tuple(Column("list", "strings") if each == Column("list", "json") else each for each in described)

    assert described == EVERY_TYPE.columns
    assert all(batch.schema.equals(arrow_schema(EVERY_TYPE)) for batch in batches)


def test_a_session_may_hold_other_calls(people: Warehouse) -> None:
    with people.session(), people.session():
        merge(people, chunk(person(1)))

        assert stored(people) == [person(1)]
