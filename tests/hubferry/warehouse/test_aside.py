"""Rows put aside: the same ones, when the query that gives them has ended."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from hubferry.warehouse.aside import put_aside


@pytest.mark.parametrize("in_memory", [1 << 20, 1], ids=["in memory", "in a file"])
def test_the_query_has_ended_before_its_first_rows_are_used(in_memory: int) -> None:
    kinds = pa.schema(
        [("n", pa.int64()), ("links", pa.map_(pa.string(), pa.list_(pa.string()))), ("none", pa.string())]
    )
    row = {"links": [("a", ["b", None])], "none": None}
    parts = [pa.RecordBatch.from_pylist([row | {"n": number}] * 3, kinds) for number in range(2)]
    ended = []

    def batches() -> Iterator[pa.RecordBatch]:
        yield from parts
        ended.append(True)

    given = put_aside(batches(), in_memory=in_memory)

    first = next(given)
    assert ended
    assert [first, *given] == parts


def test_no_rows_put_aside_are_no_rows() -> None:
    assert list(put_aside([])) == []


def test_an_error_of_the_reading_is_not_taken_for_one_of_putting_aside() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"id": [1]})
        raise TimeoutError("the server did not answer")

    with pytest.raises(TimeoutError, match="did not answer"):
        list(put_aside(batches()))
