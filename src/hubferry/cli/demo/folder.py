"""The demo's folder: whether it is to be made anew or resumed, and a lock that also its emulator holds."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from hubferry.errors import ConfigError, PortalBusyError

MARK = ".hubferry-demo"
"""Holds how far the last demo came; a folder without it is not ours to clear."""
LOCK = ".lock"
WAIT_SECONDS = 20.0

State = Literal["clearing", "running", "done"]


@dataclass(frozen=True)
class DemoFolder:
    """A folder that only this demo and its emulator use."""

    path: Path
    resumed: bool
    lock: IO[str]

    @property
    def portal_db(self) -> Path:
        """The emulator's file: a demo that was cut short goes on with the same portal."""
        return self.path / "portal.db"

    def finish(self) -> None:
        """Remember that this demo is complete, so that the next one begins anew."""
        _write_state(self.path, "done")


@contextmanager
def open_folder(path: Path) -> Iterator[DemoFolder]:
    """Take the folder: emptied when the last demo was complete, as it is when that one was cut short."""
    _refuse_foreign(path)
    path.mkdir(parents=True, exist_ok=True)
    before = _read_state(path)
    if before is None:
        _write_state(path, "clearing")
    with (path / LOCK).open("a") as lock:
        _take(lock)
        resumed = _read_state(path) == "running"
        if not resumed:
            _write_state(path, "clearing")
            _clear(path)
            _write_state(path, "running")
        yield DemoFolder(path, resumed, lock)


def _refuse_foreign(path: Path) -> None:
    if path.exists() and (not path.is_dir() or (_read_state(path) is None and any(path.iterdir()))):
        raise ConfigError(
            f"{str(path)!r} exists and was not made by a demo. Name another folder: hubferry demo --folder DIR."
        )


def _take(lock: IO[str]) -> None:
    """Wait for a demo that was just killed: its emulator holds the lock until it has noticed."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise PortalBusyError("another demo runs in this folder. Let it end, or use --folder DIR.") from None
            time.sleep(0.1)
        else:
            return


def _clear(path: Path) -> None:
    for each in path.iterdir():
        if each.name in (MARK, LOCK):
            continue
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()


def _read_state(path: Path) -> str | None:
    file = path / MARK
    return file.read_text(encoding="utf-8").strip() if file.is_file() else None


def _write_state(path: Path, state: State) -> None:
    draft = path / f"{MARK}.new"
    draft.write_text(state, encoding="utf-8")
    draft.replace(path / MARK)
