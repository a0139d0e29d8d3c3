"""A fakesnow on a free port of loopback, as a process: says its port, and ends with the process that started it."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
from typing import Any

import fakesnow.arrow as answers
import pyarrow as pa
import pyarrow.compute as pc
import uvicorn


def with_nulls(values: Any, whole: Any = answers.timestamp_to_sf_struct) -> pa.StructArray:
    """Answer a NULL time with NULL: fakesnow 0.12 answers with 1970."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    made = whole(pc.fill_null(values, pa.scalar(0, values.type)))
    return pa.StructArray.from_arrays(made.flatten(), fields=list(made.type), mask=values.is_null())


def end_with_parent() -> None:
    """End when standard input is closed: whoever started us is gone."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    answers.timestamp_to_sf_struct = with_nulls
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=end_with_parent, daemon=True).start()
    app = importlib.import_module("fakesnow.server").app
    uvicorn.Server(uvicorn.Config(app, log_config=None)).run([listener])
