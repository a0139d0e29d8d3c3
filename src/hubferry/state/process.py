"""Who a process is, so that a dead owner is known for dead and a recycled pid is not taken for it."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process of one machine."""

    host: str
    machine: str
    """Boot and process namespace: two containers may share a host name, but not the meaning of a pid."""
    pid: int
    started: str

    @classmethod
    def current(cls) -> Process:
        """Give the running process."""
        return cls(socket.gethostname(), _machine(), os.getpid(), _started(os.getpid()) or "unknown")

    def is_known_dead(self) -> bool:
        """Say that the process is gone for certain; only a process of the same machine can tell."""
        if self.machine != _machine():
            return False
        started = _started(self.pid)
        return started is None or (started != self.started and "unknown" not in (started, self.started))


def _machine() -> str:
    boot = _PROC / "sys/kernel/random/boot_id"
    if boot.exists():
        return f"{boot.read_text().strip()} {(_PROC / 'self/ns/pid').readlink()}"
    return socket.gethostname()


def _started(pid: int) -> str | None:
    """Give when a process started, in whatever form this system has; None: there is no such process."""
    if (_PROC / "self/stat").exists():
        try:
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else fields[19]  # a zombie no longer runs
    command = ["ps", "-o", "lstart=", "-p", str(pid)]  # macOS has no /proc
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None  # noqa: S603
