"""Arrow columns as PostgreSQL's binary COPY format, a column at a time: no Python runs for each value but of rare types.

https://www.postgresql.org/docs/current/sql-copy.html (Binary Format)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_EPOCH_DAYS = 10_957
"""Days from 1970 to 2000, where PostgreSQL begins to count."""
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000
_TEXT_OID = 25
_BLOCK_ROWS = 4_096


def encode(rows: pa.Table, *, json_columns: frozenset[str] = frozenset()) -> Iterator[bytes]:
    """Give the bytes of a COPY .. FROM STDIN (FORMAT binary); text of `json_columns` is for jsonb columns."""
    yield HEADER
    for start in range(0, rows.num_rows, _BLOCK_ROWS):
        yield _encode_block(rows.slice(start, _BLOCK_ROWS).combine_chunks(), json_columns)
    yield TRAILER


def ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Give the same blocks, the next one being made in a thread while the server reads the last."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block


def _encode_block(rows: pa.Table, json_columns: frozenset[str]) -> bytes:
    pieces: list[pa.Array | pa.Scalar] = [_constant(struct.pack(">h", rows.num_columns))]
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        values = column.chunk(0) if column.num_chunks else pa.array([], column.type)
        pieces += _encode_column(values, is_json=name in json_columns)
    if len(pieces) == 1:
        pieces.append(pa.array([b""] * rows.num_rows, pa.large_binary()))
    joined = pc.binary_join_element_wise(*pieces, _constant(b""))
    offsets = np.frombuffer(joined.buffers()[1], np.int64)[joined.offset : joined.offset + len(joined) + 1]
    return memoryview(joined.buffers()[2])[int(offsets[0]) : int(offsets[-1])].tobytes()


def _encode_column(values: pa.Array, *, is_json: bool) -> list[pa.Array]:
    kind = values.type
    if pa.types.is_null(kind):
        return [pa.array([_NULL] * len(values), pa.large_binary())]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _encode_text(values, is_json=is_json)
    if pa.types.is_decimal(kind):
        return _encode_text(_each(values, _numeric), is_json=False)
    if pa.types.is_list(kind):
        return _encode_text(_each(values, _text_array), is_json=False)
    return [_encode_fixed(values)]


def _encode_fixed(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_boolean(kind):
        numbers = _numbers(values.cast(pa.uint8()), np.dtype(">u1"))
    elif pa.types.is_integer(kind):
        numbers = _numbers(values.cast(pa.int64()), np.dtype(">i8"))
    elif pa.types.is_floating(kind):
        numbers = _numbers(values.cast(pa.float64()), np.dtype(">f8"))
    elif pa.types.is_date32(kind):
        numbers = (_numbers(values.cast(pa.int32()), np.dtype("i4")) - _EPOCH_DAYS).astype(">i4")
    elif pa.types.is_timestamp(kind):
        micros = values.cast(pa.timestamp("us", kind.tz)).cast(pa.int64())
        numbers = (_numbers(micros, np.dtype("i8")) - _EPOCH_MICROSECONDS).astype(">i8")
    else:
        raise ValueError(f"no binary form of {kind} is known")
    width = numbers.dtype.itemsize
    cells = np.empty((len(numbers), 4 + width), np.uint8)
    cells[:, :4] = np.frombuffer(struct.pack(">i", width), np.uint8)
    cells[:, 4:] = numbers.view(np.uint8).reshape(len(numbers), width)
    return _with_nulls(_cells(cells), values, _NULL)


def _encode_text(values: pa.Array, *, is_json: bool) -> list[pa.Array]:
    payload = values.cast(pa.large_binary())
    lengths = pc.binary_length(payload).fill_null(-1)
    if is_json:
        lengths = pc.if_else(payload.is_null(), lengths, pc.add(lengths, 1))
    sizes = _cells(lengths.to_numpy(zero_copy_only=False).astype(">i4").view(np.uint8).reshape(len(values), 4))
    parts = [sizes, payload.fill_null(b"") if values.null_count else payload]
    if is_json:  # the version of the format, before each text
        ones = (
            pa.array(np.ones((len(values), 1), np.uint8).tobytes()).cast(pa.large_binary()) if not len(values) else None
        )
        version = ones if ones is not None else _cells(np.ones((len(values), 1), np.uint8))
        parts.insert(1, _with_nulls(version, values, b""))
    return parts


def _numbers(values: pa.Array, dtype: np.dtype) -> np.ndarray:
    plain = values.fill_null(0) if values.null_count else values
    numbers: np.ndarray = plain.to_numpy(zero_copy_only=False).astype(dtype)
    return numbers


def _cells(cells: np.ndarray) -> pa.Array:
    """Give each row of a matrix of bytes as one binary value."""
    rows, width = cells.shape
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), rows, [None, pa.py_buffer(cells.tobytes())])
    return fixed.cast(pa.binary()).cast(pa.large_binary())


def _with_nulls(encoded: pa.Array, values: pa.Array, null: bytes) -> pa.Array:
    return pc.if_else(values.is_null(), _constant(null), encoded) if values.null_count else encoded


def _constant(value: bytes) -> pa.Scalar:
    return pa.scalar(value, pa.large_binary())


def _each(values: pa.Array, render: object) -> pa.Array:
    made = [None if each is None else render(each) for each in values.to_pylist()]  # type: ignore[operator]
    return pa.array(made, pa.large_binary())


def _numeric(value: Decimal) -> bytes:
    """Give a number in groups of four decimal digits, as PostgreSQL keeps it."""
    sign, digits, exponent = value.as_tuple()
    scale = max(0, -int(exponent))
    text = "".join(map(str, digits)) + "0" * max(0, int(exponent))
    whole, part = (text[:-scale] if scale else text), (text.rjust(scale, "0")[-scale:] if scale else "")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    part = part.ljust(-(-len(part) // 4) * 4, "0")
    groups = [int((whole + part)[at : at + 4]) for at in range(0, len(whole) + len(part), 4)]
    weight = len(whole) // 4 - 1
    return struct.pack(f">hhHh{len(groups)}h", len(groups), weight, 0x4000 if sign else 0, scale, *groups)


def _text_array(items: list[str | None]) -> bytes:
    if not items:
        return struct.pack(">iii", 0, 0, _TEXT_OID)
    head = struct.pack(">iiiii", 1, int(None in items), _TEXT_OID, len(items), 1)
    encoded = (None if item is None else item.encode() for item in items)
    return head + b"".join(_NULL if item is None else struct.pack(">i", len(item)) + item for item in encoded)
