"""A released connector, run in an environment of its own under `.judges`."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
START = "2024-01-01T00:00:00Z"
Ids = dict[str, set[str]]


@dataclass(frozen=True)
class Judge:
    """One connector: where it is installed, and what its command calls."""

    name: str
    target: str

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return ROOT / ".judges" / self.name / "bin" / "python"

    def run(self, address: str, *arguments: str) -> list[Any]:
        """Run it against an address; give the JSON lines it prints, or its one JSON document."""
        if not self.python.exists():
            pytest.skip(f"{self.name} is not installed: make test-judges installs it")
        command = [str(self.python), str(Path(__file__).parent / "redirected.py"), address, self.target, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
        if "--discover" in arguments:
            return [json.loads(done.stdout)]
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def write(folder: Path, name: str, value: object) -> str:
    """Write a file of JSON and give its path."""
    path = folder / name
    path.write_text(json.dumps(value))
    return str(path)


def collect(pairs: Iterator[tuple[str, Any]]) -> Ids:
    """Gather ids by stream."""
    found: Ids = defaultdict(set)
    for stream, record_id in pairs:
        found[stream].add(str(record_id))
    return found
