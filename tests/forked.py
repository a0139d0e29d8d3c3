"""Runs functions in processes of their own, which may be killed: forked from one that has imported everything.

A process that begins with nothing imports for half a second before it does anything; a forked one begins at once. What is
told of it is what is told of any process: its exit code (-9 where it was killed), its output, its errors. Tests of how a
process starts, or of signals, begin one of their own with `subprocess`.

This file is also that process: `python -W error forked.py`, one JSON object a line on stdin, `{"file" | "module",
"function", "arguments", "environ", "folder"}`, and one on stdout for each, `{"code", "stdout", "stderr"}`.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

PRELOADED = (
    "hubferry.cli.app",
    "hubferry.cli.pull",
    "hubferry.project",
    "hubferry.pull.run",
    "hubferry.push.apply",
    "hubferry.warehouse.duckdb",
    "pyarrow.acero",
)


@dataclass(frozen=True)
class Ended:
    """A process that ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """Give all that it said."""
        return self.stdout + self.stderr


def run_forked(
    where: Path | str,
    *arguments: Any,
    function: str = "main",
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Ended:
    """Call a function of a file, or of a module by its name, in a process of its own, and wait until that ends.

    The arguments are what JSON can say; a number that the function returns is the exit code, and what it raises is 1 with a
    traceback. The environment is this process's, with `environ` laid over it, and `folder` is the working directory.
    """
    place = {"file": str(where)} if isinstance(where, Path) else {"module": where}
    wanted = {**os.environ, **(environ or {})}
    asked = {**place, "function": function, "arguments": arguments, "environ": wanted, "folder": str(folder or "")}
    process = _server()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    return Ended(**json.loads(process.stdout.readline()))


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process that forks, one for each process that tests."""
    command = [sys.executable, "-W", "error", __file__]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(started.communicate)
    return started


def _serve() -> None:
    import pyarrow as pa  # noqa: PLC0415

    for name in PRELOADED:
        importlib.import_module(name)
    pa.array([0], pa.timestamp("us", "UTC")).to_pylist()  # has pyarrow import what it imports late, once for all
    for line in sys.stdin:
        asked = json.loads(line)
        found = _find(asked)
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            child = os.fork()
            if child == 0:
                _be_child(found, asked, stdout, stderr)
            _, status = os.waitpid(child, 0)
            told = {"code": os.waitstatus_to_exitcode(status), "stdout": _read(stdout), "stderr": _read(stderr)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _find(asked: Mapping[str, Any]) -> Any:
    """Give the function, imported here so that every child has it."""
    if "module" in asked:
        return getattr(importlib.import_module(asked["module"]), asked["function"])
    path = Path(asked["file"])
    if path.stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[path.stem] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return getattr(sys.modules[path.stem], asked["function"])


def _be_child(function: Any, asked: Mapping[str, Any], stdout: IO[str], stderr: IO[str]) -> None:
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        os.environ.clear()
        os.environ.update(asked["environ"])
        if asked["folder"]:
            os.chdir(asked["folder"])
        code = int(function(*asked["arguments"]) or 0)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  told as an interpreter tells it
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
