"""Rows put aside in a temporary file, so that the query that gives them has ended before they are used.

While a reader stands open, DuckDB keeps all that is written meanwhile in memory instead of its file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from hubferry.errors import SourceError

_IN_MEMORY = 4 << 20
"""Bytes that are kept in memory; more of them go into a file that has no name and is gone with the process."""


def put_aside(batches: Iterable[pa.RecordBatch], *, in_memory: int = _IN_MEMORY) -> Iterator[pa.RecordBatch]:
    """Give the same batches when all of them have been read. Raises SourceError where there is no room for them."""
    with tempfile.SpooledTemporaryFile(in_memory) as file:
        writer = None
        for batch in batches:  # whose own errors say what they are of
            with _finding_room():
                if writer is None:
                    writer = pa.ipc.new_stream(file, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))
                writer.write_batch(batch)
        if writer is not None:
            with _finding_room():
                writer.close()
            file.seek(0)
            yield from pa.ipc.open_stream(file)


@contextmanager
def _finding_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"rows could not be put aside in {tempfile.gettempdir()}: {error.strerror}") from error
