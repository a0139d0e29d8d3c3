"""The files of syncs as text: read, changed in place with comments kept, compared, and saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hubferry.config.model import Project as ProjectFiles


@dataclass(frozen=True)
class SyncFiles:
    """Reads and writes syncs/*.yml of a project."""

    files: ProjectFiles

    def read(self, name: str) -> str:
        """Give the text of a sync's file."""
        return (Path(self.files.folder) / self.files.syncs[name].file).read_text(encoding="utf-8-sig")
