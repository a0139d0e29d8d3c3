"""A project file as text that is about to change: what differs, and how it is saved without losing what others wrote."""

from __future__ import annotations

import difflib
import os
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from hubferry.errors import ConfigError


@dataclass(frozen=True)
class DiffLine:
    """One line of a comparison."""

    kind: Literal["same", "add", "del", "place"]
    text: str


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """What would become of a file; `seen` tells which text it was made from."""

    file: str
    before: str
    after: str

    @property
    def is_new(self) -> bool:
        """Say whether the file does not exist yet."""
        return not self.before

    @property
    def seen(self) -> str:
        """Give a hash of the text that the change was made from."""
        return fingerprint(self.before)

    @property
    def lines(self) -> tuple[DiffLine, ...]:
        """Compare line by line, with three lines around each difference; empty where nothing differs."""
        before, after = self.before.splitlines(), self.after.splitlines()
        compared = list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]
        return tuple(_line(each) for each in compared)


def _line(text: str) -> DiffLine:
    if text.startswith("@@"):
        return DiffLine("place", text)
    kinds: dict[str, Literal["add", "del"]] = {"+": "add", "-": "del"}
    return DiffLine(kinds.get(text[:1], "same"), text)


def fingerprint(text: str) -> str:
    """Give a hash of a text."""
    return sha256(text.encode()).hexdigest()


def read_text(path: Path) -> str:
    """Give the text of a file, empty where there is none; line ends are kept."""
    return path.read_bytes().decode("utf-8-sig") if path.is_file() else ""


def save_text(path: Path, text: str, *, seen: str, file: str) -> None:
    """Replace a file at once; refuse where somebody changed it since it was looked at."""
    if fingerprint(read_text(path)) != seen:
        raise ConfigError(
            "was changed meanwhile, by an editor or git. Nothing was saved: begin again from what it says now.",
            file=file,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(text.encode())
        Path(draft).chmod(mode)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
